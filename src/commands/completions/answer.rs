//! What fits at the cursor: the answer to a completion script, which calls the program for it.
//!
//! The script passes what is typed so far. The answer has a line for each candidate, with a description behind a tab
//! where the shell shows one; or it is `:files`, if the shell is to complete names of files by its own rules, or
//! `:none`. Nothing is ever printed to standard error, and no Python is started.

use std::ffi::{OsStr, OsString};
use std::io::Write;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};
use clap_complete::env::{Elvish, EnvCompleter, Powershell};

use super::snapshot_numbers::snapshots;
use super::typed_words::{TypedCommand, TypedWords};
use super::variable_names::{KnownVariable, frames, variables};
use super::{VARIABLE, whole_command};
use crate::cli::signal_names;
use crate::commands::input_output::stdout;
use crate::snapshot::index::VariableKind;

/// A candidate that stands for the names of files. No option has it as a value.
const FILES: &str = "\u{1}files";

/// Answers a completion script, if that has called the program.
pub(crate) fn answer_shell(words: &[OsString]) -> bool {
    let Some(shell) = std::env::var_os(VARIABLE).filter(|shell| !shell.is_empty()) else { return false };
    let words: Vec<&OsString> = words.iter().skip_while(|word| *word != "--").skip(1).collect();
    let none = || ":none\n".to_owned();
    let answer = match shell.to_str() {
        Some("bash") => in_bash(&words).unwrap_or_else(none),
        Some("zsh" | "fish") => with_descriptions(&words).unwrap_or_else(none),
        Some("elvish") => of_engine(&Elvish, &words).unwrap_or_default(),
        Some("powershell") => of_engine(&Powershell, &words).unwrap_or_default(),
        _ => String::new(),
    };
    // A closed pipe is no reason to say anything.
    let _ = stdout().write_all(answer.as_bytes());
    true
}

/// For bash: the line before and after the cursor, and the characters at which bash breaks words.
fn in_bash(words: &[&OsString]) -> Option<String> {
    let [before, after, breaks] = words else { return None };
    let typed = TypedWords::of_line(&before.to_string_lossy(), &after.to_string_lossy(), &breaks.to_string_lossy());
    let Some(found) = candidates(&typed) else { return Some(":files\n".to_owned()) };
    let lines = found.iter().filter_map(|candidate| {
        let value = candidate.get_value().to_str()?;
        // Bash replaces the end of the word only.
        let value = value.starts_with(typed.current().get(..typed.start)?).then(|| value.get(typed.start..))??;
        Some(quoted(value, typed.quote)? + "\n")
    });
    Some(lines.collect::<String>()).filter(|text| !text.is_empty())
}

/// A value as bash inserts it, at the place of one that begins with this quote. `None` if it could end the quote or run
/// something: the names in a file may come from a stranger.
fn quoted(value: &str, quote: Option<char>) -> Option<String> {
    let is_special = |c: char| match quote {
        Some('"') => matches!(c, '"' | '\\' | '$' | '`'),
        Some(_) => false,
        None => c.is_ascii() && !c.is_ascii_alphanumeric() && !"-_=/.,:+@%^".contains(c),
    };
    // Bash expands `!` in double quotes as well, and a backslash would stay before it.
    let is_impossible = |c: char| c.is_control() || quote.is_some_and(|quote| c == quote && c == '\'' || c == '!');
    let escape = |c: char| is_special(c).then_some('\\').into_iter().chain(Some(c));
    (!value.contains(is_impossible)).then(|| value.chars().flat_map(escape).collect())
}

/// For zsh and fish: the number of the word that is completed, counted from 0, and all words.
fn with_descriptions(words: &[&OsString]) -> Option<String> {
    let (index, words) = words.split_first()?;
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let typed = TypedWords { index: index.to_str()?.parse().ok()?, words, ..TypedWords::default() };
    let Some(found) = candidates(&typed) else { return Some(":files\n".to_owned()) };
    // A line break or a tab would make another candidate of the rest.
    let is_shown = |candidate: &&CompletionCandidate| {
        !candidate.get_value().to_string_lossy().contains(|c: char| c.is_control() && c != '\u{1}')
    };
    let lines = found.iter().filter(is_shown).map(|candidate| {
        let value = candidate.get_value().to_string_lossy();
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        format!("{value}\t{}\n", help.lines().next().unwrap_or_default())
    });
    Some(lines.collect::<String>()).filter(|text| !text.is_empty())
}

/// For shells whose scripts clap_complete writes.
fn of_engine(shell: &dyn EnvCompleter, words: &[&OsString]) -> Option<String> {
    let typed = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let typed = TypedWords { words: typed, ..TypedWords::default() };
    let mut command = completed_command(&typed, true);
    let mut out = Vec::new();
    let words: Vec<OsString> = words.iter().map(|word| (*word).clone()).collect();
    shell.write_complete(&mut command, words, std::env::current_dir().ok().as_deref(), &mut out).ok()?;
    String::from_utf8(out).ok()
}

