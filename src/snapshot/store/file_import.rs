//! Takes a file into a store: its segments go the way that those of a save go.

use std::io::{self, Write};

use super::store_target::StoreTarget;
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::reader::{Contents, ReadError, Snapshot};
use crate::snapshot::save_target::{SaveTarget, SegmentMark};
use crate::snapshot::segment::{SegmentPart, VariableSegment};
use crate::snapshot::signature::SigningKey;

/// Writes one of our own snapshots, whose hashes were checked, into a store. With a key, the new snapshot is signed.
///
/// # Errors
/// If it is not one of our own, or cannot be read or written.
pub(crate) fn import(snapshot: &Snapshot, target: &mut StoreTarget, key: Option<&SigningKey>) -> Result<(), ReadError> {
    let Contents::Own { index } = snapshot.contents() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "only a snapshot can be taken into a store").into());
    };
    for (role, variable) in index.segments() {
        segment(snapshot, &VariableSegment::of(role, variable)?, variable, target)?;
    }
    let mut index: Index = index.clone();
    target.take_index(&mut index, key)?;
    Ok(())
}

fn segment(
    snapshot: &Snapshot,
    segment: &VariableSegment<'_>,
    variable: &Variable,
    target: &mut StoreTarget,
) -> Result<(), ReadError> {
    target.mark(SegmentMark::Begin);
    for part in segment.parts() {
        match part {
            SegmentPart::Opcodes(range) => target.write_all(&snapshot.read_range(range)?)?,
            SegmentPart::Contents(range) => {
                target.mark(SegmentMark::Contents(range.len() as u64));
                target.contents(&snapshot.read_range(range)?)?;
                target.mark(SegmentMark::Opcodes);
            }
        }
    }
    target.mark(SegmentMark::End(variable));
    Ok(())
}
