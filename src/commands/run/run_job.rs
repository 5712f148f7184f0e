//! Runs a script in steps, from the beginning or from a checkpoint, and decides how the process ends.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::fs::{Access, access};

use super::checkpoints::FIRST_STANDBY;
use super::current_run::CurrentRun;
use super::forked_checkpoints::ForkedCheckpoints;
use super::resume_point::{Checkpoint, FinishedRun, RunStart, hash_of_arguments, shown_name};
use super::run_lock;
use crate::cli::RunArgs;
use crate::commands::operand_order::shell_words;
use crate::exit::{self, OrExit};
use crate::python::deferred_signals::deferring;
use crate::python::dill::DillLocation;
use crate::python::launch::{ProcessEnd, PythonJob, start_python};
use crate::python::script_command::{ScriptCommand, ScriptSource, ScriptTarget};
use crate::python::script_run::{CompiledScript, ScriptRun, StartedScript, end_after_error, run_compiled};
use crate::python::{self, Interpreter, PyErr, Python, step_signals};
use crate::session::run::{
    ResumePlan, StepProgram, WholeReason, catches_interrupt, code_of_nothing, flush_output, observe, pause_loops,
    script_namespace, watch_openings, why_whole,
};
use crate::session::{
    AmbientChoice, RestoreRequest, Signer, add_to_inittab, apply_before_imports, note_imported_definitions, restore,
    signing_key, working_directory,
};
use crate::snapshot::index::{RunProgress, WrittenFile};
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::signature::SigningKey;
use crate::snapshot::store::Store;
use crate::ui::messages::print_line;
use crate::ui::{Verbosity, format_size};

/// Runs the script in the prepared interpreter.
pub(super) fn run(
    args: &RunArgs,
    command: ScriptCommand,
    start: RunStart,
    folder: PathBuf,
    interpreter: Interpreter,
    verbosity: Verbosity,
) -> Result<i32> {
    verbosity.detail(&format!("Python {} at {}", interpreter.version_text, interpreter.executable.display()));
    let executable = interpreter.executable.clone();
    let arguments = hash_of_arguments(&command.arguments);
    let before = match &start {
        RunStart::From(checkpoint) => checkpoint.progress.clone(),
        RunStart::Fresh | RunStart::Finished(_) => RunProgress::default(),
    };
    let typed = typed_words(args, &command);
    let job = RunJob {
        command,
        typed,
        folder,
        every: args.every,
        grace: args.grace,
        no_rerun: args.no_rerun,
        accept_changes: args.accept_changes,
        fresh: args.fresh,
        reopen: args.reopen,
        start: Mutex::new(start),
        id: OnceLock::new(),
        before,
        arguments,
        key: signing_key(verbosity),
        interpreter,
        verbosity,
        program: OnceLock::new(),
        dill: OnceLock::new(),
        state: Mutex::default(),
    };
    let job = Arc::new(job);
    match start_python(&executable, add_to_inittab, PythonJob::Whole(Box::new(move |py| job.run(py))))? {}
}

pub(super) struct RunJob {
    pub(super) command: ScriptCommand,
    /// The options, the script and its arguments, as they were typed.
    typed: String,
    /// The store.
    pub(super) folder: PathBuf,
    pub(super) every: Duration,
    grace: Duration,
    pub(super) no_rerun: bool,
    accept_changes: bool,
    fresh: bool,
    reopen: bool,
    /// Where the run begins, until it has begun.
    start: Mutex<RunStart>,
    /// The ID of the run.
    pub(super) id: OnceLock<String>,
    /// The progress of the run at that checkpoint.
    pub(super) before: RunProgress,
    /// The hash of the arguments.
    pub(super) arguments: String,
    pub(super) key: Option<SigningKey>,
    pub(super) interpreter: Interpreter,
    pub(super) verbosity: Verbosity,
    /// The script; unset if it has a syntax error.
    pub(super) program: OnceLock<Arc<StepProgram>>,
    dill: OnceLock<DillLocation>,
    pub(super) state: Mutex<RunState>,
}

