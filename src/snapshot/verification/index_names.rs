//! The claims of an index about names, and about the bytes that belong to no name. Every command relies on these two.
//!
//! All of them check this before they show or load anything, so that a file whose index and pickle disagree is the same
//! to all of them. It costs no more than reading the names.

use std::collections::HashSet;

use super::Problem;
use crate::pickle::format::emit;
use crate::snapshot::index::{Index, SegmentRole, Variable};
use crate::snapshot::reader::{Contents, ReadError, Snapshot};
use crate::snapshot::segment::VariableSegment;

/// The first name of the index that belongs to two variables, or not to the segment that the index gives it, or the
/// first bytes that no name of the index covers.
///
/// # Errors
/// If the file cannot be mapped, or the index has impossible ranges.
pub(crate) fn problem_of_names(snapshot: &Snapshot) -> Result<Option<Problem>, ReadError> {
    let Contents::Own { index } = snapshot.contents() else { return Ok(None) };
    let segments = VariableSegment::all(index)?;
    let bytes = snapshot.bytes_with_names(segments.iter())?;
    for segment in segments.iter().filter(|segment| !segment.has_name(bytes)) {
        // Otherwise the bytes are damaged, and say nothing about the index.
        if snapshot.checked_segment(segment)?.is_some() {
            let Variable { name, offset, .. } = segment.variable();
            let what = format!("the index names a variable '{name}', but the pickle does not");
            return Ok(Some(Problem::new(*offset, what)));
        }
    }
    Ok(problem_of_ranges(index))
}

/// The first name of two variables, or the first bytes that no name of the index covers.
pub(crate) fn problem_of_ranges(index: &Index) -> Option<Problem> {
    // BUILD and STOP come last.
    let last = index.stream.length.saturating_sub(emit::END.len() as u64);
    repeated_names(index).chain(gaps(index, last)).next()
}

/// The bytes up to `last` that are in no segment. Overlaps were refused when the index was read.
pub(super) fn gaps(index: &Index, last: u64) -> impl Iterator<Item = Problem> {
    let mut position = index.stream.prelude;
    let starts = index.segments().map(|(_, segment)| (segment.offset, segment.offset.saturating_add(segment.length)));
    starts.chain([(last, last)]).filter_map(move |(start, next)| {
        let end = std::mem::replace(&mut position, next);
        (start != end).then(|| Problem::new(end, format!("the bytes up to byte {start} belong to no variable")))
    })
}

/// The names that two variables have.
pub(super) fn repeated_names(index: &Index) -> impl Iterator<Item = Problem> {
    let mut names = HashSet::new();
    let variables = index.segments().filter(|(role, _)| *role == SegmentRole::Variable);
    variables.filter_map(move |(_, Variable { name, offset, .. })| {
        let is_new = names.insert(name.as_str());
        (!is_new).then(|| Problem::new(*offset, format!("{name} is the name of two variables")))
    })
}
