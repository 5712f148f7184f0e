//! The layout of a variable's segment, and which of its bytes are fed to an unpickler. No other code knows either.
//!
//! A segment is the name, the value and SETITEM; segments that are not variables have other opcodes around their value
//! ([`frame`]). The contents of raw buffers are between the opcodes of the value, each after BYTEARRAY8 or BINBYTES8
//! and a length of 8 bytes. A load feeds only the value to the unpickler, with NEXT_BUFFER instead of each raw buffer:
//! it takes the memory that the contents were read into.
//!
//! Of a variable that is not wanted itself, a load feeds only the opcodes of the objects that others share
//! ([`DividedSegment`]).
//!
//! The security check judges the same [`UnpicklerInput`] that the loader will feed; integrity, verify, diff and the
//! round trip use the same [`VariableSegment`]. So all of them see the same bytes.

mod frame;
mod load_sequence;
mod part_input;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use load_sequence::LoadSequence;
pub(crate) use part_input::{DividedSegment, SegmentObjects};
use thiserror::Error;

pub(super) use self::frame::SegmentFrame;
#[cfg(feature = "python")]
pub(crate) use self::frame::module_and_name;
use super::index::{Index, SegmentRole, StoredBuffer, Variable};
use super::layout::RAW_HEADER;
use crate::pickle::format::opcode::{MemoUse, Opcode};
use crate::pickle::format::parse::{Argument, Op};
use crate::pickle::machine::SegmentRange as MachineSegment;

/// Values up to this length, in bytes, go into one frame: the unpickler is fastest when a single read gives it all. It
/// reads longer ones piece by piece, which shows how far it has come.
const MAX_FRAME: usize = 1 << 20;

/// The index gives a variable a range of bytes that cannot be right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the index gives variable {name} an impossible range at byte {at}")]
pub struct SegmentError {
    /// The variable.
    pub name: String,
    /// Where its segment begins, in bytes from the start of the file.
    pub at: u64,
}

/// The ranges of the parts of a variable's segment. They are in order, do not overlap and fit into memory; whether the
/// file is long enough is checked when its bytes are read.
#[derive(Clone, Debug)]
pub struct VariableSegment<'v> {
    variable: &'v Variable,
    role: SegmentRole,
    frame: SegmentFrame,
    /// Name, value and SETITEM, in bytes from the start of the file.
    range: Range<usize>,
    /// The value alone, with the headers and contents of its raw buffers.
    value: Range<usize>,
    buffers: Vec<RawBuffer>,
}

#[derive(Clone, Debug)]
struct RawBuffer {
    /// Where its opcode begins.
    header: usize,
    contents: Range<usize>,
    writable: bool,
}

/// A part of a segment, as a range of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentPart {
    /// Opcodes: among them the name, the headers of raw buffers, and SETITEM.
    Opcodes(Range<usize>),
    /// The contents of a raw buffer.
    Contents(Range<usize>),
}

impl<'v> VariableSegment<'v> {
    /// Cuts the segment of a variable.
    ///
    /// # Errors
    /// If ranges overlap, are out of order, leave the segment or overflow.
    pub fn new(variable: &'v Variable) -> Result<Self, SegmentError> {
        Self::of(SegmentRole::Variable, variable)
    }