/// What changes while the script runs.
#[derive(Default)]
pub(super) struct RunState {
    pub(super) started: Option<StartedScript>,
    /// The source of the script.
    pub(super) source: String,
    /// The last checkpoint of this process.
    pub(super) last: Option<RunProgress>,
    /// The checkpoint that it has resumed from, with the lines of the script as it is now.
    resumed: Option<RunProgress>,
    /// When the next checkpoint is due.
    pub(super) next: Option<Instant>,
    /// The forked processes that make a checkpoint, or wait to make one.
    pub(super) forked: ForkedCheckpoints,
    /// The messages that were printed already.
    pub(super) said: Vec<String>,
}

impl RunJob {
    /// Runs while Python does, and decides how the process ends.
    fn run(self: &Arc<Self>, py: Python<'_>) -> ProcessEnd {
        const INTERRUPTED: &str = "interrupted: nothing was saved since the last checkpoint";
        let verbosity = self.verbosity;
        step_signals::set_last_words(match self.last_place() {
            Some(place) => format!("snapcli: stopped while resuming: the same command resumes at {place}\n"),
            None => "snapcli: stopped before the script started\n".to_owned(),
        });
        step_signals::arm(self.grace, pause_loops, catches_interrupt);
        let dill = match DillLocation::find(py, &|text| verbosity.note(text)) {
            Ok(dill) => dill,
            Err(error) => return end_after_error(py, &error, INTERRUPTED),
        };
        dill.absence().iter().for_each(|note| verbosity.note(note));
        python::context::set(Some(&self.command), &self.interpreter, &dill, verbosity);
        note_imported_definitions(py);
        let _ = self.dill.set(dill);
        let job = Arc::clone(self);
        let compile = move |py: Python<'_>, source: &ScriptSource| job.compile(py, source);
        let run = run_compiled(py, &self.command, Arc::new(compile), |started| self.begin(started));
        let run = match run {
            Ok(run) => run,
            Err(error) => return end_after_error(py, &error, INTERRUPTED),
        };
        // A forked child of the script gets here as well.
        if run.forked {
            return run.end;
        }
        verbosity.took("running the script", Duration::from_secs_f64(run.seconds));
        let end = self.finish(py, &run);
        step_signals::disarm().map_or(end, ProcessEnd::Signal)
    }

    /// The code to run: that of the whole script, or that of the rest of it, with its variables in place.
    fn compile(self: &Arc<Self>, py: Python<'_>, source: &ScriptSource) -> Result<Option<CompiledScript>> {
        let start = std::mem::replace(&mut *self.start.lock().unwrap_or_else(PoisonError::into_inner), RunStart::Fresh);
        let Some(program) = parsed(py, source, self.verbosity)? else {
            step_signals::disarm();
            return Ok(None);
        };
        watch_openings(py, &program)?;
        let code = match start {
            RunStart::From(start) => Some(self.resume(py, *start, &program, source)?),
            RunStart::Finished(finished) => {
                step_signals::disarm();
                check_finished(py, &program, &finished)?;
                self.verbosity.note(&finished.message());
                return Ok(Some(CompiledScript(code_of_nothing(py)?)));
            }
            RunStart::Fresh => {
                if let Some(line) = program.line_reading_pipe(py)? {
                    let text = format!(
                        "standard input is a pipe: once line {line} has read from it, the run cannot be resumed while \
                         there is more to read; standard input from a file (< FILE) can"
                    );
                    self.verbosity.note(&text);
                }
                unless_whole(py, self.verbosity, program.whole(py))?.map(|code| CompiledScript(code.unbind()))
            }
        };
        if code.is_none() {
            step_signals::disarm();
            return Ok(None);
        }
        self.take_store()?;
        let has_catcher = program.has_interrupt_handler(py)?;
        let _ = self.program.set(Arc::clone(&program));
        self.lock().source = String::from_utf8_lossy(&source.bytes).into_owned();
        self.set_last_words();
        observe(Arc::<Self>::clone(self), program);
        self.lock().next = Instant::now().checked_add(self.every);
        let first = if self.may_fork(py) { self.every.min(FIRST_STANDBY) } else { self.every };
        step_signals::begin(first, has_catcher);
        Ok(code)
    }

