//! Opens a file in order to verify it, and once more if it is damaged: a pipe can be read only once.

use std::path::PathBuf;

use super::{Verified, verify, work_of};
use crate::snapshot::reader::{ReadError, Snapshot};
use crate::snapshot::store::StoreError;

/// The file to check.
pub(crate) enum FileInput {
    /// A path.
    Path(PathBuf),
    /// Bytes that were read from a pipe, or are in memory.
    Bytes(Vec<u8>),
}

impl FileInput {
    /// Checks the file. Also returns it, if it can be opened as a whole: damage that prevents that is a result as well,
    /// not an error. `begin` gets the number of bytes to check, and returns the receiver of the progress.
    ///
    /// # Errors
    /// If the file cannot be read, or is too large to check: this does not depend on its contents.
    pub(crate) fn verify(
        &self,
        max_memory: Option<u64>,
        begin: &dyn Fn(u64) -> Box<dyn Fn(u64) + Sync>,
    ) -> Result<(Option<Snapshot>, Verified), ReadError> {
        let checked = || -> Result<(Snapshot, Verified), ReadError> {
            let snapshot = self.open()?.with_max_memory(max_memory);
            let verified = verify(&snapshot, &begin(work_of(&snapshot)))?;
            Ok((snapshot, verified))
        };
        match checked() {
            Ok((snapshot, verified)) => Ok((Some(snapshot), verified)),
            Err(error @ (ReadError::Open(_) | ReadError::Io(_) | ReadError::Folder)) => Err(error),
            Err(error) if error.is_wrong_name() || error.is_unreachable() => Err(error),
            // The whole store cannot be opened, which says nothing about the snapshot.
            Err(error @ ReadError::Store(StoreError::DamagedMarker(_) | StoreError::LostMarker(_))) => Err(error),
            // A file that is too large may be sound.
            Err(error) if error.is_limit() => Err(error),
            Err(error) => {
                // A bomb, say, is not decompressed a second time.
                let rest = error.leaves_something().then(|| self.open_partial(max_memory).ok()).flatten();
                Ok((None, Verified::unopened(&error, rest.as_ref())))
            }
        }
    }

    fn open(&self) -> Result<Snapshot, ReadError> {
        match self {
            Self::Path(path) => Snapshot::open(path),
            Self::Bytes(bytes) => Snapshot::from_bytes(bytes.clone()),
        }
    }

    /// The snapshot that `restore --partial` would open.
    fn open_partial(&self, max_memory: Option<u64>) -> Result<Snapshot, ReadError> {
        let opened = match self {
            Self::Path(path) => Snapshot::open_partial(path, max_memory),
            Self::Bytes(bytes) => Snapshot::partial_from_bytes(bytes, max_memory),
        };
        opened.map(|(snapshot, _)| snapshot)
    }
}
