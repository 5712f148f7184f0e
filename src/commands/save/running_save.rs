//! Saves a script that still runs: before a signal ends it, from time to time, and on demand.
//!
//! While the script goes on, its snapshots are written to [`running_file`](super::running_file), or added to a store.
//! `session.pkl` is always the session of a script that came to its end.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::save_job::SaveJob;
use super::save_summary::relative_to_here;
use super::snapshot_destination::{SnapshotDestination, cannot_save, naming_target};
use crate::cli::{RunningArgs, signal_name};
use crate::commands::input_output::is_stdio;
use crate::exit;
use crate::python::deferred_signals::{DeferredSignals, check_signals};
use crate::python::dill::DillLocation;
use crate::python::ffi::current_frame;
use crate::python::launch::ProcessEnd;
use crate::python::script_run::{ScriptRun, StartedScript, requested_end};
use crate::python::script_signals::{self, Occasion, SnapshotTimes};
use crate::python::{PyErr, Python};
use crate::report::imports::counted;
use crate::session::{CapturedFrames, is_saving};
use crate::snapshot::atomic::AtomicFile;
use crate::snapshot::atomic::signals::end_by;
use crate::ui::format_size;
use crate::ui::messages::print_error;

impl SaveJob {
    /// Installs the signal handlers that save the script while it runs.
    pub(super) fn arm(self: &Arc<Self>, started: StartedScript, dill: &DillLocation) {
        let (job, dill) = (Arc::clone(self), dill.clone());
        let work = move |py: Python<'_>, occasion| job.save_running(py, &started, &dill, occasion);
        script_signals::arm(&self.times.clone().unwrap_or_default(), Arc::new(work));
    }

    /// Saves a script that is interrupted. Returns what it is to raise.
    pub(super) fn save_running(
        &self,
        py: Python<'_>,
        started: &StartedScript,
        dill: &DillLocation,
        occasion: Occasion,
    ) -> Option<PyErr> {
        if let Occasion::Handled(signal) = occasion {
            self.tell_handled(signal);
            return None;
        }
        if is_saving() {
            // The signal interrupts a `snapcli.save` of this thread, so the session cannot be saved now.
            if let Occasion::End(signal) = occasion {
                end_by(signal);
            }
            return None;
        }
        let deferred = DeferredSignals::begin(py);
        let result = match occasion {
            Occasion::End(signal) => {
                if let Err(error) = self.end_background_saves(py, true) {
                    print_error(&error);
                }
                let run = started.so_far(py, "signal", ProcessEnd::Signal(signal));
                self.with_locals(py, &run, || self.save_session(py, &run, dill)).map(drop)
            }
            _ => self.save_in_background(py, started, dill, occasion),
        };
        let signals = check_signals(py);
        drop(deferred);
        let error = result.err().or_else(|| signals.err().map(Into::into))?;
        if requested_end(py, &error).is_some() {
            // KeyboardInterrupt or SystemExit, raised by a signal handler: the script must see it.
            return error.downcast().ok();
        }
        print_error(&error);
        None
    }

    /// Saves a script that goes on: writes `session.running.pkl`, or adds a snapshot to the store.
    pub(super) fn save_snapshot(
        &self,
        py: Python<'_>,
        started: &StartedScript,
        dill: &DillLocation,
        occasion: Occasion,
    ) -> Result<()> {
        let run = started.so_far(py, "running", ProcessEnd::Exit(0));
        let path = match &self.output {
            SnapshotDestination::File(output) => self.running_file(output, &self.origin(py, &run))?,
            SnapshotDestination::Store(folder, _) => {
                let stored = self.add_running(py, &run, dill, folder)?;
                let name = relative_to_here(&stored.address.display().to_string());
                self.tell(occasion, &format!("saved {name} ({} written)", format_size(stored.added)));
                return Ok(());
            }
            SnapshotDestination::Stream(_) => return Ok(()),
        };
        let cannot_save = || cannot_save(path);
        let file = AtomicFile::create(path).with_context(cannot_save)?;
        let bar = self.bar();
        let written = self.with_locals(py, &run, || self.write_file(py, &run, dill, file, path, &bar));
        let (file, index, bytes) = written.map_err(|error| naming_target(error, path))?;
        drop(bar);
        check_signals(py)?;
        py.detach(|| file.commit()).with_context(cannot_save)?;
        let saved = counted(&index.variables);
        let text =
            format!("saved {saved} to {} ({})", relative_to_here(&path.display().to_string()), format_size(bytes));
        self.tell(occasion, &text);
        Ok(())
    }

    /// Says that a signal saves nothing: the user may count on it.
    fn tell_handled(&self, signal: i32) {
        let name = signal_name(signal);
        let is_named = self.times.as_ref().is_some_and(|times| times.on_signal.contains(&signal));
        match is_named {
            true => {
                let option = name.trim_start_matches("SIG");
                let text = "so it saves nothing as long as that handler is set";
                self.verbosity.note(&format!("note: --on-signal {option}: the script handles {name} itself, {text}"));
            }
            false => {
                self.verbosity.detail(&format!("the script handles {name} itself: it is not saved when that comes"))
            }
        }
    }

    fn tell(&self, occasion: Occasion, text: &str) {
        match occasion {
            Occasion::OnSignal(_) => self.verbosity.note(text),
            _ => self.verbosity.detail(text),
        }
    }
}

/// When the script is saved while it runs, if the user wants that. Refused if there is no file to save it to.
pub(super) fn snapshot_times(args: RunningArgs, output: &Path) -> Result<Option<SnapshotTimes>> {
    let RunningArgs { every, on_signal } = args;
    if every.is_none() && on_signal.is_empty() {
        return Ok(None);
    }
    if is_stdio(output) {
        let text = "--every and --on-signal need a file beside which they can save: name one with -o";
        return Err(exit::error(exit::USAGE, text));
    }
    Ok(Some(SnapshotTimes { every, on_signal }))
}

/// What interrupts a script, for the heading of its frames.
pub(super) fn reason(run: &ScriptRun) -> String {
    match run.end {
        ProcessEnd::Signal(signal) => format!("{} ended the script", signal_name(signal)),
        _ => "the script was still running".to_owned(),
    }
}

/// The frames that a snapshot of a run has: those of its traceback, or those that it is in.
pub(super) fn frames_of(py: Python<'_>, run: &ScriptRun) -> CapturedFrames {
    match &run.raised {
        Some(error) if !run.succeeded() => CapturedFrames::of_error(py, error, run.main.bind(py)),
        _ if run.is_over() => CapturedFrames::default(),
        _ => CapturedFrames::of_stack(current_frame(py), &reason(run), run.main.bind(py)),
    }
}
