//! How far a save or a load of this process has come, for the bar that its command shows.
//!
//! There is one such command in a process, so this is one counter for all threads: the write thread, and the unpickler,
//! which asks for bytes, have no way to a caller. What other callers add is never shown.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

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
    /// What was written is loaded in another process.
    Trying,
    /// The file is brought to the disk.
    Syncing,
    /// Objects are made of opcodes.
    Loading,
    /// The opcodes of a file are followed, to see what they would make.
    Following,
    /// Objects of a file that is not trusted are made by a plan.
    Building,
}

const STAGES: [WorkStage; 8] = [
    WorkStage::None,
    WorkStage::Saving,
    WorkStage::Checking,
    WorkStage::Trying,
    WorkStage::Syncing,
    WorkStage::Loading,
    WorkStage::Following,
    WorkStage::Building,
];

static STAGE: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);
static TOTAL: AtomicU64 = AtomicU64::new(0);
/// Counts every step, for a process that is watched.
static STEPS: AtomicU64 = AtomicU64::new(0);

/// Begins a stage of `total` bytes, or 0 if that is unknown.
pub(crate) fn begin(stage: WorkStage, total: u64) {
    DONE.store(0, Ordering::Relaxed);
    begin_following();
    TOTAL.store(total, Ordering::Relaxed);
    step();
    STAGE.store(STAGES.iter().position(|known| *known == stage).unwrap_or(0), Ordering::Relaxed);
}

/// Adds to the bytes that are done.
pub(crate) fn advance(bytes: u64) {
    DONE.fetch_add(bytes, Ordering::Relaxed);
    step();
}

/// Notes that the work goes on.
pub(crate) fn step() {
    STEPS.fetch_add(1, Ordering::Relaxed);
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
    let (stage, done, total) = now();
    let label = match stage {
        WorkStage::None => return None,
        WorkStage::Saving => "saving",
        WorkStage::Checking | WorkStage::Trying => "checking",
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
    (stage, DONE.load(Ordering::Relaxed), TOTAL.load(Ordering::Relaxed))
}
