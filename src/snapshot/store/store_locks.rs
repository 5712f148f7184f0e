//! The locks of a store: saves share one, and a `prune` has it alone. In a folder, a file is locked; in object storage,
//! a lease stands for it.
//!
//! Where saves overlap all the time, nothing would ever have the file's lock alone. So a `prune` that waits locks the
//! folder itself, and a save looks there first: those that are at work end, and no other one begins.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::store_error::StoreError;
use super::store_files::LOCK;
use super::store_folder::Store;
use super::store_lease::Lease;
use crate::snapshot::atomic::signals;

/// How often to try again to take a lock that another process holds.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// What a save says while it waits.
#[cfg(feature = "python")]
pub(crate) const WAITING_FOR_PRUNE: &str = "waiting for another process to end its prune";
/// How long a save waits without saying so.
const NOTICE: Duration = Duration::from_secs(1);
/// How long a save that begins waits for a `prune` that still waits itself. Not for ever: the `prune` may wait for one
/// that cannot end before this one, because an object in it saves something itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// A lock on a store, until it is dropped.
#[derive(Debug)]
#[allow(dead_code, reason = "holds the lock")]
pub(super) enum StoreLock {
    File(File),
    Lease(Lease),
}

impl Store {
    /// A lock that many saves may hold at once, while no `prune` does. Without locks on this file system, `None`.
    /// `waiting` is called once if that takes longer than a moment.
    pub(super) fn lock_shared(&self, waiting: &mut dyn FnMut()) -> Result<Option<StoreLock>, StoreError> {
        let (began, mut has_told) = (Instant::now(), false);
        let mut waiting = || {
            if began.elapsed() >= NOTICE && !std::mem::replace(&mut has_told, true) {
                waiting();
            }
        };
        if let Some(upstream) = self.upstream() {
            return Ok(Some(StoreLock::Lease(Lease::for_save(upstream, &mut waiting)?)));
        }
        let gate = self.pass_gate(FlockOperation::NonBlockingLockShared, PATIENCE, &mut waiting)?;
        let locked = self.wait_for(self.open_lock()?, FlockOperation::NonBlockingLockShared, &mut waiting);
        drop(gate);
        match locked {
            Err(StoreError::Lock(..)) => Ok(None),
            done => done.map(Some),
        }
    }

    /// A lock that only one `prune` holds, while nothing is saved. `waiting` is called once if it has to wait.
    pub(super) fn lock_exclusive(&self, waiting: &mut dyn FnMut()) -> Result<StoreLock, StoreError> {
        if let Some(upstream) = self.upstream() {
            return Ok(StoreLock::Lease(Lease::for_prune(upstream, waiting)?));
        }
        self.lock_alone(self.open_lock()?, waiting)
    }

    fn lock_alone(&self, file: File, waiting: &mut dyn FnMut()) -> Result<StoreLock, StoreError> {
        let mut has_waited = false;
        let mut waiting = || {
            if !std::mem::replace(&mut has_waited, true) {
                waiting();
            }
        };
        // Dropped when the lock is there: then saves wait for that.
        let _gate = self.pass_gate(FlockOperation::NonBlockingLockExclusive, Duration::MAX, &mut waiting)?;
        self.wait_for(file, FlockOperation::NonBlockingLockExclusive, &mut waiting)
    }

    /// Locks the folder itself. `None` where that is not possible, or takes longer than `patience`.
    fn pass_gate(
        &self,
        operation: FlockOperation,
        patience: Duration,
        waiting: &mut dyn FnMut(),
    ) -> Result<Option<StoreLock>, StoreError> {
        let Ok(folder) = File::open(self.folder()) else { return Ok(None) };
        match self.wait_within(folder, operation, patience, waiting) {
            Err(StoreError::Lock(..)) => Ok(None),
            passed => passed,
        }
    }

    pub(super) fn open_lock(&self) -> Result<File, StoreError> {
        let path = self.folder().join(LOCK);
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let open =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(&path);
        open.map_err(StoreError::io(&path))
    }

