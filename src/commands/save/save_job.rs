//! Runs the script, pickles the variables it leaves, and puts the file in place.
//!
//! Both output files are tried before the script runs, so that hours of work are not lost to a mistyped path.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::load_check::LoadCheck;
use super::named_patterns::NamedPatterns;
use super::running_file::{RunningFile, crash_path};
use super::running_save::{frames_of, snapshot_times};
use super::save_summary::print_strict;
use super::snapshot_destination::{SnapshotDestination, cannot_save, naming_target, sync};
use super::unmatched_names::WrongModule;
use crate::cli::{GivenOptions, SaveArgs, SelectionArgs};
use crate::commands::answer_output::AnswerOutput;
use crate::commands::input_output::is_stdio;
use crate::exit;
use crate::python::call_watch::{self, WatchedFunction};
use crate::python::deferred_signals::{DeferredSignals, check_signals};
use crate::python::dill::DillLocation;
use crate::python::early_exit;
use crate::python::launch::{ProcessEnd, PythonJob, start_python};
use crate::python::script_command::ScriptCommand;
use crate::python::script_run::{ScriptRun, end_after_error, requested_end, run_observed};
use crate::python::script_signals::{self, SnapshotTimes};
use crate::python::{self, Interpreter, Python, interrupt_limit, work_left};
use crate::report::answers::{ErrorAnswer, FailureAnswer, SessionAnswer};
use crate::report::inspect_report::{FileFormat, SessionReport};
use crate::session::{
    BoundLocal, LoadCheckMode, Origin, SaveRequest, SavingChild, SelectionRules, add_to_inittab,
    note_imported_definitions, save, signing_key, write_failed,
};
use crate::snapshot::atomic::AtomicFile;
use crate::snapshot::index::Index;
use crate::snapshot::roundtrip_target::Compared;
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::seekable::{self, SeekableTarget};
use crate::snapshot::signature::SigningKey;
use crate::snapshot::store::{StoredSnapshot, new_run_id};
use crate::snapshot::work_meter;
use crate::ui::Verbosity;
use crate::ui::messages::print_error;
use crate::ui::progress::DelayedBar;

impl From<SelectionArgs> for SelectionRules {
    fn from(args: SelectionArgs) -> Self {
        let SelectionArgs { include, exclude, exclude_type, private, max_size, redact, refimported, whole, .. } = args;
        let exclude = exclude.into_iter().chain(args.default_exclude).collect();
        let (only, origins) = (Vec::new(), args.origins);
        Self { only, include, exclude, exclude_type, private, max_size, redact, refimported, whole, origins }
    }
}

/// Runs the script in the prepared interpreter and saves its session.
pub(super) fn run(
    args: SaveArgs,
    given: &GivenOptions,
    command: ScriptCommand,
    interpreter: Interpreter,
    verbosity: Verbosity,
) -> Result<i32> {
    verbosity.detail(&format!("Python {} at {}", interpreter.version_text, interpreter.executable.display()));
    if is_stdio(&args.output) && (args.json || args.report.as_deref().is_some_and(is_stdio)) {
        return Err(exit::error(exit::USAGE, "standard output cannot hold both the snapshot and the report"));
    }
    check_verify(&args, given, verbosity)?;
    let output = SnapshotDestination::check(&args.output, &args.labels, args.compress)?;
    let answer = AnswerOutput::open(args.json, args.report.as_deref())?;
    // The script could change the environment variables that say where the key is.
    let key = signing_key(verbosity);
    let executable = interpreter.executable.clone();
    let times = snapshot_times(args.while_running, &args.output)?;
    let save = SaveJob {
        command,
        output,
        answer,
        strict: args.strict,
        strict_place: given.origins.get("--strict").cloned(),
        verify: args.verify,
        given_options: given.before_program.clone(),
        module: args.module,
        missing_module: OnceLock::new(),
        ambient: !args.no_ambient,
        keeps_others: !given.has("output"),
        named: NamedPatterns::of(&args.selection),
        careful_rules: OnceLock::new(),
        rules: args.selection.into(),
        run_id: times.as_ref().map(|_| new_run_id()).unwrap_or_default(),
        times,
        locals: functions_to_watch(&args.locals)?,
        bound: Mutex::default(),
        compress: args.compress,
        child: Mutex::default(),
        running: OnceLock::new(),
        key,
        interpreter,
        verbosity,
    };
    let save = Arc::new(save);
    match start_python(&executable, add_to_inittab, PythonJob::Whole(Box::new(move |py| save.run(py))))? {}
}

