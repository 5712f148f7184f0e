//! `snapcli save`: run the script, pickle what it leaves, put the file in place.

mod verified;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pyo3::prelude::*;

use super::Talk;
use super::ending;
use super::progress::Progress;
use crate::exit::{self, OrExit};
use crate::python::dill::Dill;
use crate::python::run::{Command, Run, run};
use crate::python::start::{End, Job, start};
use crate::python::{self, Interpreter, streams};
use crate::report::answer::{Answer, Format};
use crate::report::{self, say};
use crate::session::api::add_to_inittab;
use crate::session::keep::Rules;
use crate::session::key::key;
use crate::session::provenance::Origin;
use crate::session::save::{Request, save};
use crate::snapshot::atomic::AtomicFile;
use crate::snapshot::echo::Compared;
use crate::snapshot::index::{Index, Reason};
use crate::snapshot::target::{Spool, Target};
use crate::snapshot::trust::Key;

/// What was asked.
pub struct Options {
    /// Where to save; `-` is standard output.
    pub output: PathBuf,
    /// Whether anything that fails to be saved is an error.
    pub strict: bool,
    /// Whether to load the file before it is put in place, and to compare what comes back.
    pub verify: bool,
    /// Where to write the report.
    pub report: Option<PathBuf>,
    /// The module whose namespace is saved.
    pub module: String,
    /// Which names are kept.
    pub rules: Rules,
    /// `--python`.
    pub python: Option<String>,
    /// The script.
    pub command: Option<Command>,
}

/// Runs the script and saves its session.
pub fn run_command(options: Options, talk: Talk) -> Result<i32> {
    let command = options.command.clone();
    let command = command.ok_or_else(|| exit::error(exit::USAGE, "no script given: snapcli save SCRIPT"))?;
    python::check_script(&command)?;
    let interpreter = python::ready(options.python.as_deref())?;
    talk.detail(&format!("Python {} at {}", interpreter.version_text, interpreter.executable.display()));
    let output = Output::new(&options.output)?;
    let report = options.report.as_deref().map(report_path).transpose()?;
    // Before the script runs, which could change where the key is looked for.
    let key = key(talk);
    let save = Save { output, report, key, options, command, interpreter: interpreter.clone(), talk };
    match start(&interpreter.executable, add_to_inittab, Job::Whole(Box::new(move |py| save.whole(py))))? {}
}

/// Where a snapshot goes.
enum Output {
    /// A file, by its absolute path: a script may change its working folder.
    File(PathBuf),
    /// What standard output was before the script began.
    Stream(File),
}

impl Output {
    /// Finds out before the script runs whether its session can be written at all.
    fn new(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
                let text = "a snapshot is no text for a terminal: send standard output to a file or a pipe";
                return Err(exit::error(exit::USAGE, text));
            }
            return Ok(Self::Stream(streams::lend_stdout().context("cannot take over standard output")?));
        }
        let path = absolute(path)?;
        AtomicFile::create(&path).or_exit(exit::USAGE, || format!("cannot save to {}", path.display()))?;
        Ok(Self::File(path))
    }
}

/// Finds out before the script runs whether the report can be written.
fn report_path(path: &Path) -> Result<PathBuf> {
    let path = absolute(path)?;
    AtomicFile::create(&path).or_exit(exit::USAGE, || format!("cannot write the report to {}", path.display()))?;
    Ok(path)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot find the folder of {}", path.display()))
}

struct Save {
    options: Options,
    command: Command,
    output: Output,
    report: Option<PathBuf>,
    key: Option<Key>,
    interpreter: Interpreter,
    talk: Talk,
}

/// A snapshot that is in place.
struct Saved {
    path: PathBuf,
    index: Index,
    bytes: u64,
    /// How what comes back differs, where that was asked.
    verified: Option<Compared>,
    /// The exit code for a script that succeeded.
    code: i32,
}

