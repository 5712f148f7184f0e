//! Whether the frames of a zstd file are where its seek table says: the headers of frames and blocks are followed
//! (RFC 8878, section 3), and nothing is decompressed.
//!
//! Without this, a file could show other bytes to those that use its seek table than to those that do not.

use std::io;

use super::FRAME;
use super::seek_table::{SeekFrame, SeekTable};
use crate::snapshot::reader::{RangeReader, WantedRange};

const MAGIC: u32 = 0xFD2F_B528;
const SINGLE_SEGMENT: u8 = 0x20;
const RESERVED: u8 = 0x08;
const CHECKSUM: u8 = 0x04;
const DICTIONARY: u8 = 0x03;
/// The bytes of the longest frame header with its magic, and of the first block header.
const LONGEST_HEADER: usize = 18 + 3;
/// How many bytes are read at a time.
const WINDOW: usize = 4 << 10;
/// The most data of a frame that other programs may have written: a few such frames are held in memory.
const MOST_DATA: u64 = 16 * FRAME as u64;

/// Reads bytes of the compressed file.
type ReadAt<'r> = &'r dyn Fn(u64, &mut [u8]) -> io::Result<()>;

/// Whether all frames are where the table says, each with as much data as it says.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn matches(table: &SeekTable, read: ReadAt<'_>) -> io::Result<bool> {
    let mut window = Window { read, end: table.packed_end(), start: 0, bytes: Vec::new() };
    for frame in table.frames() {
        if !frame_matches(frame, &mut window)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a frame of this length can have so much data, and a reader can hold both.
pub(super) fn is_plausible(frame: &SeekFrame) -> bool {
    let (packed, data) = (frame.packed.end - frame.packed.start, frame.data.end - frame.data.start);
    // As ZSTD_compressBound, with room for headers.
    data <= MOST_DATA && packed <= data + data / 128 + (1 << 10)
}

fn frame_matches(frame: &SeekFrame, window: &mut Window<'_>) -> io::Result<bool> {
    let mut walk = FrameWalk::new(frame);
    loop {
        if let Some(is_match) = walk.step(window.at(walk.position)?) {
            return Ok(is_match);
        }
    }
}

/// As [`matches`], for a file on another machine: in each round, one header of each frame is read, all at once.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn matches_in_rounds(table: &SeekTable, file: &dyn RangeReader) -> io::Result<bool> {
    let mut walks: Vec<FrameWalk<'_>> = table.frames().iter().map(FrameWalk::new).collect();
    while !walks.is_empty() {
        let length = |walk: &FrameWalk<'_>| header_length(walk.position, table.packed_end());
        let mut headers: Vec<Vec<u8>> = walks.iter().map(|walk| vec![0; length(walk)]).collect();
        let places = walks.iter().zip(&mut headers);
        let mut wanted: Vec<_> = places.map(|(walk, buffer)| WantedRange { offset: walk.position, buffer }).collect();
        file.read(&mut wanted)?;
        let mut unfinished = Vec::with_capacity(walks.len());
        for (mut walk, header) in walks.into_iter().zip(&headers) {
            match walk.step(header) {
                Some(true) => {}
                Some(false) => return Ok(false),
                None => unfinished.push(walk),
            }
        }
        walks = unfinished;
    }
    Ok(true)
}

/// How many bytes of a header at this position are read, in frames that end at `end`.
fn header_length(position: u64, end: u64) -> usize {
    usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX).min(LONGEST_HEADER)
}

/// Follows the headers of a frame.
struct FrameWalk<'t> {
    frame: &'t SeekFrame,
    /// Where the next header is.
    position: u64,
    /// What the header of the frame says, once it was read.
    has_checksum: Option<bool>,
}

impl<'t> FrameWalk<'t> {
    fn new(frame: &'t SeekFrame) -> Self {
        Self { frame, position: frame.packed.start, has_checksum: None }
    }