/// The functions of `--locals`.
fn functions_to_watch(typed: &[String]) -> Result<Vec<WatchedFunction>> {
    let functions = WatchedFunction::parse_all(typed);
    if functions.is_empty() && !typed.is_empty() {
        return Err(exit::error(exit::USAGE, "--locals names no function: write --locals main"));
    }
    Ok(functions)
}

/// Checks that there will be a file that `--verify` can load.
fn check_verify(args: &SaveArgs, given: &GivenOptions, verbosity: Verbosity) -> Result<()> {
    if !args.verify || !is_stdio(&args.output) {
        return Ok(());
    }
    let Some(place) = given.origins.get("--verify") else {
        let text = "--verify cannot load what has gone to standard output: save to a file, or check what arrives with \
                    `snapcli verify -`";
        return Err(exit::error(exit::USAGE, text));
    };
    verbosity.note(&format!("note: verify in {place} has no effect on standard output"));
    Ok(())
}

const INTERRUPTED: &str = "interrupted while saving: nothing was written";

pub(super) struct SaveJob {
    pub(super) command: ScriptCommand,
    pub(super) output: SnapshotDestination,
    answer: AnswerOutput,
    pub(super) strict: bool,
    /// Where that is set, if it was not typed.
    strict_place: Option<String>,
    pub(super) verify: bool,
    /// The options as they were typed.
    pub(super) given_options: Vec<OsString>,
    /// The name of the module of the command line.
    pub(super) module: String,
    /// Why `__main__` is saved in its place.
    pub(super) missing_module: OnceLock<WrongModule>,
    /// Whether to save the ambient state.
    ambient: bool,
    pub(super) rules: SelectionRules,
    /// The names that `rules` has from the command line.
    pub(super) named: NamedPatterns,
    /// The rules in place of `rules` if some of these names do not exist.
    pub(super) careful_rules: OnceLock<SelectionRules>,
    /// Whether a snapshot of another script is kept under another name.
    pub(super) keeps_others: bool,
    pub(super) times: Option<SnapshotTimes>,
    /// The functions whose local variables are saved.
    pub(super) locals: Vec<WatchedFunction>,
    /// The local variables that are bound in the namespace of the session now.
    pub(super) bound: Mutex<Vec<BoundLocal>>,
    /// A random number that tells this run of the script from others; empty if nothing is saved while it runs.
    pub(super) run_id: String,
    /// The level of zstd that was asked for.
    pub(super) compress: Option<i32>,
    /// The process that makes a snapshot of the running script.
    child: Mutex<Option<SavingChild>>,
    /// The file of the snapshots of the running script, from the first of them on.
    pub(super) running: OnceLock<RunningFile>,
    key: Option<SigningKey>,
    interpreter: Interpreter,
    pub(super) verbosity: Verbosity,
}

/// A snapshot that is in place.
pub(super) struct SavedFile {
    pub(super) path: PathBuf,
    pub(super) index: Index,
    pub(super) bytes: u64,
    /// The result of `--verify`.
    pub(super) verified: Option<Compared>,
    /// The exit code if the script succeeded.
    pub(super) code: i32,
    /// What of it was new, if it is in a store.
    pub(super) stored: Option<StoredSnapshot>,
    /// Why the command failed all the same.
    pub(super) failure: Option<FailureAnswer>,
}

impl SavedFile {
    /// Of a save that succeeded.
    pub(super) fn new(path: PathBuf, index: Index, bytes: u64) -> Self {
        Self { path, index, bytes, verified: None, code: exit::DONE, stored: None, failure: None }
    }
}

