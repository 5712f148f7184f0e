//! `snapcli.restore` and `snapcli.load_dict`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::Result;
use glob::Pattern;
use pyo3::exceptions::{PyTypeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule};

use super::arguments::{check_matches, patterns, size};
use super::interruptible::interruptible;
use super::load_source::{LoadSource, check_index_kept, with_code};
use super::raised_errors::to_exception;
use super::restore_report::RestoreReport;
use super::saved_namespace::own_namespace;
use super::turns::Turn;
use crate::python::context;
use crate::python::deferred_signals::deferring;
use crate::python::thread_timers::is_main_thread;
use crate::report::answers::absolute_path;
use crate::report::imports::is_import;
use crate::session::restore::{self as session_restore, AmbientChoice, ModuleRenames, RestoreRequest, Signer};
use crate::snapshot::atomic::signals;
use crate::snapshot::index::UnsavableObject;
use crate::snapshot::reader::{Contents, Snapshot};

/// Restores a snapshot. Returns a RestoreReport of what was restored, and of what was not and why.
///
/// `source` is a path, a binary file object, or bytes. The variables become those of the session that the caller
/// belongs to, or of `into`, a dict or a module; a snapshot of another module than `__main__` goes into that module.
///
/// `only` and `exclude` are a pattern or several; one that matches nothing raises ValueError. With `mmap=True`,
/// arrays are memory-mapped, which needs a path. `partial=True` restores what is intact in a damaged file. `rename`
/// is a dict from the old names of modules to the new ones. `max_memory` limits the memory, in bytes, for following a
/// file that is not trusted.
///
/// From bytes that are not signed with your key, only plain data is restored; if they need more,
/// `pickle.UnpicklingError` is raised, unless `trust=True`. With `ambient=False`, the state of random generators, the
/// environment and the like stay as they are; the working directory does in any case.
#[pyfunction]
#[pyo3(signature = (
    source, only = None, *, exclude = None, into = None, rename = None, mmap = false, partial = false, trust = false,
    ambient = true, max_memory = None
))]
#[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "the arguments of a Python function")]
pub(super) fn restore<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    only: Option<&Bound<'py, PyAny>>,
    exclude: Option<&Bound<'py, PyAny>>,
    into: Option<&Bound<'py, PyAny>>,
    rename: Option<HashMap<String, String>>,
    mmap: bool,
    partial: bool,
    trust: bool,
    ambient: bool,
    max_memory: Option<&Bound<'py, PyAny>>,
) -> PyResult<RestoreReport> {
    let into = match into {
        None => own_namespace(py)?,
        Some(into) => Some(namespace_of(into)?),
    };
    LoadCall {
        only: patterns(only, "only")?,
        exclude: patterns(exclude, "exclude")?,
        into,
        renames: ModuleRenames::new(&rename.unwrap_or_default().into_iter().collect::<Vec<_>>()),
        mapped: mmap,
        partial,
        trust,
        ambient,
        max_memory: size(max_memory, "max_memory")?,
    }
    .run(py, source)
}

/// Loads the variables of a snapshot into a new dict, and changes no module. Variables that cannot be loaded are
/// missing from the dict, and a UserWarning names them: `restore(source, into=names)` returns a report instead.
///
/// The functions of the session look up their globals in that dict. The other arguments are those of `restore`.
#[pyfunction]
#[pyo3(signature = (
    source, only = None, *, exclude = None, rename = None, mmap = false, partial = false, trust = false,
    max_memory = None
))]
#[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "the arguments of a Python function")]
pub(super) fn load_dict<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    only: Option<&Bound<'py, PyAny>>,
    exclude: Option<&Bound<'py, PyAny>>,
    rename: Option<HashMap<String, String>>,
    mmap: bool,
    partial: bool,
    trust: bool,
    max_memory: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let names = PyDict::new(py);
    let report = LoadCall {
        only: patterns(only, "only")?,
        exclude: patterns(exclude, "exclude")?,
        into: Some(names.clone()),
        renames: ModuleRenames::new(&rename.unwrap_or_default().into_iter().collect::<Vec<_>>()),
        mapped: mmap,
        partial,
        trust,
        ambient: false,
        max_memory: size(max_memory, "max_memory")?,
    }
    .run(py, source)?;
    // `load_dict` returns no report.
    for text in report.note_texts().filter(|_| partial).chain(report.loss()) {
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)?;
    }
    Ok(names)
}

