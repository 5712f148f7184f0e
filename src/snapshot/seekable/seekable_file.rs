//! Reads ranges of a seekable zstd file: only the frames that have them are decompressed.
//!
//! Frames are believed to be where the seek table says only after their headers were followed ([`frame_walk`]). A file
//! that fails this is not seekable, and is decompressed from its beginning like any other zstd file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::num::NonZero;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::available_parallelism;

use zstd::bulk::Decompressor;

use super::frame_compressor::compress;
use super::frame_walk::{self, is_plausible};
use super::seek_table::{SeekFrame, SeekTable};
use super::{FRAME, USUAL_LEVEL};
use crate::snapshot::reader::{RangeReader, ReadError, StopCheck, WantedRange};

/// The length of the footer that shows that there is a seek table.
const FOOTER: u64 = 9;

/// The compressed bytes.
#[derive(Debug)]
pub(in crate::snapshot) enum PackedBytes {
    File(File, u64),
    Memory(Vec<u8>),
    /// In object storage.
    Remote(Box<dyn RangeReader>),
}

impl PackedBytes {
    fn length(&self) -> u64 {
        match self {
            Self::File(_, length) => *length,
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Remote(ranges) => ranges.length(),
        }
    }

    /// Fills a buffer with the compressed bytes at this offset.
    pub(in crate::snapshot) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file, _) => file.read_exact_at(buffer, offset),
            Self::Remote(ranges) => ranges.read(&mut [WantedRange { offset, buffer }]),
            Self::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
                buffer.copy_from_slice(rest.get(..buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}

/// What is done about frames that are not where the seek table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Strictness {
    /// The file does not count as seekable.
    Checked,
    /// They are damaged, and others may be intact. Only for bytes that have hashes of their own.
    Salvaging,
    /// The file is read from its beginning to its first damage.
    FromStart,
}

/// A seekable zstd file.
#[derive(Debug)]
pub(in crate::snapshot) struct SeekableFile {
    bytes: PackedBytes,
    table: SeekTable,
    cache: FrameCache,
}