impl Save {
    /// All that happens while Python runs.
    fn whole(self, py: Python<'_>) -> End {
        let talk = self.talk;
        let dill = match Dill::find(py, &|text| talk.note(text)) {
            Ok(dill) => dill,
            Err(error) => return ending::of_error(py, &error),
        };
        python::running::set(Some(&self.command), &self.interpreter, &dill, talk);
        let run = match run(py, &self.command) {
            Ok(run) => run,
            Err(error) => return ending::of_error(py, &error.into()),
        };
        if run.forked {
            return run.end;
        }
        match self.session(py, &run, &dill) {
            Ok(code) if run.succeeded() => End::Exit(code),
            Ok(_) => run.end,
            Err(error) if run.succeeded() || ending::asked_for(py, &error).is_some() => ending::of_error(py, &error),
            Err(error) => {
                say::error(&error);
                run.end
            }
        }
    }

    /// Saves the session of a script that has run. Returns the exit code for one that succeeded.
    fn session(&self, py: Python<'_>, run: &Run, dill: &Dill) -> Result<i32> {
        let saved = match &self.output {
            Output::File(path) if run.succeeded() => Some(self.to_file_or_spare(py, run, dill, path)?),
            Output::File(path) => self.crash(py, run, dill, &crash_path(path))?,
            Output::Stream(stream) => {
                let spool = Spool::new().context("cannot create a file in the folder for temporary files")?;
                let (spool, index, bytes) = self.write(py, run, dill, spool)?;
                let mut out = stream.try_clone()?;
                let sent = py.detach(|| spool.send(&mut out));
                py.check_signals()?;
                sent.context("cannot write to standard output")?;
                Some(Saved { path: PathBuf::from("-"), index, bytes, verified: None, code: exit::DONE })
            }
        };
        let Some(Saved { path, index, bytes, verified, code }) = saved else { return Ok(exit::DONE) };
        let file = path.display().to_string();
        let answer = Answer { file, format: Format::Snapcli, bytes, index, verdict: None, verified };
        self.tell(run, &answer)?;
        if let Some(path) = &self.report {
            let mut file = AtomicFile::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            report::json(&mut file, &answer)?;
            file.commit().with_context(|| format!("cannot write {}", path.display()))?;
        }
        let is_bad = answer.has_bad() || answer.has_changes();
        Ok(if self.options.strict && is_bad { exit::LEFT_OUT } else { code })
    }

    /// Saves what a failed script had reached. One that had reached nothing leaves an earlier crash file alone.
    fn crash(&self, py: Python<'_>, run: &Run, dill: &Dill, path: &Path) -> Result<Option<Saved>> {
        let file = AtomicFile::create(path).with_context(|| format!("cannot save to {}", path.display()))?;
        let (file, index, bytes) = self.write(py, run, dill, file)?;
        if index.variables.is_empty() && index.left_out.is_empty() {
            return Ok(None);
        }
        py.detach(|| file.commit()).with_context(|| format!("cannot save to {}", path.display()))?;
        Ok(Some(Saved { path: path.to_owned(), index, bytes, verified: None, code: exit::DONE }))
    }

