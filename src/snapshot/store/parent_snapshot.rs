//! The snapshot that a save builds on: the newest one of the store, whose objects are used again.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::SystemTime;

use super::description::{Description, EncodedDescription, PackReference, SegmentPlace, SnapshotParts};
use super::object_name::ObjectName;
use super::snapshot_header::SnapshotHeader;
use super::store_error::StoreError;
use super::store_folder::Store;
use crate::snapshot::index::{Index, Variable};

#[derive(Debug)]
pub(super) struct ParentSnapshot {
    pub(super) number: u64,
    /// Its description, for the next one to build on.
    pub(super) encoded: EncodedDescription,
    /// Where opcodes with a hash are: the pack, the offset, the length.
    places: HashMap<ObjectName, (PackReference, u64, u64)>,
    /// The lengths of its raw buffers.
    buffers: HashSet<u64>,
    /// All objects that a new snapshot may use again.
    pub(super) objects: Vec<(ObjectName, u64)>,
    /// Its packs, in their order.
    packs: Vec<PackReference>,
    /// Which value each variable has.
    values: Vec<(String, String)>,
}

impl ParentSnapshot {
    /// The newest snapshot that can be read; `None` if there is none.
    pub(super) fn newest(store: &Store) -> Result<Option<Self>, StoreError> {
        let Some(number) = store.numbers()?.last().copied() else { return Ok(None) };
        // A damaged one is no reason not to save: nothing is used again then.
        let Ok(file) = store.read_snapshot(&store.snapshot_path(number)) else { return Ok(None) };
        let Ok((SnapshotHeader { description: Some(object), .. }, _)) = SnapshotHeader::decode(&file) else {
            return Ok(None);
        };
        let read = Description::read(store, object).ok();
        Ok(read.map(|(description, encoded)| Self::new(number, &description, encoded)))
    }

    pub(super) fn new(number: u64, description: &Description, encoded: EncodedDescription) -> Self {
        let Description { index, parts } = description;
        let mut places = HashMap::new();
        for (place, (_, variable)) in parts.segments.iter().zip(index.segments()) {
            let name = ObjectName::from_hex(opcodes_of(variable).as_bytes());
            if let Some((name, pack)) = name.zip(parts.packs.get(place.0 as usize)) {
                places.insert(name, (*pack, place.1, place.2));
            }
        }
        let buffers = index.segments().flat_map(|(_, variable)| &variable.buffers).map(|buffer| buffer.length);
        let buffers: Vec<u64> = buffers.collect();
        let objects = parts
            .packs
            .iter()
            .map(|pack| (pack.0, pack.1))
            .chain(parts.buffers.iter().copied().zip(buffers.iter().copied()))
            .collect();
        let values = index.variables.iter().map(|variable| (variable.name.clone(), variable.blake3.clone()));
        let (buffers, values, packs) = (buffers.into_iter().collect(), values.collect(), parts.packs.clone());
        Self { number, buffers, objects, packs, values, places, encoded }
    }

    /// When its file was written.
    pub(super) fn written(&self, store: &Store) -> Option<SystemTime> {
        fs::symlink_metadata(store.snapshot_path(self.number)).and_then(|found| found.modified()).ok()
    }

    /// Where opcodes with this hash are.
    pub(super) fn place_of(&self, opcodes: &ObjectName) -> Option<(PackReference, u64, u64)> {
        self.places.get(opcodes).copied()
    }

    /// Gives the packs of a new snapshot the order that they have in this one, and new ones higher numbers. Otherwise a
    /// change of the first variable would change the numbers of all, and with them every line of the description.
    pub(super) fn order_packs(&self, parts: &mut SnapshotParts) {
        let old: HashMap<ObjectName, usize> = (0..).zip(&self.packs).map(|(at, pack)| (pack.0, at)).collect();
        let mut order: Vec<usize> = (0..parts.packs.len()).collect();
        let rank =
            |number: &usize| parts.packs.get(*number).and_then(|pack| old.get(&pack.0)).map_or(old.len(), |at| *at);
        order.sort_by_key(rank);
        let mut numbers = vec![0; order.len()];
        for (new, before) in (0..).zip(&order) {
            if let Some(slot) = numbers.get_mut(*before) {
                *slot = new;
            }
        }
        parts.packs = order.iter().filter_map(|before| parts.packs.get(*before).copied()).collect();
        for SegmentPlace(pack, ..) in &mut parts.segments {
            *pack = numbers.get(*pack as usize).copied().unwrap_or(*pack);
        }
    }

    /// Whether it has a raw buffer of this length. A new array seldom has the length of another one by chance.
    pub(super) fn has_buffer_of(&self, length: u64) -> bool {
        self.buffers.contains(&length)
    }

    /// Notes what is different in the variables of a new snapshot.
    pub(super) fn note_changes(&self, index: &Index, header: &mut SnapshotHeader) {
        let before: HashMap<&str, &str> =
            self.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let now: HashSet<&str> = index.variables.iter().map(|variable| variable.name.as_str()).collect();
        let is_new = |variable: &&Variable| before.get(variable.name.as_str()) != Some(&variable.blake3.as_str());
        let changed: Vec<&Variable> = index.variables.iter().filter(is_new).collect();
        let removed: Vec<&str> =
            self.values.iter().map(|(name, _)| name.as_str()).filter(|name| !now.contains(name)).collect();
        (header.changed, header.removed, header.parent) = (changed.len() as u64, removed.len() as u64, self.number);
        header.name_changes(&changed, removed.into_iter());
    }
}

/// The hash of the opcodes of a segment, as its description has it.
pub(super) fn opcodes_of(variable: &Variable) -> &str {
    if variable.opcodes.is_empty() { &variable.blake3 } else { &variable.opcodes }
}
