//! Whether the bytes of a file are the saved ones: ranges of the index, and hashes of segments.
//!
//! The index has a BLAKE3 hash of each segment, one of each segment without the contents of its raw buffers (for loads
//! that map them), and one of all bytes outside the segments. A load reads raw buffers into memory while it hashes
//! them, so that it uses the same bytes that it checked.

use std::io;
use std::ops::Range;

use super::opcode_image::OpcodeImage;
use super::parallel_hash::{self, Copy, PIECE, Progress};
use super::read_error::{Damage, ReadError};
use super::source::Source;
use super::store_integrity;
use crate::pickle::machine::{RawArray, opcodes_around};
use crate::snapshot::index::{Index, SegmentRole, Variable};
use crate::snapshot::segment::VariableSegment;

/// Checks that the ranges of an index follow one another within the pickle.
pub(super) fn ranges(index: &Index, pickle_length: u64) -> Result<(), ReadError> {
    let stream = &index.stream;
    if stream.length != pickle_length || stream.prelude > stream.length {
        return Err(ReadError::BadRange { what: "the pickle".to_owned(), at: stream.length });
    }
    let (mut end, mut memo) = (stream.prelude, 0);
    for segment in VariableSegment::all(index)? {
        let (range, variable) = (segment.range(), segment.variable());
        // Overlapping segments would let one byte count for two variables.
        let is_after = range.start >= end && range.end <= stream.length;
        let memo_is_after = variable.memo.0 >= memo && variable.memo.1 >= variable.memo.0;
        // MEMOIZE takes a byte, so a segment cannot fill more slots than there are bytes up to its end.
        if !is_after || !memo_is_after || variable.memo.1 > range.end {
            let what = match segment.role() {
                SegmentRole::Variable => format!("variable {}", variable.name),
                SegmentRole::ModuleItem | SegmentRole::FrameLocal => variable.name.clone(),
                SegmentRole::Ambient => format!("the state of {}", variable.name),
            };
            return Err(ReadError::BadRange { what, at: variable.offset });
        }
        (end, memo) = (range.end, variable.memo.1);
    }
    Ok(())
}

/// Checks every hash of an index whose ranges were checked.
pub(super) fn hashes(source: &Source, index: &Index, progress: Progress<'_>) -> Result<Damage, ReadError> {
    if let Source::Assembled(_) = source {
        // The bytes around the segments of a stored snapshot are not stored: they follow from the index.
        let cut = VariableSegment::all(index)?;
        return segments(source, cut.iter(), progress);
    }
    let outside = is_outside_damaged(source, index, progress)?;
    let cut = VariableSegment::all(index)?;
    Ok(Damage { outside, ..segments(source, cut.iter(), progress)? })
}

/// Checks the hashes of some segments.
pub(super) fn segments<'v>(
    source: &Source,
    segments: impl Iterator<Item = &'v VariableSegment<'v>> + Clone,
    progress: Progress<'_>,
) -> Result<Damage, ReadError> {
    if let Source::Assembled(snapshot) = source {
        return store_integrity::segments(source, snapshot, segments, progress);
    }
    load_opcodes(source, segments.clone())?;
    let ranges: Vec<Range<u64>> = segments.clone().map(VariableSegment::range).collect();
    let found = parallel_hash::hash(source, &ranges, progress)?;
    let mut damage = Damage::default();
    for (segment, found) in segments.zip(found) {
        let is_intact = found.is(&segment.variable().blake3);
        damage.note(segment.variable(), is_intact);
        if !is_intact {
            note_opcodes(&mut damage, source, segment)?;
        }
    }
    Ok(damage)
}

/// Loads the opcodes of some segments of a file of which only ranges are read: many small ranges at once. They are kept
/// for the load after the check.
fn load_opcodes<'v>(source: &Source, segments: impl Iterator<Item = &'v VariableSegment<'v>>) -> io::Result<()> {
    let Source::Ranged(file) = source else { return Ok(()) };
    file.load(segments.flat_map(VariableSegment::opcode_ranges).collect())
}