    /// Makes the store, and this run the one in force, unless it goes on from a checkpoint.
    fn take_store(&self) -> Result<()> {
        if !self.before.places.is_empty() {
            let _ = self.id.set(self.before.run.clone());
            return Ok(());
        }
        let shown = shown_name(&self.folder);
        let cannot = || format!("cannot save to {shown}");
        if self.fresh {
            Store::renew_marker(&self.folder).or_exit(exit::USAGE, cannot)?;
        }
        let store = Store::open_or_create(&self.folder).or_exit(exit::USAGE, cannot)?;
        run_lock::take(&self.folder, &shown, self.verbosity)?;
        let last = store.numbers().or_exit(exit::USAGE, cannot)?.last().copied().unwrap_or_default();
        let current = CurrentRun::begin(&self.folder, last).or_exit(exit::USAGE, cannot)?;
        let _ = self.id.set(current.run);
        Ok(())
    }

    /// Loads the variables of the checkpoint.
    fn resume(
        &self,
        py: Python<'_>,
        start: Checkpoint,
        program: &StepProgram,
        source: &ScriptSource,
    ) -> Result<CompiledScript> {
        let shown = shown_name(&self.folder);
        let Checkpoint { snapshot, progress } = start;
        if Signer::of(&snapshot) != Signer::User {
            let text = format!("{shown} is not signed with your key: to resume from it, sign it with `snapcli trust`");
            return Err(exit::error(exit::UNTRUSTED, text));
        }
        self.check_allowed(&progress)?;
        check_directory(&snapshot, &shown)?;
        let plan =
            ResumePlan::new(py, program, &progress, &source.bytes, self.accept_changes, |option| self.retyped(option))?;
        let namespace = script_namespace(py)?;
        if let Contents::Own { index } = snapshot.contents() {
            let cannot = || format!("cannot resume from {shown}");
            apply_before_imports(py, &snapshot, index).or_exit(exit::DAMAGED, cannot)?;
        }
        plan.run_imports(program, &namespace)?;
        self.load(py, &Arc::new(snapshot), &shown)?;
        if !self.accept_changes {
            ResumePlan::check_modules(program, &namespace)?;
        }
        plan.check_input(program, &namespace)?;
        let (code, lines) = plan
            .code(program, &namespace, &progress.rerun, self.reopen)
            .with_context(|| format!("cannot resume from {shown}"))?;
        for (statement, line) in progress.rerun.iter().zip(lines) {
            self.verbosity.note(&format!("ran line {line} again: {} could not be saved", statement.name));
        }
        self.verbosity.note(&format!("resuming at {}", plan.progress.place()));
        self.lock().resumed = Some(plan.progress);
        Ok(CompiledScript(code.unbind()))
    }

