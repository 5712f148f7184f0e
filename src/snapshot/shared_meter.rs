//! How far the work of another process has come, for the bar of this one: a page of memory that both have.
//!
//! A process that is forked has the page already. One that is started gets the path of the anonymous file under which
//! the page is, and maps it as well.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use memmap2::{MmapMut, MmapOptions};

/// The stage, the bytes that are done, and all bytes.
#[derive(Debug, Default)]
#[repr(C)]
struct SharedCounters {
    stage: AtomicU64,
    done: AtomicU64,
    total: AtomicU64,
}

/// The page of a process that works for this one, and that of a process for which this one works; null if there is
/// none.
static OF_CHILD: AtomicPtr<SharedCounters> = AtomicPtr::new(null_mut());
static OF_PARENT: AtomicPtr<SharedCounters> = AtomicPtr::new(null_mut());

/// A page for a process that is going to work for this one.
#[derive(Debug)]
pub(crate) struct SharedMeter {
    file: File,
    counters: *mut SharedCounters,
}

impl SharedMeter {
    /// Makes the page. From now on, [`of_child`] reads it.
    ///
    /// # Errors
    /// If the system has no anonymous files: then there is no bar.
    pub(crate) fn new() -> io::Result<Self> {
        let file = anonymous_file()?;
        file.set_len(size_of::<SharedCounters>() as u64)?;
        let counters = map(&file)?;
        OF_CHILD.store(counters, Ordering::Relaxed);
        Ok(Self { file, counters })
    }

    /// The path at which another process finds the page, as long as this one lives.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()))
    }

    /// For a process that has been forked: from now on, what it does is written to the page.
    pub(crate) fn adopt_after_fork(&self) {
        OF_PARENT.store(self.counters, Ordering::Relaxed);
    }
}

impl Drop for SharedMeter {
    fn drop(&mut self) {
        // The page itself stays mapped: a bar may be reading it.
        OF_CHILD.store(null_mut(), Ordering::Relaxed);
    }
}

/// For a process that has been started: from now on, what it does is written to the page at this path, if there is one.
pub(crate) fn adopt(path: &Path) {
    let file = OpenOptions::new().read(true).write(true).open(path);
    if let Ok(counters) = file.and_then(|file| map(&file)) {
        OF_PARENT.store(counters, Ordering::Relaxed);
    }
}

/// Tells the process for which this one works how far it has come.
pub(super) fn tell(stage: usize, done: u64, total: u64) {
    if let Some(counters) = at(&OF_PARENT) {
        counters.stage.store(stage as u64, Ordering::Relaxed);
        counters.done.store(done, Ordering::Relaxed);
        counters.total.store(total, Ordering::Relaxed);
    }
}

/// The stage of the process that works for this one, the bytes that are done, and all bytes.
pub(super) fn of_child() -> Option<(usize, u64, u64)> {
    let counters = at(&OF_CHILD)?;
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Some((usize::try_from(read(&counters.stage)).ok()?, read(&counters.done), read(&counters.total)))
}

fn at(page: &AtomicPtr<SharedCounters>) -> Option<&'static SharedCounters> {
    // SAFETY: the pointer is null, or that of a mapping which is never removed, is large enough and starts at a page.
    unsafe { page.load(Ordering::Relaxed).as_ref() }
}

fn map(file: &File) -> io::Result<*mut SharedCounters> {
    let length = size_of::<SharedCounters>();
    if file.metadata()?.len() < length as u64 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the file has this length, no name, and is never truncated; both processes change it with atomics only.
    let page: MmapMut = unsafe { MmapOptions::new().len(length).map_mut(file) }?;
    let counters = page.as_ptr().cast::<SharedCounters>().cast_mut();
    std::mem::forget(page);
    Ok(counters)
}

#[cfg(target_os = "linux")]
fn anonymous_file() -> io::Result<File> {
    Ok(rustix::fs::memfd_create(c"snapcli", rustix::fs::MemfdFlags::CLOEXEC)?.into())
}

#[cfg(not(target_os = "linux"))]
fn anonymous_file() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_page_is_found_at_its_path() -> io::Result<()> {
        let meter = SharedMeter::new()?;
        assert_eq!(of_child(), Some((0, 0, 0)));
        adopt(&meter.path());
        tell(3, 5, 70);
        assert_eq!(of_child(), Some((3, 5, 70)));
        drop(meter);
        assert_eq!(of_child(), None);
        OF_PARENT.store(null_mut(), Ordering::Relaxed);
        // A file that is too short is not mapped.
        adopt(Path::new("/dev/null"));
        tell(1, 1, 1);
        Ok(())
    }
}
