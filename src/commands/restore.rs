//! `snapcli restore`: check the file, start the Python it wants, load it, and hand over to what was asked.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use glob::Pattern;
use pyo3::prelude::*;

use super::Talk;
use super::ask::{ask, is_terminal};
use super::open::or_code;
use super::progress::Progress;
use crate::exit::{self, OrExit};
use crate::pickle::outline::Shape;
use crate::python::dill::Dill;
use crate::python::run::{Command, run, run_before_prompt};
use crate::python::start::{End, Job, start};
use crate::python::{self, Interpreter};
use crate::report::answer::OBJECT;
use crate::report::{count, plain, say};
use crate::session::api::add_to_inittab;
use crate::session::loading::{self, Request, Restored, Untrusted, Whose};
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::trust::Key;

/// What was asked.
pub struct Options {
    /// The snapshot; `-` is standard input.
    pub file: PathBuf,
    /// Whether a variable that does not come back is an error.
    pub strict: bool,
    /// Whether only to name what is in the file.
    pub list: bool,
    /// Only these variables, and what their code needs.
    pub only: Vec<Pattern>,
    /// Not these.
    pub exclude: Vec<Pattern>,
    /// Whether arrays are mapped.
    pub mapped: bool,
    /// Whether to bring back what is whole of a damaged file.
    pub partial: bool,
    /// Whether the user vouches for the file.
    pub trust: bool,
    /// Modules that have another name now.
    pub renames: Vec<(String, String)>,
    /// Whether to end in the prompt.
    pub interactive: bool,
    /// `--python`.
    pub python: Option<String>,
    /// What to run with the session in place.
    pub command: Option<Command>,
}

/// Restores a session.
pub fn run_command(options: Options, talk: Talk) -> Result<i32> {
    let piped = options.file == Path::new("-");
    if piped && options.interactive {
        return Err(exit::error(
            exit::USAGE,
            "standard input cannot be both the snapshot and the prompt: save it to a file first",
        ));
    }
    if let Some(command) = &options.command {
        python::check_script(command)?;
    }
    if options.list {
        return list(&read(&options, talk)?, &mut std::io::stdout());
    }
    let interpreter = python::ready(options.python.as_deref())?;
    let snapshot = read(&options, talk)?;
    if let Contents::Foreign { lost_index: true, .. } = snapshot.contents() {
        talk.note(&format!(
            "the index of {} is lost (the file is cut short or damaged at its end): restoring its pickle unchecked",
            options.file.display()
        ));
    }
    let prompt = options.interactive || (options.command.is_none() && !piped && std::io::stdin().is_terminal());
    let restore = Restore { snapshot: Arc::new(snapshot), options, interpreter: interpreter.clone(), talk };
    let job = if prompt {
        Job::BeforePrompt(Box::new(move |py| restore.before_prompt(py)))
    } else {
        Job::Whole(Box::new(move |py| restore.whole(py)))
    };
    match start(&interpreter.executable, add_to_inittab, job)? {}
}

/// Opens the file. What has an index is checked when it is known which variables are wanted; any other pickle as a whole.
fn read(options: &Options, talk: Talk) -> Result<Snapshot> {
    let path = options.file.as_path();
    let piped = path == Path::new("-");
    let shown = if piped { "standard input".to_owned() } else { path.display().to_string() };
    let name = || format!("cannot restore {shown}");
    let mut bytes = Vec::new();
    if piped {
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
    }
    let opened = match (piped, options.partial) {
        (true, true) => Snapshot::partial_from_bytes(&bytes),
        (true, false) => Snapshot::from_bytes(bytes).map(|snapshot| (snapshot, None)),
        (false, true) => Snapshot::open_partial(path),
        (false, false) => Snapshot::open(path).map(|snapshot| (snapshot, None)),
    };
    let (snapshot, damage) = or_code(opened, name)?;
    if let Some(damage) = damage {
        talk.note(&format!("{}: {damage}; this is what is left of it", plain(&shown)));
    }
    if let Contents::Foreign { .. } = snapshot.contents() {
        let progress = Progress::bytes("checking", snapshot.stream_len(), talk);
        snapshot.check(&|bytes| progress.advance(bytes)).or_exit(exit::DAMAGED, name)?;
    }
    Ok(snapshot)
}

/// Names the variables, one a line.
fn list(snapshot: &Snapshot, out: &mut dyn Write) -> Result<i32> {
    let names: Vec<&str> = match snapshot.contents() {
        Contents::Own { index } => index.variables.iter().map(|variable| variable.name.as_str()).collect(),
        Contents::Foreign { shape: Shape::Session { variables, .. } | Shape::Dict { variables }, .. } => {
            variables.iter().map(|variable| variable.name.as_str()).collect()
        }
        Contents::Foreign { .. } => vec![OBJECT],
    };
    names.into_iter().try_for_each(|name| writeln!(out, "{}", plain(name)))?;
    Ok(exit::DONE)
}

