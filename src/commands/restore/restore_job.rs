//! Starts the Python, loads the variables, and hands over to the prompt, the code or the script.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use super::restore_summary::RestoreSummary;
use super::{damaged_at_end, open_checked};
use crate::cli::RestoreArgs;
use crate::commands::answer_output::AnswerOutput;
use crate::commands::input_output::is_stdio;
use crate::commands::wrong_names::WantedFrames;
use crate::exit;
use crate::python::deferred_signals::{check_signals, deferring};
use crate::python::dill::DillLocation;
use crate::python::ipython_prompt::IpythonPrompt;
use crate::python::launch::{ProcessEnd, PythonJob, start_python};
use crate::python::script_command::{ScriptCommand, ScriptTarget};
use crate::python::script_run::{requested_end, run_before_prompt, run_script, set_prompt_arguments};
use crate::python::{self, Interpreter, Python, interrupt_limit};
use crate::report::answers::{ErrorAnswer, LostAnswer, MarkerAnswer, RestoreAnswer, SchemaVersion, absolute_path};
use crate::session::{
    AmbientChoice, FrameChoice, FramePrompt, LostVariable, ModuleRenames, RestoreRequest, Restored, Signer, Untrusted,
    add_to_inittab, first_frame, frame_number, note_imported_definitions, restore,
};
use crate::snapshot::atomic::signals;
use crate::snapshot::index::{Index, UnsavableObject};
use crate::snapshot::reader::{Contents, LOST_INDEX, Snapshot};
use crate::snapshot::signature::SigningKey;
use crate::snapshot::work_meter;
use crate::ui::messages::{print_error, print_error_line, print_line};
use crate::ui::progress::DelayedBar;
use crate::ui::prompt::{can_ask, confirm};
use crate::ui::{Verbosity, count};

/// Restores a session in the prepared interpreter, and runs what the user asked for with it.
pub(super) fn run(
    args: RestoreArgs,
    command: Option<ScriptCommand>,
    interpreter: Interpreter,
    verbosity: Verbosity,
) -> Result<i32> {
    verbosity.detail(&format!("Python {} at {}", interpreter.version_text, interpreter.executable.display()));
    let piped = is_stdio(&args.file);
    let is_asked = args.json || args.report.as_deref().is_some_and(is_stdio);
    // Without a terminal, `restore` alone runs what standard input holds.
    let prompt = args.interactive || (command.is_none() && !piped && !is_asked && std::io::stdin().is_terminal());
    let at_prompt = prompt || args.ipython;
    let frames = match args.frame {
        _ if at_prompt => WantedFrames::All,
        Some(number) => WantedFrames::One(number),
        None => WantedFrames::None,
    };
    let snapshot = open_checked(&args, frames, verbosity)?;
    if let Contents::Foreign { lost_index: true } = snapshot.contents() {
        let text = format!("{}: {LOST_INDEX}", args.file.display());
        if !args.partial {
            return Err(damaged_at_end(&args.file, &text));
        }
        verbosity.note(&format!("{text}; restoring its pickle without checking hashes"));
    }
    let answer = AnswerOutput::open(args.json, args.report.as_deref())?;
    let executable = interpreter.executable.clone();
    let frame = chosen_frame(&args, &snapshot)?;
    let restore = RestoreJob {
        snapshot: Arc::new(snapshot.stopped_by(signals::check)),
        args,
        command,
        frame,
        at_prompt,
        interpreter,
        verbosity,
        answer,
    };
    let job = if restore.args.ipython {
        PythonJob::Whole(Box::new(move |py| restore.run_ipython(py)))
    } else if prompt {
        PythonJob::BeforePrompt(Box::new(move |py| restore.run_before_prompt(py)))
    } else {
        PythonJob::Whole(Box::new(move |py| restore.run(py)))
    };
    match start_python(&executable, add_to_inittab, job)? {}
}

struct RestoreJob {
    snapshot: Arc<Snapshot>,
    args: RestoreArgs,
    command: Option<ScriptCommand>,
    /// The frame whose local variables are bound.
    frame: Option<usize>,
    /// Whether a prompt will follow.
    at_prompt: bool,
    interpreter: Interpreter,
    verbosity: Verbosity,
    answer: AnswerOutput,
}

