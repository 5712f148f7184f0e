//! How far a save or a load of this process has come, for the bar that its command shows.
//!
//! There is one such command in a process, so this is one counter for all threads: the write thread, and the unpickler,
//! which asks for bytes, have no way to a caller. What other callers add is never shown.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::shared_meter;
use crate::pickle::machine::{begin_following, followed};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkStage {
    /// Nothing that is measured here.
    None,
    /// Bytes are pickled and written.
    Saving,
    /// Bytes are compared with their hashes, and read into memory.
    Checking,
    /// What was written is loaded in another process, which measures how far it has come.
    Trying,
    /// What was loaded is pickled again, and compared with the file.
    Comparing,
    /// The file is brought to the disk.
    Syncing,
    /// Objects are made of opcodes.
    Loading,
    /// The opcodes of a file are followed, to see what they would make.
    Following,
    /// Objects of a file that is not trusted are made by a plan.
    Building,
}

const STAGES: [WorkStage; 9] = [
    WorkStage::None,
    WorkStage::Saving,
    WorkStage::Checking,
    WorkStage::Trying,
    WorkStage::Comparing,
    WorkStage::Syncing,
    WorkStage::Loading,
    WorkStage::Following,
    WorkStage::Building,
];

/// A smaller share of a variable says too little.
const SMALLEST_SHARE: f64 = 0.02;

static STAGE: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);
static TOTAL: AtomicU64 = AtomicU64::new(0);
/// Counts every step, for a process that is watched.
static STEPS: AtomicU64 = AtomicU64::new(0);

/// The size in bytes of the file that the pickled objects are compared with; 0 if there is none.
static COMPARED: AtomicU64 = AtomicU64::new(0);
/// The bytes that have been pickled, most of which may not be written yet.
static PICKLED: AtomicU64 = AtomicU64::new(0);
/// The bytes that were done when the current variable began, and those that probably follow it.
static BEFORE: AtomicU64 = AtomicU64::new(0);
static AFTER: AtomicU64 = AtomicU64::new(0);

/// Begins a stage of `total` bytes, or 0 if that is unknown.
pub(crate) fn begin(stage: WorkStage, total: u64) {
    let (stage, total) = match (stage, COMPARED.load(Ordering::Relaxed)) {
        (WorkStage::Saving, compared @ 1..) => (WorkStage::Comparing, compared),
        other => (other.0, total),
    };
    DONE.store(0, Ordering::Relaxed);
    PICKLED.store(0, Ordering::Relaxed);
    begin_following();
    TOTAL.store(total, Ordering::Relaxed);
    STAGE.store(STAGES.iter().position(|known| *known == stage).unwrap_or(0), Ordering::Relaxed);
    step();
}

/// From now on, the pickled objects are compared with a file of this many bytes.
pub(crate) fn compare_with(bytes: u64) {
    COMPARED.store(bytes, Ordering::Relaxed);
}

/// Begins a variable of a save. `after` is an estimate of the bytes that follow it.
pub(crate) fn begin_variable(after: u64) {
    BEFORE.store(written_or_pickled(), Ordering::Relaxed);
    AFTER.store(after, Ordering::Relaxed);
}

/// Whether a bar shows how much has been pickled.
pub(crate) fn counts_pickled() -> bool {
    matches!(now().0, WorkStage::Saving | WorkStage::Comparing) && TOTAL.load(Ordering::Relaxed) > 0
}

fn written_or_pickled() -> u64 {
    DONE.load(Ordering::Relaxed).max(PICKLED.load(Ordering::Relaxed))
}

/// Notes how many bytes have been pickled, and estimates the total of a save anew: this share of the current variable,
/// from 0 to 1, is done.
pub(crate) fn note_pickled(bytes: u64, share: f64) {
    PICKLED.store(bytes, Ordering::Relaxed);
    step();
    if now().0 != WorkStage::Saving {
        return;
    }
    let (before, done) = (BEFORE.load(Ordering::Relaxed), written_or_pickled());
    if share >= SMALLEST_SHARE && done > before {
        let variable = ((done - before) as f64 / share.min(1.0)) as u64;
        TOTAL.store(before.saturating_add(variable).saturating_add(AFTER.load(Ordering::Relaxed)), Ordering::Relaxed);
    }
}

/// Adds to the bytes that are done.
pub(crate) fn advance(bytes: u64) {
    DONE.fetch_add(bytes, Ordering::Relaxed);
    step();
}

/// Notes that the work goes on.
pub(crate) fn step() {
    STEPS.fetch_add(1, Ordering::Relaxed);
    shared_meter::tell(STAGE.load(Ordering::Relaxed), written_or_pickled(), TOTAL.load(Ordering::Relaxed));
}

/// A number that grows while the work goes on.
pub(crate) fn steps() -> u64 {
    STEPS.load(Ordering::Relaxed)
}

/// Whether another process does the work, which has limits of its own.
pub(crate) fn is_trying() -> bool {
    now().0 == WorkStage::Trying
}

/// Sets the bytes that are done.
pub(crate) fn set(bytes: u64) {
    DONE.store(bytes, Ordering::Relaxed);
    step();
}

/// Notes how much of a file is on the disk. A stage in which files are synced besides only learns that work goes on.
pub(crate) fn synced(bytes: u64, total: u64) {
    if now().0 == WorkStage::Syncing {
        DONE.store(bytes, Ordering::Relaxed);
        TOTAL.store(total, Ordering::Relaxed);
    }
    step();
}

/// The stage as a verb, the bytes that are done, and all bytes; `None` if there is none.
pub(crate) fn shown() -> Option<(&'static str, u64, u64)> {
    let (mut stage, mut done, mut total) = now();
    if stage == WorkStage::Trying
        && let Some(child) = shared_meter::of_child()
        && let Some(of_child) = STAGES.get(child.0).filter(|of_child| **of_child != WorkStage::None)
    {
        (stage, done, total) = (*of_child, child.1, child.2);
    }
    // What is read besides the variables is not worth a bar without an end.
    if total > 0 && matches!(stage, WorkStage::Checking | WorkStage::Loading | WorkStage::Comparing) {
        done = done.min(total);
    }
    let label = match stage {
        WorkStage::None => return None,
        WorkStage::Saving => "saving",
        WorkStage::Checking | WorkStage::Trying => "checking",
        WorkStage::Comparing => "comparing",
        WorkStage::Syncing => "syncing",
        WorkStage::Loading => "loading",
        WorkStage::Following => return Some(("reading", followed(), total)),
        WorkStage::Building => "building",
    };
    Some((label, done, total))
}

/// The stage, the bytes that are done, and all bytes.
fn now() -> (WorkStage, u64, u64) {
    let stage = STAGES.get(STAGE.load(Ordering::Relaxed)).copied().unwrap_or(WorkStage::None);
    (stage, written_or_pickled(), TOTAL.load(Ordering::Relaxed))
}
