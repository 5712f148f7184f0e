//! The system calls that `std` does not offer: advisory locks, free space, the effective user id, how files come to the
//! disk, and how large blocks of memory are allocated.
//!
//! This is the only place that asks the operating system for any of them, mostly through rustix's safe API.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock, fstatvfs};

/// Creates a file for reading and writing. `mode` are its permissions, of which the umask takes some.
pub(super) fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(mode).open(path)
}

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

/// Brings a file of this length to the disk piece by piece, as long as `is_wanted` says so, which gets the number of
/// bytes that are on the disk; `fsync` has little to do after it. A process that is killed does not end before its
/// thread has waited for the disk: here for one piece, in `fsync` for the whole file.
///
/// # Errors
/// If the disk has failed: `fsync` would not say so again.
pub(super) fn write_back(file: &File, length: u64, is_wanted: impl Fn(u64) -> bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        const PIECE: i64 = 4 << 20;
        /// How far the disk is ahead of the wait.
        const AHEAD: i64 = 8 * PIECE;
        const WHOLE: u32 =
            libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        write_range(file, 0, AHEAD, libc::SYNC_FILE_RANGE_WRITE)?;
        let mut start = 0;
        while start < length && is_wanted(start.cast_unsigned()) {
            write_range(file, start + AHEAD, PIECE, libc::SYNC_FILE_RANGE_WRITE)?;
            write_range(file, start, PIECE, WHOLE)?;
            start += PIECE;
        }
    }
    let _ = (file, length, is_wanted);
    Ok(())
}

/// `sync_file_range`, which not every file system has.
#[cfg(target_os = "linux")]
fn write_range(file: &File, start: i64, length: i64, what: u32) -> io::Result<()> {
    // SAFETY: has no preconditions; the descriptor is open.
    let done = unsafe { libc::sync_file_range(file.as_raw_fd(), start, length, what) };
    let error = io::Error::last_os_error();
    let is_lost = matches!(error.raw_os_error(), Some(libc::EIO | libc::ENOSPC | libc::EDQUOT));
    if done != 0 && is_lost { Err(error) } else { Ok(()) }
}

/// An error of making a temporary file, without its name: `tempfile` adds that, and it means nothing to the user.
pub(crate) fn without_temporary_name(error: io::Error) -> io::Error {
    if error.raw_os_error().is_none() && error.get_ref().is_some() { error.kind().into() } else { error }
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
