//! Which objects a save reads before it uses them again.
//!
//! Only reading an object shows that its bytes are what they were, and reading all would cost what a store saves. So a
//! save reads the objects that something speaks against, and of the others a share, another one each time: a disk that
//! loses bits is noticed without a `verify`, after some saves. Object storage checks its disks itself, and to read an
//! object is to download it: there, it only counts when the object was written.

use std::collections::HashSet;
use std::fs;
use std::time::SystemTime;

use super::object_name::ObjectName;
use super::parent_snapshot::ParentSnapshot;
use super::store_error::StoreError;
use super::store_folder::Store;

/// Objects up to this length are always read.
const ALWAYS_READ: u64 = 64 << 10;
/// About how many bytes of longer objects a save reads.
const SHARE: u64 = 16 << 20;

/// Decides for one save.
#[derive(Debug, Default)]
pub(super) struct ReusedObjects {
    /// When the snapshot before was written.
    written: Option<SystemTime>,
    /// The objects of that snapshot: only these may stay unread. Any other one has been written already when it turns
    /// out to be there, which took longer than to read it.
    known: HashSet<ObjectName>,
    /// Those that a check found damaged, and those that were rewritten.
    marked: HashSet<ObjectName>,
    /// How many saves read all long objects together, and the number of this one.
    rounds: u64,
    round: u64,
}

impl ReusedObjects {
    /// For a save after this snapshot. Objects in object storage that were `rewritten` since count as damaged.
    pub(super) fn after(
        store: &Store,
        parent: Option<&ParentSnapshot>,
        rewritten: HashSet<ObjectName>,
    ) -> Result<Self, StoreError> {
        let mut marked = store.marked_objects()?;
        marked.extend(rewritten);
        let Some(parent) = parent else { return Ok(Self { marked, ..Self::default() }) };
        let long = parent.objects.iter().map(|(_, length)| *length).filter(|length| *length > ALWAYS_READ);
        let (known, written) = (parent.objects.iter().map(|(name, _)| *name).collect(), parent.written(store));
        Ok(Self { written, known, marked, rounds: long.sum::<u64>().div_ceil(SHARE), round: parent.number })
    }

    /// Whether it counts as damaged.
    pub(super) fn is_marked(&self, name: &ObjectName) -> bool {
        self.marked.contains(name)
    }

    /// The marked objects among these.
    pub(super) fn marked_among<'n>(&self, names: impl Iterator<Item = &'n ObjectName>) -> Vec<ObjectName> {
        if self.marked.is_empty() { Vec::new() } else { names.filter(|name| self.is_marked(name)).copied().collect() }
    }

    /// Whether to read an object of a folder first.
    pub(super) fn must_read(&self, store: &Store, name: &ObjectName, length: u64) -> bool {
        length <= ALWAYS_READ
            || !self.known.contains(name)
            || self.is_marked(name)
            || self.is_of_share(name)
            || self.has_changed(store, name)
    }

    fn is_of_share(&self, name: &ObjectName) -> bool {
        let number = name.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
        self.rounds > 0 && number % self.rounds == self.round % self.rounds
    }

    /// Whether its file is newer than the snapshot that needs it.
    fn has_changed(&self, store: &Store, name: &ObjectName) -> bool {
        let found = fs::symlink_metadata(store.object_path(name)).and_then(|found| found.modified()).ok();
        self.written.is_none_or(|written| found.is_none_or(|found| found > written))
    }
}
