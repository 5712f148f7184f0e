//! Keeps two processes from running with the same store at the same time: each would go on from the checkpoints of the
//! other. The lock belongs to the process, not to its children, and ends with it.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::Result;
use rustix::fs::{FlockOperation, fcntl_lock};

use crate::exit::{self, OrExit};

/// The file in the folder of the store.
const NAME: &str = "run.lock";

/// Takes the lock until the process ends, unless this process has it.
///
/// # Errors
/// With exit code 2, if another process has it.
pub(super) fn take(folder: &Path, shown: &str) -> Result<()> {
    static LOCK: OnceLock<File> = OnceLock::new();
    // To close another descriptor of the file would give the lock up.
    if LOCK.get().is_some() {
        return Ok(());
    }
    let cannot = || format!("cannot save to {shown}");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(NAME));
    let file = file.or_exit(exit::USAGE, cannot)?;
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        // Some file systems have no locks.
        Ok(()) | Err(rustix::io::Errno::NOLCK | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let _ = LOCK.set(file);
            Ok(())
        }
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => {
            let text = format!("another process is running with {shown}: wait for it, or name another store with -o");
            Err(exit::error(exit::USAGE, text))
        }
        Err(error) => Err(io::Error::from(error)).or_exit(exit::USAGE, cannot),
    }
}
