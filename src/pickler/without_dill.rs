//! Types that dill has functions for, but that are written without dill where it is not installed: common objects of
//! the standard library, such as the parts of data classes. The file can be loaded with or without dill.
//!
//! An object that only dill can pickle is refused with the advice to install it.

use std::sync::Arc;

use pyo3::exceptions::PyModuleNotFoundError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyMappingProxy, PyTuple, PyType};

use super::pickle_context::{PickleContext, pickling_error};
use super::plan::{DirectWrite, ObjectPlan};
use super::reduce::{self, Reduction};
use crate::python::deferred_signals::Tolerated as _;

/// Types that have a reduction of their own: a name in a class.
const DESCRIPTORS: [&str; 5] =
    ["classmethod_descriptor", "getset_descriptor", "member_descriptor", "method_descriptor", "wrapper_descriptor"];
/// Objects of the module `dataclasses` that are compared by identity, by the names of their types.
const MARKERS: [(&str, &str); 3] = [
    ("_HAS_DEFAULT_FACTORY_CLASS", "_HAS_DEFAULT_FACTORY"),
    ("_KW_ONLY_TYPE", "KW_ONLY"),
    ("_MISSING_TYPE", "MISSING"),
];

/// Whether an error says that dill is not installed.
pub(super) fn is_missing(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyModuleNotFoundError>(py)
}

/// The plan for an object of a type that dill has a function for.
pub(super) fn plan<'py>(context: &Arc<PickleContext>, object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let py = object.py();
    let kind = object.get_type();
    let (module, name) = (kind.module()?.to_string_lossy().into_owned(), kind.name()?.to_string_lossy().into_owned());
    if module == "dataclasses" {
        let marker = MARKERS.iter().find(|(kind, _)| *kind == name).map(|(_, marker)| (*marker).to_owned());
        let marker = marker.map_or_else(|| object.getattr("name")?.extract::<String>(), Ok)?;
        return Ok(ObjectPlan::Write(DirectWrite::Global { module, name: marker }));
    }
    if let Ok(mapping) = object.cast_exact::<PyMappingProxy>() {
        let copy = py.get_type::<PyDict>().call1((mapping,))?;
        return call(object, kind.into_any(), PyTuple::new(py, [copy])?);
    }
    match name.as_str() {
        _ if DESCRIPTORS.contains(&name.as_str()) => reduce::plan(context, object),
        "dict_keys" | "dict_items" | "dict_values" => {
            let view = name.trim_start_matches("dict_");
            let copy = py.get_type::<PyDict>().call1((object.getattr("mapping")?,))?;
            let method = py.get_type::<PyDict>().getattr(view)?;
            call(object, method, PyTuple::new(py, [copy])?)
        }
        "super" => {
            let parts = [object.getattr("__thisclass__")?, object.getattr("__self__")?];
            call(object, kind.into_any(), PyTuple::new(py, parts)?)
        }
        "ReferenceType" => {
            let target = object.call0()?;
            match target.is_none() {
                true => Err(needs_dill(&kind)),
                false => call(object, kind.into_any(), PyTuple::new(py, [target])?),
            }
        }
        _ => reduce::plan(context, object).map_err(|_| needs_dill(&kind)),
    }
}

/// The refusal of an object that dill could pickle.
pub(super) fn needs_dill(kind: &Bound<'_, PyType>) -> PyErr {
    let name = kind.name().map(|name| name.to_string_lossy().into_owned()).tolerated().unwrap_or_default();
    pickling_error(kind.py(), &format!("cannot pickle a {name} without dill: pip install dill"))
}

fn call<'py>(
    object: &Bound<'py, PyAny>,
    function: Bound<'py, PyAny>,
    arguments: Bound<'py, PyTuple>,
) -> PyResult<ObjectPlan<'py>> {
    Reduction::new(function, arguments.into_any()).into_work_item(Some(object)).map(ObjectPlan::Work)
}
