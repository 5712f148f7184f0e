//! Where a run begins: at the last checkpoint of its store, if that is one of the same script, arguments and Python.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Result;

use super::current_run::CurrentRun;
use crate::commands::stores::with_code;
use crate::exit::{self, OrExit};
use crate::python::script_command::{ScriptCommand, ScriptTarget};
use crate::snapshot::index::{Index, RunProgress, ScriptInfo};
use crate::snapshot::plain_path::plain_absolute;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::store::{HistoryEntry, Store, problem_of};
use crate::ui::format_utc;
use crate::ui::messages::print_line;

/// Where a run begins.
pub(super) enum RunStart {
    /// At the beginning.
    Fresh,
    /// It has finished.
    Finished(Box<FinishedRun>),
    /// At a checkpoint.
    From(Box<Checkpoint>),
}

/// A checkpoint to go on from.
pub(super) struct Checkpoint {
    pub(super) snapshot: Snapshot,
    pub(super) progress: RunProgress,
}

/// A run that has finished.
pub(super) struct FinishedRun {
    /// The script and its arguments.
    pub(super) command: String,
    /// When it has finished, UTC.
    pub(super) time: String,
    pub(super) progress: RunProgress,
}

impl FinishedRun {
    /// What is said about it.
    pub(super) fn message(&self) -> String {
        format!("{} has finished ({} UTC): use --fresh to run it again", self.command, self.time)
    }
}

/// The newest checkpoint of the run in force.
pub(super) struct LastCheckpoint {
    /// The number of its snapshot, and the snapshot; `None` if the run has none.
    pub(super) found: Option<(u64, Snapshot)>,
    /// Newer ones that are damaged, each with what is wrong.
    pub(super) damaged: Vec<String>,
}

/// Finds where a run begins.
///
/// # Errors
/// With exit code 2, if the store has another run.
pub(super) fn find(folder: &Path, fresh: bool, command: &ScriptCommand, version: (u8, u8, u8)) -> Result<RunStart> {
    let cannot = || format!("cannot resume from {}", folder.display());
    if fresh {
        return Ok(RunStart::Fresh);
    }
    let store = with_code(Store::open(folder), cannot)?;
    let LastCheckpoint { found, damaged } = last_checkpoint(&store, folder, true)?;
    damaged.iter().for_each(|text| print_line(text));
    let Some((_, snapshot)) = found else { return Ok(RunStart::Fresh) };
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
    if !progress.finished {
        return Ok(RunStart::From(Box::new(Checkpoint { snapshot, progress })));
    }
    let (command, time) = (index.script.command_words().join(" "), format_utc(&index.created));
    Ok(RunStart::Finished(Box::new(FinishedRun { command, time, progress })))
}

/// Finds the newest checkpoint of the run in force. One that is damaged is passed over. `reads` says whether all bytes
/// of it are checked, or only that its objects are there.
///
/// # Errors
/// With exit code 4, if there are checkpoints, but all are damaged.
pub(super) fn last_checkpoint(store: &Store, folder: &Path, reads: bool) -> Result<LastCheckpoint> {
    let shown = shown_name(folder);
    let cannot = || format!("cannot read {shown}");
    let current = CurrentRun::of(folder);
    let mut damaged = Vec::new();
    for entry in with_code(store.history(), cannot)?.iter().rev() {
        if entry.header.as_ref().is_ok_and(|header| header.failed) {
            continue;
        }
        let snapshot = match readable(store, folder, entry, reads)? {
            Ok(snapshot) => snapshot,
            Err(_) if current.as_ref().is_some_and(|current| entry.number <= current.after) => continue,
            Err(why) => {
                damaged.push(format!("checkpoint @{} of {shown} is damaged and was skipped: {why}", entry.number));
                continue;
            }
        };
        if current.is_some() && has_no_run(&snapshot) {
            // The user has saved something else in this store.
            continue;
        }
        let found = Some((entry.number, snapshot)).filter(|(_, snapshot)| is_of(snapshot, current.as_ref()));
        return Ok(LastCheckpoint { found, damaged });
    }
    if damaged.is_empty() {
        return Ok(LastCheckpoint { found: None, damaged });
    }
    damaged.push("use --fresh to start over".to_owned());
    let text = format!("cannot resume from {shown}: no checkpoint in it can be read");
    Err(exit::coded(exit::DAMAGED, text).with_details(damaged).into())
}

/// A snapshot, or what is wrong with it.
fn readable(store: &Store, folder: &Path, entry: &HistoryEntry, reads: bool) -> Result<Result<Snapshot, String>> {
    let cannot = || format!("cannot read {}", shown_name(folder));
    if let Err(problem) = &entry.header {
        return Ok(Err(problem.clone()));
    }
    if let Some(problem) = with_code(problem_of(store, entry, reads), cannot)? {
        return Ok(Err(problem));
    }
    match Snapshot::open(&folder.join(format!("@{}", entry.number))) {
        Ok(snapshot) => Ok(Ok(snapshot)),
        Err(error) if error.is_unreachable() => Err(error).or_exit(exit::FAILED, cannot),
        Err(error) => Ok(Err(error.without_advice())),
    }
}

fn has_no_run(snapshot: &Snapshot) -> bool {
    matches!(snapshot.contents(), Contents::Own { index } if index.run.is_none())
}

/// Whether a snapshot is one of the run in force. Where nothing says which run that is, each is.
fn is_of(snapshot: &Snapshot, current: Option<&CurrentRun>) -> bool {
    match (snapshot.contents(), current) {
        (Contents::Own { index }, Some(current)) => {
            index.run.as_ref().is_none_or(|progress| progress.run == current.run)
        }
        _ => true,
    }
}

/// The name of a store, as the user would type it.
pub(super) fn shown_name(folder: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let name = folder.strip_prefix(here).unwrap_or(folder).display().to_string();
    match name.trim_end_matches('/') {
        "" if folder.parent().is_some() => "./".to_owned(),
        name => format!("{name}/"),
    }
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

/// How the script or module differs from that of a checkpoint; `None` if it is the same.
fn other_target(old: &ScriptInfo, new: &ScriptTarget) -> Option<String> {
    let path = Path::new(&old.path);
    let (kind, name, is_same) = match new {
        ScriptTarget::Module(name) => {
            let name = name.to_string_lossy().into_owned();
            let is_same = module_name(&name) == module_name(&old.path);
            ("module", name, is_same)
        }
        ScriptTarget::Script(new) => {
            let is_same = matches!((path.canonicalize(), new.canonicalize()), (Ok(old), Ok(new)) if old == new);
            let is_same = is_same || plain_absolute(new).ok().as_deref() == Some(path);
            ("script", new.display().to_string(), is_same)
        }
        _ => return None,
    };
    match old.kind == kind {
        true if is_same => None,
        true => Some(format!("the {kind} was {}, and is {name}", old.path)),
        false => Some(format!("it was the {} {}, and is the {kind} {name}", old.kind, old.path)),
    }
}

/// The name of a module; a package runs its `__main__`.
pub(super) fn module_name(name: &str) -> &str {
    name.strip_suffix(".__main__").unwrap_or(name)
}

fn check_same(
    index: &Index,
    progress: &RunProgress,
    command: &ScriptCommand,
    version: (u8, u8, u8),
    shown: &str,
) -> Result<()> {
    let mut differences = Vec::new();
    differences.extend(other_target(&index.script, &command.target));
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
