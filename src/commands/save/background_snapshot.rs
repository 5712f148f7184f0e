//! Snapshots of a running script, made by a forked process: `save --every` and `--on-signal`.
//!
//! There is one such process at a time. If it fails, the next snapshot is made in the foreground. If the script ends
//! before that, its final save replaces the failed one.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};

use super::save_job::SaveJob;
use super::snapshot_destination::SnapshotDestination;
use crate::python::deferred_signals::{DeferredSignals, check_signals};
use crate::python::dill::DillLocation;
use crate::python::launch::ProcessEnd;
use crate::python::script_run::StartedScript;
use crate::python::script_signals::Occasion;
use crate::python::{PyErr, Python};
use crate::session::{
    ChildEnd, SavingChild, finish_background_save, fork_to_save, is_saved_by_script, reason_against_fork,
};
use crate::snapshot::{atomic, store};
use crate::ui::Verbosity;
use crate::ui::messages::print_error;

/// The answer of the process: the error of the save, unless the process has printed it.
#[derive(Default, Serialize, Deserialize)]
struct SnapshotAnswer {
    error: Option<String>,
}

impl SaveJob {
    /// Makes a snapshot in a forked process; in this one if a fork is not safe, or if the last one failed.
    pub(super) fn save_in_background(
        &self,
        py: Python<'_>,
        started: &StartedScript,
        dill: &DillLocation,
        occasion: Occasion,
    ) -> Result<()> {
        let before = self.take_child();
        if let Some(child) = before {
            if occasion == Occasion::Timer && !child.has_ended(Duration::ZERO) {
                // The last snapshot is not complete yet: this one is skipped.
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
        if let SnapshotDestination::File(output) = &self.output {
            // Decided here: what the process decides is forgotten when it ends, and so are its locks.
            let run = started.so_far(py, "running", ProcessEnd::Exit(0));
            self.running_file(output, &self.origin(py, &run))?;
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
        // The child has no standard streams: to print messages, it needs a copy of the standard error.
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

    /// Prints the error of a process that has ended. Returns why its snapshot has to be made again, if so.
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

    /// Ends background saves before the final save of the script. For a store, a snapshot that is being made is
    /// completed unless `is_urgent`; one in a file is discarded, as the final save replaces it. Also waits for a
    /// background save that the script itself has begun, as it may write to the same file.
    pub(super) fn end_background_saves(&self, py: Python<'_>, is_urgent: bool) -> Result<()> {
        if let Some(child) = self.take_child() {
            if matches!(self.output, SnapshotDestination::Store(..)) && !is_urgent {
                child.wait(py, None)?;
                self.finish(&child);
            } else {
                if !is_urgent {
                    // It may be almost done.
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
            SnapshotDestination::File(_) => {
                if let Some(running) = self.running.get() {
                    atomic::remove_leftovers(running.path(), child.process());
                }
            }
            SnapshotDestination::Store(folder, _) => store::remove_leftovers(folder, child.process()),
            SnapshotDestination::Stream(_) => {}
        }
    }
}

/// How long a snapshot of a running script may delay the end of the script.
const GRACE: Duration = Duration::from_millis(200);
/// How long a process that was killed may take to end.
const END: Duration = Duration::from_secs(5);

fn copy_of_stderr() -> std::io::Result<OwnedFd> {
    rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3).map_err(Into::into)
}
