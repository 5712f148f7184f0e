//! The memo of the symbolic machine: the current and the earlier values of each slot.
//!
//! A pickle may fill a slot twice, and the meaning of a GET depends on when it ran. So replaced values are kept, each
//! with the offset up to which it was valid.

use std::collections::HashMap;

use super::value::Ref;
use crate::pickle::work_budget::{OverBudget, WorkBudget, table_entry};

#[derive(Debug, Default)]
pub(super) struct MemoSlots {
    /// The number of slots that were filled before these bytes.
    first: u64,
    /// The number of slots that were left out with the segments that would have filled them.
    skipped: u64,
    /// The slots from `first` on that were filled in order, which is all that picklers write.
    dense: Vec<Ref>,
    /// All other slots.
    sparse: HashMap<u64, Ref>,
    /// By slot: its earlier values, in ascending order of `until`.
    replaced: HashMap<u64, Vec<Replaced>>,
    /// How often a slot was filled out of order, or again.
    irregular: usize,
    /// The first PUT of a slot that is far beyond the slots that can have been filled.
    far: Option<FarSlot>,
}

/// A PUT that leaves a large gap in the memo. CPython's memo is an array, so it takes memory for the gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarSlot {
    /// The offset of the opcode.
    pub at: u64,
    /// The slot.
    pub index: u64,
}

/// Slots up to this number are never far: CPython's memo takes 32 MB for them at most.
const NEVER_FAR: u64 = 1 << 20;

#[derive(Debug)]
struct Replaced {
    /// The offset of the opcode that replaced it.
    until: u64,
    /// `None` for a value of an earlier segment.
    value: Option<Ref>,
}

/// How far the memo was filled at some point of the run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filled {
    dense: usize,
    irregular: usize,
}

impl MemoSlots {
    pub(super) fn starting_at(first: u64) -> Self {
        Self { first, ..Self::default() }
    }

    /// Gives back the memory of the slots, which nothing reads any more.
    pub(super) fn free(&mut self, budget: &WorkBudget) {
        budget.release_list(std::mem::take(&mut self.dense));
    }

    /// The slot that MEMOIZE fills: CPython counts the slots in use.
    #[inline]
    pub(super) fn next(&self) -> u64 {
        self.first.saturating_add(self.skipped).saturating_add(self.len() as u64)
    }

    /// Leaves slots empty, so that `next` is the next one.
    pub(super) fn skip_to(&mut self, next: u64) {
        self.skipped = self.skipped.saturating_add(next.saturating_sub(self.next()));
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.dense.len() + self.sparse.len()
    }

    pub(super) fn filled(&self) -> Filled {
        Filled { dense: self.dense.len(), irregular: self.irregular }
    }

    /// The values of the slots that were filled since `then`; `None` if any slot was filled out of order since.
    pub(super) fn filled_since(&mut self, then: Filled) -> Option<&mut [Ref]> {
        if self.irregular == then.irregular { self.dense.get_mut(then.dense..) } else { None }
    }

    /// Fills the next slot, by a MEMOIZE at `at`.
    #[inline(always)]
    pub(super) fn memoize(&mut self, value: Ref, at: u64, budget: &WorkBudget) -> Result<(), OverBudget> {
        // Without gaps, the next slot is the end of `dense`.
        if self.skipped == 0 && self.sparse.is_empty() {
            budget.push(&mut self.dense, value)
        } else {
            self.put(self.next(), value, at, budget)
        }
    }

    /// Fills a slot, by a PUT at `at`.
    #[inline]
    pub(super) fn put(&mut self, index: u64, value: Ref, at: u64, budget: &WorkBudget) -> Result<(), OverBudget> {
        let before = match self.dense_index(index) {
            Some(dense) if dense == self.dense.len() && self.sparse.is_empty() => {
                return budget.push(&mut self.dense, value);
            }
            Some(dense) if dense < self.dense.len() => {
                self.dense.get_mut(dense).map(|slot| std::mem::replace(slot, value))
            }
            _ => {
                budget.charge(table_entry::<u64, Ref>())?;
                self.note_gap(index, at);
                self.sparse.insert(index, value)
            }
        };
        // Filled out of order, or for a second time.
        self.irregular += 1;
        // Earlier GETs must still find the old value.
        let changed = before.is_some_and(|before| before != value);
        if changed || (before.is_none() && self.is_earlier(index)) {
            let versions = self.replaced.entry(index).or_default();
            if versions.is_empty() {
                budget.charge(table_entry::<u64, Vec<Replaced>>())?;
            }
            budget.push(versions, Replaced { until: at, value: before })?;
        }
        Ok(())
    }

    /// Notes a slot beyond the ones that the bytes before it could have filled: each PUT takes two bytes or more.
    fn note_gap(&mut self, index: u64, at: u64) {
        if index > at.saturating_add(self.next()).max(NEVER_FAR) && self.far.is_none() {
            self.far = Some(FarSlot { at, index });
        }
    }

    /// The first PUT that left a large gap.
    pub(super) fn far(&self) -> Option<FarSlot> {
        self.far
    }

    /// The value that a GET at `at` reads.
    #[inline(always)]
    pub(super) fn get(&self, index: u64, at: u64) -> Option<Ref> {
        if self.replaced.is_empty() {
            return self.now(index);
        }
        let versions = self.replaced.get(&index).map_or(&[][..], Vec::as_slice);
        // The first value that was replaced after `at`.
        let version = versions.get(versions.partition_point(|version| version.until <= at));
        version.map_or_else(|| self.now(index), |version| version.value)
    }

    #[inline(always)]
    fn now(&self, index: u64) -> Option<Ref> {
        let dense = self.dense_index(index).and_then(|dense| self.dense.get(dense)).copied();
        dense.or_else(|| if self.sparse.is_empty() { None } else { self.sparse.get(&index).copied() })
    }

    #[inline(always)]
    fn dense_index(&self, slot: u64) -> Option<usize> {
        slot.checked_sub(self.first).and_then(|index| usize::try_from(index).ok())
    }

    /// Whether the slot was filled before these bytes.
    #[inline(always)]
    pub(super) fn is_earlier(&self, index: u64) -> bool {
        index < self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_get_reads_the_value_at_its_offset() {
        let (a, b, c) = (Ref::leaf(1), Ref::leaf(2), Ref::leaf(3));
        let mut memo = MemoSlots::starting_at(2);
        assert_eq!(memo.next(), 2);
        let budget = WorkBudget::new(0, None);
        for (slot, value, at) in [(2, a, 10), (2, b, 20), (2, c, 30), (0, c, 40)] {
            memo.put(slot, value, at, &budget).expect("within the budget");
        }
        assert_eq!([15, 25, 35].map(|at| memo.get(2, at)), [Some(a), Some(b), Some(c)]);
        assert_eq!([35, 45].map(|at| memo.get(0, at)), [None, Some(c)]);
        assert_eq!(memo.get(1, 50), None);
    }
}
