//! Takes a file into a store: its segments go the way that those of a save go.

use std::io::{self, Write};

use super::store_error::StoreError;
use super::store_target::StoreTarget;
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::reader::{Contents, ReadError, Snapshot};
use crate::snapshot::save_target::{SaveTarget, SegmentMark};
use crate::snapshot::segment::{SegmentPart, VariableSegment};
use crate::snapshot::signature::SigningKey;

/// Why a file is not taken into a store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written to, which says nothing about the file.
    #[error(transparent)]
    Write(StoreError),
}

/// Writes one of our own snapshots, whose hashes were checked, into a store. With a key, the new snapshot is signed.
///
/// # Errors
/// If it is not one of our own, or cannot be read or written.
pub(crate) fn import(
    snapshot: &Snapshot,
    target: &mut StoreTarget,
    key: Option<&SigningKey>,
) -> Result<(), ImportError> {
    let Contents::Own { index } = snapshot.contents() else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "only a snapshot can be taken into a store");
        return Err(ImportError::Read(error.into()));
    };
    for (role, variable) in index.segments() {
        segment(snapshot, &VariableSegment::of(role, variable).map_err(ReadError::from)?, variable, target)?;
    }
    let mut index: Index = index.clone();
    let taken = target.take_index(&mut index, key);
    taken.map(drop).map_err(|error| write_error(target, error))
}

fn write_error(target: &StoreTarget, error: io::Error) -> ImportError {
    ImportError::Write(StoreError::io(target.folder())(error))
}

fn segment(
    snapshot: &Snapshot,
    segment: &VariableSegment<'_>,
    variable: &Variable,
    target: &mut StoreTarget,
) -> Result<(), ImportError> {
    target.mark(SegmentMark::Begin);
    for part in segment.parts() {
        match part {
            SegmentPart::Opcodes(range) => {
                let opcodes = snapshot.read_range(range)?;
                target.write_all(&opcodes).map_err(|error| write_error(target, error))?;
            }
            SegmentPart::Contents(range) => {
                target.mark(SegmentMark::Contents(range.len() as u64));
                let contents = snapshot.read_range(range)?;
                target.contents(&contents).map_err(|error| write_error(target, error))?;
                target.mark(SegmentMark::Opcodes);
            }
        }
    }
    target.mark(SegmentMark::End(variable));
    Ok(())
}
