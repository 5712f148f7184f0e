//! Loads pickles that have no index: those of dill, pickle, cloudpickle and joblib.
//!
//! Such a pickle is a single program, so one object that cannot be loaded fails the whole session. Only trusted files
//! are loaded here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyString};

use super::bound_names::has_names;
use super::dill_functions::RUNTIME;
use super::joblib_load;
use super::restore_context::{RestoreContext, RestoreRequest, Restored, bind_module};
use super::unpickler::Unpickler;
use super::unpickler_stream::PickleSource;
use crate::pickle::explain::outline::{Outline, OutlineRow};
use crate::python::deferred_signals::Tolerated as _;
use crate::session::select::is_of_module;
use crate::snapshot::OBJECT_NAME;
use crate::snapshot::reader::{ReadError, Snapshot};
use crate::snapshot::work_meter::{self, WorkStage};

/// Loads a pickle: a session into its module, the items of a dict whose keys are names into `__main__`, and any other
/// object into the variable `obj`.
pub(super) fn load<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    request: &RestoreRequest<'_, 'py>,
) -> PyResult<Restored> {
    match snapshot.outline().map_err(read_error)? {
        Outline::Session { module, variables } => load_session(py, snapshot, module, variables, request),
        _ => load_object(py, snapshot, request),
    }
}

fn read_error(error: ReadError) -> PyErr {
    PyOSError::new_err(error.to_string())
}

/// Loads a session as `dill.load_module` does (dill/session.py of 0.3.6 to 0.4.1).
fn load_session<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    name: &str,
    variables: &[OutlineRow],
    request: &RestoreRequest<'_, 'py>,
) -> PyResult<Restored> {
    let modules = py.import("sys")?.getattr("modules")?;
    // dill marks a module that no import finds, such as one made with `types.ModuleType`, with the prefix RUNTIME.
    let bare = name.trim_start_matches(RUNTIME);
    let runtime = bare != name;
    let module = if runtime { PyModule::new(py, bare)? } else { py.import(name)? };
    let target = match &request.into {
        // Load into a new module object, to leave the module of the running session unchanged.
        Some(_) => PyModule::new(py, bare)?,
        None => module.clone(),
    };
    if runtime {
        // While the pickle is loaded, its own references to the module must find it in `sys.modules`.
        modules.set_item(name, &target)?;
    }
    let (unpickler, loaded) = unpickle(py, snapshot, &target, request)?;
    if runtime {
        modules.del_item(name)?;
    }
    drop(loaded);
    // With `refimported`, dill has saved lists of names to import in place of the imported objects.
    let session = request.dill.import(py)?.getattr("session")?;
    session.getattr("_restore_modules")?.call1((unpickler.object(), &target))?;
    match &request.into {
        Some(dict) => add_names(dict, &target)?,
        None => bind_module(py, &target)?,
    }
    // Names that begin with two underscores are dill's own lists. Its loader has removed them by now.
    let names = variables.iter().map(|variable| variable.name.clone()).filter(|name| !name.starts_with("__"));
    Ok(Restored { names: names.collect(), lost: Vec::new(), module: bare.to_owned(), ..Restored::default() })
}

/// Adds the names of a module to a dict, without those that every module has.
fn add_names(dict: &Bound<'_, PyDict>, module: &Bound<'_, PyModule>) -> PyResult<()> {
    for (key, value) in module.dict().copy()?.iter() {
        let name = key.cast::<PyString>().ok().and_then(|name| name.to_str().tolerated());
        let is_of_process = name.is_some_and(|name| is_of_module(name) || name == "__doc__");
        if !is_of_process {
            dict.set_item(key, value)?;
        }
    }
    Ok(())
}

fn load_object<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    request: &RestoreRequest<'_, 'py>,
) -> PyResult<Restored> {
    let main = py.import("__main__")?;
    let (_, loaded) = unpickle(py, snapshot, &main, request)?;
    let namespace = request.into.clone().unwrap_or_else(|| main.dict());
    let mut names = Vec::new();
    if let Ok(dict) = loaded.cast_exact::<PyDict>()
        && has_names(dict)
    {
        namespace.update(dict.as_mapping())?;
        for key in dict.keys() {
            names.push(key.extract()?);
        }
    } else {
        namespace.set_item(OBJECT_NAME, loaded)?;
        names.push(OBJECT_NAME.to_owned());
    }
    Ok(Restored { names, module: "__main__".to_owned(), ..Restored::default() })
}

/// Loads the whole pickle. `main` is the module whose namespace the globals of the session are looked up in.
fn unpickle<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    main: &Bound<'py, PyModule>,
    request: &RestoreRequest<'_, 'py>,
) -> PyResult<(Unpickler<'py>, Bound<'py, PyAny>)> {
    let found = Arc::new(AtomicBool::new(false));
    let array_files = Some(Arc::clone(&found));
    let context = RestoreContext { array_files, ..RestoreContext::new(request, main.clone(), main.dict())? };
    let unpickler = Unpickler::new(py, &PickleSource::File(Arc::clone(snapshot)), &context)?;
    // Only `joblib.dump` writes array bytes between the opcodes.
    let arrays = snapshot.raw_arrays().map_err(read_error)?;
    work_meter::begin(WorkStage::Loading, snapshot.stream_len());
    let loaded = if arrays.is_empty() {
        unpickler.load_whole().or_else(|error| match found.load(Ordering::Relaxed) {
            true => joblib_load::load_with_files(&unpickler, snapshot, request.name),
            false => Err(error),
        })?
    } else {
        joblib_load::load(&unpickler, snapshot, arrays)?
    };
    Ok((unpickler, loaded))
}
