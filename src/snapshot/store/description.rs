//! The description of a snapshot: its index, without anything that follows from the order of the segments, and where
//! their parts are.
//!
//! Two lines of JSON: [`SnapshotParts`], and an [`Index`] in which `offset` is 0, `memo` counts from 0, the offsets of
//! raw buffers count from the beginning of their segment, and `blake3` says which value a segment has: two snapshots
//! in which it is the same have the same value under this name. [`laid_out`] gives the index back as a file has it.

use serde::{Deserialize, Serialize};

use super::object_name::ObjectName;
use super::packed_object::{self, PackedHead};
use super::store_error::{ObjectProblem, StoreError};
use super::store_folder::Store;
use crate::pickle::format::emit;
use crate::snapshot::index::{self, Index, PickleStream, SCHEMA, Variable};

/// How many objects must be read at most for one description.
const LONGEST_CHAIN: u32 = 100;
/// The same for one that is written to object storage: each object takes the time of an answer.
const LONGEST_CHAIN_UPSTREAM: u32 = 8;
/// The most bytes that are unpacked for one description that this program writes, with those it builds on.
const MOST_UNPACKED: u64 = 4 << 20;
/// The longest description that is read.
const LONGEST: u64 = 1 << 30;

/// Where the parts of the segments are, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::snapshot) struct SnapshotParts {
    /// The objects with opcodes.
    pub(in crate::snapshot) packs: Vec<PackReference>,
    /// For each segment, where its opcodes are.
    pub(in crate::snapshot) segments: Vec<SegmentPlace>,
    /// The contents of all raw buffers.
    pub(in crate::snapshot) buffers: Vec<ObjectName>,
}

/// An object with the opcodes of segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::snapshot) struct PackReference(
    /// Its name.
    pub(in crate::snapshot) ObjectName,
    /// The length of its file in bytes.
    pub(in crate::snapshot) u64,
);

/// Where the opcodes of a segment are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::snapshot) struct SegmentPlace(
    /// The number of the pack.
    pub(in crate::snapshot) u32,
    /// The offset in its contents.
    pub(in crate::snapshot) u64,
    /// The length there.
    pub(in crate::snapshot) u64,
    /// 0: in the relative form ([`crate::pickle::passes::relative_slots`]); 1: as in the file.
    pub(in crate::snapshot) u8,
    /// Where in these opcodes the contents of each raw buffer belong.
    pub(in crate::snapshot) Vec<u64>,
);

/// A description that was read, or is about to be written.
#[derive(Clone, Debug)]
pub(in crate::snapshot) struct Description {
    pub(in crate::snapshot) index: Index,
    pub(in crate::snapshot) parts: SnapshotParts,
}

/// A description on its way through a store: others may build on it.
#[derive(Clone, Debug)]
pub(super) struct EncodedDescription {
    /// Its object; the length is that of the file.
    pub(super) object: (ObjectName, u64),
    contents: Vec<u8>,
    /// How many objects it builds on.
    depth: u32,
    /// How many bytes were unpacked for all of them.
    unpacked: u64,
}

impl Description {
    /// Reads the description in an object, and all that it builds on.
    pub(super) fn read(store: &Store, object: (ObjectName, u64)) -> Result<(Self, EncodedDescription), StoreError> {
        let encoded = read_contents(store, object)?;
        let failed = |problem: &str| {
            let problem = ObjectProblem::Packed(packed_object::UnpackError::Damaged(problem.to_owned()));
            StoreError::Object { name: object.0.to_string(), problem }
        };
        let line = encoded.contents.iter().position(|byte| *byte == b'\n').ok_or_else(|| failed("no second line"))?;
        let (parts, index) = encoded.contents.split_at_checked(line).ok_or_else(|| failed("no second line"))?;
        let parts: SnapshotParts = serde_json::from_slice(parts).map_err(|error| failed(&error.to_string()))?;
        let index = index::parse(index).map_err(|error| failed(&error.to_string()))?;
        if index.schema != SCHEMA {
            return Err(failed("another schema of the index: update snapcli"));
        }
        if let Some(problem) = parts.problem(&index) {
            return Err(failed(problem));
        }
        Ok((Self { index, parts }, encoded))
    }

