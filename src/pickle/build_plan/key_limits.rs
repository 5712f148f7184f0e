//! What it costs to hash the keys of dicts and the members of sets, before any of them is made.
//!
//! A tuple can be as wide as two to the power of its length by sharing its parts, and the hash of a tuple visits all of
//! them, each time. Numbers can be chosen so that all have the same hash: then each key is compared with all others.
//! Neither ends, so both are refused. Hashes of other keys are counted when the objects are made.

use std::collections::HashMap;

use super::{RecipeTable, Refused};
use crate::pickle::format::lines::{MAX_DIGITS, TextInteger};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{Argument, Parser};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{NodeKind, Ref};

/// The most values that the hash of one key may visit.
const MAX_KEY: u64 = 1_000_000;
/// The most values that the hashes of all keys may visit.
const MAX_WORK: u64 = 1 << 27;
/// How deep tuples may be nested in a key: Python hashes and compares them by recursion.
const MAX_DEPTH: u32 = 200;
/// The most keys of one container with the same hash.
pub(crate) const MAX_SAME_HASH: usize = 1_000;
/// The prime modulo which Python computes the hashes of numbers on 64 bits.
const MODULUS: u64 = (1 << 61) - 1;
/// The length of the opcode and of the count of a LONG4.
const LONG4_HEADER: usize = 5;

const UNHASHABLE: &str = "is used as a key, and has no hash";

/// What the hash of a value costs.
#[derive(Clone, Copy, Debug)]
struct KeyCost {
    /// How many values it visits.
    size: u64,
    /// How deep the tuples in it are nested.
    depth: u32,
}

const ONE: KeyCost = KeyCost { size: 1, depth: 0 };

/// Checks the keys of all dicts and sets of a machine.
pub(super) struct KeyLimits<'p, 'm, 'a> {
    machine: &'m Machine<'a>,
    recipes: &'p RecipeTable<'a>,
    /// By node: the costs of tuples that were computed.
    tuples: HashMap<usize, KeyCost>,
    work: u64,
    hashes: Vec<u64>,
}

impl<'p, 'm, 'a> KeyLimits<'p, 'm, 'a> {
    pub(super) fn new(machine: &'m Machine<'a>, recipes: &'p RecipeTable<'a>) -> Self {
        Self { machine, recipes, tuples: HashMap::new(), work: 0, hashes: Vec::new() }
    }

