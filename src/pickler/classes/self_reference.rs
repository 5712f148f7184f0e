//! Whether the namespace of a class leads back to the class: a search through all objects that it refers to.
//!
//! The garbage collector knows which objects an object refers to. Objects that are written by name end the search, and
//! so do cells: they are filled after the class has been created.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyModule, PyType};

use super::super::annotations::Annotations;
use super::super::pickle_context::PickleContext;
use super::acyclic::is_scalar;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// The most objects to search. A larger namespace counts as one that leads back.
const MOST_OBJECTS: usize = 20_000;

/// Whether the class can be reached from the values in its namespace.
pub(super) fn leads_back(context: &PickleContext, class: &Bound<'_, PyType>) -> PyResult<bool> {
    let referents = class.py().import("gc")?.getattr("get_referents")?;
    let mut pending: Vec<Bound<'_, PyAny>> = namespace_values(class)?;
    // `kept` keeps the objects alive whose addresses are in `seen`.
    let (mut seen, mut kept) = (HashSet::new(), Vec::new());
    while let Some(object) = pending.pop() {
        if object.is(class) {
            return Ok(true);
        }
        if is_scalar(&object) || !seen.insert(object.as_ptr() as usize) || is_boundary(context, &object)? {
            continue;
        }
        if seen.len() > MOST_OBJECTS {
            return Ok(true);
        }
        if let Ok(function) = object.cast::<PyFunction>() {
            for name in ["__defaults__", "__kwdefaults__", "__dict__"] {
                pending.push(function.getattr(name)?);
            }
            pending.extend(Annotations::of(function)?.attribute().map(|(_, value)| value));
        } else if let Ok(other) = object.cast::<PyType>() {
            pending.extend(namespace_values(other)?);
            pending.extend(other.direct_bases());
            pending.push(other.get_type().into_any());
        } else if is_weak_reference(&object)? {
            // The collector does not report the target of a weak reference, but a pickle contains it.
            pending.push(object.call0()?);
        } else {
            pending.extend(referents.call1((&object,))?.try_iter()?.map_while(|item| item.tolerated()));
        }
        kept.push(object);
    }
    Ok(false)
}

/// Whether an object is written by name, or has a slot already: its contents do not matter.
fn is_boundary(context: &PickleContext, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if object.is_instance_of::<PyModule>() || object.get_type().name()? == "cell" {
        return Ok(true);
    }
    let is_namespace = || object.cast_exact::<PyDict>().map_or(Ok(false), |dict| context.is_module_dict(dict));
    if context.has_slot(object)? || is_namespace()? {
        return Ok(true);
    }
    let named = object.is_instance_of::<PyType>() || object.is_instance_of::<PyFunction>();
    Ok(named && !context.is_local(object)?)
}

fn is_weak_reference(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    object.is_instance(&object.py().import("_weakref")?.getattr("ReferenceType")?)
}

/// The values in the namespace of a class, without the descriptors by which Python itself refers to the class.
fn namespace_values<'py>(class: &Bound<'py, PyType>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut values = Vec::new();
    for item in class.getattr("__dict__")?.call_method0("items")?.try_iter()? {
        let (name, value): (String, Bound<'py, PyAny>) = item?.extract()?;
        let kind = value.get_type().name()?.to_string_lossy().into_owned();
        if name != "_abc_impl" && !matches!(kind.as_str(), "member_descriptor" | "getset_descriptor") {
            values.push(value);
        }
    }
    Ok(values)
}
