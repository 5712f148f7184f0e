//! Ambient state: what a session depends on besides its variables, as far as the script changed it. The state of random
//! generators, the environment, `sys.path`, options of libraries.
//!
//! Each entry has a name and a value in JSON. [`changed`] finds the entries when a session is saved, without importing
//! anything; [`apply`] puts them back. Nothing here fails a save or a restore.
//!
//! What is long and seldom changes is an entry of its own, in front of the one that it belongs to ([`PARTS`]): a store
//! keeps it once.

mod generators;
mod libraries;
mod process;
mod seen_random;
mod twister;
mod warning_filters;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use serde_json::Value;

use super::failure_path::error_text;
use crate::pickle::format::parse::{Argument, Parser};
use crate::pickler::loaded_modules;
use crate::python::deferred_signals::Tolerated as _;
use crate::snapshot::index::{Index, SegmentRole};
use crate::snapshot::reader::{ReadError, Snapshot};
use crate::snapshot::segment::VariableSegment;

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
    find: Find,
    apply: Apply,
}

/// Finds what was changed. Gets the library, and adds what cannot be kept to the notes.
type Find = fn(&Bound<'_, PyModule>, &mut Vec<String>) -> PyResult<Found>;
/// Puts a value back.
type Apply = fn(&Bound<'_, PyModule>, &Value) -> PyResult<()>;

/// Directories with modules that the variables may need.
const SEARCH_PATH: &str = "sys.path";
/// The environment, which may decide how modules are imported.
const ENVIRON: &str = "environ";
/// An option that decides what jax makes of the arrays in a file.
const JAX: &str = "jax";
/// The name of the entry that only the prompt and code get: the arguments of a script are relative to this directory.
const DIRECTORY: &str = "cwd";

const KINDS: &[AmbientKind] = &[
    kind(DIRECTORY, "sys", true, process::find_directory, process::set_directory),
    kind(SEARCH_PATH, "sys", true, process::find_path, process::set_path),
    kind(JAX, "os", true, libraries::find_jax, libraries::set_jax),
    kind(ENVIRON, "os", true, process::find_environ, process::set_environ),
    kind("interpreter", "sys", true, process::find_limits, process::set_limits),
    kind("locale", "sys", true, process::find_locale, process::set_locale),
    kind("warnings", "_warnings", true, warning_filters::find, warning_filters::set),
    kind("logging", "logging", true, libraries::find_logging, libraries::set_logging),
    kind("decimal", "decimal", true, libraries::find_decimal, libraries::set_decimal),
    kind("random", "random", true, generators::find_random, generators::set_random),
    kind("numpy.random", "numpy.random", false, generators::find_numpy, generators::set_numpy),
    kind("torch", "torch", false, generators::find_torch, generators::set_torch),
    kind("numpy", "numpy", false, libraries::find_numpy, libraries::set_numpy),
    kind("pandas", "pandas", false, libraries::find_pandas, libraries::set_pandas),
    kind("matplotlib", "matplotlib", false, libraries::find_matplotlib, libraries::set_matplotlib),
];

const fn kind(name: &'static str, library: &'static str, is_standard: bool, find: Find, apply: Apply) -> AmbientKind {
    AmbientKind { name, library, is_standard, find, apply }
}

/// A field of a value that is an entry of its own in a file.
struct EntryPart {
    /// The entry that it belongs to, and the field.
    whole: &'static str,
    field: &'static str,
    /// The name of its own entry. [`Index::whole_ambient`] tells it by its end.
    name: &'static str,
}

const PARTS: &[EntryPart] = &[
    EntryPart { whole: "random", field: "state", name: "random.words" },
    EntryPart { whole: "numpy.random", field: "key", name: "numpy.random.words" },
];

/// Notes the states of random generators in a process that is about to fork one that saves: what a child notes is lost.
pub(super) fn note_generators(py: Python<'_>) {
    for kind in KINDS.iter().filter(|kind| PARTS.iter().any(|part| part.whole == kind.name)) {
        if let Some(library) = loaded(py, kind.library) {
            (kind.find)(&library, &mut Vec::new()).tolerated();
        }
    }
}

/// The entries that the session changed. Only libraries that are loaded are looked at.
pub(super) fn changed(py: Python<'_>) -> Vec<AmbientEntry> {
    let modules = loaded_modules(py).tolerated().and_then(|modules| modules.cast_into::<PyDict>().ok());
    let entry = |kind: &AmbientKind| {
        let library = modules.as_ref().and_then(|modules| module_among(modules, kind.library))?;
        let mut notes = Vec::new();
        // A library may be half imported, or replaced by the script: then there is nothing to say about it.
        let (value, preview) = (kind.find)(&library, &mut notes).tolerated()??;
        Some(AmbientEntry { name: kind.name, value, preview, notes })
    };
    KINDS.iter().filter_map(entry).flat_map(parted).collect()
}

/// An entry after those of its parts.
fn parted(mut entry: AmbientEntry) -> Vec<AmbientEntry> {
    let mut entries = Vec::new();
    for part in PARTS.iter().filter(|part| part.whole == entry.name) {
        if let Some(value) = entry.value.as_object_mut().and_then(|fields| fields.remove(part.field)) {
            entries.push(AmbientEntry { name: part.name, value, preview: String::new(), notes: Vec::new() });
        }
    }
    entries.push(entry);
    entries
}

/// The entries of a file without those of parts, which are in the entries that they belong to.
fn joined(mut entries: Vec<(String, Value)>) -> Vec<(String, Value)> {
    for part in PARTS {
        let Some(at) = entries.iter().position(|(name, _)| name == part.name) else { continue };
        let (_, value) = entries.remove(at);
        let whole = entries.iter_mut().find(|(name, _)| name == part.whole);
        if let Some(fields) = whole.and_then(|(_, whole)| whole.as_object_mut()) {
            fields.insert(part.field.to_owned(), value);
        }
    }
    entries
}

/// The entries of a file, in its order. One that is damaged or of another form is left out.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn stored_entries(snapshot: &Snapshot, index: &Index) -> Result<Vec<(String, Value)>, ReadError> {
    let segments = VariableSegment::all(index)?;
    let segments: Vec<_> = segments.iter().filter(|segment| segment.role() == SegmentRole::Ambient).collect();
    if segments.is_empty() {
        return Ok(Vec::new());
    }
    let value = |segment: &&VariableSegment<'_>| {
        // The bytes that are checked are those that are used, even if the file changes meanwhile.
        let bytes = snapshot.checked_segment(segment).ok()??;
        let value = segment.value_within(&bytes)?;
        let mut ops = Parser::segment(value, 0);
        let json = match ops.next()?.ok()?.argument {
            Argument::Str(text) => serde_json::from_slice(text.bytes()).ok()?,
            _ => return None,
        };
        ops.next().is_none().then(|| (segment.variable().name.clone(), json))
    };
    Ok(joined(segments.iter().filter_map(value).collect()))
}

