//! Whether the objects of a stored snapshot are the saved ones. The hash of an object is its name, so the index has no
//! hashes of segments: opcodes were checked when they were assembled, and the contents of raw buffers are checked here.

use std::ops::Range;

use super::integrity::{Memory, Wanted};
use super::opcode_image::OpcodeImage;
use super::parallel_hash::{self, Copy, Progress};
use super::read_error::{Damage, ReadError};
use super::source::Source;
use crate::snapshot::index::{SegmentRole, Variable};
use crate::snapshot::segment::VariableSegment;
use crate::snapshot::store::{AssembledSnapshot, ObjectName};

/// Checks some segments.
pub(super) fn segments<'v>(
    source: &Source,
    snapshot: &AssembledSnapshot,
    segments: impl Iterator<Item = &'v VariableSegment<'v>>,
    progress: Progress<'_>,
) -> Result<Damage, ReadError> {
    let wanted = segments.map(|segment| (segment.role(), segment.variable(), Some(Vec::new()))).collect();
    check(source, snapshot, wanted, progress)
}

/// As [`super::integrity::fetch`].
pub(super) fn fetch(
    source: &Source,
    snapshot: &AssembledSnapshot,
    wanted: Vec<Wanted<'_, '_>>,
    image: Option<&mut OpcodeImage>,
    progress: Progress<'_>,
) -> Result<Damage, ReadError> {
    if let Some(image) = image {
        let cut = wanted.iter().map(|wanted| VariableSegment::of(wanted.role, wanted.variable));
        let cut: Vec<VariableSegment<'_>> = cut.collect::<Result<_, _>>()?;
        let ranges: Vec<Range<u64>> = cut.iter().flat_map(VariableSegment::opcode_ranges).collect();
        let end = ranges.last().map_or(0, |range| range.end);
        let slots = image.slots(&ranges).ok_or(ReadError::CutShort { at: end })?;
        // They are copies of checked bytes: no other process can change them.
        for (range, slot) in ranges.iter().zip(slots) {
            source.read(range.start, slot)?;
        }
    }
    let wanted = wanted.into_iter().map(|wanted| {
        let memory = match wanted.memory {
            Memory::Mapped => None,
            Memory::Filled(buffers) => Some(buffers),
        };
        (wanted.role, wanted.variable, memory)
    });
    check(source, snapshot, wanted.collect(), progress)
}

/// A segment, and the memory for its raw buffers; `None` if they are not read.
type CheckedSegment<'v, 'm> = (SegmentRole, &'v Variable, Option<Vec<&'m mut [u8]>>);

fn check(
    source: &Source,
    snapshot: &AssembledSnapshot,
    wanted: Vec<CheckedSegment<'_, '_>>,
    progress: Progress<'_>,
) -> Result<Damage, ReadError> {
    let read = wanted.iter().filter(|(_, _, memory)| memory.is_some());
    snapshot.fetch_contents(read.flat_map(|(_, variable, _)| snapshot.contents_of(variable.offset)))?;
    let (mut ranges, mut copies, mut names): (Vec<Range<u64>>, Vec<Copy<'_>>, Vec<ObjectName>) = Default::default();
    // Of each segment: the variable, whether all of it is there, and how many raw buffers are read.
    let mut segments = Vec::with_capacity(wanted.len());
    for (_, variable, memory) in wanted {
        let mut is_there = true;
        let first = ranges.len();
        if let Some(memory) = memory {
            let mut memory = memory.into_iter();
            for contents in snapshot.contents_of(variable.offset) {
                let memory = memory.next();
                // An object that is missing loses its variables, and not the whole load.
                if snapshot.open_contents(contents).is_err() {
                    is_there = false;
                    continue;
                }
                copies.extend(memory.map(|memory| Copy { offset: contents.range.start, memory }));
                ranges.push(contents.range.clone());
                names.push(contents.name);
            }
        }
        segments.push((variable, is_there, ranges.len() - first));
    }
    let mut found = parallel_hash::hash_and_copy(source, &ranges, copies, progress)?.into_iter().zip(names);
    let mut damage = Damage::default();
    for (variable, is_there, count) in segments {
        let has_contents = found
            .by_ref()
            .take(count)
            .fold(true, |all, (found, name)| all & (found.0.map(ObjectName::from) == Some(name)));
        let has_opcodes = snapshot.has_opcodes(variable.offset)?;
        let is_intact = is_there && has_contents && has_opcodes;
        damage.note(variable, is_intact);
        if !is_intact && has_opcodes {
            damage.opcodes_intact.push(variable.offset);
        }
    }
    damage.damaged.sort_unstable_by_key(|(_, offset)| *offset);
    Ok(damage)
}