/// The frame that `--frame` names.
fn chosen_frame(args: &RestoreArgs, snapshot: &Snapshot) -> Result<Option<usize>> {
    let file = args.file.display().to_string();
    match (args.frame, snapshot.contents()) {
        (Some(number), Contents::Own { index }) => frame_number(index, number, &file).map(Some),
        (Some(number), Contents::Foreign { .. }) => frame_number(&Index::default(), number, &file).map(Some),
        (None, _) => Ok(None),
    }
}

impl RestoreJob {
    /// Loads the variables and runs the command. `None` lets Python's prompt begin.
    fn run_before_prompt(&self, py: Python<'_>) -> Option<ProcessEnd> {
        if let Err(error) = self.load(py) {
            return Some(self.end_of_failure(py, &error));
        }
        let prepared = match &self.command {
            Some(command) => run_before_prompt(py, command),
            None => set_prompt_arguments(py),
        };
        prepared.err().map(|error| self.end_of_failure(py, &error))
    }

    /// Loads the variables, runs the command and the prompt of IPython, and ends the process.
    fn run_ipython(self, py: Python<'_>) -> ProcessEnd {
        // Before anything is loaded, and before the user is asked whether to trust the file.
        let prompt = match IpythonPrompt::find(py, &self.interpreter.executable) {
            Ok(prompt) => prompt,
            Err(error) => return self.end_of_failure(py, &error),
        };
        if let Some(end) = self.run_before_prompt(py) {
            return end;
        }
        if interrupt_limit::is_before_code()
            && let Err(error) = interrupt_limit::hand_over(py)
        {
            return self.end_of_failure(py, &error.into());
        }
        prompt.run().map_or_else(|error| self.end_of_failure(py, &error), |()| ProcessEnd::Exit(exit::DONE))
    }

    fn run(self, py: Python<'_>) -> ProcessEnd {
        if let Err(error) = self.load(py) {
            return self.end_of_failure(py, &error);
        }
        let Some(command) = &self.command else {
            let done = interrupt_limit::hand_over(py).map_err(anyhow::Error::from);
            return done.map_or_else(|error| self.end_of_failure(py, &error), |()| ProcessEnd::Exit(exit::DONE));
        };
        match run_script(py, command) {
            Ok(run) => run.end,
            Err(error) => self.end_of_failure(py, &error),
        }
    }

    /// Loads all of a file that this user signed or trusts. Loads only plain data from any other file; if that file
    /// needs more, asks a user in a terminal.
    fn load(&self, py: Python<'_>) -> Result<()> {
        // The signature only says who saved the file. Its hashes are checked when the variables are loaded.
        let trusted = self.args.trust || Signer::of(&self.snapshot) == Signer::User;
        if !trusted && let Err(error) = SigningKey::existing() {
            self.verbosity.note(&format!("cannot use your key: {error}"));
        }
        match self.load_as(py, trusted) {
            // The refusal comes before anything is loaded, so the load can simply be repeated with trust.
            Err(error) if error.downcast_ref::<Untrusted>().is_some() && may_ask(&self.args.file) => {
                print_error_line(&error);
                let answer = confirm("load it anyway?");
                // If the answer was Ctrl-C, Python has a pending KeyboardInterrupt: clear it.
                let _ = check_signals(py);
                if !answer? {
                    return Err(exit::error(exit::UNTRUSTED, "nothing was loaded"));
                }
                self.load_as(py, true)
            }
            done => done,
        }
    }

    /// What of the ambient state is wanted. A script has its own arguments, with paths relative to this directory.
    fn ambient(&self) -> AmbientChoice {
        let is_script = self.command.as_ref().is_some_and(|command| matches!(command.target, ScriptTarget::Script(_)));
        match self.args.no_ambient {
            true => AmbientChoice::None,
            false if is_script => AmbientChoice::All,
            false => AmbientChoice::AllAndDirectory,
        }
    }

