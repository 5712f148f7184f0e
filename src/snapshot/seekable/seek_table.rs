//! The seek table: a skippable frame with the lengths of all frames before it.
//!
//! | bytes | contents |
//! | --- | --- |
//! | 4 | 0x184D2A5E, a skippable frame |
//! | 4 | the length of all that follows |
//! | 8 or 12 each | of each frame: its length, the length of its data, and a checksum if the descriptor says so |
//! | 4 | the number of frames |
//! | 1 | the descriptor: bit 7 for checksums, bits 6 to 2 zero |
//! | 4 | 0x8F92EAB1 |
//!
//! Numbers are little-endian. The frames have checksums of their own, so the table is written without.

use std::ops::Range;

/// How the frame of a seek table begins.
pub(in crate::snapshot) const SKIPPABLE: u32 = 0x184D_2A5E;
const SEEKABLE: u32 = 0x8F92_EAB1;
const HEAD: u64 = 8;
const FOOTER: u64 = 9;
const CHECKSUMS: u8 = 0x80;
const RESERVED: u8 = 0x7c;
/// The most frames of a file; the format allows more. With frames of 1 MiB, that is 4 TiB of data.
const MAX_FRAMES: u32 = 1 << 22;
/// A frame has at least a header of six bytes, and a block.
const LEAST_FRAME: u32 = 9;

/// A frame: where it is in the file, and its data in all data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeekFrame {
    pub(super) packed: Range<u64>,
    pub(super) data: Range<u64>,
}

/// All frames, in order and without gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeekTable(Vec<SeekFrame>);

impl SeekTable {
    pub(super) fn frames(&self) -> &[SeekFrame] {
        &self.0
    }

    /// Where the frames end in the file.
    pub(super) fn packed_end(&self) -> u64 {
        self.0.last().map_or(0, |frame| frame.packed.end)
    }

    /// The length of all data.
    pub(super) fn data_end(&self) -> u64 {
        self.0.last().map_or(0, |frame| frame.data.end)
    }

    /// The number of the frame that has the byte of data at `offset`.
    pub(super) fn frame_at(&self, offset: u64) -> usize {
        self.0.partition_point(|frame| frame.data.end <= offset)
    }

    /// Adds a frame. `None` if a length is too long for the table.
    pub(super) fn push(&mut self, packed: u64, data: u64) -> Option<()> {
        let fits = |length: u64| u32::try_from(length).is_ok();
        let frame = SeekFrame {
            packed: self.packed_end()..self.packed_end().checked_add(packed)?,
            data: self.data_end()..self.data_end().checked_add(data)?,
        };
        let has_room = u32::try_from(self.0.len()).is_ok_and(|count| count < MAX_FRAMES);
        (fits(packed) && fits(data) && has_room).then(|| self.0.push(frame))
    }

    pub(super) fn truncate(&mut self, frames: usize) {
        self.0.truncate(frames);
    }

