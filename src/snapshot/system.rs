//! The system calls that `std` does not offer: advisory locks, free space, the effective user id, and how large blocks
//! of memory are allocated.
//!
//! This is the only place that asks the operating system for any of them, through rustix's safe API, except for the
//! allocator's option.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, flock, fstatvfs};

/// Tries to take an exclusive advisory lock (`flock`) on a file; `false` if another process holds it.
///
/// The lock lasts until every descriptor of the open file is closed, however the process ends. Some network file
/// systems have no locks, which is an error.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(error) if io::Error::from(error).kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The free bytes on a file's file system, including those reserved for root; `None` if the file system does not say.
pub(super) fn free_space(file: &File) -> Option<u64> {
    let found = fstatvfs(file).ok()?;
    // Some network file systems report 0 blocks in total: they have no fixed size, so 0 free blocks means nothing.
    (found.f_blocks > 0).then(|| found.f_bfree.saturating_mul(found.f_frsize))
}

/// The effective user id: the owner of the files that this process creates.
pub(crate) fn user_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Has the allocator map each large block on its own, whatever was freed before: then a list that grows is moved and
/// not copied, so the old and the new block never exist at once. For commands that run no Python: programs that
/// allocate large arrays again and again are faster without.
pub(crate) fn map_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const LARGE: i32 = 1 << 20;
        // SAFETY: sets a number of the allocator, which takes any value.
        let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    }
}
