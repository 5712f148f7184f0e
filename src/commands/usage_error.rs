//! Errors of the command line in the form of all other errors: one line that says what is wrong, and lines below it
//! that say what to do.
//!
//! clap finds the error. Its texts are kept, with better tips where clap cannot know what was meant: an option of
//! another command or of python, a snapshot or a script in place of a command.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error, ValueEnum};

use super::input_output::stdout;
use super::operand_order::shell_word;
use crate::cli::{ColorChoice, CommandWords, Rejected};
use crate::exit::{self, Coded};
use crate::snapshot::file_names::{has_script_name, has_snapshot_name};
use crate::ui::colors;
use crate::ui::messages::print_help;
use crate::ui::nearest_names::nearest;

/// Prints the help or the version, or returns the error.
pub(crate) fn answer(rejected: &Rejected) -> Result<i32> {
    let color = rejected.words.color().and_then(|value| ColorChoice::from_str(&value, false).ok()).unwrap_or_default();
    colors::choose(color.into());
    let error = &rejected.error;
    match error.kind() {
        ErrorKind::DisplayHelp => {
            let text = error.render();
            let text = if colors::on_stdout() { text.ansi().to_string() } else { text.to_string() };
            stdout().write_all(text.as_bytes())?;
            Ok(exit::DONE)
        }
        ErrorKind::DisplayVersion => {
            // Of a subcommand, clap would print a name such as `snapcli-save`.
            stdout().write_all(concat!("snapcli ", env!("CARGO_PKG_VERSION"), "\n").as_bytes())?;
            Ok(exit::DONE)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            print_help(&error.render());
            Ok(exit::USAGE)
        }
        _ => Err(explain(rejected).into()),
    }
}

/// Whether the error is wanted as JSON, too: `--json` is among the words for snapcli.
pub(crate) fn answers_in_json(rejected: &Rejected) -> bool {
    let Rejected { error, words, .. } = rejected;
    error.use_stderr()
        && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        && (words.for_snapcli().any(|word| word == "--json" || word == "--format=json")
            || words
                .for_snapcli()
                .zip(words.for_snapcli().skip(1))
                .any(|pair| pair.0 == "--format" && pair.1 == "json"))
}

/// What is wrong with a command line, and what to do about it.
fn explain(rejected: &Rejected) -> Coded {
    let Rejected { error, root, words } = rejected;
    if error.kind() == ErrorKind::InvalidSubcommand {
        return unknown_command(root, words);
    }
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(found) = unknown_argument(error, root, words)
    {
        return found;
    }
    if let Some(found) = empty_value(error, words) {
        return found;
    }
    let (mut message, mut details) = text_of(error);
    if let Some(command) = command_without_schema(error, root, words) {
        message = format!("`snapcli {command}` has no schema: it does not print JSON");
        // The names of commands that are spelled like it are of no help.
        details.retain(|detail| !detail.starts_with("did you mean "));
    }
    details.push(see_help(words.command_name()));
    exit::coded(exit::USAGE, message).with_details(details)
}

