//! Digests of values, by which the members of sets and the keys of dicts of two pickles are paired.
//!
//! Equal values have equal digests, whatever the order of sets and dicts, the memo or the opcodes. A digest goes
//! [`DEPTH`] levels deep, so it ends in cycles, visits each value at most that many times, and does not depend on where
//! it began. Different values may have the same digest: the caller must still compare the values that it pairs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::canonical::{Atom, Canonical, Canonicalizer, Compound, CompoundTag, PartRole};
use crate::pickle::format::{MIN_JOINED_ITEMS, split_joined};
use crate::pickle::machine::value::Ref;
use crate::pickle::work_budget::table_entry;

/// How many levels of members and keys a digest includes.
const DEPTH: u8 = 6;
/// Digests of strings and bytes longer than this are remembered, because a pickle can refer to one a million times.
const LONG: usize = 64;

pub(super) fn digest_of_string(string: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    Atom::String(string.into()).hash(&mut hasher);
    hasher.finish()
}

#[derive(Debug)]
pub(super) struct Digests<'f, 'm, 'a> {
    canonicalizer: &'f Canonicalizer<'m, 'a>,
    known: RefCell<HashMap<(Ref, u8), u64>>,
}

impl<'f, 'm, 'a> Digests<'f, 'm, 'a> {
    pub(super) fn new(canonicalizer: &'f Canonicalizer<'m, 'a>) -> Self {
        Self { canonicalizer, known: RefCell::default() }
    }

    pub(super) fn digest(&self, value: Ref) -> u64 {
        self.to_depth(value, DEPTH)
    }

    /// Recurses `depth` levels deep.
    fn to_depth(&self, value: Ref, depth: u8) -> u64 {
        let value = self.canonicalizer.machine.resolve(value);
        if let Some(known) = self.known.borrow().get(&(value, depth)) {
            return *known;
        }
        let budget = self.canonicalizer.budget();
        // A comparison that is too large has no result, so the digest does not matter.
        if budget.steps(1) {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        // Most atoms are cheap to hash again, and remembering them would take memory.
        let is_costly = match self.canonicalizer.canonical(value) {
            Canonical::Atom(atom) => {
                atom.hash(&mut hasher);
                matches!(&atom, Atom::String(bytes) | Atom::Bytes(bytes) | Atom::ByteArray(bytes) if bytes.len() > LONG)
            }
            Canonical::Compound(compound) => {
                self.compound(&compound, depth, &mut hasher);
                true
            }
        };
        let digest = hasher.finish();
        if is_costly && budget.charge(table_entry::<(Ref, u8), u64>()).is_ok() {
            self.known.borrow_mut().insert((value, depth), digest);
        }
        digest
    }

    fn compound(&self, compound: &Compound<'_, '_>, depth: u8, hasher: &mut DefaultHasher) {
        compound.tag.hash(hasher);
        let length = compound.joined.as_ref().map_or(compound.items.len(), |joined| split_joined(joined).count());
        if compound.tag == CompoundTag::List && length >= MIN_JOINED_ITEMS {
            // The list may be one joined string in one pickle and not in the other, so its items must not count.
            return length.hash(hasher);
        }
        let ordered = compound.items.len() + compound.ordered.len() + usize::from(compound.contents.is_some());
        (ordered, compound.members.len()).hash(hasher);
        // At the last level only the numbers of parts count.
        let Some(depth) = depth.checked_sub(1) else { return };
        for part in compound.items {
            self.to_depth(*part, depth).hash(hasher);
        }
        for (role, part) in &compound.ordered {
            role.hash(hasher);
            self.to_depth(*part, depth).hash(hasher);
        }
        if let Some(contents) = &compound.contents {
            PartRole::Data.hash(hasher);
            let mut bytes = DefaultHasher::new();
            Atom::ByteArray(contents.as_ref().into()).hash(&mut bytes);
            bytes.finish().hash(hasher);
        }
        let mut members: Vec<u64> = compound.members.iter().map(|member| self.to_depth(*member, depth)).collect();
        // Sorted digests do not depend on the order of the set.
        members.sort_unstable();
        members.hash(hasher);
        // If a key is set twice, the last value counts.
        let mut pairs: HashMap<u64, u64> = HashMap::new();
        for [key, value] in compound.pairs.as_chunks::<2>().0 {
            pairs.insert(self.to_depth(*key, depth), self.to_depth(*value, depth));
        }
        let mut pairs: Vec<(u64, u64)> = pairs.into_iter().collect();
        pairs.sort_unstable();
        pairs.hash(hasher);
    }
}