    /// Cuts a segment that may have another role.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn of(role: SegmentRole, variable: &'v Variable) -> Result<Self, SegmentError> {
        Self::cut(role, variable).ok_or_else(|| SegmentError { name: variable.name.clone(), at: variable.offset })
    }

    /// All segments of a file.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn all(index: &'v Index) -> Result<Vec<Self>, SegmentError> {
        index.segments().map(|(role, variable)| Self::of(role, variable)).collect()
    }

    fn cut(role: SegmentRole, variable: &'v Variable) -> Option<Self> {
        let start = usize::try_from(variable.offset).ok()?;
        let end = start.checked_add(usize::try_from(variable.length).ok()?)?;
        // The name is not stored in the index as a range: its opcodes are known.
        let frame = SegmentFrame::new(role, &variable.name);
        let value = start.checked_add(frame.head.len())?..end.checked_sub(frame.tail.len())?;
        let mut free_from = value.start;
        let mut buffers = Vec::with_capacity(variable.buffers.len());
        for buffer in &variable.buffers {
            let buffer = RawBuffer::cut(buffer).filter(|buffer| buffer.header >= free_from)?;
            free_from = buffer.contents.end;
            buffers.push(buffer);
        }
        // This covers segments that are too short for their name, too.
        (free_from <= value.end).then_some(Self { variable, role, frame, range: start..end, value, buffers })
    }

    /// The variable.
    pub fn variable(&self) -> &'v Variable {
        self.variable
    }

    /// The purpose of the segment.
    pub fn role(&self) -> SegmentRole {
        self.role
    }

    /// The range of the segment, in bytes from the start of the file.
    pub fn range(&self) -> Range<u64> {
        as_offsets(&self.range)
    }

    /// The range of the opcodes before the value, which have the name.
    pub(in crate::snapshot) fn head(&self) -> Range<u64> {
        let start = self.range().start;
        start..start.saturating_add(self.frame.head.len() as u64).min(self.range().end)
    }

    /// The range of the value alone, likewise.
    pub(crate) fn value(&self) -> Range<u64> {
        as_offsets(&self.value)
    }

    /// Whether the segment begins with the name of the variable, as the frame of its role writes it.
    pub(crate) fn has_name(&self, file: &[u8]) -> bool {
        self.bytes(file).is_some_and(|segment| segment.starts_with(&self.frame.head))
    }

    /// The bytes of the segment, as they are in the file. `None` if the file is too short.
    pub fn bytes<'f>(&self, file: &'f [u8]) -> Option<&'f [u8]> {
        file.get(self.range.clone())
    }

    /// The segment for the symbolic machine, which reads it from the file with name, buffers and SETITEM, and without
    /// other opcodes around these.
    pub fn for_machine(&self) -> MachineSegment {
        let Range { start, end } = self.range();
        let (before, after) = SegmentFrame::around(self.role, &self.variable.name);
        MachineSegment {
            start: start.saturating_add(before),
            end: end.saturating_sub(after),
            memo: self.variable.memo.0,
        }
    }

    /// The bytes between the opcodes of the frame, from the bytes of the segment. `None` if the frame does not match
    /// the role and the name.
    pub(crate) fn value_within<'f>(&self, segment: &'f [u8]) -> Option<&'f [u8]> {
        segment.strip_prefix(self.frame.head.as_slice())?.strip_suffix(self.frame.tail)
    }

    /// The parts of the segment in their order; ranges of opcodes can be empty.
    pub fn parts(&self) -> impl Iterator<Item = SegmentPart> + '_ {
        let ends = self.buffers.iter().map(|buffer| buffer.contents.end);
        let starts = std::iter::once(self.range.start).chain(ends);
        let contents = self.buffers.iter().map(|buffer| Some(buffer.contents.clone())).chain([None]);
        starts.zip(contents).flat_map(|(start, contents)| {
            let end = contents.as_ref().map_or(self.range.end, |contents| contents.start);
            [Some(SegmentPart::Opcodes(start..end)), contents.map(SegmentPart::Contents)].into_iter().flatten()
        })
    }

    /// The ranges of the contents of the raw buffers, in order.
    pub fn contents(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.buffers.iter().map(|buffer| buffer.contents.clone())
    }

    /// The lengths of the contents of the raw buffers, and whether Python may write to them.
    pub(crate) fn buffer_facts(&self) -> impl Iterator<Item = (u64, bool)> + '_ {
        self.buffers.iter().map(|buffer| (buffer.contents.len() as u64, buffer.writable))
    }

    /// The ranges of the opcodes: all of the segment except the contents of raw buffers.
    pub fn opcode_ranges(&self) -> Vec<Range<u64>> {
        let opcodes = |part| match part {
            SegmentPart::Opcodes(range) => Some(as_offsets(&range)),
            SegmentPart::Contents(_) => None,
        };
        self.parts().filter_map(opcodes).filter(|range| !range.is_empty()).collect()
    }

    /// The input from which an unpickler makes the value. It takes the memory of the raw buffers in order.
    pub fn input(&self) -> UnpicklerInput {
        let mut pieces = Vec::with_capacity(2 * self.buffers.len() + 1);
        let mut from = self.value.start;
        for buffer in &self.buffers {
            pieces.push(InputPiece::File(from..buffer.header));
            let opcodes = [Opcode::NextBuffer as u8, Opcode::ReadonlyBuffer as u8];
            // READONLY_BUFFER makes the buffer that NEXT_BUFFER pushed read-only.
            let opcodes = if buffer.writable { &opcodes[..1] } else { &opcodes[..] };
            pieces.push(InputPiece::Opcodes(opcodes.to_vec()));
            from = buffer.contents.end;
        }
        pieces.push(InputPiece::File(from..self.value.end));
        UnpicklerInput { pieces }
    }

    /// The segment with NEXT_BUFFER instead of its raw buffers: the input of an unpickler between name and SETITEM.
    /// `None` if the file is too short.
    pub fn as_loaded<'f>(&self, file: &'f [u8]) -> Option<Cow<'f, [u8]>> {
        let SegmentFrame { head, tail, .. } = &self.frame;
        let in_file = self.bytes(file)?;
        // Without raw buffers, a segment as it should be need not be copied: it can hold a very large `bytes` object.
        if self.buffers.is_empty() && in_file.starts_with(head) && in_file.ends_with(tail) {
            return Some(Cow::Borrowed(in_file));
        }
        let mut opcodes = head.clone();
        self.input().copy_to(&mut opcodes, file)?;
        opcodes.extend_from_slice(tail);
        Some(Cow::Owned(opcodes))
    }
}

