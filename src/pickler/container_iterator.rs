//! Iterators over dicts and sets that have not started: `iter(dict)`.
//!
//! By their own reduction they iterate over a list of the items that are left, and no longer see changes of the dict.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyList, PySet};

use super::pickle_context::PickleContext;
use super::plan::{Action, ObjectPlan};
use super::reduce;
use crate::pickle::format::opcode::Opcode;

/// The kind of items that an iterator yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Iterated {
    Keys,
    Values,
    Items,
    Members,
}

impl Iterated {
    /// The kind of items that the built-in iterators of a type yield, by the name of the type.
    pub(super) fn of(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("builtins", "dict_keyiterator") => Self::Keys,
            ("builtins", "dict_valueiterator") => Self::Values,
            ("builtins", "dict_itemiterator") => Self::Items,
            ("builtins", "set_iterator") => Self::Members,
            _ => return None,
        })
    }

    /// The method of a dict whose result is iterated over.
    fn view(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Keys | Self::Members => None,
            Self::Values => Some(("dict.values", "values")),
            Self::Items => Some(("dict.items", "items")),
        }
    }
}

/// The plan for an iterator that has no slot.
pub(super) fn plan<'py>(
    context: &Arc<PickleContext>,
    iterator: &Bound<'py, PyAny>,
    iterated: Iterated,
) -> PyResult<ObjectPlan<'py>> {
    let py = iterator.py();
    let Some(container) = unstarted_container(iterator)?.filter(|_| context.is_session()) else {
        return reduce::plan(context, iterator);
    };
    let function = py.import("builtins")?.getattr("iter")?;
    let mut actions = vec![Action::BeginBuilding(iterator.clone()), Action::Save(function)];
    if let Some((name, method)) = iterated.view() {
        let object = py.get_type::<PyDict>().getattr(method)?;
        actions.push(Action::Global { module: "builtins", name, object: Some(object) });
        actions.extend([Action::Save(container), Action::Write(Opcode::Tuple1), Action::Write(Opcode::Reduce)]);
    } else {
        actions.push(Action::Save(container));
    }
    actions.extend([Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(iterator.clone()));
    Ok(ObjectPlan::actions(iterator, actions))
}

/// The exact dict or set of an iterator that has all items still to come.
fn unstarted_container<'py>(iterator: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let referents = iterator.py().import("gc")?.call_method1("get_referents", (iterator,))?.cast_into::<PyList>()?;
    let is_container =
        |object: &Bound<'py, PyAny>| object.is_exact_instance_of::<PyDict>() || object.is_exact_instance_of::<PySet>();
    let Some(container) = referents.iter().find(is_container) else { return Ok(None) };
    let left: usize = iterator.call_method0("__length_hint__")?.extract()?;
    Ok((left == container.len()?).then_some(container))
}
