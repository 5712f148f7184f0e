//! The snapshots of a store, in the order of their numbers, and the objects that each needs.

use std::collections::{BTreeSet, HashSet};
use std::io;

use super::description::{self, Description, laid_out};
use super::header_claims;
use super::name_target::NameTarget;
use super::object_name::ObjectName;
use super::snapshot_header::{HASH, SnapshotHeader, checksum_of};
use super::store_error::StoreError;
use super::store_folder::Store;
use crate::snapshot::verification::problem_of_ranges;

/// A snapshot of a store.
#[derive(Clone, Debug)]
pub(crate) struct HistoryEntry {
    /// Its number.
    pub(crate) number: u64,
    /// Its names, sorted.
    pub(crate) names: Vec<String>,
    /// What was written for it, in bytes: new objects and its own file.
    pub(crate) added: u64,
    /// What its file says, or why it cannot be read.
    pub(crate) header: Result<SnapshotHeader, String>,
}

/// Objects with the lengths that their files must have.
pub(super) type NeededObjects = BTreeSet<(ObjectName, u64)>;

impl Store {
    /// All snapshots, the oldest first.
    pub(crate) fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        // A snapshot is complete before it gets a name, and goes after its name.
        let (names, numbers) = (self.names()?, self.numbers()?);
        if let Some(upstream) = self.upstream() {
            upstream.fetch_snapshots(&numbers)?;
        }
        let entry = |number| -> Result<Option<HistoryEntry>, StoreError> {
            let path = self.snapshot_path(number);
            let file = match self.read_snapshot(&path) {
                // Another process has pruned the store since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(StoreError::io(&path)(error));
                }
                read => read.map_err(|error| error.to_string()),
            };
            let is_mine =
                |target: &NameTarget| target.number == number && file.as_ref().map_or(true, |file| target.fits(file));
            let mine = names.iter().filter(|(_, target)| is_mine(target)).map(|(name, _)| name.clone()).collect();
            let bytes = file.as_ref().map_or(0, |file| file.len() as u64);
            let header = file.and_then(|file| {
                let (header, _) = SnapshotHeader::decode(&file).map_err(str::to_owned)?;
                match header.number == number {
                    true => Ok(header),
                    false => Err(format!("its file is that of @{}", header.number)),
                }
            });
            let added = header.as_ref().map_or(0, |header| header.added).saturating_add(bytes);
            Ok(Some(HistoryEntry { number, names: mine, added, header }))
        };
        numbers.into_iter().map(entry).filter_map(Result::transpose).collect()
    }

    /// The names whose snapshots are not in the store, with the numbers of the snapshots.
    pub(super) fn dangling_names(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let (absent, present) = (self.absent_targets()?, self.checksums()?);
        let dangling = absent.into_iter().filter(|(_, target)| !present.contains(&target.manifest));
        Ok(dangling.map(|(name, target)| (name, target.number)).collect())
    }

    /// The names whose files do not say which snapshots they stand for: they cannot be read, or have the number of one
    /// and the checksum of another.
    pub(super) fn unreadable_names(&self) -> Result<Vec<String>, StoreError> {
        let (absent, present) = (self.absent_targets()?, self.checksums()?);
        let contradictory = absent.into_iter().filter(|(_, target)| present.contains(&target.manifest));
        let names = self.all_names()?.into_iter();
        let unreadable = names.filter_map(|(name, target)| target.is_none().then_some(name));
        Ok(unreadable.chain(contradictory.map(|(name, _)| name)).collect())
    }

    /// The names whose snapshots are not under their numbers.
    fn absent_targets(&self) -> Result<Vec<(String, NameTarget)>, StoreError> {
        let mut absent = Vec::new();
        for (name, target) in self.names()? {
            if !target.is_in(self)? {
                absent.push((name, target));
            }
        }
        Ok(absent)
    }

    /// The checksums of all snapshots that can be read.
    fn checksums(&self) -> Result<HashSet<Option<[u8; HASH]>>, StoreError> {
        let numbers = self.numbers()?;
        if let Some(upstream) = self.upstream() {
            upstream.fetch_snapshots(&numbers)?;
        }
        let files = numbers.into_iter().filter_map(|number| self.read_snapshot(&self.snapshot_path(number)).ok());
        Ok(files.filter_map(|file| checksum_of(&file)).map(Some).collect())
    }

    /// The names whose snapshots can be told, sorted.
    pub(super) fn names(&self) -> Result<Vec<(String, NameTarget)>, StoreError> {
        let names = self.all_names()?.into_iter();
        Ok(names.filter_map(|(name, target)| Some((name, target?))).collect())
    }

    /// What the file of a snapshot says wrongly about it.
    pub(super) fn false_claim_of(&self, entry: &HistoryEntry) -> Option<String> {
        let header = entry.header.as_ref().ok()?;
        let (Description { index, .. }, _) = Description::read(self, header.description?).ok()?;
        let index = laid_out(index)?;
        let of_header = header_claims::false_claim(self, header, &index);
        of_header.or_else(|| problem_of_ranges(&index).map(|problem| problem.what))
    }

    /// The objects that a snapshot needs.
    ///
    /// # Errors
    /// If they cannot be known.
    pub(super) fn needed_by(&self, entry: &HistoryEntry) -> Result<NeededObjects, StoreError> {
        let damaged = |problem: String| StoreError::DamagedSnapshot {
            folder: self.name(),
            number: entry.number,
            problem: format!("{problem}: what it needs is not known"),
        };
        let damaged_by = |error: StoreError| if error.is_denied() { error } else { damaged(error.to_string()) };
        let header = entry.header.as_ref().map_err(|problem| damaged(problem.clone()))?;
        let object = header.description.ok_or_else(|| damaged("it names no description".to_owned()))?;
        let chain = description::chain(self, object).map_err(damaged_by)?;
        let (Description { index, parts }, _) = Description::read(self, object).map_err(damaged_by)?;
        let mut needed: NeededObjects = chain.into_iter().map(|(name, file)| (name, file.len() as u64)).collect();
        needed.extend(parts.packs.iter().map(|pack| (pack.0, pack.1)));
        let lengths = index.segments().flat_map(|(_, variable)| &variable.buffers).map(|buffer| buffer.length);
        needed.extend(parts.buffers.iter().copied().zip(lengths));
        Ok(needed)
    }
}
