//! The loops over the items of containers. The state is locked.
//!
//! Nearly all the time of a save is spent here and in `native_types`. A loop continues until something needs Python
//! code or an item is a container itself; then it returns the [`Next`] task of the engine.
#![allow(unsafe_code)]

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};

use super::super::native_types::{FastSave, save_fast, save_simple};
use super::super::pickler_state::PicklerState;
use super::super::plan::{DictWalk, ItemBatch, Next, WorkItem};
use super::postponed::{PendingKey, PendingMember, finish, step_postponed};
use super::reduction_steps::{step_actions, step_appends, step_set_items};
use crate::pickle::format::opcode::Opcode;

/// The opcodes that add one item, and all items since the MARK.
pub(super) const APPEND: [Opcode; 2] = [Opcode::Append, Opcode::Appends];
pub(super) const SETITEM: [Opcode; 2] = [Opcode::SetItem, Opcode::SetItems];
/// Sets have no opcode for a single item.
const ADDITEM: [Opcode; 2] = [Opcode::AddItems, Opcode::AddItems];

/// Writes an object whose type alone determines how.
pub(super) fn dispatch<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    object: &Bound<'py, PyAny>,
) -> PyResult<FastSave<'py>> {
    // SAFETY: the reference keeps the object alive, and its origin owns another one.
    unsafe { save_fast(py, state, object.as_ptr()) }
}

/// Continues a work item until it is finished or the engine must do something else.
#[inline]
pub(super) fn step<'py>(
    work_item: &mut WorkItem<'py>,
    py: Python<'py>,
    state: &mut PicklerState,
) -> PyResult<Next<'py>> {
    match work_item {
        WorkItem::List { list, next, batch } => step_list(py, state, list, next, batch),
        WorkItem::Dict { dict, walk, batch, owner } => step_dict(py, state, dict, walk, batch, owner.as_ref()),
        WorkItem::Tuple { tuple, next, original } => step_tuple(py, state, tuple, next, original.as_ref()),
        WorkItem::Set { set, items, batch, pending } => step_set(py, state, set, items, batch, pending),
        WorkItem::Postponed { waiting, outer } => step_postponed(py, state, waiting, outer),
        WorkItem::FrozenSet { set, items } => step_frozen_set(py, state, set, items),
        WorkItem::Actions { object, actions } => step_actions(py, state, object.as_ref(), actions),
        WorkItem::Appends { fetched, batch, .. } => step_appends(py, state, fetched, batch),
        WorkItem::SetItems { .. } => step_set_items(py, state, work_item),
    }
}

/// Saves an item that a container owns. Returns the task that comes before the next item, if there is one.
#[inline(always)]
pub(super) fn save_item<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    item: *mut ffi::PyObject,
) -> PyResult<Option<Next<'py>>> {
    // Most items are simple. They must not pay for a result that is returned through memory. SAFETY: the callers pass a
    // live object that their container owns.
    if unsafe { save_simple(py, state, item) } {
        return Ok(None);
    }
    save_complex_item(py, state, item)
}

fn save_complex_item<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    item: *mut ffi::PyObject,
) -> PyResult<Option<Next<'py>>> {
    // SAFETY: as in `save_item`.
    match unsafe { save_fast(py, state, item) }? {
        FastSave::Done => Ok(None),
        FastSave::Started(started) => Ok(Some(Next::Push(started))),
        // SAFETY: as in `save_item`.
        FastSave::Slow => Ok(Some(Next::Dispatch(unsafe { Bound::from_borrowed_ptr(py, item) }))),
    }
}

fn step_list<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    list: &Bound<'py, PyList>,
    next: &mut isize,
    batch: &mut ItemBatch,
) -> PyResult<Next<'py>> {
    // No Python code runs within this loop, so the list keeps its length until the loop ends.
    // SAFETY: a list, which the work item owns.
    let length = unsafe { ffi::PyList_Size(list.as_ptr()) };
    loop {
        batch.after(state, APPEND, *next >= length);
        if *next >= length {
            return Ok(Next::Done);
        }
        batch.before(state, length - *next, *next == 0)?;
        loop {
            // SAFETY: the index is within the list.
            let element = unsafe { ffi::PyList_GetItem(list.as_ptr(), *next) };
            if element.is_null() {
                // Only a finalizer that the garbage collector has run in the loop can have shortened the list.
                return Err(PyErr::fetch(py));
            }
            *next += 1;
            if let Some(next) = save_item(py, state, element)? {
                return Ok(next);
            }
            // The outer loop ends the batch. Within a batch nothing but the items has to be written.
            if *next >= length || !batch.continues() {
                break;
            }
            state.out.between_opcodes()?;
        }
    }
}

fn step_tuple<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    tuple: &Bound<'py, PyTuple>,
    next: &mut isize,
    original: Option<&Bound<'py, PyTuple>>,
) -> PyResult<Next<'py>> {
    let length = tuple.len();
    while (*next as usize) < length {
        state.out.between_opcodes()?;
        // SAFETY: tuples do not change, and the index is within this one.
        let element = unsafe { ffi::PyTuple_GetItem(tuple.as_ptr(), *next) };
        *next += 1;
        if let Some(next) = save_item(py, state, element)? {
            return Ok(next);
        }
    }
    // A tuple that its own items led to has a slot by now: drop the items and refer to that slot, as CPython does.
    let memoized = original.unwrap_or(tuple);
    if let Some(slot) = state.slot_in_segment(memoized.as_ptr() as usize) {
        match length {
            1..=3 => (0..length).for_each(|_| state.out.op(Opcode::Pop)),
            _ => state.out.op(Opcode::PopMark),
        }
        state.write_slot(slot);
        return Ok(Next::Done);
    }
    state.out.op(match length {
        1 => Opcode::Tuple1,
        2 => Opcode::Tuple2,
        3 => Opcode::Tuple3,
        _ => Opcode::Tuple,
    });
    state.memoize(memoized.as_any());
    Ok(Next::Done)
}

