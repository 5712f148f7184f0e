//! The checkpoints of a run: made where a step ends, if everything that the rest of the script needs can be restored.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::forked_checkpoints::CheckpointOutcome;
use super::missing_variables::noted_losses;
use super::resume_point::shown_name;
use super::run_job::RunJob;
use super::run_lock;
use crate::exit::{self, OrExit};
use crate::python::deferred_signals::{DeferredSignals, Tolerated as _, check_signals};
use crate::python::launch::ProcessEnd;
use crate::python::script_run::{ScriptRun, requested_end};
use crate::python::step_signals::{self, StepRequest};
use crate::python::{PyErr, Python};
use crate::session::run::{
    BoundPosition, StepEnd, StepObserver, StepPosition, flush_output, namespace_of, own_thread, progress_of, raised,
};
use crate::session::{LoadCheckMode, Origin, SaveRequest, SelectionRules, save};
use crate::snapshot::atomic::signals::end_by;
use crate::snapshot::index::{Index, RUN_POSITION, RunProgress};
use crate::snapshot::store::{
    HistoryEntry, PruneRules, SnapshotNotes, Store, StoreError, StoreTarget, StoredSnapshot, WAITING_FOR_PRUNE, prune,
};
use crate::ui::format_size;
use crate::ui::messages::{print_error, print_line};

/// The next checkpoint by the timer comes after at least this many times what the last one took.
const SHARE_OF_SCRIPT: u32 = 5;
/// What the message of a checkpoint begins with.
const PREFIX: &str = "run: ";
/// How many checkpoints of a run are kept.
const KEPT: u64 = 3;
/// The first standby is made after this time.
pub(super) const FIRST_STANDBY: Duration = Duration::from_millis(500);
/// How often a snapshot is written at most until its index has the statements to rerun.
const MOST_WRITES: u32 = 3;
/// If a checkpoint is not possible where a step ends, the next try comes after this time.
const SOON: Duration = Duration::from_millis(200);
/// A session that can be saved, here or in a forked process: its position is bound in it.
pub(super) struct PreparedCheckpoint<'py> {
    run: ScriptRun,
    progress: RunProgress,
    bound: BoundPosition<'py>,
}

impl StepObserver for RunJob {
    fn step_ended(&self, py: Python<'_>, end: StepEnd) -> Result<(), PyErr> {
        let (Some(request), Some(program)) = (step_signals::requested(), self.program.get()) else { return Ok(()) };
        step_signals::carry_out();
        let position = own_thread(py).and_then(|thread| match thread {
            Some(name) => {
                let why = format!("the thread {name:?} of the script is running: one is made when it has ended");
                self.say_once(&format!("no checkpoint for now: {why}"));
                Ok(None)
            }
            None => program.position(py, end),
        });
        let position = match position {
            Ok(Some(position)) => position,
            Ok(None) => {
                step_signals::postpone(SOON);
                return Ok(());
            }
            Err(error) => {
                step_signals::postpone(SOON);
                let error = anyhow::Error::from(error);
                if requested_end(py, &error).is_some() {
                    return Err(raised(error));
                }
                // An object of the script that cannot be asked must not end the script.
                self.say_once(&format!("no checkpoint for now: {error:#}"));
                return Ok(());
            }
        };
        let deferred = DeferredSignals::begin(py);
        let done = match request {
            StepRequest::Timer => self.on_time(py, &position),
            _ => self.checkpoint_now(py, &position, request),
        };
        let signals = check_signals(py);
        drop(deferred);
        let wait = match done.and_then(|wait| Ok(signals.map(|()| wait)?)) {
            Ok(wait) => wait,
            Err(error) if requested_end(py, &error).is_some() => {
                step_signals::done(self.every);
                return Err(raised(error));
            }
            Err(error) => {
                print_error(&error);
                self.every
            }
        };
        step_signals::done(wait);
        Ok(())
    }

    fn one_step(&self, line: u32, iterator: &str) {
        let text =
            format!("line {line}: this loop is one step, without checkpoints in it: its {iterator} cannot be saved");
        self.say_once(&text);
    }