impl SaveJob {
    /// Runs while Python does, and decides how the process ends.
    fn run(self: &Arc<Self>, py: Python<'_>) -> ProcessEnd {
        let verbosity = self.verbosity;
        // Before the script runs: a missing dill must not be discovered after hours of work.
        let dill = match DillLocation::find(py, &|text| verbosity.note(text)) {
            Ok(dill) => dill,
            Err(error) => return self.end_after_error(py, &error),
        };
        dill.absence().iter().for_each(|note| verbosity.note(note));
        python::context::set(Some(&self.command), &self.interpreter, &dill, verbosity);
        note_imported_definitions(py);
        let watching = self.functions(py).and_then(|functions| Ok(call_watch::begin(py, &functions)?));
        if let Err(error) = watching {
            return self.end_after_error(py, &error);
        }
        let lost = self.lost_by_early_exit();
        early_exit::watch(&lost, self.answer.for_early_exit(&lost));
        let run = run_observed(py, &self.command, |started| self.arm(started, &dill));
        early_exit::ended();
        let run = match run {
            Ok(run) => run,
            Err(error) => return self.end_after_error(py, &error),
        };
        verbosity.took("running the script", Duration::from_secs_f64(run.seconds));
        // A forked child of the script gets here as well. Only the first process saves.
        if run.forked {
            return run.end;
        }
        script_signals::begin_last_save();
        let end = self.save_last(py, &run, &dill);
        self.release_running();
        script_signals::disarm().map_or(end, ProcessEnd::Signal)
    }

    /// Saves the session of a script that has ended, and decides how the process ends.
    fn save_last(&self, py: Python<'_>, run: &ScriptRun, dill: &DillLocation) -> ProcessEnd {
        call_watch::end(py);
        // A script that failed keeps its own exit code; a save that failed decides it only after a successful script.
        work_left::flush_streams(py);
        self.limit_interrupts(py);
        let deferred = DeferredSignals::begin(py);
        let ended = self.end_background_saves(py, false);
        let saved = ended.and_then(|()| self.with_locals(py, run, || self.save_session(py, run, dill)));
        call_watch::forget();
        // A signal may have arrived after the last step that could be interrupted.
        let signals = check_signals(py).map_err(Into::into);
        if signals.is_ok() && saved.is_ok() {
            interrupt_limit::release();
        }
        drop(deferred);
        if let (Ok(_), Some(end)) = (&saved, signals.err().and_then(|error| requested_end(py, &error))) {
            return end;
        }
        match saved {
            Ok(code) if run.succeeded() => ProcessEnd::Exit(code),
            Ok(_) => run.end,
            Err(error) if run.succeeded() || requested_end(py, &error).is_some() => self.end_after_error(py, &error),
            // The script failed as well, and its failure decides the exit code.
            Err(error) => {
                print_error(&error);
                self.answer.write_error(&ErrorAnswer::of(&error));
                run.end
            }
        }
    }

    /// Limits how long Ctrl-C may take from now on.
    pub(super) fn limit_interrupts(&self, py: Python<'_>) {
        interrupt_limit::begin(py, INTERRUPTED, self.answer.for_interrupt(INTERRUPTED), work_left::is_nothing(py));
    }

    pub(super) fn take_child(&self) -> Option<SavingChild> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn set_child(&self, child: SavingChild) {
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }

    fn end_after_error(&self, py: Python<'_>, error: &anyhow::Error) -> ProcessEnd {
        self.answer.write_error(&match requested_end(py, error) {
            Some(_) => {
                interrupt_limit::note_told();
                ErrorAnswer::interrupted(INTERRUPTED)
            }
            None => ErrorAnswer::of(error),
        });
        end_after_error(py, error, INTERRUPTED)
    }

    /// Saves the session of a script that has ended, or that a signal ends. Returns the exit code if the script
    /// succeeded.
    pub(super) fn save_session(&self, py: Python<'_>, run: &ScriptRun, dill: &DillLocation) -> Result<i32> {
        let unmatched = self.check_names(py, run)?;
        let saved = match &self.output {
            _ if let Some(unmatched) = unmatched => Some(self.save_beside(py, run, dill, &unmatched)?),
            SnapshotDestination::File(path) if run.succeeded() => {
                Some(self.save_to_file_or_fallback(py, run, dill, path)?)
            }
            // The last good snapshot must survive a crash of the script, so the variables go to another file.
            SnapshotDestination::File(path) => self.save_crash_or_fallback(py, run, dill, &crash_path(path))?,
            SnapshotDestination::Stream(stream) => Some(self.save_to_stream(py, run, dill, stream)?),
            SnapshotDestination::Store(folder, labels) => self.save_to_store(py, run, dill, folder, labels)?,
        };
        let Some(SavedFile { path, index, bytes, verified, code, stored, failure }) = saved else {
            let how = if run.end == ProcessEnd::Interrupted { "was interrupted" } else { "failed" };
            let text = format!("the script {how} before it had variables");
            self.note_old_crash();
            self.answer.write_error(&ErrorAnswer::of(&exit::error(run.end.exit_code(), text)));
            return Ok(exit::DONE);
        };
        let file = path.display().to_string();
        let report = SessionReport::of_own_index(file, FileFormat::Snapcli, bytes, index);
        let report = SessionReport { verified, ..report };
        self.remove_running(&report.index.script);
        self.print_summary(run, &report, stored.as_ref());
        let all_called = self.print_locals(py, run, &report.index, code == exit::USAGE);
        self.print_hint(py, run, &report.index);
        let failure = match run.succeeded() {
            true => failure,
            false => Some(FailureAnswer::of_script(&report.index, run.end.exit_code())),
        };
        self.answer.write(&SessionAnswer::of(&report, Some(report.file.clone())).with_failure(failure))?;
        // With --strict, the file is saved all the same; only the exit code differs.
        let is_bad = code != exit::USAGE && (report.has_failures() || report.has_changes());
        if self.strict && is_bad && self.verbosity == Verbosity::Quiet {
            print_strict(&report);
        }
        if let Some(place) = self.strict_place.as_ref().filter(|_| self.strict && is_bad) {
            self.verbosity.note(&format!("exit code {}, because of strict in {place}", exit::LEFT_OUT));
        }
        Ok(match (self.strict && is_bad, all_called) {
            (true, _) => exit::LEFT_OUT,
            (false, false) if code == exit::DONE => exit::FAILED,
            _ => code,
        })
    }

