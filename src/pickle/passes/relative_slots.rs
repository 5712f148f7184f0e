//! The opcodes of a segment in a form that does not depend on the segments before it, and back.
//!
//! Two things in a segment depend on where it is: the numbers of memo slots, and the padding before large contents. In
//! the relative form there is no padding, and slots are written so:
//!
//! | slot | opcodes |
//! | --- | --- |
//! | of the segment itself | `BINGET` or `LONG_BINGET`, counted from its first slot |
//! | of a segment that it uses | `LONG_BINPUT` with that segment's number among those used, and one with the slot |
//! | 0, the module | `BINPUT 0` |
//!
//! The slot of a segment that is used counts from that segment's first one. Segments of snapcli's own files have no
//! PUT, so nothing is ambiguous. Both passes refuse what the other one could not undo. The contents of raw buffers are
//! in neither form: only the headers before them are.

use crate::pickle::format::opcode::{MemoUse, Opcode};
use crate::pickle::format::parse::{OpStep, Parser};

/// The length of an opcode with a length of eight bytes, without its contents.
const HEADER: usize = 9;
/// Contents of at least this many bytes are padded (`pickler/output.rs`).
const PADDED: u64 = 64 * 1024;
/// The contents then begin at a multiple of this many bytes.
const ALIGNMENT: u64 = 64;
/// SHORT_BINBYTES, its length byte, and the POP after it: the shortest padding.
const SHORTEST_PADDING: u64 = 3;
/// Opcodes that use no memo are passed on in stretches of about this many bytes.
pub(crate) const STRETCH: usize = 1 << 20;

/// Opcodes that have no other form: the segment must be kept as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the opcodes depend on where they are")]
pub(crate) struct NotRelative;

/// What the opcodes of a segment depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentPosition<'a> {
    /// The offset of its first byte in the file.
    pub(crate) offset: u64,
    /// Its memo slots: the first, and the one after the last.
    pub(crate) memo: (u64, u64),
    /// The memo slots of the segments that it uses.
    pub(crate) uses: &'a [(u64, u64)],
}

/// What opcodes are written to.
pub(crate) trait OpcodeSink {
    /// Takes the next bytes.
    fn put(&mut self, bytes: &[u8]);

    /// The number of bytes so far.
    fn length(&self) -> usize;

    /// Takes a long opcode, which is the same in both forms. In a file, there may be padding before it.
    fn long_opcode(&mut self, bytes: &[u8], _is_padded: bool) {
        self.put(bytes);
    }

    /// Called between two opcodes, at the latest after [`STRETCH`] bytes.
    fn between_opcodes(&mut self) {}

    /// Called where contents of this many bytes are left out.
    fn contents(&mut self, _length: u64) {}
}

impl OpcodeSink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn length(&self) -> usize {
        self.len()
    }
}

/// Compares opcodes with others, and keeps none.
pub(crate) struct OpcodeComparison<'a> {
    expected: &'a [u8],
    length: usize,
    is_same: bool,
}

impl<'a> OpcodeComparison<'a> {
    pub(crate) fn new(expected: &'a [u8]) -> Self {
        Self { expected, length: 0, is_same: true }
    }

    /// Whether all of them were the same.
    pub(crate) fn is_same(&self) -> bool {
        self.is_same && self.length == self.expected.len()
    }
}

impl OpcodeSink for OpcodeComparison<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        self.is_same &= self.expected.get(self.length..end) == Some(bytes);
        self.length = end;
    }

    fn length(&self) -> usize {
        self.length
    }
}

/// Where the contents of a raw buffer are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// How many opcode bytes precede them, with the header.
    pub(crate) at: usize,
    /// Their length in bytes.
    pub(crate) length: u64,
}

/// Turns opcodes as they are in a file into the relative form. Returns where the contents are left out there.
///
/// # Errors
/// If they have none.
pub(crate) fn to_relative<S: OpcodeSink>(
    opcodes: &[u8],
    cuts: &[Cut],
    around: SegmentPosition<'_>,
    out: &mut S,
) -> Result<Vec<Cut>, NotRelative> {
    let read = |step: &OpStep, parser: &mut PieceParser<'_>, out: &mut S| {
        push_relative(step, parser.shortest(step)?, around, out)
    };
    convert(opcodes, cuts, around.offset, out, Direction::ToRelative, read)
}