    fn long_step(&self, line: u32, advice: &str) {
        // Called between two bytecodes, perhaps of code that a checkpoint runs.
        if self.state.try_lock().is_err() {
            return;
        }
        let text = format!("a checkpoint is due, and waits for the end of line {line}, which is one step{advice}");
        self.say_once(&text);
    }
}

impl RunJob {
    /// Makes a checkpoint or another standby when the timer fires. Returns the time until it is to fire again.
    fn on_time(&self, py: Python<'_>, position: &StepPosition<'_>) -> Result<Duration> {
        if self.is_saving() {
            return Ok(SOON);
        }
        let may_fork = self.may_fork(py);
        let left = self.lock().next.map_or(Duration::ZERO, |next| next.saturating_duration_since(Instant::now()));
        // The timer is not exact.
        if left > Duration::from_millis(5) {
            let wait = if may_fork { self.renew_standby(py, position)? } else { left };
            return Ok(wait.min(left));
        }
        if !may_fork {
            return self.checkpoint_now(py, position, StepRequest::Timer);
        }
        let started = Instant::now();
        let Some(mut prepared) = self.prepare(py, position)? else { return Ok(self.every) };
        if !self.save_in_background(py, &mut prepared) {
            drop(prepared);
            return self.checkpoint_now(py, position, StepRequest::Timer);
        }
        drop(prepared);
        Ok(self.after_checkpoint(started.elapsed()))
    }

    /// Makes a checkpoint, and ends the process if that is asked for. Returns when the next one is due.
    fn checkpoint_now(&self, py: Python<'_>, position: &StepPosition<'_>, request: StepRequest) -> Result<Duration> {
        if let StepRequest::End(_) = request {
            run_lock::note_ending();
        }
        if let Some(signal) = step_signals::ended_with_child() {
            // If this fails, the checkpoint before it counts.
            self.wait_for_saving(py).and_then(|()| self.save_standby(py)).tolerated();
            self.say_without_step(signal);
            end_by(signal);
        }
        self.wait_for_saving(py)?;
        let started = Instant::now();
        let prepared = self.prepare(py, position);
        let outcome = prepared.and_then(|prepared| match prepared {
            Some(mut prepared) => self.save_prepared(py, &mut prepared),
            None => Ok(CheckpointOutcome::default()),
        });
        if let StepRequest::End(signal) = request {
            self.drop_standby();
            self.end_by(signal, &outcome);
        }
        let outcome = outcome?;
        self.note(&outcome, request == StepRequest::Checkpoint);
        if outcome.stored.is_some() {
            self.drop_standby();
        }
        Ok(self.after_checkpoint(started.elapsed()))
    }

    /// Notes when the next checkpoint is due after one that took some time, and returns how long it is until that, or
    /// until a standby is made.
    fn after_checkpoint(&self, took: Duration) -> Duration {
        let wait = self.every.max(took * SHARE_OF_SCRIPT);
        let mut state = self.lock();
        state.next = Instant::now().checked_add(wait);
        wait.min(state.forked.standby_pause())
    }