    /// Loads the variables, which no code has seen before: Ctrl-C loses nothing, whatever it interrupts, until they are
    /// handed over.
    fn load_as(&self, py: Python<'_>, trusted: bool) -> Result<()> {
        let text = self.interrupted();
        interrupt_limit::begin_before_code(py, &text, self.answer.for_interrupt(&text));
        let loaded = deferring(py, || self.load_variables(py, trusted));
        let told = loaded.and_then(|restored| self.tell(py, &restored, trusted));
        if told.as_ref().is_err_and(|error| requested_end(py, error).is_none()) {
            interrupt_limit::give_up();
        }
        told
    }

    fn interrupted(&self) -> String {
        format!("interrupted while restoring {}", self.args.file.display())
    }

    fn load_variables(&self, py: Python<'_>, trusted: bool) -> Result<Restored> {
        let dill = DillLocation::find(py, &|text| self.verbosity.note(text))?;
        python::start_state::record(py);
        note_imported_definitions(py);
        python::context::set(self.command.as_ref(), &self.interpreter, &dill, self.verbosity);
        let (name, location, dill) = (self.args.file.display().to_string(), &dill, dill.lazy());
        let request = RestoreRequest {
            only: &self.args.only,
            exclude: &self.args.exclude,
            mapped: self.args.mmap,
            partial: self.args.partial,
            renames: ModuleRenames::new(&self.args.map),
            trusted,
            finds_script_modules: true,
            ambient: self.ambient(),
            frames: self.frames(),
            ..RestoreRequest::new(&name, &dill)
        };
        let bar = DelayedBar::measuring("checking", 0, work_meter::shown, self.verbosity);
        let step = self.verbosity.step("checking and loading the variables");
        let restored = restore(py, &self.snapshot, &request, &|_| {});
        // The bar must be gone before anything else is printed.
        drop(bar);
        drop(step);
        // Most files need none.
        location.missed_absence().iter().for_each(|note| self.verbosity.note(note));
        restored
    }

    /// Prints what was loaded, and selects a frame.
    fn tell(&self, py: Python<'_>, restored: &Restored, trusted: bool) -> Result<()> {
        let name = self.args.file.display().to_string();
        self.print_summary(restored, &name, trusted);
        interrupt_limit::forget_answer();
        self.write_answer(restored, trusted)?;
        self.select_frame(py, restored)?;
        // Checked here, after the load but before the command runs.
        if self.args.strict && !restored.lost.is_empty() {
            let lost = count(restored.lost.len(), "variable");
            let text = format!("cannot restore {lost} from {name}: nothing was run, because of --strict");
            return Err(exit::error(exit::LEFT_OUT, text));
        }
        Ok(())
    }

    /// The frames whose local variables are loaded: in a prompt, the user can go to any.
    fn frames(&self) -> FrameChoice {
        match (self.frame, self.at_prompt) {
            (_, true) => FrameChoice::All,
            (Some(number), false) => FrameChoice::One(self.home_of(number)),
            (None, false) => FrameChoice::None,
        }
    }

    /// The frame that has the local variables of a frame.
    fn home_of(&self, number: usize) -> usize {
        let Contents::Own { index } = self.snapshot.contents() else { return number };
        index.frames.get(number).and_then(|frame| frame.same_as).map_or(number, |home| home as usize)
    }

    /// Binds the local variables of the frame that the user has chosen, or in a prompt of the innermost one.
    fn select_frame(&self, py: Python<'_>, restored: &Restored) -> Result<()> {
        let Contents::Own { index } = self.snapshot.contents() else { return Ok(()) };
        let first = if self.at_prompt { first_frame(index) } else { None };
        let Some(number) = self.frame.or(first) else { return Ok(()) };
        let frames = FramePrompt::new(py, index, &restored.frames)?;
        frames.bind(number)?;
        if !self.at_prompt {
            return Ok(());
        }
        self.verbosity.note("the frames of the traceback: frames, up(), down() and frame(n) go from one to another");
        for (name, expression) in frames.begin()? {
            self.verbosity.note(&format!("{name} is also a variable here: use {expression} for the frames"));
        }
        Ok(())
    }