/// Notes of a damaged segment whether its opcodes are intact.
fn note_opcodes(damage: &mut Damage, source: &Source, segment: &VariableSegment<'_>) -> Result<(), ReadError> {
    let variable = segment.variable();
    if !variable.buffers.is_empty() && has_opcodes(source, segment, &|_| {})? {
        damage.opcodes_intact.push(variable.offset);
    }
    Ok(())
}

/// Whether the opcodes of a segment with raw buffers match their checksum.
fn has_opcodes(source: &Source, segment: &VariableSegment<'_>, progress: Progress<'_>) -> Result<bool, ReadError> {
    let found = parallel_hash::hash_joined(source, &segment.opcode_ranges(), progress)?;
    Ok(found.is(&segment.variable().opcodes))
}

/// Checks the segments of some variables, and reads their raw buffers into the memory that is given. If the buffers of
/// a segment are mapped or not needed, only its opcodes are checked. The few bytes outside the segments are checked as
/// well. All opcodes that are checked are copied to `image`, if there is one.
pub(super) fn fetch(
    source: &Source,
    index: &Index,
    wanted: Vec<Wanted<'_, '_>>,
    mut image: Option<&mut OpcodeImage>,
    progress: Progress<'_>,
) -> Result<Damage, ReadError> {
    if let Source::Assembled(snapshot) = source {
        return store_integrity::fetch(source, snapshot, wanted, image, progress);
    }
    let outside = is_outside_damaged(source, index, progress)?;
    let mut damage = Damage { outside, ..Damage::default() };
    let segments = wanted.iter().map(|wanted| VariableSegment::of(wanted.role, wanted.variable));
    let segments: Vec<VariableSegment<'_>> = segments.collect::<Result<_, _>>()?;
    load_opcodes(source, segments.iter())?;
    let slots = image.as_deref_mut().map(|image| opcode_slots(image, &segments)).transpose()?;
    let mut slots = slots.unwrap_or_default().into_iter();
    let (mut read, mut ranges, mut copies) = (Vec::new(), Vec::new(), Vec::new());
    for (segment, Wanted { variable, memory, .. }) in segments.iter().zip(wanted) {
        // Without an image there are none.
        let opcodes: Vec<Copy<'_>> = slots.by_ref().take(segment.opcode_ranges().len()).collect();
        match memory {
            // Hashing the contents would read the whole array.
            Memory::Mapped => damage.note(variable, copy_opcodes(source, segment, opcodes, progress)?),
            Memory::Filled(buffers) => {
                let offsets = segment.contents().map(|contents| contents.start as u64);
                copies.extend(offsets.zip(buffers).map(|(offset, memory)| Copy { offset, memory }));
                copies.extend(opcodes);
                ranges.push(segment.range());
                read.push(segment);
            }
        }
    }
    let hashes = parallel_hash::hash_and_copy(source, &ranges, copies, progress)?;
    for (segment, found) in read.iter().zip(hashes) {
        let is_intact = found.is(&segment.variable().blake3);
        damage.note(segment.variable(), is_intact);
        match image.as_deref() {
            _ if is_intact => {}
            // The bytes that were read count: another read might find others.
            Some(image) if has_opcodes_in(image, segment) => damage.opcodes_intact.push(segment.variable().offset),
            Some(_) => {}
            None => note_opcodes(&mut damage, source, segment)?,
        }
    }
    // `Damage::reason` searches by offset.
    damage.damaged.sort_unstable_by_key(|(_, offset)| *offset);
    Ok(damage)
}

/// Checks the opcodes of a segment, and copies them if there is memory for them. Returns whether they are intact.
fn copy_opcodes(
    source: &Source,
    segment: &VariableSegment<'_>,
    memory: Vec<Copy<'_>>,
    progress: Progress<'_>,
) -> Result<bool, ReadError> {
    if memory.is_empty() {
        return has_opcodes(source, segment, progress);
    }
    Ok(parallel_hash::hash_copied(source, memory, progress)?.is(&segment.variable().opcodes))
}

