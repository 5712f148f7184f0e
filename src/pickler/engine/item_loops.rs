//! The loops over the items of containers, and over the actions of a plan. The state is locked.
//!
//! Nearly all the time of a save is spent here and in `native_types`. A loop continues until something needs Python
//! code or an item is a container itself; then it returns what the engine must do [`Next`].
#![allow(unsafe_code)]

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};

use super::super::lost_items::LostItems;
use super::super::native_types::{FastSave, save_constant, save_fast, save_simple};
use super::super::pickler_state::PicklerState;
use super::super::plan::{Action, DictWalk, ItemBatch, Next, WorkItem};
use super::postponed::{PendingKey, PendingMember, finish, step_postponed};
use crate::pickle::format::opcode::Opcode;

/// The opcodes that add one item, and all items since the MARK.
const APPEND: [Opcode; 2] = [Opcode::Append, Opcode::Appends];
const SETITEM: [Opcode; 2] = [Opcode::SetItem, Opcode::SetItems];
/// Sets have no opcode for a single item.
const ADDITEM: [Opcode; 2] = [Opcode::AddItems, Opcode::AddItems];

/// Writes an object if its type alone says how.
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
        WorkItem::Appends { fetched, batch, .. } => {
            if let Some(next) = save_taken(py, state, fetched)? {
                return Ok(next);
            }
            batch.after(state, APPEND, false);
            Ok(Next::FetchElement)
        }
        WorkItem::SetItems { object, items, key, value, batch, pending } => {
            // A key that is a container is worked through first. Then this continues with the value.
            if let (Some(object), Some(key)) = (object.as_ref(), key.as_ref())
                && state.cycles.is_open()
                && state.memo.get(object.as_ptr() as usize).is_some()
            {
                *pending = Some(PendingMember::begin(state, key.clone()));
            }
            if let Some(next) = save_taken(py, state, key)? {
                return Ok(next);
            }
            if let (Some(pending), Some(object)) = (pending.take(), object.as_ref())
                && pending.end_of_items(state, object, value, items)
            {
                batch.after(state, SETITEM, true);
                return Ok(Next::Done);
            }
            if let Some(next) = save_taken(py, state, value)? {
                return Ok(next);
            }
            batch.after(state, SETITEM, false);
            Ok(Next::FetchElement)
        }
    }
}

/// Fetches the next element from a reduction's iterator. Returns false at the end. The state must not be locked: the
/// iterator is Python code.
pub(super) fn fetch_element(work_item: &mut WorkItem<'_>) -> PyResult<bool> {
    match work_item {
        WorkItem::Appends { items, fetched, .. } => {
            *fetched = items.next().transpose()?;
            Ok(fetched.is_some())
        }
        WorkItem::SetItems { items, key, value, .. } => {
            let Some(pair) = items.next().transpose()? else { return Ok(false) };
            let (first, second): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
            (*key, *value) = (Some(first), Some(second));
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Must be called after `fetch_element` with its result: begins a batch, or ends the last one.
pub(super) fn element_fetched(work_item: &mut WorkItem<'_>, state: &mut PicklerState, found: bool) -> PyResult<()> {
    let (batch, opcodes) = match work_item {
        WorkItem::Appends { batch, .. } => (batch, APPEND),
        WorkItem::SetItems { batch, .. } => (batch, SETITEM),
        _ => return Ok(()),
    };
    if found {
        // An iterator does not know how many items are left, so even a single one gets a MARK.
        return batch.before(state, 0, false);
    }
    batch.after(state, opcodes, true);
    Ok(())
}

/// Replaces a lost object that was fetched by its marker.
pub(super) fn replace_fetched(work_item: &mut WorkItem<'_>, lost: &LostItems) {
    if let (false, WorkItem::Appends { fetched: element, .. } | WorkItem::SetItems { value: element, .. }) =
        (lost.is_empty(), work_item)
        && let Some(marker) = element.as_ref().and_then(|element| lost.marker(element))
    {
        *element = Some(marker);
    }
}

/// Saves an element that was fetched and not written yet.
fn save_taken<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    element: &mut Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Next<'py>>> {
    match element.take() {
        Some(element) => save_item(py, state, element.as_ptr()),
        None => Ok(None),
    }
}

/// Saves an item that a container owns. Returns what must happen before the next item, if anything.
#[inline(always)]
fn save_item<'py>(py: Python<'py>, state: &mut PicklerState, item: *mut ffi::PyObject) -> PyResult<Option<Next<'py>>> {
    // Most items are simple. They must not pay for a result that is returned through memory.
    // SAFETY: the callers pass a live object that a container of theirs owns.
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
    // No Python code runs within the loop below, so the dict keeps its size until the loop ends.
    // SAFETY: a dict, which the work item owns.
    let size = unsafe { ffi::PyDict_Size(dict.as_ptr()) };
    // The engine may have run Python code since the last step. A position of PyDict_Next is only valid in a dict that
    // has kept its size.
    if walk.position == 0 {
        walk.size = size;
    } else if walk.size != size {
        return Err(PyRuntimeError::new_err("dictionary changed size during iteration"));
    }
    loop {
        let before = walk.position;
        let first = before == 0;
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the item owns the dict, PyDict_Next returned the position, and the pointers are out parameters.
        let more = unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut walk.position, &raw mut key, &raw mut value) };
        batch.after(state, SETITEM, more == 0);
        if more == 0 {
            if let Some(owner) = owner {
                // The dict is the state of a plain instance, which is below it on the unpickler's stack.
                state.out.op(Opcode::Build);
                if state.cycles.is_open()
                    && let Some(postponed) = finish(state, owner)
                {
                    return Ok(Next::Replace(postponed));
                }
            }
            return Ok(Next::Done);
        }
        batch.before(state, size, first)?;
        if state.cycles.is_open() && owner.is_none() {
            // SAFETY: the dict owns the key.
            if unsafe { !save_simple(py, state, key) } {
                walk.pending = Some(PendingKey::begin(state, before));
                // SAFETY: the dict owns the value, and nothing has run since PyDict_Next returned it.
                walk.value = Some(unsafe { Bound::from_borrowed_ptr(py, value) }.unbind());
                return Ok(save_complex_item(py, state, key)?.unwrap_or(Next::Again));
            }
            if let Some(next) = save_item(py, state, value)? {
                return Ok(next);
            }
        } else if let Some(next) = save_pair(py, state, walk, key, value)? {
            return Ok(next);
        }
    }
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

