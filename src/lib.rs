//! snapcli saves the session of a Python script to one file, restores it, and shows what is in it.
//!
//! Saving:
//!
//! ```text
//! cli ──▶ commands ──▶ python (choose an interpreter, start it, run the script as __main__)
//!                         │ global variables
//!                      session (select the variables to save; explain why the others are left out)
//!                         │ variables, in order
//!                      pickler (objects to opcodes; undo a variable that fails)
//!                         │ bytes
//!                      snapshot (hash, index, trailer; replace the file atomically) ──▶ file
//! ```
//!
//! Reading. Only the second line needs Python:
//!
//! ```text
//! file ──▶ snapshot ──▶ pickle (parse opcodes, execute them symbolically) ──▶ report (text, JSON, HTML)
//!              └──────▶ session (load variables into __main__) ──▶ prompt, code or script
//! ```
//!
//! Imports go one way: `commands → session → {python, pickler} → snapshot → pickle`. `cli`, `ui` and `exit` are leaves
//! that others use, and `report` imports no command. `pickle`, `snapshot` and `report` know no Python objects: all code
//! that names PyO3 is in `python`, `session` and `pickler`, which the feature `python` turns on.

// See clippy.toml: all that is printed goes through `ui`.
#![warn(clippy::disallowed_methods)]
#![cfg_attr(
    not(feature = "python"),
    allow(dead_code, reason = "what saves and restores is used only with Python; the full build finds dead code")
)]

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

mod allocator;
mod cli;
mod commands;
mod exit;
#[doc(hidden)]
pub mod internals;
mod pickle;
#[cfg(feature = "python")]
mod pickler;
mod python;
mod report;
#[cfg(feature = "python")]
mod session;
mod settings;
mod snapshot;
mod ui;

use cli::{Cli, Command, GlobalArgs};
use report::answers::ErrorAnswer;
use settings::Settings;
use snapshot::atomic::signals;
use ui::colors::{self, ColorMode};
use ui::{Verbosity, messages};

/// The program: parses the command line, runs the command, prints an error, and returns the exit code.
pub fn main() -> ExitCode {
    ExitCode::from(run_program(std::env::args_os().collect()))
}

/// The program with these words as its command line. Returns the exit code.
fn run_program(words: Vec<OsString>) -> u8 {
    allocator::end_without_memory();
    // `snapcli run` handles it once Python has started, and must not be ended by it before.
    let holds = words.iter().skip(1).any(|word| word == "run");
    if holds {
        signals::block(libc::SIGUSR1);
    }
    if commands::completions::answer_shell(&words) {
        return 0;
    }
    // A second start must see the environment that the user gave to the first one.
    let started = python::second_start::take();
    let parsed = cli::parse(words);
    let report = match &parsed {
        Ok(cli) => commands::answer_output::report_path(&cli.command).map(Path::to_path_buf),
        Err(rejected) => rejected.words.report().map(Into::into),
    };
    let in_json = match &parsed {
        Ok(cli) => commands::answer_output::answers_in_json(&cli.command),
        Err(rejected) => commands::usage_error::answers_in_json(rejected),
    };
    if holds && !matches!(&parsed, Ok(Cli { command: Command::Run(_), .. })) {
        signals::unblock(libc::SIGUSR1);
    }
    let result = started.and_then(|_| match parsed {
        Ok(cli) => run(cli),
        Err(rejected) => commands::usage_error::answer(&rejected),
    });
    let code = result.unwrap_or_else(|error| {
        if exit::is_broken_pipe(&error) {
            return exit::DONE;
        }
        let error = exit::naming_output(error);
        messages::print_error(&error);
        if in_json {
            // Standard output may be closed by now.
            let _ = commands::answer_output::print_answer(&ErrorAnswer::of(&error));
        }
        if let Some(report) = &report {
            commands::answer_output::report_error(report, &error);
        }
        let code = exit::code_of(&error);
        if code == exit::INTERRUPTED {
            signals::end_by(libc::SIGINT);
        }
        code
    });
    u8::try_from(code).unwrap_or(1)
}

