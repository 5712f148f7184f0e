//! Opens the file that a command was given. What is not there is wrong usage: only what was read can be damaged.

use std::io::{self, Read};
use std::path::Path;

use crate::exit::{self, OrExit};
use crate::snapshot::reader::{ReadError, Snapshot};

/// Opens a file; `-` is standard input.
pub(super) fn open(path: &Path) -> Result<Snapshot, ReadError> {
    if path != Path::new("-") {
        return Snapshot::open(path);
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Snapshot::from_bytes(bytes)
}

/// Gives what could not be opened or read its exit code, under a line that says what was to be done with it.
pub(super) fn or_code<T>(result: Result<T, ReadError>, message: impl FnOnce() -> String) -> anyhow::Result<T> {
    let wrong_name = result.as_ref().is_err_and(ReadError::is_wrong_name);
    result.or_exit(if wrong_name { exit::USAGE } else { exit::DAMAGED }, message)
}
