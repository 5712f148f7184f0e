//! `snapcli restore`: checks the command line, lists the variables or prepares the Python; the rest runs in it.

#[cfg(feature = "python")]
mod restore_job;
#[cfg(feature = "python")]
mod restore_summary;

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use glob::Pattern;

use super::input_output::{is_stdio, or_exit_code, read_piped, stdout, stdout_style};
use super::operand_order::check_restore;
#[cfg(feature = "python")]
use super::operand_order::shell_word;
use super::output_conflicts::{OutputFile, script_file};
use super::wrong_names::{WantedFrames, check_patterns};
use crate::cli::{GivenOptions, RestoreArgs};
use crate::exit::{self, OrExit};
use crate::python;
use crate::python::script_command::{ScriptCommand, check_script};
use crate::report::answers::{FailureAnswer, ListAnswer, absolute_path};
use crate::report::imports::{import_line, is_import};
use crate::report::inspect_report::SessionReport;
use crate::report::write_json;
use crate::snapshot::index::{Variable, VariableKind};
use crate::snapshot::reader::{Contents, LOST_INDEX, Snapshot};
use crate::snapshot::remote::RemoteAddress;
use crate::snapshot::signature;
use crate::snapshot::system::map_large_blocks;
use crate::ui::messages::print_line;
use crate::ui::progress::DelayedBar;
use crate::ui::{Lines, Paint, Verbosity};

/// Restores a session, and runs what the user asked for with it.
pub(crate) fn run_command(
    mut args: RestoreArgs,
    given: &GivenOptions,
    python: Option<&str>,
    verbosity: Verbosity,
) -> Result<i32> {
    let piped = is_stdio(&args.file);
    if piped && (args.interactive || args.ipython) {
        return Err(exit::error(
            exit::USAGE,
            "standard input cannot be both the snapshot and the prompt: save the snapshot to a file first",
        ));
    }
    let (code, script) = (std::mem::take(&mut args.code), std::mem::take(&mut args.script));
    // `-c` prints values, as the prompt does.
    let command = ScriptCommand::from_words(Vec::new(), code, script).map(ScriptCommand::showing_value);
    let named = Some(args.file.as_path()).filter(|_| given.has("file"));
    check_restore(named, &args.file, command.as_ref(), &given.before_code)?;
    if let Some(command) = &command {
        check_script(command)?;
    }
    check_report(&args, command.as_ref())?;
    // `--list` needs no Python.
    if args.list {
        return list_file(&args, verbosity);
    }
    python::note_missing_environment(python, verbosity);
    // Choosing the interpreter may start the program again, so it comes before reading standard input, which works
    // once.
    let announce = |found: &Path| announce_python(&args, found, verbosity);
    let interpreter = python::prepare_found_interpreter(python, &announce)?;
    // As `python < code.py`.
    #[cfg(feature = "python")]
    let reads_code = !piped && !args.interactive && !args.ipython;
    #[cfg(feature = "python")]
    let command = command.or_else(|| if reads_code { ScriptCommand::of_standard_input() } else { None });
    #[cfg(feature = "python")]
    return restore_job::run(args, command, interpreter, verbosity);
    #[cfg(not(feature = "python"))]
    match interpreter {}
}

/// Refuses a report that would replace a file that the command reads.
fn check_report(args: &RestoreArgs, command: Option<&ScriptCommand>) -> Result<()> {
    let Some(path) = &args.report else { return Ok(()) };
    let snapshot = (args.file.as_path(), "the snapshot to restore");
    let others: Vec<_> = script_file(command).into_iter().chain([snapshot]).collect();
    OutputFile { option: "--report", path, is_snapshot: false }.check(&others)
}

/// `--list`: the names of the variables, without starting a Python.
fn list_file(args: &RestoreArgs, verbosity: Verbosity) -> Result<i32> {
    map_large_blocks();
    let what = format!("reading {}", args.file.display());
    let step = verbosity.step(&what);
    let mut snapshot = open_checked(args, WantedFrames::None, verbosity)?;
    snapshot.check_index().or_exit(exit::DAMAGED, || "cannot list the variables".to_owned())?;
    drop(step);
    let is_cut = matches!(snapshot.contents(), Contents::Foreign { lost_index: true });
    let text = format!("{} is damaged: {LOST_INDEX}; these are the names in its pickle", args.file.display());
    let failure = is_cut.then(|| FailureAnswer::new(&text, exit::DAMAGED));
    let code = list_variables(&mut snapshot, args, failure, &mut stdout(), verbosity)?;
    if !is_cut {
        return Ok(code);
    }
    // Even with --quiet: the exit code is that of a damaged file.
    print_line(&text);
    Ok(exit::DAMAGED)
}

