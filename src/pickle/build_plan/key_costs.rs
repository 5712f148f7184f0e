//! The cost of hashing and comparing a key: how many values it visits, and the hash that the key will have.
//!
//! A hash visits a value as often as it occurs in the key. A comparison visits two keys with the same hash until they
//! differ, at worst all their values, and may call a method of a class.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::hash_kinds::{self, EXACT, UNSURE, is_mixed};
use super::key_hashes::{self, PartsHash, of_contents, of_string};
use super::key_work::KeyWork;
use super::object_abilities::{Hashing, collection, has_late_hash, hashing, is_number};
use super::recipe_hashes::{ANY, BYTES, NONE, RecipeHash, TEXT};
use super::{Make, PlannedRecipe, RecipeTable, ValueMake};
use crate::pickle::format::lines::TextInteger;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{Argument, Parser};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref, Value};
use crate::pickle::work_budget::table_entry;

/// The most values that the hash of one key may visit.
pub(super) const MAX_KEY: u64 = 1 << 16;
/// The cost of comparing two objects with a method of their class.
const METHOD: u32 = 256;
/// The cost of searching a frozenset for a value, relative to comparing the value with another one.
const SEARCH: u32 = 4;
/// The bytes of a number that count as one value.
const WORD: u64 = 8;
/// The hashes of strings whose opcode has more bytes than this are remembered.
const SHORT: usize = 256;
/// The bytes of LONG4 before the number.
const LONG4_HEADER: usize = 5;
/// The bytes of LONG1 before the number.
const LONG1_HEADER: usize = 2;

const UNHASHABLE: &str = "has a key without a hash";
const FILLED_LATER: &str = "has a key that gets its value only after it is made";

/// The cost of hashing and comparing a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyCost {
    /// How many values its hash visits, each as often as it occurs.
    pub(super) size: u64,
    /// How deep the values in it are nested.
    pub(super) depth: u32,
    /// Why the value cannot be a key.
    pub(super) no_key: Option<&'static str>,
    /// How many values are visited to compare it with another one that has the same hash.
    pub(super) compare: u32,
    /// Its hash, or a stand-in for it.
    pub(super) hash: u64,
    /// The kinds of hashes in it: see [`hash_kinds`].
    kinds: u64,
    /// How many time zones with unknown offsets are in it. Equal moments in two zones have one hash in Python, but
    /// different ones here.
    pub(super) zones: u32,
}

const ONE: KeyCost = KeyCost { size: 1, depth: 0, no_key: None, compare: 1, hash: ANY, kinds: EXACT, zones: 0 };
const NO_KEY: KeyCost = KeyCost { no_key: Some(UNHASHABLE), ..ONE };

impl KeyCost {
    fn nested(self) -> Self {
        Self { depth: self.depth.saturating_add(1), ..self }
    }

    /// Adds the cost of a part. Hashes are combined elsewhere.
    fn add(&mut self, part: &Self) {
        self.size = self.size.saturating_add(part.size);
        self.depth = self.depth.max(part.depth);
        self.compare = self.compare.saturating_add(part.compare);
        self.kinds |= part.kinds;
        self.zones = self.zones.saturating_add(part.zones);
    }
}

/// Computes the costs of the keys of a machine.
pub(super) struct KeyCosts<'p, 'm, 'a> {
    machine: &'m Machine<'a>,
    recipes: &'p RecipeTable<'a>,
    work: &'p KeyWork,
    /// By node: the costs that were computed. A value that is part of itself counts once.
    nodes: HashMap<usize, KeyCost>,
    /// The hashes of long strings, by their offset.
    strings: HashMap<u64, u64>,
}

impl Drop for KeyCosts<'_, '_, '_> {
    fn drop(&mut self) {
        let budget = self.machine.budget();
        budget.release(self.nodes.len().saturating_mul(table_entry::<usize, KeyCost>()));
        budget.release(self.strings.len().saturating_mul(table_entry::<u64, u64>()));
    }
}

