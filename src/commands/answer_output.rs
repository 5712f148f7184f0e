//! Where the JSON of a command goes, and that of an error. `save` and `restore` run code of the user, which prints to
//! standard output: with `--json`, its output goes to standard error.

#[cfg(feature = "python")]
use std::ffi::CString;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
#[cfg(feature = "python")]
use std::os::fd::AsRawFd;
#[cfg(feature = "python")]
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use serde::Serialize;

use super::input_output::{is_stdio, stdout};
use crate::cli::Command;
use crate::exit::{self, OrExit};
#[cfg(feature = "python")]
use crate::python::early_exit::{self, EarlyAnswer, EarlyTarget};
use crate::report::answers::ErrorAnswer;
use crate::report::write_json;
use crate::snapshot::atomic::AtomicFile;

/// How many bytes of a file show whether it is a report: fewer than its first two lines, which are ASCII.
const HEAD: u64 = 16;

/// Standard output as it was at the start, once it has been redirected.
static STANDARD_OUTPUT: OnceLock<File> = OnceLock::new();

/// Where the report of a save or a restore goes.
pub(super) struct AnswerOutput {
    target: AnswerTarget,
    /// An answer is written once: an error after that shows only in the exit code.
    is_written: AtomicBool,
}

enum AnswerTarget {
    Nowhere,
    Stream,
    File(PathBuf),
}

impl AnswerOutput {
    /// The output that `--json` and `--report` name, which can be written. With `--json`, or the report `-`, standard
    /// output is redirected.
    pub(super) fn open(json: bool, report: Option<&Path>) -> Result<Self> {
        let target = match report {
            None if !json => AnswerTarget::Nowhere,
            Some(path) if !is_stdio(path) => {
                let absolute = std::path::absolute(path);
                let path = absolute.with_context(|| format!("cannot resolve the path {}", path.display()))?;
                // An existing report stays as it is: the temporary file is dropped at once.
                AtomicFile::create(&path).or_exit(exit::USAGE, || cannot_report(&path))?;
                AnswerTarget::File(path)
            }
            _ => {
                #[cfg(feature = "python")]
                keep_standard_output(
                    crate::python::launch::redirect_stdout().context("cannot redirect standard output")?,
                );
                AnswerTarget::Stream
            }
        };
        Ok(Self { target, is_written: AtomicBool::new(false) })
    }

    /// Writes the answer.
    pub(super) fn write(&self, answer: &impl Serialize) -> Result<()> {
        self.is_written.store(true, Ordering::Relaxed);
        match &self.target {
            AnswerTarget::Nowhere => Ok(()),
            AnswerTarget::Stream => match print_answer(answer) {
                // The program that reads it has ended, as `head` does. That is no failure of the save or restore.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                printed => printed.context("cannot write to standard output"),
            },
            AnswerTarget::File(path) => {
                let mut file = AtomicFile::create(path).with_context(|| cannot_report(path))?;
                write_json(&mut file, answer)?;
                file.commit().with_context(|| cannot_report(path))
            }
        }
    }

    /// Writes the answer for an error that ends the command, unless there is an answer.
    pub(super) fn write_error(&self, error: &ErrorAnswer) {
        if !self.is_written.load(Ordering::Relaxed) {
            // The error is printed as well, and is worth more than one of writing it.
            let _ = self.write(error);
        }
    }
}

#[cfg(feature = "python")]
impl AnswerOutput {
    /// The answer for a script that ends its process, so that there will be no other.
    pub(super) fn for_early_exit(&self, lost: &str) -> Option<EarlyAnswer> {
        self.in_advance(&early_exit_answer(lost))
    }

    /// The answer for a command that Ctrl-C ends, whatever it is doing.
    pub(super) fn for_interrupt(&self, message: &str) -> Option<EarlyAnswer> {
        self.in_advance(&ErrorAnswer::interrupted(message))
    }

    fn in_advance(&self, error: &ErrorAnswer) -> Option<EarlyAnswer> {
        match &self.target {
            AnswerTarget::Nowhere => None,
            AnswerTarget::Stream => early_answer(error, None),
            AnswerTarget::File(path) => early_answer(error, Some(path)),
        }
    }
}