struct Restore {
    snapshot: Arc<Snapshot>,
    options: Options,
    interpreter: Interpreter,
    talk: Talk,
}

impl Restore {
    fn before_prompt(self, py: Python<'_>) -> Option<End> {
        if let Err(error) = self.load(py) {
            return Some(failure(&error));
        }
        let command = self.options.command.as_ref()?;
        run_before_prompt(py, command).err().map(|error| failure(&error.into()))
    }

    fn whole(self, py: Python<'_>) -> End {
        if let Err(error) = self.load(py) {
            return failure(&error);
        }
        let Some(command) = &self.options.command else { return End::Exit(exit::DONE) };
        match run(py, command) {
            Ok(run) => run.end,
            Err(error) => failure(&error.into()),
        }
    }

    /// Loads what this user signed or vouches for; of any other file plain data, or, where it wants more, what a user at
    /// a terminal says.
    fn load(&self, py: Python<'_>) -> Result<()> {
        let trusted = self.options.trust || Whose::of(&self.snapshot) == Whose::Own;
        if !trusted && let Err(error) = Key::existing() {
            self.talk.note(&format!("your key is not used: {error}"));
        }
        match self.load_as(py, trusted) {
            Err(error) if error.downcast_ref::<Untrusted>().is_some() && may_ask(&self.options.file) => {
                say::error_alone(&error);
                let answer = ask("load it anyway?");
                // Ctrl-C was the answer: Python is not to raise it, too.
                let _ = py.check_signals();
                if !answer? {
                    return Err(exit::error(exit::UNTRUSTED, "nothing was loaded"));
                }
                self.load_as(py, true)
            }
            done => done,
        }
    }

    fn load_as(&self, py: Python<'_>, trusted: bool) -> Result<()> {
        let talk = self.talk;
        // Modules beside the script are what a file says that they are.
        if let Contents::Own { index } = self.snapshot.contents()
            && trusted
        {
            loading::find_helpers_again(py, index)?;
        }
        let dill = Dill::find(py, &|text| talk.note(text))?;
        python::running::set(self.options.command.as_ref(), &self.interpreter, &dill, talk);
        let name = self.options.file.display().to_string();
        let request = Request {
            name: &name,
            only: &self.options.only,
            exclude: &self.options.exclude,
            mapped: self.options.mapped,
            partial: self.options.partial,
            renames: &self.options.renames,
            into: None,
            trusted,
            dill: &dill.lazy(),
        };
        let progress = Progress::bytes("checking", self.snapshot.stream_len(), talk);
        let restored = loading::load(py, &self.snapshot, &request, &|bytes| progress.advance(bytes))?;
        drop(progress);
        self.tell(&restored, &name);
        if self.options.strict && !restored.lost.is_empty() {
            let lost = count(restored.lost.len(), "variable");
            return Err(exit::error(
                exit::LEFT_OUT,
                format!("{lost} of {} did not come back: nothing was run", plain(&name)),
            ));
        }
        Ok(())
    }

    fn tell(&self, restored: &Restored, name: &str) {
        let names = count(restored.names.len(), "variable");
        let module =
            if restored.module == "__main__" { String::new() } else { format!(" of {}", plain(&restored.module)) };
        // A script's or an expression's output is what counts; only a prompt or a bare restore is told.
        let text = format!("restored {names}{module} from {}: {}", plain(name), plain(&shown(&restored.names)));
        if self.options.command.is_some() {
            self.talk.detail(&text)
        } else {
            self.talk.note(&text)
        }
        for lost in &restored.lost {
            let (name, kind) = (plain(&lost.name), plain(&lost.type_name));
            let text = format!("{name} ({kind}) did not come back: {}", plain(&lost.why));
            // In a strict restore this is what the error is about.
            if self.options.strict { say::line(&text) } else { self.talk.note(&text) }
        }
    }
}

/// Whether there is somebody to ask.
fn may_ask(file: &Path) -> bool {
    file != Path::new("-") && is_terminal()
}

/// The first names of many.
fn shown(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let head = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{head}, … {} more", names.len() - SHOWN) } else { head }
}

fn failure(error: &anyhow::Error) -> End {
    // Of a refusal the whole text is in its first line.
    if error.downcast_ref::<Untrusted>().is_some() {
        say::error_alone(error)
    } else {
        say::error(error)
    }
    End::Exit(exit::code_of(error))
}
