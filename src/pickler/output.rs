//! Where opcodes go: a buffer in memory, cut into frames where the reader is to get frames.
//!
//! A session's segments have none: their raw buffers lie at fixed places, and the index stands for the frames.
//! `snapcli.dumps` writes frames as CPython does (PEP 3154): of 64 KiB or a little more, none under 4 bytes, and large
//! contents outside of them.

use super::buffers::Held;
use super::op;

/// A frame is closed at the first opcode after this many bytes.
const FRAME_TARGET: usize = 64 * 1024;
/// The shortest frame that is worth its header.
const FRAME_SMALLEST: usize = 4;
/// FRAME and its length.
const FRAME_HEADER: usize = 9;
const FRAME: u8 = 0x95;

/// A buffer of opcodes. Large contents are not copied into it: it holds on to their memory, and to where they belong.
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    /// Contents, each with the number of `bytes` that precede it.
    pieces: Vec<(usize, Held)>,
    /// Where the open frame's header has its place.
    frame: Option<usize>,
    framed: bool,
}

impl Output {
    pub(super) fn new(framed: bool) -> Self {
        Self { bytes: Vec::new(), pieces: Vec::new(), frame: None, framed }
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

    /// The contents of a buffer, as `bytes` where it is read-only, else as `bytearray`. A large one is held, not copied.
    pub(super) fn buffer(&mut self, held: Held) {
        if held.bytes().len() < FRAME_TARGET {
            return if held.is_read_only() { self.bytes(held.bytes()) } else { self.byte_array(held.bytes()) };
        }
        self.close_frame();
        let length = held.bytes().len() as u64;
        match (held.is_read_only(), u32::try_from(length)) {
            (true, Ok(short)) => self.op_u32(op::BINBYTES, short),
            (read_only, _) => {
                self.byte(if read_only { op::BINBYTES8 } else { op::BYTEARRAY8 });
                self.slice(&length.to_le_bytes());
            }
        }
        self.pieces.push((self.bytes.len(), held));
    }

    /// Takes all that was written.
    pub(super) fn take(&mut self) -> Pickled {
        self.frame = None;
        Pickled { bytes: std::mem::take(&mut self.bytes), pieces: std::mem::take(&mut self.pieces) }
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

    /// Called between opcodes: opens a frame where none is open, closes one that is long enough.
    #[inline]
    pub(super) fn between_opcodes(&mut self) {
        if self.framed {
            self.frame_step();
        }
    }

    fn frame_step(&mut self) {
        match self.frame {
            None => self.open_frame(),
            Some(start) if self.bytes.len() - start >= FRAME_TARGET + FRAME_HEADER => {
                self.close_frame();
                self.open_frame();
            }
            Some(_) => {}
        }
    }

    fn open_frame(&mut self) {
        self.frame = Some(self.bytes.len());
        self.bytes.extend_from_slice(&[0; FRAME_HEADER]);
    }

    /// Ends the open frame, or takes its header away where it is too short.
    pub(super) fn close_frame(&mut self) {
        let Some(start) = self.frame.take() else { return };
        let length = self.bytes.len() - start - FRAME_HEADER;
        if length < FRAME_SMALLEST {
            self.bytes.drain(start..start + FRAME_HEADER);
            return;
        }
        let header = &mut self.bytes[start..start + FRAME_HEADER];
        header[0] = FRAME;
        header[1..].copy_from_slice(&(length as u64).to_le_bytes());
    }
}

/// Opcodes that have been written, with large contents where they lie in memory.
pub struct Pickled {
    bytes: Vec<u8>,
    pieces: Vec<(usize, Held)>,
}

impl Pickled {
    /// Opcodes that hold nothing large.
    pub fn plain(bytes: Vec<u8>) -> Self {
        Self { bytes, pieces: Vec::new() }
    }

    /// The whole, in order.
    pub fn slices(&self) -> Vec<&[u8]> {
        let mut slices = Vec::with_capacity(2 * self.pieces.len() + 1);
        let mut from = 0;
        for (at, held) in &self.pieces {
            slices.push(self.bytes.get(from..*at).unwrap_or_default());
            slices.push(held.bytes());
            from = *at;
        }
        slices.push(self.bytes.get(from..).unwrap_or_default());
        slices
    }

    /// The length of the whole in bytes.
    pub fn length(&self) -> u64 {
        self.slices().iter().map(|slice| slice.len() as u64).sum()
    }
}
