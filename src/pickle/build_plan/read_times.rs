//! When the calls of a pickle read their arguments, and when these change for the last time.
//!
//! A plan sees each container as it is at the end of the pickle, but an unpickler reads a state when BUILD gives it to
//! an object, and arguments when REDUCE calls something. If opcodes change a container after a recipe has read it, the
//! recipe would make another object than an unpickler.

use std::collections::HashMap;

use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{Node, NodeKind, Ref};

/// When the nodes of a machine change for the last time.
#[derive(Debug)]
pub(super) struct ChangeTimes {
    /// The end of the last opcode that changed a node through the memo.
    late: HashMap<usize, u64>,
}

impl ChangeTimes {
    pub(super) fn of(machine: &Machine<'_>) -> Self {
        // A later entry replaces an earlier one.
        Self { late: machine.notes().late.iter().copied().collect() }
    }

    /// An offset after which no opcode changes this node. It may be later than the last change: the last opcodes of a
    /// node store it in the memo.
    pub(super) fn last(&self, index: usize, node: &Node) -> u64 {
        if self.late.is_empty() {
            return node.end();
        }
        self.late.get(&index).copied().unwrap_or(0).max(node.end())
    }
}

/// When a call reads its arguments and its state. Both offsets may be earlier than the call itself, but in an honest
/// pickle, the arguments are complete before the call refers to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadTimes<'m> {
    arguments: u64,
    state: Option<u64>,
    /// The arguments themselves.
    given: &'m [Ref],
}

impl<'m> ReadTimes<'m> {
    /// The times of the call that a node is. An array of joblib is read when its wrapper gets its state.
    pub(super) fn of(machine: &'m Machine<'_>, index: usize) -> Self {
        let mut node = machine.nodes().get(index);
        if let Some(Node { kind: NodeKind::Array, items, .. }) = node {
            node = items.first().and_then(|wrapper| machine.node(*wrapper));
        }
        let Some(node) = node else { return Self { arguments: 0, state: None, given: &[] } };
        let parts = node.items.iter().skip(1).map(|part| complete_at(machine, *part));
        let given = node.items.get(1).and_then(|arguments| machine.node(*arguments));
        Self {
            arguments: parts.max().unwrap_or(node.start()),
            state: node.state().map(|state| complete_at(machine, state)),
            given: given.map_or(&[], |arguments| arguments.items.as_slice()),
        }
    }

    /// When the call reads an object. The objects in its state are read with the state.
    pub(super) fn of_object(&self, machine: &Machine<'_>, object: Ref) -> u64 {
        let Some(state) = self.state else { return self.arguments };
        let is_argument = self.given.iter().any(|argument| machine.resolve(*argument) == object);
        if is_argument { self.arguments } else { state }
    }

    /// When it reads for the last time.
    pub(super) fn last(&self) -> u64 {
        self.state.unwrap_or(self.arguments)
    }
}

/// Where a reference is pushed: its object must be complete there.
pub(super) fn complete_at(machine: &Machine<'_>, reference: Ref) -> u64 {
    let direct = reference.node_index().and_then(|index| machine.nodes().get(index));
    direct.map_or_else(|| machine.start(reference), |node| node.end())
}
