//! Finds the attributes that a session has set on classes and functions of the project's modules, as in
//! `Config.DEBUG = True`.
//!
//! What the source of the module sets to the same value is left out, and so is what Python and well-known decorators
//! add to a class. Classes of other metaclasses than `type` and `ABCMeta` are not searched: theirs set attributes of
//! their own.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyMappingProxy, PyString, PyTuple, PyType};

use super::module_source::{Assignment, ModuleSource, is_unchanged};
use crate::pickler::is_scalar;

/// An attribute and its value.
pub(super) type NamedAttribute<'py> = (Bound<'py, PyString>, Bound<'py, PyAny>);

/// Where to look up what a module defines.
pub(super) struct DefinitionSource<'a, 'py> {
    pub(super) source: &'a ModuleSource,
    /// Whether another variable refers to a container.
    pub(super) is_shared: &'a dyn Fn(&Bound<'py, PyAny>) -> bool,
}

impl<'py> DefinitionSource<'_, 'py> {
    /// The attributes that the session has probably set on a class or function that the module defines as `name`.
    pub(super) fn changed_attributes(
        &self,
        name: &str,
        definition: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<NamedAttribute<'py>>> {
        if definition.is_exact_instance_of::<PyFunction>() {
            let names = definition.getattr("__dict__")?.cast_into::<PyDict>()?;
            return Ok(named(names).filter(|(_, value)| is_data(value)).collect());
        }
        let (Ok(class), Some(body)) = (definition.cast::<PyType>(), self.source.class_body(name)) else {
            return Ok(Vec::new());
        };
        if !has_plain_metaclass(class)? || class.is_subclass_of::<PyTuple>()? {
            return Ok(Vec::new());
        }
        let names = class.getattr("__dict__")?.cast_into::<PyMappingProxy>()?;
        let mut changed = Vec::new();
        for (name, value) in named(names.call_method0("copy")?.cast_into::<PyDict>()?) {
            let text = name.to_string_lossy();
            let is_special = (text.starts_with("__") && text.ends_with("__")) || text == "_abc_impl";
            if !is_special && self.is_changed(class, body, &text, &value) {
                changed.push((name, value));
            }
        }
        Ok(changed)
    }

    fn is_changed(
        &self,
        class: &Bound<'py, PyType>,
        body: &ModuleSource,
        name: &str,
        value: &Bound<'py, PyAny>,
    ) -> bool {
        if value.hasattr("__get__").unwrap_or(true) {
            // A method that the script has put in place of another one.
            return value.is_exact_instance_of::<PyFunction>() && !is_of_module(class, value);
        }
        match body.assignment(name) {
            Some(Assignment::Literal(literal)) => !is_unchanged(value, literal.bind(value.py()), self.is_shared),
            // Made again in the same way, unless it is data that may have changed since.
            Some(Assignment::Computed) => is_data(value),
            Some(Assignment::Definition | Assignment::Import) => false,
            None => true,
        }
    }
}

/// The items of a namespace whose names are strings.
fn named<'py>(names: Bound<'py, PyDict>) -> impl Iterator<Item = NamedAttribute<'py>> {
    names.into_iter().filter_map(|(name, value)| Some((name.cast_into::<PyString>().ok()?, value)))
}

fn has_plain_metaclass(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let metaclass = class.get_type();
    let is_abstract =
        || metaclass.module().is_ok_and(|it| it == "abc") && metaclass.name().is_ok_and(|it| it == "ABCMeta");
    Ok(metaclass.is(class.py().get_type::<PyType>()) || is_abstract())
}

/// Whether a function comes from the module of a class.
fn is_of_module(class: &Bound<'_, PyType>, function: &Bound<'_, PyAny>) -> bool {
    let (Ok(home), Ok(module)) = (class.module(), function.getattr("__module__")) else { return true };
    module.eq(home).unwrap_or(true)
}

/// Whether an object is a constant or a built-in container.
fn is_data(value: &Bound<'_, PyAny>) -> bool {
    use pyo3::types::{PyList, PySet};
    is_scalar(value)
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PySet>()
        || value.is_exact_instance_of::<PyTuple>()
}
