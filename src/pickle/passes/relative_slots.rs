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
//! PUT, so nothing is ambiguous. Each conversion refuses opcodes that the other one could not restore. The contents of
//! raw buffers are in neither form: only the headers before them are.

pub(crate) use super::opcode_sink::OpcodeSink;
use super::relative_pieces::{Direction, PieceParser, convert};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::OpStep;

/// Opcodes that have no other form: the segment must be kept as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the opcodes depend on where they are")]
pub(crate) struct NotRelative;

/// The position of a segment, which its opcodes depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentPosition<'a> {
    /// The offset of its first byte in the file.
    pub(crate) offset: u64,
    /// Its memo slots: the first, and the one after the last.
    pub(crate) memo: (u64, u64),
    /// The memo slots of the segments that it uses.
    pub(crate) uses: &'a [(u64, u64)],
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
/// If it is not a form that [`to_relative`] makes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::passes::relative_pieces::push_padding;

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