    /// The table as it is in a file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let length = |range: &Range<u64>| u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let rest = u64::from(count).saturating_mul(8).saturating_add(FOOTER);
        let mut out = Vec::new();
        out.extend(SKIPPABLE.to_le_bytes());
        out.extend(u32::try_from(rest).unwrap_or(u32::MAX).to_le_bytes());
        for SeekFrame { packed, data } in &self.0 {
            out.extend(length(packed).to_le_bytes());
            out.extend(length(data).to_le_bytes());
        }
        out.extend(count.to_le_bytes());
        out.push(0);
        out.extend(SEEKABLE.to_le_bytes());
        out
    }

    /// How many of the last bytes of a file are its seek table, from its last nine. `None` if it has none.
    pub(super) fn length(footer: &[u8; FOOTER as usize], file_length: u64) -> Option<u64> {
        let [a, b, c, d, descriptor, magic @ ..] = *footer;
        if u32::from_le_bytes(magic) != SEEKABLE || descriptor & RESERVED != 0 {
            return None;
        }
        let each = if descriptor & CHECKSUMS == 0 { 8 } else { 12 };
        let length = u64::from(u32::from_le_bytes([a, b, c, d])) * each + HEAD + FOOTER;
        (length <= file_length).then_some(length)
    }

    /// Decodes the last bytes of a file of this length. `None` if they are not the table of all its frames.
    pub(super) fn decode(bytes: &[u8], file_length: u64) -> Option<Self> {
        let footer = bytes.last_chunk()?;
        let length = Self::length(footer, file_length)?;
        let (magic, rest) = bytes.split_first_chunk()?;
        let (frame_length, rest) = rest.split_first_chunk()?;
        let is_frame = u32::from_le_bytes(*magic) == SKIPPABLE
            && u64::from(u32::from_le_bytes(*frame_length)).checked_add(HEAD) == Some(length)
            && bytes.len() as u64 == length;
        if !is_frame {
            return None;
        }
        let each = if footer[4] & CHECKSUMS == 0 { 8 } else { 12 };
        let mut table = Self::default();
        for entry in rest.get(..rest.len().checked_sub(FOOTER as usize)?)?.chunks_exact(each) {
            let (packed, rest) = entry.split_first_chunk()?;
            let packed = Some(u32::from_le_bytes(*packed)).filter(|packed| *packed >= LEAST_FRAME)?;
            table.push(packed.into(), u32::from_le_bytes(*rest.first_chunk()?).into())?;
        }
        // Otherwise there are frames that it knows nothing of.
        (table.packed_end().checked_add(length) == Some(file_length)).then_some(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> SeekTable {
        let mut table = SeekTable::default();
        for (packed, data) in [(20, 100), (9, 0), (13, 7)] {
            table.push(packed, data).expect("short");
        }
        table
    }

    #[test]
    fn a_table_is_decoded_as_it_was_encoded() {
        let bytes = table().encode();
        assert_eq!(bytes.len(), 8 + 3 * 8 + 9);
        assert_eq!(SeekTable::decode(&bytes, 42 + bytes.len() as u64), Some(table()));
        let frames: Vec<_> = table().frames().iter().map(|frame| (frame.packed.clone(), frame.data.clone())).collect();
        assert_eq!(frames, [(0..20, 0..100), (20..29, 100..100), (29..42, 100..107)]);
        assert_eq!([0, 99, 100, 106, 107].map(|offset| table().frame_at(offset)), [0, 0, 2, 2, 3]);
        let empty = SeekTable::default();
        assert_eq!(SeekTable::decode(&empty.encode(), 17), Some(empty));
    }

    #[test]
    fn checksums_are_skipped() {
        let mut bytes = Vec::new();
        bytes.extend(SKIPPABLE.to_le_bytes());
        bytes.extend(33_u32.to_le_bytes());
        for (packed, data) in [(20_u32, 100_u32), (9, 5)] {
            bytes.extend(packed.to_le_bytes());
            bytes.extend(data.to_le_bytes());
            bytes.extend([7; 4]);
        }
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend([0x83]);
        bytes.extend(SEEKABLE.to_le_bytes());
        let table = SeekTable::decode(&bytes, 29 + 41).expect("a table");
        assert_eq!((table.packed_end(), table.data_end()), (29, 105));
    }

    #[test]
    fn what_does_not_fit_the_file_is_no_table() {
        let bytes = table().encode();
        let length = 42 + bytes.len() as u64;
        for wrong in [length - 1, length + 1, 10] {
            assert_eq!(SeekTable::decode(&bytes, wrong), None);
        }
        for at in (0..8).chain(32..bytes.len()) {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            assert_eq!(SeekTable::decode(&changed, length), None, "{at}");
        }
        assert_eq!(SeekTable::decode(&bytes[1..], length), None);
        let huge = [&[0xff; 4][..], &[0], &SEEKABLE.to_le_bytes()].concat();
        assert_eq!(SeekTable::length(huge.first_chunk().expect("nine"), 1 << 30), None);
    }
}
