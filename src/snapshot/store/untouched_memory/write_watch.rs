//! Asks the kernel whether pages of this process were written to: `PAGEMAP_SCAN` of Linux 6.7 and later.
//!
//! A userfaultfd in its asynchronous mode write-protects pages. The first write to one takes the protection away,
//! without anybody being asked, and the page tables tell which pages still have it. Writes by the kernel and by other
//! processes (`read`, `/proc/PID/mem`, `process_vm_writev`) count as well. The structs and constants are those of
//! `linux/userfaultfd.h` and `linux/fs.h`; Documentation/admin-guide/mm/pagemap.rst describes the scan.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_ulong};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use super::PageRange;

const UFFD_USER_MODE_ONLY: c_int = 1;
const UFFD_API: u64 = 0xAA;
/// `UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC`
const FEATURES: u64 = 1 << 13 | 1 << 15;
const UFFDIO_API: c_ulong = 0xC018_AA3F;
const UFFDIO_REGISTER: c_ulong = 0xC020_AA00;
const UFFDIO_UNREGISTER: c_ulong = 0x8010_AA01;
const UFFDIO_WRITEPROTECT: c_ulong = 0xC018_AA06;
const UFFDIO_REGISTER_MODE_WP: u64 = 1 << 1;
const UFFDIO_WRITEPROTECT_MODE_WP: u64 = 1;
const PAGEMAP_SCAN: c_ulong = 0xC060_6610;
/// Fails for pages that are not watched.
const PM_SCAN_CHECK_WPASYNC: u64 = 1 << 1;
const PAGE_IS_WRITTEN: u64 = 1 << 1;
const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
/// From where descriptors are taken, so that those of the script have the numbers that they would have without us.
const FIRST_DESCRIPTOR: c_int = 300;

#[repr(C)]
struct UffdioApi {
    api: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct UffdioRange {
    start: u64,
    len: u64,
}

#[repr(C)]
struct UffdioRegister {
    range: UffdioRange,
    mode: u64,
    ioctls: u64,
}

#[repr(C)]
struct UffdioWriteprotect {
    range: UffdioRange,
    mode: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

#[repr(C)]
struct PmScanArg {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// The userfaultfd of this process. It stays open: if the script closes it, with all others, then no page is watched
/// any more, and its number may belong to a file of the script.
#[derive(Debug)]
pub(super) struct WriteWatch(RawFd);

impl WriteWatch {
    /// # Errors
    /// If the kernel cannot do it, or does not let this process.
    pub(super) fn new() -> io::Result<Self> {
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK | UFFD_USER_MODE_ONLY;
        // SAFETY: takes no pointers.
        let opened = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
        let opened = c_int::try_from(opened).ok().filter(|opened| *opened >= 0).ok_or_else(io::Error::last_os_error)?;
        // SAFETY: takes no pointers; the descriptor is open.
        let moved = unsafe { libc::fcntl(opened, libc::F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR) };
        let moved = if moved < 0 { opened } else { close(opened, moved) };
        let watch = Self(moved);
        let mut api = UffdioApi { api: UFFD_API, features: FEATURES, ioctls: 0 };
        match watch.control(UFFDIO_API, &mut api) {
            Ok(()) => Ok(watch),
            Err(error) => {
                close(moved, moved);
                Err(error)
            }
        }
    }

    /// Watches these pages from now on, also if they are watched already. Their memory stays as it is.
    ///
    /// # Errors
    /// If they are not all mapped, or are mapped in a way that cannot be watched.
    pub(super) fn begin(&self, pages: PageRange) -> io::Result<()> {
        let range = uffdio_range(pages);
        let mut register = UffdioRegister { range, mode: UFFDIO_REGISTER_MODE_WP, ioctls: 0 };
        self.control(UFFDIO_REGISTER, &mut register)?;
        let mut protect = UffdioWriteprotect { range, mode: UFFDIO_WRITEPROTECT_MODE_WP };
        self.control(UFFDIO_WRITEPROTECT, &mut protect)
    }

    /// Ends the watch, if the pages are still mapped.
    pub(super) fn end(&self, pages: PageRange) {
        // They may be unmapped, or be other pages by now, which is as good.
        let _ = self.control(UFFDIO_UNREGISTER, &mut uffdio_range(pages));
    }

    fn control<T>(&self, request: c_ulong, argument: &mut T) -> io::Result<()> {
        // SAFETY: each request gets its own struct, as declared above. None changes what memory holds: the pages of an
        // asynchronous watch stay readable and writable. A descriptor of another kind refuses the requests.
        let done = unsafe { libc::ioctl(self.0, request as _, std::ptr::from_mut(argument)) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Whether these pages are watched, and none was written to since the watch began. Pages that were dropped
/// (`MADV_DONTNEED`) and read as zeros since then are not there any more, and count as written. `pagemap` is
/// `/proc/self/pagemap`, opened by this process.
pub(super) fn is_untouched(pagemap: &File, pages: PageRange) -> bool {
    let mut found = [PageRegion::default(); 2];
    let (start, end) = (pages.start as u64, pages.end as u64);
    let mut scan = PmScanArg {
        size: size_of::<PmScanArg>() as u64,
        flags: PM_SCAN_CHECK_WPASYNC,
        start,
        end,
        walk_end: 0,
        vec: found.as_mut_ptr() as u64,
        vec_len: found.len() as u64,
        max_pages: 0,
        // Pages that are neither written nor of a file, and are there.
        category_inverted: PAGE_IS_WRITTEN | PAGE_IS_FILE,
        category_mask: PAGE_IS_WRITTEN | PAGE_IS_FILE,
        category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        return_mask: 0,
    };
    // SAFETY: the struct is the one of this request; `vec` has room for `vec_len` regions, and outlives the call.
    let regions = unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN as _, std::ptr::from_mut(&mut scan)) };
    let [whole, _] = found;
    regions == 1 && (whole.start, whole.end) == (start, end)
}

fn uffdio_range(pages: PageRange) -> UffdioRange {
    UffdioRange { start: pages.start as u64, len: (pages.end - pages.start) as u64 }
}

/// Closes a descriptor that was opened here, and returns the other one.
fn close(opened: RawFd, other: RawFd) -> RawFd {
    // SAFETY: nothing else knows this descriptor.
    unsafe { libc::close(opened) };
    other
}
