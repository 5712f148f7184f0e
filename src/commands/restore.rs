//! `snapcli restore`: check the file, start the Python it wants, load it, and hand over to what was asked.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use pyo3::prelude::*;

use super::Talk;
use super::progress::Progress;
use crate::exit::{self, OrExit};
use crate::python::dill::Dill;
use crate::python::run::{Command, run, run_before_prompt};
use crate::python::start::{End, Job, start};
use crate::python::{self, Interpreter};
use crate::report::{count, plain, say};
use crate::session::load::{self, Restored};
use crate::snapshot::reader::{Contents, Snapshot};

/// What was asked.
pub struct Options {
    /// The snapshot; `-` is standard input.
    pub file: PathBuf,
    /// Whether a variable that does not come back is an error.
    pub strict: bool,
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
    let interpreter = python::ready(options.python.as_deref())?;
    let snapshot = read(&options.file, talk)?;
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
    match start(&interpreter.executable, job)? {}
}

/// Opens the file and checks all of its bytes.
fn read(path: &Path, talk: Talk) -> Result<Snapshot> {
    let name = || format!("cannot restore {}", path.display());
    let snapshot = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        Snapshot::from_bytes(bytes).or_exit(exit::DAMAGED, || "cannot restore standard input".to_owned())?
    } else {
        Snapshot::open(path).or_exit(exit::DAMAGED, name)?
    };
    let progress = Progress::bytes("checking", snapshot.stream_len(), talk);
    snapshot.check(&mut |bytes| progress.advance(bytes)).or_exit(exit::DAMAGED, name)?;
    Ok(snapshot)
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

    fn load(&self, py: Python<'_>) -> Result<()> {
        let talk = self.talk;
        if let Contents::Own { index } = self.snapshot.contents() {
            load::find_helpers_again(py, index)?;
        }
        let dill = Dill::find(py, &|text| talk.note(text))?;
        python::running::set(self.options.command.as_ref(), &self.interpreter, &dill);
        let dill = dill.import(py)?;
        let name = self.options.file.display().to_string();
        let progress = Progress::bytes("loading", self.snapshot.stream_len(), talk);
        let restored = load::load(py, &dill, &self.snapshot, &name, Box::new(move |bytes| progress.advance(bytes)))?;
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

/// The first names of many.
fn shown(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let head = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{head}, … {} more", names.len() - SHOWN) } else { head }
}

fn failure(error: &anyhow::Error) -> End {
    say::error(error);
    End::Exit(exit::code_of(error))
}
