//! Loads pickles that have no index: those of dill, pickle, cloudpickle and joblib.
//!
//! Such a pickle is one program, so an object that cannot be loaded costs the whole session.
//! [`ClassFinder`](super::class_finder::ClassFinder) limits the globals that it can look up.

use std::sync::Arc;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyString};

use super::dill_functions::RUNTIME;
use super::restore_context::{RestoreContext, RestoreRequest, Restored, bind_module};
use super::unpickler::Unpickler;
use super::{joblib_load, untrusted_load};
use crate::pickle::explain::outline::{Outline, OutlineRow};
use crate::snapshot::OBJECT_NAME;
use crate::snapshot::reader::{ReadError, Snapshot};

/// How the names begin under which dill lists what its loader imports by name.
const IMPORTED: &str = "__dill_imported";

/// Loads a pickle: a session into its module, a dict whose keys are names into `__main__`, any other object under the
/// name `obj`.
pub(super) fn load<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    request: &RestoreRequest<'_, 'py>,
) -> PyResult<Restored> {
    match snapshot.outline().map_err(read_error)? {
        Outline::Session { module, variables } => session(py, snapshot, module, variables, request),
        _ => object(py, snapshot, request),
    }
}

fn read_error(error: ReadError) -> PyErr {
    PyOSError::new_err(error.to_string())
}

/// What `dill.load_module` does (dill/session.py of 0.3.6 to 0.4.1).
fn session<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    name: &str,
    variables: &[OutlineRow],
    request: &RestoreRequest<'_, 'py>,
) -> PyResult<Restored> {
    let modules = py.import("sys")?.getattr("modules")?;
    let bare = name.trim_start_matches(RUNTIME);
    let runtime = bare != name;
    if !request.trusted && name != "__main__" {
        return Err(untrusted_load::refusal(py, &format!("the module {name}, to put its variables there")));
    }
    let module = if runtime { PyModule::new(py, bare)? } else { py.import(name)? };
    let target = match &request.into {
        // A new module object, so that the module of the running session stays as it is.
        Some(_) => PyModule::new(py, bare)?,
        None => module.clone(),
    };
    if runtime {
        modules.set_item(name, &target)?;
    }
    let (unpickler, loaded) = unpickle(py, snapshot, &target, request)?;
    if runtime {
        modules.del_item(name)?;
    }
    drop(loaded);
    if request.trusted {
        let session = request.dill.import(py)?.getattr("session")?;
        session.getattr("_restore_modules")?.call1((unpickler.object(), &target))?;
    } else if target.dict().iter().any(|(key, _)| key.to_string().starts_with(IMPORTED)) {
        return Err(untrusted_load::refusal(py, "to import modules"));
    }
    match &request.into {
        Some(dict) => dict.update(target.dict().as_mapping())?,
        None => bind_module(py, &target)?,
    }
    // Names with two underscores are dill's own lists, which its loader has removed by now.
    let names = variables.iter().map(|variable| variable.name.clone()).filter(|name| !name.starts_with("__"));
    Ok(Restored { names: names.collect(), lost: Vec::new(), module: bare.to_owned() })
}

fn object<'py>(py: Python<'py>, snapshot: &Arc<Snapshot>, request: &RestoreRequest<'_, 'py>) -> PyResult<Restored> {
    let main = py.import("__main__")?;
    let (_, loaded) = unpickle(py, snapshot, &main, request)?;
    let namespace = request.into.clone().unwrap_or_else(|| main.dict());
    let mut names = Vec::new();
    if let Ok(dict) = loaded.cast_exact::<PyDict>()
        && !dict.is_empty()
        && dict.keys().iter().all(|key| is_identifier(&key))
    {
        namespace.update(dict.as_mapping())?;
        for key in dict.keys() {
            names.push(key.extract()?);
        }
    } else {
        namespace.set_item(OBJECT_NAME, loaded)?;
        names.push(OBJECT_NAME.to_owned());
    }
    Ok(Restored { names, lost: Vec::new(), module: "__main__".to_owned() })
}

/// Loads the whole pickle. Functions of dill may ask the unpickler for the module of the session.
fn unpickle<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    main: &Bound<'py, PyModule>,
    request: &RestoreRequest<'_, 'py>,
) -> PyResult<(Unpickler<'py>, Bound<'py, PyAny>)> {
    let context = RestoreContext::new(request, main.clone(), main.dict());
    let unpickler = Unpickler::new(py, snapshot, &context)?;
    let arrays = snapshot.raw_arrays().map_err(read_error)?;
    let loaded =
        if arrays.is_empty() { unpickler.load_whole()? } else { joblib_load::load(&unpickler, snapshot, arrays)? };
    Ok((unpickler, loaded))
}

fn is_identifier(key: &Bound<'_, PyAny>) -> bool {
    let Ok(text) = key.cast::<PyString>() else { return false };
    let dunder = text.to_str().is_ok_and(|text| text.starts_with("__") && text.ends_with("__"));
    !dunder && text.call_method0("isidentifier").and_then(|answer| answer.is_truthy()).unwrap_or(false)
}
