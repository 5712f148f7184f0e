//! `snapcli reload`: the fresh process of `save --verify`. Loads every variable of a file, pickles what came back once
//! more, and tells as JSON what did not come back and what came back different. Not for people.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};

use super::Talk;
use crate::exit;
use crate::python::dill::Dill;
use crate::python::start::{End, Job, start};
use crate::python::{self, Interpreter, streams};
use crate::report::say;
use crate::session::again::again;
use crate::session::api::add_to_inittab;
use crate::session::loading::{self, Request};
use crate::session::provenance::Origin;
use crate::snapshot::echo::Compared;
use crate::snapshot::index::Ended;
use crate::snapshot::reader::{Contents, Snapshot};

/// What was asked.
pub struct Options {
    /// The snapshot, which the one who asks has just written.
    pub file: PathBuf,
    /// Whether imported data is in it by reference.
    pub refimported: bool,
    /// `--python`.
    pub python: Option<String>,
}

/// What became of a file's variables.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reloaded {
    /// What did not come back, and why.
    pub lost: Vec<String>,
    /// How what came back differs; the reason where that cannot be told.
    pub compared: Result<Compared, String>,
}

/// Has a file loaded in a fresh process. An error is one of loading it at all.
pub fn reload(executable: &str, file: &Path, refimported: bool) -> Result<Reloaded> {
    let mut process = Process::new(std::env::current_exe()?);
    process.args(["reload", "--quiet", "--python", executable]).arg(file).stdin(Stdio::null());
    if refimported {
        process.arg("--refimported");
    }
    let done = process.output().context("cannot start a process to verify the snapshot")?;
    if let (true, Ok(reloaded)) = (done.status.success(), serde_json::from_slice(&done.stdout)) {
        return Ok(reloaded);
    }
    let said = String::from_utf8_lossy(&done.stderr);
    // The file has a temporary name, which says nothing to anybody.
    let lines = said.lines().filter(|line| !line.contains(&file.display().to_string()));
    let text = lines.map(|line| line.trim().trim_start_matches("snapcli: ")).collect::<Vec<_>>().join("; ");
    bail!("the process that loaded it ended with {}: {text}", done.status)
}

/// Loads the file and prints what became of it.
pub fn run_command(options: Options, talk: Talk) -> Result<i32> {
    let snapshot = Snapshot::open(&options.file).with_context(|| format!("cannot load {}", options.file.display()))?;
    let interpreter = python::ready(options.python.as_deref())?;
    // What the modules that are imported print is not the answer.
    let out = streams::lend_stdout().context("cannot take over standard output")?;
    let reload = Reload { snapshot: Arc::new(snapshot), options, interpreter: interpreter.clone(), out, talk };
    match start(&interpreter.executable, add_to_inittab, Job::Whole(Box::new(move |py| reload.whole(py))))? {}
}

struct Reload {
    snapshot: Arc<Snapshot>,
    options: Options,
    interpreter: Interpreter,
    out: File,
    talk: Talk,
}

impl Reload {
    fn whole(mut self, py: Python<'_>) -> End {
        match self.reloaded(py).and_then(|reloaded| self.tell(&reloaded)) {
            Ok(()) => End::Exit(exit::DONE),
            Err(error) => {
                say::error(&error);
                End::Exit(exit::code_of(&error))
            }
        }
    }

    fn reloaded(&self, py: Python<'_>) -> Result<Reloaded> {
        let Contents::Own { index } = self.snapshot.contents() else { bail!("this is no snapshot of snapcli's") };
        loading::find_helpers_again(py, index)?;
        let dill = Dill::find(py, &|text| self.talk.note(text))?;
        python::running::set(None, &self.interpreter, &dill, self.talk);
        let request = Request {
            name: &self.options.file.display().to_string(),
            only: &[],
            exclude: &[],
            mapped: false,
            partial: false,
            renames: &[],
            into: None,
            // The one who asks has just written it.
            trusted: true,
            dill: &dill.lazy(),
        };
        let restored = loading::load(py, &self.snapshot, &request, &|_| {})?;
        let lost: Vec<String> =
            restored.lost.iter().map(|lost| format!("{} ({}): {}", lost.name, lost.type_name, lost.why)).collect();
        let compared = match lost.is_empty() {
            true => self.compared(py, &index.module, &dill).map_err(|error| format!("{error:#}")),
            false => Err("not everything came back".to_owned()),
        };
        Ok(Reloaded { lost, compared })
    }

    fn compared(&self, py: Python<'_>, module: &str, dill: &Dill) -> Result<Compared> {
        let origin = Origin {
            command: None,
            source: None,
            ended: Ended::default(),
            seconds: 0.0,
            interpreter: &self.interpreter,
        };
        let module = py.import(module)?;
        dill.at_hand(py, |dill| again(py, &self.snapshot, &module, self.options.refimported, &origin, dill))?
    }

    fn tell(&mut self, reloaded: &Reloaded) -> Result<()> {
        serde_json::to_writer(&mut self.out, reloaded)?;
        Ok(self.out.flush()?)
    }
}
