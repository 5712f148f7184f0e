//! Counts the work of hashing and comparing the keys of all containers of a plan, so that many containers cannot take
//! longer than one is allowed to.

use std::cell::Cell;

/// The most values that the hashes of all keys may visit.
const MAX_WORK: u64 = 1 << 27;
/// The most values that comparisons of all keys with the same hash may visit.
const MAX_COMPARED: u64 = 1 << 27;

/// The work for all keys of a plan so far.
#[derive(Debug, Default)]
pub(super) struct KeyWork {
    /// The number of values that the hashes of the keys visit.
    visited: Cell<u64>,
    /// The number of values that comparisons of keys with the same hash visit.
    compared: Cell<u64>,
    /// The number of words of long numbers and strings that were hashed to make the plan.
    hashed: Cell<u64>,
}

impl KeyWork {
    /// Adds values that the hash of a key visits.
    pub(super) fn visit(&self, values: u64) {
        add(&self.visited, values);
    }

    /// Adds values that comparisons visit.
    pub(super) fn compare(&self, values: u64) {
        add(&self.compared, values);
    }

    /// Whether this many more words may be hashed: a short pickle can refer to one long number many times.
    pub(super) fn may_hash(&self, words: u64) -> bool {
        add(&self.hashed, words);
        self.hashed.get() <= MAX_WORK
    }

    /// Whether hashing the keys takes too long.
    pub(super) fn is_hashing_slow(&self) -> bool {
        self.visited.get() > MAX_WORK || self.hashed.get() > MAX_WORK
    }

    /// Whether comparing the keys takes too long.
    pub(super) fn is_comparing_slow(&self) -> bool {
        self.compared.get() > MAX_COMPARED
    }
}

fn add(count: &Cell<u64>, more: u64) {
    count.set(count.get().saturating_add(more));
}
