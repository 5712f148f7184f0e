//! Where a run begins: at the last checkpoint of its store, if that is one of the same script, arguments and Python.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Result;

use crate::commands::stores::with_code;
use crate::exit::{self, OrExit};
use crate::python::script_command::{ScriptCommand, ScriptTarget};
use crate::snapshot::index::{Index, RunProgress};
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::store::{HistoryEntry, Store};
use crate::ui::format_utc;

/// Where a run begins.
pub(super) enum RunStart {
    /// At the beginning.
    Fresh,
    /// It has finished, as the text says.
    Finished(String),
    /// At a checkpoint.
    From(Box<Checkpoint>),
}

/// A checkpoint to go on from.
pub(super) struct Checkpoint {
    pub(super) snapshot: Snapshot,
    pub(super) progress: RunProgress,
}

/// Finds the last checkpoint of a store.
///
/// # Errors
/// With exit code 2, if it is not one of this run.
pub(super) fn find(folder: &Path, fresh: bool, command: &ScriptCommand, version: (u8, u8, u8)) -> Result<RunStart> {
    let cannot = || format!("cannot go on from {}", folder.display());
    let store = with_code(Store::open(folder), cannot)?;
    let Some((_, snapshot)) = last_checkpoint(&store, folder)?.filter(|_| !fresh) else { return Ok(RunStart::Fresh) };
    let index = match snapshot.contents() {
        Contents::Own { index } => index,
        Contents::Foreign { .. } => return Err(exit::error(exit::DAMAGED, cannot())),
    };
    let shown = shown_name(folder);
    let Some(progress) = index.run.clone() else {
        let text = format!("{shown} holds other snapshots, not a run: name another store with -o");
        return Err(exit::error(exit::USAGE, text));
    };
    check_same(index, &progress, command, version, &shown)?;
    if progress.finished {
        let script = index.script.argv.join(" ");
        let text = format!("{script} has finished ({} UTC): use --fresh to run it again", format_utc(&index.created));
        return Ok(RunStart::Finished(text));
    }
    Ok(RunStart::From(Box::new(Checkpoint { snapshot, progress })))
}

/// The newest snapshot of a store that is not one of a script that failed, with its number.
pub(super) fn last_checkpoint(store: &Store, folder: &Path) -> Result<Option<(u64, Snapshot)>> {
    let cannot = || format!("cannot read {}", shown_name(folder));
    let history = with_code(store.history(), cannot)?;
    let is_good = |entry: &&HistoryEntry| entry.header.as_ref().is_ok_and(|header| !header.failed);
    let Some(entry) = history.iter().rev().find(is_good) else { return Ok(None) };
    let path = folder.join(format!("@{}", entry.number));
    Ok(Some((entry.number, Snapshot::open(&path).or_exit(exit::DAMAGED, cannot)?)))
}

/// The name of a store, as the user would type it.
pub(super) fn shown_name(folder: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    format!("{}/", folder.strip_prefix(here).unwrap_or(folder).display())
}

/// The hash of the arguments: some of them may be credentials, which are not kept.
pub(super) fn hash_of_arguments(arguments: &[OsString]) -> String {
    let mut hasher = blake3::Hasher::new();
    for argument in arguments {
        hasher.update(argument.as_bytes());
        hasher.update(&[0]);
    }
    hasher.finalize().to_hex().to_string()
}

fn check_same(
    index: &Index,
    progress: &RunProgress,
    command: &ScriptCommand,
    version: (u8, u8, u8),
    shown: &str,
) -> Result<()> {
    let mut differences = Vec::new();
    if let ScriptTarget::Script(path) = &command.target {
        let old = Path::new(&index.script.path);
        let is_same = matches!((old.canonicalize(), path.canonicalize()), (Ok(old), Ok(new)) if old == new);
        if !is_same && std::path::absolute(path).ok().as_deref() != Some(old) {
            differences.push(format!("the script was {}, and is {}", old.display(), path.display()));
        }
    }
    if progress.arguments != hash_of_arguments(&command.arguments) {
        let words = |words: Vec<String>| if words.is_empty() { "none".to_owned() } else { words.join(" ") };
        let old = words(index.script.argv.iter().skip(1).cloned().collect());
        let new = words(command.arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect());
        differences.push(format!("the arguments were: {old}; they are: {new}"));
    }
    let minor = format!("{}.{}", version.0, version.1);
    let old: String = index.python.version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    if old != minor {
        differences.push(format!("the Python was {}, and is {minor}", index.python.version));
    }
    if differences.is_empty() {
        return Ok(());
    }
    differences.push("use --fresh to start over, or name another store with -o".to_owned());
    let text = format!("{shown} has a checkpoint of another run");
    Err(exit::coded(exit::USAGE, text).with_details(differences).into())
}