impl RawBuffer {
    fn cut(buffer: &StoredBuffer) -> Option<Self> {
        let start = usize::try_from(buffer.offset).ok()?;
        let end = start.checked_add(usize::try_from(buffer.length).ok()?)?;
        let header = start.checked_sub(usize::try_from(RAW_HEADER).ok()?)?;
        Some(Self { header, contents: start..end, writable: buffer.writable })
    }
}

fn as_offsets(range: &Range<usize>) -> Range<u64> {
    range.start as u64..range.end as u64
}

/// A piece of the input of an unpickler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputPiece {
    /// Opcodes that are not in the file.
    Opcodes(Vec<u8>),
    /// A range of the file.
    File(Range<usize>),
}

/// The part of a variable that is loaded.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// Nothing: later variables find None in its slots.
    Nothing,
    /// Its value, and with it all objects in its slots.
    Whole,
    /// Some objects in its slots, which other variables share.
    Objects(SegmentObjects),
}

/// The input of an unpickler for one load: opcodes that leave one object on the stack, without PROTO and STOP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnpicklerInput {
    pieces: Vec<InputPiece>,
}

impl UnpicklerInput {
    fn of_opcodes(opcodes: Vec<u8>) -> Self {
        Self { pieces: vec![InputPiece::Opcodes(opcodes)] }
    }

    /// Fills slots of the memo with objects, which NEXT_BUFFER takes one after the other: for a new unpickler that
    /// replaces another one. The unpickler does not check that these are buffers.
    pub fn filled_slots(slots: usize) -> Self {
        let mut opcodes = Vec::with_capacity(slots.saturating_mul(3).saturating_add(1));
        for _ in 0..slots {
            opcodes.extend([Opcode::NextBuffer as u8, Opcode::Memoize as u8, Opcode::Pop as u8]);
        }
        opcodes.push(Opcode::None as u8);
        Self::of_opcodes(opcodes)
    }

    /// The input as a complete pickle.
    pub fn into_pickle(self) -> Vec<InputPiece> {
        let mut head = vec![Opcode::Proto as u8, 5];
        if let [InputPiece::File(range)] = self.pieces.as_slice()
            && (1..=MAX_FRAME).contains(&range.len())
        {
            head.push(Opcode::Frame as u8);
            head.extend((range.len() as u64).to_le_bytes());
        }
        let mut pickle = vec![InputPiece::Opcodes(head)];
        pickle.extend(self.pieces);
        pickle.push(InputPiece::Opcodes(vec![Opcode::Stop as u8]));
        pickle
    }

    /// Appends the opcodes. `None` if the file is too short.
    fn copy_to(&self, out: &mut Vec<u8>, file: &[u8]) -> Option<()> {
        for piece in &self.pieces {
            match piece {
                InputPiece::Opcodes(opcodes) => out.extend_from_slice(opcodes),
                InputPiece::File(range) => out.extend_from_slice(file.get(range.clone())?),
            }
        }
        Some(())
    }
}

