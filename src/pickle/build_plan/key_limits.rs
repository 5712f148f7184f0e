//! What it costs to hash and to compare the keys of dicts and the members of sets, before any of them is made.
//!
//! A tuple or a frozenset can be as wide as two to the power of its length by sharing its parts, and hashing or
//! comparing it visits all of them, each time. Numbers can be chosen so that all have the same hash: then each key is
//! compared with all others. Neither ends, so both are refused. Hashes of other keys are counted when the objects are
//! made.

use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Make, Recipe, RecipeTable, Refused, ValueMake};
use crate::pickle::format::lines::{MAX_DIGITS, TextInteger};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{Argument, Parser};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{NodeKind, Ref};

/// The most values that the hash of one key may visit.
const MAX_KEY: u64 = 1 << 16;
/// A key with more values is as expensive as if it were compared with all that may have its hash.
const SMALL_KEY: u64 = 64;
/// The most values that the hashes of all keys may visit.
const MAX_WORK: u64 = 1 << 27;
/// How deep tuples may be nested in a key: Python hashes and compares them by recursion.
const MAX_DEPTH: u32 = 200;
/// The most keys of one container with the same hash.
pub(crate) const MAX_SAME_HASH: usize = 1_000;
/// The most of them that have parts, so that comparing them is expensive.
pub(crate) const MAX_SAME_HASH_OF_PARTS: usize = 16;
/// The prime modulo which Python computes the hashes of numbers on 64 bits.
const MODULUS: u64 = (1 << 61) - 1;
/// The length of the opcode and of the count of a LONG4.
const LONG4_HEADER: usize = 5;

const TOO_LONG: &str = "has keys that take too long to hash";
const UNHASHABLE: &str = "has a key without a hash";
const FILLED_LATER: &str = "has a key that gets its value only after it is made";

/// What the hash of a value costs.
#[derive(Clone, Copy, Debug)]
struct KeyCost {
    /// How many values it visits, each as often as it occurs.
    size: u64,
    /// How deep the values in it are nested.
    depth: u32,
    /// Why the value can be no key.
    no_key: Option<&'static str>,
}

const ONE: KeyCost = KeyCost { size: 1, depth: 0, no_key: None };
const NO_KEY: KeyCost = KeyCost { no_key: Some(UNHASHABLE), ..ONE };

/// Checks the keys of all dicts and sets of a machine.
pub(super) struct KeyLimits<'p, 'm, 'a> {
    machine: &'m Machine<'a>,
    recipes: &'p RecipeTable<'a>,
    /// By node: the costs that were computed. A value that is part of itself counts once.
    costs: HashMap<usize, KeyCost>,
    /// How many values the hashes of all keys of the plan have visited.
    work: &'p Cell<u64>,
    hashes: Vec<u64>,
}

