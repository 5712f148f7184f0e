//! A file of which only ranges are read: the common part of a compressed file and an object in object storage.
//!
//! [`RangedFile`](super::ranged_file::RangedFile) is the only caller. It does not read ahead, so an
//! implementation that can only read large units should cache the latest ones.

use std::fmt::Debug;
use std::io::{self, Write};
use std::ops::Range;

use super::parallel_hash::PIECE;
use super::source::StopCheck;

/// Reads ranges of a file. Several threads may read at the same time.
pub(crate) trait RangeReader: Debug + Send + Sync {
    /// The length of the file in bytes, which never changes: if the file is changed, reads fail.
    fn length(&self) -> u64;

    /// Fills each of the buffers with the bytes from its offset on. All are within the length, in ascending order, and
    /// do not overlap.
    ///
    /// # Errors
    /// If a buffer cannot be filled; of the kind `InvalidData` if that is because the bytes are damaged, so that other
    /// ranges may be intact.
    fn read(&self, wanted: &mut [WantedRange<'_>]) -> io::Result<()>;

    /// The bytes that can only be read together with the one at `offset`: if one is damaged, all are lost.
    fn unit(&self, _offset: u64) -> Range<u64> {
        0..self.length()
    }

    /// The length of the file as it is stored, if it is compressed.
    fn packed_length(&self) -> Option<u64> {
        None
    }

    /// How many bytes of a long range are best read at a time: a power of two, of at least 256 kB.
    fn piece(&self) -> usize {
        PIECE
    }

    /// How many threads should read at the same time; `None` for one on each processor.
    fn parallel_reads(&self) -> Option<usize> {
        None
    }

    /// Whether the file is on another machine. Then no more of it is read than necessary.
    fn is_remote(&self) -> bool {
        false
    }

    /// Why its arrays cannot be mapped: words that follow the name of the file.
    fn why_not_mapped(&self) -> &'static str;

    /// Writes the file in the form in which it is stored, with other last bytes. Returns whether it can.
    ///
    /// # Errors
    /// If it cannot be read or written.
    fn write_with_end(&self, _end: &[u8], _out: &mut dyn Write) -> io::Result<bool> {
        Ok(false)
    }

    /// Has reads call `check` periodically while they wait, and fail if it does. Between reads, the caller does that.
    fn stop_at(&mut self, _check: StopCheck) {}
}

/// Memory for the bytes of the file from `offset` on.
#[derive(Debug)]
pub(crate) struct WantedRange<'b> {
    pub(crate) offset: u64,
    pub(crate) buffer: &'b mut [u8],
}
