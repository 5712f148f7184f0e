//! Writes a snapshot as seekable zstd.
//!
//! Frames are cut where readers begin and end: around the contents of large raw buffers, and before the index and the
//! trailer. Small segments share frames. A variable that fails is taken back, with all frames that begin after it did.

use std::any::Any;
use std::io::{self, Write};
use std::path::PathBuf;

use super::FRAME;
use super::frame_compressor::{FrameCompressor, PackedFrame};
use super::seek_table::SeekTable;
use crate::snapshot::index::Index;
use crate::snapshot::reader::FileOutput;
use crate::snapshot::save_target::{SaveTarget, SegmentMark};
use crate::snapshot::signature::SigningKey;

/// Contents of raw buffers from this length on begin and end with a frame.
const OWN_FRAMES: u64 = 64 << 10;

/// A target that compresses what is written to another one. It has no type parameter, so that the pickler is compiled
/// once for all of them.
pub(crate) struct SeekableTarget {
    out: Box<dyn PackedOutput>,
    compressor: FrameCompressor,
    /// The frames that are written to `out`.
    table: SeekTable,
    /// The lengths of the data of the frames that are not written yet.
    queued: Vec<u64>,
    /// The data of the next frame, and where they begin.
    data: Vec<u8>,
    start: u64,
    segment: OpenFrames,
    /// Whether the contents of a large raw buffer are being written.
    in_contents: bool,
    /// Whether what is written next begins a frame.
    ends_frame: bool,
    /// Whether the pickle is complete, and each write is a part of its own.
    in_end: bool,
    /// Whether the seek table is written.
    is_sealed: bool,
    /// Memory to use again.
    spare: Vec<Vec<u8>>,
}

/// Any [`SaveTarget`] that compressed bytes are written to.
trait PackedOutput: Write + Send {
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    fn path(&mut self) -> io::Result<Option<PathBuf>>;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: SaveTarget> PackedOutput for T {
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.cut(length)
    }

