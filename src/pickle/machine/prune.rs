//! Forgetting what nobody will ask for, so that a long list of records costs no more than its own length.
//!
//! When a batch of items is added to a list, all that was made since the batch began can be reached only through
//! those items and the memo, as long as nothing older was changed meanwhile. Where all of it is data, the items and
//! memo slots become [`Inner`](crate::pickle::machine::value::Inner) values: what remains is their kind.

use super::memo_slots::Filled;
use super::value::{Leaf, Node, NodeKind, Ref, RefTarget, Value};
use super::{Machine, Mark};
use crate::pickle::rules;

/// From how many nodes on it is worth the look.
const MIN_NODES: usize = 64;
/// From how many items on a batch is one of many: what a frame or an index is made of is fewer.
const MIN_BATCH: usize = 32;
/// From how many items on a dict that nothing holds is data; a smaller one can be a session.
const MIN_ITEMS: usize = 1 << 18;

/// Watches a machine that keeps no more than it must.
pub trait Watch {
    /// Sees what the machine has made, before some of it is forgotten.
    fn look(&mut self, machine: &Machine<'_>);

    /// Whether a call made data, of which nothing but that will be asked.
    fn is_data(&mut self, machine: &Machine<'_>, call: Ref) -> bool;

    /// The nodes from this one on are gone.
    fn forget(&mut self, nodes: usize);
}

/// What was made for one batch of items.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    first: usize,
    filled: Filled,
    target: usize,
    items: usize,
}

impl Machine<'_> {
    /// The batch that began with this mark and has just been added to the value on top, if it can be forgotten.
    pub(super) fn batch_of(&self, mark: &Mark, items: usize) -> Option<Batch> {
        let untouched = mark.lowest >= mark.nodes
            && mark.changes == self.changes.len()
            && mark.effects == self.effects.len()
            && mark.looked_up == self.looked_up.len();
        if self.nodes.len() - mark.nodes < MIN_NODES || items < MIN_BATCH || !untouched {
            return None;
        }
        let RefTarget::Node(target) = self.resolve(*self.stack.last()?).target() else { return None };
        let node = self.nodes.get(target).filter(|_| target < mark.nodes)?;
        let data = match node.kind {
            NodeKind::List => !self.is_named_imports(),
            NodeKind::Set => true,
            NodeKind::Dict => !self.marks.is_empty() || node.items.len() > MIN_ITEMS,
            _ => false,
        };
        data.then_some(Batch { first: mark.nodes, filled: mark.filled, target, items })
    }

    /// Whether the list on top stands under one of the names that dill imports by.
    fn is_named_imports(&self) -> bool {
        let Some(key) = self.stack.len().checked_sub(2).and_then(|below| self.stack.get(below)) else { return false };
        match self.value(*key) {
            Value::Leaf(Leaf::Text(key)) => {
                key.as_str().is_some_and(|key| rules::NAMED_IMPORTS.iter().any(|(name, _)| *name == key))
            }
            _ => false,
        }
    }

    pub(crate) fn forget(&mut self, batch: Batch, watch: &mut dyn Watch) {
        watch.look(self);
        let made = self.nodes.get(batch.first..).unwrap_or_default();
        let is_data = |(number, node): (usize, &Node)| match node.kind {
            kind if kind.holds_items() => node.state.is_none(),
            NodeKind::Call(_) if self.describes_arrays(node) => false,
            NodeKind::Call(_) => watch.is_data(self, Ref::node(batch.first + number)),
            _ => false,
        };
        if !made.iter().enumerate().all(is_data) {
            return;
        }
        let nodes = &mut self.nodes;
        let kinds: Vec<NodeKind> = nodes.get(batch.first..).unwrap_or_default().iter().map(|node| node.kind).collect();
        let forget = |value: &mut Ref| {
            if let RefTarget::Node(index) = value.target()
                && let Some(kind) = index.checked_sub(batch.first).and_then(|number| kinds.get(number))
            {
                *value = Ref::inner(*kind);
            }
        };
        let Some(slots) = self.memo.filled_since(batch.filled) else { return };
        slots.iter_mut().for_each(forget);
        if let Some(target) = nodes.get_mut(batch.target) {
            let kept = target.items.len().saturating_sub(batch.items);
            target.items.get_mut(kept..).unwrap_or_default().iter_mut().for_each(forget);
        }
        nodes.drain(batch.first..).for_each(|node| self.spare.keep(node.items));
        watch.forget(batch.first);
    }
}