impl SeekableFile {
    /// Opens a zstd file. Returns its bytes if it is not seekable.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(in crate::snapshot) fn open(
        bytes: PackedBytes,
        strictness: Strictness,
    ) -> io::Result<Result<Self, PackedBytes>> {
        if strictness == Strictness::FromStart {
            return Ok(Err(bytes));
        }
        let Some(table) = read_table(&bytes)? else { return Ok(Err(bytes)) };
        let is_sound = match strictness {
            Strictness::Checked => has_frames(&table, &bytes)?,
            Strictness::Salvaging | Strictness::FromStart => table.frames().iter().all(is_plausible),
        };
        if is_sound { Ok(Ok(Self { bytes, table, cache: FrameCache::new() })) } else { Ok(Err(bytes)) }
    }

    /// Whether the frames are where the seek table says.
    pub(in crate::snapshot) fn has_frames(&self) -> io::Result<bool> {
        has_frames(&self.table, &self.bytes)
    }

    pub(in crate::snapshot) fn into_bytes(self) -> PackedBytes {
        self.bytes
    }

    /// Decompresses a frame into memory of the length of its data.
    fn decompress(&self, frame: &SeekFrame, data: &mut [u8]) -> io::Result<()> {
        let length = frame.packed.end - frame.packed.start;
        let mut packed = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.bytes.read(frame.packed.start, &mut packed)?;
        let decompressed = Decompressor::new()?.decompress_to_buffer(&packed, data);
        match decompressed {
            Ok(count) if count == data.len() => Ok(()),
            Ok(_) => Err(damaged(frame, "it has fewer bytes than its header says")),
            Err(error) => Err(damaged(frame, &error.to_string())),
        }
    }

    /// The data of a frame, from the cache or decompressed.
    fn frame(&self, number: usize, frame: &SeekFrame) -> io::Result<Arc<CachedFrame>> {
        let cached = self.cache.slot(number);
        cached.data.get_or_init(|| {
            let mut data = vec![0; usize::try_from(frame.data.end - frame.data.start).unwrap_or_default()];
            self.decompress(frame, &mut data).map(|()| data)
        });
        Ok(cached)
    }

    /// Fills a part of a buffer from one frame.
    fn read_frame(&self, number: usize, frame: &SeekFrame, offset: u64, part: &mut [u8]) -> io::Result<()> {
        let is_whole = offset == frame.data.start && offset + part.len() as u64 == frame.data.end;
        if is_whole && !self.cache.has(number) {
            return self.decompress(frame, part);
        }
        let cached = self.frame(number, frame)?;
        let data = match cached.data.get() {
            Some(Ok(data)) => data.as_slice(),
            Some(Err(error)) => return Err(again(error, frame)),
            None => return Err(io::ErrorKind::Other.into()),
        };
        let within = usize::try_from(offset - frame.data.start).map_err(io::Error::other)?;
        let found = data.get(within..).and_then(|rest| rest.get(..part.len()));
        part.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl RangeReader for SeekableFile {
    fn length(&self) -> u64 {
        self.table.data_end()
    }

    fn read(&self, wanted: &mut [WantedRange<'_>]) -> io::Result<()> {
        for WantedRange { offset, buffer } in wanted {
            let (mut offset, mut rest) = (*offset, &mut **buffer);
            while !rest.is_empty() {
                let number = self.table.frame_at(offset);
                let frame = self.table.frames().get(number).ok_or(io::ErrorKind::UnexpectedEof)?;
                let count = usize::try_from(frame.data.end - offset).unwrap_or(usize::MAX).min(rest.len());
                let (part, after) = std::mem::take(&mut rest).split_at_mut(count);
                self.read_frame(number, frame, offset, part)?;
                (rest, offset) = (after, offset + count as u64);
            }
        }
        Ok(())
    }

    fn unit(&self, offset: u64) -> Range<u64> {
        self.table.frames().get(self.table.frame_at(offset)).map_or(offset..self.length(), |frame| frame.data.clone())
    }

    fn packed_length(&self) -> Option<u64> {
        Some(self.bytes.length())
    }

    fn piece(&self) -> usize {
        FRAME
    }

    fn parallel_reads(&self) -> Option<usize> {
        if let PackedBytes::Remote(ranges) = &self.bytes { ranges.parallel_reads() } else { None }
    }

    fn is_remote(&self) -> bool {
        matches!(self.bytes, PackedBytes::Remote(_))
    }

    fn stop_at(&mut self, check: StopCheck) {
        if let PackedBytes::Remote(ranges) = &mut self.bytes {
            ranges.stop_at(check);
        }
    }

    fn why_not_mapped(&self) -> &'static str {
        "is compressed"
    }

    fn write_with_end(&self, end: &[u8], out: &mut dyn Write) -> io::Result<bool> {
        let mut table = self.table.clone();
        let Some(SeekFrame { packed, data }) = self.table.frames().last() else { return Ok(false) };
        if data.end - data.start != end.len() as u64 {
            return Ok(false);
        }
        let mut buffer = vec![0; FRAME];
        let mut position = 0;
        while position < packed.start {
            let count = usize::try_from(packed.start - position).unwrap_or(FRAME).min(FRAME);
            let part = buffer.get_mut(..count).unwrap_or_default();
            self.bytes.read(position, part)?;
            out.write_all(part)?;
            position += count as u64;
        }
        let frame = compress(USUAL_LEVEL, end.to_vec())?.packed;
        table.truncate(self.table.frames().len() - 1);
        table.push(frame.len() as u64, end.len() as u64).ok_or(io::ErrorKind::InvalidInput)?;
        out.write_all(&frame)?;
        out.write_all(&table.encode())?;
        Ok(true)
    }
}

fn has_frames(table: &SeekTable, bytes: &PackedBytes) -> io::Result<bool> {
    match bytes {
        PackedBytes::Remote(ranges) => frame_walk::matches_in_rounds(table, &**ranges),
        _ => frame_walk::matches(table, &|offset, buffer| bytes.read(offset, buffer)),
    }
}

/// The seek table at the end of a file.
fn read_table(bytes: &PackedBytes) -> io::Result<Option<SeekTable>> {
    let length = bytes.length();
    let Some(start) = length.checked_sub(FOOTER) else { return Ok(None) };
    let mut footer = [0; FOOTER as usize];
    bytes.read(start, &mut footer)?;
    let Some(table) = SeekTable::length(&footer, length) else { return Ok(None) };
    let mut encoded = vec![0; usize::try_from(table).map_err(io::Error::other)?];
    bytes.read(length - table, &mut encoded)?;
    Ok(SeekTable::decode(&encoded, length))
}

fn damaged(frame: &SeekFrame, problem: &str) -> io::Error {
    let problem = format!("{problem}, in the frame at byte {}", frame.packed.start);
    io::Error::new(io::ErrorKind::InvalidData, ReadError::BadCompression { problem })
}

/// The error of a frame that was tried before.
fn again(error: &io::Error, frame: &SeekFrame) -> io::Error {
    match error.kind() {
        io::ErrorKind::InvalidData => damaged(frame, "it is damaged"),
        kind => kind.into(),
    }
}

/// The frames that were decompressed last: adjacent pieces of a range share some.
#[derive(Debug)]
struct FrameCache {
    /// The newest one is at the end.
    frames: Mutex<VecDeque<Arc<CachedFrame>>>,
    most: usize,
}

/// A frame that is in the cache, or about to be. The threads that need it wait for the one that decompresses it.
#[derive(Debug)]
struct CachedFrame {
    number: usize,
    data: OnceLock<io::Result<Vec<u8>>>,
}

impl FrameCache {
    fn new() -> Self {
        // Each thread reads a piece that may reach into two frames.
        Self { frames: Mutex::default(), most: 2 + 2 * available_parallelism().map_or(1, NonZero::get) }
    }

    fn has(&self, number: usize) -> bool {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|frame| frame.number == number)
    }

    fn slot(&self, number: usize) -> Arc<CachedFrame> {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let known = frames.iter().position(|frame| frame.number == number).and_then(|at| frames.remove(at));
        let frame = known.unwrap_or_else(|| Arc::new(CachedFrame { number, data: OnceLock::new() }));
        frames.push_back(Arc::clone(&frame));
        if frames.len() > self.most {
            frames.pop_front();
        }
        frame
    }
}