    /// The same for a process that only asks what a `prune` would do, and may not be allowed to write. `None` where
    /// there can be no such lock: in object storage, a lock is an object.
    pub(super) fn lock_for_dry_run(&self, waiting: &mut dyn FnMut()) -> Result<Option<StoreLock>, StoreError> {
        if self.upstream().is_some() {
            return Ok(None);
        }
        let Ok(file) = self.open_lock_to_read() else { return Ok(None) };
        match self.lock_alone(file, waiting) {
            Err(StoreError::Lock(..)) => Ok(None),
            done => done.map(Some),
        }
    }

    /// A lock for a reader, which keeps a `prune` from removing what is being read. `None` where there can be none.
    pub(super) fn lock_reading(&self) -> Option<StoreLock> {
        if self.upstream().is_some() {
            return None;
        }
        self.wait_for(self.open_lock_to_read().ok()?, FlockOperation::NonBlockingLockShared, &mut || {}).ok()
    }

    /// Every save has made the file. A reader may not be allowed to write to it.
    fn open_lock_to_read(&self) -> io::Result<File> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        OpenOptions::new().read(true).custom_flags(flags).open(self.folder().join(LOCK))
    }

    fn wait_for(
        &self,
        file: File,
        operation: FlockOperation,
        waiting: &mut dyn FnMut(),
    ) -> Result<StoreLock, StoreError> {
        let lost = || StoreError::Lock(self.folder().to_path_buf(), io::ErrorKind::WouldBlock.into());
        self.wait_within(file, operation, Duration::MAX, waiting)?.ok_or_else(lost)
    }

    /// Locks a file; `None` if that takes longer than `patience`. `waiting` is called before each pause.
    fn wait_within(
        &self,
        file: File,
        operation: FlockOperation,
        patience: Duration,
        waiting: &mut dyn FnMut(),
    ) -> Result<Option<StoreLock>, StoreError> {
        let mut waited = Duration::ZERO;
        loop {
            match flock(&file, operation).map_err(io::Error::from) {
                Ok(()) => return Ok(Some(StoreLock::File(file))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if waited >= patience {
                        return Ok(None);
                    }
                    waiting();
                    signals::check().map_err(StoreError::io(self.folder()))?;
                    std::thread::sleep(LOCK_PAUSE);
                    waited = waited.saturating_add(LOCK_PAUSE);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::Lock(self.folder().to_path_buf(), error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    type LockOutcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn saves_share_the_lock_and_prune_has_it_alone() -> LockOutcome {
        let root = tempfile::tempdir()?;
        let store = Store::open_or_create(&root.path().join("s"))?;
        let (one, two) = (store.lock_shared(&mut || {})?, store.lock_shared(&mut || {})?);
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| -> LockOutcome {
            let (store, waits) = (&store, sender.clone());
            scope.spawn(move || {
                let lock = store.lock_exclusive(&mut || waits.send("waits").expect("a receiver")).expect("a lock");
                sender.send("has it").expect("a receiver");
                drop(lock);
            });
            assert_eq!(receiver.recv()?, "waits");
            drop((one, two));
            assert_eq!(receiver.recv()?, "has it");
            Ok(())
        })
    }

    #[test]
    fn saves_that_overlap_all_the_time_do_not_keep_prune_waiting() -> LockOutcome {
        const MOST: usize = 400;
        let root = tempfile::tempdir()?;
        let store = Store::open_or_create(&root.path().join("s"))?;
        let (saves, has_pruned) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| -> LockOutcome {
            for number in 0..5 {
                let (store, saves, has_pruned) = (&store, &saves, &has_pruned);
                scope.spawn(move || {
                    std::thread::sleep(Duration::from_millis(7 * number));
                    while !has_pruned.load(Ordering::Relaxed) && saves.fetch_add(1, Ordering::Relaxed) < MOST {
                        let lock = store.lock_shared(&mut || {}).expect("a lock");
                        std::thread::sleep(Duration::from_millis(60));
                        drop(lock);
                    }
                });
            }
            while saves.load(Ordering::Relaxed) < 10 {
                std::thread::sleep(LOCK_PAUSE);
            }
            drop(store.lock_exclusive(&mut || {})?);
            has_pruned.store(true, Ordering::Relaxed);
            assert!(saves.load(Ordering::Relaxed) < MOST, "it has waited until no save came any more");
            Ok(())
        })
    }
}
