//! Lends standard output to snapcli's own answer: what a script prints goes to standard error meanwhile.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

/// Makes file descriptor 1 the same as 2, and returns what 1 was. Call it before Python starts.
pub fn lend_stdout() -> io::Result<File> {
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    // SAFETY: both descriptors are this process's own standard streams; nothing holds 1 as an owned descriptor.
    let done = unsafe { libc::dup2(2, 1) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(File::from(stdout)) }
}