    /// Binds the position in the session, and writes what waits in buffers. `None` before the script has begun.
    pub(super) fn prepare<'py>(
        &self,
        py: Python<'py>,
        position: &StepPosition<'py>,
    ) -> Result<Option<PreparedCheckpoint<'py>>> {
        let (Some(program), Some(run)) = (self.program.get(), self.run_so_far(py, "running")) else { return Ok(None) };
        flush_output(py);
        let mut progress = progress_of(py, program, position)?;
        self.complete(&mut progress, &run);
        // The statements to rerun are part of the index, but are known only once the variables are written. They are
        // assumed to be those of the last checkpoint; if they are not, `save_prepared` writes the snapshot again.
        progress.rerun = self.lock().last.as_ref().map(|last| last.rerun.clone()).unwrap_or_default();
        let mut bound = BoundPosition::bind(&namespace_of(py, &run), program, Some(position))?;
        progress.files.clone_from(&bound.files);
        if bound.is_in_cells(&progress.rerun)? {
            bound.empty_cells(program)?;
        }
        bound.bind_attributes(program, &progress.rerun)?;
        Ok(Some(PreparedCheckpoint { run, progress, bound }))
    }

    /// Saves the session with a position, unless the script could not go on from there.
    pub(super) fn save_prepared(
        &self,
        py: Python<'_>,
        prepared: &mut PreparedCheckpoint<'_>,
    ) -> Result<CheckpointOutcome> {
        let PreparedCheckpoint { run, progress, bound } = prepared;
        let mut progress = progress.clone();
        let (mut target, mut index) = self.write(py, run, &progress, &all_names())?;
        let mut losses;
        let mut writes = 1;
        loop {
            let (statements, lost) = match self.statements_to_repeat(py, &progress, &index, bound)? {
                Ok(found) => found,
                Err(_) if self.program.get().map_or(Ok(false), |program| bound.empty_cells(program))? => {
                    drop(target);
                    (target, index) = self.write(py, run, &progress, &all_names())?;
                    continue;
                }
                Err(why) => return Ok(CheckpointOutcome { why: Some(why), progress, ..CheckpointOutcome::default() }),
            };
            losses = lost;
            // What is left out may change with what is bound, but not for ever.
            if statements == progress.rerun || writes == MOST_WRITES {
                break;
            }
            writes += 1;
            progress.rerun = statements;
            if let Some(program) = self.program.get() {
                bound.bind_attributes(program, &progress.rerun)?;
            }
            drop(target);
            (target, index) = self.write(py, run, &progress, &all_names())?;
        }
        let stored = self.commit(py, target, &progress.place())?;
        let losses =
            losses.into_iter().chain(noted_losses(&progress, &index)).chain(bound.losses.iter().cloned()).collect();
        Ok(CheckpointOutcome { stored: Some((stored.number, stored.added)), why: None, error: None, progress, losses })
    }

    /// Records the outcome of a checkpoint, and prints it if `is_asked`: the user has requested it by a signal.
    pub(super) fn note(&self, outcome: &CheckpointOutcome, is_asked: bool) {
        if let Some((number, added)) = outcome.stored {
            outcome.losses.iter().for_each(|text| self.say_once(text));
            let place = outcome.progress.place();
            let text = format!("checkpoint @{number} at {place} ({} written)", format_size(added));
            if is_asked {
                self.verbosity.note(&text)
            } else {
                self.verbosity.detail(&text)
            }
            self.lock().last = Some(outcome.progress.clone());
            self.set_last_words();
        } else if let Some(why) = &outcome.why {
            self.say_once(&format!("no checkpoint for now: {why}"));
        } else if let Some(error) = &outcome.error {
            self.say_once(&format!("no checkpoint: {error}"));
        }
    }

    /// Saves the session of a script that has come to its end.
    pub(super) fn save_finished(&self, py: Python<'_>, run: &ScriptRun) -> Result<()> {
        let Some(program) = self.program.get() else { return Ok(()) };
        let steps = program.steps(py)?;
        let mut progress = RunProgress { finished: true, steps_done: steps, steps, ..RunProgress::default() };
        self.complete(&mut progress, run);
        let bound = BoundPosition::bind(&namespace_of(py, run), program, None)?;
        let written = match self.write(py, run, &progress, &all_names()) {
            // The run counts as finished even if nothing of the session can be saved.
            Err(error) if requested_end(py, &error).is_none() => {
                print_error(&error);
                self.write(py, run, &progress, &only(RUN_POSITION))?
            }
            written => written?,
        };
        drop(bound);
        let stored = self.commit(py, written.0, "finished")?;
        let (number, added) = (stored.number, format_size(stored.added));
        self.verbosity.detail(&format!("saved the finished run as @{number} ({added} written)"));
        Ok(())
    }

    fn complete(&self, progress: &mut RunProgress, run: &ScriptRun) {
        self.arguments.clone_into(&mut progress.arguments);
        progress.run = self.id.get().cloned().unwrap_or_default();
        self.lock().source.clone_into(&mut progress.source);
        progress.seconds = self.before.seconds + run.seconds;
    }

    fn run_so_far(&self, py: Python<'_>, how: &'static str) -> Option<ScriptRun> {
        self.lock().started.as_ref().map(|started| started.so_far(py, how, ProcessEnd::Exit(exit::DONE)))
    }

    fn write(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        progress: &RunProgress,
        rules: &SelectionRules,
    ) -> Result<(StoreTarget, Index)> {
        let dill = self.dill().context("no dill")?;
        let cannot = || format!("cannot save to {}", shown_name(&self.folder));
        let waiting = &mut || self.verbosity.note(WAITING_FOR_PRUNE);
        let target = py.detach(|| StoreTarget::create_or_wait(&self.folder, waiting)).or_exit(exit::FAILED, cannot)?;
        let request = SaveRequest {
            module: "__main__",
            rules,
            check: LoadCheckMode::Off,
            all_faults: false,
            ambient: true,
            frames: None,
            locals: &[],
            key: self.key.as_ref(),
            run: Some(progress),
            measured: false,
        };
        let origin = Origin::of_run(py, &self.command, run, &self.interpreter);
        let (target, index, _) = save(py, &request, run, &origin, dill, target).with_context(cannot)?;
        check_signals(py)?;
        Ok((target, index))
    }

    fn commit(&self, py: Python<'_>, target: StoreTarget, message: &str) -> Result<StoredSnapshot> {
        let message = format!("{PREFIX}{message}");
        let notes = SnapshotNotes { message: Some(&message), sync: true, ..SnapshotNotes::default() };
        let cannot = || format!("cannot save to {}", shown_name(&self.folder));
        let stored = py.detach(|| target.commit(notes)).or_exit(exit::FAILED, cannot)?;
        // A store that also has other snapshots is left to `snapcli prune`. Nothing is lost if this fails.
        if let Err(error) = py.detach(|| remove_old(&self.folder)) {
            self.verbosity.detail(&format!("old checkpoints were not removed: {error}"));
        }
        Ok(stored)
    }

    fn say_once(&self, text: &str) {
        let is_new = {
            let mut state = self.lock();
            let is_new = !state.said.iter().any(|said| said == text);
            if is_new {
                state.said.push(text.to_owned());
            }
            is_new
        };
        if is_new {
            self.verbosity.note(text);
        }
    }

    /// Says that the last step is not kept, because it has gone on with the failure of a child process.
    pub(super) fn say_without_step(&self, signal: i32) {
        let name = step_signals::name_of(signal);
        let goes_on = match self.last_place() {
            Some(place) => format!("resumes at {place}"),
            None => "starts over".to_owned(),
        };
        let why = "it has ended a child process as well, so the step that was running is not kept";
        print_line(&format!("{name}: stopped: {why}; the same command {goes_on}"));
    }

    /// Ends the process after its last checkpoint.
    fn end_by(&self, signal: i32, outcome: &Result<CheckpointOutcome>) -> ! {
        let name = step_signals::name_of(signal);
        let why = match outcome {
            Ok(CheckpointOutcome { stored: Some(_), progress, losses, .. }) => {
                losses.iter().for_each(|text| self.say_once(text));
                let place = progress.place();
                print_line(&format!("{name}: stopped at {place}: run the same command to resume"));
                end_by(signal)
            }
            Ok(outcome) => outcome.why.clone().unwrap_or_default(),
            Err(error) => format!("{error:#}"),
        };
        let goes_on = match self.last_place() {
            Some(place) => format!("resumes at {place}"),
            None => "starts over".to_owned(),
        };
        print_line(&format!("{name}: stopped without a new checkpoint: {why}; the same command {goes_on}"));
        end_by(signal)
    }
}

/// Removes all checkpoints of a run but the last ones.
fn remove_old(folder: &Path) -> Result<(), StoreError> {
    let store = Store::open(folder)?;
    let history = store.history()?;
    let is_of_run = |entry: &HistoryEntry| {
        entry.header.as_ref().is_ok_and(|header| header.message.starts_with(PREFIX)) && entry.names.is_empty()
    };
    if history.len() as u64 <= KEPT || !history.iter().all(is_of_run) {
        return Ok(());
    }
    let rules = PruneRules { keep_last: Some(KEPT), keep_named: true, drop_damaged: false, dry_run: false };
    prune(&store, rules, &mut || {}).map(drop)
}

/// All names of the script, whole or not at all.
fn all_names() -> SelectionRules {
    SelectionRules { whole: true, ..only("*") }
}

fn only(name: &str) -> SelectionRules {
    let only = glob::Pattern::new(name).into_iter().collect();
    SelectionRules { only, private: true, ..SelectionRules::default() }
}
