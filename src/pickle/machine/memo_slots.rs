//! The memo of the symbolic machine: what each slot holds now, and what it held before.
//!
//! A pickle may fill a slot twice, and what a GET means depends on when it ran. So replaced values are kept, each
//! with the offset up to which it was valid.

use std::collections::HashMap;

use super::value::Ref;

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
}

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
    pub(super) fn memoize(&mut self, value: Ref, at: u64) {
        // Without gaps, the next slot is the end of `dense`.
        if self.skipped == 0 && self.sparse.is_empty() {
            self.dense.push(value);
        } else {
            self.put(self.next(), value, at);
        }
    }

    /// Fills a slot, by a PUT at `at`.
    #[inline]
    pub(super) fn put(&mut self, index: u64, value: Ref, at: u64) {
        let before = match self.dense_index(index) {
            Some(dense) if dense == self.dense.len() && self.sparse.is_empty() => {
                self.dense.push(value);
                return;
            }
            Some(dense) if dense < self.dense.len() => {
                self.dense.get_mut(dense).map(|slot| std::mem::replace(slot, value))
            }
            _ => self.sparse.insert(index, value),
        };
        // Filled out of order, or for a second time.
        self.irregular += 1;
        // Earlier GETs must still find the old value.
        let changed = before.is_some_and(|before| before != value);
        if changed || (before.is_none() && self.is_earlier(index)) {
            self.replaced.entry(index).or_default().push(Replaced { until: at, value: before });
        }
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
        memo.put(2, a, 10);
        memo.put(2, b, 20);
        memo.put(2, c, 30);
        memo.put(0, c, 40);
        assert_eq!([15, 25, 35].map(|at| memo.get(2, at)), [Some(a), Some(b), Some(c)]);
        assert_eq!([35, 45].map(|at| memo.get(0, at)), [None, Some(c)]);
        assert_eq!(memo.get(1, 50), None);
    }
}
