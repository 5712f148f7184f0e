//! What it costs to hash and to compare the keys of dicts and the members of sets, before any of them is made.
//!
//! A tuple or a frozenset can be as wide as two to the power of its length by sharing its parts, and hashing or
//! comparing it visits all of them, each time. Numbers and what is made of them can be chosen so that all have the same
//! hash: then each key is compared with all others. Neither ends, so both are refused.

use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::hash_kinds::{self, EXACT, UNSURE, is_mixed};
use super::key_hashes::{self, PartsHash, of_contents, of_string};
use super::object_abilities::{Hashing, collection, has_late_hash, hashing, is_number};
use super::recipe_hashes::{ANY, BYTES, NONE, RecipeHash, TEXT};
use super::{Make, PlannedRecipe, RecipeTable, Refused, ValueMake};
use crate::pickle::format::lines::TextInteger;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{Argument, Parser};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref, Value};
use crate::pickle::work_budget::table_entry;

/// The most values that the hash of one key may visit.
const MAX_KEY: u64 = 1 << 16;
/// A key with more values is as expensive as if it were compared with all that may have its hash.
const SMALL_KEY: u64 = 64;
/// The most values that the hashes of all keys may visit.
const MAX_WORK: u64 = 1 << 27;
/// How deep tuples may be nested in a key: Python hashes and compares them by recursion.
const MAX_DEPTH: u32 = 200;
/// The most keys of one container with the same hash. -1 and -2 have the same one, so tuples of ten of these have.
const MAX_SAME_HASH: usize = 1 << 10;
/// As many when the objects are made: hashes that the plan does not know exactly are a few times as frequent.
#[cfg_attr(not(feature = "python"), allow(dead_code))]
pub(crate) const MOST_SAME_HASH: usize = MAX_SAME_HASH * 8;
/// How many of them need not be counted as compared with one another.
pub(crate) const FEW_SAME_HASH: usize = 16;
/// The most values that comparisons of all keys with the same hash may visit.
const MAX_COMPARED: u64 = 1 << 27;
/// What it takes to compare two objects by a method of their class.
const METHOD: u32 = 256;
/// How many times longer it takes to search a frozenset for a value than to compare that with another one.
const SEARCH: u32 = 4;
/// The bytes of a number that count as one value.
const WORD: u64 = 8;
/// The hashes of longer strings are remembered, in bytes of the opcode.
const SHORT: usize = 256;
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
    /// How many values are visited to compare it with another one that has the same hash.
    compare: u32,
    /// Its hash, or what stands for it.
    hash: u64,
    /// The kinds of hashes that it has, see [`hash_kinds`].
    kinds: u64,
    /// How many time zones with unknown offsets are in it. Equal moments in two zones have one hash in Python, but
    /// different ones here.
    zones: u32,
}

const ONE: KeyCost = KeyCost { size: 1, depth: 0, no_key: None, compare: 1, hash: ANY, kinds: EXACT, zones: 0 };
const NO_KEY: KeyCost = KeyCost { no_key: Some(UNHASHABLE), ..ONE };

/// What all keys of a plan have taken.
#[derive(Debug, Default)]
pub(super) struct KeyWork {
    /// How many values their hashes visit.
    visited: Cell<u64>,
    /// How many values are visited to compare those that have the same hash.
    compared: Cell<u64>,
    /// How many words of long numbers and strings were hashed here.
    hashed: Cell<u64>,
}

impl KeyWork {
    fn is_done(&self) -> bool {
        self.visited.get() > MAX_WORK || self.hashed.get() > MAX_WORK
    }
}

fn add(count: &Cell<u64>, more: u64) {
    count.set(count.get().saturating_add(more));
}

/// Checks the keys of all dicts and sets of a machine.
pub(super) struct KeyLimits<'p, 'm, 'a> {
    machine: &'m Machine<'a>,
    recipes: &'p RecipeTable<'a>,
    /// By node: the costs that were computed. A value that is part of itself counts once.
    costs: HashMap<usize, KeyCost>,
    work: &'p KeyWork,
    /// The hashes of the keys of a container, with what it takes to compare them, and the time zones in them.
    hashes: Vec<(u64, u32, u32)>,
    /// The hashes of long strings, by their offset.
    long: HashMap<u64, u64>,
}

impl Drop for KeyLimits<'_, '_, '_> {
    fn drop(&mut self) {
        let budget = self.machine.budget();
        budget.release_list(std::mem::take(&mut self.hashes));
        budget.release(self.costs.len().saturating_mul(table_entry::<usize, KeyCost>()));
        budget.release(self.long.len().saturating_mul(table_entry::<u64, u64>()));
    }
}

