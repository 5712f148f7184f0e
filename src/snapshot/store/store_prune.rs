//! Removes snapshots by rules, and the objects that no remaining snapshot needs.
//!
//! Saves hold a shared lock from before they look for objects to use again until their snapshot is complete. Here the
//! lock is exclusive: so no object disappears that a save relies on, and every temporary file was left by a process
//! that is dead. Snapshots go before objects: whatever happens in between, no snapshot lacks an object.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;

use super::object_name::ObjectName;
use super::snapshot_header::FailedRuns;
use super::store_check::damaged_objects;
use super::store_error::StoreError;
use super::store_folder::{NAMES, OBJECTS, SNAPSHOTS, Store, TEMP_PREFIX, entries_of, snapshot_number, sync_folder};
use super::store_history::HistoryEntry;
use super::upstream::{Upstream, object_of};
use crate::snapshot::atomic::signals::UnbrokenStep;

/// Which snapshots stay.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PruneRules {
    /// This many of the newest; `None` for all.
    pub(crate) keep_last: Option<u64>,
    /// Those with a name.
    pub(crate) keep_named: bool,
    /// Whether snapshots that cannot be read go, and objects that do not match their names.
    pub(crate) drop_damaged: bool,
    /// Whether everything stays, and only the result is wanted.
    pub(crate) dry_run: bool,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    /// The numbers of the snapshots that are gone.
    pub(crate) removed: Vec<u64>,
    /// Those that stay.
    pub(crate) kept: Vec<u64>,
    /// The names of snapshots that were gone before.
    pub(crate) names: Vec<String>,
    /// How many objects and files of dead processes are gone.
    pub(crate) objects: u64,
    /// The bytes of all that is gone.
    pub(crate) bytes: u64,
}

impl PruneRules {
    /// The snapshots that stay, and those that go.
    ///
    /// `claimed` are the numbers that any name gives, even if the snapshot there is another one: either may be damaged.
    fn divide(self, history: Vec<HistoryEntry>, claimed: &HashSet<u64>) -> (Vec<HistoryEntry>, Vec<HistoryEntry>) {
        let count = history.len() as u64;
        let first = self.keep_last.map_or(0, |last| count.saturating_sub(last));
        let good = good_results(&history);
        let stays = |(position, entry): &(u64, HistoryEntry)| {
            *position >= first || good.contains(&entry.number) || (self.keep_named && claimed.contains(&entry.number))
        };
        let (kept, removed): (Vec<_>, Vec<_>) = (0..).zip(history).partition(stays);
        let without = |entries: Vec<(u64, HistoryEntry)>| entries.into_iter().map(|(_, entry)| entry).collect();
        (without(kept), without(removed))
    }
}

/// The snapshot that the store as such stands for, and the newest of a script that came to its end: neither a crash nor
/// a script that still runs may cost the last good result.
fn good_results(history: &[HistoryEntry]) -> Vec<u64> {
    let mut failed = FailedRuns::default();
    let headers = history.iter().rev().filter_map(|entry| Some((entry.number, entry.header.as_ref().ok()?)));
    let good: Vec<_> = headers.filter(|(_, header)| !failed.include(header)).collect();
    let ended = good.iter().find(|(_, header)| !header.is_of_running_script());
    good.first().into_iter().chain(ended).map(|(number, _)| *number).collect()
}

