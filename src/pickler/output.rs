//! Where opcodes go: a buffer in memory that is emptied into a [`Sink`] as it fills, or that becomes one whole pickle.
//!
//! A session's segments have no frames: their raw buffers lie at multiples of [`ALIGNMENT`] in the file, and the index
//! stands for the frames. `snapcli.dumps` writes frames as CPython does (PEP 3154): of 64 KiB or a little more, none
//! under 4 bytes, and large contents outside of them.

use std::io;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::buffers::Held;
use super::op;
use crate::snapshot::index::Buffer;
use crate::snapshot::layout::{ALIGNMENT, RAW_HEADER};

/// A frame is closed at the first opcode after this many bytes. Contents of this length are not copied together with
/// opcodes, but written from where they lie.
const FRAME_TARGET: usize = 64 * 1024;
/// The shortest frame that is worth its header.
const FRAME_SMALLEST: usize = 4;
/// FRAME and its length.
const FRAME_HEADER: usize = 9;
const FRAME: u8 = 0x95;
/// As many bytes as are kept before a sink gets them: more would leave the cache.
const SPILL: usize = 512 * 1024;
/// SHORT_BINBYTES with its length, and the POP behind it: the shortest padding.
const SHORTEST_PADDING: u64 = 3;

/// Takes the opcodes of a segment as they are written.
pub trait Sink: Send {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// Those of what it writes into: they end the save.
    fn take(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Takes the contents of a raw buffer, which come next.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    fn take_buffer(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Why no more is written.
#[derive(Debug)]
pub enum Stopped {
    /// The sink has failed.
    Sink(io::Error),
    /// The value takes more bytes than it may.
    TooLarge,
}

impl From<&Stopped> for PyErr {
    fn from(stopped: &Stopped) -> Self {
        match stopped {
            Stopped::Sink(error) => PyOSError::new_err(error.to_string()),
            Stopped::TooLarge => PyValueError::new_err("the value takes more bytes than it may"),
        }
    }
}

/// A buffer of opcodes.
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    /// Between opcodes, a buffer of this length is looked at.
    mark: usize,
    to: To,
}

enum To {
    Whole(Whole),
    Segment(Segment),
}

/// One whole pickle, kept in memory but for large contents: those are held, not copied.
#[derive(Default)]
struct Whole {
    /// Contents, each with the number of `bytes` that precede it.
    pieces: Vec<(usize, Held)>,
    /// Where the open frame's header has its place.
    frame: Option<usize>,
}

/// A segment of a session, which goes to a sink piece by piece.
struct Segment {
    sink: Box<dyn Sink>,
    /// Where the first of `bytes` will be in the file.
    position: u64,
    /// The place in the file that the value may not go beyond.
    limit: u64,
    buffers: Vec<Buffer>,
    stopped: Option<Stopped>,
}

impl Output {
    /// For one pickle.
    pub(super) fn whole() -> Self {
        Self { bytes: Vec::new(), mark: 0, to: To::Whole(Whole::default()) }
    }

    /// For the segments of a session.
    pub(super) fn segments(sink: Box<dyn Sink>) -> Self {
        let segment = Segment { sink, position: 0, limit: u64::MAX, buffers: Vec::new(), stopped: None };
        Self { bytes: Vec::new(), mark: SPILL, to: To::Segment(segment) }
    }

    /// Begins a segment whose value begins at `position` in the file and may take `most` bytes.
    pub(super) fn begin(&mut self, position: u64, most: u64) {
        self.bytes.clear();
        self.mark = SPILL;
        if let To::Segment(segment) = &mut self.to {
            segment.position = position;
            segment.limit = position.saturating_add(most);
            segment.buffers.clear();
            segment.stopped = None;
        }
    }

    /// Ends a segment: all of it goes to the sink. Returns the raw buffers in it.
    pub(super) fn end(&mut self) -> PyResult<Vec<Buffer>> {
        self.spill()?;
        match &mut self.to {
            To::Segment(segment) => Ok(std::mem::take(&mut segment.buffers)),
            To::Whole(_) => Ok(Vec::new()),
        }
    }

    /// Forgets what was not given to the sink. Returns why no more was written, if that was so.
    pub(super) fn abandon(&mut self) -> Option<Stopped> {
        self.bytes.clear();
        match &mut self.to {
            To::Segment(segment) => segment.stopped.take(),
            To::Whole(_) => None,
        }
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    #[inline]
    pub(super) fn slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// An opcode and a length or number behind it.
    #[inline]
    pub(super) fn op_u8(&mut self, opcode: u8, number: u8) {
        self.bytes.extend_from_slice(&[opcode, number]);
    }

    #[inline]
    pub(super) fn op_u32(&mut self, opcode: u8, number: u32) {
        let [a, b, c, d] = number.to_le_bytes();
        self.bytes.extend_from_slice(&[opcode, a, b, c, d]);
    }

    /// A text, by the shortest opcode for its length. `bytes` are UTF-8, or have surrogates in the same manner.
    #[inline]
    pub(super) fn text(&mut self, text: &str) {
        self.text_bytes(text.as_bytes());
    }

    /// See [`text`](Self::text).
    #[inline]
    pub(super) fn text_bytes(&mut self, bytes: &[u8]) {
        if let Ok(length) = u8::try_from(bytes.len()) {
            self.op_u8(op::SHORT_BINUNICODE, length);
            self.slice(bytes);
        } else {
            self.long([op::BINUNICODE, op::BINUNICODE8], bytes);
        }
    }

    /// A `bytes` object's contents.
    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if let Ok(length) = u8::try_from(bytes.len()) {
            self.op_u8(op::SHORT_BINBYTES, length);
            self.slice(bytes);
        } else {
            self.long([op::BINBYTES, op::BINBYTES8], bytes);
        }
    }

    /// The contents of a buffer, as `bytes` where it is read-only, else as `bytearray`. A large one is not copied: in a
    /// session it goes to the sink at once, at a multiple of [`ALIGNMENT`]; else it is held. It is raw if any memory will
    /// do for whoever takes it at load, which is so for a `PickleBuffer` and not for a `bytes` object itself.
    pub(super) fn buffer(&mut self, held: Held, raw: bool) -> PyResult<()> {
        if held.bytes().len() < FRAME_TARGET {
            if held.is_read_only() {
                self.bytes(held.bytes())
            } else {
                self.byte_array(held.bytes())
            }
            return Ok(());
        }
        self.close_frame();
        self.pad();
        self.byte(if held.is_read_only() { op::BINBYTES8 } else { op::BYTEARRAY8 });
        self.slice(&(held.bytes().len() as u64).to_le_bytes());
        if let To::Whole(whole) = &mut self.to {
            whole.pieces.push((self.bytes.len(), held));
            return Ok(());
        }
        self.spill()?;
        let To::Segment(segment) = &mut self.to else { return Ok(()) };
        if raw {
            let (offset, length) = (segment.position, held.bytes().len() as u64);
            segment.buffers.push(Buffer { offset, length, writable: !held.is_read_only() });
        }
        segment.take(held.bytes(), raw)
    }

    /// Writes a text that is popped at once, so that the contents of a raw buffer behind it lie at a multiple of
    /// [`ALIGNMENT`].
    fn pad(&mut self) {
        let To::Segment(segment) = &self.to else { return };
        let at = segment.position.saturating_add(self.bytes.len() as u64).saturating_add(RAW_HEADER);
        let mut gap = at.next_multiple_of(ALIGNMENT).saturating_sub(at);
        if gap == 0 {
            return;
        }
        if gap < SHORTEST_PADDING {
            gap += ALIGNMENT;
        }
        let zeros = (gap - SHORTEST_PADDING) as u8;
        self.op_u8(op::SHORT_BINBYTES, zeros);
        self.bytes.resize(self.bytes.len() + usize::from(zeros), 0);
        self.byte(op::POP);
    }

    /// A `bytearray` object's contents.
    pub(super) fn byte_array(&mut self, bytes: &[u8]) {
        self.with_u64_length(op::BYTEARRAY8, bytes);
    }

    fn long(&mut self, [four, eight]: [u8; 2], bytes: &[u8]) {
        let Ok(length) = u32::try_from(bytes.len()) else { return self.with_u64_length(eight, bytes) };
        let [a, b, c, d] = length.to_le_bytes();
        self.contents(&[four, a, b, c, d], bytes);
    }

    fn with_u64_length(&mut self, opcode: u8, bytes: &[u8]) {
        let mut header = [opcode; 9];
        header[1..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.contents(&header, bytes);
    }

    /// Contents of any length: large ones lie outside of frames, so that a reader can take them without a copy.
    pub(super) fn contents(&mut self, header: &[u8], bytes: &[u8]) {
        if bytes.len() >= FRAME_TARGET {
            self.close_frame();
        }
        self.slice(header);
        self.slice(bytes);
    }

    /// Called between opcodes: gives to the sink what has gathered; opens a frame where none is open, closes one that is
    /// long enough. Fails where no more is to be written.
    #[inline]
    pub(super) fn between_opcodes(&mut self) -> PyResult<()> {
        if self.bytes.len() >= self.mark { self.turn_over() } else { Ok(()) }
    }

    /// Whether this is for the segments of a session.
    pub(super) fn is_segment(&self) -> bool {
        matches!(self.to, To::Segment(_))
    }

    /// Called within long contents of a segment: gives to the sink what has gathered.
    #[inline]
    pub(super) fn give_way(&mut self) -> PyResult<()> {
        if self.bytes.len() >= self.mark { self.spill() } else { Ok(()) }
    }

    #[cold]
    fn turn_over(&mut self) -> PyResult<()> {
        if let To::Segment(_) = &self.to {
            return self.spill();
        }
        self.close_frame();
        self.mark = self.bytes.len() + FRAME_TARGET + FRAME_HEADER;
        if let To::Whole(whole) = &mut self.to {
            whole.frame = Some(self.bytes.len());
            self.bytes.extend_from_slice(&[0; FRAME_HEADER]);
        }
        Ok(())
    }

    fn spill(&mut self) -> PyResult<()> {
        let To::Segment(segment) = &mut self.to else { return Ok(()) };
        let taken = segment.take(&self.bytes, false);
        self.bytes.clear();
        // Once stopped, every call fails: the code of a `__reduce__` may have taken the error for its own.
        self.mark = if taken.is_ok() { SPILL } else { 0 };
        taken
    }

    /// Ends the open frame, or takes its header away where it is too short.
    pub(super) fn close_frame(&mut self) {
        let To::Whole(whole) = &mut self.to else { return };
        self.mark = 0;
        let Some(start) = whole.frame.take() else { return };
        let length = self.bytes.len() - start - FRAME_HEADER;
        if length < FRAME_SMALLEST {
            self.bytes.drain(start..start + FRAME_HEADER);
            return;
        }
        let header = &mut self.bytes[start..start + FRAME_HEADER];
        header[0] = FRAME;
        header[1..].copy_from_slice(&(length as u64).to_le_bytes());
    }

    /// The whole pickle, copied into a `bytes` object.
    pub(super) fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = std::mem::take(&mut self.bytes);
        let pieces = match &mut self.to {
            To::Whole(whole) => std::mem::take(&mut whole.pieces),
            To::Segment(_) => Vec::new(),
        };
        let length = bytes.len() + pieces.iter().map(|(_, held)| held.bytes().len()).sum::<usize>();
        PyBytes::new_with(py, length, |mut room| {
            let mut from = 0;
            let mut put = |part: &[u8]| {
                if let Some(place) = room.split_off_mut(..part.len()) {
                    place.copy_from_slice(part);
                }
            };
            for (at, held) in &pieces {
                put(bytes.get(from..*at).unwrap_or_default());
                put(held.bytes());
                from = *at;
            }
            put(bytes.get(from..).unwrap_or_default());
            Ok(())
        })
    }
}

impl Segment {
    fn take(&mut self, bytes: &[u8], raw: bool) -> PyResult<()> {
        if self.stopped.is_none() {
            let end = self.position.saturating_add(bytes.len() as u64);
            self.stopped = match end > self.limit {
                true => Some(Stopped::TooLarge),
                false if raw => self.sink.take_buffer(bytes).map_err(Stopped::Sink).err(),
                false => self.sink.take(bytes).map_err(Stopped::Sink).err(),
            };
            self.position = end;
        }
        match &self.stopped {
            Some(stopped) => Err(stopped.into()),
            None => Ok(()),
        }
    }
}
