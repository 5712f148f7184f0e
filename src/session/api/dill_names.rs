//! `dumps`, `dump`, `loads` and `load`, with the names, the arguments and the meaning of dill's functions.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

use crate::pickler;

/// Pickles an object and returns the bytes, as `dill.dumps` does. Protocols other than 5 are written by dill itself.
#[pyfunction]
#[pyo3(signature = (obj, protocol = None, byref = None, fmode = None, recurse = None, *, buffer_callback = None))]
pub(super) fn dumps<'py>(
    obj: &Bound<'py, PyAny>,
    protocol: Option<i32>,
    byref: Option<Bound<'py, PyAny>>,
    fmode: Option<Bound<'py, PyAny>>,
    recurse: Option<Bound<'py, PyAny>>,
    buffer_callback: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    let options = PyDict::new(py);
    for (name, value) in [("byref", byref), ("fmode", fmode), ("recurse", recurse)] {
        options.set_item(name, value)?;
    }
    // A negative protocol means the highest one, as in pickle.
    if protocol.is_some_and(|protocol| !(protocol < 0 || protocol == 5)) {
        if buffer_callback.is_some() {
            return Err(PyValueError::new_err("buffer_callback needs protocol >= 5"));
        }
        options.set_item("protocol", protocol)?;
        return py.import("dill")?.getattr("dumps")?.call((obj,), Some(&options));
    }
    let import = Box::new(|py: Python<'_>| Ok(py.import("dill")?.unbind()));
    Ok(pickler::dumps(obj, import, options.unbind(), buffer_callback)?.into_any())
}

/// Pickles an object into a file, as `dill.dump` does.
#[pyfunction]
#[pyo3(signature = (obj, file, protocol = None, byref = None, fmode = None, recurse = None, *, buffer_callback = None))]
pub(super) fn dump<'py>(
    obj: &Bound<'py, PyAny>,
    file: &Bound<'py, PyAny>,
    protocol: Option<i32>,
    byref: Option<Bound<'py, PyAny>>,
    fmode: Option<Bound<'py, PyAny>>,
    recurse: Option<Bound<'py, PyAny>>,
    buffer_callback: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let bytes = dumps(obj, protocol, byref, fmode, recurse, buffer_callback)?;
    file.call_method1("write", (bytes,)).map(drop)
}

/// Loads an object from a pickle in memory, as `dill.loads` does.
#[pyfunction]
#[pyo3(signature = (data, **options))]
pub(super) fn loads<'py>(
    data: &Bound<'py, PyAny>,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    data.py().import("dill")?.getattr("loads")?.call((data,), options)
}

/// Loads an object from a file that contains a pickle, as `dill.load` does.
#[pyfunction]
#[pyo3(signature = (file, **options))]
pub(super) fn load<'py>(file: &Bound<'py, PyAny>, options: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
    file.py().import("dill")?.getattr("load")?.call((file,), options)
}