    /// Checks that the options allow what a resume has to do: statements that run again, files that are truncated.
    fn check_allowed(&self, progress: &RunProgress) -> Result<()> {
        if self.no_rerun
            && let Some(first) = progress.rerun.first()
        {
            let text = format!(
                "cannot resume: {} could not be saved, and --no-rerun does not allow line {} to run again",
                first.name, first.line
            );
            return Err(exit::error(exit::FAILED, text));
        }
        let is_removed = |file: &&WrittenFile| matches!(std::fs::exists(&file.path), Ok(false));
        if let Some(file) = progress.files.iter().find(is_removed) {
            let details = vec!["put it back, and use --reopen".to_owned(), "--fresh starts over".to_owned()];
            let size = format_size(file.length);
            let text = format!("cannot resume: {}, which the script was writing ({size}), was removed", file.name);
            return Err(exit::coded(exit::FAILED, text).with_details(details).into());
        }
        if !self.reopen
            && let Some(file) = progress.files.first()
        {
            let advice = format!(
                "--reopen truncates it to {}, its length at the checkpoint, and resumes",
                format_size(file.length)
            );
            let details = vec![advice, "--fresh starts over".to_owned()];
            let text = format!("cannot resume: {} was open for writing", file.name);
            return Err(exit::coded(exit::FAILED, text).with_details(details).into());
        }
        Ok(())
    }

    /// The command that was typed, with another option.
    fn retyped(&self, option: &str) -> String {
        format!("snapcli run {option}{}", self.typed)
    }

    fn load(&self, py: Python<'_>, snapshot: &Arc<Snapshot>, shown: &str) -> Result<()> {
        let Some(dill) = self.dill.get() else { return Ok(()) };
        let dill = dill.lazy();
        let ambient = AmbientChoice::AllAndDirectory;
        let request = RestoreRequest { trusted: true, ambient, ..RestoreRequest::new(shown, &dill) };
        let what = format!("restoring the variables from {shown}");
        let step = self.verbosity.step(&what);
        let restored = deferring(py, || restore(py, snapshot, &request, &|_| {}))?;
        drop(step);
        if restored.lost.is_empty() {
            return Ok(());
        }
        let lost = restored.lost.iter().map(|lost| format!("{}: {}", lost.name, lost.why)).collect();
        Err(exit::coded(exit::FAILED, format!("cannot resume from {shown}")).with_details(lost).into())
    }

    /// The script is about to run.
    fn begin(&self, started: StartedScript) {
        self.lock().started = Some(started);
    }

    /// What is printed if the process ends in the middle of a step.
    pub(super) fn set_last_words(&self) {
        let place = match self.last_place() {
            Some(last) => format!("resumes from the last checkpoint, at {last}"),
            None => "starts over".to_owned(),
        };
        let text = format!("snapcli: stopped in the middle of a step: the same command {place}\n");
        step_signals::set_last_words(text);
    }

