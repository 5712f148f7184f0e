//! A forked process shares the offsets of open files with its parent: when the parent reads on, the child would find
//! another position than the files had at the fork. So the offsets are noted before it, and the child opens the files
//! once more for itself.
#![allow(unsafe_code)]

use std::ffi::{CString, c_int};
use std::fs;
use std::os::fd::RawFd;

/// The regular files that are open: the descriptor, its offset, and the flags that it was opened with.
pub(super) struct FileOffsets(Vec<(RawFd, libc::off_t, c_int)>);

impl FileOffsets {
    /// Those of this process. Where the system does not tell, there are none.
    pub(super) fn now() -> Self {
        let names = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let open = names.filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok());
        Self(open.filter_map(Self::of).collect())
    }

    fn of(descriptor: RawFd) -> Option<(RawFd, libc::off_t, c_int)> {
        if !fs::metadata(format!("/proc/self/fd/{descriptor}")).ok()?.is_file() {
            return None;
        }
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).ok()?;
        let field = |name: &str| text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim()));
        let offset = field("pos:")?.parse().ok()?;
        Some((descriptor, offset, c_int::from_str_radix(field("flags:")?, 8).ok()?))
    }

    /// Opens the files once more in the child, but for those in `kept`. One that cannot be opened stays shared.
    pub(super) fn separate(&self, kept: &[RawFd]) {
        for (descriptor, offset, flags) in self.0.iter().filter(|(descriptor, ..)| !kept.contains(descriptor)) {
            let Ok(path) = CString::new(format!("/proc/self/fd/{descriptor}")) else { continue };
            let flags = flags & (libc::O_ACCMODE | libc::O_APPEND) | libc::O_CLOEXEC;
            // SAFETY: a path with a NUL at its end; the flags create nothing, so that no mode is read.
            let own = unsafe { libc::open(path.as_ptr(), flags) };
            if own < 0 {
                continue;
            }
            // SAFETY: changes the offset of the file that was just opened.
            unsafe { libc::lseek(own, *offset, libc::SEEK_SET) };
            // SAFETY: replaces a descriptor of the script, whose code does not run in this process, by the same file.
            unsafe { libc::dup3(own, *descriptor, libc::O_CLOEXEC) };
            // SAFETY: nothing else knows this descriptor.
            unsafe { libc::close(own) };
        }
    }
}