    /// Checks the keys of one container.
    ///
    /// # Errors
    /// If one of them has no hash, or hashing or comparing them would take too long.
    pub(super) fn check(&mut self, keys: impl Iterator<Item = Ref>) -> Result<(), Refused> {
        self.hashes.clear();
        for key in keys {
            let key = self.machine.resolve(key);
            let KeyCost { size, depth } = match key.leaf_offset() {
                Some(at) => self.leaf(at)?,
                None => self.cost(key)?,
            };
            if size > MAX_KEY || depth > MAX_DEPTH {
                return Err("has a key that is too large or too deep to be hashed".into());
            }
            self.work = self.work.saturating_add(size - 1);
            if self.work > MAX_WORK {
                return Err("has keys that take too long to hash".into());
            }
        }
        self.check_collisions()
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

    fn leaf(&mut self, at: u64) -> Result<KeyCost, Refused> {
        let bytes = self.machine.bytes_from(at);
        let opcode = bytes.first().copied().and_then(Opcode::from_byte);
        match opcode {
            // Strings remember their hash, and those of the file cannot be chosen to have the same.
            Some(Opcode::ShortBinUnicode | Opcode::BinUnicode | Opcode::None) => Ok(ONE),
            Some(Opcode::BinInt1 | Opcode::BinInt2 | Opcode::BinInt | Opcode::Long1 | Opcode::Long4) => {
                self.integer(bytes)
            }
            Some(Opcode::Int | Opcode::Long) => self.integer(bytes),
            Some(Opcode::ByteArray8 | Opcode::NextBuffer) => Err(UNHASHABLE.into()),
            _ => Ok(ONE),
        }
    }

    fn integer(&mut self, bytes: &[u8]) -> Result<KeyCost, Refused> {
        let Some(Ok(op)) = Parser::segment(bytes, 0).next() else { return Ok(ONE) };
        match op.argument {
            Argument::Int(number) => {
                let hash = number.unsigned_abs() % MODULUS;
                self.hashes.push(if number < 0 { MODULUS - hash } else { hash });
                Ok(ONE)
            }
            Argument::LargeInt => {
                let length = usize::try_from(op.end).unwrap_or(usize::MAX);
                if matches!(op.opcode, Opcode::Int | Opcode::Long) {
                    let text = bytes.get(..length).unwrap_or_default();
                    self.hashes.extend(TextInteger::of_opcode(text).map(|integer| hash_of_text(&integer)));
                    return Ok(KeyCost { size: 1 + text.len() as u64 / 16, depth: 0 });
                }
                let header = if op.opcode == Opcode::Long4 { LONG4_HEADER } else { 2 };
                let digits = bytes.get(header..length).unwrap_or_default();
                self.hashes.push(hash_of_long(digits));
                // An integer does not remember its hash.
                Ok(KeyCost { size: 1 + digits.len() as u64 / 8, depth: 0 })
            }
            _ => Ok(ONE),
        }
    }

    /// The cost of a value that is not a leaf.
    fn cost(&mut self, key: Ref) -> Result<KeyCost, Refused> {
        let mut waiting = vec![key];
        let mut result = ONE;
        while let Some(&key) = waiting.last() {
            match self.known_cost(key)? {
                Ok(cost) => {
                    result = cost;
                    waiting.pop();
                }
                // It is asked for again when all of these are known.
                Err(unknown) => waiting.extend(unknown),
            }
            // A value that needs itself is refused by the order in which objects are made.
            if waiting.len() > MAX_KEY as usize {
                return Err("has a key that is too large or too deep to be hashed".into());
            }
        }
        Ok(result)
    }

    /// The cost of a value, or the parts of it whose costs are not known yet.
    fn known_cost(&mut self, key: Ref) -> Result<Result<KeyCost, Vec<Ref>>, Refused> {
        let Some(index) = key.node_index() else { return Ok(Ok(ONE)) };
        if let Some(known) = self.tuples.get(&index) {
            return Ok(Ok(*known));
        }
        let Some(node) = self.machine.nodes().get(index) else { return Ok(Ok(ONE)) };
        let parts: &[Ref] = match node.kind {
            NodeKind::Tuple => &node.items,
            NodeKind::List | NodeKind::Dict | NodeKind::Set => return Err(UNHASHABLE.into()),
            // It remembers its hash, and its members are keys that are checked on their own.
            NodeKind::FrozenSet | NodeKind::Global => &[],
            NodeKind::Persistent | NodeKind::Call(_) | NodeKind::Array => match self.recipes.get(index) {
                Some(recipe) => &recipe.needs,
                None => &[],
            },
        };
        let is_tuple = node.kind == NodeKind::Tuple;
        let (mut cost, mut unknown) = (ONE, Vec::new());
        for part in parts {
            let part = self.machine.resolve(*part);
            let Some(part_index) = part.node_index() else {
                let of_leaf = part.leaf_offset().filter(|_| is_tuple).map_or(Ok(ONE), |at| self.part_leaf(at))?;
                cost.size = cost.size.saturating_add(of_leaf.size);
                continue;
            };
            match self.tuples.get(&part_index) {
                Some(part) => cost = cost.with(*part),
                // What an object of another kind does with its parts is not known: only tuples count.
                None if is_tuple || self.is_tuple(part_index) => unknown.push(part),
                None => cost.size = cost.size.saturating_add(1),
            }
        }
        // Parts of a node come before it, so this ends.
        unknown.retain(|part| part.node_index().is_some_and(|part| part < index));
        if !unknown.is_empty() {
            return Ok(Err(unknown));
        }
        // Whatever has this value as a part must find its cost, or it would ask for it without end.
        self.tuples.insert(index, cost);
        Ok(Ok(cost))
    }

    fn is_tuple(&self, index: usize) -> bool {
        self.machine.nodes().get(index).is_some_and(|node| node.kind == NodeKind::Tuple)
    }

    /// The cost of a leaf within a tuple, which is not a key itself.
    fn part_leaf(&mut self, at: u64) -> Result<KeyCost, Refused> {
        let count = self.hashes.len();
        let cost = self.leaf(at);
        self.hashes.truncate(count);
        cost
    }
}

impl KeyCost {
    fn with(self, part: Self) -> Self {
        Self { size: self.size.saturating_add(part.size), depth: self.depth.max(part.depth.saturating_add(1)) }
    }
}

/// The hash of an integer in little-endian two's complement, up to the sign.
fn hash_of_long(bytes: &[u8]) -> u64 {
    let is_negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let fold = |hash: u64, byte: &u8| {
        let digit = if is_negative { !*byte } else { *byte };
        // The rest of a number of 69 bits.
        ((u128::from(hash) << 8 | u128::from(digit)) % u128::from(MODULUS)) as u64
    };
    let hash = bytes.iter().rev().fold(0, fold);
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
        let mut limits = KeyLimits::new(&machine, &recipes);
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
