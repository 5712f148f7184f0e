//! Reads the ambient state of a snapshot: a name and a string of JSON for each entry. No Python is needed.

use serde_json::Value;

use super::index::{Index, SegmentRole};
use super::reader::{ReadError, Snapshot};
use super::segment::VariableSegment;
use crate::pickle::format::parse::{Argument, Parser};

/// The entries of a file, in its order. One that is damaged or of another form is left out.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn ambient_values(snapshot: &Snapshot, index: &Index) -> Result<Vec<(String, Value)>, ReadError> {
    let segments = VariableSegment::all(index)?;
    let segments: Vec<_> = segments.iter().filter(|segment| segment.role() == SegmentRole::Ambient).collect();
    if segments.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = snapshot.bytes()?;
    let value = |segment: &&VariableSegment<'_>| {
        snapshot.check_segments(std::iter::once(*segment), &|_| {}).ok()?;
        let value = segment.value_of_frame(bytes)?;
        let mut ops = Parser::segment(value, 0);
        let json = match ops.next()?.ok()?.argument {
            Argument::Str(text) => serde_json::from_slice(text.bytes()).ok()?,
            _ => return None,
        };
        ops.next().is_none().then(|| (segment.variable().name.clone(), json))
    };
    Ok(segments.iter().filter_map(value).collect())
}
