//! The error of an output that takes no more of a snapshot, most often because the disk is full.
//!
//! It says what to do. The command that saves puts the name of the output in front, which is not known here.

use std::io;

use thiserror::Error;

/// Why the rest of a snapshot cannot be written, as the context of the system's error.
#[derive(Clone, Copy, Debug, Error)]
#[error("{0}")]
pub(crate) struct WriteFailure(&'static str);

/// The error of an output, with what to do about it.
pub(crate) fn write_failed(error: io::Error) -> anyhow::Error {
    // An error of our own says how much room there is, and what to do.
    let is_explained = error.raw_os_error().is_none() && error.get_ref().is_some();
    let what = match error.kind() {
        io::ErrorKind::StorageFull if is_explained => "not enough disk space for the snapshot",
        io::ErrorKind::StorageFull => {
            "the disk is full: free some space, leave out variables with --exclude, or save elsewhere with -o"
        }
        io::ErrorKind::QuotaExceeded => {
            "the disk quota is used up: free some space, leave out variables with --exclude, or save elsewhere with -o"
        }
        io::ErrorKind::FileTooLarge => {
            "the file becomes larger than allowed (see `ulimit -f`): leave out variables with --exclude, or save \
             elsewhere with -o"
        }
        _ => "cannot write the snapshot",
    };
    anyhow::Error::new(error).context(WriteFailure(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_is_given_once() {
        let words = |error: io::Error| format!("{:#}", write_failed(error));
        let full = words(io::Error::from_raw_os_error(libc::ENOSPC));
        assert!(full.starts_with("the disk is full: free some space, ") && full.ends_with("(os error 28)"), "{full}");
        let known = io::Error::new(io::ErrorKind::StorageFull, "an array takes 9 bytes: free some space");
        assert_eq!(words(known), "not enough disk space for the snapshot: an array takes 9 bytes: free some space");
        assert!(words(io::Error::from_raw_os_error(libc::EFBIG)).contains("ulimit -f"));
        assert_eq!(words(io::Error::other("odd")), "cannot write the snapshot: odd");
        assert!(write_failed(io::Error::other("odd")).is::<WriteFailure>());
    }
}
