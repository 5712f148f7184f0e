//! The checked opcodes of a file in private memory, at the offsets that they have in the file.
//!
//! Anyone who may write a file can change it while it is loaded: after its hashes are checked, and before an unpickler
//! reads it. So the opcodes are loaded from this memory, which is filled by the reads that are hashed. Raw buffers are
//! left out: they are read into memory of their own, or mapped, and are no opcodes.

use std::io;
use std::ops::Range;

use memmap2::{Advice, MmapMut, MmapOptions};

/// Memory of the length of the pickle. Pages that nothing was copied to take no space.
#[derive(Debug, Default)]
pub(crate) struct OpcodeImage(Option<MmapMut>);

impl OpcodeImage {
    /// Empty memory for a pickle of this length.
    pub(super) fn new(length: u64) -> io::Result<Self> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        if length == 0 {
            return Ok(Self(None));
        }
        // Most of it may stay unused, so it needs no room in swap; and a huge page for each few opcodes would be a
        // waste.
        let memory = MmapOptions::new().len(length).no_reserve_swap().map_anon()?;
        // Kernels without huge pages return an error.
        let _ = memory.advise(Advice::NoHugePage);
        Ok(Self(Some(memory)))
    }

    /// The bytes of the file. Bytes that were not copied are zero.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The memory for ranges of the file, which are in order. `None` if they are not, or reach beyond the end.
    pub(super) fn slots(&mut self, ranges: &[Range<u64>]) -> Option<Vec<&mut [u8]>> {
        let (mut rest, mut position) = (self.0.as_deref_mut().unwrap_or_default(), 0);
        let mut slots = Vec::with_capacity(ranges.len());
        for Range { start, end } in ranges {
            let skipped = usize::try_from(start.checked_sub(position)?).ok()?;
            let length = usize::try_from(end.checked_sub(*start)?).ok()?;
            let (slot, after) = rest.split_at_mut_checked(skipped)?.1.split_at_mut_checked(length)?;
            slots.push(slot);
            (rest, position) = (after, *end);
        }
        Some(slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_at_their_offsets() -> io::Result<()> {
        let mut image = OpcodeImage::new(20)?;
        for slot in image.slots(&[0..3, 3..3, 10..12, 19..20]).unwrap_or_default() {
            slot.fill(7);
        }
        let filled: Vec<usize> = (0..20).filter(|at| image.bytes()[*at] == 7).collect();
        assert_eq!(filled, [0, 1, 2, 10, 11, 19]);
        assert!(image.slots(&[0..1, 1..21]).is_none() && image.slots(&[5..6, 2..3]).is_none());
        assert!(OpcodeImage::new(0)?.bytes().is_empty());
        Ok(())
    }
}