/// The candidates for the current word; `None` if it is the name of a file.
fn candidates(typed: &TypedWords) -> Option<Vec<CompletionCandidate>> {
    let mut command = completed_command(typed, false);
    let line = TypedCommand::of(&command, &typed.words);
    // The arguments of a script are its own, and mostly files.
    if line.program.is_some_and(|start| typed.index >= start) {
        return None;
    }
    let mut words: Vec<OsString> = typed.words.iter().take(typed.index).map(OsString::from).collect();
    words.push(typed.current().into());
    let mut found = complete(&mut command, words, typed.index, None).unwrap_or_default();
    if typed.current().starts_with('-') {
        // An option, not a file.
        found.retain(|candidate| candidate.get_value() != FILES);
    }
    if found.iter().any(|candidate| candidate.get_value().to_string_lossy().contains(FILES)) {
        return None;
    }
    // Options are only offered to those who have typed a hyphen.
    if typed.current().is_empty() {
        found.retain(|candidate| !candidate.get_value().as_encoded_bytes().starts_with(b"-"));
    }
    Some(found)
}

/// The command line with completers for values. With `own_files`, the engine lists files; otherwise the shell does.
fn completed_command(typed: &TypedWords, own_files: bool) -> Command {
    let mut command = whole_command();
    command.build();
    let line = TypedCommand::of(&command, &typed.words);
    let files = line.files();
    let commands: Vec<String> = command
        .get_subcommands()
        .filter(|subcommand| !subcommand.is_hide_set() && subcommand.get_name() != "help")
        .map(|subcommand| subcommand.get_name().to_owned())
        .collect();
    let complete_value = move |argument: Arg| match argument.get_id().as_str() {
        "only" | "include" | "exclude" => argument.add(in_list(files.clone(), ListOf::Names)),
        "exclude_type" => argument.add(in_list(files.clone(), ListOf::Types)),
        "locals" => argument.add(in_list(files.clone(), ListOf::Functions)),
        "on_signal" => argument.add(in_list(Vec::new(), ListOf::Signals)),
        "trace" => {
            let files = files.clone();
            let names = move || variables(&files).iter().map(|variable| variable.named()).collect::<Vec<_>>();
            argument.add(clap_complete::ArgValueCandidates::new(names))
        }
        "frame" => {
            let files = files.clone();
            argument.add(clap_complete::ArgValueCandidates::new(move || frames(&files)))
        }
        "command" if argument.is_positional() && argument.get_possible_values().is_empty() => {
            let names = commands.clone();
            argument.add(clap_complete::ArgValueCandidates::new(move || {
                names.iter().map(CompletionCandidate::new).collect::<Vec<_>>()
            }))
        }
        // Names of files or of snapshots in a store.
        "file" | "before" | "after" | "snapshot" | "operands" if !own_files => argument.add(files_or_snapshots()),
        "operands" | "script" | "python" if own_files => argument.value_hint(clap::ValueHint::AnyPath),
        "operands" | "script" | "python" => argument.add(files_of_shell()),
        _ if !own_files && argument.get_value_hint() == clap::ValueHint::AnyPath => argument.add(files_of_shell()),
        _ => argument,
    };
    let of_command = |command: Command| command.mut_args(&complete_value);
    of_command(command).mut_subcommands(of_command)
}

/// The shell completes names of files better than anyone else.
fn files_of_shell() -> ArgValueCompleter {
    ArgValueCompleter::new(|_: &OsStr| vec![CompletionCandidate::new(FILES)])
}

/// The snapshots of a store once its path is typed, otherwise files.
fn files_or_snapshots() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let found = current.to_str().and_then(snapshots);
        found.unwrap_or_else(|| vec![CompletionCandidate::new(FILES)])
    })
}

/// What an option takes a list of.
#[derive(Clone, Copy)]
enum ListOf {
    Names,
    Types,
    Functions,
    Signals,
}

/// Completes the last of several names or types with commas between them.
fn in_list(files: Vec<String>, what: ListOf) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let Some(current) = current.to_str() else { return Vec::new() };
        let (before, last) = current.rfind(',').map_or(("", current), |comma| current.split_at(comma + 1));
        let known = if files.is_empty() { Vec::new() } else { variables(&files) };
        let mut found: Vec<CompletionCandidate> = match what {
            ListOf::Names => known.iter().map(KnownVariable::as_pattern).collect(),
            ListOf::Types => known.iter().map(|variable| CompletionCandidate::new(&variable.type_name)).collect(),
            ListOf::Functions => {
                let functions = known.iter().filter(|variable| variable.kind == VariableKind::Function);
                functions.map(KnownVariable::named).collect()
            }
            ListOf::Signals => signal_names().map(CompletionCandidate::new).collect(),
        };
        let mut seen = std::collections::HashSet::new();
        found.retain(|candidate| {
            let value = candidate.get_value().to_string_lossy().into_owned();
            value.starts_with(last) && !before.split(',').any(|name| name == value) && seen.insert(value)
        });
        found.into_iter().map(|candidate| candidate.add_prefix(before)).collect()
    })
}
