//! The locks of a store: saves share one, and a `prune` has it alone. In a folder, a file is locked; in object storage,
//! a lease stands for it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::store_error::StoreError;
use super::store_folder::{LOCK, Store};
use super::store_lease::Lease;
use crate::snapshot::atomic::signals;

/// How often to try again to take a lock that another process holds.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A lock on a store, until it is dropped.
#[derive(Debug)]
#[allow(dead_code, reason = "holds the lock")]
pub(super) enum StoreLock {
    File(File),
    Lease(Lease),
}

impl Store {
    /// A lock that many saves may hold at once, while no `prune` does. Without locks on this file system, `None`.
    pub(super) fn lock_shared(&self) -> Result<Option<StoreLock>, StoreError> {
        if let Some(upstream) = self.upstream() {
            return Ok(Some(StoreLock::Lease(Lease::for_save(upstream)?)));
        }
        match self.lock(FlockOperation::NonBlockingLockShared, &mut || {}) {
            Err(StoreError::Lock(..)) => Ok(None),
            done => done.map(Some),
        }
    }

    /// A lock that only one `prune` holds, while nothing is saved. `waiting` is called once if it has to wait.
    pub(super) fn lock_exclusive(&self, waiting: &mut dyn FnMut()) -> Result<StoreLock, StoreError> {
        if let Some(upstream) = self.upstream() {
            return Ok(StoreLock::Lease(Lease::for_prune(upstream, waiting)?));
        }
        self.lock(FlockOperation::NonBlockingLockExclusive, waiting)
    }

    fn lock(&self, operation: FlockOperation, waiting: &mut dyn FnMut()) -> Result<StoreLock, StoreError> {
        self.wait_for(self.open_lock()?, operation, waiting)
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
        match self.wait_for(file, FlockOperation::NonBlockingLockExclusive, waiting) {
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
        let mut has_waited = false;
        loop {
            match flock(&file, operation).map_err(io::Error::from) {
                Ok(()) => return Ok(StoreLock::File(file)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !std::mem::replace(&mut has_waited, true) {
                        waiting();
                    }
                    signals::check().map_err(StoreError::io(self.folder()))?;
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::Lock(self.folder().to_path_buf(), error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type LockOutcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn saves_share_the_lock_and_prune_has_it_alone() -> LockOutcome {
        let root = tempfile::tempdir()?;
        let store = Store::open_or_create(&root.path().join("s"))?;
        let (one, two) = (store.lock_shared()?, store.lock_shared()?);
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
}