    fn end_of_failure(&self, py: Python<'_>, error: &anyhow::Error) -> ProcessEnd {
        let is_interrupted = exit::code_of(error) == exit::INTERRUPTED;
        if let Some(end) = requested_end(py, error).or(is_interrupted.then_some(ProcessEnd::InterruptedWork)) {
            interrupt_limit::note_told();
            let text = self.interrupted();
            print_line(&text);
            self.answer.write_error(&ErrorAnswer::interrupted(&text));
            return end;
        }
        self.answer.write_error(&ErrorAnswer::of(error));
        // The first line of a refusal already holds its causes.
        if error.downcast_ref::<Untrusted>().is_some() {
            print_error_line(error)
        } else {
            print_error(error)
        }
        ProcessEnd::Exit(exit::code_of(error))
    }

    fn write_answer(&self, restored: &Restored, trusted: bool) -> Result<()> {
        let file = self.args.file.display().to_string();
        let summary = RestoreSummary::new(restored, &self.snapshot, &file, trusted);
        let reasons: Vec<String> = restored.lost.iter().map(|lost| summary.reason(lost)).collect();
        let lost = restored.lost.iter().zip(&reasons);
        let lost = lost.map(|(LostVariable { name, type_name, import, .. }, error)| {
            let module = import.as_ref().map(|import| import.module.as_str());
            LostAnswer { name, type_name, error, module }
        });
        self.answer.write(&RestoreAnswer {
            schema: SchemaVersion,
            path: Some(absolute_path(&self.args.file)),
            module: &restored.module,
            trusted,
            complete: restored.lost.is_empty(),
            restored: &restored.names,
            lost: lost.collect(),
            markers: self.markers(restored).into_iter().map(MarkerAnswer::of).collect(),
            ambient: &restored.state,
            notes: &restored.notes,
        })
    }

    fn print_summary(&self, restored: &Restored, name: &str, trusted: bool) {
        let summary = RestoreSummary::new(restored, &self.snapshot, name, trusted);
        // With a script or code, the user wants to see only its output.
        let is_silent = !self.args.all && self.command.as_ref().is_some_and(ScriptCommand::is_named);
        let done = |text: &str| if is_silent { self.verbosity.detail(text) } else { self.verbosity.note(text) };
        done(&summary.banner(self.args.all || self.verbosity == Verbosity::Verbose));
        self.print_markers(restored);
        if !restored.state.is_empty() {
            done(&format!("restored the state of {}", restored.state.join(", ")));
        }
        for note in &restored.notes {
            self.verbosity.note(note);
        }
        for text in summary.losses(&self.interpreter.executable) {
            // With --strict these lines explain the error, so --quiet does not hide them.
            if self.args.strict { print_line(&text) } else { self.verbosity.note(&text) }
        }
    }

    /// The objects that the save could not keep, in the variables that were restored.
    fn markers(&self, restored: &Restored) -> Vec<&UnsavableObject> {
        let Contents::Own { index } = self.snapshot.contents() else { return Vec::new() };
        let with_markers = index.variables.iter().filter(|variable| !variable.lost.is_empty());
        let with_markers = with_markers.filter(|variable| restored.names.contains(&variable.name));
        with_markers.flat_map(|variable| &variable.lost).collect()
    }

    fn print_markers(&self, restored: &Restored) {
        let mut items = self.markers(restored).into_iter();
        for item in items.by_ref().take(MOST_MARKERS) {
            let (path, type_name) = (&item.path, &item.type_name);
            self.verbosity.note(&format!("{path} is a marker: this {type_name} could not be saved"));
        }
        let more = items.count();
        if more > 0 {
            self.verbosity.note(&format!("and {more} more: `snapcli inspect --all` shows them"));
        }
    }
}

/// The most markers that are named after a restore.
const MOST_MARKERS: usize = 10;

/// Whether the user can be asked: not if standard input is the snapshot.
fn may_ask(file: &Path) -> bool {
    !is_stdio(file) && can_ask()
}
