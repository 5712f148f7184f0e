//! The files of a store: their names, and how they are opened and made. Anyone who can write to the folder can put
//! anything there, so no symlinks are followed, and only regular files of a bounded length are read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::snapshot::system;

/// The file that makes a folder a store.
pub(super) const MARKER: &str = "snapcli-store.json";
pub(super) const OBJECTS: &str = "objects";
pub(super) const SNAPSHOTS: &str = "snapshots";
pub(super) const NAMES: &str = "names";
pub(super) const LOCK: &str = "lock";
/// The marks of damaged objects.
pub(super) const DAMAGED: &str = "damaged";
/// The ending of the file of a snapshot.
const SNAPSHOT_ENDING: &str = ".snap";
/// The beginning of the names of files that are being written.
pub(super) const TEMP_PREFIX: &str = ".new-";
/// The longest file of a snapshot that is read, and the longest marker, in bytes.
pub(super) const MAX_SNAPSHOT: u64 = 256 << 10;
pub(super) const MAX_MARKER: u64 = 4096;

/// The entries of a folder; none if there is no such folder.
pub(super) fn entries_of(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.collect(),
    }
}

/// `BYTES` random bytes in hex.
pub(super) fn random_id<const BYTES: usize>() -> io::Result<String> {
    let mut id = [0; BYTES];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    Ok(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The bytes of a regular file, which may have this many.
pub(super) fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, length) = open_regular(path)?;
    if length > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too long"));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a regular file for reading, and returns its length.
pub(super) fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    // Opening a named pipe would wait.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let found = file.metadata()?;
    match found.is_file() {
        true => Ok((file, found.len())),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file")),
    }
}

/// A new file in a folder, with these bytes, which is removed unless it gets a name.
pub(super) fn new_file(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = new_temporary(folder)?;
    file.as_file_mut().write_all(bytes)?;
    Ok(file)
}

/// A temporary file in a folder. Its name says whose it is. Write to its file: an error of the struct around it would
/// name that, which means nothing to the user.
pub(super) fn new_temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let prefix = temporary_prefix(std::process::id());
    tempfile::Builder::new().prefix(&prefix).make_in(folder, |path| system::create_new(path, 0o600))
}

fn temporary_prefix(process: u32) -> String {
    format!("{TEMP_PREFIX}{process}-")
}

/// Removes the temporary files that a process which was killed has left in a store.
pub(crate) fn remove_leftovers(store: &Path, process: u32) {
    let prefix = temporary_prefix(process);
    for folder in [store.join(OBJECTS), store.join(SNAPSHOTS), store.join(NAMES), store.to_path_buf()] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
                // What stays is removed by a prune.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Makes the names of new files survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    crate::snapshot::atomic::sync_directory(folder)
}

/// The path of a snapshot's file in a store, and its key in object storage.
pub(super) fn snapshot_key(number: u64) -> String {
    format!("{SNAPSHOTS}/{number:08}{SNAPSHOT_ENDING}")
}

/// The number in the name of a snapshot's file.
pub(super) fn snapshot_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SNAPSHOT_ENDING)?;
    let number: u64 = digits.parse().ok()?;
    // One number, one name.
    (number > 0 && format!("{number:08}") == digits).then_some(number)
}
