//! Drops values that are no longer needed, so that a long list of records costs no more than its own length.
//!
//! When a batch of items is added to a list, everything that was made since the batch began can be reached only
//! through those items and the memo, unless something older was changed meanwhile. If all of it is plain data, the
//! items and memo slots become [`Inner`](super::value::Inner) values: only their kind remains.

use super::state::{Batch, Machine, Mark};
use super::value::{Leaf, Node, NodeKind, Ref, RefTarget, Value};
use crate::pickle::known;

/// The smallest number of nodes that are worth pruning.
const MIN_NODES: usize = 64;
/// The smallest number of items in a batch of many. The parts of a data frame or an index are fewer.
const MIN_BATCH: usize = 32;
/// The smallest number of items of an outermost dict that is taken for data; a smaller one can be a session.
const MIN_ITEMS: usize = 1 << 18;

/// Watches a machine that prunes.
pub trait Watch {
    /// Called before values are pruned: the last chance to see them.
    fn before_pruning(&mut self, machine: &Machine<'_>);

    /// Whether a call made plain data, so that only its kind need be kept.
    fn is_data(&mut self, machine: &Machine<'_>, call: Ref) -> bool;

    /// Called when the nodes from this index on were pruned.
    fn after_pruning(&mut self, nodes: usize);
}

impl Machine<'_> {
    /// The batch that began with this mark and was just added to the value on top of the stack, if it can be pruned.
    pub(super) fn batch_of(&self, mark: &Mark, items: usize) -> Option<Batch> {
        // Nothing older may refer to the new nodes, and nothing that is listed outside of the nodes may be lost.
        let untouched = mark.lowest >= mark.nodes
            && mark.changes == self.changes.len()
            && mark.effects == self.effects.len()
            && mark.looked_up == self.looked_up.len();
        if self.nodes.len() - mark.nodes < MIN_NODES || items < MIN_BATCH || !untouched {
            return None;
        }
        let RefTarget::Node(target) = self.resolve(*self.stack.last()?).target() else { return None };
        let node = self.nodes.get(target).filter(|_| target < mark.nodes)?;
        // A small dict at the outermost level can be the namespace of a session, whose variables are all shown.
        let data = match node.kind {
            NodeKind::List => !self.is_named_imports(),
            NodeKind::Set => true,
            NodeKind::Dict => !self.marks.is_empty() || node.items.len() > MIN_ITEMS,
            _ => false,
        };
        data.then_some(Batch { first: mark.nodes, filled: mark.filled, target, items })
    }

    /// Whether the list on top of the stack is the value of one of the keys under which dill lists imports.
    fn is_named_imports(&self) -> bool {
        let Some(key) = self.stack.len().checked_sub(2).and_then(|below| self.stack.get(below)) else { return false };
        match self.value(*key) {
            Value::Leaf(Leaf::Str(key)) => {
                key.as_str().is_some_and(|key| known::NAMED_IMPORTS.iter().any(|(name, _)| *name == key))
            }
            _ => false,
        }
    }

    /// Prunes a batch, if all of it is plain data.
    pub(super) fn prune(&mut self, batch: Batch, watch: &mut dyn Watch) {
        // The judge must see these values before they are gone, even if they turn out not to be prunable.
        watch.before_pruning(self);
        let made = self.nodes.get(batch.first..).unwrap_or_default();
        let is_data = |(number, node): (usize, &Node)| match node.kind {
            kind if kind.holds_items() => node.state().is_none(),
            // These are needed to find the end of array bytes that may follow.
            NodeKind::Call(_) if self.describes_arrays(node) => false,
            NodeKind::Call(_) => watch.is_data(self, Ref::node(batch.first + number)),
            _ => false,
        };
        if !made.iter().enumerate().all(is_data) {
            return;
        }
        // The kind of each dropped node remains in the references to it.
        let nodes = &mut self.nodes;
        let kinds: Vec<NodeKind> = nodes.get(batch.first..).unwrap_or_default().iter().map(|node| node.kind).collect();
        let prune = |value: &mut Ref| {
            if let RefTarget::Node(index) = value.target()
                && let Some(kind) = index.checked_sub(batch.first).and_then(|number| kinds.get(number))
            {
                *value = Ref::inner(*kind);
            }
        };
        // If a slot was filled out of order, it is not known which slots hold new nodes.
        let Some(slots) = self.memo.filled_since(batch.filled) else { return };
        slots.iter_mut().for_each(prune);
        if let Some(target) = nodes.get_mut(batch.target) {
            // Only the new items can refer to the dropped nodes: `batch_of` has made sure of that.
            let kept = target.items.len().saturating_sub(batch.items);
            target.items.get_mut(kept..).unwrap_or_default().iter_mut().for_each(prune);
        }
        nodes.drain(batch.first..).for_each(|node| self.spare.keep(node.items, &self.budget));
        watch.after_pruning(batch.first);
    }
}