    fn path(&mut self) -> io::Result<Option<PathBuf>> {
        self.read_path()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// What it takes to take a segment back.
#[derive(Debug, Default)]
struct OpenFrames {
    /// Where the open segment begins.
    start: Option<u64>,
    /// If the frame with its first byte has ended: the number of that frame, and the data in it before the segment.
    before: Option<(usize, Vec<u8>)>,
}

impl SeekableTarget {
    /// Compresses to `out` with a level of zstd.
    pub(crate) fn new<T: SaveTarget>(out: T, level: i32) -> Self {
        Self {
            out: Box::new(out),
            compressor: FrameCompressor::new(level),
            table: SeekTable::default(),
            queued: Vec::new(),
            data: Vec::new(),
            start: 0,
            segment: OpenFrames::default(),
            in_contents: false,
            ends_frame: false,
            in_end: false,
            is_sealed: false,
            spare: Vec::new(),
        }
    }

    /// Writes what is left, and the seek table. Returns the target that was given to [`new`](Self::new), which is not
    /// flushed, and its length in bytes.
    pub(crate) fn finish<T: SaveTarget>(mut self) -> io::Result<(T, u64)> {
        let length = self.seal()?;
        let out = self.out.into_any().downcast().map_err(|_| io::Error::other("another kind of target"))?;
        Ok((*out, length))
    }

    fn seal(&mut self) -> io::Result<u64> {
        self.end_frame()?;
        while !self.queued.is_empty() {
            self.write_next()?;
        }
        let table = self.table.encode();
        if !self.is_sealed {
            self.out.write_all(&table)?;
            self.is_sealed = true;
        }
        Ok(self.table.packed_end().saturating_add(table.len() as u64))
    }

    /// Ends the frame that is being filled, unless it is empty.
    fn end_frame(&mut self) -> io::Result<()> {
        if self.data.is_empty() {
            return Ok(());
        }
        let end = self.start.saturating_add(self.data.len() as u64);
        // A segment that begins in this frame could still be taken back.
        if let Some(start) = self.segment.start.filter(|start| (self.start..end).contains(start)) {
            let before = usize::try_from(start - self.start).unwrap_or_default();
            let before = self.data.get(..before).unwrap_or_default().to_vec();
            self.segment.before = Some((self.table.frames().len() + self.queued.len(), before));
        }
        let data = std::mem::replace(&mut self.data, self.spare.pop().unwrap_or_default());
        self.queued.push(data.len() as u64);
        self.compressor.add(data)?;
        self.start = end;
        while self.compressor.is_full() {
            self.write_next()?;
        }
        Ok(())
    }

    /// Waits for the next frame, and writes it.
    fn write_next(&mut self) -> io::Result<()> {
        let Some(frame) = self.compressor.next() else { return Ok(()) };
        let PackedFrame { packed, mut data } = frame?;
        self.out.write_all(&packed)?;
        let too_long = || io::Error::other("the snapshot has too many frames for a compressed file");
        self.table.push(packed.len() as u64, data.len() as u64).ok_or_else(too_long)?;
        if !self.queued.is_empty() {
            self.queued.remove(0);
        }
        data.clear();
        self.spare.push(data);
        Ok(())
    }

    /// Drops all frames from this number on.
    fn drop_frames(&mut self, number: usize) -> io::Result<()> {
        let written = self.table.frames().len();
        let queued = number.saturating_sub(written);
        self.queued.truncate(queued);
        self.compressor.keep(queued);
        self.table.truncate(number);
        if number < written || self.is_sealed {
            self.out.truncate(self.table.packed_end())?;
        }
        self.is_sealed = false;
        Ok(())
    }

    /// The number of the frame that begins at this offset.
    fn frame_from(&self, offset: u64) -> Option<usize> {
        let written = self.table.frames();
        let mut start = self.table.data_end();
        if offset < start {
            return written.binary_search_by_key(&offset, |frame| frame.data.start).ok();
        }
        for number in 0..=self.queued.len() {
            if start == offset {
                return Some(written.len() + number);
            }
            start = start.saturating_add(self.queued.get(number).copied().unwrap_or_default());
        }
        None
    }
}

impl Write for SeekableTarget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if std::mem::take(&mut self.ends_frame) {
            self.end_frame()?;
        }
        while !bytes.is_empty() {
            let (head, tail) = bytes.split_at(bytes.len().min(FRAME - self.data.len()));
            self.data.extend_from_slice(head);
            bytes = tail;
            if self.data.len() == FRAME {
                self.end_frame()?;
            }
        }
        // The index is one write, and the trailer another.
        if self.in_end { self.end_frame() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl SaveTarget for SeekableTarget {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        (self.in_end, self.in_contents, self.ends_frame) = (false, false, false);
        let before = self.segment.before.take();
        self.segment.start = None;
        if length >= self.start {
            let kept = usize::try_from(length - self.start).unwrap_or(usize::MAX);
            self.data.truncate(kept);
            // After a seal nothing is pending, so there is nothing to keep the seek table for.
            return if self.is_sealed { self.drop_frames(self.table.frames().len()) } else { Ok(()) };
        }
        let (number, before) = match (self.frame_from(length), before) {
            (Some(number), _) => (number, Vec::new()),
            (None, Some(before)) => before,
            (None, None) => return Err(io::Error::other("only the last variable can be taken back")),
        };
        self.drop_frames(number)?;
        self.start = length.saturating_sub(before.len() as u64);
        self.data = before;
        Ok(())
    }

    fn read_path(&mut self) -> io::Result<Option<PathBuf>> {
        self.seal()?;
        self.out.path()
    }

    const MARKED: bool = true;

    fn mark(&mut self, mark: SegmentMark<'_>) {
        match mark {
            SegmentMark::Begin => {
                self.segment =
                    OpenFrames { start: Some(self.start.saturating_add(self.data.len() as u64)), before: None };
            }
            SegmentMark::Contents(length) => {
                self.in_contents = length >= OWN_FRAMES;
                self.ends_frame |= self.in_contents;
            }
            SegmentMark::Opcodes => self.ends_frame |= std::mem::take(&mut self.in_contents),
            SegmentMark::End(_) => self.segment = OpenFrames::default(),
        }
    }

    fn take_index(&mut self, _: &mut Index, _: Option<&SigningKey>) -> io::Result<bool> {
        self.begin_index().map(|()| false)
    }
}

impl FileOutput for SeekableTarget {
    fn begin_contents(&mut self, length: u64) {
        self.mark(SegmentMark::Contents(length));
    }

    fn end_contents(&mut self) {
        self.mark(SegmentMark::Opcodes);
    }

    fn begin_index(&mut self) -> io::Result<()> {
        self.end_frame()?;
        self.in_end = true;
        Ok(())
    }
}
