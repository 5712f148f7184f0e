//! snapcli saves the session of a Python script to one file, restores it, and shows what is in it.
//!
//! Saving:
//!
//! ```text
//! cli ──▶ commands ──▶ python (choose an interpreter, start it, run the script as __main__)
//! │ global variables
//! session (select the variables to save; explain why the others are left out)
//! │ variables, in order
//! pickler (objects to opcodes; undo a variable that fails)
//! │ bytes
//! snapshot (hash, index, trailer; replace the file atomically) ──▶ file
//! ```
//!
//! Reading. Only the second line needs Python:
//!
//! ```text
//! file ──▶ snapshot ──▶ pickle (parse opcodes, execute them symbolically) ──▶ report (text, JSON, HTML)
//! └──────▶ session (load variables into __main__) ──▶ prompt, code or script
//! ```
//!
//! Imports go one way: `commands → session → {python, pickler} → snapshot → pickle`. `cli`, `report`, `ui` and `exit`
//! are leaves that others use. `pickle`, `snapshot` and `report` know no Python objects: all code that names PyO3 is in
//! `python`, `session` and `pickler`, which the feature `python` turns on.

use anyhow::Result;

pub mod cli;
pub mod commands;
pub mod exit;
pub mod pickle;
#[cfg(feature = "python")]
pub mod pickler;
#[cfg(feature = "python")]
pub mod python;
pub mod report;
#[cfg(feature = "python")]
pub mod session;
pub mod snapshot;
pub mod ui;

use cli::{Cli, Command, GlobalArgs};
use ui::Verbosity;

/// Runs the command that the command line names. Returns the exit code.
pub fn run(cli: Cli) -> Result<i32> {
    let Cli { globals, command } = cli;
    let verbosity = verbosity(&globals);
    match command {
        #[cfg(feature = "python")]
        Command::Save(args) => commands::save::run_command(args, globals.python.as_deref(), verbosity),
        #[cfg(feature = "python")]
        Command::Restore(args) => commands::restore::run_command(args, globals.python.as_deref(), verbosity),
        #[cfg(feature = "python")]
        Command::VerifyLoad(args) => commands::verify_load::run_command(args, globals.python.as_deref(), verbosity),
        Command::Inspect(args) => commands::inspect::run_command(args, &globals, verbosity),
        Command::Diff(args) => commands::diff::run_command(&args, verbosity),
        Command::Verify(args) => commands::verify::run_command(&args, verbosity),
        Command::Trust(args) => commands::trust::run_command(&args, verbosity),
        #[cfg(feature = "python")]
        Command::Doctor(args) => commands::doctor::run_command(&args, globals.python.as_deref()),
        Command::Completions(args) => commands::completions::run_command(&args),
    }
}

fn verbosity(globals: &GlobalArgs) -> Verbosity {
    if globals.quiet {
        Verbosity::Quiet
    } else if globals.verbose {
        Verbosity::Verbose
    } else {
        Verbosity::Normal
    }
}
