//! A save or a load in the middle of a script: what `snapcli.save(path)` and `snapcli.restore(path)` do.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use glob::Pattern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule};

use super::keep::Rules;
use super::key::key;
use super::loading::{self, Request as LoadRequest, Restored, Whose};
use super::provenance::Origin;
use super::save::{Request, save_namespace};
use crate::python::running;
use crate::snapshot::atomic::AtomicFile;
use crate::snapshot::index::{Ended, Index};
use crate::snapshot::reader::Snapshot;

/// Saves `namespace` (a dict of names for `__main__`, a module, or `__main__` itself where there is none) to a file.
/// With `sync`, the file is on the disk when this returns. Returns what was saved and what was not.
pub fn save(py: Python<'_>, path: &Path, namespace: Option<&Bound<'_, PyAny>>, sync: bool) -> Result<Index> {
    let running = running::get().context("nothing runs under snapcli")?;
    let main = py.import("__main__")?;
    let (module, names) = match namespace {
        None => (main.clone(), main.dict()),
        Some(namespace) => match namespace.cast::<PyModule>() {
            Ok(module) => (module.clone(), module.dict()),
            Err(_) => {
                let names = namespace.cast::<PyDict>().map_err(PyErr::from);
                (main, names.context("a namespace is a dict or a module")?.clone())
            }
        },
    };
    let origin = Origin {
        command: running.command.as_ref(),
        source: running.source.as_ref(),
        ended: Ended { how: "running".to_owned(), code: 0, traceback: None },
        seconds: running.started.elapsed().as_secs_f64(),
        interpreter: &running.interpreter,
    };
    let name = module.name()?.to_string_lossy().into_owned();
    let key = key(running.verbosity);
    let request = Request {
        module: &name,
        rules: &Rules::default(),
        load_again: false,
        key: key.as_ref(),
        progress: &|_, _, _| {},
    };
    let file = AtomicFile::create(path)?;
    let (file, index, _) =
        running.dill.at_hand(py, |dill| save_namespace(py, &request, &module, &names, &origin, dill, file))??;
    py.detach(|| if sync { file.commit() } else { file.commit_without_sync() })?;
    Ok(index)
}

/// What to load, and where to.
pub struct Load<'a, 'py> {
    /// The snapshot.
    pub path: &'a Path,
    /// Only variables that match one of these, where there are any.
    pub only: Vec<Pattern>,
    /// Not these.
    pub exclude: Vec<Pattern>,
    /// Whether arrays are mapped.
    pub mapped: bool,
    /// Whether the caller vouches for the file, whoever signed it.
    pub trust: bool,
    /// The dict that gets the variables; their module, where there is none.
    pub into: Option<Bound<'py, PyDict>>,
}

/// Loads a snapshot into the process that runs.
pub fn load<'py>(py: Python<'py>, load: &Load<'_, 'py>) -> Result<Restored> {
    let running = running::get().context("nothing runs under snapcli")?;
    let snapshot = Arc::new(Snapshot::open(load.path)?);
    let trusted = load.trust || Whose::of(&snapshot) == Whose::User;
    let name = load.path.display().to_string();
    running.dill.at_hand(py, |dill| {
        let request = LoadRequest {
            name: &name,
            only: &load.only,
            exclude: &load.exclude,
            mapped: load.mapped,
            partial: false,
            renames: &[],
            into: load.into.clone(),
            trusted,
            dill,
        };
        loading::load(py, &snapshot, &request, &|_| {})
    })?
}
