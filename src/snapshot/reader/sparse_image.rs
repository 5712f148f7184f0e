//! Memory of the length of a file, of which ranges are filled when they are needed. Pages that nothing was copied to
//! take no space.
//!
//! Ranges are filled while others have a reference to all of the memory. As for a mapped file that another process
//! writes to, that is sound only because no reader uses bytes that were not filled when it got the reference. The
//! writes are the only unsafe code here.
#![allow(unsafe_code)]

use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use memmap2::{Advice, MmapOptions, MmapRaw};

/// The memory.
#[derive(Debug)]
pub(super) struct SparseImage {
    /// `None` for a file of no bytes, which cannot be mapped.
    memory: Option<MmapRaw>,
    filled: Mutex<RangeSet>,
}

impl SparseImage {
    /// Memory for a file of this length, with nothing in it.
    pub(super) fn new(length: u64) -> io::Result<Self> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let memory = if length == 0 { None } else { Some(reserved(length)?) };
        Ok(Self { memory, filled: Mutex::default() })
    }

    /// All of it. Bytes that were not filled are zero.
    pub(super) fn bytes(&self) -> &[u8] {
        let Some(memory) = &self.memory else { return &[] };
        // SAFETY: the mapping has that length, is readable, and lives as long as `self`. `put` writes only to bytes
        // that were not filled before, which no reader uses.
        unsafe { std::slice::from_raw_parts(memory.as_ptr(), memory.len()) }
    }

    /// The ranges that are filled. No other thread can fill any while they are locked.
    pub(super) fn lock(&self) -> MutexGuard<'_, RangeSet> {
        self.filled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies bytes to an offset where there are none yet. [`lock`](Self::lock) returns `filled`.
    pub(super) fn put(&self, filled: &mut RangeSet, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = self.memory.as_ref().map_or(0, MmapRaw::len) as u64;
        if end > length || filled.has_any(&(offset..end)) {
            return Err(io::Error::other("bytes that are there already"));
        }
        if let (Some(memory), Ok(start)) = (&self.memory, usize::try_from(offset)) {
            // SAFETY: `start` and the bytes after it are within the mapping, as was checked.
            let target = unsafe { memory.as_mut_ptr().add(start) };
            // SAFETY: the source is other memory, and the target is within the mapping. The set is locked, so no other
            // thread writes there, and it has none of these bytes, so no reader uses them.
            unsafe { target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        filled.add(offset..end);
        Ok(())
    }
}

/// Anonymous memory that takes no space until it is written to.
fn reserved(length: usize) -> io::Result<MmapRaw> {
    let memory = MmapOptions::new().len(length).no_reserve_swap().map_anon()?;
    // Huge pages would waste memory on a few opcodes each. Kernels without huge pages return an error.
    let _ = memory.advise(Advice::NoHugePage);
    Ok(memory.into())
}

/// A set of bytes, as ranges that are in order and do not touch.
#[derive(Debug, Default)]
pub(super) struct RangeSet(Vec<Range<u64>>);

impl RangeSet {
    /// The parts of a range that are not in the set, in order.
    pub(super) fn missing(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let (mut missing, mut position) = (Vec::new(), range.start);
        let first = self.0.partition_point(|known| known.end <= range.start);
        for known in self.0.get(first..).unwrap_or_default().iter().take_while(|known| known.start < range.end) {
            if position < known.start {
                missing.push(position..known.start);
            }
            position = known.end;
        }
        if position < range.end {
            missing.push(position..range.end);
        }
        missing
    }

    /// Whether all of a range is in the set.
    pub(super) fn has(&self, range: &Range<u64>) -> bool {
        let number = self.0.partition_point(|known| known.end < range.end);
        range.is_empty() || self.0.get(number).is_some_and(|known| known.start <= range.start)
    }

    /// Whether any byte of a range is in the set.
    fn has_any(&self, range: &Range<u64>) -> bool {
        let first = self.0.partition_point(|known| known.end <= range.start);
        self.0.get(first).is_some_and(|known| known.start < range.end)
    }

    fn add(&mut self, range: Range<u64>) {
        let first = self.0.partition_point(|known| known.end < range.start);
        let last = self.0.partition_point(|known| known.start <= range.end);
        let touched = self.0.get(first..last).unwrap_or_default();
        let start = touched.first().map_or(range.start, |known| known.start.min(range.start));
        let end = touched.last().map_or(range.end, |known| known.end.max(range.end));
        self.0.splice(first..last, std::iter::once(start..end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_knows_what_is_missing() {
        let mut set = RangeSet::default();
        for range in [10..20, 40..50, 20..30, 0..5] {
            set.add(range);
        }
        assert_eq!(set.0, [0..5, 10..30, 40..50]);
        assert_eq!(set.missing(0..60), [5..10, 30..40, 50..60]);
        assert_eq!(set.missing(12..48), vec![30..40; 1]);
        assert_eq!((set.missing(11..30), set.missing(31..32)), (vec![], vec![31..32; 1]));
        assert!(set.has(&(10..30)) && set.has(&(7..7)) && set.has(&(41..42)));
        assert!(set.has_any(&(29..31)) && set.has_any(&(0..60)) && !set.has_any(&(30..40)) && !set.has_any(&(50..51)));
        assert!(!set.has(&(9..11)) && !set.has(&(29..31)) && !set.has(&(50..51)) && !set.has(&(60..61)));
        set.add(4..41);
        assert_eq!(set.0, vec![0..50; 1]);
    }

    #[test]
    fn bytes_are_put_once_and_within_the_length() -> io::Result<()> {
        let image = SparseImage::new(10)?;
        let all = image.bytes();
        let mut filled = image.lock();
        image.put(&mut filled, 4, b"abc")?;
        assert_eq!(all, b"\0\0\0\0abc\0\0\0");
        for (offset, bytes) in [(6, &b"xy"[..]), (3, b"xy"), (9, b"xy"), (u64::MAX, b"xy"), (4, b"abc")] {
            assert!(image.put(&mut filled, offset, bytes).is_err(), "{offset}");
        }
        image.put(&mut filled, 7, b"def")?;
        assert_eq!(image.bytes(), b"\0\0\0\0abcdef");
        assert!(SparseImage::new(0)?.bytes().is_empty());
        Ok(())
    }
}