/// Removes what the rules do not keep. `waiting` is called once if a save has to be waited for.
pub(crate) fn prune(store: &Store, rules: PruneRules, waiting: &mut dyn FnMut()) -> Result<Pruned, StoreError> {
    let _lock = match rules.dry_run {
        true => store.lock_for_dry_run(waiting)?,
        false => Some(store.lock_exclusive(waiting)?),
    };
    let unreadable_names = store.unreadable_names()?;
    if let (Some(name), true, false) = (unreadable_names.first(), rules.keep_named, rules.drop_damaged) {
        return Err(StoreError::DamagedName { folder: store.name(), name: name.clone() });
    }
    let claimed = store.names()?.into_iter().map(|(_, target)| target.number).collect();
    let (mut kept, mut removed) = rules.divide(store.history()?, &claimed);
    let mut needed = HashSet::new();
    let mut unreadable = Vec::new();
    for entry in &kept {
        match store.needed_by(entry) {
            Ok(objects) => needed.extend(objects.into_iter().map(|(name, _)| name)),
            Err(StoreError::DamagedSnapshot { .. }) if rules.drop_damaged => unreadable.push(entry.number),
            // Nothing is removed: it may need any object.
            Err(StoreError::DamagedSnapshot { folder, number, problem }) => {
                let advice = "`snapcli prune --drop-damaged` removes such snapshots";
                return Err(StoreError::DamagedSnapshot { folder, number, problem: format!("{problem} ({advice})") });
            }
            Err(error) => return Err(error),
        }
    }
    removed.extend(kept.extract_if(.., |entry| unreadable.contains(&entry.number)));
    removed.sort_by_key(|entry| entry.number);
    if rules.drop_damaged {
        for name in damaged_objects(store)? {
            needed.remove(&name);
        }
    }
    let numbers = |entries: &[HistoryEntry]| entries.iter().map(|entry| entry.number).collect();
    let mut pruned = Pruned { removed: numbers(&removed), kept: numbers(&kept), ..Pruned::default() };
    // A name that keeps the snapshot of its number stays.
    let keeps = |number: &u64| rules.keep_named && !rules.drop_damaged && pruned.kept.contains(number);
    let dangling = store.dangling_names()?.into_iter().filter(|(_, number)| !keeps(number)).map(|(name, _)| name);
    let names: Vec<String> = dangling.chain(unreadable_names.into_iter().filter(|_| rules.drop_damaged)).collect();
    pruned.names = names;
    let gone: Vec<&String> = removed.iter().flat_map(|entry| &entry.names).chain(&pruned.names).collect();
    if let Some(upstream) = store.upstream() {
        let gone = gone.into_iter().map(|name| format!("{NAMES}/{name}")).collect();
        remove_upstream(upstream, &removed, gone, &needed, rules.dry_run, &mut pruned)?;
        remove_marks(store, &needed, rules.dry_run)?;
        return Ok(pruned);
    }
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| StoreError::Io { path, source }
    };
    // A name goes before its snapshot: whatever happens in between, it stands for something.
    for name in gone.into_iter().filter(|_| !rules.dry_run) {
        let path = store.name_path(name);
        fs::remove_file(&path).map_err(failed(&path))?;
    }
    for entry in &removed {
        let path = store.snapshot_path(entry.number);
        pruned.bytes += fs::symlink_metadata(&path).map_or(0, |found| found.len());
        if !rules.dry_run {
            fs::remove_file(&path).map_err(failed(&path))?;
        }
    }
    if !rules.dry_run && !removed.is_empty() {
        sync_folder(&store.snapshots()).map_err(failed(&store.snapshots()))?;
    }
    let is_garbage = |name: &str| ObjectName::from_hex(name.as_bytes()).is_some_and(|name| !needed.contains(&name));
    for folder in [store.objects(), store.snapshots(), store.folder().join("names"), store.folder().to_path_buf()] {
        let is_objects = folder == store.objects();
        let gone = |name: &str| name.starts_with(TEMP_PREFIX) || (is_objects && is_garbage(name));
        let (count, bytes) = remove_files(&folder, &gone, rules.dry_run).map_err(failed(&folder))?;
        (pruned.objects, pruned.bytes) = (pruned.objects + count, pruned.bytes + bytes);
    }
    remove_marks(store, &needed, rules.dry_run)?;
    Ok(pruned)
}

/// Removes the marks of damaged objects that are gone.
fn remove_marks(store: &Store, needed: &HashSet<ObjectName>, dry_run: bool) -> Result<(), StoreError> {
    let gone: Vec<_> = store.marked_objects()?.into_iter().filter(|name| !needed.contains(name)).collect();
    if dry_run { Ok(()) } else { store.unmark(gone).map_err(StoreError::io(store.folder())) }
}

/// The same in object storage: snapshots before objects, so that none lacks one if this ends in between.
fn remove_upstream(
    upstream: &Upstream,
    removed: &[HistoryEntry],
    names: Vec<String>,
    needed: &HashSet<ObjectName>,
    dry_run: bool,
    pruned: &mut Pruned,
) -> Result<(), StoreError> {
    let client = upstream.client();
    let numbers: HashSet<u64> = removed.iter().map(|entry| entry.number).collect();
    let (mut snapshots, mut objects) = (Vec::new(), Vec::new());
    for found in client.list(&format!("{SNAPSHOTS}/"))? {
        let name = found.key.rsplit('/').next().unwrap_or_default();
        if snapshot_number(name).is_some_and(|number| numbers.contains(&number)) {
            snapshots.push(found.key);
        } else if name.starts_with(TEMP_PREFIX) {
            pruned.objects += 1;
            snapshots.push(found.key);
        } else {
            continue;
        }
        pruned.bytes += found.length;
    }
    for found in client.list(&format!("{OBJECTS}/"))? {
        if object_of(&found.key).is_some_and(|name| !needed.contains(&name)) {
            pruned.objects += 1;
            pruned.bytes += found.length;
            objects.push(found.key);
        }
    }
    if !dry_run {
        let _unbroken = UnbrokenStep::begin().map_err(StoreError::io(upstream.shown()))?;
        client.remove(names)?;
        client.remove(snapshots)?;
        client.remove(objects)?;
    }
    Ok(())
}

/// Removes the regular files of a folder whose names say so. Returns their number and their bytes.
fn remove_files(folder: &Path, gone: &dyn Fn(&str) -> bool, dry_run: bool) -> io::Result<(u64, u64)> {
    let (mut count, mut bytes) = (0, 0);
    for entry in entries_of(folder)? {
        // Of a symlink, this is the metadata of the link itself.
        let found = entry.metadata()?;
        if !found.is_file() || !entry.file_name().to_str().is_some_and(gone) {
            continue;
        }
        if !dry_run {
            fs::remove_file(entry.path())?;
        }
        (count, bytes) = (count + 1, bytes + found.len());
    }
    Ok((count, bytes))
}