    /// Takes the bytes at [`position`](Self::position). At the end of the frame, returns whether it is as the seek
    /// table says.
    fn step(&mut self, bytes: &[u8]) -> Option<bool> {
        let Some(has_checksum) = self.has_checksum else {
            let Some(FrameHeader { length, data, has_checksum }) = FrameHeader::of(bytes) else { return Some(false) };
            self.has_checksum = Some(has_checksum);
            self.position = self.position.saturating_add(length);
            let is_as_said = is_plausible(self.frame) && data == self.frame.data.end - self.frame.data.start;
            return if is_as_said { None } else { Some(false) };
        };
        let [a, b, c, ..] = *bytes else { return Some(false) };
        let header = u32::from_le_bytes([a, b, c, 0]);
        // The one byte of an RLE block stands for all its data.
        let contents = match header >> 1 & 3 {
            1 => 1,
            0 | 2 => u64::from(header >> 3),
            _ => return Some(false),
        };
        self.position = self.position.saturating_add(3).saturating_add(contents);
        if self.position > self.frame.packed.end {
            return Some(false);
        }
        let is_last = header & 1 == 1;
        let checksum = if has_checksum { 4 } else { 0 };
        is_last.then(|| self.position.saturating_add(checksum) == self.frame.packed.end)
    }
}

/// What the header of a frame says.
#[derive(Debug, PartialEq, Eq)]
struct FrameHeader {
    /// The length of the header, with the magic.
    length: u64,
    /// The length of the data.
    data: u64,
    has_checksum: bool,
}

impl FrameHeader {
    /// `None` if it is another kind of frame, needs a dictionary, or does not say how much data it has.
    fn of(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk()?;
        let (descriptor, rest) = rest.split_first()?;
        if u32::from_le_bytes(*magic) != MAGIC || descriptor & (RESERVED | DICTIONARY) != 0 {
            return None;
        }
        let is_single = descriptor & SINGLE_SEGMENT != 0;
        let window = usize::from(!is_single);
        let size = rest.get(window..)?;
        let (data, length) = match (descriptor >> 6, is_single) {
            (0, false) => return None,
            (0, true) => (u64::from(*size.first()?), 1),
            (1, _) => (u64::from(u16::from_le_bytes(*size.first_chunk()?)) + 256, 2),
            (2, _) => (u64::from(u32::from_le_bytes(*size.first_chunk()?)), 4),
            _ => (u64::from_le_bytes(*size.first_chunk()?), 8),
        };
        Some(Self { length: (5 + window + length) as u64, data, has_checksum: descriptor & CHECKSUM != 0 })
    }
}