    /// The bytes of the object, which may build on `base`, and the description in it.
    pub(super) fn pack(
        &self,
        base: Option<&EncodedDescription>,
        is_upstream: bool,
    ) -> std::io::Result<(Vec<u8>, EncodedDescription)> {
        let mut contents = serde_json::to_vec(&self.parts)?;
        contents.push(b'\n');
        serde_json::to_writer(&mut contents, &self.index)?;
        let length = contents.len() as u64;
        let longest = if is_upstream { LONGEST_CHAIN_UPSTREAM } else { LONGEST_CHAIN };
        let base = base.filter(|base| base.depth < longest && base.unpacked.saturating_add(length) <= MOST_UNPACKED);
        let file = packed_object::pack(&contents, base.map(|base| (base.object.0, base.contents.as_slice())))?;
        let object = (ObjectName::of(&file), file.len() as u64);
        // If the difference is too large, it may build on nothing all the same.
        let base = base.filter(|_| PackedHead::of(&file).is_ok_and(|head| head.base.is_some()));
        let (depth, unpacked) = base.map_or((0, length), |base| (base.depth + 1, base.unpacked + length));
        Ok((file, EncodedDescription { object, contents, depth, unpacked }))
    }
}

impl SnapshotParts {
    /// What does not fit between the parts and the index.
    fn problem(&self, index: &Index) -> Option<&'static str> {
        if self.segments.len() != index.segments().count() {
            return Some("the number of segments is wrong");
        }
        if self.buffers.len() != index.segments().map(|(_, variable)| variable.buffers.len()).sum::<usize>() {
            return Some("the number of raw buffers is wrong");
        }
        let fits = |(place, (_, variable)): (&SegmentPlace, (_, &Variable))| {
            (place.0 as usize) < self.packs.len() && place.4.len() == variable.buffers.len()
        };
        if !self.segments.iter().zip(index.segments()).all(fits) {
            return Some("the place of a segment is wrong");
        }
        None
    }
}

/// The objects that a description consists of: itself, and those that it builds on.
pub(super) fn chain(store: &Store, object: (ObjectName, u64)) -> Result<Vec<(ObjectName, Vec<u8>)>, StoreError> {
    let (mut objects, mut next) = (Vec::new(), Some(object));
    while let Some((name, length)) = next {
        let wrong = |problem| StoreError::Object { name: name.to_string(), problem: ObjectProblem::Packed(problem) };
        if objects.len() > LONGEST_CHAIN as usize {
            return Err(wrong(packed_object::UnpackError::Unknown));
        }
        let file = store.read_object(&name, length)?;
        let head = PackedHead::of(&file).map_err(wrong)?;
        if head.length > LONGEST {
            return Err(wrong(packed_object::UnpackError::TooLong { length: head.length }));
        }
        // The length of the other one's file is not known here: its name proves it.
        next = match head.base {
            Some(base) => {
                let missing = || StoreError::Object { name: base.to_string(), problem: ObjectProblem::Missing };
                Some((base, store.find_object(&base)?.filter(|length| *length <= LONGEST).ok_or_else(missing)?))
            }
            None => None,
        };
        objects.push((name, file));
    }
    Ok(objects)
}

fn read_contents(store: &Store, object: (ObjectName, u64)) -> Result<EncodedDescription, StoreError> {
    let objects = chain(store, object)?;
    let (mut contents, mut unpacked) = (Vec::new(), 0);
    for (name, file) in objects.iter().rev() {
        let wrong = |problem| StoreError::Object { name: name.to_string(), problem: ObjectProblem::Packed(problem) };
        contents = packed_object::unpack(file, &contents).map_err(wrong)?;
        unpacked += contents.len() as u64;
    }
    let depth = u32::try_from(objects.len().saturating_sub(1)).unwrap_or(LONGEST_CHAIN);
    Ok(EncodedDescription { object, contents, depth, unpacked })
}

/// The index with all that follows from the order of the segments; `None` if a number overflows.
pub(in crate::snapshot) fn laid_out(mut index: Index) -> Option<Index> {
    let (mut prelude, mut end) = (Vec::new(), Vec::new());
    emit::prelude(&mut prelude, &index.module).ok()?;
    emit::end(&mut end).ok()?;
    let (mut position, mut slot) = (prelude.len() as u64, emit::PRELUDE_MEMO);
    for variable in index.segments_mut() {
        variable.offset = position;
        position = position.checked_add(variable.length)?;
        let slots = variable.memo.1.checked_sub(variable.memo.0)?;
        variable.memo = (slot, slot.checked_add(slots)?);
        slot = variable.memo.1;
        for buffer in &mut variable.buffers {
            buffer.offset = buffer.offset.checked_add(variable.offset)?;
        }
    }
    let length = position.checked_add(end.len() as u64)?;
    let prelude = prelude.len() as u64;
    index.stream = PickleStream { length, prelude, ..PickleStream::default() };
    Some(index)
}

/// The index without what follows from the order of the segments.
pub(super) fn without_layout(index: &Index) -> Index {
    let mut index = index.clone();
    for variable in index.segments_mut() {
        for buffer in &mut variable.buffers {
            buffer.offset = buffer.offset.saturating_sub(variable.offset);
        }
        variable.memo = (0, variable.memo.1.saturating_sub(variable.memo.0));
        variable.offset = 0;
    }
    index.stream = PickleStream::default();
    index
}
