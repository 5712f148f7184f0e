//! `dumps`, `dump`, `loads` and `load`, with the names, the arguments and the meaning of dill's functions.

use pyo3::exceptions::{PyModuleNotFoundError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString};

use super::load_source::with_code;
use super::raised_errors::to_exception;
use super::turns::Turn;
use crate::pickle::format::parse::Parser;
use crate::pickler::{self, PyBufferView};
use crate::python::context;
use crate::session::restore::build_object;
use crate::snapshot::reader::Snapshot;

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
    let import = Box::new(|py: Python<'_>| Ok(context::of_process(py)?.dill.lazy().import(py)?.unbind()));
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

/// Loads an object from a pickle in memory. With `trust=True`, this is `dill.loads`, which runs whatever is pickled in
/// the data. Without it, only plain data is built: a pickle has no signature that would show that it is yours.
///
/// Raises `pickle.UnpicklingError` if the pickle needs more. `ignore` and other options are those of dill.
#[pyfunction]
#[pyo3(signature = (data, ignore = None, *, trust = false, **options))]
pub(super) fn loads<'py>(
    data: &Bound<'py, PyAny>,
    ignore: Option<&Bound<'py, PyAny>>,
    trust: bool,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = data.py();
    if trust {
        return by_dill(py, "loads", data, ignore, options);
    }
    refuse_options(options)?;
    let view = PyBufferView::of(data)?;
    let (object, _) = build(py, view.bytes().to_vec())?;
    Ok(object)
}

/// Loads an object from a file that contains a pickle, and leaves the position after the pickle. With `trust=True`,
/// this is `dill.load`, which runs whatever is pickled in the file. Without it, only plain data is built.
///
/// Raises `pickle.UnpicklingError` if the pickle needs more. `ignore` and other options are those of dill.
#[pyfunction]
#[pyo3(signature = (file, ignore = None, *, trust = false, **options))]
pub(super) fn load<'py>(
    file: &Bound<'py, PyAny>,
    ignore: Option<&Bound<'py, PyAny>>,
    trust: bool,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = file.py();
    if trust {
        return by_dill(py, "load", file, ignore, options);
    }
    refuse_options(options)?;
    if file.is_instance_of::<PyString>() {
        let text = "the file must be a binary file object, as for dill.load: snapcli.load_dict reads a path";
        return Err(PyTypeError::new_err(text));
    }
    let content = file.call_method0("read")?;
    if content.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("the file is open in text mode: open it with mode 'rb'"));
    }
    let bytes = PyBufferView::of(&content)?.bytes().to_vec();
    let length = bytes.len();
    let (object, end) = build(py, bytes)?;
    if end < length {
        // Another pickle may follow. A file that cannot go back, such as a pipe, must hold one pickle only.
        file.call_method1("seek", (end as i64 - length as i64, 1))?;
    }
    Ok(object)
}

/// `dill.load` or `dill.loads`; the function of pickle where dill is not installed.
fn by_dill<'py>(
    py: Python<'py>,
    name: &str,
    source: &Bound<'py, PyAny>,
    ignore: Option<&Bound<'py, PyAny>>,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    match py.import("dill") {
        Ok(dill) => dill.getattr(name)?.call((source, ignore), options),
        Err(error) if error.is_instance_of::<PyModuleNotFoundError>(py) => {
            py.import("pickle")?.getattr(name)?.call((source,), options)
        }
        Err(error) => Err(error),
    }
}

fn refuse_options(options: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    match options.and_then(|options| options.keys().iter().next()) {
        Some(option) => Err(PyTypeError::new_err(format!("{option}= needs trust=True"))),
        None => Ok(()),
    }
}

/// Builds the plain data of the first pickle in these bytes. Also returns where it ends.
fn build(py: Python<'_>, mut bytes: Vec<u8>) -> PyResult<(Bound<'_, PyAny>, usize)> {
    let end = Parser::new(&bytes).last().and_then(Result::ok).map_or(bytes.len(), |last| last.end as usize);
    bytes.truncate(end);
    let _turn = Turn::wait(py)?;
    let built = py
        .detach(|| with_code(Snapshot::from_bytes(bytes), || "cannot load the pickle".to_owned()))
        .and_then(|snapshot| build_object(py, &snapshot, "the pickle"));
    Ok((built.map_err(|error| to_exception(py, error, "load the pickle", None))?, end))
}
