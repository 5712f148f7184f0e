//! Which object a marker may replace if another one within it cannot be saved: an item of a list or tuple, a value of a
//! dict, or an attribute. Not a key or a member of a set, which are hashed, and not an argument of a reduction or a
//! state that a library reads, which must have the type that the library expects.
//!
//! The answer depends on a work list: its items are the objects that are being saved, outermost first.

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyFunction, PyTuple, PyType};

use super::load_hooks::is_installed;
use super::plan::{Action, WorkItem};
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// How many nested containers are followed to find their owner. Deeper ones count as data.
const MOST_LEVELS: usize = 1000;

/// Classes of the standard library whose attributes are data of the script.
const OPEN_CLASSES: [(&str, &str); 5] = [
    ("types", "SimpleNamespace"),
    ("argparse", "Namespace"),
    ("collections", "UserDict"),
    ("collections", "UserList"),
    ("collections", "ChainMap"),
];

/// The owner of a container, which decides about its items.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MarkerRole {
    /// Data: its items may be replaced.
    Data,
    /// The state of an instance that becomes its attributes.
    Attributes,
    /// A key of a dict or a member of a set, or part of one: a marker has no hash.
    Hashed,
    /// An argument, or a state that code reads.
    Internal,
}

/// The innermost object on the work list that a marker may replace, with the index of the container that it is in. The
/// last item of the work list is saving `object`. `is_session` is whether the first item is the value of a variable,
/// not an object that a function of dill saves.
pub(super) fn innermost<'py>(
    work: &[WorkItem<'py>],
    object: Option<&Bound<'py, PyAny>>,
    is_session: bool,
) -> Option<(usize, Bound<'py, PyAny>)> {
    (0..work.len()).rev().find_map(|index| {
        let child = work.get(index + 1).map_or_else(|| object.cloned(), WorkItem::object)?;
        takes_marker(work, index, is_session).then_some((index, child))
    })
}

/// Whether [`innermost`] finds one that is not far out.
pub(super) fn has_replaceable<'py>(work: &[WorkItem<'py>], object: &Bound<'py, PyAny>, is_session: bool) -> bool {
    let near = work.get(work.len().saturating_sub(MOST_LEVELS)..).unwrap_or_default();
    // The role of the first of them is not known.
    innermost(near, Some(object), is_session || near.len() < work.len()).is_some()
}

