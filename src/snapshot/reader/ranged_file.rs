//! A file of which only ranges are read, and the parts of it that have been read into memory.
//!
//! Opcodes are loaded into an image of the file before they are used ([`RangedFile::load`]); the contents of raw
//! buffers are read straight into the memory that needs them ([`RangedFile::read`]).

use std::io;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::range_reader::{RangeReader, WantedRange};
use super::source::StopCheck;
use super::sparse_image::{RangeSet, SparseImage};

/// How many bytes are loaded at a time.
const BATCH: u64 = 32 << 20;

/// A file of which only ranges are read.
#[derive(Debug)]
pub(super) struct RangedFile {
    reader: Box<dyn RangeReader>,
    image: OnceLock<SparseImage>,
    /// Whether all opcodes of our own file were loaded.
    has_opcodes: AtomicBool,
    /// Whether all of it was loaded.
    has_all: AtomicBool,
    /// Called before each read, which fails if it does.
    stop: Option<StopCheck>,
}

impl RangedFile {
    pub(super) fn new(reader: Box<dyn RangeReader>) -> Self {
        let (has_opcodes, has_all) = Default::default();
        Self { reader, image: OnceLock::new(), has_opcodes, has_all, stop: None }
    }

    pub(super) fn reader(&self) -> &dyn RangeReader {
        &*self.reader
    }

    pub(super) fn stop_at(&mut self, check: StopCheck) {
        self.stop = Some(check);
        self.reader.stop_at(check);
    }

    /// Fills a buffer with the bytes from `offset` on, which are not kept.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let range = self.checked(offset, buffer.len())?;
        if let Some(image) = self.image.get()
            && image.lock().has(&range)
        {
            let start = usize::try_from(range.start).map_err(io::Error::other)?;
            let found = image.bytes().get(start..start.saturating_add(buffer.len()));
            buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            return Ok(());
        }
        self.read_many(&mut [WantedRange { offset, buffer }])
    }

    /// The bytes that were loaded, at their offsets. All others are zero.
    pub(super) fn loaded(&self) -> io::Result<&[u8]> {
        Ok(self.image()?.bytes())
    }

    /// All bytes.
    pub(super) fn all(&self) -> io::Result<&[u8]> {
        if !self.has_all.load(Ordering::Acquire) {
            self.load_strictly(0..self.reader.length())?;
            self.has_all.store(true, Ordering::Release);
        }
        self.loaded()
    }

    /// Loads all opcodes, once: the ranges that `ranges` returns.
    pub(super) fn load_opcodes(&self, ranges: impl FnOnce() -> Vec<Range<u64>>) -> io::Result<()> {
        if !self.has_opcodes.load(Ordering::Acquire) {
            self.load(ranges())?;
            self.has_opcodes.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Loads ranges of our own file. Damaged bytes stay zero: callers compare hashes, which
    /// reads the bytes again.
    pub(super) fn load(&self, ranges: Vec<Range<u64>>) -> io::Result<()> {
        let image = self.image()?;
        let mut filled = image.lock();
        for batch in batches(ranges, &filled) {
            self.load_batch(image, &mut filled, &batch, Damaged::Skipped)?;
        }
        Ok(())
    }

    fn load_strictly(&self, range: Range<u64>) -> io::Result<()> {
        let image = self.image()?;
        let mut filled = image.lock();
        for batch in batches(vec![range], &filled) {
            self.load_batch(image, &mut filled, &batch, Damaged::Refused)?;
        }
        Ok(())
    }

    fn load_batch(
        &self,
        image: &SparseImage,
        filled: &mut RangeSet,
        batch: &[Range<u64>],
        damaged: Damaged,
    ) -> io::Result<()> {
        let total: u64 = batch.iter().map(length).sum();
        let mut memory = vec![0; usize::try_from(total).map_err(io::Error::other)?];
        let (mut rest, mut wanted) = (memory.as_mut_slice(), Vec::with_capacity(batch.len()));
        for range in batch {
            self.checked(range.start, usize::try_from(length(range)).map_err(io::Error::other)?)?;
            let (buffer, after) = rest.split_at_mut(usize::try_from(length(range)).unwrap_or(usize::MAX));
            wanted.push(WantedRange { offset: range.start, buffer });
            rest = after;
        }
        match self.read_many(&mut wanted) {
            Ok(()) => wanted.iter().try_for_each(|WantedRange { offset, buffer }| image.put(filled, *offset, buffer)),
            Err(error) if is_damage(&error) && damaged == Damaged::Skipped => {
                batch.iter().try_for_each(|range| self.load_units(image, filled, range.clone()))
            }
            Err(error) => Err(error),
        }
    }

    /// Loads a range unit by unit, without damaged ones.
    fn load_units(&self, image: &SparseImage, filled: &mut RangeSet, mut range: Range<u64>) -> io::Result<()> {
        while !range.is_empty() {
            // The clamp ensures progress even if an implementation returns a wrong unit.
            let end = self.reader.unit(range.start).end.clamp(range.start.saturating_add(1), range.end);
            let mut unit = vec![0; usize::try_from(end.saturating_sub(range.start)).map_err(io::Error::other)?];
            match self.read_many(&mut [WantedRange { offset: range.start, buffer: &mut unit }]) {
                Err(error) if is_damage(&error) => {}
                read => read.and_then(|()| image.put(filled, range.start, &unit))?,
            }
            range.start = end;
        }
        Ok(())
    }

    fn read_many(&self, wanted: &mut [WantedRange<'_>]) -> io::Result<()> {
        self.stop.map_or(Ok(()), |stop| stop())?;
        self.reader.read(wanted)
    }

    fn image(&self) -> io::Result<&SparseImage> {
        if self.image.get().is_none() {
            let image = SparseImage::new(self.reader.length())?;
            // If another thread was faster, this one is dropped.
            let _ = self.image.set(image);
        }
        self.image.get().ok_or_else(|| io::Error::other("no image"))
    }

    /// A range of the file, if it ends before the file does.
    fn checked(&self, offset: u64, length: usize) -> io::Result<Range<u64>> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.reader.length());
        Ok(offset..end.ok_or(io::ErrorKind::UnexpectedEof)?)
    }
}

/// Whether an error means that the bytes are damaged, not that they cannot be read.
pub(super) fn is_damage(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

/// How to treat damaged bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Damaged {
    Skipped,
    Refused,
}

/// The missing parts of some ranges, in order, as lists of ranges that are loaded together.
fn batches(mut ranges: Vec<Range<u64>>, filled: &RangeSet) -> Vec<Vec<Range<u64>>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    let (mut batches, mut batch, mut room) = (Vec::new(), Vec::new(), BATCH);
    for mut missing in joined.into_iter().flat_map(|range| filled.missing(range)) {
        while !missing.is_empty() {
            let end = missing.end.min(missing.start.saturating_add(room));
            batch.push(missing.start..end);
            room = room.saturating_sub(end.saturating_sub(missing.start));
            missing.start = end;
            if room == 0 {
                batches.push(std::mem::take(&mut batch));
                room = BATCH;
            }
        }
    }
    batches.extend(Some(batch).filter(|batch| !batch.is_empty()));
    batches
}

fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}
