//! Opens the file that a command was given.

use std::io::{self, Read};
use std::path::Path;

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
