//! `snapcli save`: checks the command line and prepares the Python; the rest runs in it.

#[cfg(feature = "python")]
mod background_snapshot;
#[cfg(feature = "python")]
mod file_save;
#[cfg(feature = "python")]
mod function_locals;
#[cfg(feature = "python")]
mod kept_sessions;
#[cfg(feature = "python")]
mod load_check;
pub(in crate::commands) mod named_patterns;
#[cfg(feature = "python")]
mod running_file;
#[cfg(feature = "python")]
mod running_save;
#[cfg(feature = "python")]
mod save_job;
#[cfg(feature = "python")]
mod save_summary;
#[cfg(feature = "python")]
mod snapshot_destination;
#[cfg(feature = "python")]
mod store_save;
#[cfg(feature = "python")]
mod unmatched_names;

use std::mem::take;

use anyhow::Result;

use self::named_patterns::{NamedPatterns, warn_of_missing};
use super::operand_order::check_save;
use super::output_conflicts::{OutputFile, script_file};
use crate::cli::{GivenOptions, SaveArgs};
use crate::exit;
use crate::python;
use crate::python::script_command::{ScriptCommand, check_script};
use crate::ui::Verbosity;

/// Runs the script and saves its session.
pub(crate) fn run_command(
    mut args: SaveArgs,
    given: &GivenOptions,
    python: Option<&str>,
    verbosity: Verbosity,
) -> Result<i32> {
    let (program, operands) = (&mut args.program, take(&mut args.operands));
    let command = ScriptCommand::from_words(take(&mut program.run_module), take(&mut program.code), operands);
    let command = command.ok_or_else(|| exit::error(exit::USAGE, "no script given: run `snapcli save SCRIPT`"))?;
    check_save(&command)?;
    check_script(&command)?;
    check_outputs(&args, &command)?;
    if !python::second_start::is_second() {
        warn_of_missing(&command, &NamedPatterns::of(&args.selection), verbosity);
    }
    python::note_missing_environment(python, verbosity);
    // This may start the program again, so it comes before anything that must happen only once.
    let interpreter = python::prepare_interpreter(python)?;
    #[cfg(feature = "python")]
    return save_job::run(args, given, command, interpreter, verbosity);
    #[cfg(not(feature = "python"))]
    {
        let _ = (given, verbosity);
        match interpreter {}
    }
}

/// Refuses outputs that would replace the script, each other, source files or snapshots.
fn check_outputs(args: &SaveArgs, command: &ScriptCommand) -> Result<()> {
    let mut others: Vec<_> = script_file(Some(command)).into_iter().collect();
    OutputFile { option: "-o", path: &args.output, is_snapshot: true }.check(&others)?;
    others.push((&args.output, "the snapshot of -o"));
    match &args.report {
        Some(path) => OutputFile { option: "--report", path, is_snapshot: false }.check(&others),
        None => Ok(()),
    }
}