/// Whether a marker may take the position that the item at `index` is saving.
pub(super) fn takes_marker(work: &[WorkItem<'_>], index: usize, is_session: bool) -> bool {
    let Some(item) = work.get(index) else { return false };
    match item {
        WorkItem::List { .. } => matches!(role(work, index, is_session), MarkerRole::Data | MarkerRole::Attributes),
        WorkItem::Tuple { .. } => role(work, index, is_session) == MarkerRole::Data,
        WorkItem::Dict { owner: Some(owner), .. } => {
            is_open(owner) && (role(work, index, is_session) != MarkerRole::Hashed || !has_own_hash(owner))
        }
        WorkItem::Dict { walk, .. } => {
            walk.value.is_none() && matches!(role(work, index, is_session), MarkerRole::Data | MarkerRole::Attributes)
        }
        WorkItem::Appends { .. } => true,
        WorkItem::SetItems { value, .. } => value.is_none(),
        WorkItem::Set { .. } | WorkItem::FrozenSet { .. } | WorkItem::Actions { .. } | WorkItem::Postponed { .. } => {
            false
        }
    }
}

/// The role of the container at `index`, which the items before it decide.
fn role(work: &[WorkItem<'_>], index: usize, is_session: bool) -> MarkerRole {
    for above in (index.saturating_sub(MOST_LEVELS)..index).rev() {
        match work.get(above) {
            // A list, a tuple or a value of a dict has the role of its container.
            Some(WorkItem::List { .. } | WorkItem::Tuple { .. }) => {}
            Some(WorkItem::Dict { walk, owner: None, .. }) if walk.value.is_none() => {}
            Some(WorkItem::SetItems { value: None, .. } | WorkItem::Appends { .. }) => return MarkerRole::Data,
            Some(WorkItem::Dict { owner: Some(owner), .. }) => {
                return if is_open(owner) { MarkerRole::Data } else { MarkerRole::Internal };
            }
            Some(WorkItem::Actions { object, actions }) => {
                return match part_role(object.as_ref(), actions.last()) {
                    // Only the container that is the state itself, or the tuple around it, holds attributes.
                    MarkerRole::Attributes if !is_state(work, above, index) => MarkerRole::Data,
                    role => role,
                };
            }
            Some(_) | None => return MarkerRole::Hashed,
        }
    }
    if index >= MOST_LEVELS || is_session { MarkerRole::Data } else { MarkerRole::Internal }
}

/// Whether the container at `index` is the state of the reduction at `above`: the state, or an item of the tuple that
/// is the state.
fn is_state(work: &[WorkItem<'_>], above: usize, index: usize) -> bool {
    index == above + 1 || (index == above + 2 && matches!(work.get(above + 1), Some(WorkItem::Tuple { .. })))
}

/// The role of the part that a reduction is saving; `next` is the action after it.
fn part_role(object: Option<&Bound<'_, PyAny>>, next: Option<&Action<'_>>) -> MarkerRole {
    let Some(object) = object else { return MarkerRole::Internal };
    let found = match next {
        Some(Action::Write(Opcode::Build)) => stores_state(object).map(|stores| (stores, MarkerRole::Attributes)),
        // The fields of a named tuple are arguments of its class, which stores them as they are.
        Some(Action::Write(Opcode::NewObj)) => is_named_tuple(object).map(|named| (named, MarkerRole::Data)),
        // An attribute of a class or the contents of a function's cell, which are set after that has been made.
        Some(Action::Write(Opcode::Tuple3)) => {
            Ok((object.is_instance_of::<PyType>() || object.is_instance_of::<PyFunction>(), MarkerRole::Data))
        }
        // A dict or a list that is an attribute of a class already, and is being filled.
        Some(Action::Write(Opcode::PopMark)) => Ok((object.is_instance_of::<PyType>(), MarkerRole::Data)),
        _ => return MarkerRole::Internal,
    };
    match found.tolerated() {
        Some((true, role)) => role,
        Some((false, _)) | None => MarkerRole::Internal,
    }
}

/// Whether BUILD stores the state of this object without running code that depends on it.
fn stores_state(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = object.get_type();
    let is_array = kind.name()? == "ndarray" && kind.module()? == "numpy";
    if !is_array && !is_open(object) {
        return Ok(false);
    }
    let Some(method) = kind.getattr_opt("__setstate__")? else { return Ok(true) };
    if kind.is_subclass_of::<PyBaseException>()? {
        return Ok(method.is(&object.py().get_type::<PyBaseException>().getattr("__setstate__")?));
    }
    // `dataclass(slots=True)` adds one that sets the fields.
    let is_of_dataclass = || Ok::<_, PyErr>(method.getattr_opt("__module__")?.is_some_and(|it| is(&it, "dataclasses")));
    Ok(is_array || is_of_dataclass()?)
}

/// Whether the attributes of an instance are data of the script: not if its class belongs to a library, which relies on
/// them.
fn is_open(object: &Bound<'_, PyAny>) -> bool {
    let kind = object.get_type();
    let (Some(module), Some(name)) = (kind.module().tolerated(), kind.name().tolerated()) else { return false };
    let (module, name) = (module.to_string_lossy(), name.to_string_lossy());
    // A built-in type has no attributes except the ones that the script has added.
    module == "builtins"
        || OPEN_CLASSES.contains(&(&*module, &*name))
        || !is_installed(object.py(), &module).tolerated().unwrap_or(true)
}

fn is(value: &Bound<'_, PyAny>, string: &str) -> bool {
    value.eq(string).tolerated().unwrap_or(false)
}

fn is_named_tuple(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.is_instance_of::<PyTuple>() && object.get_type().hasattr("_fields")?)
}

/// Whether the hash of an object may depend on its attributes.
fn has_own_hash(object: &Bound<'_, PyAny>) -> bool {
    let inherited = object.py().get_type::<PyAny>().getattr("__hash__");
    let own = object.get_type().getattr("__hash__");
    !inherited.and_then(|inherited| Ok(own?.is(&inherited))).tolerated().unwrap_or(false)
}
