//! The members of sets and the keys of dicts while an object is unfinished whose class has a `__hash__` of its own: see
//! [`hash_cycles`](super::super::hash_cycles). The state is locked.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList};

use super::super::hash_cycles::{Postponed, PostponedNumber, UnfinishedLevel};
use super::super::pickler_state::PicklerState;
use super::super::plan::{DictWalk, ItemBatch, Next, WorkItem};
use crate::pickle::format::opcode::Opcode;

/// A member or a key that is being written, and the task that follows it.
pub(in super::super) struct PendingMember<'py> {
    member: Bound<'py, PyAny>,
    outer: UnfinishedLevel,
}

/// A key of a dict that is being written, and the position of the dict before it.
pub(in super::super) struct PendingKey {
    outer: UnfinishedLevel,
    position: isize,
}

impl<'py> PendingMember<'py> {
    pub(super) fn begin(state: &mut PicklerState, member: Bound<'py, PyAny>) -> Self {
        Self { member, outer: state.cycles.begin_member() }
    }

    /// The member of a set is on the unpickler's stack: it is left there, or taken away and postponed.
    pub(super) fn end_of_set(self, state: &mut PicklerState, set: &Bound<'py, PyAny>) {
        let Some(level) = state.cycles.end_member(self.outer) else { return };
        state.out.op(Opcode::Pop);
        state.cycles.postpone(level, Postponed::Members { set: set.clone(), members: vec![self.member] });
    }

    /// The key of a reduction's item is on the unpickler's stack. Returns whether it, and all that follows, is
    /// postponed.
    pub(super) fn end_of_items(
        self,
        state: &mut PicklerState,
        object: &Bound<'py, PyAny>,
        value: &mut Option<Bound<'py, PyAny>>,
        items: &Bound<'py, PyIterator>,
    ) -> bool {
        let Some(level) = state.cycles.end_member(self.outer) else { return false };
        state.out.op(Opcode::Pop);
        let (object, items) = (object.clone(), items.clone());
        state.cycles.postpone(level, Postponed::Reduced { object, key: self.member, value: value.take(), items });
        true
    }
}

impl PendingKey {
    pub(super) fn begin(state: &mut PicklerState, position: isize) -> Box<Self> {
        Box::new(Self { outer: state.cycles.begin_member(), position })
    }

    /// The key of a dict is on the unpickler's stack. Returns whether it, and all that follows, is postponed.
    pub(super) fn end(self, state: &mut PicklerState, dict: &Bound<'_, PyDict>, size: isize) -> bool {
        let Some(level) = state.cycles.end_member(self.outer) else { return false };
        state.out.op(Opcode::Pop);
        let walk = DictWalk { position: self.position, size, ..DictWalk::default() };
        state.cycles.postpone(level, Postponed::Items { dict: dict.clone(), walk });
        true
    }
}

/// Ends an object that has got its attributes, and writes the items that were postponed until then.
pub(super) fn finish<'py>(state: &mut PicklerState, object: &Bound<'py, PyAny>) -> Option<WorkItem<'py>> {
    let slot = state.memo.get(object.as_ptr() as usize)?;
    let mut waiting = state.end_unfinished(object.py(), slot);
    if waiting.is_empty() {
        return None;
    }
    waiting.reverse();
    Some(WorkItem::Postponed { waiting, outer: None })
}

/// Fills one container after the other: pushes it, adds the items, and pops it.
pub(super) fn step_postponed<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    waiting: &mut Vec<(PostponedNumber, Postponed<'py>)>,
    outer: &mut Option<Option<PostponedNumber>>,
) -> PyResult<Next<'py>> {
    state.out.between_opcodes()?;
    if let Some(outer) = outer.take() {
        state.out.op(Opcode::Pop);
        state.cycles.add_again(outer);
    }
    let Some((number, next)) = waiting.pop() else { return Ok(Next::Done) };
    *outer = Some(state.cycles.add_again(Some(number)));
    let (container, fill) = match next {
        Postponed::Members { set, members } => {
            let items = PyList::new(py, members)?.try_iter()?;
            (set.clone(), WorkItem::Set { set, items, batch: ItemBatch::default(), pending: None })
        }
        Postponed::Items { dict, walk } => {
            (dict.clone().into_any(), WorkItem::Dict { dict, walk, batch: ItemBatch::default(), owner: None })
        }
        Postponed::Reduced { object, key, value, items } => {
            let mut batch = ItemBatch::default();
            state.write_get(object.as_ptr() as usize);
            batch.before(state, 0, false)?;
            let (key, object) = (Some(key), Some(object));
            return Ok(Next::Push(WorkItem::SetItems { object, items, key, value, batch, pending: None }));
        }
    };
    state.write_get(container.as_ptr() as usize);
    Ok(Next::Push(fill))
}