/// Turns the relative form into opcodes as they are in a file. Returns where the contents are left out there.
///
/// # Errors
/// If it is not what [`to_relative`] makes.
pub(crate) fn to_absolute<S: OpcodeSink>(
    relative: &[u8],
    cuts: &[Cut],
    around: SegmentPosition<'_>,
    out: &mut S,
) -> Result<Vec<Cut>, NotRelative> {
    let read = |step: &OpStep, parser: &mut PieceParser<'_>, out: &mut S| {
        let slot = match step.opcode {
            Opcode::BinGet | Opcode::LongBinGet => owned_slot(parser.shortest(step)?, around.memo)?,
            Opcode::BinPut if step.index == 0 => 0,
            Opcode::LongBinPut => {
                let used = usize::try_from(step.index).ok().and_then(|number| around.uses.get(number));
                let next = parser.next()?.filter(|next| next.opcode == Opcode::LongBinPut).ok_or(NotRelative)?;
                owned_slot(next.index, *used.ok_or(NotRelative)?)?
            }
            _ => return Err(NotRelative),
        };
        push_get(slot, out);
        Ok(())
    };
    convert(relative, cuts, around.offset, out, Direction::ToAbsolute, read)
}

/// The slot with this number within a segment.
fn owned_slot(number: u64, memo: (u64, u64)) -> Result<u64, NotRelative> {
    memo.0.checked_add(number).filter(|slot| *slot < memo.1).ok_or(NotRelative)
}

fn push_relative(
    step: &OpStep,
    slot: u64,
    around: SegmentPosition<'_>,
    out: &mut impl OpcodeSink,
) -> Result<(), NotRelative> {
    let (first, end) = around.memo;
    if !matches!(step.opcode, Opcode::BinGet | Opcode::LongBinGet) || slot >= end {
        return Err(NotRelative);
    }
    if slot == 0 {
        out.put(&[Opcode::BinPut.byte(), 0]);
    } else if slot >= first {
        push_get(slot - first, out);
    } else {
        let used = around.uses.iter().position(|(first, end)| (*first..*end).contains(&slot)).ok_or(NotRelative)?;
        let first = around.uses.get(used).map_or(0, |memo| memo.0);
        for number in [used as u64, slot - first] {
            out.put(&[Opcode::LongBinPut.byte()]);
            out.put(&u32::try_from(number).map_err(|_| NotRelative)?.to_le_bytes());
        }
    }
    Ok(())
}

