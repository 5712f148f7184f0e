//! Instances that reduce to a name which no other process has: a sentinel of the script reduces to its name, `MISSING`.
//! In a session it is one of the session's objects, so it is created anew, without its reduction.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple};

use super::class_attributes::slot_names;
use super::plan::ObjectPlan;
use super::reduce::Reduction;
use super::strategy::HEAP_TYPE;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// The plan for an instance of a Python class. None if the object cannot be created without a call of its class.
pub(super) fn plan_by_value<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<ObjectPlan<'py>>> {
    let py = object.py();
    let class = object.get_type();
    if class.name()? == "sentinel" && py.import("builtins")?.getattr_opt("sentinel")?.is_some_and(|own| own.is(&class))
    {
        return sentinel(object).map(Some);
    }
    // The first class that is written in C determines the parts of an instance besides its attributes.
    let mut base = None;
    for candidate in class.order() {
        if candidate.getattr("__flags__")?.extract::<u64>()? & HEAP_TYPE == 0 {
            base = Some(candidate);
            break;
        }
    }
    let Some(base) = base.filter(|base| !base.is(&class)) else { return Ok(None) };
    let data = if base.is(py.get_type::<PyAny>()) { py.None().into_bound(py) } else { base.call1((object,))? };
    let create = py.import("copyreg")?.getattr("_reconstructor")?;
    let arguments = PyTuple::new(py, [class.clone().into_any(), base, data])?;
    // Calls only the `__new__` of the class that is written in C, which refuses classes that it does not fit.
    if create.call1(&arguments).tolerated().is_none() {
        return Ok(None);
    }
    let reduction = Reduction { state: state(object)?, ..Reduction::new(create, arguments.into_any()) };
    reduction.into_work_item(Some(object)).map(|item| Some(ObjectPlan::Work(item)))
}

/// A `sentinel` (PEP 661, Python 3.15): its name, its `repr` and its module.
fn sentinel<'py>(object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let py = object.py();
    let (class, name, shown) = (object.get_type().into_any(), object.getattr("__name__")?, object.repr()?);
    let (function, arguments) = if name.eq(&shown)? {
        ("__newobj__", PyTuple::new(py, [class, name])?)
    } else {
        let options = PyDict::new(py);
        options.set_item("repr", shown)?;
        ("__newobj_ex__", PyTuple::new(py, [class, PyTuple::new(py, [name])?.into_any(), options.into_any()])?)
    };
    let module = PyDict::new(py);
    module.set_item("__module__", object.getattr("__module__")?)?;
    let state = PyTuple::new(py, [py.None().into_bound(py), module.into_any()])?.into_any();
    let create = py.import("copyreg")?.getattr(function)?;
    let reduction = Reduction { state: Some(state), ..Reduction::new(create, arguments.into_any()) };
    reduction.into_work_item(Some(object)).map(ObjectPlan::Work)
}

/// The attributes of an object, in the form that BUILD takes without a `__setstate__`.
fn state<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = object.py();
    let dict = object.getattr_opt("__dict__")?.and_then(|dict| dict.cast_into::<PyDict>().ok());
    let dict = dict.filter(|dict| !dict.is_empty()).map(Bound::into_any);
    let slots = PyDict::new(py);
    for name in slot_names(&object.get_type())? {
        if let Some(value) = object.getattr_opt(name.as_str())? {
            slots.set_item(name, value)?;
        }
    }
    if slots.is_empty() {
        return Ok(dict);
    }
    let dict = dict.unwrap_or_else(|| py.None().into_bound(py));
    Ok(Some(PyTuple::new(py, [dict, slots.into_any()])?.into_any()))
}
