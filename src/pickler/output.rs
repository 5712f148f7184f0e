//! The opcode buffer. It is flushed into a [`SegmentSink`] as it fills, or becomes one whole pickle in memory.
//!
//! The segments of a session have no frames: their raw buffers must lie at multiples of [`ALIGNMENT`] in the file, and
//! the index serves the purpose of frames. `snapcli.dumps` writes frames as CPython does (PEP 3154): of 64 KiB or
//! slightly more, none shorter than 4 bytes, and with large contents outside of them.

use std::io;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::buffer_view::PyBufferView;
use crate::pickle::format::opcode::Opcode;
use crate::snapshot::index::StoredBuffer;
use crate::snapshot::layout::{ALIGNMENT, RAW_HEADER};

/// A frame ends at the first opcode after this many bytes. Contents of at least this length are not copied into the
/// opcode buffer. The value is CPython's `_FRAME_SIZE_TARGET`.
const FRAME_TARGET: usize = 64 * 1024;
/// Content shorter than this gets no frame (CPython's `_FRAME_SIZE_MIN`).
const FRAME_SMALLEST: usize = 4;
/// The FRAME opcode and its eight-byte length.
const FRAME_HEADER: usize = 9;
/// The buffer is flushed into the sink at this many bytes: more would not fit into the CPU cache.
const FLUSH_SIZE: usize = 512 * 1024;
/// SHORT_BINBYTES, its length byte, and the POP after it: the shortest padding.
const SHORTEST_PADDING: u64 = 3;

