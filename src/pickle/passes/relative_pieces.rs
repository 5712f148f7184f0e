//! Converts the opcodes between the contents of raw buffers, piece by piece: copies opcodes that are the same in both
//! forms, adds or removes padding, and leaves opcodes that use the memo to the caller.
//!
//! Padding is `SHORT_BINBYTES`, zeros and `POP` before large contents, which are aligned in the file.

use super::opcode_sink::{OpcodeSink, STRETCH};
use super::relative_slots::{Cut, NotRelative};
use crate::pickle::format::opcode::{MemoUse, Opcode};
use crate::pickle::format::parse::{OpStep, Parser};

/// The bytes of an opcode before its contents, if their length takes eight bytes.
const HEADER: usize = 9;
/// Contents of at least this many bytes are padded (`pickler/output.rs`).
const PADDED: u64 = 64 * 1024;
/// The contents then begin at a multiple of this many bytes.
const ALIGNMENT: u64 = 64;
/// SHORT_BINBYTES, its length byte, and the POP after it: the shortest padding.
const SHORTEST_PADDING: u64 = 3;

/// Which form is converted to which.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    ToRelative,
    ToAbsolute,
}

/// Converts the pieces between contents. `memo_use` writes the other form of an opcode that uses the memo.
pub(super) fn convert<S: OpcodeSink>(
    opcodes: &[u8],
    cuts: &[Cut],
    offset: u64,
    out: &mut S,
    direction: Direction,
    mut memo_use: impl FnMut(&OpStep, &mut PieceParser<'_>, &mut S) -> Result<(), NotRelative>,
) -> Result<Vec<Cut>, NotRelative> {
    let mut place = PiecePlace { offset, before: 0, base: out.length() };
    let mut found = Vec::with_capacity(cuts.len());
    for cut in cuts.iter().map(Some).chain([None]) {
        let end = cut.map_or(opcodes.len(), |cut| cut.at);
        let piece = opcodes.get(place.before..end).ok_or(NotRelative)?;
        // The header of a raw buffer has no contents here, so it is no opcode to the parser.
        let header = if cut.is_some() { HEADER } else { 0 };
        let (body, header) = piece.split_at_checked(piece.len().wrapping_sub(header)).ok_or(NotRelative)?;
        let mut piece = PieceParser::new(body);
        while let Some(step) = piece.next()? {
            if step.opcode.memo() != MemoUse::Unused && step.opcode != Opcode::Memoize {
                piece.copy_up_to(step.start, out)?;
                memo_use(&step, &mut piece, out)?;
                piece.copied = piece.position;
                out.between_opcodes();
            } else {
                piece.pass_on(&step, place, direction, out)?;
            }
        }
        match cut {
            Some(_) => piece.copy_before_contents(body.len() as u64, place, direction, out)?,
            None => piece.copy_up_to(body.len() as u64, out)?,
        }
        out.put(header);
        if let Some(cut) = cut {
            out.contents(cut.length);
            found.push(Cut { at: out.length() - place.base, length: cut.length });
            place.offset = place.offset.saturating_add(cut.length);
        }
        place.before = end;
    }
    Ok(found)
}

/// Where a piece between contents is.
#[derive(Clone, Copy)]
struct PiecePlace {
    /// The offset of the segment in the file, moved by the contents before the piece.
    offset: u64,
    /// How many bytes of the opcodes precede the piece.
    before: usize,
    /// How many bytes of the output precede the segment.
    base: usize,
}

impl PiecePlace {
    /// The offset in the file of the next byte that is written, after this many bytes of the output.
    fn of_output(&self, length: usize) -> u64 {
        self.offset.saturating_add(length.saturating_sub(self.base) as u64)
    }

    /// The offset in the file of a byte of the piece.
    fn of_input(&self, start: usize) -> u64 {
        self.offset.saturating_add(self.before as u64).saturating_add(start as u64)
    }
}

/// Whether an opcode has contents that the pickler pads.
fn is_padded(step: &OpStep) -> bool {
    matches!(step.opcode, Opcode::BinBytes8 | Opcode::ByteArray8)
        && step.end.saturating_sub(step.start) >= PADDED + HEADER as u64
}

/// Appends the padding of an opcode that would begin at this offset in the file.
pub(super) fn push_padding(offset: u64, out: &mut impl OpcodeSink) {
    let contents = offset.saturating_add(HEADER as u64);
    let mut gap = contents.checked_next_multiple_of(ALIGNMENT).unwrap_or(contents).saturating_sub(contents);
    if gap == 0 {
        return;
    }
    if gap < SHORTEST_PADDING {
        gap += ALIGNMENT;
    }
    let zeros = (gap - SHORTEST_PADDING) as u8;
    out.put(&[Opcode::ShortBinBytes.byte(), zeros]);
    out.put([0; 2 * ALIGNMENT as usize].get(..usize::from(zeros)).unwrap_or_default());
    out.put(&[Opcode::Pop.byte()]);
}

/// The opcodes between two raw buffers.
pub(super) struct PieceParser<'a> {
    bytes: &'a [u8],
    parser: Parser<'a>,
    /// Where the next opcode begins.
    position: usize,
    /// How much of the bytes was copied to the output.
    copied: usize,
    /// Where the last two opcodes begin, if they may be padding.
    padding: Option<usize>,
    /// Where the last opcode begins, if it is SHORT_BINBYTES.
    short_bytes: Option<usize>,
}