fn step_actions<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    object: Option<&Bound<'py, PyAny>>,
    actions: &mut Vec<Action<'py>>,
) -> PyResult<Next<'py>> {
    while let Some(action) = actions.pop() {
        state.out.between_opcodes()?;
        match action {
            Action::BeginBuilding(object) => state.begin_building(object.as_ptr() as usize)?,
            Action::BeginChecked(object) => state.needs.checked.begin(&object, state.out.position()),
            Action::EndChecked => state.needs.checked.end(state.out.position()),
            Action::ExpectCopiedList(address) => state.copied_list = address,
            Action::Save(object) => {
                if let Some(next) = save_item(py, state, object.as_ptr())? {
                    return Ok(next);
                }
            }
            Action::Constant(object) => save_constant(py, state, &object)?,
            Action::Write(opcode) => state.out.op(opcode),
            Action::Contents(view) => state.out.buffer(view, true)?,
            Action::Memoize(object) => state.memoize_or_replace(&object),
            Action::Global { module, name, object: None } => state.write_global(module, name),
            Action::Global { module, name, object: Some(object) } => state.write_global_once(module, name, &object),
            Action::BeginHashed(object) => state.begin_unfinished(&object),
            Action::EndHashed(object) => {
                if let Some(postponed) = finish(state, &object) {
                    return Ok(Next::Push(postponed));
                }
            }
            Action::Nested(item) => return Ok(Next::Push(*item)),
            Action::Then(next_actions) => return Ok(Next::Then(next_actions)),
            Action::UnlessSaved(object, next_actions) => {
                let address = object.as_ptr() as usize;
                if !state.write_get(address) {
                    return Ok(Next::Then(next_actions));
                }
                // The other creation has ended its own level of building, but not this one.
                state.end_building(address);
            }
            Action::Appends(items) => {
                let (object, batch) = (object.cloned(), ItemBatch::default());
                return Ok(Next::Push(WorkItem::Appends { object, items, fetched: None, batch }));
            }
            Action::AddItems(set) => {
                let items = set.try_iter()?;
                return Ok(Next::Push(WorkItem::Set {
                    set: set.into_any(),
                    items,
                    batch: ItemBatch::default(),
                    pending: None,
                }));
            }
            Action::SetItems(items) => {
                let (object, batch) = (object.cloned(), ItemBatch::default());
                return Ok(Next::Push(WorkItem::SetItems {
                    object,
                    items,
                    key: None,
                    value: None,
                    batch,
                    pending: None,
                }));
            }
        }
    }
    Ok(Next::Done)
}
