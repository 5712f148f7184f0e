//! `snapcli save`: checks the command line and prepares the Python; the rest runs in it.

#[cfg(feature = "python")]
mod load_check;
#[cfg(feature = "python")]
mod save_job;
#[cfg(feature = "python")]
mod store_save;

use std::mem::take;

use anyhow::Result;

use crate::cli::SaveArgs;
use crate::exit;
use crate::python;
use crate::python::script_command::{ScriptCommand, check_script};
use crate::ui::Verbosity;

/// Runs the script and saves its session.
pub(crate) fn run_command(mut args: SaveArgs, python: Option<&str>, verbosity: Verbosity) -> Result<i32> {
    let (program, operands) = (&mut args.program, take(&mut args.operands));
    let command = ScriptCommand::from_words(take(&mut program.run_module), take(&mut program.code), operands);
    let command = command.ok_or_else(|| exit::error(exit::USAGE, "no script given: run `snapcli save SCRIPT`"))?;
    check_script(&command)?;
    // This may start the program again, so it comes before anything that must happen only once.
    let interpreter = python::prepare_interpreter(python)?;
    #[cfg(feature = "python")]
    return save_job::run(args, command, interpreter, verbosity);
    #[cfg(not(feature = "python"))]
    {
        let _ = verbosity;
        match interpreter {}
    }
}