/// Says which Python will be started for a file that may have come with it: one that was found by searching, while the
/// file is not signed by this user.
fn announce_python(args: &RestoreArgs, found: &Path, verbosity: Verbosity) {
    let file = match is_stdio(&args.file) {
        // It can be read only once, and the program may be started again.
        true => "standard input".to_owned(),
        // Only the engine can read it.
        false if cfg!(not(feature = "remote")) && RemoteAddress::is_at(&args.file) => args.file.display().to_string(),
        false if signature::is_signed_by_user(&args.file) => return,
        false => format!("{} is not signed with your key, and", args.file.display()),
    };
    if !args.trust {
        verbosity.note(&format!(
            "{file} will be read by {}, which was found by searching (choose another with --python)",
            found.display()
        ));
    }
}

/// The error for a snapshot without an index, unless `--partial` is given.
#[cfg(feature = "python")]
fn damaged_at_end(file: &Path, text: &str) -> anyhow::Error {
    let word = shell_word(&file.to_string_lossy());
    let details = vec![format!("to restore what its pickle holds: snapcli restore --partial {word}")];
    exit::coded(exit::DAMAGED, format!("cannot restore {text}")).with_details(details).into()
}

/// Opens the file. A snapshot is checked later, once it is known which variables are needed; any other pickle is
/// checked here as a whole.
fn open_checked(args: &RestoreArgs, frames: WantedFrames, verbosity: Verbosity) -> Result<Snapshot> {
    let path = args.file.as_path();
    let piped = is_stdio(path);
    let file = if piped { "standard input".to_owned() } else { path.display().to_string() };
    let cannot_restore = || format!("cannot restore {file}");
    // A trusted file is as large as it is.
    let max_memory = if args.trust { Some(u64::MAX) } else { args.memory.max_memory };
    let opened = match (piped, args.partial) {
        (true, partial) => read_piped(max_memory).and_then(|bytes| match partial {
            true => Snapshot::partial_from_bytes(&bytes, max_memory),
            false => Snapshot::from_bytes(bytes).map(|snapshot| (snapshot, None)),
        }),
        (false, true) => Snapshot::open_partial(path, max_memory),
        (false, false) => Snapshot::open(path).map(|snapshot| (snapshot, None)),
    };
    let (snapshot, damage) = or_exit_code(opened, path, cannot_restore)?;
    let snapshot = snapshot.with_max_memory(max_memory);
    if let Some(damage) = damage {
        verbosity.note(&format!("{file}: {}; restoring what is intact", damage.without_advice()));
    }
    if let Contents::Foreign { .. } = snapshot.contents() {
        // Without an index there are no hashes: this checks that the opcodes are complete.
        let bar = DelayedBar::bytes("checking", snapshot.stream_len(), verbosity);
        snapshot.check(&|bytes| bar.advance(bytes)).or_exit(exit::DAMAGED, cannot_restore)?;
    }
    check_patterns(&snapshot, &args.only, &args.exclude, frames, &file, path)?;
    Ok(snapshot)
}

/// Prints the names of the variables, one on each line, or as JSON. Imports are a single line, unless all are wanted.
/// With `--quiet`, prints only JSON.
fn list_variables(
    snapshot: &mut Snapshot,
    args: &RestoreArgs,
    failure: Option<FailureAnswer>,
    out: &mut dyn Write,
    verbosity: Verbosity,
) -> Result<i32> {
    let cannot_list = || "cannot list the variables".to_owned();
    let mut report = or_exit_code(SessionReport::of_last(String::new(), snapshot), &args.file, cannot_list)?;
    let matches = |patterns: &[Pattern], name: &str| patterns.iter().any(|pattern| pattern.matches(name));
    let is_wanted = |variable: &Variable| {
        let name = variable.name.as_str();
        (args.only.is_empty() || matches(&args.only, name)) && !matches(&args.exclude, name)
    };
    report.index.variables.retain(is_wanted);
    if args.json {
        write_json(out, &ListAnswer::of(&report, absolute_path(&args.file), failure))?;
        return Ok(exit::DONE);
    }
    if verbosity == Verbosity::Quiet {
        return Ok(exit::DONE);
    }
    let out = &mut Lines::new(out).coloured(stdout_style().colour);
    let variables = &report.index.variables;
    let mut named = variables.iter().filter(|variable| args.all || !is_import(variable));
    named.try_for_each(|variable| out.painted(&[(paint_of(variable), &variable.name)]))?;
    if !args.all
        && let Some(imports) = import_line(variables, stdout_style().width)
    {
        out.painted(&[(Paint::Faint, &imports)])?;
    }
    Ok(exit::DONE)
}

/// Data stands out from what the script has defined and imported.
fn paint_of(variable: &Variable) -> Paint {
    match variable.kind {
        VariableKind::Value => Paint::Name,
        VariableKind::Function | VariableKind::Class => Paint::Plain,
        VariableKind::Import => Paint::Faint,
    }
}
