//! Values that certainly do not refer back to the class whose attributes they are, so that they can be written before
//! it: strings, numbers, imported objects, objects that have a slot already, and functions and descriptors with nothing
//! else attached to them.
//!
//! The code of a function does not matter, because it holds only names. Neither do its cells: they are filled later.

use pyo3::prelude::*;
use pyo3::types::{
    PyAny, PyBool, PyBytes, PyComplex, PyDict, PyFloat, PyFunction, PyInt, PyModule, PyString, PyTuple, PyType,
};

use super::super::annotations::Annotations;
use super::super::pickle_context::PickleContext;

/// How deep to search in tuples, generic aliases and functions that wrap functions.
const DEEPEST_VALUE: u32 = 12;

/// Whether a value may be written before the class that holds it.
pub(super) fn cannot_refer_back(context: &PickleContext, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    check_value(context, value, DEEPEST_VALUE)
}

fn check_value(context: &PickleContext, value: &Bound<'_, PyAny>, depth: u32) -> PyResult<bool> {
    // Beyond the limit the answer is the safe one.
    let Some(depth) = depth.checked_sub(1) else { return Ok(false) };
    if is_scalar(value) || context.has_slot(value)? {
        return Ok(true);
    }
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        return check_all(context, tuple.iter(), depth);
    }
    if value.is_instance_of::<PyType>() {
        return Ok(!context.is_local(value)?);
    }
    if let Ok(function) = value.cast_exact::<PyFunction>() {
        return Ok(!context.is_local(value)? || check_function(context, function, depth)?);
    }
    let kind = value.get_type();
    let (module, name) = (kind.module()?.to_string_lossy().into_owned(), kind.name()?.to_string_lossy().into_owned());
    match (module.as_str(), name.as_str()) {
        ("builtins", "classmethod" | "staticmethod") => check_value(context, &value.getattr("__func__")?, depth),
        ("builtins", "property") => {
            let parts = ["fget", "fset", "fdel"].map(|part| value.getattr(part));
            check_all(context, parts.into_iter().collect::<PyResult<Vec<_>>>()?.into_iter(), depth)
        }
        ("builtins", "builtin_function_or_method") => {
            // A bound method refers to its object.
            let of_module = value.getattr("__self__")?.is_instance_of::<PyModule>();
            Ok(of_module && !context.is_local(value)?)
        }
        ("types" | "typing", _) => check_alias(context, value, depth),
        _ => Ok(false),
    }
}

/// Whether a value has no parts.
pub(crate) fn is_scalar(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyComplex>()
        || value.is(value.py().Ellipsis())
}

fn check_all<'py>(
    context: &PickleContext,
    mut values: impl Iterator<Item = Bound<'py, PyAny>>,
    depth: u32,
) -> PyResult<bool> {
    values.try_fold(true, |so_far, value| Ok(so_far && check_value(context, &value, depth)?))
}

fn check_function(context: &PickleContext, function: &Bound<'_, PyFunction>, depth: u32) -> PyResult<bool> {
    let mut parts = ["__dict__", "__kwdefaults__", "__defaults__"]
        .map(|name| function.getattr(name))
        .into_iter()
        .collect::<PyResult<Vec<_>>>()?;
    parts.extend(Annotations::of(function)?.attribute().map(|(_, value)| value));
    for part in parts {
        let acyclic = match part.cast::<PyDict>() {
            Ok(dict) => check_all(context, dict.values().iter(), depth)?,
            Err(_) => check_value(context, &part, depth)?,
        };
        if !acyclic {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `list[int]`, `Optional[str]`, `int | None` and the like.
fn check_alias(context: &PickleContext, value: &Bound<'_, PyAny>, depth: u32) -> PyResult<bool> {
    let Some(arguments) = value.getattr_opt("__args__")? else { return Ok(false) };
    let origin = match value.getattr_opt("__origin__")? {
        // `typing.Union` and other special forms.
        Some(origin) if origin.get_type().module()? == "typing" => true,
        Some(origin) => check_value(context, &origin, depth)?,
        None => true,
    };
    Ok(origin && check_value(context, &arguments, depth)?)
}
