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
use super::store_files::{NAMES, OBJECTS, SNAPSHOTS, TEMP_PREFIX, entries_of, snapshot_number, sync_folder};
use super::store_folder::Store;
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
    let plan = PrunePlan::new(store, rules)?;
    let pruned = match store.upstream() {
        Some(upstream) => plan.remove_upstream(upstream)?,
        None => plan.remove_local(store)?,
    };
    plan.remove_marks(store)?;
    Ok(pruned)
}

/// What stays and what goes.
struct PrunePlan {
    dry_run: bool,
    /// The numbers of the snapshots that stay.
    kept: Vec<u64>,
    removed: Vec<HistoryEntry>,
    /// The objects that the snapshots which stay need.
    needed: HashSet<ObjectName>,
    /// The names that stand for nothing, or cannot be read.
    names: Vec<String>,
}

impl PrunePlan {
    fn new(store: &Store, rules: PruneRules) -> Result<Self, StoreError> {
        let unreadable_names = store.unreadable_names()?;
        if let (Some(name), true, false) = (unreadable_names.first(), rules.keep_named, rules.drop_damaged) {
            return Err(StoreError::DamagedName { folder: store.name(), name: name.clone() });
        }
        let claimed = store.names()?.into_iter().map(|(_, target)| target.number).collect();
        let (mut kept, mut removed) = rules.divide(store.history()?, &claimed);
        let (mut needed, unreadable) = needed_objects(store, &kept, rules.drop_damaged)?;
        removed.extend(kept.extract_if(.., |entry| unreadable.contains(&entry.number)));
        removed.sort_by_key(|entry| entry.number);
        if rules.drop_damaged {
            for name in damaged_objects(store)? {
                needed.remove(&name);
            }
        }
        let kept = numbers_of(&kept);
        // A name that keeps the snapshot of its number stays.
        let keeps = |number: &u64| rules.keep_named && !rules.drop_damaged && kept.contains(number);
        let dangling = store.dangling_names()?.into_iter().filter(|(_, number)| !keeps(number)).map(|(name, _)| name);
        let names = dangling.chain(unreadable_names.into_iter().filter(|_| rules.drop_damaged)).collect();
        Ok(Self { dry_run: rules.dry_run, kept, removed, needed, names })
    }

    /// What the plan says is gone, without what only the files say.
    fn pruned(&self) -> Pruned {
        let removed = numbers_of(&self.removed);
        Pruned { removed, kept: self.kept.clone(), names: self.names.clone(), ..Pruned::default() }
    }

    /// The names that go: those of the snapshots that go as well.
    fn gone_names(&self) -> impl Iterator<Item = &String> {
        self.removed.iter().flat_map(|entry| &entry.names).chain(&self.names)
    }

    fn is_garbage(&self, name: &ObjectName) -> bool {
        !self.needed.contains(name)
    }

    /// A name goes before its snapshot: whatever happens in between, it stands for something.
    fn remove_local(&self, store: &Store) -> Result<Pruned, StoreError> {
        let mut pruned = self.pruned();
        for name in self.gone_names() {
            self.remove_file(&store.name_path(name))?;
        }
        for entry in &self.removed {
            let path = store.snapshot_path(entry.number);
            pruned.bytes += fs::symlink_metadata(&path).map_or(0, |found| found.len());
            self.remove_file(&path)?;
        }
        if !self.dry_run && !self.removed.is_empty() {
            sync_folder(&store.snapshots()).map_err(StoreError::io(&store.snapshots()))?;
        }
        let is_garbage = |name: &str| ObjectName::from_hex(name.as_bytes()).is_some_and(|name| self.is_garbage(&name));
        for folder in [store.objects(), store.snapshots(), store.folder().join(NAMES), store.folder().to_path_buf()] {
            let is_objects = folder == store.objects();
            let gone = |name: &str| name.starts_with(TEMP_PREFIX) || (is_objects && is_garbage(name));
            let (count, bytes) = remove_files(&folder, &gone, self.dry_run).map_err(StoreError::io(&folder))?;
            (pruned.objects, pruned.bytes) = (pruned.objects + count, pruned.bytes + bytes);
        }
        Ok(pruned)
    }

    fn remove_file(&self, path: &Path) -> Result<(), StoreError> {
        if self.dry_run { Ok(()) } else { fs::remove_file(path).map_err(StoreError::io(path)) }
    }

    /// The same in object storage: snapshots before objects, so that none lacks one if this ends in between.
    fn remove_upstream(&self, upstream: &Upstream) -> Result<Pruned, StoreError> {
        let mut pruned = self.pruned();
        let client = upstream.client();
        let (mut snapshots, mut objects) = (Vec::new(), Vec::new());
        for found in client.list(&format!("{SNAPSHOTS}/"))? {
            let name = found.key.rsplit('/').next().unwrap_or_default();
            if snapshot_number(name).is_some_and(|number| pruned.removed.contains(&number)) {
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
            if object_of(&found.key).is_some_and(|name| self.is_garbage(&name)) {
                pruned.objects += 1;
                pruned.bytes += found.length;
                objects.push(found.key);
            }
        }
        if !self.dry_run {
            let _unbroken = UnbrokenStep::begin().map_err(StoreError::io(upstream.shown()))?;
            client.remove(self.gone_names().map(|name| format!("{NAMES}/{name}")).collect())?;
            client.remove(snapshots)?;
            client.remove(objects)?;
        }
        Ok(pruned)
    }

    /// Removes the marks of damaged objects that are gone.
    fn remove_marks(&self, store: &Store) -> Result<(), StoreError> {
        let gone: Vec<_> = store.marked_objects()?.into_iter().filter(|name| self.is_garbage(name)).collect();
        if self.dry_run { Ok(()) } else { store.unmark(gone).map_err(StoreError::io(store.folder())) }
    }
}

fn numbers_of(entries: &[HistoryEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.number).collect()
}

/// The objects that these snapshots need, and the numbers of the snapshots that cannot be read.
///
/// # Errors
/// If one cannot be read, unless such snapshots go: it may need any object.
fn needed_objects(
    store: &Store,
    kept: &[HistoryEntry],
    drop_damaged: bool,
) -> Result<(HashSet<ObjectName>, Vec<u64>), StoreError> {
    let (mut needed, mut unreadable) = (HashSet::new(), Vec::new());
    for entry in kept {
        match store.needed_by(entry) {
            Ok(objects) => needed.extend(objects.into_iter().map(|(name, _)| name)),
            Err(StoreError::DamagedSnapshot { .. }) if drop_damaged => unreadable.push(entry.number),
            Err(StoreError::DamagedSnapshot { folder, number, problem }) => {
                let advice = "`snapcli prune --drop-damaged` removes such snapshots";
                return Err(StoreError::DamagedSnapshot { folder, number, problem: format!("{problem} ({advice})") });
            }
            Err(error) => return Err(error),
        }
    }
    Ok((needed, unreadable))
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