/// The answer for a script that ends its process. `lost` says what its end has not done.
#[cfg(feature = "python")]
pub(super) fn early_exit_answer(lost: &str) -> ErrorAnswer {
    ErrorAnswer::of(&exit::error(exit::FAILED, early_exit::message(lost)))
}

/// An answer that is made in advance, for a file or what was standard output at the start.
#[cfg(feature = "python")]
pub(super) fn early_answer(error: &ErrorAnswer, path: Option<&Path>) -> Option<EarlyAnswer> {
    let mut text = Vec::new();
    write_json(&mut text, error).ok()?;
    let text = String::from_utf8(text).ok()?;
    // The exit code is the last value.
    let (before, _) = text.rsplit_once("\"exit\": ")?;
    let target = match path {
        Some(path) => EarlyTarget::File(CString::new(path.as_os_str().as_bytes()).ok()?),
        None => EarlyTarget::Stream(STANDARD_OUTPUT.get()?.as_raw_fd()),
    };
    Some(EarlyAnswer { before: format!("{before}\"exit\": "), after: "\n}\n".to_owned(), target })
}

fn cannot_report(path: &Path) -> String {
    format!("cannot write the report to {}", path.display())
}

/// Keeps standard output for answers, after file descriptor 1 was redirected.
pub(super) fn keep_standard_output(stream: File) {
    let _ = STANDARD_OUTPUT.set(stream);
}

/// Prints an answer to what was standard output at the start.
pub(crate) fn print_answer(answer: &impl Serialize) -> std::io::Result<()> {
    let mut text = Vec::new();
    write_json(&mut text, answer)?;
    match STANDARD_OUTPUT.get() {
        Some(mut stream) => stream.write_all(&text),
        None => stdout().write_all(&text),
    }
}

/// The file of `--report`.
pub(crate) fn report_path(command: &Command) -> Option<&Path> {
    match command {
        Command::Save(args) => args.report.as_deref(),
        Command::Restore(args) => args.report.as_deref(),
        _ => None,
    }
}

/// Writes the report of a command that has failed before it began, in place of that of an earlier command: a program
/// must not take that for the answer. No other file is replaced, and after a usage error no file is made, as the error
/// may be that `--report` names the wrong file.
pub(crate) fn report_error(path: &Path, error: &anyhow::Error) {
    let is_new = exit::code_of(error) != exit::USAGE && !path.exists();
    if is_stdio(path) || !(is_new || is_report(path)) {
        return;
    }
    // The error is printed as well, and is worth more than one of writing it.
    let _ = AtomicFile::create(path).map_err(anyhow::Error::from).and_then(|mut file| {
        write_json(&mut file, &ErrorAnswer::of(error))?;
        Ok(file.commit()?)
    });
}

/// Whether a file begins as the reports of `save` and `restore` do.
fn is_report(path: &Path) -> bool {
    let mut head = String::new();
    // Opening a pipe could wait forever.
    let is_file = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    let read = is_file.then(|| File::open(path).and_then(|file| file.take(HEAD).read_to_string(&mut head)));
    read.is_some_and(|read| read.is_ok()) && head.trim_start_matches('{').trim_start().starts_with("\"schema\":")
}

/// Whether a command prints its answer as JSON to standard output, and therefore its errors, too.
pub(crate) fn answers_in_json(command: &Command) -> bool {
    match command {
        Command::Save(args) => args.json || args.report.as_deref().is_some_and(is_stdio),
        Command::Restore(args) => args.json || args.report.as_deref().is_some_and(is_stdio),
        Command::Inspect(args) => args.output_format() == crate::cli::OutputFormat::Json,
        Command::Diff(args) => args.json,
        Command::Verify(args) => args.json,
        Command::Trust(args) => args.json,
        Command::Log(args) => args.json,
        Command::Status(args) => args.json,
        Command::Export(args) => args.json,
        Command::Import(args) => args.json,
        Command::Prune(args) => args.json,
        Command::Doctor(args) => args.json,
        Command::Run(_) | Command::Completions(_) | Command::VerifyLoad(_) | Command::Schema(_) | Command::Man(_) => {
            false
        }
    }
}
