//! Ambient state: what a session depends on besides its variables, as far as the script changed it. The state of random
//! generators, the environment, `sys.path`, options of libraries.
//!
//! Each entry has a name and a value in JSON. [`changed`] finds the entries when a session is saved, without importing
//! anything; [`apply`] puts them back. Nothing here fails a save or a restore.

mod generators;
mod libraries;
mod process;
mod warning_filters;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use serde_json::Value;

use super::failure_path::error_text;

/// An entry that differs from what it was at the start, or from the default of its library.
pub(super) struct AmbientEntry {
    pub(super) name: &'static str,
    pub(super) value: Value,
    /// What `inspect` shows.
    pub(super) preview: String,
    /// What is not in it, for the user.
    pub(super) notes: Vec<String>,
}

/// What is found for one kind of state: the value, and what `inspect` shows.
type Found = Option<(Value, String)>;

/// A kind of state.
struct AmbientKind {
    name: &'static str,
    /// The module that must be loaded; empty if there is none.
    library: &'static str,
    /// Whether the library is part of Python: a restore may import it.
    is_standard: bool,
    find: fn(&Bound<'_, PyModule>, &mut Vec<String>) -> PyResult<Found>,
    apply: fn(&Bound<'_, PyModule>, &Value) -> PyResult<()>,
}

/// The name of the entry that is applied before anything is loaded: modules may be there.
pub(super) const SEARCH_PATH: &str = "sys.path";
/// The name of the entry that only the prompt and code get: the arguments of a script are relative to its own directory.
const DIRECTORY: &str = "cwd";

#[rustfmt::skip]
const KINDS: &[AmbientKind] = &[
    AmbientKind { name: DIRECTORY, library: "sys", is_standard: true, find: process::find_directory, apply: process::set_directory },
    AmbientKind { name: SEARCH_PATH, library: "sys", is_standard: true, find: process::find_path, apply: process::set_path },
    AmbientKind { name: "environ", library: "os", is_standard: true, find: process::find_environ, apply: process::set_environ },
    AmbientKind { name: "interpreter", library: "sys", is_standard: true, find: process::find_limits, apply: process::set_limits },
    AmbientKind { name: "locale", library: "sys", is_standard: true, find: process::find_locale, apply: process::set_locale },
    AmbientKind { name: "warnings", library: "_warnings", is_standard: true, find: warning_filters::find, apply: warning_filters::set },
    AmbientKind { name: "logging", library: "logging", is_standard: true, find: libraries::find_logging, apply: libraries::set_logging },
    AmbientKind { name: "decimal", library: "decimal", is_standard: true, find: libraries::find_decimal, apply: libraries::set_decimal },
    AmbientKind { name: "random", library: "random", is_standard: true, find: generators::find_random, apply: generators::set_random },
    AmbientKind { name: "numpy.random", library: "numpy.random", is_standard: false, find: generators::find_numpy, apply: generators::set_numpy },
    AmbientKind { name: "torch", library: "torch", is_standard: false, find: generators::find_torch, apply: generators::set_torch },
    AmbientKind { name: "numpy", library: "numpy", is_standard: false, find: libraries::find_numpy, apply: libraries::set_numpy },
    AmbientKind { name: "pandas", library: "pandas", is_standard: false, find: libraries::find_pandas, apply: libraries::set_pandas },
    AmbientKind { name: "matplotlib", library: "matplotlib", is_standard: false, find: libraries::find_matplotlib, apply: libraries::set_matplotlib },
];

/// The entries that the session changed. Only libraries that are loaded are looked at.
pub(super) fn changed(py: Python<'_>) -> Vec<AmbientEntry> {
    let entry = |kind: &AmbientKind| {
        let library = loaded(py, kind.library)?;
        let mut notes = Vec::new();
        // A library may be half imported, or replaced by the script: then there is nothing to say about it.
        let (value, preview) = (kind.find)(&library, &mut notes).ok()??;
        Some(AmbientEntry { name: kind.name, value, preview, notes })
    };
    KINDS.iter().filter_map(entry).collect()
}

/// A module, if it is loaded.
fn loaded<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyModule>> {
    let modules = py.import("sys").ok()?.getattr("modules").ok()?.cast_into::<PyDict>().ok()?;
    modules.get_item(name).ok()??.cast_into::<PyModule>().ok()
}

/// What became of the entries of a file.
#[derive(Default)]
pub(super) struct AppliedState {
    /// The names of the entries that were put back.
    pub(super) names: Vec<String>,
    /// Why others were not.
    pub(super) notes: Vec<String>,
}

impl AppliedState {
    /// Puts back the entries that `chosen` allows. Entries of libraries that are not loaded are left alone.
    pub(super) fn apply(&mut self, py: Python<'_>, entries: &[(String, Value)], chosen: impl Fn(&str) -> bool) {
        for (name, value) in entries.iter().filter(|(name, _)| chosen(name)) {
            // A later version of snapcli may know more.
            let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else { continue };
            let package = kind.library.split('.').next().unwrap_or(kind.library);
            // Some packages import their parts when they are first used.
            let is_at_hand = kind.is_standard || loaded(py, package).is_some();
            let library = if is_at_hand { py.import(kind.library).ok() } else { None };
            let Some(library) = library else {
                self.notes.push(format!("the state of {name} was not restored: {} is not loaded", kind.library));
                continue;
            };
            match (kind.apply)(&library, value) {
                Ok(()) => self.names.push(name.clone()),
                Err(error) => {
                    self.notes.push(format!("cannot restore the state of {name}: {}", error_text(py, &error)))
                }
            }
        }
    }
}

/// Whether an entry is the working directory.
pub(super) fn is_directory(name: &str) -> bool {
    name == DIRECTORY
}

/// An error that a value is not what it should be, as in a damaged or forged file.
fn unexpected() -> PyErr {
    pyo3::exceptions::PyValueError::new_err("the value in the file is not of the expected form")
}

/// A string of the value.
fn string<'v>(value: &'v Value, key: &str) -> PyResult<&'v str> {
    value.get(key).and_then(Value::as_str).ok_or_else(unexpected)
}