fn namespace_of<'py>(into: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    if let Ok(module) = into.cast::<PyModule>() {
        return Ok(module.dict());
    }
    into.cast::<PyDict>().cloned().map_err(|_| PyTypeError::new_err("into= takes a dict or a module"))
}

/// A load that is about to begin.
struct LoadCall<'py> {
    only: Vec<Pattern>,
    exclude: Vec<Pattern>,
    /// The dict to load into; `None` for the module that the snapshot was saved from.
    into: Option<Bound<'py, PyDict>>,
    renames: ModuleRenames,
    mapped: bool,
    partial: bool,
    trust: bool,
    ambient: bool,
    max_memory: Option<u64>,
}

impl<'py> LoadCall<'py> {
    fn run(&self, py: Python<'py>, source: &Bound<'py, PyAny>) -> PyResult<RestoreReport> {
        let source = LoadSource::new(source)?;
        if self.mapped && !source.is_path() {
            return Err(PyValueError::new_err("mmap=True needs a path: bytes and file objects cannot be mapped"));
        }
        let action = format!("restore {}", source.name);
        let file = source.path();
        let load = || self.load(py, source).map_err(|error| to_exception(py, error, &action, file.as_deref()));
        deferring(py, load)
    }

    fn load(&self, py: Python<'py>, source: LoadSource) -> Result<RestoreReport> {
        let running = context::of_process(py)?;
        let name = source.name.clone();
        let path = source.path().as_deref().map(absolute_path);
        let max_memory = if self.trust { Some(u64::MAX) } else { self.max_memory };
        let partial = self.partial;
        let (snapshot, notes) = interruptible(py, move || source.open(partial, max_memory, "restore"))??;
        if !partial {
            check_index_kept(&snapshot, || format!("cannot restore {name}"))?;
        }
        // There is no question here, unlike in `snapcli restore`: a program cannot answer it.
        let trusted = self.trust || Signer::of(&snapshot) == Signer::User;
        // A trusted file is as large as it is.
        let snapshot = snapshot.with_max_memory(if trusted { Some(u64::MAX) } else { max_memory });
        // Handlers run on the main thread only.
        let snapshot = if is_main_thread() { snapshot.stopped_by(signals::check) } else { snapshot };
        match snapshot.contents() {
            Contents::Own { index } => {
                let names: Vec<String> = index.variables.iter().map(|variable| variable.name.clone()).collect();
                check_matches(py, &self.only, &names, "only", &name)?;
                // What the save has left out is left out.
                let left_out = index.left_out.iter().map(|item| item.name.clone());
                let all: Vec<String> =
                    index.segments().map(|(_, variable)| variable.name.clone()).chain(left_out).collect();
                check_matches(py, &self.exclude, &all, "exclude", &name)?;
            }
            // Without an index there are no hashes: this checks that the opcodes are complete.
            Contents::Foreign { .. } => with_code(snapshot.check(&|_| {}), || format!("cannot restore {name}"))?,
        }
        let snapshot = Arc::new(snapshot);
        let _turn = Turn::wait(py)?;
        let restored = running.dill.at_hand(py, |dill| {
            let request = RestoreRequest {
                only: &self.only,
                exclude: &self.exclude,
                mapped: self.mapped,
                partial: self.partial,
                renames: self.renames.clone(),
                into: self.into.clone(),
                trusted,
                ambient: if self.ambient { AmbientChoice::All } else { AmbientChoice::None },
                ..RestoreRequest::new(&name, dill)
            };
            session_restore::restore(py, &snapshot, &request, &|_| {})
        })??;
        let (imports, markers) = (imports_among(&snapshot, &restored.names), markers(&snapshot, &restored.names));
        Ok(RestoreReport::new((name, path), restored, imports, markers, trusted, notes))
    }
}

/// How many of the restored variables are imports.
fn imports_among(snapshot: &Snapshot, names: &[String]) -> usize {
    let Contents::Own { index } = snapshot.contents() else { return 0 };
    let names: HashSet<&str> = names.iter().map(String::as_str).collect();
    index.variables.iter().filter(|variable| is_import(variable) && names.contains(&*variable.name)).count()
}

/// The objects that the save could not keep, in the variables that were restored.
fn markers(snapshot: &Snapshot, names: &[String]) -> Vec<UnsavableObject> {
    let Contents::Own { index } = snapshot.contents() else { return Vec::new() };
    let names: HashSet<&String> = names.iter().collect();
    let restored = index.variables.iter().filter(|variable| names.contains(&variable.name));
    restored.flat_map(|variable| variable.lost.clone()).collect()
}