/// The explanation of an empty string in place of a name: often that of a variable of the shell that is not set.
fn empty_value(error: &Error, words: &CommandWords) -> Option<Coded> {
    let (Some(ContextValue::String(argument)), Some(ContextValue::String(value))) =
        (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
    else {
        return None;
    };
    let is_typed = |word: &OsString| word.is_empty() || word.to_string_lossy().ends_with('=');
    if error.kind() != ErrorKind::InvalidValue || !value.is_empty() || !words.for_snapcli().any(is_typed) {
        return None;
    }
    // `--output <FILE>`, `<STORE>` or `[FILE]`.
    let (option, placeholder) =
        argument.split_once(' ').map_or(("", argument.as_str()), |(option, name)| (option, name));
    let placeholder = placeholder.trim_matches(['<', '>', '[', ']']);
    let what = if option.is_empty() { placeholder } else { option };
    let example = EXAMPLES.iter().find(|(names, _)| names.contains(&placeholder)).map(|(_, example)| *example);
    let text = match example {
        Some(example) => format!("{what} is an empty string: give {example}"),
        None => format!("{what} is an empty string: give a value, or leave it out"),
    };
    Some(exit::coded(exit::USAGE, text).with_details(vec![see_help(words.command_name())]))
}

/// What the placeholders of arguments stand for.
const EXAMPLES: &[(&[&str], &str)] = &[
    (&["FILE", "A", "B"], "the name of a file, such as session.pkl"),
    (&["SNAPSHOT"], "a snapshot of a store, such as runs.snaps/@3"),
    (&["STORE"], "the name of a store, such as runs.snaps/"),
    (&["OUT"], "the name of a page, such as session.html"),
    (&["PYTHON", "PATH"], "a version such as 3.12, or the path of a Python"),
];

/// The command that `snapcli schema` was asked for in vain.
fn command_without_schema(error: &Error, root: &Command, words: &CommandWords) -> Option<String> {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else { return None };
    let command = root.find_subcommand(value).filter(|command| !command.is_hide_set())?;
    (words.command_name() == "schema").then(|| command.get_name().to_owned())
}

fn see_help(command: &str) -> String {
    match command {
        "" => "for all commands: snapcli --help".to_owned(),
        name => format!("for all options: snapcli {name} --help"),
    }
}

/// The first line of an error of clap, and the lines of advice below it.
fn text_of(error: &Error) -> (String, Vec<String>) {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let (mut details, mut missing) = (Vec::new(), Vec::new());
    let mut in_usage = false;
    for line in lines {
        in_usage |= line.starts_with("Usage:");
        if line.starts_with("For more information") || line.starts_with("tip: to pass ") {
            continue;
        }
        match in_usage {
            true if error.kind() != ErrorKind::MissingRequiredArgument => {}
            true => details.push(line.replacen("Usage:", "usage:", 1)),
            false if message.ends_with(':') => missing.push(line),
            false if let Some(similar) = similar_values(line) => details.insert(0, similar),
            false if let Some(values) = line.strip_prefix("[possible values: ") => {
                details.push(format!("possible values: {}", values.trim_end_matches(']')));
            }
            false => details.push(line.to_owned()),
        }
    }
    if !missing.is_empty() {
        message = format!("{message} {}", missing.join(", "));
    }
    (message, details)
}

/// The advice of clap for a wrong value, in the words of all others.
fn similar_values(line: &str) -> Option<String> {
    let tip = line.strip_prefix("tip: ")?;
    let values =
        tip.strip_prefix("a similar value exists: ").or_else(|| tip.strip_prefix("some similar values exist: "))?;
    Some(format!("did you mean {}?", values.replace(", ", " or ")))
}

/// The explanation of a word that is no option of the command, and no operand that it takes.
fn unknown_argument(error: &Error, root: &Command, words: &CommandWords) -> Option<Coded> {
    let Some(ContextValue::String(found)) = error.get(ContextKind::InvalidArg) else { return None };
    let name = words.command_name();
    if !found.starts_with('-') {
        return Some(extra_operand(found, words));
    }
    if let Some(error) = option_before_command(found, root, words) {
        return Some(error);
    }
    let mut details = Vec::new();
    if let Some(python) = PYTHON_OPTIONS.iter().find(|(option, _)| option == found)
        && matches!(name, "save" | "run" | "restore" | "inspect")
    {
        details.push(format!("{found} is an option of python: {}", python.1));
    } else if let Some(script) =
        words.file.map(|file| words.shown(file)).filter(|file| has_script_name(Path::new(file)))
    {
        let arguments = words.words.iter().skip_while(|word| word.to_string_lossy() != script).skip(1);
        let arguments: String = arguments.map(|word| format!(" {}", shell_word(&word.to_string_lossy()))).collect();
        let script = shell_word(&script);
        details.push(format!("the snapshot comes before the script: snapcli restore session.pkl {script}{arguments}"));
    } else {
        details.extend(tips_for_option(found, root, words));
    }
    details.push(see_help(name));
    let of = if name.is_empty() { String::new() } else { format!(" of `snapcli {name}`") };
    Some(exit::coded(exit::USAGE, format!("{found} is not an option{of}")).with_details(details))
}

/// The explanation of an option that stands before the name of its command.
fn option_before_command(found: &str, root: &Command, words: &CommandWords) -> Option<Coded> {
    let typed: Vec<String> = words.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let is_found = |word: &String| match found.starts_with("--") {
        true => word.split('=').next() == Some(found),
        // `-o` may be in `-qo` or `-ox.pkl`.
        false => word.starts_with('-') && !word.starts_with("--") && word.contains(found.trim_start_matches('-')),
    };
    let at = typed.iter().skip(1).position(is_found)? + 1;
    if !words.command_name().is_empty() && words.command_word.is_some_and(|command| command < at) {
        return None;
    }
    let has_option = |option: &clap::Arg| match (found.strip_prefix("--"), found.strip_prefix('-')) {
        (Some(long), _) => option.get_long() == Some(long) && !option.is_hide_set(),
        (None, Some(short)) => option.get_short().is_some_and(|letter| short.starts_with(letter)),
        (None, None) => false,
    };
    let named = |word: &String| root.find_subcommand(word).filter(|command| !command.is_hide_set());
    let mut behind = typed.iter().enumerate().skip(at + 1);
    let (place, command) = behind.find_map(|(place, word)| {
        let command = named(word)?;
        command.get_arguments().any(has_option).then_some((place, command.get_name()))
    })?;
    let (before, after) = (typed.get(1..place).unwrap_or_default(), typed.get(place + 1..).unwrap_or_default());
    // Code and modules come last: all words after them are their arguments.
    let others = if matches!(found, "-c" | "-m") { [after, before].concat() } else { [before, after].concat() };
    let others: String = others.iter().map(|word| format!(" {}", shell_word(word))).collect();
    let details = vec![format!("options of a command come after its name: snapcli {command}{others}")];
    let text = format!("{found} is an option of `snapcli {command}`, but it comes before that name");
    Some(exit::coded(exit::USAGE, text).with_details(details))
}

/// The options that may have been meant.
fn tips_for_option(found: &str, root: &Command, words: &CommandWords) -> Option<String> {
    let long = found.strip_prefix("--")?;
    let command = root.find_subcommand(words.command_name()).unwrap_or(root);
    let visible = |command: &Command| -> Vec<String> {
        let options = command.get_arguments().chain(root.get_arguments().filter(|option| option.is_global_set()));
        options
            .filter(|option| !option.is_hide_set())
            .filter_map(|option| option.get_long())
            .map(String::from)
            .collect()
    };
    let mut own = visible(command);
    // clap adds these two by itself.
    own.extend(["help", "version"].map(str::to_owned));
    let similar = nearest(long, own.iter().map(String::as_str));
    if !similar.is_empty() {
        let similar: Vec<String> = similar.into_iter().map(|name| format!("--{name}")).collect();
        return Some(format!("did you mean {}?", similar.join(" or ")));
    }
    let others = root.get_subcommands().filter(|other| !other.is_hide_set() && other.get_name() != command.get_name());
    let others: Vec<&str> = others
        .filter(|other| other.get_arguments().any(|option| !option.is_hide_set() && option.get_long() == Some(long)))
        .map(Command::get_name)
        .collect();
    match others.as_slice() {
        [] => None,
        [one] => Some(format!("{found} is an option of `snapcli {one}`")),
        [one, other] => Some(format!("{found} is an option of `snapcli {one}` and `snapcli {other}`")),
        many => Some(format!("{found} is an option of {}", many.join(", "))),
    }
}

/// The explanation of an operand too many.
fn extra_operand(found: &str, words: &CommandWords) -> Coded {
    let name = words.command_name();
    let files = match name {
        "verify" | "trust" => format!("`snapcli {name}` takes one file"),
        "diff" => "`snapcli diff` takes two files".to_owned(),
        name => format!("`snapcli {name}` takes no such argument"),
    };
    exit::coded(exit::USAGE, format!("{files}, and {found} is one too many")).with_details(vec![see_help(name)])
}

/// The explanation of a word that is no command.
fn unknown_command(root: &Command, words: &CommandWords) -> Coded {
    let word = words.command_word.map(|position| words.shown(position)).unwrap_or_default();
    let typed: Vec<String> = words.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let typed = words.command_word.and_then(|position| typed.get(position..)).unwrap_or_default();
    let rest = typed.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ");
    let path = Path::new(&word);
    let (message, mut details) = if has_snapshot_name(path) {
        let message = format!("{word} is not a command: name one before the snapshot");
        let details =
            [format!("to open it: snapcli restore {rest}"), format!("to see what is in it: snapcli inspect {rest}")];
        (message, details.to_vec())
    } else if has_script_name(path) || (path.is_file() && !word.is_empty()) {
        let message = format!("{word} is not a command: name one before the file");
        (message, vec![format!("to run it and save its session: snapcli save {rest}")])
    } else {
        // `snapcli help restore` is answered elsewhere, so the word after `help` is wrong.
        let wanted = match typed {
            [help, wanted, ..] if help == "help" => wanted,
            _ => &word,
        };
        (format!("{wanted} is not a command"), tips_for_command(wanted, root))
    };
    details.push(see_help(""));
    exit::coded(exit::USAGE, message).with_details(details)
}

fn tips_for_command(word: &str, root: &Command) -> Vec<String> {
    if let Some((_, tip)) = OTHER_NAMES.iter().find(|(names, _)| names.split(' ').any(|name| name == word)) {
        return vec![(*tip).to_owned()];
    }
    let visible = root.get_subcommands().filter(|command| !command.is_hide_set()).map(Command::get_name);
    let similar: Vec<String> = nearest(word, visible).into_iter().map(|name| format!("`snapcli {name}`")).collect();
    if similar.is_empty() { Vec::new() } else { vec![format!("did you mean {}?", similar.join(" or "))] }
}

/// What other programs call it.
const OTHER_NAMES: &[(&str, &str)] = &[
    (
        "ls list names vars variables",
        "`snapcli inspect FILE` lists the variables with their types and sizes; `snapcli restore --list FILE` prints \
         only their names",
    ),
    (
        "show info view cat head describe look tree stat open-page html",
        "`snapcli inspect FILE` shows what is in a snapshot",
    ),
    (
        "load open read resume repl shell prompt reload import ipython",
        "`snapcli restore FILE` starts a prompt with the session",
    ),
    (
        "exec start execute python record dump write store snapshot checkpoint",
        "`snapcli save SCRIPT` runs a script and saves its session",
    ),
    ("check validate fsck test", "`snapcli verify FILE` checks a snapshot for damage"),
    ("compare cmp delta changes", "`snapcli diff A B` compares two snapshots"),
    ("sign allow accept", "`snapcli trust FILE` signs a snapshot"),
    (
        "key keys keygen",
        "the first save makes your key; `snapcli doctor` shows where it is, and SNAPCLI_KEY names another one",
    ),
    (
        "attach",
        "a script is saved while it runs if it was started with `snapcli save --every 10m SCRIPT` or \
         `snapcli save --on-signal USR1 SCRIPT`",
    ),
    (
        "merge join combine update rename edit",
        "`snapcli restore FILE` starts a prompt in which snapcli.restore adds the variables of other files and \
         snapcli.save saves all of them",
    ),
    ("env which config settings version info-python", "`snapcli doctor` shows the Python and the settings in use"),
];

/// Options of python that people write before the script, and what has the same effect: the Python is set up by
/// environment variables alone.
const PYTHON_OPTIONS: &[(&str, &str)] = &[
    ("-W", "set PYTHONWARNINGS instead, as in PYTHONWARNINGS=error snapcli save …"),
    ("-X", "set the environment variable of the option instead, such as PYTHONDEVMODE=1 or PYTHONUTF8=1"),
    ("-u", "set PYTHONUNBUFFERED=1 instead"),
    ("-O", "set PYTHONOPTIMIZE=1 instead (2 for -OO)"),
    ("-B", "set PYTHONDONTWRITEBYTECODE=1 instead"),
    ("-s", "set PYTHONNOUSERSITE=1 instead"),
    ("-P", "set PYTHONSAFEPATH=1 instead"),
    ("-R", "set PYTHONHASHSEED=random instead"),
    ("-d", "set PYTHONDEBUG=1 instead"),
    ("-E", "unset the PYTHON… variables instead, as with env -u PYTHONPATH snapcli save …"),
    ("-I", "set PYTHONSAFEPATH=1 and PYTHONNOUSERSITE=1 instead, and unset the other PYTHON… variables"),
    ("-b", "it has no environment variable: PYTHONWARNINGS=error::BytesWarning has no effect without it"),
    ("-S", "it cannot be used with snapcli, which needs the packages of the environment"),
    ("-i", "`snapcli save` and then `snapcli restore` start a prompt with the session"),
];
