//! Snapshots and scripts in each other's place on the command line. A command that would read the wrong file, or run a
//! snapshot as a script, ends with an error that has the right command in it. Nothing is guessed.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;

use super::input_output::is_stdio;
use crate::exit::{self, Coded};
use crate::python::script_command::{ScriptCommand, ScriptTarget};
use crate::snapshot::file_names::{
    begins_like_pickle, has_script_name, has_snapshot_name, is_bare_compressed, is_likely_snapshot,
};
use crate::snapshot::remote::RemoteAddress;
use crate::snapshot::store::StoreAddress;

/// The file that `restore` reads if none is named, and no store is set.
const DEFAULT_FILE: &str = "session.pkl";

/// Checks the operands of `restore`. `file` is `None` if no snapshot was named, and `default` is read then. `options`
/// are the words before `-c`.
pub(super) fn check_restore(
    file: Option<&Path>,
    default: &Path,
    command: Option<&ScriptCommand>,
    options: &[OsString],
) -> Result<()> {
    let arguments = command.map(|command| command.arguments.as_slice()).unwrap_or_default();
    match command.map(|command| &command.target) {
        Some(ScriptTarget::Code(code) | ScriptTarget::Expression(code)) if file.is_none() => {
            match snapshot_in(arguments) {
                Some(at) => Err(snapshot_after_code(code, arguments, at, default, options).into()),
                None => Ok(()),
            }
        }
        Some(ScriptTarget::Script(script)) => match file {
            Some(file) if is_snapshot_as_script(script) => Err(script_is_snapshot(file, script, arguments).into()),
            _ => Ok(()),
        },
        _ => match file.filter(|file| is_script_as_snapshot(file)) {
            Some(file) => Err(snapshot_is_script(file).into()),
            None => Ok(()),
        },
    }
}

/// Checks the script of `save`: `save session.pkl` is meant as a restore, or its name as an output.
pub(super) fn check_save(command: &ScriptCommand) -> Result<()> {
    let ScriptTarget::Script(script) = &command.target else { return Ok(()) };
    if !is_snapshot_as_script(script) {
        return Ok(());
    }
    let word = shell_word(&script.to_string_lossy());
    let mut details = vec![format!("to open it: snapcli restore {word}")];
    details.push(match command.arguments.split_first() {
        Some((first, _)) if has_script_name(first.as_ref()) => {
            format!("to save to it: snapcli save -o {word}{}", shell_words(&command.arguments))
        }
        _ => format!("to save to it: snapcli save -o {word} SCRIPT"),
    });
    Err(usage(format!("{} is a snapshot, not a script", script.display()), details).into())
}

/// Checks the script of `inspect --script`.
pub(super) fn check_inspect(command: &ScriptCommand) -> Result<()> {
    match &command.target {
        ScriptTarget::Script(script) if is_snapshot_as_script(script) => {
            let details = vec![format!("without --script: snapcli inspect {}", shell_word(&script.to_string_lossy()))];
            Err(usage(format!("{} is a snapshot, not a script", script.display()), details).into())
        }
        _ => Ok(()),
    }
}

/// The error for arguments after a snapshot that `inspect` reads.
pub(super) fn inspect_takes_one(file: &Path, arguments: &[OsString]) -> anyhow::Error {
    let shown = shell_word(&file.to_string_lossy());
    let details = match arguments.first() {
        Some(second) if is_likely_snapshot(second.as_ref()) => {
            vec![format!("to compare two snapshots: snapcli diff {shown}{}", shell_words(&arguments[..1]))]
        }
        Some(second) if has_script_name(second.as_ref()) => {
            vec![format!("to run a script with its variables: snapcli restore {shown}{}", shell_words(arguments))]
        }
        _ => vec![format!("to run it as a script: snapcli inspect --script {shown}{}", shell_words(arguments))],
    };
    let text = format!("{} is read as a snapshot, which takes no arguments", file.display());
    usage(text, details).into()
}

fn usage(message: String, details: Vec<String>) -> Coded {
    exit::coded(exit::USAGE, message).with_details(details)
}

