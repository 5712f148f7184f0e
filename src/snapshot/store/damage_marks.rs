//! Marks of objects that were found damaged, for the saves that come: files without contents,
//! `damaged/<64 hex digits>`.
//!
//! A save does not read all objects that it uses again, so it would not find the damage itself. `verify` leaves a mark,
//! a save writes a marked object that it needs anew, and removes the mark. An object whose mark cannot be written is
//! damaged all the same: nothing depends on a mark but that.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::object_name::ObjectName;
use super::store_address::StoreAddress;
use super::store_check::damaged_among;
use super::store_error::StoreError;
use super::store_files::{DAMAGED, entries_of};
use super::store_folder::Store;
use super::upstream::mark_key;

impl Store {
    /// The objects that have a mark.
    pub(super) fn marked_objects(&self) -> Result<HashSet<ObjectName>, StoreError> {
        if let Some(upstream) = self.upstream() {
            return Ok(upstream.marks()?);
        }
        let folder = self.folder().join(DAMAGED);
        let entries = entries_of(&folder).map_err(StoreError::io(&folder))?;
        let names = entries.iter().filter_map(|entry| ObjectName::from_hex(entry.file_name().as_encoded_bytes()));
        Ok(names.collect())
    }

    /// Marks objects. Returns whether it could: a store may be read-only.
    pub(super) fn mark_damaged<'n>(&self, names: impl Iterator<Item = &'n ObjectName>) -> bool {
        let mark = |name: &ObjectName| match self.upstream() {
            Some(upstream) => upstream.client().put(&mark_key(name), Vec::new()).is_ok(),
            None => self.mark(name).is_ok(),
        };
        let mut are_marked = true;
        for name in names {
            are_marked &= mark(name);
        }
        are_marked
    }

    fn mark(&self, name: &ObjectName) -> io::Result<()> {
        let folder = self.folder().join(DAMAGED);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let path = folder.join(name.to_string());
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path)?;
        Ok(())
    }

    /// Removes the marks of objects that are whole again, or gone.
    pub(super) fn unmark(&self, names: Vec<ObjectName>) -> io::Result<()> {
        if let Some(upstream) = self.upstream() {
            return Ok(upstream.client().remove(names.iter().map(mark_key).collect())?);
        }
        for name in names {
            match fs::remove_file(self.folder().join(DAMAGED).join(name.to_string())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Marks the damaged objects of a snapshot, after a check of it has failed. Does nothing for a file.
pub(crate) fn mark_damage_of(snapshot: &Path) -> Result<(), StoreError> {
    let Some(address) = StoreAddress::of(snapshot)? else { return Ok(()) };
    let store = Store::open(&address.folder)?;
    let _lock = store.lock_reading();
    let number = address.number(&store)?;
    if let Some(entry) = store.history()?.iter().find(|entry| Some(entry.number) == number) {
        let needed = Vec::from_iter(store.needed_by(entry)?);
        store.mark_damaged(damaged_among(&store, &needed)?.iter());
    }
    Ok(())
}