impl<'p, 'm: 'p, 'a> KeyLimits<'p, 'm, 'a> {
    pub(super) fn new(machine: &'m Machine<'a>, recipes: &'p RecipeTable<'a>, work: &'p KeyWork) -> Self {
        Self { machine, recipes, costs: HashMap::new(), work, hashes: Vec::new(), long: HashMap::new() }
    }

    /// Checks the keys of one container.
    ///
    /// # Errors
    /// If one of them has no hash, or hashing or comparing them would take too long.
    pub(super) fn check(&mut self, keys: impl Iterator<Item = Ref>) -> Result<(), Refused> {
        self.hashes.clear();
        for key in keys {
            if self.work.is_done() {
                return Err(TOO_LONG.into());
            }
            let key = self.machine.resolve(key);
            let KeyCost { size, depth, no_key, compare, hash, zones, .. } = match key.leaf_offset() {
                // The hashes of strings differ.
                Some(at) if self.is_string(at) => continue,
                Some(at) => self.leaf(at),
                None => self.cost(key),
            };
            if let Some(why) = no_key {
                return Err(why.into());
            }
            if size > MAX_KEY || depth > MAX_DEPTH {
                // Looking at it takes time as well.
                add(&self.work.visited, size);
                return Err("has a key that is too large or too deep to be hashed".into());
            }
            let times = if size > SMALL_KEY { FEW_SAME_HASH as u64 } else { 1 };
            add(&self.work.visited, (size - 1).saturating_mul(times));
            if self.machine.budget().push(&mut self.hashes, (hash, compare, zones)).is_err() {
                return Err(TOO_LONG.into());
            }
        }
        if self.work.is_done() {
            return Err(TOO_LONG.into());
        }
        self.check_collisions()
    }

    /// Refuses too many keys with the same hash, and those that take too long to compare.
    fn check_collisions(&mut self) -> Result<(), Refused> {
        if self.hashes.len() <= FEW_SAME_HASH {
            return Ok(());
        }
        self.hashes.sort_unstable();
        for same in self.hashes.chunk_by(|one, other| one.0 == other.0).filter(|same| same.len() > FEW_SAME_HASH) {
            if same.len() > MAX_SAME_HASH {
                return Err(format!("has more than {MAX_SAME_HASH} keys with the same hash"));
            }
            // Each is compared with all before it. What takes longest is the last.
            let pairs = (same.len() * same.len() / 2) as u64;
            let compare = same.iter().map(|(_, compare, _)| u64::from(*compare)).max().unwrap_or(1);
            add(&self.work.compared, pairs.saturating_mul(compare));
        }
        self.check_zones()?;
        if self.work.compared.get() > MAX_COMPARED {
            return Err("has keys with the same hash that take too long to compare".into());
        }
        Ok(())
    }

    /// Refuses keys with times in many time zones: equal moments have equal hashes, whatever their zone.
    fn check_zones(&mut self) -> Result<(), Refused> {
        let zoned = self.hashes.iter().filter(|(_, _, zones)| *zones > 0).count();
        if zoned <= FEW_SAME_HASH {
            return Ok(());
        }
        // Where a clock is set back or forward, two times of one zone are one moment, too.
        let offsets = self.recipes.zones().saturating_mul(2);
        let (mut most, mut slowest) = (0, 1);
        for same in self.hashes.chunk_by(|one, other| one.0 == other.0) {
            let zones = same.iter().map(|(_, _, zones)| *zones).max().unwrap_or(0);
            if zones > 0 {
                most = most.max(same.len().saturating_mul(offsets.saturating_pow(zones)).min(zoned));
                slowest = same.iter().map(|(_, compare, _)| u64::from(*compare)).fold(slowest, u64::max);
            }
        }
        if most > MAX_SAME_HASH {
            return Err(format!("has more than {MAX_SAME_HASH} keys that may be one moment in several time zones"));
        }
        let pairs = (zoned as u64).saturating_mul(most as u64) / 2;
        add(&self.work.compared, if most > FEW_SAME_HASH { pairs.saturating_mul(slowest) } else { 0 });
        Ok(())
    }

    /// Whether a leaf is a string or `None`.
    fn is_string(&self, at: u64) -> bool {
        let opcode = self.machine.bytes_from(at).first().copied().and_then(Opcode::from_byte);
        matches!(opcode, Some(Opcode::ShortBinUnicode | Opcode::BinUnicode | Opcode::None))
    }

    /// The cost of a leaf.
    fn leaf(&mut self, at: u64) -> KeyCost {
        let bytes = self.machine.bytes_from(at);
        let Some(Ok(op)) = Parser::segment(bytes, 0).next() else { return ONE };
        let length = usize::try_from(op.end).unwrap_or(usize::MAX);
        let opcode = bytes.get(..length).unwrap_or_default();
        let words = u32::try_from(opcode.len() as u64 / WORD).unwrap_or(u32::MAX);
        let known = |hash: u64| KeyCost { hash, ..ONE };
        match op.argument {
            _ if matches!(op.opcode, Opcode::ByteArray8 | Opcode::NextBuffer) => NO_KEY,
            // A line may begin with any number of zeros.
            Argument::Int(_) if opcode.len() > MAX_KEY as usize => KeyCost { size: opcode.len() as u64, ..ONE },
            Argument::Int(number) => known(key_hashes::of_int(number)),
            Argument::Bool(value) => known(value.into()),
            Argument::Float(number) => {
                // NaN has a hash of its own in each object.
                known(key_hashes::of_float(number).unwrap_or_else(|| of_contents(TEXT, at.to_le_bytes())))
            }
            Argument::LargeInt => {
                // An integer does not remember its hash.
                let size = 1 + u64::from(words);
                let is_text = matches!(op.opcode, Opcode::Int | Opcode::Long);
                let digits = if is_text { opcode.len() as u64 } else { size };
                if size > MAX_KEY || !self.may_hash(digits) {
                    return KeyCost { size, ..ONE };
                }
                let header = if op.opcode == Opcode::Long4 { LONG4_HEADER } else { 2 };
                let hash = match is_text {
                    true => TextInteger::of_opcode(opcode).map_or(ANY, |integer| key_hashes::of_text(&integer)),
                    false => key_hashes::of_long(opcode.get(header..).unwrap_or_default()),
                };
                KeyCost { size, compare: 1 + words, hash, ..ONE }
            }
            _ => match op.opcode {
                Opcode::NewTrue => known(1),
                Opcode::NewFalse => known(0),
                Opcode::None => known(NONE),
                _ => KeyCost { compare: 1 + words, hash: self.contents(at, length), ..ONE },
            },
        }
    }

    /// The hash of a string or of bytes; of what is a name of something else, that of the opcode.
    fn contents(&mut self, at: u64, length: usize) -> u64 {
        if let Some(hash) = self.long.get(&at) {
            return *hash;
        }
        if !self.may_hash(length as u64 / WORD) {
            return ANY;
        }
        let hash = match self.machine.value(Ref::leaf(at)) {
            Value::Leaf(Leaf::Str(text)) => of_string(text.bytes()),
            Value::Leaf(Leaf::OldStr(bytes)) => of_contents(TEXT, bytes.iter().copied()),
            Value::Leaf(Leaf::Bytes(bytes)) => of_contents(BYTES, bytes.iter().copied()),
            _ => of_contents(TEXT, self.machine.opcode_bytes(Ref::leaf(at)).iter().copied()),
        };
        if length > SHORT && self.machine.budget().charge(table_entry::<u64, u64>()).is_ok() {
            self.long.insert(at, hash);
        }
        hash
    }

    /// Whether this many words may be hashed: a short pickle can refer to one long number many times.
    fn may_hash(&self, words: u64) -> bool {
        add(&self.work.hashed, words);
        self.work.hashed.get() <= MAX_WORK
    }

    /// The cost of a value that is not a leaf.
    fn cost(&mut self, key: Ref) -> KeyCost {
        let Some(key) = key.node_index() else { return ONE };
        let is_leaf = |part: &Ref| self.machine.resolve(*part).node_index().is_none();
        if self.parts(key).iter().all(is_leaf) {
            // Most keys are that simple, and are not remembered.
            return self.cost_of_parts(key);
        }
        let mut waiting = vec![(key, false)];
        while let Some((index, are_parts_known)) = waiting.pop() {
            if are_parts_known {
                let cost = self.cost_of_parts(index);
                // Once the budget is spent, the pickle is refused.
                let _ = self.machine.budget().charge(table_entry::<usize, KeyCost>());
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
                Some(recipe) if !matches!(*recipe.make, Make::Instance(_)) => &recipe.needs,
                _ => &[],
            },
            None => &[],
        }
    }

    fn cost_of_parts(&mut self, index: usize) -> KeyCost {
        let (machine, recipes) = (self.machine, self.recipes);
        let kind = machine.nodes().get(index).map(|node| node.kind);
        let recipe = recipes.get(index);
        let mut cost = match (kind, recipe) {
            (Some(NodeKind::List | NodeKind::Dict | NodeKind::Set), _) => NO_KEY,
            (_, Some(recipe)) if has_late_hash(recipe) => KeyCost { no_key: Some(FILLED_LATER), ..ONE },
            _ => ONE,
        };
        cost.zones = u32::from(recipe.is_some_and(RecipeTable::is_zone));
        let hashing = match (kind, recipe) {
            (Some(NodeKind::Tuple | NodeKind::FrozenSet), _) => Hashing::OfNeeds,
            (_, Some(recipe)) => hashing(machine, recipe),
            _ => Hashing::Own,
        };
        if hashing == Hashing::None || self.is_gone(index) {
            cost.no_key = cost.no_key.or(Some(UNHASHABLE));
        }
        let mut hash = match kind {
            // What a recipe may make of a list is hashed as a tuple.
            Some(NodeKind::Tuple | NodeKind::List) => Some(PartsHash::of_tuple()),
            Some(NodeKind::FrozenSet) => Some(PartsHash::of_frozenset()),
            _ => None,
        };
        let mut hashes = Vec::new();
        let mut kinds = 0;
        for part in self.parts(index) {
            let part = machine.resolve(*part);
            let of_part = self.part(part);
            kinds |= of_part.kinds;
            cost.zones = cost.zones.saturating_add(of_part.zones);
            cost.size = cost.size.saturating_add(of_part.size);
            cost.depth = cost.depth.max(of_part.depth);
            cost.compare = cost.compare.saturating_add(of_part.compare);
            match &mut hash {
                Some(hash) => hash.add(of_part.hash),
                None if recipe.is_some() => hashes.push(of_part.hash),
                None => {}
            }
            match hashing {
                Hashing::OfNeeds => cost.no_key = cost.no_key.or(of_part.no_key),
                Hashing::OfItems => cost.no_key = cost.no_key.or(self.unhashable_item(part)),
                Hashing::Own | Hashing::None => {}
            }
        }
        if kind == Some(NodeKind::FrozenSet) {
            cost.compare = cost.compare.saturating_mul(SEARCH);
        }
        cost.hash = match hash {
            Some(_) if kind == Some(NodeKind::FrozenSet) && self.parts(index).len() > 1 && is_mixed(kinds) => ANY,
            hash => hash.map_or(ANY, PartsHash::finish),
        };
        cost.kinds = kinds.max(EXACT);
        if let Some(recipe) = recipe.filter(|_| !kind.is_some_and(NodeKind::holds_items)) {
            cost.compare = cost.compare.saturating_add(if is_number(recipe) { 0 } else { METHOD });
            cost.hash = match collection(recipe) {
                Some(is_set) => self.hash_of_items(recipe, is_set),
                None => RecipeHash { machine, recipes, recipe, node: index, parts: &hashes }.get(),
            };
            cost.kinds = hash_kinds::of_recipe(recipe, kinds) | if cost.hash == ANY { UNSURE } else { 0 };
        }
        cost
    }

    /// The cost of a part, which is known if it is not a leaf.
    fn part(&mut self, part: Ref) -> KeyCost {
        match (part.leaf_offset(), part.node_index()) {
            (Some(at), _) => self.leaf(at),
            (None, Some(part)) => self.costs.get(&part).copied().unwrap_or(ONE).nested(),
            _ => ONE,
        }
    }

    /// The hash of `tuple(items)` or `frozenset(items)`.
    fn hash_of_items(&mut self, recipe: &PlannedRecipe<'_>, is_set: bool) -> u64 {
        let machine = self.machine;
        let node = recipe.needs.first().and_then(|items| machine.node(*items));
        let is_ordered = node.is_none_or(|node| matches!(node.kind, NodeKind::List | NodeKind::Tuple));
        if !is_ordered && !is_set {
            return ANY;
        }
        let mut hash = if is_set { PartsHash::of_frozenset() } else { PartsHash::of_tuple() };
        let items = node.map_or(&[][..], |node| &node.items[..]);
        let mut kinds = 0;
        for item in items {
            let of_item = self.part(machine.resolve(*item));
            kinds |= of_item.kinds;
            hash.add(of_item.hash);
        }
        if is_set && items.len() > 1 && is_mixed(kinds) { ANY } else { hash.finish() }
    }

    /// Why an item of a list or a tuple has no hash.
    fn unhashable_item(&mut self, items: Ref) -> Option<&'static str> {
        let machine = self.machine;
        let items = machine.node(items).map_or(&[][..], |node| &node.items[..]);
        items.iter().find_map(|item| self.part(machine.resolve(*item)).no_key)
    }

    /// Whether a node is a weak reference to an object that is gone, which has no hash.
    fn is_gone(&self, index: usize) -> bool {
        let recipe =
            self.recipes.get(index).filter(|recipe| matches!(*recipe.make, Make::Value(ValueMake::WeakReference)));
        recipe
            .and_then(|recipe| recipe.needs.first())
            .is_some_and(|of| self.machine.resolve(*of).node_index().is_none())
    }
}

