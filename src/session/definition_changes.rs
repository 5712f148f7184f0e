//! Finds the constants that a session has set on classes and functions of the project's modules, as in
//! `Config.DEBUG = True`.
//!
//! Only immutable constants count: anything else may be what the module, a decorator or a base class made, may be
//! shared with a closure, or may not be picklable. No code of the session runs, and nothing fails. Classes of other
//! metaclasses than `type` and `ABCMeta` are not searched: theirs set attributes of their own.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFrozenSet, PyFunction, PyMappingProxy, PyString, PyTuple, PyType};

use super::module_source::{Assignment, ModuleSource, is_unchanged};
use crate::pickler::is_scalar;

/// How deep tuples may nest.
const MAX_DEPTH: usize = 20;

/// An attribute and its value.
pub(super) type NamedAttribute<'py> = (Bound<'py, PyString>, Bound<'py, PyAny>);

/// The constants that the session has probably set on a class or function that a module defines as `name`.
pub(super) fn changed_constants<'py>(
    source: &ModuleSource,
    name: &str,
    definition: &Bound<'py, PyAny>,
) -> PyResult<Vec<NamedAttribute<'py>>> {
    let (names, body) = if definition.is_exact_instance_of::<PyFunction>() {
        (definition.getattr("__dict__")?.cast_into::<PyDict>()?, None)
    } else {
        let (Ok(class), Some(body)) = (definition.cast::<PyType>(), source.class_body(name)) else {
            return Ok(Vec::new());
        };
        if !has_plain_metaclass(class)? || class.is_subclass_of::<PyTuple>()? {
            return Ok(Vec::new());
        }
        let names = class.getattr("__dict__")?.cast_into::<PyMappingProxy>()?;
        (names.call_method0("copy")?.cast_into::<PyDict>()?, Some(body))
    };
    let mut changed = Vec::new();
    for (attribute, value) in names {
        let Ok(attribute) = attribute.cast_into::<PyString>() else { continue };
        let text = attribute.to_string_lossy();
        if is_internal(&text) || !is_constant(&value, 0) {
            continue;
        }
        // What the module sets after the definition counts, then what the body of the class says.
        let by_module = source.attribute_assignment(name, &text);
        let known = by_module.or_else(|| body.and_then(|body| body.assignment(&text)));
        let is_same = match known {
            Some(Assignment::Literal(literal)) => is_unchanged(&value, literal.bind(value.py()), &|_| false),
            _ => false,
        };
        if !is_same {
            changed.push((attribute.clone(), value));
        }
    }
    Ok(changed)
}

fn has_plain_metaclass(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let (py, metaclass) = (class.py(), class.get_type());
    Ok(metaclass.is(py.get_type::<PyType>()) || metaclass.is(py.import("abc")?.getattr("ABCMeta")?))
}

/// Whether a name is special (`__doc__`), or mangled (`_Config__missing`).
fn is_internal(name: &str) -> bool {
    name.starts_with('_') && name.contains("__")
}

/// Whether a value is an immutable constant of a built-in type.
fn is_constant(value: &Bound<'_, PyAny>, depth: usize) -> bool {
    let all = |mut items: Box<dyn Iterator<Item = Bound<'_, PyAny>> + '_>| {
        depth < MAX_DEPTH && items.all(|item| is_constant(&item, depth + 1))
    };
    if let Ok(items) = value.cast_exact::<PyTuple>() {
        return all(Box::new(items.iter()));
    }
    if let Ok(items) = value.cast_exact::<PyFrozenSet>() {
        return all(Box::new(items.iter()));
    }
    is_scalar(value) && !value.is(value.py().Ellipsis())
}
