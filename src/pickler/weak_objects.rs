//! Plans for the weak containers and references of `weakref`. dill knows only the plain `weakref.ref`.
//!
//! A container is created empty and gets its items afterwards, as they may lead back to it. So a load makes references
//! that remove their item when the object dies, as in the saved process.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyList, PySet, PyString, PyTuple, PyType};

use super::pickle_context::PickleContext;
use super::plan::{Action, ObjectPlan};
use super::reduce::{self, Reduction};
use super::strategy::customizes_reduction;
use crate::pickle::format::opcode::Opcode;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// The kinds of weak objects.
#[derive(Clone, Copy)]
pub(super) enum WeakKind {
    /// A `WeakValueDictionary` or `WeakKeyDictionary`.
    Dict,
    Set,
    /// A reference to a bound method, which does not keep its object alive.
    Method,
    /// A reference in a `WeakValueDictionary`.
    KeyedReference,
}

/// The classes by module and name.
const CLASSES: [(&str, &str, WeakKind); 5] = [
    ("weakref", "WeakValueDictionary", WeakKind::Dict),
    ("weakref", "WeakKeyDictionary", WeakKind::Dict),
    ("_weakrefset", "WeakSet", WeakKind::Set),
    ("weakref", "WeakMethod", WeakKind::Method),
    ("weakref", "KeyedRef", WeakKind::KeyedReference),
];

/// The attributes that the constructors of the containers set.
const CONSTRUCTED: [&str; 6] = ["data", "_remove", "_pending_removals", "_iterating", "_dirty_len", "_commit_removals"];

/// The kind of the objects of a class, if it is one of `weakref` or derived from one, and has no reduction of its own:
/// that of `WeakSet` writes the references in it, without what removes them when their objects die.
pub(super) fn weak_kind(class: &Bound<'_, PyType>) -> PyResult<Option<WeakKind>> {
    for base in class.order() {
        let Ok(base) = base.cast_into::<PyType>() else { continue };
        let (Some(module), Some(name)) = (base.module().tolerated(), base.name().tolerated()) else { continue };
        if let Some((.., kind)) = CLASSES.iter().find(|(home, class, _)| module == *home && name == *class) {
            return Ok((!customizes_reduction(class, &base)?).then_some(*kind));
        }
    }
    Ok(None)
}

pub(super) fn plan_weak<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    kind: WeakKind,
) -> PyResult<ObjectPlan<'py>> {
    if !context.is_session() {
        return reduce::plan_by_dill_or_reduction(context, object);
    }
    match kind {
        WeakKind::Dict | WeakKind::Set => {
            container(object, matches!(kind, WeakKind::Set)).map(|actions| ObjectPlan::actions(object, actions))
        }
        WeakKind::Method | WeakKind::KeyedReference => {
            let mut arguments = vec![referent(object, kind)?];
            if matches!(kind, WeakKind::KeyedReference) {
                arguments.extend([object.py().None().into_bound(object.py()), object.getattr("key")?]);
            }
            let arguments = PyTuple::new(object.py(), arguments)?.into_any();
            let call = Reduction::new(object.get_type().into_any(), arguments);
            call.into_work_item(Some(object)).map(ObjectPlan::Work)
        }
    }
}

/// The target of a reference. A dead one refers to an object that dies when the load ends, as in dill.
fn referent<'py>(object: &Bound<'py, PyAny>, kind: WeakKind) -> PyResult<Bound<'py, PyAny>> {
    let found = object.call0()?;
    if !found.is_none() {
        return Ok(found);
    }
    let short_lived = object.py().import("collections")?.getattr("UserDict")?.call0()?;
    if matches!(kind, WeakKind::Method) { short_lived.getattr("copy") } else { Ok(short_lived) }
}

fn container<'py>(object: &Bound<'py, PyAny>, is_set: bool) -> PyResult<Vec<Action<'py>>> {
    let py = object.py();
    let class = object.get_type();
    let of_weakref = |base: &Bound<'py, PyAny>| {
        let module =
            base.getattr("__module__").and_then(|module| module.extract::<String>()).tolerated().unwrap_or_default();
        matches!(module.as_str(), "weakref" | "_weakrefset")
    };
    let initializes = |base: &Bound<'py, PyAny>| {
        base.getattr("__dict__")
            .tolerated()
            .is_some_and(|names| names.contains("__init__").tolerated().unwrap_or(false))
    };
    let mro: Vec<_> = class.order().iter().collect();
    let empty = PyTuple::empty(py).into_any();
    let mut actions = vec![Action::BeginBuilding(object.clone())];
    actions.extend([class.clone().into_any(), empty].map(Action::Save));
    if mro.iter().find(|base| initializes(base)).is_some_and(of_weakref) {
        actions.extend([Action::Write(Opcode::Reduce), Action::Memoize(object.clone())]);
    } else {
        // The script's own constructor may need arguments, so the one of the standard library is called.
        actions.extend([Action::Write(Opcode::NewObj), Action::Memoize(object.clone())]);
        if let Some(base) = mro.iter().find(|base| of_weakref(base)) {
            actions.extend([base.getattr("__init__")?, object.clone()].map(Action::Save));
            actions.extend([Opcode::Tuple1, Opcode::Reduce, Opcode::Pop].map(Action::Write));
        }
    }
    if is_set {
        // A list of strong references first: an item may die while others are written.
        let items = py.get_type::<PyList>().call1((object,))?;
        actions.push(Action::AddItems(PySet::new(py, items.cast_into::<PyList>()?)?));
    } else {
        let items = py.get_type::<PyList>().call1((object.call_method0("items")?,))?;
        actions.push(Action::SetItems(items.try_iter()?));
    }
    let state = PyDict::new(py);
    for item in object.getattr("__dict__")?.call_method0("items")?.try_iter()? {
        let (name, value): (Bound<'py, PyString>, Bound<'py, PyAny>) = item?.extract()?;
        if !CONSTRUCTED.contains(&&*name.to_string_lossy()) {
            state.set_item(name, value)?;
        }
    }
    if !state.is_empty() {
        actions.extend([Action::Save(state.into_any()), Action::Write(Opcode::Build)]);
    }
    Ok(actions)
}