impl<'a> PieceParser<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let parser = Parser::segment(bytes, 0);
        Self { bytes, parser, position: 0, copied: 0, padding: None, short_bytes: None }
    }

    pub(super) fn next(&mut self) -> Result<Option<OpStep>, NotRelative> {
        let Some(step) = self.parser.step().map_err(|_| NotRelative)? else { return Ok(None) };
        self.position = usize::try_from(step.end).map_err(|_| NotRelative)?;
        match step.opcode {
            Opcode::ShortBinBytes => (self.padding, self.short_bytes) = (None, usize::try_from(step.start).ok()),
            Opcode::Pop => self.padding = self.short_bytes.take(),
            // The caller needs its padding after this call.
            Opcode::BinBytes8 | Opcode::ByteArray8 => self.short_bytes = None,
            _ => (self.padding, self.short_bytes) = (None, None),
        }
        Ok(Some(step))
    }

    /// The slot of a GET, if it has its shortest form.
    pub(super) fn shortest(&self, step: &OpStep) -> Result<u64, NotRelative> {
        let is_short = step.index <= u64::from(u8::MAX);
        if is_short == (step.opcode == Opcode::BinGet) { Ok(step.index) } else { Err(NotRelative) }
    }

    fn copy_up_to(&mut self, end: u64, out: &mut impl OpcodeSink) -> Result<(), NotRelative> {
        let end = usize::try_from(end).map_err(|_| NotRelative)?;
        out.put(self.bytes.get(self.copied..end).ok_or(NotRelative)?);
        self.copied = end;
        Ok(())
    }

    /// Copies an opcode that does not use the memo, or leaves it to the next copy.
    fn pass_on(
        &mut self,
        step: &OpStep,
        place: PiecePlace,
        direction: Direction,
        out: &mut impl OpcodeSink,
    ) -> Result<(), NotRelative> {
        let is_padded = is_padded(step);
        if is_padded {
            self.copy_before_contents(step.start, place, direction, out)?;
        }
        if step.end.saturating_sub(step.start) >= STRETCH as u64 {
            self.copy_up_to(step.start, out)?;
            out.long_opcode(self.bytes.get(self.copied..self.position).ok_or(NotRelative)?, is_padded);
            self.copied = self.position;
        } else if self.position - self.copied >= STRETCH && self.padding.is_none() && self.short_bytes.is_none() {
            self.copy_up_to(step.end, out)?;
            out.between_opcodes();
        }
        Ok(())
    }

    /// Copies the opcodes before large contents, with the padding of the form that is written.
    fn copy_before_contents(
        &mut self,
        end: u64,
        place: PiecePlace,
        direction: Direction,
        out: &mut impl OpcodeSink,
    ) -> Result<(), NotRelative> {
        match direction {
            Direction::ToRelative => self.without_padding(end, &|start| place.of_input(start), out),
            Direction::ToAbsolute => {
                self.copy_up_to(end, out)?;
                push_padding(place.of_output(out.length()), out);
                Ok(())
            }
        }
    }

    /// Copies the opcodes before one with large contents, without its padding. `offset_of` gives the offset in the file
    /// of a byte of the piece.
    fn without_padding(
        &mut self,
        end: u64,
        offset_of: &dyn Fn(usize) -> u64,
        out: &mut impl OpcodeSink,
    ) -> Result<(), NotRelative> {
        let end = usize::try_from(end).map_err(|_| NotRelative)?;
        let start = self.padding.take().unwrap_or(end);
        let mut expected = Vec::new();
        push_padding(offset_of(start), &mut expected);
        if self.bytes.get(start..end) == Some(&expected) {
            self.copy_up_to(start as u64, out)?;
        } else {
            // The opcodes before it may only look like padding.
            expected.clear();
            push_padding(offset_of(end), &mut expected);
            if !expected.is_empty() {
                return Err(NotRelative);
            }
            self.copy_up_to(end as u64, out)?;
        }
        self.copied = end;
        Ok(())
    }
}
