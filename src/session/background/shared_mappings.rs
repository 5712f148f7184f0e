//! Memory that is mapped as shared, such as that of `numpy.memmap` and `multiprocessing.shared_memory`: a forked
//! process sees what the program writes there after the fork. So the parent copies it before the fork, and the child
//! maps the copy in its place.
//!
//! Only mappings that this process may write are copied, and of these, only files and memory: what other processes
//! write changes at any time, and a device is not memory.
#![allow(unsafe_code)]
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, unused_variables, reason = "other systems save in the foreground")
)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use memmap2::{MmapMut, MmapOptions};

/// The copies may take this part of the memory that is available.
const MOST_OF_MEMORY: u64 = 4;
/// How much is copied at once, in bytes. A part that cannot be read, past the end of its file, stays zero.
const PIECE: usize = 1 << 20;
const PAGE: usize = 4096;

/// A range of addresses that is mapped as shared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SharedRange {
    start: usize,
    length: usize,
    is_writable: bool,
    /// The device and the inode: two mappings of one file show the same bytes.
    file: (String, String),
}

/// The shared ranges in the text of `/proc/self/maps` that this process can change.
fn shared_ranges(maps: &str) -> Vec<SharedRange> {
    let ranges: Vec<SharedRange> = maps.lines().filter_map(range_of).collect();
    let is_changed = |range: &SharedRange| ranges.iter().any(|other| other.is_writable && other.file == range.file);
    ranges.iter().filter(|range| is_changed(range)).cloned().collect()
}

/// `7f00-7f10 rw-s 00000000 00:01 1027 /dev/shm/name`
fn range_of(line: &str) -> Option<SharedRange> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let permissions = fields.next().filter(|permissions| permissions.starts_with('r') && permissions.ends_with('s'))?;
    let (device, inode) = (fields.nth(1)?, fields.next()?);
    let path = fields.next().unwrap_or_default();
    let is_memory = ["/dev/shm/", "/dev/zero"].iter().any(|memory| path.starts_with(memory));
    if (path.starts_with("/dev/") && !is_memory) || path.starts_with("anon_inode:") {
        return None;
    }
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    Some(SharedRange {
        start,
        length: end.checked_sub(start)?,
        is_writable: permissions.contains('w'),
        file: (device.to_owned(), inode.to_owned()),
    })
}

fn ranges_now() -> Vec<SharedRange> {
    // Without `/proc`, there is nothing to tell them by.
    fs::read_to_string("/proc/self/maps").map(|maps| shared_ranges(&maps)).unwrap_or_default()
}

/// Whether the shared memory is too large to be copied.
pub(super) fn are_too_large() -> bool {
    let length: u64 = ranges_now().iter().map(|range| range.length as u64).sum();
    length > 0 && length > available_memory().unwrap_or(0) / MOST_OF_MEMORY
}

fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Copies of the shared ranges of this process.
pub(super) struct SharedCopies(Vec<(SharedRange, MmapMut)>);

impl SharedCopies {
    /// # Errors
    /// If there is no memory for them, or the system does not show this process its memory.
    pub(super) fn now() -> std::io::Result<Self> {
        let ranges = ranges_now();
        if ranges.is_empty() {
            return Ok(Self(Vec::new()));
        }
        // To read past the end of a mapped file there is an error here, and a signal through the mapping.
        let memory = File::open("/proc/self/mem")?;
        let copy = |range: SharedRange| {
            let mut copy = MmapOptions::new().len(range.length).map_anon()?;
            for (number, piece) in copy.chunks_mut(PIECE).enumerate() {
                read_piece(&memory, range.start + number * PIECE, piece);
            }
            Ok((range, copy))
        };
        ranges.into_iter().map(copy).collect::<std::io::Result<_>>().map(Self)
    }

    /// Maps the copies in the place of the ranges. Only for a forked process, which has copies of its own.
    pub(super) fn put_in_place(self) {
        for (range, copy) in self.0 {
            #[cfg(target_os = "linux")]
            // SAFETY: moves a private mapping over a shared one of the same length. Whatever is at these addresses has
            // the same bytes as before, and no other thread runs in this process.
            unsafe {
                libc::mremap(
                    copy.as_ptr().cast_mut().cast(),
                    range.length,
                    range.length,
                    libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED,
                    range.start as *mut libc::c_void,
                )
            };
            // It is at another address now.
            std::mem::forget(copy);
        }
    }
}

/// Reads the memory at an address, by pages if not all of it is there.
fn read_piece(memory: &File, start: usize, piece: &mut [u8]) {
    if memory.read_exact_at(piece, start as u64).is_ok() {
        return;
    }
    for (number, page) in piece.chunks_mut(PAGE).enumerate() {
        // Past the end of its file.
        let _ = memory.read_exact_at(page, (start + number * PAGE) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_memory_that_this_process_can_change_is_copied() {
        let maps = "\
1000-3000 rw-s 00000000 00:01 7 /dev/shm/psm_1 (deleted)
3000-4000 rw-p 00000000 00:01 8 /lib/x.so
4000-5000 r--s 00000000 00:02 9 /data/read only.bin
5000-6000 r--s 00000000 00:02 10 /data/both.bin
6000-8000 rw-s 00001000 00:02 10 /data/both.bin
8000-9000 rw-s 00000000 00:03 11 /dev/nvidia0
9000-a000 rw-s 00000000 00:04 12 anon_inode:[perf_event]
a000-b000 -w-s 00000000 00:05 13 /dev/zero (deleted)
b000-d000 rw-s 00000000 00:05 14 /dev/zero (deleted)
";
        let found: Vec<(usize, usize)> = shared_ranges(maps).iter().map(|range| (range.start, range.length)).collect();
        assert_eq!(found, [(0x1000, 0x2000), (0x5000, 0x1000), (0x6000, 0x2000), (0xb000, 0x2000)]);
    }
}