/// A part of the file: headers that are close to one another are read together.
struct Window<'r> {
    read: ReadAt<'r>,
    /// Where the frames end.
    end: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// The bytes from `offset` on: as many as a header may have, or fewer at the end.
    fn at(&mut self, offset: u64) -> io::Result<&[u8]> {
        let needed = header_length(offset, self.end);
        let within = usize::try_from(offset.wrapping_sub(self.start)).unwrap_or(usize::MAX);
        if self.bytes.get(within..).is_none_or(|rest| rest.len() < needed) {
            let length = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX).min(WINDOW);
            self.bytes.resize(length, 0);
            (self.read)(offset, &mut self.bytes)?;
            self.start = offset;
            return Ok(&self.bytes);
        }
        Ok(self.bytes.get(within..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use zstd::bulk::Compressor;

    use super::*;

    /// Of each frame and of its data.
    type Lengths = Vec<(u64, u64)>;

    /// Frames with this data, as a file and a table.
    fn frames(all: &[&[u8]], checksum: bool) -> (Vec<u8>, SeekTable) {
        let (mut file, mut table) = (Vec::new(), SeekTable::default());
        let mut compressor = Compressor::new(1).expect("a level");
        compressor.include_checksum(checksum).expect("a flag");
        for data in all {
            let packed = compressor.compress(data).expect("memory");
            table.push(packed.len() as u64, data.len() as u64).expect("short");
            file.extend(packed);
        }
        (file, table)
    }

    #[derive(Debug)]
    struct Bytes(Vec<u8>);

    impl RangeReader for Bytes {
        fn length(&self) -> u64 {
            self.0.len() as u64
        }

        fn read(&self, wanted: &mut [WantedRange<'_>]) -> io::Result<()> {
            for WantedRange { offset, buffer } in wanted {
                let found = self.0.get(*offset as usize..).and_then(|rest| rest.get(..buffer.len()));
                buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            }
            Ok(())
        }

        fn why_not_mapped(&self) -> &'static str {
            "is in memory"
        }
    }

    fn is_match(file: &[u8], table: &SeekTable) -> bool {
        let read = |offset: u64, buffer: &mut [u8]| {
            let found = file.get(offset as usize..).and_then(|rest| rest.get(..buffer.len()));
            buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        };
        let is_match = matches(table, &read).expect("a read within the file");
        let in_rounds = matches_in_rounds(table, &Bytes(file.to_vec())).expect("a read within the file");
        assert_eq!(is_match, in_rounds);
        is_match
    }

    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn frames_of_any_length_are_found() {
        let (noise, zeros) = (noise(FRAME), vec![0; FRAME]);
        let text = b"one variable after the other, ".repeat(20_000);
        let all = [&b"x"[..], &noise, &zeros, b"", &text, &text[..300], &text[..70_000], &noise[..131_073]];
        for checksum in [true, false] {
            let (file, table) = frames(&all, checksum);
            assert!(is_match(&file, &table));
        }
    }

    #[test]
    fn a_table_with_other_frames_is_noticed() {
        let text = b"one variable after the other, ".repeat(2_000);
        let (file, table) = frames(&[&text, b"short", &text], true);
        let lengths: Lengths =
            table.frames().iter().map(|it| (it.packed.end - it.packed.start, it.data.end - it.data.start)).collect();
        let with = |change: fn(&mut Lengths)| {
            let (mut lengths, mut table) = (lengths.clone(), SeekTable::default());
            change(&mut lengths);
            lengths.iter().for_each(|(packed, data)| table.push(*packed, *data).expect("short"));
            table
        };
        let shifted = with(|it| (it[0].0, it[1].0) = (it[0].0 - 1, it[1].0 + 1));
        let more = with(|it| (it[0].1, it[1].1) = (it[0].1 + 1, it[1].1 - 1));
        let joined = with(|it| {
            let (packed, data) = it.remove(1);
            (it[0].0, it[0].1) = (it[0].0 + packed, it[0].1 + data);
        });
        let bomb = with(|it| it[1].1 = u64::from(u32::MAX));
        for table in [shifted, more, joined, bomb] {
            assert!(!is_match(&file, &table));
        }
        // Headers that say something else.
        for at in [0, 4, 5, 6] {
            let mut changed = file.clone();
            changed[at] ^= 0x0a;
            assert!(!is_match(&changed, &table), "{at}");
        }
    }

    #[test]
    fn a_frame_hidden_in_another_is_noticed() {
        // The data of the outer frame are not compressible, so its block has the inner frame as it is.
        let (inner, _) = frames(&[b"hidden"], false);
        let hidden = [noise(2_000).as_slice(), &inner, &noise(5_000)[2_000..]].concat();
        let (file, _) = frames(&[&hidden], false);
        let at = file.windows(inner.len()).position(|window| window == inner).expect("not compressed") as u64;
        let mut lie = SeekTable::default();
        for (packed, data) in [(at, 2_000), (inner.len() as u64, 6), (file.len() as u64 - at - inner.len() as u64, 9)] {
            lie.push(packed, data).expect("short");
        }
        assert!(!is_match(&file, &lie));
    }
}
