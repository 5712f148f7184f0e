//! Why a file cannot be written, in words for the user: each message says what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::snapshot::remote::RemoteError;

/// Why an atomic file cannot be created or committed.
#[derive(Debug, Error)]
pub(crate) enum AtomicError {
    /// The path is a directory.
    #[error("{} is a directory: name a file in it", .0.display())]
    IsDirectory(PathBuf),
    /// A device, a pipe or a socket, which a rename would destroy.
    #[error("{} is not a regular file: choose another name, or write to standard output with -", .0.display())]
    NotRegular(PathBuf),
    /// Another user may have put the symlink there to have one of this user's files overwritten.
    #[error(
        "{} is a symlink owned by another user in a world-writable directory: pass its target instead", .0.display()
    )]
    ForeignSymlink(PathBuf),
    /// The path has no file name, or a symlink on it points to itself.
    #[error("{} is not a valid file name: choose another one", .0.display())]
    BadName(PathBuf),
    /// The name passed to [`commit_to`](super::AtomicFile::commit_to) is in another directory.
    #[error("{} is not in the same directory as the file being written: choose a name there", .0.display())]
    OtherDirectory(PathBuf),
    /// The temporary file cannot be created.
    #[error("cannot create a file in {}: check that the directory exists and is writable", folder.display())]
    Create {
        /// The directory, as the user named it if possible.
        folder: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// An address in object storage cannot be written to.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The contents or the new name did not reach the disk.
    #[error("cannot complete {}: {}", target.display(), advice(source))]
    Complete {
        /// The path that the file was to have.
        target: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

fn advice(error: &io::Error) -> &'static str {
    full_disk_advice(error).unwrap_or(match error.kind() {
        io::ErrorKind::ResourceBusy => "something is mounted there; choose another name",
        _ => "choose another directory",
    })
}

/// What to do about a disk that takes no more bytes; `None` for any other error.
pub(crate) fn full_disk_advice(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
        .then_some("free some space, or choose another disk")
}