fn step_dict<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    dict: &Bound<'py, PyDict>,
    walk: &mut DictWalk,
    batch: &mut ItemBatch,
    owner: Option<&Bound<'py, PyAny>>,
) -> PyResult<Next<'py>> {
    if let Some(pending) = walk.pending.take()
        && pending.end(state, dict, walk.size)
    {
        batch.end_early(state, SETITEM);
        return Ok(Next::Done);
    }
    if let Some(value) = walk.value.take()
        && let Some(next) = save_item(py, state, value.as_ptr())?
    {
        return Ok(next);
    }
    let size = dict_size(dict, walk)?;
    loop {
        let before = walk.position;
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the item owns the dict, PyDict_Next returned the position, and the pointers are out parameters.
        let more = unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut walk.position, &raw mut key, &raw mut value) };
        batch.after(state, SETITEM, more == 0);
        if more == 0 {
            return Ok(end_dict(state, owner));
        }
        batch.before(state, size, before == 0)?;
        if state.cycles.is_open() && owner.is_none() {
            if let Some(next) = save_pair_in_cycle(py, state, walk, before, (key, value))? {
                return Ok(next);
            }
        } else if let Some(next) = save_pair(py, state, walk, key, value)? {
            return Ok(next);
        }
    }
}

/// The size of a dict before the loop over it begins or continues. No Python code runs within the loop, so the dict
/// keeps its size until the loop ends.
#[inline]
fn dict_size(dict: &Bound<'_, PyDict>, walk: &mut DictWalk) -> PyResult<isize> {
    // SAFETY: a dict, which the work item owns.
    let size = unsafe { ffi::PyDict_Size(dict.as_ptr()) };
    // The engine may have run Python code since the last step. A position of PyDict_Next is only valid in a dict that
    // has kept its size.
    if walk.position == 0 {
        walk.size = size;
    } else if walk.size != size {
        return Err(PyRuntimeError::new_err("dictionary changed size during iteration"));
    }
    Ok(size)
}

/// Ends a dict. If it has an owner, it is the state of that plain instance, which is below it on the unpickler's stack.
#[inline]
fn end_dict<'py>(state: &mut PicklerState, owner: Option<&Bound<'py, PyAny>>) -> Next<'py> {
    if let Some(owner) = owner {
        state.out.op(Opcode::Build);
        if state.cycles.is_open()
            && let Some(postponed) = finish(state, owner)
        {
            return Next::Replace(postponed);
        }
    }
    Next::Done
}

/// Saves a key and its value while hashes of unfinished objects are tracked. `position` is the position of the pair.
#[inline]
fn save_pair_in_cycle<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    walk: &mut DictWalk,
    position: isize,
    (key, value): (*mut ffi::PyObject, *mut ffi::PyObject),
) -> PyResult<Option<Next<'py>>> {
    // SAFETY: the dict owns the key.
    if unsafe { save_simple(py, state, key) } {
        return save_item(py, state, value);
    }
    walk.pending = Some(PendingKey::begin(state, position));
    // SAFETY: the dict owns the value, and nothing has run since PyDict_Next returned it.
    walk.value = Some(unsafe { Bound::from_borrowed_ptr(py, value) }.unbind());
    Ok(Some(save_complex_item(py, state, key)?.unwrap_or(Next::Again)))
}

/// Saves a key, and its value unless the key needs the engine.
#[inline]
fn save_pair<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    walk: &mut DictWalk,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> PyResult<Option<Next<'py>>> {
    if let Some(next) = save_item(py, state, key)? {
        // SAFETY: the dict owns the value, and nothing has run since PyDict_Next returned it.
        walk.value = Some(unsafe { Bound::from_borrowed_ptr(py, value) }.unbind());
        return Ok(Some(next));
    }
    save_item(py, state, value)
}

fn step_set<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    set: &Bound<'py, PyAny>,
    items: &mut Bound<'py, PyIterator>,
    batch: &mut ItemBatch,
    pending: &mut Option<PendingMember<'py>>,
) -> PyResult<Next<'py>> {
    loop {
        if let Some(pending) = pending.take() {
            pending.end_of_set(state, set);
        }
        batch.after(state, ADDITEM, false);
        // The iterator of an exact set runs no Python code and detects changes of the set.
        let Some(member) = items.next().transpose()? else {
            batch.after(state, ADDITEM, true);
            return Ok(Next::Done);
        };
        batch.before(state, 2, false)?;
        // SAFETY: the set owns the member.
        if unsafe { save_simple(py, state, member.as_ptr()) } {
            continue;
        }
        let address = member.as_ptr();
        if state.cycles.is_open() {
            *pending = Some(PendingMember::begin(state, member.clone()));
        }
        if let Some(next) = save_complex_item(py, state, address)? {
            return Ok(next);
        }
    }
}

fn step_frozen_set<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    set: &Bound<'py, PyAny>,
    items: &mut Bound<'py, PyIterator>,
) -> PyResult<Next<'py>> {
    loop {
        state.out.between_opcodes()?;
        let Some(member) = items.next().transpose()? else { break };
        if let Some(next) = save_item(py, state, member.as_ptr())? {
            return Ok(next);
        }
    }
    // As for tuples: its own items may have led to the set.
    if let Some(slot) = state.slot_in_segment(set.as_ptr() as usize) {
        state.out.op(Opcode::PopMark);
        state.write_slot(slot);
    } else {
        state.out.op(Opcode::FrozenSet);
        state.memoize(set);
    }
    Ok(Next::Done)
}
