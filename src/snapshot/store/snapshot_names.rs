//! The names of snapshots: which there can be, and the files that hold them.

use std::io;

use super::name_target::NameTarget;
use super::store_error::StoreError;
use super::store_files::{MAX_MARKER, NAMES, entries_of, new_file, read_file, sync_folder};
use super::store_folder::Store;

/// The longest name of a snapshot in bytes.
pub(super) const MAX_NAME: usize = 100;
/// What stands for the newest snapshot in an address, so that no snapshot can have it as its name.
pub(super) const OF_NEWEST: [&str; 2] = ["newest", "latest"];

/// The names of the newest snapshot of a script that failed, and of the newest that a check could not load.
pub(crate) const OF_FAILED: [&str; 2] = [CRASH, UNVERIFIED];
/// The name of the newest snapshot of a script that failed.
pub(crate) const CRASH: &str = "crash";
/// The name of the newest snapshot that could not be verified.
pub(crate) const UNVERIFIED: &str = "unverified";

/// Whether a snapshot can have this name. It is the name of a file, and no number; in a shell it needs no quotes.
pub(crate) fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    !name.is_empty()
        && name.len() <= MAX_NAME
        && name.chars().all(is_allowed)
        && !name.starts_with(['.', '-'])
        && !name.chars().all(|c| c.is_ascii_digit())
        && !OF_NEWEST.contains(&name)
}

impl Store {
    /// The number of the newest snapshot that there is or was, as far as that is known: a new one gets a higher number,
    /// so that no name comes to stand for a snapshot which never had it.
    pub(super) fn last_number(&self) -> Result<u64, StoreError> {
        let named = self.names()?.into_iter().map(|(_, target)| target.number).max();
        Ok(self.numbers()?.last().copied().max(named).unwrap_or(0))
    }

    /// The names of snapshots and what they stand for, sorted by name. Files that are no names are left out.
    pub(super) fn all_names(&self) -> Result<Vec<(String, Option<NameTarget>)>, StoreError> {
        let folder = self.folder().join(NAMES);
        let mut names = Vec::new();
        if let Some(upstream) = self.upstream() {
            names = upstream.names()?;
            names.sort();
            return Ok(names);
        }
        for entry in entries_of(&folder).map_err(StoreError::io(&folder))? {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_name(name)) else { continue };
            // Another process may have removed it since.
            if let Ok(file) = read_file(&self.name_path(name), MAX_MARKER) {
                names.push((name.to_owned(), NameTarget::parse(&file)));
            }
        }
        names.sort();
        Ok(names)
    }

    /// What a name stands for.
    fn named(&self, name: &str) -> Option<NameTarget> {
        NameTarget::parse(&read_file(&self.name_path(name), MAX_MARKER).ok()?)
    }

    /// The same, also in object storage.
    pub(super) fn find_name(&self, name: &str) -> Result<Option<NameTarget>, StoreError> {
        match self.upstream() {
            Some(upstream) => upstream.named(name),
            None => Ok(self.named(name)),
        }
    }

    /// Gives a snapshot a name, and takes it from the one that had it.
    pub(super) fn set_name(&self, name: &str, target: NameTarget, sync: bool) -> Result<(), StoreError> {
        if let Some(upstream) = self.upstream() {
            let key = format!("{NAMES}/{name}");
            return Ok(upstream.client().put(&key, target.text().into_bytes())?);
        }
        let folder = self.folder().join(NAMES);
        let write = || -> io::Result<()> {
            let file = new_file(&folder, target.text().as_bytes())?;
            if sync {
                file.as_file().sync_all()?;
            }
            file.persist(folder.join(name)).map_err(|error| error.error)?;
            if sync { sync_folder(&folder) } else { Ok(()) }
        };
        write().map_err(StoreError::io(&folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::store::store_files::snapshot_number;

    #[test]
    fn names_and_numbers_are_told_apart() {
        for name in ["best", "v1.2", "naïve", "run_7", "2nd", "a-b", "Latest"] {
            assert!(is_name(name), "{name}");
        }
        let long = "x".repeat(MAX_NAME + 1);
        for name in
            ["", "7", "007", "a/b", "..", ".x", "-x", "a\nb", "@x", "x ", "a b", "a=b", "latest", "newest", &long]
        {
            assert!(!is_name(name), "{name}");
        }
        assert_eq!(snapshot_number("00000012.snap"), Some(12));
        assert_eq!(snapshot_number("123456789.snap"), Some(123_456_789));
        for name in ["12.snap", "00000012", "00000000.snap", "+0000012.snap", "000000012.snap"] {
            assert_eq!(snapshot_number(name), None, "{name}");
        }
    }
}
