//! Writing to standard output, and checking that it is open: a command whose answer goes nowhere must not look like a
//! success.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::input_output::is_stdio;
use crate::cli::{Command, OutputFormat};
use crate::exit;
use crate::ui::Verbosity;
use crate::ui::closed_output::is_stdout_closed;

/// Names of standard output other than `-`. A file that is put in place by a rename would destroy them.
const NAMES: [&str; 3] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Puts `-` in place of the names that the system has for standard output, where a command writes a file.
pub(crate) fn name_stream(command: &mut Command) {
    let rename = |path: &mut PathBuf| {
        if NAMES.iter().any(|name| path == Path::new(name)) {
            *path = PathBuf::from("-");
        }
    };
    match command {
        Command::Save(args) => {
            rename(&mut args.output);
            args.report.iter_mut().for_each(rename);
        }
        Command::Restore(args) => args.report.iter_mut().for_each(rename),
        Command::Export(args) => rename(&mut args.output),
        _ => {}
    }
}

/// Fails if standard output is closed, and the command has something for it.
///
/// # Errors
/// With exit code 2.
pub(crate) fn check_open(command: &Command, verbosity: Verbosity) -> Result<()> {
    let Some(what) = written_to_stdout(command, verbosity).filter(|_| is_stdout_closed()) else { return Ok(()) };
    Err(exit::error(exit::USAGE, format!("cannot write {what} to standard output: it is closed")))
}

/// What a command writes there by itself; code of the user may write more.
fn written_to_stdout(command: &Command, verbosity: Verbosity) -> Option<&'static str> {
    let is_text_wanted = verbosity != Verbosity::Quiet;
    let is_report = |json: bool, path: Option<&Path>| json || path.is_some_and(is_stdio);
    let answer = |is_written: bool| is_written.then_some("the answer");
    match command {
        Command::Save(args) if is_stdio(&args.output) => Some("the snapshot"),
        Command::Save(args) => is_report(args.json, args.report.as_deref()).then_some("the report"),
        Command::Restore(args) if args.list => answer(args.json || is_text_wanted),
        Command::Restore(args) => is_report(args.json, args.report.as_deref()).then_some("the report"),
        Command::Inspect(args) => match args.output_format() {
            OutputFormat::Text => answer(is_text_wanted && args.html.is_none()),
            _ => Some("the answer"),
        },
        Command::Diff(args) => answer(args.json || is_text_wanted),
        Command::Verify(args) => answer(args.json || is_text_wanted),
        Command::Trust(args) => answer(args.json || is_text_wanted),
        Command::Log(args) => answer(args.json || is_text_wanted),
        Command::Status(args) => answer(args.json || is_text_wanted),
        Command::Export(args) if is_stdio(&args.output) => Some("the snapshot"),
        Command::Export(args) => answer(args.json),
        Command::Import(args) => answer(args.json),
        Command::Prune(args) => answer(args.json || is_text_wanted),
        Command::Doctor(args) => answer(args.json || is_text_wanted),
        Command::Completions(args) => (!args.install).then_some("the script"),
        Command::Schema(_) => Some("the schema"),
        Command::Man(_) => Some("the page"),
        Command::Run(_) | Command::VerifyLoad(_) => None,
    }
}
