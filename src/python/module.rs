//! `import snapcli`, for scripts that run under snapcli: the pickler under dill's own function names.

use std::path::{Path, PathBuf};

use glob::Pattern;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

use crate::pickler;
use crate::session::checkpoint::{self, Load};
use crate::session::loading::Untrusted;
use crate::snapshot::index::Reason;

/// The pickler of `snapcli save`, under the names and with the meaning of dill's functions.
#[pymodule]
pub mod snapcli {
    #[pymodule_export]
    use super::{dump, dumps, load, load_dict, loads, restore, save};
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
    let index = saved.map_err(|error| as_exception(error, "save to", &path))?;
    let failed = PyDict::new(py);
    for item in index.left_out.iter().filter(|item| item.reason == Reason::Failed) {
        failed.set_item(&item.name, &item.error)?;
    }
    Ok(failed)
}

/// Brings a snapshot back into the module that it is of, as `snapcli restore` does. Returns the variables that were asked
/// for and did not come back, each with the reason.
///
/// `only` and `exclude` are a pattern or a list of patterns; with `mmap=True` arrays are mapped. A file that this user did
/// not sign brings back plain data only, and raises `pickle.UnpicklingError` where it wants more, but with `trust=True`.
#[pyfunction]
#[pyo3(signature = (path, only = None, *, exclude = None, mmap = false, trust = false))]
fn restore<'py>(
    py: Python<'py>,
    path: PathBuf,
    only: Option<Bound<'py, PyAny>>,
    exclude: Option<Bound<'py, PyAny>>,
    mmap: bool,
    trust: bool,
) -> PyResult<Bound<'py, PyDict>> {
    loaded(
        py,
        &Load { path: &path, only: patterns(only)?, exclude: patterns(exclude)?, mapped: mmap, trust, into: None },
    )
}

/// Brings the variables of a snapshot back as a dict, and changes nothing else, as `dill.load_module_asdict` does. What
/// does not come back is not in it.
#[pyfunction]
#[pyo3(signature = (path, only = None, *, exclude = None, mmap = false, trust = false))]
fn load_dict<'py>(
    py: Python<'py>,
    path: PathBuf,
    only: Option<Bound<'py, PyAny>>,
    exclude: Option<Bound<'py, PyAny>>,
    mmap: bool,
    trust: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let names = PyDict::new(py);
    let into = Some(names.clone());
    loaded(py, &Load { path: &path, only: patterns(only)?, exclude: patterns(exclude)?, mapped: mmap, trust, into })?;
    Ok(names)
}

fn loaded<'py>(py: Python<'py>, load: &Load<'_, 'py>) -> PyResult<Bound<'py, PyDict>> {
    let restored = checkpoint::load(py, load).map_err(|error| match error.downcast_ref::<Untrusted>() {
        Some(_) => untrusted(py, &error.to_string()),
        None => as_exception(error, "restore", load.path),
    })?;
    let lost = PyDict::new(py);
    for item in restored.lost {
        lost.set_item(item.name, item.why)?;
    }
    Ok(lost)
}

fn untrusted(py: Python<'_>, text: &str) -> PyErr {
    let text = text.replace("--trust", "trust=True").replace("--only", "only=");
    match py.import("pickle").and_then(|pickle| pickle.getattr("UnpicklingError")?.call1((text,))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// One pattern, or several.
fn patterns(given: Option<Bound<'_, PyAny>>) -> PyResult<Vec<Pattern>> {
    let texts = match given {
        None => Vec::new(),
        Some(given) => match given.extract::<String>() {
            Ok(one) => vec![one],
            Err(_) => given.extract::<Vec<String>>()?,
        },
    };
    let parse = |text: &String| Pattern::new(text).map_err(|error| PyValueError::new_err(format!("{text}: {error}")));
    texts.iter().map(parse).collect()
}

/// An error of ours as Python has them.
fn as_exception(error: anyhow::Error, what: &str, path: &Path) -> PyErr {
    match error.downcast::<PyErr>() {
        Ok(error) => error,
        Err(error) => PyOSError::new_err(format!("cannot {what} {}: {error:#}", path.display())),
    }
}
