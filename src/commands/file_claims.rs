//! Locks between processes that save or export to the same directory.
//!
//! A lock belongs to a process, not to its children, and ends with it. It is held on an empty file,
//! `.snapcli-<name>-lock`, which is removed with the lock; one that was left by a process that was killed has no lock,
//! and is used again. Where the file system has no locks, nothing is waited for.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

/// The most characters of a file's name that go into the name of its lock: a name has at most 255 bytes.
const NAME_CHARS: usize = 50;
/// How often a lock is asked for, and the time between: a rotation takes milliseconds, unless its process is stopped.
const TRIES: usize = 2000;
pub(in crate::commands) const PAUSE: Duration = Duration::from_millis(5);

/// The right to a file, until it is dropped.
#[derive(Debug)]
pub(in crate::commands) struct FileClaim {
    _file: File,
    path: PathBuf,
    process: u32,
}

/// What a process gets that asks for a file.
#[derive(Debug)]
pub(in crate::commands) enum Claimed {
    Ours(FileClaim),
    /// A process that is alive has it.
    Taken,
    /// There are no locks here.
    Unknown,
}

impl FileClaim {
    /// Asks for a file, and does not wait.
    pub(in crate::commands) fn ask(path: &Path) -> Claimed {
        for _ in 0..TRIES {
            match Self::try_lock(&lock_path(path)) {
                Ok(Some(claimed)) => return claimed,
                // Its last owner has removed the lock file in between.
                Ok(None) => {}
                Err(_) => return Claimed::Unknown,
            }
        }
        Claimed::Unknown
    }

    /// Waits for a file. `None` if there are no locks here, or if the process that has it does not go on. `pause` waits
    /// for [`PAUSE`], and fails if a signal ends the wait.
    pub(in crate::commands) fn wait<E>(path: &Path, pause: impl Fn() -> Result<(), E>) -> Result<Option<Self>, E> {
        for _ in 0..TRIES {
            match Self::ask(path) {
                Claimed::Ours(claim) => return Ok(Some(claim)),
                Claimed::Unknown => return Ok(None),
                Claimed::Taken => pause()?,
            }
        }
        Ok(None)
    }

    fn try_lock(path: &Path) -> io::Result<Option<Claimed>> {
        let mut open = OpenOptions::new();
        // Neither a symlink nor a named pipe is one of ours.
        open.create(true).truncate(false).write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = open.open(path)?;
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::AGAIN | Errno::ACCESS) => return Ok(Some(Claimed::Taken)),
            Err(error) => {
                let _ = fs::remove_file(path);
                return Err(error.into());
            }
        }
        let (ours, found) = (file.metadata()?, fs::symlink_metadata(path));
        let is_there = found.is_ok_and(|found| (found.dev(), found.ino()) == (ours.dev(), ours.ino()));
        // Otherwise the name may be that of another process's lock by now.
        let claim = || Self { _file: file, path: path.to_path_buf(), process: std::process::id() };
        Ok(is_there.then(|| Claimed::Ours(claim())))
    }
}

impl Drop for FileClaim {
    fn drop(&mut self) {
        // A forked child has a copy of this struct, but not the lock.
        if std::process::id() == self.process {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name: String = path.file_name().unwrap_or_default().to_string_lossy().chars().take(NAME_CHARS).collect();
    path.with_file_name(format!(".snapcli-{name}-lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_leaves_no_file() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("session.pkl");
        // As a process that was killed leaves it.
        fs::write(lock_path(&path), "")?;
        let claim = FileClaim::ask(&path);
        assert!(matches!(claim, Claimed::Ours(_)), "{claim:?}");
        assert!(lock_path(&path).exists());
        drop(claim);
        assert_eq!(fs::read_dir(folder.path())?.count(), 0);
        assert!(matches!(FileClaim::ask(&folder.path().join("none/session.pkl")), Claimed::Unknown));
        Ok(())
    }
}