    /// Where the run resumes: the place of the last checkpoint of this process, or of the one that it has resumed from.
    pub(super) fn last_place(&self) -> Option<String> {
        let before = Some(&self.before).filter(|before| !before.places.is_empty());
        let state = self.lock();
        state.last.as_ref().or(state.resumed.as_ref()).or(before).map(RunProgress::place)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, RunState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn dill(&self) -> Option<&DillLocation> {
        self.dill.get()
    }

    /// The script has ended.
    fn finish(&self, py: Python<'_>, run: &ScriptRun) -> ProcessEnd {
        if self.program.get().is_none() {
            return run.end;
        }
        let spoiled = step_signals::ended_with_child().filter(|_| run.succeeded());
        let saved = self.wait_for_saving(py).and_then(|()| match run.succeeded() && spoiled.is_none() {
            true => {
                self.drop_standby();
                Ok(false)
            }
            false => self.save_standby(py),
        });
        let is_new = match saved {
            Ok(is_new) => is_new,
            Err(error) => return end_after_error(py, &error.into(), "interrupted while saving"),
        };
        if let Some(signal) = spoiled {
            self.say_without_step(signal);
            return run.end;
        }
        if run.succeeded() {
            // A signal may end the process once the run counts as finished.
            flush_output(py);
            return match self.save_finished(py, run) {
                Ok(()) => run.end,
                Err(error) => end_after_error(py, &error, "interrupted while saving: the run counts as not finished"),
            };
        }
        if let Some(last) = self.last_place().filter(|_| self.verbosity != Verbosity::Quiet) {
            let what = if is_new { "a checkpoint from before the failure" } else { "the last checkpoint" };
            print_line(&format!("{what} is at {last}: run the same command to resume"));
        }
        run.end
    }
}

/// The options that matter to a resume, the script and its arguments, to be typed again.
fn typed_words(args: &RunArgs, command: &ScriptCommand) -> String {
    let mut words: Vec<OsString> = Vec::new();
    if let Some(store) = &args.output {
        words.extend(["-o".into(), store.into()]);
    }
    let options = [("--reopen", args.reopen), ("--no-rerun", args.no_rerun)];
    words.extend(options.iter().filter(|(_, is_set)| *is_set).map(|(option, _)| OsString::from(option)));
    match &command.target {
        ScriptTarget::Module(name) => words.extend(["-m".into(), name.clone()]),
        ScriptTarget::Script(path) => words.push(path.into()),
        _ => {}
    }
    words.extend(command.arguments.iter().cloned());
    shell_words(&words)
}

/// The script, to be run in steps; `None` if it cannot be compiled: Python reports the error when it runs it. Only when
/// Python reads a file, it also checks the encoding of comments.
fn parsed(py: Python<'_>, source: &ScriptSource, verbosity: Verbosity) -> Result<Option<Arc<StepProgram>>> {
    let head = source.bytes.split(|byte| *byte == b'\n').take(2);
    let names_coding = head.into_iter().any(|line| line.windows(6).any(|word| word == b"coding"));
    if !names_coding && std::str::from_utf8(&source.bytes).is_err() {
        return Ok(None);
    }
    unless_whole(py, verbosity, StepProgram::new(py, &source.bytes, source.path.as_os_str()))
}

/// What was made of the script; `None` if Python has to run it as a whole, because it has an error that Python reports,
/// or because it is too deep.
fn unless_whole<T>(py: Python<'_>, verbosity: Verbosity, made: std::result::Result<T, PyErr>) -> Result<Option<T>> {
    match made.map_err(|error| (why_whole(py, &error), error)) {
        Ok(made) => Ok(Some(made)),
        Err((Some(WholeReason::Error), _)) => Ok(None),
        Err((Some(WholeReason::Depth), error)) => {
            verbosity.note(&format!("no checkpoints are made: the script cannot be divided into steps: {error}"));
            Ok(None)
        }
        Err((None, error)) => Err(error).context("cannot divide the script into steps"),
    }
}

/// Checks that the working directory of a checkpoint is there: relative paths would name other files.
fn check_directory(snapshot: &Snapshot, shown: &str) -> Result<()> {
    let Contents::Own { index } = snapshot.contents() else { return Ok(()) };
    let cannot = || format!("cannot resume from {shown}");
    let Some(path) = working_directory(snapshot, index).or_exit(exit::DAMAGED, cannot)? else { return Ok(()) };
    let why = match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "does not exist: create it",
        Ok(found) if !found.is_dir() => "is not a directory now: restore it",
        Ok(_) if access(&path, Access::EXEC_OK).is_ok() => return Ok(()),
        _ => "cannot be entered: change its permissions",
    };
    let text =
        format!("cannot resume: the working directory of the checkpoint, {path}, {why}, or use --fresh to start over");
    Err(exit::error(exit::USAGE, text))
}

/// Checks that a script is the one that has finished, but for comments and blank lines.
fn check_finished(py: Python<'_>, program: &StepProgram, finished: &FinishedRun) -> Result<()> {
    let Some(changed) = program.changes_since(py, &finished.progress)? else { return Ok(()) };
    let (command, time) = (&finished.command, &finished.time);
    let text = format!("{command} has finished ({time} UTC), and {}", changed.message_after_end());
    let advice = "use --fresh to run it again, or --accept-changes if the change does not matter".to_owned();
    let details = changed.details(true).into_iter().chain([advice]).collect();
    Err(exit::coded(exit::USAGE, text).with_details(details).into())
}
