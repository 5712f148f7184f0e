//! Checks that a relative form can be undone, while it is made. So neither the form nor the opcodes made of it are held
//! as a whole, which would take the memory of a long segment twice.
//!
//! [`to_relative`](super::relative_slots::to_relative) writes to a [`CheckedForm`], which turns some opcodes at a time
//! back into the opcodes of the file, and compares them.

use super::opcode_sink::{OpcodeComparison, OpcodeSink, STRETCH};
use super::relative_pieces::push_padding;
use super::relative_slots::{Cut, NotRelative, SegmentPosition, to_absolute, to_relative};

/// Turns opcodes into the relative form, as `to_relative` does, and checks that it can be undone.
///
/// # Errors
/// If there is no such form. The bytes that `out` has got are useless then.
pub(crate) fn to_checked_relative<S: OpcodeSink>(
    opcodes: &[u8],
    cuts: &[Cut],
    around: SegmentPosition<'_>,
    out: &mut S,
) -> Result<Vec<Cut>, NotRelative> {
    let mut checked = CheckedForm {
        out,
        around,
        again: OpcodeComparison::new(opcodes),
        cuts,
        contents: 0,
        pending: Vec::new(),
        is_same: true,
    };
    let found = to_relative(opcodes, cuts, around, &mut checked)?;
    checked.undo(None);
    let is_same = checked.is_same && checked.cuts.is_empty() && checked.again.is_same();
    if is_same { Ok(found) } else { Err(NotRelative) }
}

struct CheckedForm<'a, S> {
    out: &'a mut S,
    around: SegmentPosition<'a>,
    /// Compares the opcodes that the form is turned back into with those of the file.
    again: OpcodeComparison<'a>,
    /// Where contents are left out in the opcodes of the file, as far as they are not compared yet.
    cuts: &'a [Cut],
    /// The bytes of the contents so far.
    contents: u64,
    /// Opcodes that are not turned back yet: whole ones, whenever `between_opcodes` is called.
    pending: Vec<u8>,
    is_same: bool,
}

impl<S: OpcodeSink> CheckedForm<'_, S> {
    /// The offset in the file of the next byte.
    fn offset(&self) -> u64 {
        self.around.offset.saturating_add(self.contents).saturating_add(self.again.length() as u64)
    }

    /// Turns the pending opcodes back. If they end with a header, `contents` is the length of its contents.
    fn undo(&mut self, contents: Option<u64>) {
        let cut = contents.map(|length| Cut { at: self.pending.len(), length });
        let around = SegmentPosition { offset: self.offset(), ..self.around };
        self.is_same &= to_absolute(&self.pending, cut.as_slice(), around, &mut self.again).is_ok();
        self.pending.clear();
        if let Some(length) = contents {
            let found = Cut { at: self.again.length(), length };
            self.is_same &= self.cuts.split_off_first() == Some(&found);
            self.contents = self.contents.saturating_add(length);
        }
    }
}

impl<S: OpcodeSink> OpcodeSink for CheckedForm<'_, S> {
    fn put(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.out.put(bytes);
    }

    fn length(&self) -> usize {
        self.out.length()
    }

    fn long_opcode(&mut self, bytes: &[u8], is_padded: bool) {
        self.undo(None);
        if is_padded {
            push_padding(self.offset(), &mut self.again);
        }
        self.again.put(bytes);
        self.out.put(bytes);
    }

    fn between_opcodes(&mut self) {
        if self.pending.len() >= STRETCH {
            self.undo(None);
        }
    }

    fn contents(&mut self, length: u64) {
        self.undo(Some(length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::format::opcode::Opcode;

    const MEMO: (u64, u64) = (300, 900);
    const USES: [(u64, u64); 2] = [(5, 20), (250, 280)];

    /// Opcodes of about this many bytes between two references, a long string, a long bytes object, a raw buffer.
    fn long_segment(offset: u64, stretch: usize) -> (Vec<u8>, Vec<Cut>) {
        let mut out = b"]\x94(h\x00h\x06".to_vec();
        for count in 0..stretch / 7 {
            out.extend([Opcode::ShortBinBytes.byte(), 3, count as u8, b'h', 0, Opcode::Memoize.byte()]);
            out.push(if count % 5 == 0 { Opcode::Pop.byte() } else { Opcode::None.byte() });
        }
        out.extend(b"j\x04\x01\x00\x00j\x2c\x02\x00\x00");
        out.push(Opcode::BinUnicode.byte());
        out.extend((2 * STRETCH as u32).to_le_bytes());
        out.resize(out.len() + 2 * STRETCH, b'h');
        for length in [70_000, 3 * STRETCH] {
            push_padding(offset + out.len() as u64, &mut out);
            out.push(Opcode::BinBytes8.byte());
            out.extend((length as u64).to_le_bytes());
            out.resize(out.len() + length, 7);
        }
        push_padding(offset + out.len() as u64, &mut out);
        out.push(Opcode::ByteArray8.byte());
        out.extend(80_001_u64.to_le_bytes());
        let cut = Cut { at: out.len(), length: 80_001 };
        push_padding(offset + 80_001 + out.len() as u64, &mut out);
        out.push(Opcode::BinBytes8.byte());
        out.extend(80_000_u64.to_le_bytes());
        let cuts = vec![cut, Cut { at: out.len(), length: 80_000 }];
        out.extend(b"\x94h\xff");
        (out, cuts)
    }

    #[test]
    fn long_segments_are_checked_piece_by_piece() {
        for (offset, stretch) in [(0, 50), (77, STRETCH), (1 << 40, 5 * STRETCH)] {
            let (opcodes, cuts) = long_segment(offset, stretch);
            let around = SegmentPosition { offset, memo: MEMO, uses: &USES };
            let (mut whole, mut checked) = (Vec::new(), Vec::new());
            let expected = to_relative(&opcodes, &cuts, around, &mut whole);
            assert!(expected.is_ok(), "{offset}");
            assert_eq!(to_checked_relative(&opcodes, &cuts, around, &mut checked), expected, "{offset}");
            assert!(whole == checked && whole != opcodes, "{offset}");
            let mut back = Vec::new();
            assert_eq!(to_absolute(&checked, &expected.expect("a form"), around, &mut back), Ok(cuts));
            assert!(back == opcodes, "{offset}");
        }
    }

    #[test]
    fn a_form_that_cannot_be_undone_is_refused_wherever_that_shows() {
        let (opcodes, cuts) = long_segment(5, STRETCH);
        let around = SegmentPosition { offset: 5, memo: MEMO, uses: &USES };
        // A PUT, which no segment of ours has.
        for at in [7, opcodes.len() - 3] {
            let mut broken = opcodes.clone();
            broken.splice(at..at, *b"q\x05");
            let moved = |cut: &Cut| Cut { at: if cut.at > at { cut.at + 2 } else { cut.at }, ..*cut };
            let moved: Vec<Cut> = cuts.iter().map(moved).collect();
            assert!(to_checked_relative(&broken, &moved, around, &mut Vec::new()).is_err(), "{at}");
        }
        // The padding belongs to another offset.
        let elsewhere = SegmentPosition { offset: 6, ..around };
        assert!(to_checked_relative(&opcodes, &cuts, elsewhere, &mut Vec::new()).is_err());
    }
}