impl KeyCost {
    fn nested(self) -> Self {
        Self { depth: self.depth.saturating_add(1), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pickle: &[u8]) -> Result<(), Refused> {
        let (machine, _) = Machine::run(pickle).expect("a pickle");
        let recipes = RecipeTable::default();
        let work = KeyWork::default();
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

    fn int(number: i32) -> Vec<u8> {
        [&b"J"[..], &number.to_le_bytes()].concat()
    }

    /// All tuples or frozensets of as many numbers between these two, as the members of a set.
    fn grid(dimensions: u32, first: i32, last: i32, (open, close): (&[u8], &[u8])) -> Vec<u8> {
        let side = (last - first + 1) as u32;
        let mut pickle = b"\x8f(".to_vec();
        for number in 0..side.pow(dimensions) {
            pickle.extend(open);
            (0..dimensions).for_each(|axis| pickle.extend(int(first + (number / side.pow(axis) % side) as i32)));
            pickle.extend(close);
        }
        [&pickle[..], b"\x90."].concat()
    }

    #[test]
    fn grids_of_small_numbers_are_keys() {
        let tuple = (&b"("[..], &b"t"[..]);
        for (dimensions, first, last) in [(2, -50, 50), (5, -2, -1), (5, -3, 3), (8, -2, 0), (10, -2, -1)] {
            assert_eq!(check(&grid(dimensions, first, last, tuple)), Ok(()), "{dimensions} {first} {last}");
        }
        assert!(check(&grid(11, -2, -1, tuple)).is_err_and(|why| why.contains("same hash")));
    }

    #[test]
    fn colliding_numbers_in_tuples_and_frozensets_are_refused() {
        let number = |number: u128| [&[0x8a, 16][..], &((number << 61) - number + 7).to_le_bytes()].concat();
        for (open, close) in [(&b""[..], &b"\x85"[..]), (b"\x8c\x01a", b"\x86"), (b"", b"\x85\x85"), (b"(", b"\x91")] {
            let mut pickle = b"\x8f(".to_vec();
            (1..=2_000).for_each(|n| pickle.extend([open, &number(n), close].concat()));
            pickle.extend(b"\x90.");
            assert!(check(&pickle).is_err_and(|why| why.contains("same hash")), "{open:?} {close:?}");
        }
    }

    #[test]
    fn a_long_number_in_many_keys_is_not_hashed_for_each() {
        let long =
            |length: u32| [&[0x8b][..], &length.to_le_bytes(), &b"\x07".repeat(length as usize), b"q\x000"].concat();
        let one = [&long(400_000)[..], b"(", &b"}h\x00\x85Ns".repeat(50_000), b"l."].concat();
        assert!(check(&one).is_err_and(|why| why.contains("too long")));
        let many = [&long(500_000)[..], b"(", &b"h\x00h\x00h\x00\x87".repeat(50_000), b"t}2Ns0."].concat();
        assert!(check(&many).is_err());
    }

    #[test]
    fn large_keys_with_one_hash_are_refused_earlier() {
        let wide = b"K\x07".repeat(20_000);
        let key = |last: u128| [&b"("[..], &wide, &[0x8a, 16], &((last << 61) - last).to_le_bytes(), b"t"].concat();
        let pickle = |count: u128| [&b"\x8f("[..], &(1..=count).flat_map(key).collect::<Vec<_>>(), b"\x90."].concat();
        assert_eq!(check(&pickle(16)), Ok(()));
        assert!(check(&pickle(200)).is_err_and(|why| why.contains("take too long")));
    }

    #[test]
    fn containers_and_bytearrays_are_no_keys() {
        for key in [&b"]"[..], b"}", b"\x8f", b"]\x85", b"\x96\x01\0\0\0\0\0\0\0a"] {
            assert!(check(&[b"}", key, b"Ns."].concat()).is_err(), "{key:?}");
        }
    }
}
