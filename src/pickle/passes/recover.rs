//! Finds the objects of a segment that are intact after loading it has failed, so that other variables that share them
//! are not lost, too.
//!
//! All that is known of the failure is the number of memo slots that were filled before it. So the opcode that failed
//! is at the earliest the first one after the last completed MEMOIZE that can fail at all: everything that was
//! complete before that opcode is intact.

use std::collections::{HashMap, HashSet};

use crate::pickle::format::opcode::{CodeRun, Opcode};
use crate::pickle::format::parse::Parser;
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::machine::{Machine, MachineError};

/// The most parts of one object that are checked: a larger object counts as lost.
const MAX_PARTS: usize = 1 << 20;

/// The slots of a segment whose objects are intact. The segment starts with `memo` slots filled, and had filled
/// `filled` more when loading it failed.
///
/// # Errors
/// If the machine cannot follow the segment.
pub fn intact_memo_slots(segment: &[u8], memo: u64, filled: u64) -> Result<HashSet<u64>, MachineError> {
    let (machine, ..) = Machine::run_segment(segment, 0, memo)?;
    let failed_at = earliest_failure(&machine, segment, filled)?;
    let check = IntactCheck {
        machine: &machine,
        failed_at,
        // Calls that change an object which was made before, as dill fills closures and classes, are in no object's
        // span.
        no_late_changes: machine.effects().is_empty() && machine.changes().is_empty(),
        changed_until: changed_until(&machine),
    };
    let is_intact = |slot: &u64| machine.in_slot(*slot).is_some_and(|value| check.is_intact(value));
    Ok((memo..memo.saturating_add(filled)).filter(is_intact).collect())
}

/// For each value that is changed by calls, as dill does it: the end of the last one.
fn changed_until(machine: &Machine<'_>) -> HashMap<Ref, u64> {
    let mut changed = HashMap::new();
    for effect in machine.effects() {
        let Some(call) = machine.node(*effect) else { continue };
        let arguments = call.items.get(1).and_then(|arguments| machine.node(*arguments));
        // `setattr(target, …)` and the like: the first argument is what they change.
        if let Some(target) = arguments.and_then(|arguments| arguments.items.first()) {
            changed.insert(machine.resolve(*target), call.end);
        }
    }
    changed
}

/// The offset of the first opcode that can have failed.
fn earliest_failure(machine: &Machine<'_>, segment: &[u8], filled: u64) -> Result<u64, MachineError> {
    let safe: HashSet<u64> =
        machine.nodes().iter().filter(|node| cannot_fail(machine, node)).map(|node| node.end).collect();
    let mut memoized = 0;
    for op in Parser::segment(segment, 0) {
        let op = op?;
        if memoized >= filled && op.opcode.runs() != CodeRun::Nothing && !safe.contains(&op.end) {
            return Ok(op.start);
        }
        // Our pickler fills slots by MEMOIZE only.
        memoized += u64::from(op.opcode == Opcode::Memoize);
    }
    Ok(segment.len() as u64)
}

/// Whether a container takes its items without running any code of theirs.
fn cannot_fail(machine: &Machine<'_>, node: &Node) -> bool {
    // Leaves have built-in `__hash__` methods; a value of an earlier segment can have any.
    let leaf = |item: &Ref| matches!(machine.value(*item), Value::Leaf(leaf) if !matches!(leaf, Leaf::Earlier(_)));
    node.added.is_none()
        && node.state.is_none()
        && match node.kind {
            NodeKind::List | NodeKind::Tuple => true,
            NodeKind::Dict => node.items.iter().step_by(2).all(leaf),
            NodeKind::Set | NodeKind::FrozenSet => node.items.iter().all(leaf),
            _ => false,
        }
}

struct IntactCheck<'m, 'a> {
    machine: &'m Machine<'a>,
    /// The offset of the first opcode that can have failed.
    failed_at: u64,
    no_late_changes: bool,
    changed_until: HashMap<Ref, u64>,
}

impl IntactCheck<'_, '_> {
    /// Whether a value, with everything in it, was complete before the failure.
    fn is_intact(&self, value: Ref) -> bool {
        let machine = self.machine;
        let mut waiting = vec![value];
        let mut seen = HashSet::new();
        while let Some(value) = waiting.pop() {
            let Some(node) = machine.node(value) else { continue };
            if !seen.insert(node.start) {
                continue;
            }
            // A value is complete only after the last call that changes it, even if its own opcodes end earlier.
            let changed = self.changed_until.get(&machine.resolve(value));
            let end = changed.map_or(node.end, |changed| node.end.max(*changed));
            if !self.can_be_intact(node.kind) || end > self.failed_at || seen.len() > MAX_PARTS {
                return false;
            }
            // A complete container can hold values from the memo that were still being filled.
            waiting.extend(node.items.iter().chain(&node.state).copied());
            if let Some(added) = &node.added {
                waiting.extend(added.items.iter().chain(&added.pairs).copied());
            }
        }
        true
    }

    fn can_be_intact(&self, kind: NodeKind) -> bool {
        match kind {
            kind if kind.holds_items() => true,
            NodeKind::Global => true,
            NodeKind::Call(CallKind::NewObj | CallKind::NewObjEx | CallKind::Reduce) => self.no_late_changes,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x = [shared, Bad()]`, with `shared = ['s', 1]`: x in slot 3, shared in 4, the class in 5.
    const SEGMENT: &[u8] = b"\x8c\x01x]\x94(]\x94(\x8c\x01sK\x01ecbad\nBad\n\x94)\x81es";

    #[test]
    fn objects_completed_before_the_failure_are_intact() -> Result<(), MachineError> {
        // The class was not found: the shared list had been filled by then.
        assert_eq!(intact_memo_slots(SEGMENT, 3, 2)?, HashSet::from([4]));
        // The class was found and could not be called.
        assert_eq!(intact_memo_slots(SEGMENT, 3, 3)?, HashSet::from([4, 5]));
        Ok(())
    }

    #[test]
    fn an_incomplete_object_is_not_intact() -> Result<(), MachineError> {
        // The key of the inner dict is an object whose `__hash__` can fail.
        let segment = b"\x8c\x01x]\x94(}\x94(cbad\nBad\n)\x81K\x01ues";
        assert_eq!(intact_memo_slots(segment, 3, 2)?, HashSet::new());
        // An instance whose state was not given to it.
        let segment = b"\x8c\x01x]\x94(cbad\nBad\n)\x81\x94}\x94\x8c\x01aK\x01sb]\x94es";
        assert_eq!(intact_memo_slots(segment, 3, 3)?, HashSet::from([5]));
        // After the last slot there is no opcode left that can fail.
        assert_eq!(intact_memo_slots(segment, 3, 4)?, HashSet::from([3, 4, 5, 6]));
        Ok(())
    }
}