/// A number of the value.
fn integer(value: &Value, key: &str) -> PyResult<i64> {
    value.get(key).and_then(Value::as_i64).ok_or_else(unexpected)
}

/// A JSON value as a Python object.
fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Value::String(value) => value.into_pyobject(py)?.into_any(),
        Value::Number(value) => match (value.as_i64(), value.as_f64()) {
            (Some(value), _) => value.into_pyobject(py)?.into_any(),
            (None, value) => value.unwrap_or(f64::NAN).into_pyobject(py)?.into_any(),
        },
        Value::Array(values) => {
            let values = values.iter().map(|value| to_python(py, value)).collect::<PyResult<Vec<_>>>()?;
            values.into_pyobject(py)?
        }
        Value::Object(values) => {
            let dict = PyDict::new(py);
            for (key, value) in values {
                dict.set_item(key, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// A Python object as JSON, if it consists of exact built-in types that JSON knows. Tuples become lists.
fn to_json(value: &Bound<'_, PyAny>, depth: usize) -> Option<Value> {
    use pyo3::types::{PyBool, PyFloat, PyInt, PyList, PyString, PyTuple};
    if value.is_none() {
        return Some(Value::Null);
    }
    if value.is_exact_instance_of::<PyBool>() {
        return value.extract::<bool>().ok().map(Value::Bool);
    }
    if value.is_exact_instance_of::<PyInt>() {
        return value.extract::<i64>().ok().map(Value::from);
    }
    if value.is_exact_instance_of::<PyFloat>() {
        return value.extract::<f64>().ok().filter(|number| number.is_finite()).map(Value::from);
    }
    if value.is_exact_instance_of::<PyString>() {
        return value.extract::<String>().ok().map(Value::String);
    }
    let is_list = value.is_exact_instance_of::<PyList>() || value.is_exact_instance_of::<PyTuple>();
    let items = value.try_iter().ok().filter(|_| is_list && depth < 8)?;
    items.map(|item| to_json(&item.ok()?, depth + 1)).collect::<Option<Vec<_>>>().map(Value::Array)
}
