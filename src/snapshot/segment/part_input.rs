//! The input that makes single objects of a segment, for loads that need these and not the variable.
//!
//! [`crate::pickle::passes::value_spans`] finds the opcodes. The security check judges the input that is made here, and
//! the loader feeds it; both fill all slots of the segment with None before it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::{InputPiece, UnpicklerInput, VariableSegment};
use crate::pickle::passes::scan::scan_segment;
use crate::pickle::passes::segment_part::{Part, PartPiece};
use crate::pickle::passes::value_spans::ValueSpans;

/// A segment that is divided into the opcodes of its objects.
#[derive(Debug)]
pub(crate) struct DividedSegment<'f> {
    /// The value as it is loaded.
    opcodes: Cow<'f, [u8]>,
    /// The offset in the file, if `opcodes` are a range of it.
    in_file: Option<usize>,
    spans: ValueSpans,
}

/// Some objects of a segment.
#[derive(Clone, Debug)]
pub(crate) struct SegmentObjects {
    /// The opcodes that make them. They fill the slots of the objects by number, and leave None.
    pub(crate) input: UnpicklerInput,
    /// The slots of earlier segments that these opcodes read.
    pub(crate) takes: BTreeSet<u64>,
    /// The raw buffers that they take, by number within the segment.
    pub(crate) buffers: Vec<usize>,
}

impl<'f> DividedSegment<'f> {
    /// Divides a segment. `None` if its opcodes were not written by snapcli's pickler, or do not match the index.
    pub(crate) fn new(segment: &VariableSegment<'_>, file: &'f [u8]) -> Option<Self> {
        let variable = segment.variable();
        let (opcodes, in_file) = if segment.buffers.is_empty() {
            (Cow::Borrowed(file.get(segment.value.clone())?), Some(segment.value.start))
        } else {
            let mut opcodes = Vec::new();
            segment.input().copy_to(&mut opcodes, file)?;
            (Cow::Owned(opcodes), None)
        };
        let spans = ValueSpans::new(&opcodes, variable.memo.0).ok()?;
        // Slots are counted here, and the index must give the same numbers.
        (spans.memo_end() == variable.memo.1).then_some(Self { opcodes, in_file, spans })
    }

    /// The opcodes that make the objects in these slots.
    pub(crate) fn part(&self, slots: &[u64]) -> Part {
        self.spans.part(&self.opcodes, slots)
    }

    /// The length of the opcodes of the whole value.
    pub(crate) fn length(&self) -> usize {
        self.opcodes.len()
    }

    /// The input for a part. `None` if a slot has too high a number.
    pub(crate) fn objects(&self, part: Part) -> Option<SegmentObjects> {
        let piece = |piece| match (piece, self.in_file) {
            (PartPiece::Opcodes(opcodes), _) => InputPiece::Opcodes(opcodes),
            (PartPiece::Segment(Range { start, end }), Some(at)) => InputPiece::File(at + start..at + end),
            (PartPiece::Segment(range), None) => {
                InputPiece::Opcodes(self.opcodes.get(range).unwrap_or_default().to_vec())
            }
        };
        let pieces = self.spans.pieces(&self.opcodes, &part)?.into_iter().map(piece).collect();
        Some(SegmentObjects { input: UnpicklerInput { pieces }, takes: part.takes, buffers: part.buffers })
    }
}

impl SegmentObjects {
    /// Whether the opcodes may make code objects: also if they cannot be followed. All slots up to `memo_end` are
    /// filled before them.
    pub(crate) fn has_code(&self, file: &[u8], memo_end: u64) -> bool {
        let mut opcodes = Vec::new();
        let is_whole = self.input.copy_to(&mut opcodes, file).is_some();
        !is_whole || scan_segment(&opcodes, memo_end).map_or(true, |facts| facts.has_code)
    }
}
