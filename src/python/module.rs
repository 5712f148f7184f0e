//! `import snapcli`, for scripts that run under snapcli: the pickler under dill's own function names.

use std::path::PathBuf;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

use crate::pickler;
use crate::session::checkpoint;
use crate::snapshot::index::Reason;

/// The pickler of `snapcli save`, under the names and with the meaning of dill's functions.
#[pymodule]
pub mod snapcli {
    #[pymodule_export]
    use super::{dump, dumps, load, loads, save};
}

/// Pickles an object and returns the bytes, as `dill.dumps` does. Protocols other than 5 are left to dill.
#[pyfunction]
#[pyo3(signature = (obj, protocol = None, byref = None, fmode = None, recurse = None, *, buffer_callback = None))]
fn dumps<'py>(
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
fn dump<'py>(
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

/// `dill.loads`.
#[pyfunction]
#[pyo3(signature = (data, **options))]
fn loads<'py>(data: &Bound<'py, PyAny>, options: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
    data.py().import("dill")?.getattr("loads")?.call((data,), options)
}

/// `dill.load`.
#[pyfunction]
#[pyo3(signature = (file, **options))]
fn load<'py>(file: &Bound<'py, PyAny>, options: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
    file.py().import("dill")?.getattr("load")?.call((file,), options)
}

/// Saves the session as `snapcli save` does, in the middle of a script or at the prompt. Returns the names that could
/// not be saved, each with the reason.
///
/// `namespace` is a dict whose items become names of `__main__`, or a module; without one it is `__main__` itself. With
/// `sync=False` the file may reach the disk up to half a minute later: that is faster, but a power cut can cost it.
#[pyfunction]
#[pyo3(signature = (path, namespace = None, *, sync = true))]
fn save<'py>(
    py: Python<'py>,
    path: PathBuf,
    namespace: Option<Bound<'py, PyAny>>,
    sync: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let saved = checkpoint::save(py, &path, namespace.as_ref(), sync);
    let index = saved.map_err(|error| match error.downcast::<PyErr>() {
        Ok(error) => error,
        Err(error) => PyOSError::new_err(format!("cannot save to {}: {error:#}", path.display())),
    })?;
    let failed = PyDict::new(py);
    for item in index.left_out.iter().filter(|item| item.reason == Reason::Failed) {
        failed.set_item(&item.name, &item.error)?;
    }
    Ok(failed)
}
