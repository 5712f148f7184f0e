//! Whether a pickle is what was written.

use super::source::Source;
use super::{Damage, ReadError};
use crate::pickle::parse::Parser;
use crate::snapshot::index::{Index, Variable};

/// How many bytes are hashed at a time.
const PIECE: usize = 1 << 20;

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

/// Checks every hash of an index whose places were checked. The file is read piece by piece, not mapped, so that a
/// disk that fails gives an error and memory stays flat.
pub(super) fn hashes(source: &Source, index: &Index, progress: &mut dyn FnMut(u64)) -> Result<(), ReadError> {
    let mut buffer = vec![0; PIECE];
    let mut outside = blake3::Hasher::new();
    let mut damage = Damage::default();
    let mut position = 0;
    for variable in &index.variables {
        hash(source, (position, variable.offset), &mut outside, &mut buffer, progress)?;
        position = variable.offset.saturating_add(variable.length);
        let mut segment = blake3::Hasher::new();
        hash(source, (variable.offset, position), &mut segment, &mut buffer, progress)?;
        if segment.finalize().to_hex().as_str() == variable.blake3 {
            damage.whole.push(variable.name.clone());
        } else {
            damage.damaged.push((variable.name.clone(), variable.offset));
        }
    }
    hash(source, (position, index.stream.length), &mut outside, &mut buffer, progress)?;
    damage.outside = outside.finalize().to_hex().as_str() != index.stream.blake3;
    if damage.is_none() { Ok(()) } else { Err(ReadError::Damaged(damage)) }
}

/// Hashes the bytes from the first place up to the second.
fn hash(
    source: &Source,
    (mut from, to): (u64, u64),
    hasher: &mut blake3::Hasher,
    buffer: &mut [u8],
    progress: &mut dyn FnMut(u64),
) -> Result<(), ReadError> {
    while from < to {
        let length = usize::try_from(to - from).unwrap_or(PIECE).min(PIECE);
        let piece = buffer.get_mut(..length).unwrap_or_default();
        source.read(from, piece)?;
        hasher.update(piece);
        progress(length as u64);
        from = from.saturating_add(length as u64);
    }
    Ok(())
}

/// Reads the opcodes of a pickle up to STOP.
pub(super) fn opcodes(bytes: &[u8], progress: &mut dyn FnMut(u64)) -> Result<(), ReadError> {
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
