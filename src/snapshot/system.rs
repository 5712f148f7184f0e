//! The calls of the operating system that a save needs and `std` does not have: locks, free space, who we are.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

/// Locks a file, if nobody else has it locked. The lock ends with the last process that holds the open file, however
/// that ends. Some network file systems have no locks: then this is an error.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    // SAFETY: the descriptor is that of an open file.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::WouldBlock { Ok(false) } else { Err(error) }
}

/// The bytes that are free on a file's file system, those kept for root included; `None` where it does not tell.
pub(super) fn free_space(file: &File) -> Option<u64> {
    let mut found = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the descriptor is that of an open file, and there is room for the answer.
    if unsafe { libc::fstatvfs(file.as_raw_fd(), found.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: all of it is integers, for which zeros are valid, and the call has filled it.
    let found = unsafe { found.assume_init() };
    // The fields are of other widths on other systems.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    let (free, size) = (found.f_bfree as u64, found.f_frsize as u64);
    // A file system without blocks, as some network ones are, knows no bounds.
    (found.f_blocks > 0).then(|| free.saturating_mul(size))
}

/// The user that files are created for.
pub(super) fn user() -> u32 {
    // SAFETY: has no preconditions.
    unsafe { libc::geteuid() }
}