    /// Saves to a file; where that cannot be written any more (its folder is gone, the disk is full), to the folder
    /// for temporary files.
    fn to_file_or_spare(&self, py: Python<'_>, run: &Run, dill: &Dill, path: &Path) -> Result<Saved> {
        let error = match self.to_file(py, run, dill, path) {
            Err(error) if exit::code_of(&error) == exit::FAILED && ending::asked_for(py, &error).is_none() => error,
            done => return done,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let spare = std::env::temp_dir().join(format!("snapcli-{}-{name}", std::process::id()));
        match self.to_file(py, run, dill, &spare) {
            Ok(saved) => {
                say::error(&error);
                Ok(Saved { code: exit::FAILED, ..saved })
            }
            Err(_) => Err(error),
        }
    }

    fn to_file(&self, py: Python<'_>, run: &Run, dill: &Dill, path: &Path) -> Result<Saved> {
        let place = || format!("cannot save to {}", path.display());
        let file = AtomicFile::create(path).with_context(place)?;
        let (mut file, index, bytes) = self.write(py, run, dill, file)?;
        file.flush().with_context(place)?;
        let verified = match self.options.verify {
            true => self.verified(py, run, dill, &index, file.path()).map(Some),
            false => Ok(None),
        };
        // A Ctrl-C ends the other process, too, which says nothing of the file.
        py.check_signals()?;
        let verified = match verified {
            Ok(verified) => verified,
            Err(error) => {
                // What was saved is not thrown away: most of it may well load.
                let beside = path.with_extension("unverified.pkl");
                py.detach(|| file.commit_to(&beside)).with_context(place)?;
                return Err(error.context(format!("{} was left as it was: see {}", path.display(), beside.display())))
                    .or_exit(exit::DAMAGED, || "the snapshot does not load again".to_owned());
            }
        };
        py.detach(|| file.commit()).with_context(place)?;
        Ok(Saved { path: path.to_owned(), index, bytes, verified, code: exit::DONE })
    }

    fn write<T: Target + Send + 'static>(
        &self,
        py: Python<'_>,
        run: &Run,
        dill: &Dill,
        out: T,
    ) -> Result<(T, Index, u64)> {
        let progress = Progress::variables("saving", self.talk);
        let request = Request {
            module: &self.options.module,
            rules: &self.options.rules,
            load_again: false,
            key: self.key.as_ref(),
            progress: &|name, done, total| progress.at(name, done, total),
        };
        let origin = Origin::of_run(py, &self.command, run, &self.interpreter);
        save(py, &request, run, &origin, dill, out)
    }

    /// Says what was saved and what was not.
    fn tell(&self, run: &Run, answer: &Answer) -> Result<()> {
        let saved = report::count(answer.index.variables.len(), "variable");
        let how = if run.succeeded() { "saved" } else { "the script failed; saved what it had reached:" };
        let place = if answer.file == "-" {
            "standard output".to_owned()
        } else {
            report::plain(&shorten(&answer.file)).into_owned()
        };
        self.talk.note(&format!("{how} {saved} to {place} ({})", report::size(answer.bytes)));
        if let Some(verified) = &answer.verified {
            self.tell_verified(verified);
        }
        if self.talk == Talk::Quiet {
            return Ok(());
        }
        let mut text = Vec::new();
        let bad: Vec<_> = answer.index.left_out.iter().filter(|item| item.reason == Reason::Failed).collect();
        if !bad.is_empty() {
            self.talk.note(&format!("left out {} that cannot be saved:", report::count(bad.len(), "variable")));
            report::text::left_out(&mut text, bad, false)?;
        }
        // Standard error may be closed; the session is saved all the same.
        let _ = std::io::stderr().write_all(&text);
        for variable in &answer.index.variables {
            if !variable.secrets.is_empty() {
                let (name, why) = (report::plain(&variable.name), variable.secrets.join("; "));
                let why = report::plain(&why).into_owned();
                self.talk.note(&format!("warning: {name} looks like a credential ({why}): --redact leaves it out"));
            }
            for note in &variable.notes {
                self.talk.note(&format!("{}: {}", report::plain(&variable.name), report::plain(note)));
            }
        }
        for item in answer.index.left_out.iter().filter(|item| item.reason != Reason::Failed) {
            let text = format!("left out {}: {}", report::plain(&item.name), report::plain(&item.error));
            match item.reason {
                Reason::Size | Reason::Secret => self.talk.note(&text),
                _ => self.talk.detail(&text),
            }
        }
        Ok(())
    }
}

/// `session.pkl` becomes `session.crash.pkl`.
fn crash_path(path: &Path) -> PathBuf {
    path.with_extension("crash.pkl")
}

/// A path below the working folder without that folder.
fn shorten(path: &str) -> String {
    let folder = std::env::current_dir().unwrap_or_default();
    Path::new(path).strip_prefix(folder).unwrap_or(Path::new(path)).display().to_string()
}