/// Receives the opcodes of a segment while they are written.
pub(crate) trait SegmentSink: Send {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// The errors of the underlying writer. They end the save.
    fn take(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Takes the contents of a raw buffer, which follow the bytes taken so far.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    fn take_buffer(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Why writing stopped.
#[derive(Debug)]
pub enum StopReason {
    /// The sink returned an error.
    Sink(io::Error),
    /// The value exceeds its size limit.
    TooLarge,
}

impl From<&StopReason> for PyErr {
    fn from(reason: &StopReason) -> Self {
        match reason {
            StopReason::Sink(error) => PyOSError::new_err(error.to_string()),
            StopReason::TooLarge => PyValueError::new_err("the value exceeds the size limit"),
        }
    }
}

/// A buffer of opcodes on its way to a pickle or a segment.
pub(super) struct OpcodeOutput {
    bytes: Vec<u8>,
    /// Once the buffer has this length, the next call of `between_opcodes` flushes it or turns to a new frame.
    flush_at: usize,
    destination: Destination,
}

enum Destination {
    Whole(WholePickle),
    Segment(SegmentStream),
}

/// A whole pickle in memory. Large contents are referred to, not copied, until `finish` joins everything.
#[derive(Default)]
struct WholePickle {
    /// Large contents, each with the number of `bytes` that precede it.
    pieces: Vec<(usize, PyBufferView)>,
    /// The offset of the open frame's header in `bytes`.
    frame: Option<usize>,
}

/// A segment of a session, which goes to a sink piece by piece.
struct SegmentStream {
    sink: Box<dyn SegmentSink>,
    /// The offset in the file at which the first of `bytes` will lie.
    position: u64,
    /// The offset in the file that the value must not exceed.
    limit: u64,
    buffers: Vec<StoredBuffer>,
    stopped: Option<StopReason>,
}

impl OpcodeOutput {
    pub(super) fn whole() -> Self {
        Self { bytes: Vec::new(), flush_at: 0, destination: Destination::Whole(WholePickle::default()) }
    }

    pub(super) fn segments(sink: Box<dyn SegmentSink>) -> Self {
        let segment = SegmentStream { sink, position: 0, limit: u64::MAX, buffers: Vec::new(), stopped: None };
        Self { bytes: Vec::new(), flush_at: FLUSH_SIZE, destination: Destination::Segment(segment) }
    }

    /// Begins a segment at the file offset `position`. Its value may take `most` bytes.
    pub(super) fn begin(&mut self, position: u64, most: u64) {
        self.bytes.clear();
        self.flush_at = FLUSH_SIZE;
        if let Some(segment) = self.segment() {
            segment.position = position;
            segment.limit = position.saturating_add(most);
            segment.buffers.clear();
            segment.stopped = None;
        }
    }

    /// Ends a segment: flushes the rest into the sink and returns the segment's raw buffers.
    pub(super) fn end(&mut self) -> PyResult<Vec<StoredBuffer>> {
        self.flush()?;
        Ok(self.segment().map(|segment| std::mem::take(&mut segment.buffers)).unwrap_or_default())
    }

    /// Discards the bytes that have not reached the sink. Returns the reason if writing had stopped.
    pub(super) fn abandon(&mut self) -> Option<StopReason> {
        self.bytes.clear();
        self.segment()?.stopped.take()
    }

    /// The offset in the file at which the next opcode will lie. Only for segments.
    pub(super) fn position(&self) -> u64 {
        match &self.destination {
            Destination::Segment(segment) => segment.position.saturating_add(self.bytes.len() as u64),
            Destination::Whole(_) => 0,
        }
    }

    /// How many bytes the value may still take.
    pub(super) fn room(&self) -> u64 {
        match &self.destination {
            Destination::Segment(segment) => {
                segment.limit.saturating_sub(segment.position).saturating_sub(self.bytes.len() as u64)
            }
            Destination::Whole(_) => u64::MAX,
        }
    }

    fn segment(&mut self) -> Option<&mut SegmentStream> {
        let Destination::Segment(segment) = &mut self.destination else { return None };
        Some(segment)
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    #[inline]
    pub(super) fn slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    #[inline]
    pub(super) fn op(&mut self, opcode: Opcode) {
        self.bytes.push(opcode as u8);
    }

    #[inline]
    pub(super) fn ops<const N: usize>(&mut self, opcodes: [Opcode; N]) {
        self.bytes.extend_from_slice(&opcodes.map(|opcode| opcode as u8));
    }

    /// Writes an opcode and a one-byte argument or length.
    #[inline]
    pub(super) fn op_u8(&mut self, opcode: Opcode, number: u8) {
        self.bytes.extend_from_slice(&[opcode as u8, number]);
    }

    #[inline]
    pub(super) fn op_u16(&mut self, opcode: Opcode, number: u16) {
        let [a, b] = number.to_le_bytes();
        self.bytes.extend_from_slice(&[opcode as u8, a, b]);
    }

    #[inline]
    pub(super) fn op_u32(&mut self, opcode: Opcode, number: u32) {
        let [a, b, c, d] = number.to_le_bytes();
        self.bytes.extend_from_slice(&[opcode as u8, a, b, c, d]);
    }

    pub(super) fn op_u64(&mut self, opcode: Opcode, number: u64) {
        self.byte(opcode as u8);
        self.slice(&number.to_le_bytes());
    }

    /// Writes a BINFLOAT, the only big-endian argument in the format.
    #[inline]
    pub(super) fn float(&mut self, number: f64) {
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        self.bytes.extend_from_slice(&[Opcode::BinFloat as u8, a, b, c, d, e, f, g, h]);
    }

    /// Writes a string with the shortest opcode for its length.
    #[inline]
    pub(super) fn string(&mut self, string: &str) {
        self.string_bytes(string.as_bytes());
    }

    /// Writes a string given as UTF-8, with surrogates encoded as Python's `surrogatepass` does.
    #[inline]
    pub(super) fn string_bytes(&mut self, bytes: &[u8]) {
        if let Ok(length) = u8::try_from(bytes.len()) {
            self.op_u8(Opcode::ShortBinUnicode, length);
            self.slice(bytes);
        } else {
            self.long([Opcode::BinUnicode, Opcode::BinUnicode8], bytes);
        }
    }

    /// Writes a GLOBAL of protocol 0: two lines of text. dill's unpickler only recognizes some names in this form.
    pub(super) fn global_lines(&mut self, module: &str, name: &str) {
        self.op(Opcode::Global);
        for line in [module, name] {
            self.slice(line.as_bytes());
            self.byte(b'\n');
        }
    }

    /// Writes the contents of a `bytes` object.
    fn bytes_object(&mut self, bytes: &[u8]) {
        if let Ok(length) = u8::try_from(bytes.len()) {
            self.op_u8(Opcode::ShortBinBytes, length);
            self.slice(bytes);
        } else {
            self.long([Opcode::BinBytes, Opcode::BinBytes8], bytes);
        }
    }

    /// Writes the contents of a buffer: as `bytes` if it is read-only, else as `bytearray`.
    ///
    /// Large contents are not copied: in a segment they go straight to the sink, at a multiple of [`ALIGNMENT`]; a
    /// whole pickle keeps the view. `raw` contents may be replaced by any other memory at load. That is so for a
    /// `PickleBuffer`, but not for a `bytes` object.
    pub(super) fn buffer(&mut self, view: PyBufferView, raw: bool) -> PyResult<()> {
        let (length, read_only) = (view.bytes().len(), view.is_read_only());
        if length < FRAME_TARGET {
            if read_only {
                self.bytes_object(view.bytes());
            } else {
                self.with_u64_length(Opcode::ByteArray8, view.bytes());
            }
            return Ok(());
        }
        self.close_frame();
        // Only a segment is padded, so that a load can map its arrays. The padding depends on the file offset.
        self.pad();
        self.op_u64(if read_only { Opcode::BinBytes8 } else { Opcode::ByteArray8 }, length as u64);
        if let Destination::Whole(whole) = &mut self.destination {
            whole.pieces.push((self.bytes.len(), view));
            return Ok(());
        }
        // The contents bypass `bytes`, so everything before them must be in the sink first.
        self.flush()?;
        let Destination::Segment(segment) = &mut self.destination else { return Ok(()) };
        if raw {
            segment.buffers.push(StoredBuffer {
                offset: segment.position,
                length: length as u64,
                writable: !read_only,
            });
        }
        segment.take(view.bytes(), raw)
    }

    /// Writes a `bytes` object that is popped at once, as long as it takes for the contents of the raw buffer after it
    /// to lie at a multiple of [`ALIGNMENT`].
    fn pad(&mut self) {
        let Destination::Segment(segment) = &self.destination else { return };
        let offset = segment.position.saturating_add(self.bytes.len() as u64).saturating_add(RAW_HEADER);
        let mut gap = offset.next_multiple_of(ALIGNMENT).saturating_sub(offset);
        if gap == 0 {
            return;
        }
        // A gap that is too small for the padding's own opcodes is filled up to the next multiple.
        if gap < SHORTEST_PADDING {
            gap += ALIGNMENT;
        }
        let zeros = (gap - SHORTEST_PADDING) as u8;
        self.op_u8(Opcode::ShortBinBytes, zeros);
        self.bytes.resize(self.bytes.len() + usize::from(zeros), 0);
        self.op(Opcode::Pop);
    }

    fn long(&mut self, [four, eight]: [Opcode; 2], bytes: &[u8]) {
        let Ok(length) = u32::try_from(bytes.len()) else { return self.with_u64_length(eight, bytes) };
        let [a, b, c, d] = length.to_le_bytes();
        self.contents(&[four as u8, a, b, c, d], bytes);
    }

    fn with_u64_length(&mut self, opcode: Opcode, bytes: &[u8]) {
        let mut header = [opcode as u8; 9];
        header[1..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.contents(&header, bytes);
    }

    /// Writes contents of any length. Large ones lie outside of frames, so that a reader can take them without a copy.
    pub(super) fn contents(&mut self, header: &[u8], bytes: &[u8]) {
        if bytes.len() >= FRAME_TARGET {
            self.close_frame();
        }
        self.slice(header);
        self.slice(bytes);
    }

    /// Must be called between opcodes: flushes a full buffer into the sink, or turns to a new frame.
    ///
    /// # Errors
    /// The sink failed, or the value exceeds its size limit.
    #[inline]
    pub(super) fn between_opcodes(&mut self) -> PyResult<()> {
        if self.bytes.len() >= self.flush_at { self.flush_or_turn_frame() } else { Ok(()) }
    }

    pub(super) fn is_segment(&self) -> bool {
        matches!(self.destination, Destination::Segment(_))
    }

    /// Flushes a full buffer in the middle of long contents. Only for segments, which have no frames.
    #[inline]
    pub(super) fn within_contents(&mut self) -> PyResult<()> {
        if self.bytes.len() >= self.flush_at { self.flush() } else { Ok(()) }
    }

    #[cold]
    fn flush_or_turn_frame(&mut self) -> PyResult<()> {
        if self.is_segment() {
            return self.flush();
        }
        self.close_frame();
        self.flush_at = self.bytes.len() + FRAME_TARGET + FRAME_HEADER;
        if let Destination::Whole(whole) = &mut self.destination {
            // The length is not known yet: `close_frame` fills the header in.
            whole.frame = Some(self.bytes.len());
            self.bytes.extend_from_slice(&[0; FRAME_HEADER]);
        }
        Ok(())
    }

    fn flush(&mut self) -> PyResult<()> {
        let Destination::Segment(segment) = &mut self.destination else { return Ok(()) };
        let taken = segment.take(&self.bytes, false);
        self.bytes.clear();
        // After a failure every later call must fail as well: a `__reduce__` may have swallowed the error.
        self.flush_at = if taken.is_ok() { FLUSH_SIZE } else { 0 };
        taken
    }

    /// Ends the open frame, or removes its header if the frame is too short.
    pub(super) fn close_frame(&mut self) {
        let Destination::Whole(whole) = &mut self.destination else { return };
        // The next opcode opens a new frame.
        self.flush_at = 0;
        let Some(start) = whole.frame.take() else { return };
        let length = self.bytes.len() - start - FRAME_HEADER;
        if length < FRAME_SMALLEST {
            // Few bytes have to be moved: only the frame itself.
            self.bytes.drain(start..start + FRAME_HEADER);
            return;
        }
        let header = &mut self.bytes[start..start + FRAME_HEADER];
        header[0] = Opcode::Frame as u8;
        header[1..].copy_from_slice(&(length as u64).to_le_bytes());
    }

    /// Copies the whole pickle into a `bytes` object.
    pub(super) fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = std::mem::take(&mut self.bytes);
        let Destination::Whole(whole) = &mut self.destination else { return Ok(PyBytes::new(py, &bytes)) };
        let pieces = std::mem::take(&mut whole.pieces);
        let length = bytes.len() + pieces.iter().map(|(_, view)| view.bytes().len()).sum::<usize>();
        PyBytes::new_with(py, length, |mut room| {
            let mut copied = 0;
            let mut put = |part: &[u8]| {
                if let Some(target) = room.split_off_mut(..part.len()) {
                    target.copy_from_slice(part);
                }
            };
            for (offset, view) in &pieces {
                put(bytes.get(copied..*offset).unwrap_or_default());
                put(view.bytes());
                copied = *offset;
            }
            put(bytes.get(copied..).unwrap_or_default());
            Ok(())
        })
    }
}

impl SegmentStream {
    fn take(&mut self, bytes: &[u8], raw: bool) -> PyResult<()> {
        if self.stopped.is_none() {
            let end = self.position.saturating_add(bytes.len() as u64);
            self.stopped = if end > self.limit {
                Some(StopReason::TooLarge)
            } else if raw {
                self.sink.take_buffer(bytes).map_err(StopReason::Sink).err()
            } else {
                self.sink.take(bytes).map_err(StopReason::Sink).err()
            };
            self.position = end;
        }
        match &self.stopped {
            Some(reason) => Err(reason.into()),
            None => Ok(()),
        }
    }
}
