//! Brings the names in a directory to the disk: the last step of a save, after which a power cut leaves the new file.
//!
//! The contents are on the disk before the file is renamed. So a power cut before this step leaves the old file, whole,
//! and a program that goes on need not wait for it: [`begin`] only asks Linux to do it, by its native asynchronous I/O
//! (`io_submit(2)`). That takes no thread, and the end of the process, however it comes, waits for it.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use super::fault_injection;

/// Makes a rename survive a power cut.
pub(in crate::snapshot) fn sync_directory(directory: &Path) -> io::Result<()> {
    fault_injection::point()?;
    tolerated(File::open(directory).and_then(|directory| directory.sync_all()))
}

/// The same, but does not wait for the disk if the system can do it in the background.
pub(super) fn begin(directory: &Path) -> io::Result<()> {
    fault_injection::point()?;
    tolerated(File::open(directory).and_then(|directory| match kernel::begin_sync(&directory) {
        true => Ok(()),
        false => directory.sync_all(),
    }))
}

fn tolerated(done: io::Result<()>) -> io::Result<()> {
    match done {
        // Some network file systems cannot sync a directory, and do not need it.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        // A directory that may be written to but not read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::ffi::{c_long, c_ulong};
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::ptr::null_mut;
    use std::sync::Mutex;

    /// The most syncs that wait for the disk. If there are more, the next one is waited for.
    const MOST: c_long = 8;
    /// The number of the operation, `IOCB_CMD_FSYNC`.
    const FSYNC: u16 = 2;

    /// The queue of this process, which is never removed: that would wait for the disk.
    static QUEUE: Mutex<Queue> = Mutex::new(Queue { process: 0, context: 0 });

    struct Queue {
        /// A forked child does not have the queue of its parent. 0 if there is none yet.
        process: u32,
        context: c_ulong,
    }

    /// `struct iocb` of `linux/aio_abi.h`. Two fields that are 0 are one here, as their order depends on the processor.
    #[repr(C)]
    #[derive(Default)]
    struct Request {
        data: u64,
        key_and_flags: u64,
        operation: u16,
        priority: i16,
        descriptor: i32,
        buffer: u64,
        length: u64,
        offset: i64,
        reserved: u64,
        flags: u32,
        event_descriptor: u32,
    }

    /// `struct io_event` of the same header.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Completion {
        data: u64,
        request: u64,
        result: i64,
        result_2: i64,
    }

    /// Asks the kernel to sync a file. Returns false if it does not, or if an earlier sync has failed: then the caller
    /// is to wait for this one, and gets the error.
    pub(super) fn begin_sync(file: &File) -> bool {
        // In a child that was forked while another thread had the lock, it stays locked.
        QUEUE.try_lock().is_ok_and(|mut queue| queue.open() && queue.have_succeeded() && queue.submit(file))
    }

    impl Queue {
        /// Makes the queue, unless this process has it. Some sandboxes forbid it.
        fn open(&mut self) -> bool {
            let process = std::process::id();
            if self.process == process {
                return true;
            }
            let mut context: c_ulong = 0;
            // SAFETY: `context` is 0, as it must be, and has room for the result.
            let made = unsafe { libc::syscall(libc::SYS_io_setup, MOST, &raw mut context) } == 0;
            if made {
                *self = Self { process, context };
            }
            made
        }

        /// Takes the results of the syncs that are complete. Returns whether all of them have succeeded.
        fn have_succeeded(&self) -> bool {
            let mut done = [Completion::default(); MOST as usize];
            let mut no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let (least, most): (c_long, c_long) = (0, MOST);
            let (results, timeout) = (done.as_mut_ptr(), &raw mut no_time);
            // SAFETY: the context is that of this process, `results` has room for `most` results.
            let count = unsafe { libc::syscall(libc::SYS_io_getevents, self.context, least, most, results, timeout) };
            let count = usize::try_from(count).unwrap_or_default();
            done.iter().take(count).all(|completion| completion.result >= 0)
        }

        fn submit(&self, file: &File) -> bool {
            let mut request = Request { operation: FSYNC, descriptor: file.as_raw_fd(), ..Request::default() };
            let mut requests = [&raw mut request, null_mut()];
            let (count, requests): (c_long, _) = (1, requests.as_mut_ptr());
            // SAFETY: there is one request at `requests`. The kernel copies it, and keeps the file open.
            unsafe { libc::syscall(libc::SYS_io_submit, self.context, count, requests) == count }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::io;

        use super::*;

        #[test]
        fn the_kernel_syncs_directories_in_the_background() -> io::Result<()> {
            let folder = tempfile::tempdir()?;
            let directory = File::open(folder.path())?;
            let mut begun = 0;
            // More than the queue holds: what it does not take is left to the caller.
            for _ in 0..3 * MOST {
                begun += u32::from(begin_sync(&directory));
            }
            // Sandboxes may forbid it.
            let is_there = QUEUE.lock().is_ok_and(|queue| queue.process == std::process::id());
            assert_eq!(begun > 0, is_there);
            Ok(())
        }

        #[test]
        fn what_cannot_be_synced_is_left_to_the_caller() -> io::Result<()> {
            assert!(!begin_sync(&File::open("/proc/self/stat")?));
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use std::fs::File;

    pub(super) fn begin_sync(_: &File) -> bool {
        false
    }
}