impl<'p, 'm: 'p, 'a> KeyLimits<'p, 'm, 'a> {
    pub(super) fn new(machine: &'m Machine<'a>, recipes: &'p RecipeTable<'a>, work: &'p Cell<u64>) -> Self {
        Self { machine, recipes, costs: HashMap::new(), work, hashes: Vec::new() }
    }

    /// Checks the keys of one container.
    ///
    /// # Errors
    /// If one of them has no hash, or hashing or comparing them would take too long.
    pub(super) fn check(&mut self, keys: impl Iterator<Item = Ref>) -> Result<(), Refused> {
        self.hashes.clear();
        let mut work = self.work.get();
        for key in keys {
            if work > MAX_WORK {
                return Err(TOO_LONG.into());
            }
            let key = self.machine.resolve(key);
            let KeyCost { size, depth, no_key } = match key.leaf_offset() {
                Some(at) => self.leaf(at),
                None => self.cost(key),
            };
            if let Some(why) = no_key {
                return Err(why.into());
            }
            if size > MAX_KEY || depth > MAX_DEPTH {
                // Looking at it takes time as well.
                self.work.set(work.saturating_add(size));
                return Err("has a key that is too large or too deep to be hashed".into());
            }
            let times = if size > SMALL_KEY { MAX_SAME_HASH_OF_PARTS as u64 } else { 1 };
            work = work.saturating_add((size - 1).saturating_mul(times));
            self.work.set(work);
        }
        if work > MAX_WORK { Err(TOO_LONG.into()) } else { self.check_collisions() }
    }

    /// Refuses too many integers with the same hash.
    fn check_collisions(&mut self) -> Result<(), Refused> {
        if self.hashes.len() <= MAX_SAME_HASH {
            return Ok(());
        }
        self.hashes.sort_unstable();
        let mut windows = self.hashes.windows(MAX_SAME_HASH + 1);
        match windows.any(|window| window.first() == window.last()) {
            true => Err(format!("has more than {MAX_SAME_HASH} keys with the same hash")),
            false => Ok(()),
        }
    }

    fn leaf(&mut self, at: u64) -> KeyCost {
        let bytes = self.machine.bytes_from(at);
        let opcode = bytes.first().copied().and_then(Opcode::from_byte);
        match opcode {
            // Strings remember their hash, and those of the file cannot be chosen to have the same.
            Some(Opcode::ShortBinUnicode | Opcode::BinUnicode | Opcode::None) => ONE,
            Some(Opcode::BinInt1 | Opcode::BinInt2 | Opcode::BinInt | Opcode::Long1 | Opcode::Long4) => {
                self.integer(bytes)
            }
            Some(Opcode::Int | Opcode::Long) => self.integer(bytes),
            Some(Opcode::ByteArray8 | Opcode::NextBuffer) => NO_KEY,
            _ => ONE,
        }
    }

    fn integer(&mut self, bytes: &[u8]) -> KeyCost {
        let Some(Ok(op)) = Parser::segment(bytes, 0).next() else { return ONE };
        let length = usize::try_from(op.end).unwrap_or(usize::MAX);
        let size = 1 + length as u64 / 8;
        match op.argument {
            Argument::Int(number) => {
                let hash = number.unsigned_abs() % MODULUS;
                self.hashes.push(if number < 0 { MODULUS - hash } else { hash });
                // A line may begin with any number of zeros.
                if matches!(op.opcode, Opcode::Int | Opcode::Long) { KeyCost { size, ..ONE } } else { ONE }
            }
            Argument::LargeInt => {
                if size > MAX_KEY {
                    return KeyCost { size, ..ONE };
                }
                if matches!(op.opcode, Opcode::Int | Opcode::Long) {
                    let text = bytes.get(..length).unwrap_or_default();
                    self.hashes.extend(TextInteger::of_opcode(text).map(|integer| hash_of_text(&integer)));
                    return KeyCost { size, ..ONE };
                }
                let header = if op.opcode == Opcode::Long4 { LONG4_HEADER } else { 2 };
                let digits = bytes.get(header..length).unwrap_or_default();
                self.hashes.push(hash_of_long(digits));
                // An integer does not remember its hash.
                KeyCost { size, ..ONE }
            }
            _ => ONE,
        }
    }

    /// The cost of a value that is not a leaf.
    fn cost(&mut self, key: Ref) -> KeyCost {
        let Some(key) = key.node_index() else { return ONE };
        let mut waiting = vec![(key, false)];
        while let Some((index, are_parts_known)) = waiting.pop() {
            if are_parts_known {
                let cost = self.cost_of_parts(index);
                self.costs.insert(index, cost);
            } else if let Entry::Vacant(slot) = self.costs.entry(index) {
                slot.insert(ONE);
                waiting.push((index, true));
                let parts = self.parts(index).iter().filter_map(|part| self.machine.resolve(*part).node_index());
                waiting.extend(parts.filter(|part| !self.costs.contains_key(part)).map(|part| (part, false)));
            }
        }
        self.costs.get(&key).copied().unwrap_or(ONE)
    }

    /// What the hash of a node visits. The parts of lists and dicts count, too: a recipe may make a tuple of them.
    fn parts(&self, index: usize) -> &'p [Ref] {
        let (machine, recipes) = (self.machine, self.recipes);
        match machine.nodes().get(index) {
            Some(node) if node.kind.holds_items() => &node.items,
            Some(_) => match recipes.get(index) {
                // Instances are hashed by their identity.
                Some(Recipe { make: Make::Instance(_), .. }) | None => &[],
                Some(recipe) => &recipe.needs,
            },
            None => &[],
        }
    }

    fn cost_of_parts(&mut self, index: usize) -> KeyCost {
        let kind = self.machine.nodes().get(index).map(|node| node.kind);
        let mut cost = match (kind, self.recipes.get(index)) {
            (Some(NodeKind::List | NodeKind::Dict | NodeKind::Set), _) => NO_KEY,
            (_, Some(recipe)) if has_late_hash(recipe) => KeyCost { no_key: Some(FILLED_LATER), ..ONE },
            _ => ONE,
        };
        let is_hashed_with_parts = matches!(kind, Some(NodeKind::Tuple | NodeKind::FrozenSet));
        for part in self.parts(index) {
            let part = self.machine.resolve(*part);
            let of_part = match (part.leaf_offset(), part.node_index()) {
                (Some(at), _) => self.part_leaf(at),
                (None, Some(part)) => self.costs.get(&part).copied().unwrap_or(ONE).nested(),
                _ => ONE,
            };
            cost.size = cost.size.saturating_add(of_part.size);
            cost.depth = cost.depth.max(of_part.depth);
            if is_hashed_with_parts {
                cost.no_key = cost.no_key.or(of_part.no_key);
            }
        }
        cost
    }

    /// The cost of a leaf within another value, which is not a key itself.
    fn part_leaf(&mut self, at: u64) -> KeyCost {
        let count = self.hashes.len();
        let cost = self.leaf(at);
        self.hashes.truncate(count);
        cost
    }
}

