//! The description of a snapshot: its index, without anything that follows from the order of the segments, and where
//! their parts are.
//!
//! Two lines of JSON: [`SnapshotParts`], and an [`Index`] in which `offset` is 0, `memo` counts from 0, the offsets of
//! raw buffers count from the beginning of their segment, and `blake3` says which value a segment has: two snapshots
//! in which it is the same have the same value under this name. [`laid_out`] gives the index back as a file has it.
//!
//! Most descriptions are stored as what differs from an earlier one. Number n of a run builds on number `n & (n - 1)`,
//! so that reading one takes few others, however long the run is.

use serde::{Deserialize, Serialize};

use super::object_name::ObjectName;
use super::packed_object::{self, PackedHead};
use super::store_error::{ObjectProblem, StoreError};
use super::store_folder::Store;
use crate::pickle::format::emit;
use crate::snapshot::index::{self, Index, PickleStream, SCHEMA, Variable};

/// How many objects must be read at most for one description. Earlier versions wrote chains of this length.
const LONGEST_CHAIN: u32 = 100;
/// After this many descriptions comes one that builds on nothing.
const LONGEST_RUN: u32 = 128;
/// The most bytes that are unpacked for one description that this program writes, with those it builds on: otherwise it
/// builds on fewer.
const MOST_UNPACKED: u64 = 4 << 20;
/// A longer description may build on this many, if they have at most [`MOST_BASES`] bytes together.
const BASES_OF_LONG: u32 = 2;
const MOST_BASES: u64 = 64 << 20;
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
    /// The number of this description in its run. The first one builds on nothing.
    #[serde(default, skip_serializing_if = "is_first")]
    pub(in crate::snapshot) step: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(step: &u32) -> bool {
    *step == 0
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

/// A description as it is in a store: others may build on it.
#[derive(Clone, Debug)]
pub(super) struct EncodedDescription {
    own: EncodedContents,
    /// Those that it builds on, the nearest one first. Incomplete if they are too long to build on.
    bases: Vec<EncodedContents>,
    /// Its number in its run.
    step: u32,
}

/// The name of an object, and its contents.
#[derive(Clone, Debug)]
struct EncodedContents {
    name: ObjectName,
    contents: Vec<u8>,
}

impl Description {
    /// Reads the description in an object, and all that it builds on.
    pub(super) fn read(store: &Store, object: (ObjectName, u64)) -> Result<(Self, EncodedDescription), StoreError> {
        let mut encoded = read_contents(store, object)?;
        let failed = |problem: &str| {
            let problem = ObjectProblem::Packed(packed_object::UnpackError::Damaged(problem.to_owned()));
            StoreError::Object { name: object.0.to_string(), problem }
        };
        let contents = &encoded.own.contents;
        let line = contents.iter().position(|byte| *byte == b'\n').ok_or_else(|| failed("no second line"))?;
        let (parts, index) = contents.split_at_checked(line).ok_or_else(|| failed("no second line"))?;
        let parts: SnapshotParts = serde_json::from_slice(parts).map_err(|error| failed(&error.to_string()))?;
        let index = index::parse(index).map_err(|error| failed(&error.to_string()))?;
        if index.schema != SCHEMA {
            return Err(failed("another schema of the index: update snapcli"));
        }
        if let Some(problem) = parts.problem(&index) {
            return Err(failed(problem));
        }
        encoded.step = parts.step;
        Ok((Self { index, parts }, encoded))
    }

    /// The bytes of the object, which may build on that of the snapshot before, or on what that builds on.
    pub(super) fn pack(mut self, parent: Option<&EncodedDescription>) -> std::io::Result<Vec<u8>> {
        let index = serde_json::to_vec(&self.index)?;
        let length = index.len() as u64;
        let base = parent.and_then(|parent| parent.base_of_next(length));
        self.parts.step = base.as_ref().map_or(0, |base| base.step);
        let mut contents = serde_json::to_vec(&self.parts)?;
        contents.push(b'\n');
        contents.extend(index);
        packed_object::pack(&contents, base.map(|base| (base.on.name, base.on.contents.as_slice())))
    }
}

/// What the next description of a run builds on.
struct NextBase<'d> {
    on: &'d EncodedContents,
    /// The number of the next one.
    step: u32,
}

