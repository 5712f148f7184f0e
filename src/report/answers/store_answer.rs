//! The answers of the commands that work on stores.

use schemars::JsonSchema;
use serde::Serialize;

use super::SchemaVersion;
use crate::report::store_report::{LogReport, StoreReport};
use crate::snapshot::store::{HistoryEntry, Pruned, StoredSnapshot};

/// The snapshots of a store.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Log")]
pub(crate) struct LogAnswer<'a> {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The folder of the store.
    path: String,
    /// How many snapshots it has.
    snapshot_count: usize,
    /// The size of all its objects and snapshots. Absent for a store in object storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The snapshots, the newest first.
    snapshots: Vec<LogEntry<'a>>,
}

/// A snapshot of a store.
#[derive(Debug, Serialize, JsonSchema)]
struct LogEntry<'a> {
    /// Its number: `STORE/@3` stands for number 3.
    number: u64,
    /// Its names: `STORE/@best` stands for the one named `best`.
    names: &'a [String],
    /// What was written for it: new objects, and its own file.
    added_bytes: u64,
    /// What is wrong with it. Then the other keys are absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    /// When the save began, UTC, as RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    /// What the user noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    /// The script that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<LogScript<'a>>,
    /// The size of the pickle that it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// How many variables it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    variable_count: Option<u64>,
    /// How many of them are new or differ from the snapshot that it was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_count: Option<u64>,
    /// How many variables of that one are gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_count: Option<u64>,
    /// The first names of variables that changed, or are gone.
    changes: &'a [String],
    /// The number of the snapshot that it was compared with. Absent for the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<u64>,
}

/// The script that made a snapshot.
#[derive(Debug, Serialize, JsonSchema)]
struct LogScript<'a> {
    /// `script`, `module`, `code`, or `prompt`.
    kind: &'a str,
    /// Its path, the name of the module, or `-c`.
    name: &'a str,
    /// How it had ended: `finished`, `exit`, `exception`, `interrupted`, or `running`.
    ended: &'a str,
}

impl<'a> LogAnswer<'a> {
    /// The answer for a report; `path` is the absolute path of the store.
    pub(crate) fn of(report: &'a LogReport, path: String) -> Self {
        let snapshots = report.entries.iter().map(LogEntry::of).collect();
        Self { schema: SchemaVersion, path, snapshot_count: report.total, bytes: report.bytes, snapshots }
    }
}

impl<'a> LogEntry<'a> {
    fn of(entry: &'a HistoryEntry) -> Self {
        let header = entry.header.as_ref();
        let known = header.ok();
        Self {
            number: entry.number,
            names: &entry.names,
            added_bytes: entry.added,
            error: header.err().map(String::as_str),
            created: known.map(|header| header.created.as_str()),
            message: known.map(|header| header.message.as_str()).filter(|message| !message.is_empty()),
            script: known.filter(|header| !header.kind.is_empty()).map(|header| LogScript {
                kind: &header.kind,
                name: &header.script,
                ended: &header.how,
            }),
            bytes: known.map(|header| header.pickle),
            variable_count: known.map(|header| header.variables),
            changed_count: known.map(|header| header.changed),
            removed_count: known.map(|header| header.removed),
            changes: known.map(|header| header.names.as_slice()).unwrap_or_default(),
            parent: known.map(|header| header.parent).filter(|parent| *parent > 0),
        }
    }
}

/// A file that was written from a snapshot of a store.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Export")]
pub(crate) struct ExportAnswer {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The file.
    path: String,
    /// The snapshot.
    snapshot_path: String,
    /// The size of the file.
    bytes: u64,
}

impl ExportAnswer {
    /// The answer for a file of this size.
    pub(crate) fn new(path: String, snapshot_path: String, bytes: u64) -> Self {
        Self { schema: SchemaVersion, path, snapshot_path, bytes }
    }
}

/// A snapshot that was added to a store.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Import")]
pub(crate) struct ImportAnswer {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The path that stands for it.
    path: String,
    /// Its number.
    number: u64,
    /// What was written for it.
    added_bytes: u64,
    /// How many variables are new or differ from the snapshot before.
    changed_count: u64,
}

impl ImportAnswer {
    /// The answer for a snapshot; `path` is the absolute path that stands for it.
    pub(crate) fn of(stored: &StoredSnapshot, path: String) -> Self {
        let StoredSnapshot { number, added, changed, .. } = *stored;
        Self { schema: SchemaVersion, path, number, added_bytes: added, changed_count: changed }
    }
}

/// What was removed from a store.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Prune")]
pub(crate) struct PruneAnswer<'a> {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The folder of the store.
    path: String,
    /// Whether nothing was removed, and this is what would have been.
    dry_run: bool,
    /// The numbers of the snapshots that are gone.
    removed: &'a [u64],
    /// Those that stay.
    kept: &'a [u64],
    /// The names that are gone because their snapshots were not in the store.
    names: &'a [String],
    /// How many objects are gone.
    object_count: u64,
    /// The size of all that is gone.
    bytes: u64,
}

impl<'a> PruneAnswer<'a> {
    /// The answer for a result; `path` is the absolute path of the store.
    pub(crate) fn of(pruned: &'a Pruned, dry_run: bool, path: String) -> Self {
        let Pruned { removed, kept, names, objects, bytes } = pruned;
        Self { schema: SchemaVersion, path, dry_run, removed, kept, names, object_count: *objects, bytes: *bytes }
    }
}

/// Whether a whole store is intact.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "VerifyStore")]
pub(crate) struct VerifyStoreAnswer<'a> {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The folder of the store.
    path: String,
    /// Whether nothing is wrong.
    whole: bool,
    /// The snapshots, by number.
    snapshots: Vec<CheckedStored<'a>>,
    /// The names whose snapshots are not in the store.
    dangling_names: Vec<&'a str>,
    /// The names whose files do not say which snapshots they stand for.
    unreadable_names: Vec<&'a str>,
    /// How many objects there are.
    object_count: u64,
    /// The size of all objects.
    bytes: u64,
    /// How many objects no snapshot needs.
    unneeded_count: u64,
}

/// A snapshot that was checked.
#[derive(Debug, Serialize, JsonSchema)]
struct CheckedStored<'a> {
    /// Its number.
    number: u64,
    /// Whether nothing is wrong with it.
    whole: bool,
    /// What is wrong.
    problems: &'a [String],
}

impl<'a> VerifyStoreAnswer<'a> {
    /// The answer for a report; `path` is the absolute path of the store.
    pub(crate) fn of(report: &'a StoreReport, path: String) -> Self {
        let checked = &report.checked;
        let snapshots = checked.snapshots.iter().map(|(number, problems)| CheckedStored {
            number: *number,
            whole: problems.is_empty(),
            problems,
        });
        Self {
            schema: SchemaVersion,
            path,
            whole: checked.is_whole(),
            snapshots: snapshots.collect(),
            dangling_names: checked.dangling.iter().map(|(name, _)| name.as_str()).collect(),
            unreadable_names: checked.unreadable.iter().map(String::as_str).collect(),
            object_count: checked.objects,
            bytes: checked.bytes,
            unneeded_count: checked.unneeded,
        }
    }
}
