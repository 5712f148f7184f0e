//! Which opcodes a load needs of a file of which only ranges are read: those of the wanted variables, and of all that
//! they share objects with.
//!
//! Other files are mapped, and need no answer.

use std::collections::HashMap;

use super::reader::{ReadError, Snapshot};
use super::segment::VariableSegment;
use crate::pickle::passes::scan::scan_segment;

/// The pickle, with the opcodes that a load of the wanted segments needs. With `guarded`, the index is not believed
/// about which variables share objects.
///
/// # Errors
/// As for [`Snapshot::bytes`].
pub(crate) fn bytes_for<'f>(
    snapshot: &'f Snapshot,
    segments: &[VariableSegment<'_>],
    wanted: impl Iterator<Item = bool>,
    guarded: bool,
) -> Result<&'f [u8], ReadError> {
    if !snapshot.is_read_in_parts() {
        return snapshot.bytes();
    }
    let by_name: HashMap<&str, usize> =
        segments.iter().enumerate().map(|(number, segment)| (segment.variable().name.as_str(), number)).collect();
    let mut waiting: Vec<usize> =
        wanted.zip(0..).filter(|(is_wanted, _)| *is_wanted).map(|(_, number)| number).collect();
    let mut is_needed = vec![false; segments.len()];
    loop {
        // By the index first, which takes one read for all.
        while let Some(number) = waiting.pop() {
            let Some(slot @ false) = is_needed.get_mut(number) else { continue };
            *slot = true;
            let uses = segments.get(number).map_or(&[][..], |segment| &segment.variable().uses);
            waiting.extend(uses.iter().filter_map(|name| by_name.get(name.as_str()).copied()));
        }
        let needed =
            || segments.iter().zip(&is_needed).filter(|(_, is_needed)| **is_needed).map(|(segment, _)| segment);
        let bytes = snapshot.bytes_with(needed())?;
        if guarded {
            let owners = needed().flat_map(|segment| owners_of(segment, segments, bytes));
            waiting.extend(owners.filter(|owner| !is_needed.get(*owner).copied().unwrap_or(true)));
        }
        if waiting.is_empty() {
            return Ok(bytes);
        }
    }
}

/// The numbers of the segments whose memo slots a segment reads.
fn owners_of(segment: &VariableSegment<'_>, segments: &[VariableSegment<'_>], bytes: &[u8]) -> Vec<usize> {
    let scanned = segment.as_loaded(bytes).map(|opcodes| scan_segment(&opcodes, segment.variable().memo.0));
    let slots = scanned.and_then(Result::ok).map(|facts| facts.takes).unwrap_or_default();
    let owner = |slot: u64| {
        // Slots are numbered in the order of the segments.
        let after = segments.partition_point(|segment| segment.variable().memo.0 <= slot);
        after.checked_sub(1).filter(|number| segments.get(*number).is_some_and(|it| slot < it.variable().memo.1))
    };
    slots.into_iter().filter_map(owner).collect()
}