impl KeyCost {
    fn nested(self) -> Self {
        Self { depth: self.depth.saturating_add(1), ..self }
    }
}

/// Whether the hash of an object depends on what is put into it after it was made, or it has none.
fn has_late_hash(recipe: &Recipe<'_>) -> bool {
    matches!(&recipe.make, Make::Value(ValueMake::New("collections", _)))
}

/// The hash of an integer in little-endian two's complement, up to the sign.
fn hash_of_long(bytes: &[u8]) -> u64 {
    let is_negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let fold = |hash: u64, bits: u32, digit: u64| {
        // 2^61 leaves the rest 1, so the bits beyond it are added.
        let longer = u128::from(hash) << bits | u128::from(digit);
        let sum = (longer as u64 & MODULUS) + (longer >> 61) as u64;
        if sum >= MODULUS { sum - MODULUS } else { sum }
    };
    let (words, rest) = bytes.as_chunks::<4>();
    let rest = rest.iter().rev().map(|byte| if is_negative { !*byte } else { *byte });
    let rest = rest.fold(0, |hash, byte| fold(hash, 8, byte.into()));
    let words = words.iter().rev().map(|word| u32::from_le_bytes(*word));
    let words = words.map(|word| if is_negative { !word } else { word });
    let hash = words.fold(rest, |hash, word| fold(hash, 32, word.into()));
    // -n is the complement of n - 1.
    if is_negative { MODULUS - (hash + 1) % MODULUS } else { hash }
}

