//! Whether a pickle is what was written.

use std::ops::Range;

use super::hashing::{self, Copy, PIECE, Progress};
use super::source::Source;
use super::{Damage, ReadError};
use crate::pickle::machine::{Raw, opcodes_around};
use crate::snapshot::index::{Buffer, Index, Variable};
use crate::snapshot::layout::RAW_HEADER;

/// Checks that the places in an index follow one another within the pickle.
pub(super) fn places(index: &Index, pickle_length: u64) -> Result<(), ReadError> {
    let stream = &index.stream;
    if stream.length != pickle_length || stream.prelude > stream.length {
        return Err(ReadError::BadPlace { what: "the pickle".to_owned(), at: stream.length });
    }
    let (mut end, mut memo) = (stream.prelude, 0);
    for variable in &index.variables {
        let segment_end = variable.offset.checked_add(variable.length).filter(|end| *end <= stream.length);
        let in_order = variable.offset >= end && variable.memo.0 >= memo && variable.memo.1 >= variable.memo.0;
        let Some(segment_end) = segment_end.filter(|end| in_order && buffers_are_within(variable, *end)) else {
            return Err(ReadError::BadPlace { what: format!("variable {}", variable.name), at: variable.offset });
        };
        (end, memo) = (segment_end, variable.memo.1);
    }
    Ok(())
}

fn buffers_are_within(variable: &Variable, segment_end: u64) -> bool {
    let mut from = variable.offset;
    variable.buffers.iter().all(|buffer| {
        let end = buffer.offset.checked_add(buffer.length).filter(|end| *end <= segment_end);
        // In front of it stand its opcode and its length.
        let behind = from.checked_add(RAW_HEADER).is_some_and(|least| least <= buffer.offset);
        from = end.unwrap_or(u64::MAX);
        behind && end.is_some()
    })
}

/// Checks every hash of an index whose places were checked, and tells what is damaged.
pub(super) fn hashes(source: &Source, index: &Index, progress: Progress<'_>) -> Result<Damage, ReadError> {
    let outside = hashing::hash_joined(source, &outside(index), progress)?;
    let damage = segments(source, index.variables.iter(), progress)?;
    Ok(Damage { outside: outside.to_hex().as_str() != index.stream.blake3, ..damage })
}

/// Checks the hashes of some segments.
pub(super) fn segments<'v>(
    source: &Source,
    variables: impl Iterator<Item = &'v Variable> + Clone,
    progress: Progress<'_>,
) -> Result<Damage, ReadError> {
    let places: Vec<Range<u64>> = variables.clone().map(place).collect();
    let found = hashing::hash(source, &places, progress)?;
    let mut damage = Damage::default();
    for (variable, found) in variables.zip(found) {
        if found.to_hex().as_str() == variable.blake3 {
            damage.whole.push(variable.name.clone());
        } else {
            damage.damaged.push((variable.name.clone(), variable.offset));
        }
    }
    Ok(damage)
}

/// Checks the segments of some variables, and fills the memory that is given for their raw buffers. A segment whose
/// buffers are to be mapped is checked but for them. Bytes outside of segments are checked too, as they are few.
pub(super) fn fetch(
    source: &Source,
    index: &Index,
    wanted: Vec<Wanted<'_, '_>>,
    progress: Progress<'_>,
) -> Result<Damage, ReadError> {
    let outside = hashing::hash_joined(source, &outside(index), progress)?;
    let mut damage = Damage { outside: outside.to_hex().as_str() != index.stream.blake3, ..Damage::default() };
    let mut note = |variable: &Variable, found: blake3::Hash, expected: &str| match found.to_hex().as_str() == expected
    {
        true => damage.whole.push(variable.name.clone()),
        false => damage.damaged.push((variable.name.clone(), variable.offset)),
    };
    let (mut read, mut copies) = (Vec::new(), Vec::new());
    for Wanted { variable, memory } in wanted {
        match memory {
            Memory::Mapped => {
                note(variable, hashing::hash_joined(source, &between_buffers(variable), progress)?, &variable.opcodes);
            }
            Memory::Filled(places) => {
                let offsets = variable.buffers.iter().map(|buffer| buffer.offset);
                copies.extend(offsets.zip(places).map(|(offset, memory)| Copy { offset, memory }));
                read.push(variable);
            }
        }
    }
    let places: Vec<Range<u64>> = read.iter().map(|variable| place(variable)).collect();
    for (variable, found) in read.iter().zip(hashing::hash_and_copy(source, &places, copies, progress)?) {
        note(variable, found, &variable.blake3);
    }
    damage.damaged.sort_unstable_by_key(|(_, at)| *at);
    Ok(damage)
}

/// A variable that is to be loaded.
pub struct Wanted<'v, 'm> {
    /// It.
    pub variable: &'v Variable,
    /// What to do with its raw buffers.
    pub memory: Memory<'m>,
}

/// Where the contents of raw buffers are to be.
pub enum Memory<'m> {
    /// In the file: they are mapped, and not read now.
    Mapped,
    /// Here, one for each of them, in their order, of their lengths.
    Filled(Vec<&'m mut [u8]>),
}

/// The opcodes of a segment: what is not the contents of a raw buffer.
fn between_buffers(variable: &Variable) -> Vec<Range<u64>> {
    let Range { start, end } = place(variable);
    let ends = variable.buffers.iter().map(|buffer| buffer.offset).chain([end]);
    let buffer_end = |buffer: &Buffer| buffer.offset.saturating_add(buffer.length);
    let starts = std::iter::once(start).chain(variable.buffers.iter().map(buffer_end));
    starts.zip(ends).map(|(start, end)| start..end).filter(|stretch| stretch.start < stretch.end).collect()
}

/// Where a variable's segment lies.
pub(super) fn place(variable: &Variable) -> Range<u64> {
    variable.offset..variable.offset.saturating_add(variable.length)
}

/// The stretches of the pickle that belong to no variable.
fn outside(index: &Index) -> Vec<Range<u64>> {
    let starts = std::iter::once(0).chain(index.variables.iter().map(|variable| place(variable).end));
    let ends = index.variables.iter().map(|variable| variable.offset).chain([index.stream.length]);
    starts.zip(ends).map(|(start, end)| start..end).filter(|stretch| stretch.start < stretch.end).collect()
}

/// Reads the opcodes of a pickle up to STOP, around the bytes of joblib's arrays.
pub(super) fn opcodes(bytes: &[u8], raw: &[Raw], progress: Progress<'_>) -> Result<(), ReadError> {
    let mut told = 0;
    let mut end = 0;
    for op in opcodes_around(bytes, raw) {
        end = op.map_err(|error| super::explain(bytes, error.into()))?.end;
        if end - told >= PIECE as u64 {
            progress(end - told);
            told = end;
        }
    }
    progress(end - told);
    Ok(())
}