/// Runs the command that the command line names. Returns the exit code.
fn run(mut cli: Cli) -> Result<i32> {
    apply_settings(&mut cli)?;
    let Cli { globals, mut command, given, note } = cli;
    commands::remote_operands::conceal(&mut command);
    commands::standard_output::name_stream(&mut command);
    colors::choose(globals.color.into());
    let verbosity = verbosity(&globals);
    if globals.no_progress {
        ui::progress::switch_off();
    }
    // A second start has the same command line.
    if let Some(note) = note.filter(|_| !python::second_start::is_second()) {
        verbosity.note(&note);
    }
    commands::unused_options::note_unused_python(&command, &given, verbosity);
    // A second start has what stands in for a closed stream.
    if !python::second_start::is_second() {
        commands::standard_output::check_open(&command, verbosity)?;
    }
    if commands::remote_operands::need_engine(&mut command) {
        return Err(python::start_engine(globals.python.as_deref()));
    }
    let store_place = given.origins.get("store").cloned();
    let result = match command {
        Command::Save(args) => commands::save::run_command(args, &given, globals.python.as_deref(), verbosity),
        Command::Run(args) => commands::run::run_command(args, globals.python.as_deref(), verbosity),
        Command::Restore(args) => commands::restore::run_command(args, &given, globals.python.as_deref(), verbosity),
        Command::VerifyLoad(args) => commands::verify_load::run_command(args, globals.python.as_deref(), verbosity),
        Command::Inspect(args) => commands::inspect::run_command(args, &given, globals.python.as_deref(), verbosity),
        Command::Diff(args) => commands::diff::run_command(&args, verbosity),
        Command::Verify(args) => commands::verify::run_command(&args, verbosity),
        Command::Trust(args) => commands::trust::run_command(&args, verbosity),
        Command::Log(args) => commands::stores::questions::log(&args, verbosity),
        Command::Status(args) => commands::run::run_status::run_command(&args, verbosity),
        Command::Export(args) => commands::stores::export::run_command(&args, &given, verbosity),
        Command::Import(args) => commands::stores::import::run_command(&args, verbosity),
        Command::Prune(args) => commands::stores::remove_snapshots::run_command(&args, verbosity),
        Command::Doctor(args) => commands::doctor::run_command(&args, &globals, verbosity),
        Command::Completions(args) => commands::completions::run_command(&args, verbosity),
        Command::Schema(args) => commands::schema::run_command(&args),
        Command::Man(args) => commands::man::run_command(&args),
    };
    result.map_err(|error| match store_place {
        Some(place) => exit::with_detail(error, format!("the store is set in {place}")),
        None => error,
    })
}

/// Gives options that were not typed the values of the settings. Those of `verify-load` come from the save that starts
/// it; `doctor` shows the settings, with what is wrong in them.
fn apply_settings(cli: &mut Cli) -> Result<()> {
    let needs_none = matches!(
        cli.command,
        Command::VerifyLoad(_) | Command::Doctor(_) | Command::Completions(_) | Command::Schema(_) | Command::Man(_)
    );
    if cli.globals.no_config || Settings::are_off() || needs_none {
        return Ok(());
    }
    let settings = Settings::load()?;
    settings::apply(&settings, cli);
    let is_first = !python::second_start::is_second();
    for (file, why) in settings.files.iter().filter_map(|file| Some((file, file.ignored.as_ref()?))) {
        let (table, path) = (file.table(), file.path.display());
        let text = format!("warning: ignoring {table} of {path}: {why}");
        if is_first {
            verbosity(&cli.globals).note(&text)
        }
    }
    Ok(())
}

impl From<cli::ColorChoice> for ColorMode {
    fn from(choice: cli::ColorChoice) -> Self {
        match choice {
            cli::ColorChoice::Auto => Self::Auto,
            cli::ColorChoice::Always => Self::Always,
            cli::ColorChoice::Never => Self::Never,
        }
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
