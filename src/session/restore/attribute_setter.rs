//! Sets attributes of classes as `type.__setattr__` does, which the pickler writes. An attribute that the module has
//! meanwhile made a property or a method is not overwritten with a constant.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCFunction, PyDict, PyString, PyType};

use crate::pickler::class_attributes::ClassOrder as _;
use crate::pickler::class_attributes::namespace;

/// The attributes that were not overwritten: `settings.Config.level`, with what they are now.
#[derive(Default)]
pub(super) struct KeptAttributes(Mutex<Vec<(String, String)>>);

impl KeptAttributes {
    /// A note for the user on each.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let kept = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        kept.into_iter()
            .map(|(path, kind)| format!("{path} was not restored: its module now has a {kind} of that name"))
    }
}

/// Replaces `type.__setattr__`.
#[pyclass(frozen)]
pub(super) struct SetClassAttribute {
    /// The function itself.
    pub(super) setter: Py<PyAny>,
    pub(super) kept: Arc<KeptAttributes>,
}

#[pymethods]
impl SetClassAttribute {
    fn __call__<'py>(
        &self,
        class: &Bound<'py, PyAny>,
        name: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = class.py();
        if let Some(kind) = kind_to_keep(class, name, value)? {
            let known = class.cast::<PyType>()?;
            let path = format!("{}.{}.{name}", known.module()?, known.qualname()?);
            self.kept.0.lock().unwrap_or_else(PoisonError::into_inner).push((path, kind));
            return Ok(py.None().into_bound(py));
        }
        self.setter.bind(py).call1((class, name, value))
    }
}

/// The type of the attribute that the class has, if a constant must not replace it.
fn kind_to_keep(
    class: &Bound<'_, PyAny>,
    name: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<Option<String>> {
    let (Ok(class), Ok(_)) = (class.cast::<PyType>(), name.cast::<PyString>()) else { return Ok(None) };
    let names = namespace(class)?;
    // A function in C is no constant: it replaces a hook of the class while the load makes a subclass.
    if !names.contains(name)? || has_get(value)? || value.is_exact_instance_of::<PyCFunction>() {
        return Ok(None);
    }
    let found = names.get_item(name)?;
    // A class that the file itself makes is as the file says.
    if !has_get(&found)? || !is_imported(class)? {
        return Ok(None);
    }
    Ok(Some(found.get_type().name()?.to_string_lossy().into_owned()))
}

/// Whether the type of a value has `__get__`: properties and functions do, constants do not.
fn has_get(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    for class in value.get_type().order() {
        if namespace(class.cast::<PyType>()?)?.contains("__get__")? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a module that is loaded has the class under its name.
fn is_imported(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let modules = class.py().import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    let (module, qualname) = (class.module()?, class.qualname()?);
    let Some(mut found) = modules.get_item(module)? else { return Ok(false) };
    for part in qualname.to_string_lossy().split('.') {
        let Some(next) = found.getattr_opt(part)? else { return Ok(false) };
        found = next;
    }
    Ok(found.is(class))
}
