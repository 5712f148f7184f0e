//! The snapshots of a script that goes on, made by a forked process: `save --every` and `--on-signal`.
//!
//! There is one such process at a time. What it could not do is done again in the foreground, when the next snapshot is
//! due; the end of the script has its own.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};

use super::running_save::running_path;
use super::save_job::{SaveJob, SnapshotDestination};
use crate::python::deferred_signals::{DeferredSignals, check_signals};
use crate::python::dill::DillLocation;
use crate::python::script_run::StartedScript;
use crate::python::script_signals::Occasion;
use crate::python::{PyErr, Python};
use crate::session::{
    ChildEnd, SavingChild, finish_background_save, fork_to_save, is_saved_by_script, reason_against_fork,
};
use crate::snapshot::{atomic, store};
use crate::ui::Verbosity;
use crate::ui::messages::print_error;

/// What the process answers: an error that it could not print.
#[derive(Default, Serialize, Deserialize)]
struct SnapshotAnswer {
    error: Option<String>,
}

impl SaveJob {
    /// Has a forked process make a snapshot. Where that is not safe, or has just failed, makes it here.
    pub(super) fn save_aside(
        &self,
        py: Python<'_>,
        started: &StartedScript,
        dill: &DillLocation,
        occasion: Occasion,
    ) -> Result<()> {
        let before = self.take_child();
        if let Some(child) = before {
            if occasion == Occasion::Timer && !child.has_ended(Duration::ZERO) {
                // It has not even made the last one.
                self.set_child(child);
                return Ok(());
            }
            child.wait(py, None)?;
            if let Some(why) = self.finish(&child) {
                self.verbosity.detail(&format!("saving in the foreground: {why}"));
                return self.save_snapshot(py, started, dill, occasion);
            }
        }
        if occasion == Occasion::Timer && is_saved_by_script() {
            return Ok(());
        }
        match reason_against_fork(py) {
            Some(why) => {
                self.verbosity.detail(&format!("saving in the foreground: {why}"));
                self.save_snapshot(py, started, dill, occasion)
            }
            None => {
                self.set_child(self.fork_snapshot(py, started, dill, occasion)?);
                Ok(())
            }
        }
    }

    fn fork_snapshot(
        &self,
        py: Python<'_>,
        started: &StartedScript,
        dill: &DillLocation,
        occasion: Occasion,
    ) -> Result<SavingChild, PyErr> {
        // What is said at once needs the standard error of the script, which the process does not have.
        let tells = matches!(occasion, Occasion::OnSignal(_)) || self.verbosity == Verbosity::Verbose;
        let stderr = if tells { copy_of_stderr().ok() } else { None };
        let kept: Vec<_> = stderr.iter().map(AsRawFd::as_raw_fd).collect();
        fork_to_save(py, &kept, |py| {
            if let Some(stderr) = &stderr {
                let _ = rustix::stdio::dup2_stderr(stderr);
            }
            let deferred = DeferredSignals::begin(py);
            let saved = self.save_snapshot(py, started, dill, occasion);
            drop(deferred);
            let mut answer = SnapshotAnswer::default();
            match saved {
                Err(error) if stderr.is_some() => print_error(&error),
                Err(error) => answer.error = Some(format!("{error:#}")),
                Ok(()) => {}
            }
            serde_json::to_vec(&answer).unwrap_or_default()
        })
    }

    /// Takes the answer of a process that has ended. Returns why its snapshot has to be made again.
    fn finish(&self, child: &SavingChild) -> Option<&'static str> {
        let end = child.end();
        if let ChildEnd::Answered(bytes) = &end
            && let Some(error) = serde_json::from_slice::<SnapshotAnswer>(bytes).ok().and_then(|answer| answer.error)
        {
            print_error(&anyhow!(error));
        }
        let why = end.reason();
        if why.is_some() {
            self.remove_leftovers(child);
        }
        why
    }

    /// Ends the snapshots that are made aside: the last one comes now. A store keeps the one that is being made, unless
    /// there is no time for it. What the script itself saves in the background is waited for as well: it may save to
    /// the same file.
    pub(super) fn end_aside(&self, py: Python<'_>, is_urgent: bool) -> Result<()> {
        if let Some(child) = self.take_child() {
            if matches!(self.output, SnapshotDestination::Store(..)) && !is_urgent {
                child.wait(py, None)?;
                self.finish(&child);
            } else {
                if !is_urgent {
                    // It may be about to end.
                    child.has_ended(GRACE);
                }
                child.kill();
                child.has_ended(END);
                self.remove_leftovers(&child);
            }
        }
        if !is_urgent {
            finish_background_save(py)?;
        }
        check_signals(py)?;
        Ok(())
    }

    fn remove_leftovers(&self, child: &SavingChild) {
        match &self.output {
            SnapshotDestination::File(path) => atomic::remove_leftovers(&running_path(path), child.process()),
            SnapshotDestination::Store(folder, _) => store::remove_leftovers(folder, child.process()),
            SnapshotDestination::Stream(_) => {}
        }
    }
}

/// How long a snapshot of the middle of a script may hold up its end.
const GRACE: Duration = Duration::from_millis(200);
/// How long a process that was killed may take to be gone.
const END: Duration = Duration::from_secs(5);

fn copy_of_stderr() -> std::io::Result<OwnedFd> {
    rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3).map_err(Into::into)
}