/// The hash of an integer that is written as text, up to the sign. One with too many digits is refused elsewhere.
fn hash_of_text(integer: &TextInteger<'_>) -> u64 {
    let digits = integer.digits.chars().take(MAX_DIGITS).filter_map(|digit| digit.to_digit(integer.base));
    let hash = digits.fold(0, |hash: u64, digit| {
        let longer = u128::from(hash) * u128::from(integer.base) + u128::from(digit);
        (longer % u128::from(MODULUS)) as u64
    });
    if integer.negative { MODULUS - hash } else { hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pickle: &[u8]) -> Result<(), Refused> {
        let (machine, _) = Machine::run(pickle).expect("a pickle");
        let recipes = RecipeTable::default();
        let work = Cell::new(0);
        let mut limits = KeyLimits::new(&machine, &recipes, &work);
        for node in machine.nodes() {
            match node.kind {
                NodeKind::Dict => limits.check(node.items.iter().copied().step_by(2))?,
                NodeKind::Set | NodeKind::FrozenSet => limits.check(node.items.iter().copied())?,
                _ => {}
            }
        }
        Ok(())
    }

    #[test]
    fn honest_keys_are_few_steps() {
        let mut pickle = b"}(".to_vec();
        for number in 0..50_000_u32 {
            pickle.push(b'J');
            pickle.extend(number.to_le_bytes());
            pickle.push(b'N');
        }
        pickle.extend(b"K\x01K\x02\x86NX\x01\0\0\0aNu.");
        assert_eq!(check(&pickle), Ok(()));
    }

    #[test]
    fn a_key_may_hold_what_has_no_parts_to_count() {
        for part in [&b"(K\x01\x91"[..], b"cbuiltins\nint\n", b"\x8c\x01a\x8c\x01b\x93", b"cmine\nmake\n)R"] {
            for tuples in [b"\x85".as_slice(), b"\x85\x85", b"K\x01\x86\x85"] {
                assert_eq!(check(&[b"}", part, tuples, b"Ns."].concat()), Ok(()), "{part:?}");
            }
        }
    }

    #[test]
    fn a_tuple_that_is_wide_by_sharing_is_no_key() {
        let mut pickle = b"}K\x01q\x00".to_vec();
        pickle.extend(b"\x85");
        pickle.extend(b"2\x86".repeat(60));
        pickle.extend(b"Ns.");
        assert!(check(&pickle).is_err_and(|why| why.contains("too large")));
        let deep = [&b"}K\x01"[..], &b"\x85".repeat(1000), b"Ns."].concat();
        assert!(check(&deep).is_err_and(|why| why.contains("too deep")));
    }

    #[test]
    fn a_frozenset_that_is_wide_by_sharing_is_no_key() {
        // A set of a set and a tuple of the same set, 32 times.
        let chain = [&b"("[..].repeat(33), &b"K\x01\x91"[..], &b"2\x85\x91".repeat(32)].concat();
        let pickle = [&b"}("[..], &chain[..], b"K\x01", &chain[..], b"K\x02u."].concat();
        assert!(check(&pickle).is_err_and(|why| why.contains("too large")));
        let honest = [&b"}(("[..], &b"K\x01".repeat(1000), b"\x91\x85Nu."].concat();
        assert_eq!(check(&honest), Ok(()));
    }

    #[test]
    fn colliding_integers_of_any_size_are_refused() {
        for negative in [false, true] {
            let mut pickle = b"\x8f(".to_vec();
            for number in 1..=2_000_u128 {
                let number = (number << 61) - number + 7;
                let number = if negative { (number as i128).wrapping_neg() as u128 } else { number };
                pickle.extend([0x8a, 16]);
                pickle.extend(number.to_le_bytes());
            }
            pickle.extend(b"\x90.");
            assert!(check(&pickle).is_err_and(|why| why.contains("same hash")));
        }
    }

    #[test]
    fn colliding_integers_as_text_are_refused() {
        for (prefix, suffix) in [("L", "L"), ("I", ""), ("L-", "L"), ("I", "_0")] {
            let mut pickle = b"\x8f(".to_vec();
            for number in 1..=2_000_u128 {
                let number = (number << 61) - number + 7;
                pickle.extend(format!("{prefix}{number}{suffix}\n").bytes());
            }
            pickle.extend(b"\x90.");
            assert!(check(&pickle).is_err_and(|why| why.contains("same hash")), "{prefix}{suffix}");
            let mut hex = b"\x8f(".to_vec();
            (1..=2_000_u128).for_each(|number| hex.extend(format!("L0x{:x}L\n", (number << 61) - number).bytes()));
            hex.extend(b"\x90.");
            assert!(check(&hex).is_err_and(|why| why.contains("same hash")), "hexadecimal");
        }
    }

    #[test]
    fn containers_and_bytearrays_are_no_keys() {
        for key in [&b"]"[..], b"}", b"\x8f", b"]\x85", b"\x96\x01\0\0\0\0\0\0\0a"] {
            assert!(check(&[b"}", key, b"Ns."].concat()).is_err(), "{key:?}");
        }
    }

    #[test]
    fn hashes_of_long_integers_are_those_of_python() {
        // hash(2**100), hash(-2**100), hash(2**61 - 1), hash(-3).
        assert_eq!(hash_of_long(&(1_i128 << 100).to_le_bytes()), 549_755_813_888);
        assert_eq!(hash_of_long(&(-(1_i128 << 100)).to_le_bytes()), MODULUS - 549_755_813_888);
        assert_eq!(hash_of_long(&((1_i128 << 61) - 1).to_le_bytes()), 0);
        assert_eq!(hash_of_long(&(-3_i128).to_le_bytes()), MODULUS - 3);
    }
}