/// A module, if it is loaded.
fn loaded<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyModule>> {
    module_among(&loaded_modules(py).tolerated()?.cast_into::<PyDict>().ok()?, name)
}

fn module_among<'py>(modules: &Bound<'py, PyDict>, name: &str) -> Option<Bound<'py, PyModule>> {
    modules.get_item(name).tolerated()??.cast_into::<PyModule>().ok()
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
            let library = if is_at_hand { py.import(kind.library).tolerated() } else { None };
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

/// Puts back what the imports of a run depend on, before they run again.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn apply_before_imports(py: Python<'_>, snapshot: &Snapshot, index: &Index) -> Result<(), ReadError> {
    let entries = stored_entries(snapshot, index)?;
    let path = entries.iter().find(|(name, _)| name == SEARCH_PATH).zip(py.import("sys").tolerated());
    if let Some(((_, value), sys)) = path {
        process::set_path_of_run(&sys, value).tolerated();
    }
    // What cannot be put back is said when all of the state is.
    AppliedState::default().apply(py, &entries, |name| name == ENVIRON || name == JAX);
    Ok(())
}

/// The working directory of a session, if it had changed that.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn working_directory(snapshot: &Snapshot, index: &Index) -> Result<Option<String>, ReadError> {
    let entries = stored_entries(snapshot, index)?;
    let found = entries.iter().find(|(name, _)| name == DIRECTORY);
    Ok(found.and_then(|(_, value)| value.as_str()).map(str::to_owned))
}

/// Whether an entry is applied before anything is loaded.
pub(super) fn is_early(name: &str) -> bool {
    name == SEARCH_PATH || name == JAX
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
        return value.extract::<bool>().tolerated().map(Value::Bool);
    }
    if value.is_exact_instance_of::<PyInt>() {
        return value.extract::<i64>().tolerated().map(Value::from);
    }
    if value.is_exact_instance_of::<PyFloat>() {
        return value.extract::<f64>().tolerated().filter(|number| number.is_finite()).map(Value::from);
    }
    if value.is_exact_instance_of::<PyString>() {
        return value.extract::<String>().tolerated().map(Value::String);
    }
    let is_list = value.is_exact_instance_of::<PyList>() || value.is_exact_instance_of::<PyTuple>();
    let items = value.try_iter().tolerated().filter(|_| is_list && depth < 8)?;
    items.map(|item| to_json(&item.tolerated()?, depth + 1)).collect::<Option<Vec<_>>>().map(Value::Array)
}
