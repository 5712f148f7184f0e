//! `snapcli inspect`: what is in a snapshot, without executing anything in it; or which variables of a script cannot be
//! saved.

mod inspect_output;
mod inspected_file;
#[cfg(feature = "python")]
mod script_session;
mod strict_gate;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;

use self::inspect_output::{InspectOutput, check_page_path};
use self::inspected_file::inspect_file;
use super::input_output::stdout_style;
use super::operand_order::{check_inspect, inspect_takes_one};
use super::output_conflicts::{OutputFile, script_file};
use super::unused_options::{check_for_file, check_for_script};
use crate::cli::{GivenOptions, InspectArgs, is_script};
use crate::exit;
use crate::python;
use crate::python::script_command::{ScriptCommand, ScriptTarget, check_script};
use crate::snapshot::store::StoreAddress;
use crate::ui::Verbosity;

const DEFAULT_FILE: &str = "session.pkl";
/// What an output would replace, for the message.
const READ_FILE: &str = "the file to inspect";

/// Inspects a file, or runs a script and inspects the session it leaves.
pub(crate) fn run_command(
    mut args: InspectArgs,
    given: &GivenOptions,
    python: Option<&str>,
    verbosity: Verbosity,
) -> Result<i32> {
    // The script may change the working directory, so the path is made absolute first.
    args.html = args.html.as_deref().map(check_page_path).transpose()?;
    let operands = std::mem::take(&mut args.operands);
    let inspection = InspectOutput { args, verbosity, style: stdout_style() };
    dispatch(inspection, operands, given, python)
}

fn dispatch(
    mut inspection: InspectOutput,
    operands: Vec<OsString>,
    given: &GivenOptions,
    python: Option<&str>,
) -> Result<i32> {
    let program = &mut inspection.args.program;
    let (run_module, code) = (std::mem::take(&mut program.run_module), std::mem::take(&mut program.code));
    // The operands of `inspect` are those of a script; the first one may turn out to be a snapshot instead.
    let Some(command) = ScriptCommand::from_words(run_module, code, operands) else {
        check_for_file(given, Path::new(DEFAULT_FILE), inspection.verbosity)?;
        check_page(&inspection, Some((Path::new(DEFAULT_FILE), READ_FILE)))?;
        return inspect_file(&inspection, Path::new(DEFAULT_FILE));
    };
    if let Some(file) = file_to_read(&command, inspection.args.script)? {
        check_for_file(given, &file, inspection.verbosity)?;
        check_page(&inspection, Some((&file, READ_FILE)))?;
        return inspect_file(&inspection, &file);
    }
    check_for_script(given)?;
    check_inspect(&command)?;
    check_script(&command)?;
    check_page(&inspection, script_file(Some(&command)))?;
    python::note_missing_environment(python, inspection.verbosity);
    let interpreter = python::prepare_interpreter(python)?;
    #[cfg(feature = "python")]
    return script_session::run(inspection, command, interpreter);
    #[cfg(not(feature = "python"))]
    match interpreter {}
}

/// Refuses a page that would replace a source file, a snapshot or the inspected file: `--html session.pkl` takes the
/// file to inspect for the page.
fn check_page(inspection: &InspectOutput, inspected: Option<(&Path, &str)>) -> Result<()> {
    let Some(path) = &inspection.args.html else { return Ok(()) };
    let others: Vec<_> = inspected.into_iter().collect();
    OutputFile { option: "--html", path, is_snapshot: false }.check(&others)
}

/// The file to read; `None` if the command is to be run. Only the name of a script or `--script` makes a file run, so
/// that a file from elsewhere is never run by mistake.
fn file_to_read(command: &ScriptCommand, script: bool) -> Result<Option<PathBuf>> {
    let ScriptTarget::Script(path) = &command.target else { return Ok(None) };
    if path.as_os_str().is_empty() {
        let text = "FILE is an empty string: give the name of a file, such as session.pkl, or a script";
        return Err(exit::error(exit::USAGE, text));
    }
    if script || is_script(path) {
        return Ok(None);
    }
    if path.is_dir() && !StoreAddress::is_whole_store(path) && !StoreAddress::is_damaged_store(path) {
        let text = format!("{} is a directory: pass a file, or add --script to run the directory", path.display());
        return Err(exit::error(exit::USAGE, text));
    }
    if !command.arguments.is_empty() {
        return Err(inspect_takes_one(path, &command.arguments));
    }
    Ok(Some(path.clone()))
}
