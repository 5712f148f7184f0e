//! Whether a pickle is what was written.

use std::ops::Range;

use super::hashing::{self, PIECE, Progress};
use super::source::Source;
use super::{Damage, ReadError};
use crate::pickle::parse::Parser;
use crate::snapshot::index::{Index, Variable};

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
    variable.buffers.iter().all(|buffer| {
        let end = buffer.offset.checked_add(buffer.length);
        buffer.offset >= variable.offset && end.is_some_and(|end| end <= segment_end)
    })
}

/// Checks every hash of an index whose places were checked, and tells what is damaged.
pub(super) fn hashes(source: &Source, index: &Index, progress: Progress<'_>) -> Result<Damage, ReadError> {
    let segments: Vec<Range<u64>> = index.variables.iter().map(place).collect();
    let found = hashing::hash(source, &segments, progress)?;
    let outside = hashing::hash_joined(source, &outside(index), progress)?;
    let mut damage = Damage { outside: outside.to_hex().as_str() != index.stream.blake3, ..Damage::default() };
    for (variable, found) in index.variables.iter().zip(found) {
        if found.to_hex().as_str() == variable.blake3 {
            damage.whole.push(variable.name.clone());
        } else {
            damage.damaged.push((variable.name.clone(), variable.offset));
        }
    }
    Ok(damage)
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

/// Reads the opcodes of a pickle up to STOP.
pub(super) fn opcodes(bytes: &[u8], progress: Progress<'_>) -> Result<(), ReadError> {
    let mut told = 0;
    let mut end = 0;
    for op in Parser::new(bytes) {
        end = op.map_err(|error| super::explain(bytes, error.into()))?.end;
        if end - told >= PIECE as u64 {
            progress(end - told);
            told = end;
        }
    }
    progress(end - told);
    Ok(())
}
