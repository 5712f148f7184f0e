//! `snapcli inspect SCRIPT`: run it, save every variable into nothing, load it again, and tell what failed.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use anyhow::{Context, Result};
use pyo3::prelude::*;

use super::Talk;
use super::ending;
use super::inspect::{Options, print_to, print_tree_to, tree};
use super::progress::Progress;
use crate::exit;
use crate::python::dill::Dill;
use crate::python::run::{Command, Run, Target, run as run_script};
use crate::python::start::{End, Job, start};
use crate::python::{self, Interpreter, streams};
use crate::report::answer::{Answer, Format};
use crate::session::api::add_to_inittab;
use crate::session::provenance::Origin;
use crate::session::save::{Request, save};
use crate::snapshot::reader::Snapshot;

/// Runs the script. What it prints goes to standard error, as standard output is the answer's.
pub(super) fn run(options: Options, talk: Talk) -> Result<i32> {
    let command = options.subject.command.clone();
    let command = command.ok_or_else(|| exit::error(exit::USAGE, "no script given: snapcli inspect SCRIPT"))?;
    python::check_script(&command)?;
    let interpreter = python::ready(options.subject.python.as_deref())?;
    let out = streams::lend_stdout().context("cannot take over standard output")?;
    let executable = interpreter.executable.clone();
    let inspection = Inspection { command, options, interpreter, talk };
    match start(&executable, add_to_inittab, Job::Whole(Box::new(move |py| inspection.whole(py, out))))? {}
}

struct Inspection {
    command: Command,
    options: Options,
    interpreter: Interpreter,
    talk: Talk,
}

impl Inspection {
    fn whole(&self, py: Python<'_>, out: File) -> End {
        let looked = || -> Result<(Run, i32)> {
            let dill = Dill::find(py, &|text| self.talk.note(text))?;
            python::running::set(Some(&self.command), &self.interpreter, &dill, self.talk);
            let run = run_script(py, &self.command)?;
            let code = if run.forked { exit::DONE } else { self.look(py, &run, &dill, out)? };
            Ok((run, code))
        };
        match looked() {
            Ok((run, code)) if run.succeeded() => End::Exit(code),
            Ok((run, _)) => run.end,
            Err(error) => ending::of_error(py, &error),
        }
    }

    fn look(&self, py: Python<'_>, run: &Run, dill: &Dill, out: File) -> Result<i32> {
        let options = &self.options;
        let mut out = BufWriter::new(out);
        let progress = Progress::variables("checking", self.talk);
        let request = Request {
            module: "__main__",
            rules: &options.subject.rules,
            load_again: options.trace.is_none(),
            key: None,
            progress: &|name, done, total| progress.at(name, done, total),
        };
        let origin = Origin::of_run(py, &self.command, run, &self.interpreter);
        if let Some(name) = &options.trace {
            let (file, ..) = save(py, &request, run, &origin, dill, Vec::new())?;
            return print_tree_to(&mut out, options, &tree(&Snapshot::from_bytes(file)?, name)?);
        }
        let (_, index, _) = save(py, &request, run, &origin, dill, io::sink())?;
        drop(progress);
        let file = match &self.command.target {
            Target::Script(path) => path.display().to_string(),
            Target::Module(name) => format!("-m {}", Path::new(name).display()),
            Target::Code(_) | Target::Expression(_) => "-c".to_owned(),
        };
        let bytes = index.variables.iter().map(|variable| variable.length).sum();
        print_to(
            &mut out,
            options,
            &mut Answer { file, format: Format::Script, bytes, index, verdict: None, verified: None },
        )
    }
}
