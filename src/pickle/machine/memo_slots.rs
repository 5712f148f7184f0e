//! The memo of the symbolic machine: what each slot holds, and what it held before.
//!
//! A pickle may fill a slot twice. What a GET meant depends on when it ran, so replaced values are kept with
//! the place in the pickle up to which they were good.

use std::collections::HashMap;

use super::value::Ref;

/// The slots that are filled. `first` is the number of slots that were filled before the bytes at hand.
#[derive(Debug, Default)]
pub(crate) struct MemoSlots {
    first: u64,
    /// Slots that segments would have filled that were left out.
    skipped: u64,
    /// The slots from `first` on, as far as they were filled in order: all that picklers write.
    dense: Vec<Ref>,
    /// All others.
    sparse: HashMap<u64, Ref>,
    replaced: HashMap<u64, Vec<Replaced>>,
    irregular: usize,
}

#[derive(Debug)]
struct Replaced {
    until: u64,
    /// `None`: what an earlier segment had put there.
    value: Option<Ref>,
}

/// CallKind far the memo was filled at some time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filled {
    dense: usize,
    irregular: usize,
}

impl MemoSlots {
    pub(crate) fn starting_at(first: u64) -> Self {
        Self { first, ..Self::default() }
    }

    /// The slot that MEMOIZE fills: CPython counts the slots in use.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.first.saturating_add(self.skipped).saturating_add(self.len() as u64)
    }

    /// Leaves slots empty, so that this one is the next.
    pub(crate) fn go_on_at(&mut self, next: u64) {
        self.skipped = self.skipped.saturating_add(next.saturating_sub(self.next()));
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.dense.len() + self.sparse.len()
    }

    /// CallKind far it is filled.
    pub(crate) fn filled(&self) -> Filled {
        Filled { dense: self.dense.len(), irregular: self.irregular }
    }

    /// The slots filled since then; `None` where others than the next ones were.
    pub(crate) fn filled_since(&mut self, then: Filled) -> Option<&mut [Ref]> {
        if self.irregular == then.irregular { self.dense.get_mut(then.dense..) } else { None }
    }

    /// Fills the next slot, by a MEMOIZE at `at`.
    #[inline(always)]
    pub(crate) fn memoize(&mut self, value: Ref, at: u64) {
        match self.skipped == 0 && self.sparse.is_empty() {
            true => self.dense.push(value),
            false => self.put(self.next(), value, at),
        }
    }

    /// Fills a slot, by an opcode at `at`.
    #[inline]
    pub(crate) fn put(&mut self, index: u64, value: Ref, at: u64) {
        let place = index.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        let before = match place {
            Some(place) if place == self.dense.len() && self.sparse.is_empty() => {
                self.dense.push(value);
                return;
            }
            Some(place) if place < self.dense.len() => {
                self.dense.get_mut(place).map(|slot| std::mem::replace(slot, value))
            }
            _ => self.sparse.insert(index, value),
        };
        self.irregular += 1;
        let changed = before.is_some_and(|before| before != value);
        if changed || (before.is_none() && self.is_earlier(index)) {
            self.replaced.entry(index).or_default().push(Replaced { until: at, value: before });
        }
    }

    /// What a GET at `at` finds.
    #[inline(always)]
    pub(crate) fn get(&self, index: u64, at: u64) -> Option<Ref> {
        if self.replaced.is_empty() {
            return self.now(index);
        }
        let versions = self.replaced.get(&index).map_or(&[][..], Vec::as_slice);
        // The places ascend, as opcodes run in order.
        let version = versions.get(versions.partition_point(|version| version.until <= at));
        version.map_or_else(|| self.now(index), |version| version.value)
    }

    #[inline(always)]
    fn now(&self, index: u64) -> Option<Ref> {
        let place = index.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        let dense = place.and_then(|place| self.dense.get(place)).copied();
        dense.or_else(|| if self.sparse.is_empty() { None } else { self.sparse.get(&index).copied() })
    }

    /// Whether the slot was filled before the bytes at hand.
    #[inline(always)]
    pub(crate) fn is_earlier(&self, index: u64) -> bool {
        index < self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_get_finds_what_was_there_when_it_ran() {
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
