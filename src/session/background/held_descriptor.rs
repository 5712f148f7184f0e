//! A descriptor that stays open while the script runs. It has a high number, so that a number that the script has, such
//! as one from before a resume, does not lead to it by accident. The script may close all descriptors that it does not
//! know, as daemons do, and the number can then belong to another file. So device and inode are compared before each
//! use, and before the descriptor is closed.
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::process::{Resource, getrlimit};

/// Numbers are taken from this many below the limit of the process on, or below `MOST_NUMBER`.
const BELOW_LIMIT: u64 = 64;
/// Functions such as `select` know no higher numbers.
const MOST_NUMBER: u64 = 1024;

/// A file or an end of a pipe.
#[derive(Debug)]
pub(crate) struct HeldDescriptor<T: AsFd> {
    held: ManuallyDrop<T>,
    /// Device and inode.
    identity: Option<(u64, u64)>,
}

impl<T: AsFd + From<OwnedFd>> HeldDescriptor<T> {
    /// Moves a descriptor to a high number, unless there is none: then it keeps its number.
    pub(crate) fn new(held: T) -> Self {
        let held = high_copy(&held).map_or(held, T::from);
        let identity = identity(&held);
        Self { held: ManuallyDrop::new(held), identity }
    }
}

impl<T: AsFd> HeldDescriptor<T> {
    /// The file; `None` if the script has closed it.
    pub(crate) fn get(&self) -> Option<&T> {
        (self.identity.is_some() && identity(&*self.held) == self.identity).then_some(&*self.held)
    }

    /// The number of the descriptor, which may belong to another file by now.
    pub(crate) fn number(&self) -> i32 {
        self.held.as_fd().as_raw_fd()
    }
}

impl<T: AsFd> Drop for HeldDescriptor<T> {
    fn drop(&mut self) {
        if self.get().is_some() {
            // SAFETY: it is dropped once, here, and not used again.
            unsafe { ManuallyDrop::drop(&mut self.held) };
        }
    }
}

/// A copy with a high number, which programs that the script starts do not get.
fn high_copy(held: &impl AsFd) -> Option<OwnedFd> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(MOST_NUMBER).min(MOST_NUMBER);
    let lowest = i32::try_from(limit.checked_sub(BELOW_LIMIT)?).ok()?;
    rustix::io::fcntl_dupfd_cloexec(held, lowest).ok()
}

fn identity(held: &impl AsFd) -> Option<(u64, u64)> {
    let found = rustix::fs::fstat(held).ok()?;
    Some((found.st_dev, found.st_ino))
}

#[cfg(test)]
mod tests {
    use std::os::fd::IntoRawFd;

    use super::*;

    #[test]
    fn a_held_descriptor_has_a_number_that_a_script_does_not_get() {
        let file = tempfile::tempfile().expect("a file");
        let before = file.as_raw_fd();
        let held = HeldDescriptor::new(file);
        assert!(held.number() > before + 100, "{}", held.number());
        assert!(held.get().is_some_and(|file| file.metadata().is_ok()));
    }

    #[test]
    fn a_number_that_belongs_to_another_file_is_neither_used_nor_closed() {
        let held = HeldDescriptor::new(tempfile::tempfile().expect("a file"));
        assert!(held.get().is_some());
        let other = tempfile::tempfile().expect("a file").into_raw_fd();
        // SAFETY: puts another file in the place of the first.
        assert!(unsafe { libc::dup2(other, held.number()) } >= 0);
        assert!(held.get().is_none());
        let number = held.number();
        drop(held);
        // SAFETY: asks for the flags of a descriptor.
        assert!(unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0);
        for number in [number, other] {
            // SAFETY: nothing else closes them.
            unsafe { libc::close(number) };
        }
    }
}
