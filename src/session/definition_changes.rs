//! Finds what a session has set on classes and functions of the project's modules, as in
//! `Config.DEBUG = True`.
//!
//! They are compared with what the module had set when its code had run. Where that is not known, the source must say
//! it: a value that the source computes counts as unchanged. No code of the session runs, and nothing fails.
//!
//! Usually only immutable constants count: anything else may be what a decorator or a base class made, may be shared
//! with a closure, or may not be picklable. A checkpoint of a run has all state: what containers have in them, as in
//! `Registry.known["x"] = 1`, and objects of the script and of the project, as in `Settings._instance = Settings()`.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyFrozenSet, PyString, PyTuple, PyType};

use super::imported_definitions::{Definition, NotedAttributes, NotedValue, definitions, noted};
use super::module_source::{Assignment, ModuleSource, is_unchanged};
use crate::pickler::{ChangedAttribute, is_scalar};

/// How deep tuples may nest.
const MAX_DEPTH: usize = 20;

/// What the session has set on a class or function that a module defines as `name`, and on the definitions within the
/// class. `may_be_restored` says which values count that are no constants.
pub(super) fn changed_attributes<'py>(
    source: Option<&ModuleSource>,
    module: &str,
    name: &str,
    object: &Bound<'py, PyAny>,
    may_be_restored: &dyn Fn(&Bound<'py, PyAny>) -> bool,
) -> PyResult<Vec<ChangedAttribute<'py>>> {
    let mut changed = Vec::new();
    for definition in definitions(module, name, object)? {
        match (noted(module, &definition.path), source) {
            (Some(before), _) => add_noted(&definition, before.as_deref(), name, may_be_restored, &mut changed),
            (None, Some(source)) if definition.path == name => add_by_source(&definition, source, name, &mut changed)?,
            (None, _) => {}
        }
    }
    Ok(changed)
}

/// Adds what differs from what the definition had when the module had been imported.
fn add_noted<'py>(
    definition: &Definition<'py>,
    before: Option<&NotedAttributes>,
    name: &str,
    may_be_restored: &dyn Fn(&Bound<'py, PyAny>) -> bool,
    changed: &mut Vec<ChangedAttribute<'py>>,
) {
    // A class that the module did not have then does not come back by importing it.
    let Some(before) = before else { return };
    for (attribute, value) in definition.attributes.iter() {
        let Ok(attribute) = attribute.cast_into::<PyString>() else { continue };
        let text = attribute.to_string_lossy();
        if is_dunder(&text) || !is_constant(&value, 0) && !may_be_restored(&value) {
            continue;
        }
        let is_same = match before.get(&*text) {
            Some(NotedValue::Constant(before)) => is_unchanged(&value, before.bind(value.py()), &|_| false),
            Some(NotedValue::Contents(before)) => before.is_that_of(&value),
            Some(NotedValue::Object(address)) => value.as_ptr() as usize == *address,
            None => false,
        };
        if !is_same {
            drop(text);
            changed.push(attribute_of(definition, name, attribute, value));
        }
    }
}

/// Adds what differs from the literals in the source, and what the source does not mention.
fn add_by_source<'py>(
    definition: &Definition<'py>,
    source: &ModuleSource,
    name: &str,
    changed: &mut Vec<ChangedAttribute<'py>>,
) -> PyResult<()> {
    let mut body = None;
    if let Ok(class) = definition.object.cast::<PyType>() {
        body = source.class_body(name);
        // Other metaclasses than these set attributes of their own, and so do named tuples.
        if body.is_none() || !has_plain_metaclass(class)? || class.is_subclass_of::<PyTuple>()? {
            return Ok(());
        }
    }
    for (attribute, value) in definition.attributes.iter() {
        let Ok(attribute) = attribute.cast_into::<PyString>() else { continue };
        let text = attribute.to_string_lossy();
        if is_dunder(&text) || is_mangled(&text) || !is_constant(&value, 0) {
            continue;
        }
        // What the module sets after the definition counts, then what the body of the class says.
        let by_module = source.attribute_assignment(name, &text);
        let is_same = match by_module.or_else(|| body.and_then(|body| body.assignment(&text))) {
            Some(Assignment::Literal(literal)) => is_unchanged(&value, literal.bind(value.py()), &|_| false),
            Some(_) => true,
            None => false,
        };
        if !is_same {
            changed.push(attribute_of(definition, name, attribute.clone(), value));
        }
    }
    Ok(())
}

fn attribute_of<'py>(
    definition: &Definition<'py>,
    name: &str,
    attribute: Bound<'py, PyString>,
    value: Bound<'py, PyAny>,
) -> ChangedAttribute<'py> {
    let within = definition.path.strip_prefix(name).unwrap_or_default();
    let path = format!("{within}.{}", attribute.to_string_lossy());
    let path = path.strip_prefix('.').unwrap_or(&path).to_owned();
    ChangedAttribute { owner: definition.object.clone(), path, name: attribute, value }
}

fn has_plain_metaclass(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let (py, metaclass) = (class.py(), class.get_type());
    Ok(metaclass.is(py.get_type::<PyType>()) || metaclass.is(py.import("abc")?.getattr("ABCMeta")?))
}

/// Whether a name is special: `__doc__`.
pub(super) fn is_dunder(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__")
}

/// Whether a name may be mangled: `_Config__missing`.
fn is_mangled(name: &str) -> bool {
    name.starts_with('_') && name.contains("__")
}

/// Whether a value is an immutable constant of a built-in type.
pub(super) fn is_constant(value: &Bound<'_, PyAny>, depth: usize) -> bool {
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
