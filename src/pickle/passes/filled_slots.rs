//! Which memo slots are filled, without their values.
//!
//! The scan and the stack check follow pickles of any size, so this takes memory only for slots that are filled out of
//! order, which needs PUT; picklers write MEMOIZE.

use std::collections::HashSet;

use crate::pickle::work_budget::table_entry;

/// The memory of a slot that was filled out of order, in bytes.
pub(super) const SCATTERED_SLOT: usize = table_entry::<u64, ()>();

/// A set of memo slots: all below `count`, and some beyond it.
#[derive(Debug)]
pub(super) struct FilledSlots {
    count: u64,
    scattered: HashSet<u64>,
}

impl FilledSlots {
    /// The first `count` slots are filled.
    pub(super) fn new(count: u64) -> Self {
        Self { count, scattered: HashSet::new() }
    }

    /// The number of filled slots, which is also the slot that CPython's MEMOIZE fills next.
    pub(super) fn len(&self) -> u64 {
        self.count.saturating_add(self.scattered.len() as u64)
    }

    /// The number of slots that were filled out of order: these take memory.
    pub(super) fn scattered(&self) -> usize {
        self.scattered.len()
    }

    pub(super) fn is_filled(&self, slot: u64) -> bool {
        slot < self.count || self.scattered.contains(&slot)
    }

    pub(super) fn fill(&mut self, slot: u64) {
        if slot > self.count {
            self.scattered.insert(slot);
        } else if slot == self.count {
            self.count += 1;
            // The gap before some scattered slots may be closed now.
            while self.scattered.remove(&self.count) {
                self.count += 1;
            }
        }
    }
}
