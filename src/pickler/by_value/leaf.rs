//! What certainly does not lead back to the class that holds it: texts, numbers, what is imported, what has a slot
//! already, and functions and descriptors that have nothing else on them.
//!
//! The code of a function counts for nothing, as it has names only, and neither do its cells: dill fills those later.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool, PyBytes, PyComplex, PyDict, PyFloat, PyFunction, PyInt, PyString, PyTuple, PyType};

use super::super::native::Native;
use super::is_local;

/// How far to look into tuples, generic aliases, and functions that wrap functions.
const DEEPEST: u32 = 12;

/// Whether a value may be written before the class that holds it.
pub(super) fn is_leaf<'py>(native: &Bound<'py, Native>, value: &Bound<'py, PyAny>) -> PyResult<bool> {
    is_leaf_at(native, value, DEEPEST)
}

fn is_leaf_at<'py>(native: &Bound<'py, Native>, value: &Bound<'py, PyAny>, depth: u32) -> PyResult<bool> {
    let Some(depth) = depth.checked_sub(1) else { return Ok(false) };
    if is_scalar(value) || native.get().lock()?.memo.get(value.as_ptr() as usize).is_some() {
        return Ok(true);
    }
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        return all(native, tuple.iter(), depth);
    }
    if value.is_instance_of::<PyType>() {
        return Ok(!is_local(native, value)?);
    }
    if let Ok(function) = value.cast_exact::<PyFunction>() {
        return Ok(!is_local(native, value)? || is_leaf_function(native, function, depth)?);
    }
    let kind = value.get_type();
    let (module, name) = (kind.module()?.to_string(), kind.name()?.to_string());
    match (module.as_str(), name.as_str()) {
        ("builtins", "classmethod" | "staticmethod") => is_leaf_at(native, &value.getattr("__func__")?, depth),
        ("builtins", "property") => {
            let parts = ["fget", "fset", "fdel"].map(|part| value.getattr(part));
            all(native, parts.into_iter().collect::<PyResult<Vec<_>>>()?.into_iter(), depth)
        }
        ("builtins", "builtin_function_or_method") => {
            let of_module = value.getattr("__self__")?.is_instance_of::<pyo3::types::PyModule>();
            Ok(of_module && !is_local(native, value)?)
        }
        ("types" | "typing", _) => is_leaf_alias(native, value, depth),
        _ => Ok(false),
    }
}

/// What has no parts.
pub(super) fn is_scalar(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyComplex>()
        || value.is(value.py().Ellipsis())
}

fn all<'py>(
    native: &Bound<'py, Native>,
    mut values: impl Iterator<Item = Bound<'py, PyAny>>,
    depth: u32,
) -> PyResult<bool> {
    values.try_fold(true, |so_far, value| Ok(so_far && is_leaf_at(native, &value, depth)?))
}

fn is_leaf_function<'py>(native: &Bound<'py, Native>, function: &Bound<'py, PyFunction>, depth: u32) -> PyResult<bool> {
    for name in ["__dict__", "__kwdefaults__", "__annotations__", "__defaults__"] {
        let part = function.getattr(name)?;
        let leaf = match part.cast::<PyDict>() {
            Ok(dict) => all(native, dict.values().iter(), depth)?,
            Err(_) => is_leaf_at(native, &part, depth)?,
        };
        if !leaf {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `list[int]`, `Optional[str]`, `int | None` and their like.
fn is_leaf_alias<'py>(native: &Bound<'py, Native>, value: &Bound<'py, PyAny>, depth: u32) -> PyResult<bool> {
    let Some(arguments) = value.getattr_opt("__args__")? else { return Ok(false) };
    let origin = match value.getattr_opt("__origin__")? {
        // `Union` and its like.
        Some(origin) if origin.get_type().module()? == "typing" => true,
        Some(origin) => is_leaf_at(native, &origin, depth)?,
        None => true,
    };
    Ok(origin && is_leaf_at(native, &arguments, depth)?)
}