/// Several inputs, one after the other in memory, for a load that builds only checked objects. Each input leaves one
/// object.
#[derive(Debug)]
pub(crate) struct JoinedInputs<'f> {
    file: &'f [u8],
    opcodes: Vec<u8>,
}

/// Where an input was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinedInput {
    /// The range of its opcodes.
    pub(crate) range: Range<usize>,
    /// The offsets of the NEXT_BUFFERs that replace raw buffers of the file.
    pub(crate) buffers: Vec<usize>,
}

impl<'f> JoinedInputs<'f> {
    /// Without inputs yet. Their ranges refer to `file`.
    pub(crate) fn new(file: &'f [u8]) -> Self {
        Self { file, opcodes: Vec::new() }
    }

    /// Appends an input. `None` if the file is too short.
    pub(crate) fn push(&mut self, input: &UnpicklerInput) -> Option<JoinedInput> {
        let start = self.opcodes.len();
        let mut buffers = Vec::new();
        for piece in &input.pieces {
            match piece {
                InputPiece::Opcodes(opcodes) => {
                    if opcodes.first() == Some(&Opcode::NextBuffer.byte()) {
                        buffers.push(self.opcodes.len());
                    }
                    self.opcodes.extend_from_slice(opcodes);
                }
                InputPiece::File(range) => self.opcodes.extend_from_slice(self.file.get(range.clone())?),
            }
        }
        Some(JoinedInput { range: start..self.opcodes.len(), buffers })
    }

    pub(crate) fn opcodes(&self) -> &[u8] {
        &self.opcodes
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.opcodes
    }
}

/// Compares the opcodes of a segment in the file with the index: a load drops name, headers and SETITEM without reading
/// them.
#[derive(Debug)]
pub(crate) struct SegmentCheck<'s> {
    segment: &'s VariableSegment<'s>,
    /// Raw buffers whose opcodes have not come yet.
    buffers: std::iter::Peekable<std::slice::Iter<'s, RawBuffer>>,
    last: Option<Opcode>,
}

/// The fault of a segment that has no value, or more than one.
pub(crate) const NO_SINGLE_VALUE: &str = "the segment does not end after a single value";

/// A fault in a segment: the offset in the file, and the problem in words.
pub(crate) type SegmentFault = (u64, &'static str);

impl<'s> SegmentCheck<'s> {
    /// A check that has seen no opcodes.
    pub(crate) fn new(segment: &'s VariableSegment<'s>) -> Self {
        Self { segment, buffers: segment.buffers.iter().peekable(), last: None }
    }

    /// Checks the next opcode.
    ///
    /// # Errors
    /// If it is not the raw buffer that it should be, or fills a slot by its number.
    pub(crate) fn step(&mut self, op: &Op<'_>) -> Result<(), SegmentFault> {
        // A buffer whose contents begin before the end of this opcode must be exactly its argument.
        let starts_before_end = |buffer: &&RawBuffer| (buffer.contents.start as u64) < op.end;
        if let Argument::Bytes(contents) = op.argument
            && let Some(buffer) = self.buffers.next_if(starts_before_end)
        {
            let found = op.end.saturating_sub(contents.len() as u64)..op.end;
            let is_writable = op.opcode == Opcode::ByteArray8;
            let has_header = found.start.saturating_sub(op.start) == RAW_HEADER;
            if as_offsets(&buffer.contents) != found || buffer.writable != is_writable || !has_header {
                return Err((buffer.contents.start as u64, "the buffer here does not match the index"));
            }
        }
        // Any other opcode could fill the slots of another variable.
        if op.opcode.memo() == MemoUse::Writes && op.opcode != Opcode::Memoize {
            return Err((op.start, "a memo slot is filled by its number here"));
        }
        self.last = Some(op.opcode);
        Ok(())
    }

    /// Checks that the segment is complete.
    ///
    /// # Errors
    /// If a raw buffer is missing, or the last opcode is not SETITEM.
    pub(crate) fn finish(mut self) -> Result<(), SegmentFault> {
        match self.buffers.next() {
            Some(buffer) => Err((buffer.contents.start as u64, "the index lists a buffer here, but there is none")),
            None if self.segment.frame.tail.last().copied() == self.last.map(|opcode| opcode as u8) => Ok(()),
            None => Err((self.segment.range.end as u64, NO_SINGLE_VALUE)),
        }
    }
}

#[cfg(test)]
mod segment_tests;