/// The memory for the opcodes of some segments.
fn opcode_slots<'m>(image: &'m mut OpcodeImage, segments: &[VariableSegment<'_>]) -> Result<Vec<Copy<'m>>, ReadError> {
    let ranges: Vec<Range<u64>> = segments.iter().flat_map(VariableSegment::opcode_ranges).collect();
    let end = ranges.last().map_or(0, |range| range.end);
    let slots = image.slots(&ranges).ok_or(ReadError::CutShort { at: end })?;
    Ok(ranges.iter().zip(slots).map(|(range, memory)| Copy { offset: range.start, memory }).collect())
}

/// Whether the opcodes of a segment with raw buffers, as they were copied, match their checksum.
fn has_opcodes_in(image: &OpcodeImage, segment: &VariableSegment<'_>) -> bool {
    let mut hasher = blake3::Hasher::new();
    for Range { start, end } in segment.opcode_ranges() {
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        hasher.update(range.and_then(|(start, end)| image.bytes().get(start..end)).unwrap_or_default());
    }
    !segment.variable().buffers.is_empty() && hasher.finalize().to_hex().as_str() == segment.variable().opcodes
}

/// A variable that will be loaded.
pub struct Wanted<'v, 'm> {
    /// The variable.
    pub variable: &'v Variable,
    /// The purpose of its segment.
    pub role: SegmentRole,
    /// The memory for its raw buffers.
    pub memory: Memory<'m>,
}

/// Where the contents of raw buffers are needed.
pub enum Memory<'m> {
    /// In the file: they are mapped, or not needed, and not read now. Only for variables that have any.
    Mapped,
    /// In this memory: one slice for each buffer, in their order and of their lengths; empty if it is not needed.
    Filled(Vec<&'m mut [u8]>),
}

/// Whether the checksum of all bytes outside the variables, which only older versions compare, is right.
pub(super) fn has_stream_hash(source: &Source, index: &Index) -> Result<bool, ReadError> {
    let stream = &index.stream;
    let others = index.segments().any(|(role, _)| role != SegmentRole::Variable);
    if stream.frame.is_empty() && !others {
        // The same as the one that every version compares.
        return Ok(true);
    }
    let (mut ranges, mut end) = (Vec::new(), 0);
    for variable in &index.variables {
        ranges.push(end..variable.offset);
        end = variable.offset.saturating_add(variable.length);
    }
    ranges.push(end..stream.length);
    ranges.retain(|range| !range.is_empty());
    Ok(parallel_hash::hash_joined(source, &ranges, &|_| {})?.is(&stream.blake3))
}

/// Whether bytes of the pickle that belong to no segment are damaged.
fn is_outside_damaged(source: &Source, index: &Index, progress: Progress<'_>) -> Result<bool, ReadError> {
    let (mut ranges, mut end) = (Vec::new(), 0);
    for segment in VariableSegment::all(index)? {
        let segment = segment.range();
        ranges.push(end..segment.start);
        end = segment.end;
    }
    ranges.push(end..index.stream.length);
    ranges.retain(|range| !range.is_empty());
    let found = parallel_hash::hash_joined(source, &ranges, progress)?;
    // An older reader compares `blake3`, which covers all but the variables. Without other segments, both are the same.
    let stream = &index.stream;
    let expected = if stream.frame.is_empty() { &stream.blake3 } else { &stream.frame };
    Ok(!found.is(expected))
}

/// Reads the opcodes of a pickle up to STOP, around the bytes of joblib's arrays.
pub(super) fn opcodes(bytes: &[u8], arrays: &[RawArray], progress: Progress<'_>) -> Result<(), ReadError> {
    let (mut reported, mut end) = (0, 0);
    for op in opcodes_around(bytes, arrays) {
        end = op.map_err(|error| ReadError::of_pickle(bytes, error.into()))?.end;
        // Progress for every opcode would cost more than parsing it.
        if end - reported >= PIECE as u64 {
            progress(end - reported);
            reported = end;
        }
    }
    progress(end - reported);
    Ok(())
}
