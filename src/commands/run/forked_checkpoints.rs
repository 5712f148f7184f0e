//! Checkpoints that a forked process makes, while the script continues or after it has failed.
//!
//! A *standby* is a fork that waits. If the script fails, it saves the state that the script had before the step that
//! failed. Otherwise the next one takes its place.

use std::fs;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use super::checkpoints::PreparedCheckpoint;
use super::run_job::RunJob;
use super::run_lock;
use crate::python::{PyErr, Python, step_signals};
use crate::session::run::StepPosition;
use crate::session::{ChildEnd, HeldDescriptor, SavingChild, fork_to_save, reason_against_fork};
use crate::snapshot::index::RunProgress;
use crate::snapshot::work_meter::{self, WorkStage};

/// The least time between two standbys.
const LEAST_PAUSE: Duration = Duration::from_millis(500);
/// Forks take at most a hundredth of the time.
const PAUSE_PER_FORK: u32 = 100;
/// The rate in bytes per second at which the script may copy pages that it shares with a standby. A page of 4 kB takes
/// it one to three microseconds.
const COPY_RATE: f64 = 8e6;
const PAGE: u64 = 4096;

/// A checkpoint, or why there is none.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct CheckpointOutcome {
    /// The number of the snapshot, and what was written for it.
    pub(super) stored: Option<(u64, u64)>,
    /// Why the script could not be resumed from it.
    pub(super) why: Option<String>,
    /// What failed.
    pub(super) error: Option<String>,
    pub(super) progress: RunProgress,
    /// Messages about variables and files that a resumed run will not have as they are now.
    pub(super) losses: Vec<String>,
}

impl CheckpointOutcome {
    fn of_child(child: &SavingChild) -> Self {
        let failed = |error: String| Self { error: Some(error), ..Self::default() };
        match child.end() {
            ChildEnd::Answered(answer) => {
                serde_json::from_slice(&answer).unwrap_or_else(|error| failed(error.to_string()))
            }
            end => failed(end.reason().unwrap_or_default().to_owned()),
        }
    }
}

/// A process that waits.
#[derive(Debug)]
pub(super) struct Standby {
    child: SavingChild,
    ask: HeldDescriptor<PipeWriter>,
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.child.kill();
    }
}

/// The processes that a run has forked.
#[derive(Debug, Default)]
pub(super) struct ForkedCheckpoints {
    /// One that saves.
    saving: Option<SavingChild>,
    standby: Option<Standby>,
    /// The page faults of this process at the last fork.
    faults: Option<u64>,
    /// The memory that the script has copied, or used anew, between the last two forks.
    copied: Option<u64>,
}

impl ForkedCheckpoints {
    fn note_fork(&mut self) {
        let now = page_faults();
        self.copied = self.faults.zip(now).map(|(before, now)| now.saturating_sub(before).saturating_mul(PAGE));
        self.faults = now;
    }

    /// How long after a checkpoint or a standby the next standby is made. The script copies each page that it writes
    /// into once more for each.
    pub(super) fn standby_pause(&self) -> Duration {
        let resident = resident_bytes();
        // Until it is known: a quarter.
        let copied = self.copied.unwrap_or(resident / 4).min(resident);
        LEAST_PAUSE.max(Duration::from_secs_f64(copied as f64 / COPY_RATE))
    }
}

impl RunJob {
    /// Whether checkpoints may be made by a forked process.
    pub(super) fn may_fork(&self, py: Python<'_>) -> bool {
        reason_against_fork(py).is_none()
    }

    /// Begins a checkpoint in the background. False if that is not possible.
    pub(super) fn save_in_background(&self, py: Python<'_>, prepared: &mut PreparedCheckpoint<'_>) -> bool {
        // The child keeps its copy until it ends.
        let lock = run_lock::of_saving_child(&self.folder);
        let kept: Vec<_> = lock.iter().map(AsRawFd::as_raw_fd).collect();
        let child = fork_to_save(py, &kept, |py| self.answer(py, prepared));
        drop(lock);
        let Ok(child) = child else { return false };
        let mut state = self.lock();
        state.forked.note_fork();
        state.forked.saving = Some(child);
        state.forked.standby = None;
        true
    }

    fn answer(&self, py: Python<'_>, prepared: &mut PreparedCheckpoint<'_>) -> Vec<u8> {
        let outcome = self.save_prepared(py, prepared).unwrap_or_else(|error| CheckpointOutcome {
            error: Some(format!("{error:#}")),
            ..CheckpointOutcome::default()
        });
        serde_json::to_vec(&outcome).unwrap_or_default()
    }

