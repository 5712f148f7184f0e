//! Moves the cost of freeing a file that is replaced to another thread: for gigabytes, it takes a tenth of a second.
//! Where the file system tells the disk of each file that is freed, it takes milliseconds for any file.
//!
//! A rename frees the file that it replaces, unless the file is open. So the file is opened before the rename, and a
//! thread closes it while the program goes on. Only on Linux.

use std::fs::File;
#[cfg(target_os = "linux")]
use std::fs::OpenOptions;
use std::io;
#[cfg(target_os = "linux")]
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Freeing a shorter file, in bytes, takes less time than starting a thread.
#[cfg(target_os = "linux")]
const LARGE: u64 = 4 << 20;
/// Freeing a file that takes longer is worth a thread.
const LONG: Duration = Duration::from_millis(2);

/// Whether freeing a short file took so long, the last time that this process did it. A rename may also have waited for
/// something else.
static IS_SLOW: AtomicBool = AtomicBool::new(false);

/// A file that is about to be replaced, until it is dropped.
pub(super) struct ReplacedFile(Option<File>);

impl ReplacedFile {
    /// Opens the file, if it exists and is large, without access to its contents.
    #[cfg(target_os = "linux")]
    pub(super) fn hold(target: &Path) -> Self {
        Self::hold_if(target, if IS_SLOW.load(Ordering::Relaxed) { 1 } else { LARGE })
    }

    /// The same for a file that is probably not on the disk yet: freeing a short one takes no time.
    #[cfg(target_os = "linux")]
    pub(super) fn hold_unsynced(target: &Path) -> Self {
        Self::hold_if(target, LARGE)
    }

    /// `least` is the length from which on it is opened, in bytes.
    #[cfg(target_os = "linux")]
    fn hold_if(target: &Path, least: u64) -> Self {
        let is_large = target.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() >= least);
        let open = || OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(target).ok();
        Self(is_large.then(open).flatten())
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn hold(_: &Path) -> Self {
        Self(None)
    }

    /// Replaces the file, and notes whether freeing it took long.
    pub(super) fn while_it_is(self, replaced: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let started = Instant::now();
        let done = replaced();
        if self.0.is_none() && started.elapsed() > LONG {
            IS_SLOW.store(true, Ordering::Relaxed);
        }
        done
    }
}

impl Drop for ReplacedFile {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            // If no thread can be started, the closure is dropped here, and the file with it.
            let _ = thread::Builder::new().name("snapcli-free".to_owned()).spawn(move || {
                let started = Instant::now();
                drop(file);
                if started.elapsed() < LONG {
                    IS_SLOW.store(false, Ordering::Relaxed);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// `IS_SLOW` is that of the process.
    static TURN: Mutex<()> = Mutex::new(());

    #[test]
    fn a_replaced_file_is_there_until_it_is_dropped() -> std::io::Result<()> {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir()?;
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "old")?;
        fs::write(&new, "new")?;
        if !IS_SLOW.load(Ordering::Relaxed) {
            assert!(ReplacedFile::hold(&old).0.is_none(), "a short file");
        }
        #[cfg(target_os = "linux")]
        File::options().write(true).open(&old)?.set_len(LARGE)?;
        let held = ReplacedFile::hold(&old);
        fs::rename(&new, &old)?;
        if cfg!(target_os = "linux") {
            assert_eq!(held.0.as_ref().map(|file| file.metadata().map(|found| found.nlink())).transpose()?, Some(0));
        }
        drop(held);
        assert_eq!(fs::read_to_string(&old)?, "new");
        // A file that does not exist yet.
        assert!(ReplacedFile::hold(&new).0.is_none());
        Ok(())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn one_long_rename_does_not_cost_every_later_save_a_thread() -> std::io::Result<()> {
        const TRIES: usize = 100;
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir()?;
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let (mut all_slow, mut is_quick_again) = (true, false);
        for _ in 0..TRIES {
            fs::write(&old, "old")?;
            let started = Instant::now();
            fs::remove_file(&old)?;
            all_slow &= started.elapsed() > LONG;
            fs::write(&old, "old")?;
            fs::write(&new, "new")?;
            ReplacedFile(None).while_it_is(|| {
                thread::sleep(2 * LONG);
                Ok(())
            })?;
            ReplacedFile::hold(&old).while_it_is(|| fs::rename(&new, &old))?;
            is_quick_again = (0..TRIES).any(|_| {
                thread::sleep(LONG);
                !IS_SLOW.load(Ordering::Relaxed)
            });
            if is_quick_again {
                break;
            }
        }
        assert!(is_quick_again || all_slow, "freeing is quick here, and a thread is started all the same");
        Ok(())
    }
}
