//! The actions of a plan, and the items that a reduction gives by an iterator. The state is locked, except while an
//! iterator runs.

use pyo3::prelude::*;
use pyo3::types::{PyIterator, PySet};

use super::super::lost_items::LostItems;
use super::super::native_types::save_constant;
use super::super::pickler_state::PicklerState;
use super::super::plan::{Action, ItemBatch, Next, WorkItem};
use super::item_loops::{APPEND, SETITEM, save_item};
use super::postponed::{PendingMember, finish};

/// Carries out actions of a plan, until one of them needs the engine.
pub(super) fn step_actions<'py>(
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
            Action::Appends(items) => return Ok(Next::Push(appends(object.cloned(), items))),
            Action::AddItems(set) => return Ok(Next::Push(members(set)?)),
            Action::SetItems(items) => return Ok(Next::Push(set_items(object.cloned(), items))),
        }
    }
    Ok(Next::Done)
}

fn appends<'py>(object: Option<Bound<'py, PyAny>>, items: Bound<'py, PyIterator>) -> WorkItem<'py> {
    WorkItem::Appends { object, items, fetched: None, batch: ItemBatch::default() }
}

fn set_items<'py>(object: Option<Bound<'py, PyAny>>, items: Bound<'py, PyIterator>) -> WorkItem<'py> {
    let batch = ItemBatch::default();
    WorkItem::SetItems { object, items, key: None, value: None, batch, pending: None }
}

fn members<'py>(set: Bound<'py, PySet>) -> PyResult<WorkItem<'py>> {
    let items = set.try_iter()?;
    Ok(WorkItem::Set { set: set.into_any(), items, batch: ItemBatch::default(), pending: None })
}

/// Saves the element that was fetched for an object that is appended to.
#[inline]
pub(super) fn step_appends<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    fetched: &mut Option<Bound<'py, PyAny>>,
    batch: &mut ItemBatch,
) -> PyResult<Next<'py>> {
    if let Some(next) = save_taken(py, state, fetched)? {
        return Ok(next);
    }
    batch.after(state, APPEND, false);
    Ok(Next::FetchElement)
}

/// Saves the key and the value that were fetched for an object whose items are set.
#[inline]
pub(super) fn step_set_items<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    work_item: &mut WorkItem<'py>,
) -> PyResult<Next<'py>> {
    let WorkItem::SetItems { object, items, key, value, batch, pending } = work_item else { return Ok(Next::Done) };
    // A key that is a container is saved first. Then this function is called again for the value.
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
