//! Instances that reduce to a name which no other process has: a sentinel of the script, `MISSING`, says that it is
//! `MISSING`. In a session it is one of the session's objects, so it is created anew, without its reduction.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple};

use super::class_attributes::slot_names;
use super::plan::ObjectPlan;
use super::reduce::Reduction;
use super::strategy::HEAP_TYPE;

/// The plan for an instance of a Python class. None if the object cannot be created without a call of its class.
pub(super) fn plan_by_value<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<ObjectPlan<'py>>> {
    let py = object.py();
    let class = object.get_type();
    // The first class that is written in C determines what an instance consists of besides its attributes.
    let mut base = None;
    for candidate in class.mro() {
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
    if create.call1(&arguments).is_err() {
        return Ok(None);
    }
    let reduction = Reduction { state: state(object)?, ..Reduction::new(create, arguments.into_any()) };
    reduction.into_work_item(Some(object)).map(|item| Some(ObjectPlan::Work(item)))
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
