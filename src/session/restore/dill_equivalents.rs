//! Functions of dill that files of our own call for objects that dill has pickled, written again: such a file is
//! restored without dill, and without the time that importing dill takes.

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyAny;

/// Replaces `dill._dill._getattr`: a method or a descriptor of a class, as it is in the class.
#[pyclass(frozen)]
pub(super) struct ClassAttribute {}

#[pymethods]
impl ClassAttribute {
    #[pyo3(signature = (class, name, _shown = None))]
    fn __call__<'py>(
        &self,
        class: &Bound<'py, PyAny>,
        name: &str,
        _shown: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match class.getattr("__dict__")?.get_item(name) {
            Err(error) if error.is_instance_of::<PyKeyError>(class.py()) => class.getattr(name),
            found => found,
        }
    }
}

/// Replaces `dill._dill._create_weakref`.
#[pyclass(frozen)]
pub(super) struct WeakReference {}

#[pymethods]
impl WeakReference {
    #[pyo3(signature = (target, callback = None))]
    fn __call__<'py>(
        &self,
        target: &Bound<'py, PyAny>,
        callback: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = target.py();
        let reference = py.import("weakref")?.getattr("ref")?;
        // A dead reference is one to an object that ends at once.
        let object = match target.is_none() {
            true => py.import("collections")?.getattr("UserDict")?.call0()?,
            false => target.clone(),
        };
        reference.call1((object, callback))
    }
}