/// Pushes a GET in its shortest form, as the pickler does. A slot number has at most four bytes there.
fn push_get(slot: u64, out: &mut impl OpcodeSink) {
    match u8::try_from(slot) {
        Ok(slot) => out.put(&[Opcode::BinGet.byte(), slot]),
        Err(_) => {
            out.put(&[Opcode::LongBinGet.byte()]);
            out.put(&u32::try_from(slot).unwrap_or(u32::MAX).to_le_bytes());
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToRelative,
    ToAbsolute,
}

/// Converts the pieces between contents. `memo_use` writes what stands for an opcode that uses the memo.
fn convert<S: OpcodeSink>(
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
    /// The offset in the file of what is written next, after this many bytes of the output.
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
struct PieceParser<'a> {
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

    fn next(&mut self) -> Result<Option<OpStep>, NotRelative> {
        let Some(step) = self.parser.step().map_err(|_| NotRelative)? else { return Ok(None) };
        self.position = usize::try_from(step.end).map_err(|_| NotRelative)?;
        match step.opcode {
            Opcode::ShortBinBytes => (self.padding, self.short_bytes) = (None, usize::try_from(step.start).ok()),
            Opcode::Pop => self.padding = self.short_bytes.take(),
            // Its padding is asked for after this call.
            Opcode::BinBytes8 | Opcode::ByteArray8 => self.short_bytes = None,
            _ => (self.padding, self.short_bytes) = (None, None),
        }
        Ok(Some(step))
    }

    /// The slot of a GET, if it has its shortest form.
    fn shortest(&self, step: &OpStep) -> Result<u64, NotRelative> {
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

    /// Copies what precedes large contents, with the padding that the direction wants.
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

    /// Copies what precedes an opcode with large contents, without its padding. `offset_of` gives the offset in the
    /// file of a byte of the piece.
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

#[cfg(test)]
mod tests {
    use super::*;

    const MEMO: (u64, u64) = (300, 900);
    const USES: [(u64, u64); 2] = [(5, 20), (250, 280)];

    fn around(offset: u64, memo: (u64, u64), uses: &[(u64, u64)]) -> SegmentPosition<'_> {
        SegmentPosition { offset, memo, uses }
    }

    /// `head`, a large bytes object, `x`, a raw buffer: as the pickler writes them at this offset.
    fn padded(offset: u64, head: &[u8]) -> (Vec<u8>, Vec<Cut>) {
        let mut out = head.to_vec();
        push_padding(offset + out.len() as u64, &mut out);
        out.push(Opcode::BinBytes8.byte());
        out.extend(70_000_u64.to_le_bytes());
        out.resize(out.len() + 70_000, 7);
        out.extend(b"K\x01");
        push_padding(offset + out.len() as u64, &mut out);
        out.push(Opcode::ByteArray8.byte());
        out.extend(80_000_u64.to_le_bytes());
        let cut = Cut { at: out.len(), length: 80_000 };
        out.extend(b"\x94s");
        (out, vec![cut])
    }

    #[test]
    fn slots_become_relative_and_absolute_again() {
        let opcodes = b"]\x94(h\x00h\x06h\xffj\x04\x01\x00\x00j\x2c\x01\x00\x00j\x2c\x02\x00\x00K\x01e";
        let mut relative = Vec::new();
        assert_eq!(to_relative(opcodes, &[], around(77, MEMO, &USES), &mut relative), Ok(Vec::new()));
        let expected: &[u8] = b"]\x94(q\x00r\x00\x00\x00\x00r\x01\x00\x00\x00r\x01\x00\x00\x00r\x05\x00\x00\x00\
            r\x01\x00\x00\x00r\x0a\x00\x00\x00h\x00j\x00\x01\x00\x00K\x01e";
        assert_eq!(relative, expected);
        let mut absolute = Vec::new();
        assert_eq!(to_absolute(&relative, &[], around(77, MEMO, &USES), &mut absolute), Ok(Vec::new()));
        assert_eq!(absolute, opcodes);
        let mut moved = Vec::new();
        let uses = [(1, 16), (16, 46)];
        assert_eq!(to_absolute(&relative, &[], around(5, (50, 650), &uses), &mut moved), Ok(Vec::new()));
        assert_eq!(moved, b"]\x94(h\x00h\x02h\x15h\x1ah\x32j\x32\x01\x00\x00K\x01e");
    }

    #[test]
    fn padding_follows_the_offset() {
        let bases: Vec<(Vec<u8>, Vec<Cut>)> = (0..64)
            .map(|offset| {
                let (opcodes, cuts) = padded(offset, b"\x8c\x01x");
                let mut relative = Vec::new();
                let found = to_relative(&opcodes, &cuts, around(offset, MEMO, &[]), &mut relative);
                (relative, found.expect("a relative form"))
            })
            .collect();
        for (offset, (relative, cuts)) in bases.iter().enumerate() {
            assert!((relative, cuts) == (&bases[0].0, &bases[0].1), "{offset}");
            let mut absolute = Vec::new();
            let found = to_absolute(relative, cuts, around(offset as u64, MEMO, &[]), &mut absolute);
            assert!(
                (found, absolute) == (Ok(padded(offset as u64, b"\x8c\x01x").1), padded(offset as u64, b"\x8c\x01x").0)
            );
        }
    }

    #[test]
    fn opcodes_that_only_look_like_padding_stay() {
        for offset in 0..130 {
            let (opcodes, cuts) = padded(offset, b"C\x01\x000");
            let mut relative = Vec::new();
            let found =
                to_relative(&opcodes, &cuts, around(offset, MEMO, &[]), &mut relative).expect("a relative form");
            let mut absolute = Vec::new();
            let back = to_absolute(&relative, &found, around(offset, MEMO, &[]), &mut absolute);
            assert!((back, &absolute) == (Ok(cuts), &opcodes), "{offset}");
        }
    }

    #[test]
    fn what_cannot_be_undone_is_refused() {
        let refused = |opcodes: &[u8]| to_relative(opcodes, &[], around(0, MEMO, &USES), &mut Vec::new()).is_err();
        // PUT, a GET that is too long, the text form, a slot of no used segment, a slot that is not filled yet.
        for opcodes in
            [&b"]q\x05"[..], b"j\x05\x00\x00\x00", b"g5\n", b"h\x03", b"j\x84\x03\x00\x00", b"\xff", b"C\x05"]
        {
            assert!(refused(opcodes), "{opcodes:?}");
        }
        let wrong = |opcodes: &[u8]| to_absolute(opcodes, &[], around(0, MEMO, &USES), &mut Vec::new()).is_err();
        for opcodes in
            [&b"q\x01"[..], b"r\x02\x00\x00\x00r\x00\x00\x00\x00", b"r\x00\x00\x00\x00", b"r\x00\x00\x00\x00h\x01"]
        {
            assert!(wrong(opcodes), "{opcodes:?}");
        }
        assert!(wrong(b"r\x00\x00\x00\x00r\x0f\x00\x00\x00") && wrong(b"j\x58\x02\x00\x00"));
        let cut = [Cut { at: 3, length: 1 }];
        assert!(to_absolute(b"K\x01s", &cut, around(0, MEMO, &USES), &mut Vec::new()).is_err());
    }
}
