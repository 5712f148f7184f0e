//! Which values of two pickles have been paired, and which atoms are the same.

use std::collections::HashMap;

use super::canonical::{Atom, CompoundTag, PartRole};
use super::difference_path::PathStep;
use super::digest::{Digests, digest_of_string};
use crate::pickle::machine::value::Ref;
use crate::pickle::work_budget::{WorkBudget, table_entry};

/// Strings and bytes longer than this are compared once, because a pickle can refer to one a million times.
const LONG: usize = 64;
/// A name that is in the namespace of every class.
const MODULE: &[u8] = b"__module__";
/// Names in a class that say where it was written, or that CPython 3.13 makes from a set, whose order varies.
const NOT_COMPARED: [&[u8]; 2] = [b"__firstlineno__", b"__static_attributes__"];
/// Dicts with no more items than this are searched, which is faster than a map.
const FEW: usize = 16;

/// Which value of the other side each value has been paired with.
#[derive(Default)]
pub(super) struct PairedValues {
    right_of: HashMap<Ref, Ref>,
    left_of: HashMap<Ref, Ref>,
    classes: EqualityClasses,
}

/// The memory that a pair takes: an entry on each side, or one in the classes.
const PAIR: usize = 2 * table_entry::<Ref, Ref>();

impl PairedValues {
    /// Pairs two values. Returns whether their parts are still to be compared; `None` if one of them is an object that
    /// was paired with another value before.
    pub(super) fn pair(&mut self, tag: CompoundTag, left: Ref, right: Ref, budget: &WorkBudget) -> Option<bool> {
        // If that is too much, the comparison ends soon.
        let _ = budget.charge(PAIR);
        if !tag.has_identity() {
            return Some(self.classes.join(left, right));
        }
        match (self.right_of.insert(left, right), self.left_of.insert(right, left)) {
            (None, None) => Some(true),
            (Some(before), Some(_)) if before == right => Some(false),
            _ => None,
        }
    }

    /// The objects that were paired, with the left one as key; they are equal if the comparison found no difference.
    pub(super) fn into_equal(self) -> HashMap<Ref, Ref> {
        self.right_of
    }
}

/// Tuples and other values without identity that were assumed to be equal, in classes, as in the algorithm of Hopcroft
/// and Karp for the equality of automata. Values of one class are not compared again, so there are no more comparisons
/// than values.
#[derive(Default)]
struct EqualityClasses {
    parents: HashMap<SidedRef, SidedRef>,
}

/// A value of the left side (`false`) or the right side.
type SidedRef = (bool, Ref);

impl EqualityClasses {
    /// Merges the classes of two values. Returns whether these were different before.
    fn join(&mut self, left: Ref, right: Ref) -> bool {
        let (left, right) = (self.class((false, left)), self.class((true, right)));
        left != right && self.parents.insert(left, right).is_none()
    }

    fn class(&mut self, mut value: SidedRef) -> SidedRef {
        while let Some(parent) = self.parents.get(&value).copied() {
            // Path halving: the next search takes fewer steps.
            if let Some(next) = self.parents.get(&parent).copied() {
                self.parents.insert(value, next);
            }
            value = parent;
        }
        value
    }
}

/// Whether two atoms are the same, as the part that `step` leads to.
pub(super) fn same_atoms(a: &Atom<'_>, b: &Atom<'_>, step: PathStep) -> bool {
    match (a, b, step) {
        (Atom::Bytes(a) | Atom::ByteArray(a), Atom::Bytes(b) | Atom::ByteArray(b), PathStep::Part(PartRole::Data)) => {
            a == b
        }
        _ => a == b,
    }
}

pub(super) fn is_long(atom: &Atom<'_>) -> bool {
    match atom {
        Atom::String(bytes) | Atom::Bytes(bytes) | Atom::ByteArray(bytes) | Atom::LargeInt(bytes) => bytes.len() > LONG,
        _ => false,
    }
}

/// The items of a dict with the digests of their keys, in order, and whether two keys have the same digest. A key that
/// is set twice has its last value.
pub(super) fn last_values(digests: &Digests<'_, '_, '_>, pairs: &[Ref]) -> (Vec<(u64, Ref, Ref)>, bool) {
    let (pairs, _) = pairs.as_chunks::<2>();
    let is_small = pairs.len() <= FEW;
    let mut indexes: HashMap<u64, usize> = HashMap::with_capacity(if is_small { 0 } else { pairs.len() });
    let mut items: Vec<(u64, Ref, Ref)> = Vec::with_capacity(pairs.len());
    for [key, value] in pairs {
        let digest = digests.digest(*key);
        let index = if is_small {
            items.iter().position(|(other, ..)| *other == digest)
        } else {
            indexes.get(&digest).copied()
        };
        match index.and_then(|index| items.get_mut(index)) {
            // A repeated key: the later value wins, at the position of the first.
            Some(item) => *item = (digest, *key, *value),
            None => {
                if !is_small {
                    indexes.insert(digest, items.len());
                }
                items.push((digest, *key, *value));
            }
        }
    }
    let has_ties = items.len() < pairs.len();
    // Only the namespace of a class has `__module__`: in other dicts these names are data.
    let [module, not_compared @ ..] = [MODULE, NOT_COMPARED[0], NOT_COMPARED[1]].map(digest_of_string);
    if items.iter().any(|(digest, ..)| *digest == module) {
        items.retain(|(digest, ..)| !not_compared.contains(digest));
    }
    (items, has_ties)
}