/// Which argument of the code is a snapshot or a store, or the first one has the name of a snapshot.
fn snapshot_in(arguments: &[OsString]) -> Option<usize> {
    let exists = |argument: &OsString| {
        let path = Path::new(argument);
        let is_snapshot = begins_like_pickle(path) || (has_snapshot_name(path) && path.is_file());
        // What has an address is not asked for: that takes a while, and the code may well be about it.
        let is_local = matches!(RemoteAddress::of(path), Ok(None));
        is_snapshot || (is_local && matches!(StoreAddress::of(path), Ok(Some(_))))
    };
    let is_named = arguments.first().is_some_and(|first| {
        let path = Path::new(first);
        is_stdio(path) || is_likely_snapshot(path) || is_bare_compressed(path) || StoreAddress::has_form(path)
    });
    if is_named { Some(0) } else { arguments.iter().position(exists) }
}

fn snapshot_after_code(
    code: &OsString,
    arguments: &[OsString],
    at: usize,
    default: &Path,
    typed: &[OsString],
) -> Coded {
    let file = arguments.get(at).map(Path::new).unwrap_or(Path::new(""));
    let (default, default_word) = (default.display(), shell_word(&default.to_string_lossy()));
    let name = if is_stdio(file) { "standard input".to_owned() } else { file.display().to_string() };
    let (shown, typed, code) = (file.display(), shell_words(typed), shell_word(&code.to_string_lossy()));
    let (before, after) = (arguments.get(..at).unwrap_or_default(), arguments.get(at + 1..).unwrap_or_default());
    let word = shell_word(&file.to_string_lossy());
    let all = shell_words(arguments);
    // What begins with a `-` was meant for snapcli.
    let (options, values) = match before.first() {
        Some(first) if first.as_encoded_bytes() == b"--" => ("".to_owned(), shell_words(&before[1..])),
        Some(first) if first.as_encoded_bytes().starts_with(b"-") => (shell_words(before), String::new()),
        _ => (String::new(), shell_words(before)),
    };
    let rest = format!("{values}{}", shell_words(after));
    usage(
        format!("{shown} comes after -c, so it would be an argument of the code, and {default} would be restored"),
        vec![
            format!("to restore {name}: snapcli restore{typed}{options} {word} -c {code}{rest}"),
            format!("to pass {shown} to the code: snapcli restore{typed} {default_word} -c {code}{all}"),
        ],
    )
}

fn script_is_snapshot(file: &Path, script: &Path, arguments: &[OsString]) -> Coded {
    let [first, second] = [file, script].map(|path| shell_word(&path.to_string_lossy()));
    let rest = shell_words(arguments);
    if is_script_as_snapshot(file) {
        let details = vec![format!("the snapshot comes first: snapcli restore {second} {first}{rest}")];
        return usage(format!("{} is a script, and {} a snapshot", file.display(), script.display()), details);
    }
    let mut details = vec![format!("to restore it: snapcli restore {second}{rest}")];
    if !is_stdio(file) {
        details.push(format!("to compare the two: snapcli diff {first} {second}"));
    }
    usage(format!("{} is a snapshot, not a script", script.display()), details)
}

fn snapshot_is_script(file: &Path) -> Coded {
    let word = shell_word(&file.to_string_lossy());
    let details = vec![
        format!("to run it with the variables of {DEFAULT_FILE}: snapcli restore {DEFAULT_FILE} {word}"),
        format!("to run it and save its session: snapcli save {word}"),
    ];
    usage(format!("{} is a script, not a snapshot", file.display()), details)
}

/// Whether what stands in the place of a script is a snapshot. A file of any name that holds no pickle may be a script,
/// and a file with the name of a script is one.
fn is_snapshot_as_script(script: &Path) -> bool {
    let is_pickle = begins_like_pickle(script) && !has_script_name(script);
    is_pickle || (has_snapshot_name(script) && !script.exists())
}

/// Whether what stands in the place of a snapshot is a script.
fn is_script_as_snapshot(file: &Path) -> bool {
    has_script_name(file) && file.exists() && !begins_like_pickle(file) && !file.is_dir()
}

/// Words of a shell command, each with a space before it.
pub(super) fn shell_words(words: &[OsString]) -> String {
    words.iter().map(|word| format!(" {}", shell_word(&word.to_string_lossy()))).collect()
}

/// A string as a word of a shell command.
pub(super) fn shell_word(path: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ',' | '=' | ':' | '@');
    match path.chars().all(is_plain) && !path.is_empty() {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}