    /// Saves the variables of a script that failed. If it had none yet, an earlier crash file stays as it is.
    pub(super) fn save_crash(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        path: &Path,
    ) -> Result<Option<SavedFile>> {
        let bar = self.bar();
        let file = AtomicFile::create(path).with_context(|| cannot_save(path))?;
        let written = self.write_file(py, run, dill, file, path, &bar);
        let (mut file, index, bytes) = written.map_err(|error| naming_target(error, path))?;
        // Returning without a commit drops the temporary file.
        if index.variables.is_empty() && index.left_out.is_empty() && index.frame_locals.is_empty() {
            return Ok(None);
        }
        sync(py, &mut file).with_context(|| cannot_save(path))?;
        let claim = self.keep_other(py, path, &index)?;
        py.detach(|| file.commit()).with_context(|| cannot_save(path))?;
        drop(claim);
        Ok(Some(SavedFile::new(path.to_owned(), index, bytes)))
    }

    pub(super) fn origin<'a>(&'a self, py: Python<'_>, run: &'a ScriptRun) -> Origin<'a> {
        Origin::of_run(py, &self.command, run, &self.interpreter)
    }

    /// Must be dropped before anything is printed.
    pub(super) fn bar(&self) -> DelayedBar {
        DelayedBar::measuring("saving", 0, work_meter::shown, self.verbosity)
    }

    pub(super) fn load_check(&self) -> LoadCheck<'_> {
        let Self { command, interpreter, .. } = self;
        LoadCheck { command, interpreter, rules: self.rules(), module: self.module() }
    }

    /// Writes a file that will be at this path, compressed if that was asked for.
    pub(super) fn write_file<T: SaveTarget>(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        out: T,
        path: &Path,
        bar: &DelayedBar,
    ) -> Result<(T, Index, u64)> {
        let Some(level) = seekable::level_for(path, self.compress) else {
            return self.write(py, run, dill, out, bar);
        };
        let (out, index, _) = self.write(py, run, dill, SeekableTarget::new(out, level), bar)?;
        let finished = py.detach(|| out.finish());
        check_signals(py)?;
        let (out, bytes) = finished.map_err(write_failed)?;
        Ok((out, index, bytes))
    }

    pub(super) fn write<T: SaveTarget + Send + 'static>(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        out: T,
        bar: &DelayedBar,
    ) -> Result<(T, Index, u64)> {
        let _step = self.verbosity.step("pickling and writing the variables");
        let frames = frames_of(py, run);
        let bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = SaveRequest {
            module: self.module(),
            rules: self.rules(),
            // The process that does it takes time, which a signal may not leave, and a copy of all threads.
            check: if run.is_over() { LoadCheckMode::Forked } else { LoadCheckMode::Off },
            all_faults: false,
            ambient: self.ambient,
            frames: Some(&frames),
            locals: &bound,
            key: self.key.as_ref(),
            run: None,
            measured: bar.is_shown(),
        };
        let origin = self.origin(py, run);
        save(py, &request, run, &origin, dill, out)
    }
}
