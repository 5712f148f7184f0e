//! The `len()` of values, as far as the pickle determines it.
//!
//! Containers have a length because of their items. The length of a call's result follows from what was added to it,
//! from its arguments, or is unknown.

use super::label_cache::remember;
use super::labels::Labels;
use crate::pickle::format::{SEPARATOR, py_str::PyStr, split_joined};
use crate::pickle::known::{self, CanonicalCall, Makes};
use crate::pickle::machine::value::{Leaf, Node, NodeKind, Ref, Value};

impl<'m, 'a> Labels<'m, 'a> {
    /// The `len()` of containers, of objects that are filled like containers, and of bytes and strings.
    pub fn length(&self, reference: Ref) -> Option<u64> {
        let reference = self.machine().resolve(reference);
        remember(self.machine().budget(), &self.cache.lengths, reference, || match self.machine().value(reference) {
            Value::Leaf(Leaf::Str(string)) => Some(string.characters()),
            Value::Leaf(Leaf::OldStr(bytes)) => Some(bytes.len() as u64),
            Value::Leaf(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes)) => Some(bytes.len() as u64),
            Value::Leaf(_) => None,
            Value::Node(node) => self.node_length(node),
        })
    }

    fn node_length(&self, node: &'m Node) -> Option<u64> {
        match node.kind {
            NodeKind::Tuple | NodeKind::List => Some(node.items.len() as u64),
            NodeKind::Set | NodeKind::FrozenSet => Some(self.different(node.items.iter())),
            NodeKind::Dict => Some(self.different(node.items.iter().step_by(2))),
            NodeKind::Global | NodeKind::Persistent | NodeKind::Array => None,
            // `deque` is filled with items, `OrderedDict` with pairs.
            NodeKind::Call(_) => match node.added() {
                Some(added) => {
                    let filled = added.items.len() as u64 + self.different(added.pairs.iter().step_by(2));
                    Some(self.deque_length(node, filled).unwrap_or(filled))
                }
                None => self.constructor_length(node),
            },
        }
    }

    /// The length by the arguments of a call: of `set`, `frozenset` and `bytearray` in older protocols, `Counter` and
    /// `range`.
    fn constructor_length(&self, node: &'m Node) -> Option<u64> {
        match self.maker(node) {
            Some(Makes::Repr) => return range_length(&self.string(self.argument(node, 0)?)?),
            // `_codecs.encode('…', 'latin1')`: before protocol 3, bytes are written as a string of as many characters.
            Some(Makes::Type("bytes")) => return self.leaf_length(self.argument(node, 0)?),
            _ => {}
        }
        if let Some(joined) = self.joined_strings(node) {
            return Some(split_joined(joined.bytes()).count() as u64);
        }
        let class = self.class(*node.items.first()?)?;
        let argument = self.argument(node, 0);
        match class.as_ref() {
            "set" | "frozenset" | "bytearray" | "collections.Counter" => {}
            "range" => return self.length_of_range(node),
            "collections.deque" => return self.deque_length(node, 0),
            class => return known::starts_empty(class).then_some(0),
        }
        let Some(argument) = argument else { return Some(0) };
        match self.machine().node(argument) {
            None => self.length(argument),
            // `bytearray(_codecs.encode('…', 'latin1'))`.
            Some(call) if self.maker(call) == Some(Makes::Type("bytes")) => self.leaf_length(self.argument(call, 0)?),
            // Not the result of another call: calls can be nested without end.
            Some(Node { kind: NodeKind::List | NodeKind::Tuple, items, .. }) => Some(match class.as_ref() {
                "bytearray" => items.len() as u64,
                _ => self.different(items.iter()),
            }),
            Some(Node { kind: NodeKind::Dict, items, .. }) => Some(self.different(items.iter().step_by(2))),
            Some(_) => None,
        }
    }

    /// The length of a `deque` to which this many items were added: older versions give it the items as a list.
    fn deque_length(&self, node: &'m Node, added: u64) -> Option<u64> {
        let class = self.class(*node.items.first()?)?;
        if class.as_ref() != "collections.deque" {
            return None;
        }
        let given = match self.argument(node, 0).map(|items| self.machine().node(items)) {
            None => 0,
            Some(Some(Node { kind: NodeKind::List | NodeKind::Tuple, items, .. })) => items.len() as u64,
            Some(_) => return None,
        };
        let most = self.argument(node, 1).and_then(|most| self.int(most)).and_then(|most| u64::try_from(most).ok());
        Some(given.saturating_add(added).min(most.unwrap_or(u64::MAX)))
    }

    /// The strings of a list that snapcli writes as one, with [`SEPARATOR`] between them.
    pub(super) fn joined_strings(&self, node: &'m Node) -> Option<PyStr<'a>> {
        let (module, name) = self.global(*node.items.first()?)?;
        if known::canonical_call(&module, &name) != Some(CanonicalCall::JoinedStrings) || node.added().is_some() {
            return None;
        }
        let leaf = |index| match self.machine().value(self.machine().resolve(self.argument(node, index)?)) {
            Value::Leaf(Leaf::Str(string)) => Some(string),
            _ => None,
        };
        leaf(0).filter(|_| leaf(1).is_some_and(|separator| separator.bytes() == [SEPARATOR]))
    }

    /// The length of a value without parts.
    fn leaf_length(&self, argument: Ref) -> Option<u64> {
        if self.machine().node(argument).is_some() { None } else { self.length(argument) }
    }

    fn length_of_range(&self, node: &Node) -> Option<u64> {
        let number = |index| self.int(self.argument(node, index)?);
        range_steps(number(0)?, number(1)?, number(2)?)
    }
}

/// The length of a range, from its `repr`, which dill writes.
fn range_length(repr: &str) -> Option<u64> {
    let numbers = repr.strip_prefix("range(")?.strip_suffix(')')?.split(',');
    let numbers: Option<Vec<i64>> = numbers.map(|number| number.trim().parse().ok()).collect();
    match numbers?.as_slice() {
        [stop] => range_steps(0, *stop, 1),
        [start, stop] => range_steps(*start, *stop, 1),
        [start, stop, step] => range_steps(*start, *stop, *step),
        _ => None,
    }
}

pub(crate) fn range_steps(start: i64, stop: i64, step: i64) -> Option<u64> {
    // In 128 bits, as `stop - start` can exceed 64.
    let distance = if step > 0 { i128::from(stop) - i128::from(start) } else { i128::from(start) - i128::from(stop) };
    let step = i128::from(step.unsigned_abs());
    if step == 0 {
        return None;
    }
    u64::try_from((distance.max(0) + step - 1) / step).ok()
}
