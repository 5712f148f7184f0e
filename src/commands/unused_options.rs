//! Options without effect: an error if the user expects one from them, otherwise a note.
//!
//! `inspect` takes files and scripts, and has options that are for only one of them. `--python` is accepted everywhere,
//! so that an alias can have it.

use std::path::Path;

use anyhow::Result;

use super::operand_order::shell_word;
use crate::cli::{Command, GivenOptions};
use crate::exit;
use crate::ui::Verbosity;

/// Options of `inspect` that choose what a script's session holds.
const FOR_SCRIPTS: [&str; 13] = [
    "include",
    "exclude",
    "exclude_type",
    "private",
    "max_size",
    "redact",
    "refimported",
    "whole",
    "no_private",
    "no_redact",
    "no_strict",
    "no_verify",
    "no_whole",
];
/// Options of `inspect` that are about reading a file.
const FOR_FILES: [&str; 3] = ["verdict", "allow", "max_memory"];

/// Checks the options of `inspect` for a file.
///
/// # Errors
/// With exit code 2.
pub(super) fn check_for_file(given: &GivenOptions, file: &Path, verbosity: Verbosity) -> Result<()> {
    if given.python_for_command {
        verbosity.note("note: --python has no effect: `snapcli inspect FILE` starts no Python");
    }
    let Some(option) = FOR_SCRIPTS.iter().find(|option| given.has(option)) else { return Ok(()) };
    let (name, word) = (long_name(option), shell_word(&file.to_string_lossy()));
    let mut details = Vec::new();
    if matches!(*option, "include" | "exclude") {
        let restored = if *option == "include" { "--only" } else { "--exclude" };
        details.push(format!("to list some of its names: snapcli restore --list {restored} GLOB {word}"));
        details.push(format!("to show one variable: snapcli inspect --trace NAME {word}"));
    }
    let name = if *option == "include" { "--only (--include)".to_owned() } else { name };
    let text = format!("{name} is for scripts: it chooses what is saved, and {} is a snapshot", file.display());
    Err(exit::coded(exit::USAGE, text).with_details(details).into())
}

/// Checks the options of `inspect` for a script.
///
/// # Errors
/// With exit code 2.
pub(super) fn check_for_script(given: &GivenOptions) -> Result<()> {
    let Some(option) = FOR_FILES.iter().find(|option| given.has(option)) else { return Ok(()) };
    let text = format!("{} is for files, and a script is run: it is not loaded from a file", long_name(option));
    let advice = "save its session first: snapcli save SCRIPT, then snapcli inspect session.pkl";
    Err(exit::coded(exit::USAGE, text).with_details(vec![advice.to_owned()]).into())
}

/// Notes that a command does not start the Python that `--python` names.
pub(crate) fn note_unused_python(command: &Command, given: &GivenOptions, verbosity: Verbosity) {
    let name = match command {
        Command::Diff(_) => "diff",
        Command::Verify(_) => "verify",
        Command::Trust(_) => "trust",
        Command::Log(_) => "log",
        Command::Status(_) => "status",
        Command::Export(_) => "export",
        Command::Import(_) => "import",
        Command::Prune(_) => "prune",
        Command::Completions(_) => "completions",
        Command::Schema(_) => "schema",
        Command::Man(_) => "man",
        Command::Restore(args) if args.list => "restore --list",
        _ => return,
    };
    if given.python_for_command {
        verbosity.note(&format!("note: --python has no effect: `snapcli {name}` starts no Python"));
    }
}

fn long_name(id: &str) -> String {
    format!("--{}", id.replace('_', "-"))
}
