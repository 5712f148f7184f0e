//! Finds the opcodes that make single objects of a segment, so that a load can make these and nothing else.
//!
//! One pass over the opcodes ([`SpanPass`]) keeps, for each memo slot that the segment fills, the span of the opcodes
//! that make its object, and the spans that change it later: BUILD and the opcodes that add items after a GET, and
//! calls whose result is popped. [`ValueSpans::part`] follows the GETs in these spans until nothing is missing.
//!
//! Opcodes that read or write slots or the stack in another way than snapcli's pickler does (DUP, PUT, persistent IDs)
//! are errors: such a segment is loaded as a whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use thiserror::Error;

use super::span_pass::SpanPass;
use crate::pickle::format::opcode::{MemoUse, Opcode};
use crate::pickle::format::parse::{Op, ParseError, Parser};

/// Why a segment cannot be divided.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpanError {
    /// The bytes are not opcodes.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// snapcli's pickler does not write this opcode at this offset.
    #[error("{1} at byte {0} cannot be cut out of its segment")]
    Unexpected(u64, Opcode),
}

/// A span of opcodes that leaves the rest of the stack as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it pushes one object; otherwise it pushes nothing.
    pub(super) pushes: bool,
}

/// The spans of a segment. Offsets are those of the bytes that were passed in.
#[derive(Debug, Default)]
pub struct ValueSpans {
    /// The first slot that the segment fills.
    pub(super) memo: u64,
    /// The slots, in the order in which the segment fills them.
    pub(super) slots: Vec<SlotSpan>,
    /// Slots that hold the object of an earlier slot of the segment.
    pub(super) aliases: HashMap<u64, u64>,
    pub(super) changes: Vec<Span>,
    /// By slot: the changes of its object, as indices into `changes`.
    pub(super) changes_of: BTreeMap<u64, Vec<usize>>,
    /// Changes that may concern any object.
    pub(super) changes_of_any: Vec<usize>,
    /// The offsets of NEXT_BUFFER.
    pub(super) buffers: Vec<usize>,
}

/// The opcodes that make the object of a slot, and the offset of its MEMOIZE.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) memoize: usize,
}

impl ValueSpans {
    /// Follows the opcodes of a value, or of a whole segment, whose first MEMOIZE fills the slot `memo`.
    ///
    /// # Errors
    /// If there are opcodes that snapcli's pickler does not write.
    pub fn new(opcodes: &[u8], memo: u64) -> Result<Self, SpanError> {
        let mut pass = SpanPass::new(opcodes, Self { memo, ..Self::default() });
        for op in Parser::segment(opcodes, 0) {
            pass.step(&op?)?;
        }
        Ok(pass.finish())
    }

    /// The slot after the last one that the segment fills.
    pub fn memo_end(&self) -> u64 {
        self.memo.saturating_add(self.slots.len() as u64)
    }

    /// The slots that the MEMOIZE opcodes in a range fill.
    pub(super) fn made_in(&self, range: Range<usize>) -> Range<u64> {
        let before = |at: usize| self.memo.saturating_add(self.slots.partition_point(|slot| slot.memoize < at) as u64);
        before(range.start)..before(range.end)
    }

    pub(super) fn slot(&self, slot: u64) -> Option<&SlotSpan> {
        self.slots.get(index(slot.checked_sub(self.memo)?)?)
    }

    /// Notes a change of the objects in some slots.
    pub(super) fn note(&mut self, change: Span, slots: impl IntoIterator<Item = u64>) {
        let number = self.changes.len();
        self.changes.push(change);
        for slot in slots {
            // `part` looks for the changes of the slot that the others are aliases of.
            let slot = self.aliases.get(&slot).copied().unwrap_or(slot);
            self.changes_of.entry(slot).or_default().push(number);
        }
    }
}

pub(super) fn index(number: u64) -> Option<usize> {
    usize::try_from(number).ok()
}

pub(super) fn slot_read(op: &Op<'_>) -> Option<u64> {
    if op.opcode.memo() == MemoUse::Reads { op.argument.index() } else { None }
}
