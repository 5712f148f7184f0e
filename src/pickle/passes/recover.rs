//! Which objects of a segment are whole after a load of it has failed: what other variables share with it need not be
//! lost with it.
//!
//! CallKind far the load came is known only by the number of memo slots that it filled. So the opcode at fault is at the
//! earliest the first one behind the last of those MEMOIZEs that can fail at all; what was finished before it is whole.

use std::collections::{HashMap, HashSet};

use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{Op, Parser};
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::machine::{Machine, MachineError};

/// The most parts of one object that are looked at: larger ones are taken for lost.
const MOST_PARTS: usize = 1 << 20;

pub use self::intact_memo_slots as whole_slots; // compat

/// The slots of a segment whose objects are whole. It begins where `memo` slots are filled, and `filled` of its own were
/// filled when the load failed.
pub fn intact_memo_slots(segment: &[u8], memo: u64, filled: u64) -> Result<HashSet<u64>, MachineError> {
    let (machine, ..) = Machine::run_segment(segment, 0, memo)?;
    let failed = earliest_failure(&machine, segment, filled)?;
    // What is changed by a call of its own, as dill fills closures and classes, shows in no span.
    let settled = machine.effects().is_empty() && machine.changes().is_empty();
    let changed = changed_last(&machine);
    let whole =
        |slot: &u64| machine.in_slot(*slot).is_some_and(|value| is_whole(&machine, value, failed, settled, &changed));
    Ok((memo..memo.saturating_add(filled)).filter(whole).collect())
}

/// Where the last call ends that changes a value, for those that are changed by calls, as dill does it.
fn changed_last(machine: &Machine<'_>) -> HashMap<Ref, u64> {
    let mut changed = HashMap::new();
    for effect in machine.effects() {
        let Some(call) = machine.node(*effect) else { continue };
        let arguments = call.items.get(1).and_then(|arguments| machine.node(*arguments));
        if let Some(target) = arguments.and_then(|arguments| arguments.items.first()) {
            changed.insert(machine.resolve(*target), call.end);
        }
    }
    changed
}

/// The place of the first opcode that can have failed.
fn earliest_failure(machine: &Machine<'_>, segment: &[u8], filled: u64) -> Result<u64, MachineError> {
    let safe: HashSet<u64> =
        machine.nodes().iter().filter(|node| cannot_fail(machine, node)).map(|node| node.end).collect();
    let mut memoized = 0;
    for op in Parser::segment(segment, 0) {
        let op = op?;
        if memoized >= filled && can_fail(&op) && !safe.contains(&op.end) {
            return Ok(op.start);
        }
        memoized += u64::from(op.opcode == Opcode::Memoize);
    }
    Ok(segment.len() as u64)
}

/// Whether a container takes its items without running anybody's code.
fn cannot_fail(machine: &Machine<'_>, node: &Node) -> bool {
    let plain = |item: &Ref| matches!(machine.value(*item), Value::Leaf(leaf) if !matches!(leaf, Leaf::Earlier(_)));
    node.added.is_none()
        && node.state.is_none()
        && match node.kind {
            NodeKind::List | NodeKind::Tuple => true,
            NodeKind::Dict => node.items.iter().step_by(2).all(plain),
            NodeKind::Set | NodeKind::FrozenSet => node.items.iter().all(plain),
            _ => false,
        }
}

/// Whether an opcode can run code, or look up what is not there.
fn can_fail(op: &Op<'_>) -> bool {
    use Opcode::{
        AddItems, Append, Appends, BinPersId, Build, Dict, Ext1, Ext2, Ext4, FrozenSet, Global, Inst, NewObj, NewObjEx,
        Obj, PersId, Reduce, SetItem, SetItems, StackGlobal,
    };
    matches!(
        op.opcode,
        AddItems
            | Append
            | Appends
            | BinPersId
            | Build
            | Dict
            | Ext1
            | Ext2
            | Ext4
            | FrozenSet
            | Global
            | Inst
            | NewObj
            | NewObjEx
            | Obj
            | PersId
            | Reduce
            | SetItem
            | SetItems
            | StackGlobal
    )
}

/// Whether a value, with all that is in it, was finished before the failure.
fn is_whole(machine: &Machine<'_>, value: Ref, failed: u64, settled: bool, changed: &HashMap<Ref, u64>) -> bool {
    let mut waiting = vec![value];
    let mut seen = HashSet::new();
    while let Some(value) = waiting.pop() {
        let Some(node) = machine.node(value) else { continue };
        if !seen.insert(node.start) {
            continue;
        }
        let kind = match node.kind {
            NodeKind::List
            | NodeKind::Tuple
            | NodeKind::Dict
            | NodeKind::Set
            | NodeKind::FrozenSet
            | NodeKind::Global => true,
            NodeKind::Call(CallKind::NewObj | CallKind::NewObjEx | CallKind::Reduce) => settled,
            _ => false,
        };
        let end = changed.get(&machine.resolve(value)).map_or(node.end, |changed| node.end.max(*changed));
        if !kind || end > failed || seen.len() > MOST_PARTS {
            return false;
        }
        waiting.extend(node.items.iter().chain(&node.state).copied());
        if let Some(added) = &node.added {
            waiting.extend(added.items.iter().chain(&added.pairs).copied());
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x = [shared, Bad()]`, with `shared = ['s', 1]`: x in slot 3, shared in 4, the class in 5.
    const SEGMENT: &[u8] = b"\x8c\x01x]\x94(]\x94(\x8c\x01sK\x01ecbad\nBad\n\x94)\x81es";

    #[test]
    fn what_was_finished_before_the_failure_is_whole() -> Result<(), MachineError> {
        // The class was not found: the list that is shared had been filled by then.
        assert_eq!(intact_memo_slots(SEGMENT, 3, 2)?, HashSet::from([4]));
        // The class was found and could not be called.
        assert_eq!(intact_memo_slots(SEGMENT, 3, 3)?, HashSet::from([4, 5]));
        Ok(())
    }

    #[test]
    fn what_was_under_way_is_not() -> Result<(), MachineError> {
        // The key of the inner dict is an object whose `__hash__` can fail.
        let segment = b"\x8c\x01x]\x94(}\x94(cbad\nBad\n)\x81K\x01ues";
        assert_eq!(intact_memo_slots(segment, 3, 2)?, HashSet::new());
        // An instance whose state was not given to it.
        let segment = b"\x8c\x01x]\x94(cbad\nBad\n)\x81\x94}\x94\x8c\x01aK\x01sb]\x94es";
        assert_eq!(intact_memo_slots(segment, 3, 3)?, HashSet::from([5]));
        // Behind the last slot nothing is left that can fail.
        assert_eq!(intact_memo_slots(segment, 3, 4)?, HashSet::from([3, 4, 5, 6]));
        Ok(())
    }
}