impl EncodedDescription {
    /// What a description whose index has this length builds on. `None` if the run is at its end, or is none: earlier
    /// versions let each description build on the one before.
    fn base_of_next(&self, length: u64) -> Option<NextBase<'_>> {
        if self.bases.len() != self.step.count_ones() as usize {
            return None;
        }
        let mut step = self.step.checked_add(1)?;
        while step <= LONGEST_RUN {
            // This one and its bases are the numbers whose lowest bits are cleared one by one.
            let skipped = (self.step & !(step & (step - 1))).count_ones() as usize;
            let chain = std::iter::once(&self.own).chain(&self.bases).skip(skipped);
            let unpacked: u64 = chain.clone().map(|base| base.contents.len() as u64).sum();
            let is_short = unpacked.saturating_add(length) <= MOST_UNPACKED;
            if is_short || (step.count_ones() <= BASES_OF_LONG && unpacked <= MOST_BASES) {
                return chain.into_iter().next().map(|on| NextBase { on, step });
            }
            // The next number that builds on fewer.
            step = step.checked_add(step & step.wrapping_neg())?;
        }
        None
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
    let (mut own, mut bases) = (EncodedContents { name: object.0, contents: Vec::new() }, Vec::new());
    let mut unpacked = 0_u64;
    for (number, (name, file)) in objects.iter().rev().enumerate() {
        let wrong = |problem| StoreError::Object { name: name.to_string(), problem: ObjectProblem::Packed(problem) };
        let contents = packed_object::unpack(file, &own.contents).map_err(wrong)?;
        let before = std::mem::replace(&mut own, EncodedContents { name: *name, contents });
        unpacked = unpacked.saturating_add(before.contents.len() as u64);
        // Nothing builds on more than this.
        if number > 0 && unpacked <= MOST_BASES {
            bases.push(before);
        }
    }
    bases.reverse();
    Ok(EncodedDescription { own, bases, step: 0 })
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

#[cfg(test)]
mod tests {
    use super::super::object_writer::ObjectWriter;
    use super::super::reused_objects::ReusedObjects;
    use super::*;

    type StoreOutcome<T> = Result<T, Box<dyn std::error::Error>>;

    fn description(number: u64) -> Description {
        let index = Index { schema: SCHEMA, created: format!("snapshot {number}"), ..Index::default() };
        Description { index, parts: SnapshotParts::default() }
    }

    fn put(store: &Store, file: &[u8]) -> StoreOutcome<(ObjectName, u64)> {
        let mut writer = ObjectWriter::new(store, ReusedObjects::default());
        let name = writer.put(file)?;
        writer.publish(true)?;
        Ok((name, file.len() as u64))
    }

    #[test]
    fn a_long_run_of_descriptions_is_read_with_few_objects() -> StoreOutcome<()> {
        let root = tempfile::tempdir()?;
        let store = Store::open_or_create(&root.path().join("s"))?;
        let mut parent = None;
        for number in 0..300 {
            let object = put(&store, &description(number).pack(parent.as_ref())?)?;
            let (read, encoded) = Description::read(&store, object)?;
            assert_eq!(read.index.created, format!("snapshot {number}"));
            let objects = chain(&store, object)?.len();
            assert_eq!(objects, 1 + read.parts.step.count_ones() as usize, "{number}");
            assert!(objects <= 8 && read.parts.step == (number % 129) as u32, "{number}: {objects}");
            parent = Some(encoded);
        }
        Ok(())
    }

    #[test]
    fn a_long_description_is_written_whole_now_and_then_and_builds_on_two_at_most() -> StoreOutcome<()> {
        let root = tempfile::tempdir()?;
        let store = Store::open_or_create(&root.path().join("s"))?;
        let mut noise = vec![0; 1 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let long: String = noise.iter().map(|byte| format!("{byte:02x}")).collect();
        let (mut parent, mut whole) = (None, Vec::new());
        for number in 0..62 {
            let mut next = description(number);
            // More than may be unpacked for a description that builds on many.
            next.index.script.path = format!("{number}{long}");
            let file = next.pack(parent.as_ref())?;
            let object = put(&store, &file)?;
            let (read, encoded) = Description::read(&store, object)?;
            assert_eq!(read.index.script.path, format!("{number}{long}"));
            assert_eq!(chain(&store, object)?.len(), 1 + read.parts.step.count_ones() as usize, "{number}");
            assert!(read.parts.step.count_ones() <= 2, "{number}: {}", read.parts.step);
            match read.parts.step {
                0 => whole.push(number),
                _ => assert!(file.len() < 5000, "{number}: {}", file.len()),
            }
            parent = Some(encoded);
        }
        // Numbers up to 128 with one or two bits.
        assert_eq!(whole, [0, 30, 60]);
        Ok(())
    }

    #[test]
    fn descriptions_of_earlier_versions_are_read_and_begin_a_new_run() -> StoreOutcome<()> {
        let root = tempfile::tempdir()?;
        let store = Store::open_or_create(&root.path().join("s"))?;
        let mut parent: Option<EncodedDescription> = None;
        for number in 0..20 {
            let contents = format!(
                "{{\"packs\":[],\"segments\":[],\"buffers\":[]}}\n{}",
                serde_json::to_string(&description(number).index)?
            );
            let base = parent.as_ref().map(|parent| (parent.own.name, parent.own.contents.as_slice()));
            let object = put(&store, &packed_object::pack(contents.as_bytes(), base)?)?;
            let (read, encoded) = Description::read(&store, object)?;
            assert_eq!((read.index.created, encoded.bases.len()), (format!("snapshot {number}"), number as usize));
            parent = Some(encoded);
        }
        let object = put(&store, &description(20).pack(parent.as_ref())?)?;
        assert_eq!(chain(&store, object)?.len(), 1);
        Ok(())
    }
}