    /// Whether a checkpoint is being made in the background. Notes one that has been completed.
    pub(super) fn is_saving(&self) -> bool {
        let ended = {
            let mut state = self.lock();
            match &state.forked.saving {
                None => return false,
                Some(child) if !child.has_ended(Duration::ZERO) => return true,
                Some(_) => state.forked.saving.take(),
            }
        };
        if let Some(child) = ended {
            self.note(&CheckpointOutcome::of_child(&child), false);
        }
        false
    }

    /// Waits for the checkpoint that is being made in the background.
    ///
    /// # Errors
    /// The exception of a handler of a signal.
    pub(super) fn wait_for_saving(&self, py: Python<'_>) -> Result<(), PyErr> {
        let child = self.lock().forked.saving.take();
        if let Some(child) = child {
            child.wait(py, None)?;
            self.note(&CheckpointOutcome::of_child(&child), false);
        }
        Ok(())
    }

    /// Replaces the standby, if that costs little. Returns when the next one may.
    pub(super) fn renew_standby(&self, py: Python<'_>, position: &StepPosition<'_>) -> Result<Duration> {
        let wait = self.lock().forked.standby_pause();
        if resident_bytes().saturating_mul(2) > free_bytes() {
            return Ok(wait);
        }
        let Some(mut prepared) = self.prepare(py, position)? else { return Ok(wait) };
        let started = Instant::now();
        let (asked, ask) = pipe()?;
        let kept = [asked.as_raw_fd()];
        let child = fork_to_save(py, &kept, |py| match is_asked(asked) {
            true => {
                let _lock = run_lock::of_saving_child(&self.folder);
                self.answer(py, &mut prepared)
            }
            false => Vec::new(),
        });
        let mut state = self.lock();
        state.forked.note_fork();
        let wait = state.forked.standby_pause();
        if let Ok(child) = child {
            state.forked.standby = Some(Standby { child, ask: HeldDescriptor::new(ask) });
        }
        drop(state);
        Ok(wait.max(started.elapsed() * PAUSE_PER_FORK))
    }

    /// Has the standby save. True if the script can go on from there.
    pub(super) fn save_standby(&self, py: Python<'_>) -> Result<bool, PyErr> {
        let Some(standby) = self.lock().forked.standby.take() else { return Ok(false) };
        if standby.ask.get().is_none_or(|mut ask| ask.write_all(b"s").is_err()) {
            return Ok(false);
        }
        standby.child.wait(py, None)?;
        let outcome = CheckpointOutcome::of_child(&standby.child);
        self.note(&outcome, false);
        Ok(outcome.stored.is_some())
    }

    /// Ends the standby.
    pub(super) fn drop_standby(&self) {
        let standby = self.lock().forked.standby.take();
        drop(standby);
    }
}

/// Waits in the child until the parent asks it to save. False if the parent has ended or dropped the standby.
fn is_asked(mut asked: PipeReader) -> bool {
    // The parent takes a process in this stage for one that works, not for one that hangs.
    work_meter::begin(WorkStage::Trying, 0);
    let pause = Timespec { tv_sec: 1, tv_nsec: 0 };
    let mut is_ready = false;
    // Another child of the script may hold the other end of the pipe.
    while !is_ready && step_signals::is_owner_alive() {
        let mut polled = [PollFd::new(&asked, PollFlags::IN)];
        is_ready = poll(&mut polled, Some(&pause)).is_ok_and(|ready| ready > 0);
    }
    let is_asked = is_ready && asked.read_exact(&mut [0]).is_ok();
    work_meter::begin(WorkStage::None, 0);
    is_asked
}

/// The page faults of this process that needed no disk.
fn page_faults() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may have spaces and parentheses in it.
    text.rsplit_once(')')?.1.split_whitespace().nth(7)?.parse().ok()
}

/// The memory of this process that is in use.
fn resident_bytes() -> u64 {
    kilobytes_in("/proc/self/status", "VmRSS:").unwrap_or(u64::MAX)
}

/// The memory that may still be used, as far as the system tells.
fn free_bytes() -> u64 {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let limit = number("/sys/fs/cgroup/memory.max").unwrap_or(u64::MAX);
    let of_group = limit.saturating_sub(number("/sys/fs/cgroup/memory.current").unwrap_or(0));
    of_group.min(kilobytes_in("/proc/meminfo", "MemAvailable:").unwrap_or(0))
}

/// A number of kilobytes in a file of lines such as `VmRSS:  123 kB`, in bytes.
fn kilobytes_in(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
