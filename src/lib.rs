//! snapcli saves a Python session to one file, brings it back, and tells what is in it.
//!
//! The save:
//!
//! ```text
//! cli ──▶ commands ──▶ python (which interpreter, start it, run the script as __main__)
//!                         │ globals
//!                      session (what to keep; why the rest is not)
//!                         │ variables, in order
//!                      pickler (objects → opcodes; roll back a variable that fails)
//!                         │ bytes
//!                      snapshot::writer (hash, index, trailer; atomic) ──▶ file
//! ```
//!
//! The look, which needs no Python:
//!
//! ```text
//! file ──▶ snapshot::reader ──▶ pickle (opcodes, symbolic machine) ──▶ report (text, JSON)
//!              │
//!              └──▶ session::loading ──▶ __main__ ──▶ prompt, code or script
//! ```
//!
//! `pickle`, `snapshot` and `report` know nothing of Python objects; `python`, `session` and `pickler` hold every
//! line that touches PyO3. The feature `python` is the wall between the two.

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

use cli::{Cli, Command};

/// Does what the command line says. Returns the exit code.
pub fn run(cli: Cli) -> Result<i32> {
    let globals = cli.globals;
    let talk = globals.talk();
    match cli.command {
        #[cfg(feature = "python")]
        Command::Save(args) => commands::save::run_command(args.options(globals), talk),
        #[cfg(feature = "python")]
        Command::Restore(args) => commands::restore::run_command(args.options(globals), talk),
        #[cfg(feature = "python")]
        Command::Reload(args) => commands::reload::run_command(args.options(globals), talk),
        Command::Inspect(args) => {
            let options = args.options(
                #[cfg(feature = "python")]
                globals,
            );
            commands::inspect::run(options, talk)
        }
        Command::Diff(args) => commands::diff::run(&args.options(), talk),
        Command::Trust(args) => commands::trust::run(&args.options(), talk),
        Command::Verify(args) => commands::verify::run(&args.options(), talk),
        #[cfg(feature = "python")]
        Command::Doctor(args) => commands::doctor::run(globals.python.as_deref(), args.json, &mut std::io::stdout()),
        Command::Completions(args) => commands::completions::run(&args.options()),
    }
}