impl<'p, 'm: 'p, 'a> KeyCosts<'p, 'm, 'a> {
    pub(super) fn new(machine: &'m Machine<'a>, recipes: &'p RecipeTable<'a>, work: &'p KeyWork) -> Self {
        Self { machine, recipes, work, nodes: HashMap::new(), strings: HashMap::new() }
    }

    /// The cost of a key; `None` for a string or `None`, which need no check.
    pub(super) fn of_key(&mut self, key: Ref) -> Option<KeyCost> {
        let key = self.machine.resolve(key);
        match key.leaf_offset() {
            // The hashes of strings differ.
            Some(at) if self.is_string(at) => None,
            Some(at) => Some(self.leaf(at)),
            None => Some(self.cost(key)),
        }
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
            Argument::LargeInt => self.large_integer(op.opcode, opcode),
            _ => match op.opcode {
                Opcode::NewTrue => known(1),
                Opcode::NewFalse => known(0),
                Opcode::None => known(NONE),
                _ => KeyCost { compare: 1 + words(opcode), hash: self.contents(at, length), ..ONE },
            },
        }
    }

    /// The cost of an integer of more than 64 bits. Python computes its hash anew each time.
    fn large_integer(&self, opcode: Opcode, bytes: &[u8]) -> KeyCost {
        let size = 1 + u64::from(words(bytes));
        let is_text = matches!(opcode, Opcode::Int | Opcode::Long);
        let digits = if is_text { bytes.len() as u64 } else { size };
        if size > MAX_KEY || !self.work.may_hash(digits) {
            return KeyCost { size, ..ONE };
        }
        let header = if opcode == Opcode::Long4 { LONG4_HEADER } else { LONG1_HEADER };
        let hash = match is_text {
            true => TextInteger::of_opcode(bytes).map_or(ANY, |integer| key_hashes::of_text(&integer)),
            false => key_hashes::of_long(bytes.get(header..).unwrap_or_default()),
        };
        KeyCost { size, compare: 1 + words(bytes), hash, ..ONE }
    }

    /// The hash of a string or of bytes; for any other leaf, the hash of its opcode.
    fn contents(&mut self, at: u64, length: usize) -> u64 {
        if let Some(hash) = self.strings.get(&at) {
            return *hash;
        }
        if !self.work.may_hash(length as u64 / WORD) {
            return ANY;
        }
        let hash = match self.machine.value(Ref::leaf(at)) {
            Value::Leaf(Leaf::Str(text)) => of_string(text.bytes()),
            Value::Leaf(Leaf::OldStr(bytes)) => of_contents(TEXT, bytes.iter().copied()),
            Value::Leaf(Leaf::Bytes(bytes)) => of_contents(BYTES, bytes.iter().copied()),
            _ => of_contents(TEXT, self.machine.opcode_bytes(Ref::leaf(at)).iter().copied()),
        };
        if length > SHORT && self.machine.budget().charge(table_entry::<u64, u64>()).is_ok() {
            self.strings.insert(at, hash);
        }
        hash
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
                self.nodes.insert(index, cost);
            } else if let Entry::Vacant(slot) = self.nodes.entry(index) {
                slot.insert(ONE);
                waiting.push((index, true));
                let parts = self.parts(index).iter().filter_map(|part| self.machine.resolve(*part).node_index());
                waiting.extend(parts.filter(|part| !self.nodes.contains_key(part)).map(|part| (part, false)));
            }
        }
        self.nodes.get(&key).copied().unwrap_or(ONE)
    }

    /// The values that the hash of a node visits. The parts of lists and dicts count, too: a recipe may make a tuple of
    /// them.
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

    /// The cost of a node whose parts are known.
    fn cost_of_parts(&mut self, index: usize) -> KeyCost {
        let (machine, recipes) = (self.machine, self.recipes);
        let kind = machine.nodes().get(index).map(|node| node.kind);
        let recipe = recipes.get(index);
        let hashing = hashing_of_node(machine, kind, recipe);
        let mut cost = cost_without_parts(kind, recipe);
        if hashing == Hashing::None || self.is_gone(index) {
            cost.no_key = cost.no_key.or(Some(UNHASHABLE));
        }
        let mut container_hash = kind.and_then(container_hash);
        let mut hashes = Vec::new();
        for part in self.parts(index) {
            let part = machine.resolve(*part);
            let of_part = self.part(part);
            cost.add(&of_part);
            match &mut container_hash {
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
        match recipe.filter(|_| !kind.is_some_and(NodeKind::holds_items)) {
            Some(recipe) => self.finish_recipe(cost, index, recipe, &hashes),
            None => self.finish_container(cost, index, kind, container_hash),
        }
    }

    /// Completes the cost of a container, from the hash of its parts if it can be a key.
    fn finish_container(
        &self,
        cost: KeyCost,
        index: usize,
        kind: Option<NodeKind>,
        parts: Option<PartsHash>,
    ) -> KeyCost {
        let is_set = kind == Some(NodeKind::FrozenSet);
        let is_unsure = is_set && self.parts(index).len() > 1 && is_mixed(cost.kinds);
        KeyCost {
            compare: if is_set { cost.compare.saturating_mul(SEARCH) } else { cost.compare },
            hash: parts.filter(|_| !is_unsure).map_or(ANY, PartsHash::finish),
            kinds: cost.kinds.max(EXACT),
            ..cost
        }
    }

    /// Completes the cost of an object that a recipe makes of parts with these hashes.
    fn finish_recipe(&mut self, cost: KeyCost, node: usize, recipe: &PlannedRecipe<'a>, parts: &[u64]) -> KeyCost {
        let (machine, recipes) = (self.machine, self.recipes);
        let hash = match collection(recipe) {
            Some(is_set) => self.hash_of_items(recipe, is_set),
            None => RecipeHash { machine, recipes, recipe, node, parts }.get(),
        };
        let unsure = if hash == ANY { UNSURE } else { 0 };
        KeyCost {
            compare: cost.compare.saturating_add(if is_number(recipe) { 0 } else { METHOD }),
            hash,
            kinds: hash_kinds::of_recipe(recipe, cost.kinds) | unsure,
            ..cost
        }
    }

    /// The cost of a part, which is known if it is not a leaf.
    fn part(&mut self, part: Ref) -> KeyCost {
        match (part.leaf_offset(), part.node_index()) {
            (Some(at), _) => self.leaf(at),
            (None, Some(part)) => self.nodes.get(&part).copied().unwrap_or(ONE).nested(),
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

/// The number of words of an opcode.
fn words(opcode: &[u8]) -> u32 {
    u32::try_from(opcode.len() as u64 / WORD).unwrap_or(u32::MAX)
}

fn hashing_of_node(machine: &Machine<'_>, kind: Option<NodeKind>, recipe: Option<&PlannedRecipe<'_>>) -> Hashing {
    match (kind, recipe) {
        (Some(NodeKind::Tuple | NodeKind::FrozenSet), _) => Hashing::OfNeeds,
        (_, Some(recipe)) => hashing(machine, recipe),
        _ => Hashing::Own,
    }
}

/// The cost of a node before the costs of its parts are added, without any kinds.
fn cost_without_parts(kind: Option<NodeKind>, recipe: Option<&PlannedRecipe<'_>>) -> KeyCost {
    let cost = match (kind, recipe) {
        (Some(NodeKind::List | NodeKind::Dict | NodeKind::Set), _) => NO_KEY,
        (_, Some(recipe)) if has_late_hash(recipe) => KeyCost { no_key: Some(FILLED_LATER), ..ONE },
        _ => ONE,
    };
    KeyCost { kinds: 0, zones: u32::from(recipe.is_some_and(RecipeTable::is_zone)), ..cost }
}

fn container_hash(kind: NodeKind) -> Option<PartsHash> {
    match kind {
        // A recipe may make a tuple of a list.
        NodeKind::Tuple | NodeKind::List => Some(PartsHash::of_tuple()),
        NodeKind::FrozenSet => Some(PartsHash::of_frozenset()),
        _ => None,
    }
}
