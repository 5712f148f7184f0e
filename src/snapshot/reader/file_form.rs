//! A snapshot of a store as a file: byte for byte the same as a save to that file would have written.

use std::io::{self, Write};
use std::ops::Range;

use super::read_error::ReadError;
use super::{Contents, Progress, Snapshot, integrity};
use crate::snapshot::index::{self, Index, PickleStream, SegmentRole, Variable};
use crate::snapshot::layout::longest_index;
use crate::snapshot::segment::{SegmentPart, VariableSegment};
use crate::snapshot::signature::SigningKey;
use crate::snapshot::writer::write_end;

/// How many bytes are copied at a time.
const PIECE: usize = 256 << 10;

/// What a snapshot is written to as a file. A compressed file is cut into frames where the parts of a snapshot begin.
pub(crate) trait FileOutput: Write {
    /// The contents of a raw buffer of this many bytes begin.
    fn begin_contents(&mut self, _length: u64) {}

    /// They end, and opcodes follow.
    fn end_contents(&mut self) {}

    /// The pickle is complete. The index follows, and then the trailer, each in one write.
    fn begin_index(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileOutput for Vec<u8> {}
impl<W: Write> FileOutput for io::BufWriter<W> {}

impl Snapshot {
    /// Writes one of our own snapshots as a file, signed with this key. Everything is checked before. Returns the
    /// length of the file.
    ///
    /// # Errors
    /// If the snapshot is damaged or not one of our own, or cannot be read or written.
    pub(crate) fn write_as_file(
        &self,
        out: &mut dyn FileOutput,
        key: Option<&SigningKey>,
        progress: Progress<'_>,
    ) -> Result<u64, ReadError> {
        let Contents::Own { index } = self.contents() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "only a snapshot can be written again").into());
        };
        let _held = self.hold()?;
        integrity::hashes(&self.source, index, progress)?.into_result()?;
        let mut copy = FileCopy::new(self, out);
        copy.pickle(index)?;
        copy.out.begin_index()?;
        let FileCopy { outside, frame, hashes, .. } = copy;
        let mut index = index.clone();
        for (variable, (whole, opcodes)) in index.segments_mut().zip(hashes) {
            (variable.blake3, variable.opcodes) = (whole, opcodes);
        }
        let (blake3, frame) = (hex(&outside), hex(&frame));
        let frame = if frame == blake3 { String::new() } else { frame };
        index.stream = PickleStream { blake3, frame, ..index.stream };
        let length = index.stream.length;
        let json = index::encode(&mut index, longest_index(length))?;
        Ok(write_end(out, &json, length, key)?)
    }

    /// A snapshot of a store as a file without a name; any other snapshot as it is. For callers that compare the hashes
    /// of a file.
    ///
    /// # Errors
    /// If it cannot be read, or the file cannot be written.
    pub(crate) fn into_file(self) -> Result<Self, ReadError> {
        if !self.is_stored() {
            return Ok(self);
        }
        let mut file = tempfile::tempfile()?;
        let mut out = io::BufWriter::with_capacity(PIECE, &mut file);
        self.write_as_file(&mut out, None, &|_| {})?;
        out.flush()?;
        drop(out);
        Self::from_file(file)
    }
}

/// The pickle of a snapshot on its way to a file, with the hashes that the index of a file has.
struct FileCopy<'c> {
    snapshot: &'c Snapshot,
    out: &'c mut dyn FileOutput,
    buffer: Vec<u8>,
    /// As [`crate::snapshot::writer::SnapshotWriter`] has them.
    outside: blake3::Hasher,
    frame: blake3::Hasher,
    /// Of each segment: `blake3` and `opcodes`.
    hashes: Vec<(String, String)>,
}

impl<'c> FileCopy<'c> {
    fn new(snapshot: &'c Snapshot, out: &'c mut dyn FileOutput) -> Self {
        let (outside, frame, hashes) = Default::default();
        let buffer = vec![0; snapshot.source.reading().0];
        Self { snapshot, out, buffer, outside, frame, hashes }
    }

    fn pickle(&mut self, index: &Index) -> Result<(), ReadError> {
        let mut end = 0;
        for (role, variable) in index.segments() {
            self.around(end..variable.offset)?;
            self.segment(role, variable)?;
            end = variable.offset.saturating_add(variable.length);
        }
        self.around(end..index.stream.length)
    }

    /// Bytes that belong to no segment.
    fn around(&mut self, range: Range<u64>) -> Result<(), ReadError> {
        let (mut outside, mut frame) = (std::mem::take(&mut self.outside), std::mem::take(&mut self.frame));
        self.copy(range, &mut |bytes| {
            outside.update(bytes);
            frame.update(bytes);
        })?;
        (self.outside, self.frame) = (outside, frame);
        Ok(())
    }

    fn segment(&mut self, role: SegmentRole, variable: &Variable) -> Result<(), ReadError> {
        let (mut whole, mut opcodes) = (blake3::Hasher::new(), blake3::Hasher::new());
        let mut outside = std::mem::take(&mut self.outside);
        for part in VariableSegment::of(role, variable)?.parts() {
            let (range, is_contents) = match part {
                SegmentPart::Opcodes(range) => (range, false),
                SegmentPart::Contents(range) => (range, true),
            };
            if is_contents {
                self.out.begin_contents(range.len() as u64);
            }
            self.copy(range.start as u64..range.end as u64, &mut |bytes| {
                whole.update(bytes);
                if !is_contents {
                    opcodes.update(bytes);
                }
                if role != SegmentRole::Variable {
                    outside.update(bytes);
                }
            })?;
            if is_contents {
                self.out.end_contents();
            }
        }
        self.outside = outside;
        let opcodes = if variable.buffers.is_empty() { String::new() } else { hex(&opcodes) };
        self.hashes.push((hex(&whole), opcodes));
        Ok(())
    }

    fn copy(&mut self, range: Range<u64>, hash: &mut dyn FnMut(&[u8])) -> Result<(), ReadError> {
        let mut position = range.start;
        while position < range.end {
            let count = usize::try_from(range.end - position).unwrap_or(usize::MAX).min(self.buffer.len());
            let piece = self.buffer.get_mut(..count).unwrap_or_default();
            self.snapshot.source.read(position, piece)?;
            hash(piece);
            self.out.write_all(piece)?;
            position = position.saturating_add(count as u64);
        }
        Ok(())
    }
}

fn hex(hasher: &blake3::Hasher) -> String {
    hasher.finalize().to_hex().to_string()
}
