//! The code objects within an object, found without running any: those of functions, of methods, of what closures,
//! defaults and containers hold. Only built-in types are asked for their parts; an object of a script's own class is
//! looked at by its class alone.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFrozenSet, PyFunction, PyList, PySet, PyString, PyTuple, PyType};

use super::describe::type_name;

/// The most objects that are looked at within one: a table of a million numbers holds no code worth the time.
const LOOKED_AT: usize = 4_000;
/// The most items of one container that are looked at.
const ITEMS: usize = 500;

/// The code objects within `object` whose globals are `namespace`.
pub(super) fn within<'py>(object: &Bound<'py, PyAny>, namespace: &Bound<'py, PyDict>) -> Vec<Bound<'py, PyAny>> {
    let session = namespace.get_item("__name__").ok().flatten();
    let mut found = Vec::new();
    let mut waiting = vec![object.clone()];
    let mut seen = HashSet::new();
    while let Some(object) = waiting.pop() {
        if seen.len() >= LOOKED_AT || !seen.insert(object.as_ptr() as usize) {
            continue;
        }
        if object.is_exact_instance_of::<PyFunction>() {
            if object.getattr("__globals__").is_ok_and(|globals| globals.is(namespace)) {
                found.extend(object.getattr("__code__"));
            }
            waiting.extend(function_parts(&object));
        } else if let Some(parts) = items(&object) {
            waiting.extend(parts);
        } else if let Ok(class) = object.cast::<PyType>() {
            if is_of(class, session.as_ref()) {
                waiting.extend(members(class));
            }
        } else if let Some(parts) = wrapped_parts(&object) {
            waiting.extend(parts);
        } else if is_of(&object.get_type(), session.as_ref()) {
            waiting.extend(attributes(&object));
            waiting.push(object.get_type().into_any());
        }
    }
    found
}

/// What a function holds besides its code.
fn function_parts<'py>(function: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    let mut parts = Vec::new();
    if let Ok(closure) = function.getattr("__closure__")
        && let Ok(cells) = closure.cast::<PyTuple>()
    {
        // An empty cell raises ValueError.
        parts.extend(cells.iter().filter_map(|cell| cell.getattr("cell_contents").ok()));
    }
    for name in ["__defaults__", "__kwdefaults__", "__wrapped__"] {
        parts.extend(function.getattr_opt(name).ok().flatten());
    }
    parts
}

/// The first items of an exact built-in container.
fn items<'py>(object: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        return Some(dict.iter().take(ITEMS).map(|(_, value)| value).collect());
    }
    let sequence = object.is_exact_instance_of::<PyList>()
        || object.is_exact_instance_of::<PyTuple>()
        || object.is_exact_instance_of::<PySet>()
        || object.is_exact_instance_of::<PyFrozenSet>();
    sequence.then(|| object.try_iter().map(|items| items.take(ITEMS).flatten().collect()).unwrap_or_default())
}

/// What the standard library's wrappers of functions hold.
fn wrapped_parts<'py>(object: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    let kind = object.get_type();
    // The name alone proves nothing: a script may have a class of that name, but not in that module.
    let names: &[&str] = match (genuine_module(&kind)?.as_str(), kind.name().ok()?.to_string().as_str()) {
        ("builtins", "staticmethod" | "classmethod" | "method") => &["__func__"],
        ("builtins", "property") => &["fget", "fset", "fdel"],
        ("functools", "_lru_cache_wrapper") => &["__wrapped__"],
        ("functools", "partial") => &["func", "args", "keywords"],
        ("functools", "cached_property" | "partialmethod" | "singledispatchmethod") => &["func"],
        _ => return None,
    };
    Some(names.iter().filter_map(|name| object.getattr(*name).ok()).collect())
}

/// The module of a class, if it is where the class is really found.
pub(super) fn genuine_module(class: &Bound<'_, PyType>) -> Option<String> {
    let name = type_name(class);
    let (module, bare) = name.rsplit_once('.').unwrap_or(("builtins", &name));
    let modules = class.py().import("sys").ok()?.getattr("modules").ok()?;
    let home = modules.get_item(module).ok()?;
    let found = home.getattr_opt(bare).ok().flatten();
    // Some built-in types are not found under their names: the type of methods, for one.
    let known = found.is_some_and(|found| found.is(class)) || (module == "builtins" && !name.contains('.'));
    known.then(|| module.to_owned())
}

/// Whether a class says that it is of the session's module.
fn is_of(class: &Bound<'_, PyType>, session: Option<&Bound<'_, PyAny>>) -> bool {
    let module = namespace_of(class).and_then(|names| names.get_item("__module__").ok());
    let (Some(module), Some(session)) = (module, session) else { return false };
    let (Ok(module), Ok(session)) = (module.cast_exact::<PyString>(), session.cast_exact::<PyString>()) else {
        return false;
    };
    module.to_string_lossy() == session.to_string_lossy()
}

/// What is defined in a class.
fn members<'py>(class: &Bound<'py, PyType>) -> Vec<Bound<'py, PyAny>> {
    let values = namespace_of(class).and_then(|names| names.call_method0("values").ok());
    values.and_then(|values| Some(values.try_iter().ok()?.take(ITEMS).flatten().collect())).unwrap_or_default()
}

/// What an instance holds in its `__dict__`, where that is the one that Python gave it.
fn attributes<'py>(instance: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    for class in instance.get_type().mro() {
        let Ok(class) = class.cast_into::<PyType>() else { break };
        let Some(getter) = namespace_of(&class).and_then(|names| names.get_item("__dict__").ok()) else { continue };
        // Anything else is the script's own code.
        if getter.get_type().name().is_ok_and(|name| name == "getset_descriptor") {
            let dict = getter.call_method1("__get__", (instance,)).ok();
            return dict.and_then(|dict| items(&dict)).unwrap_or_default();
        }
        break;
    }
    Vec::new()
}

/// A class's namespace, as `type` sees it: a metaclass may have a `__dict__` of its own.
fn namespace_of<'py>(class: &Bound<'py, PyType>) -> Option<Bound<'py, PyAny>> {
    let descriptor = class.py().get_type::<PyType>().getattr("__dict__").ok()?.get_item("__dict__").ok()?;
    descriptor.call_method1("__get__", (class,)).ok()
}
