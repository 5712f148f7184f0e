//! Loads pickles that have no index: what dill, pickle, cloudpickle and joblib write. They are one program, so one object that
//! cannot be loaded costs the whole; what they do on the way is held in check by [`Names`](super::names::Names).

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyString};

use super::guard;
use super::names::Home;
use super::raw_arrays;
use super::stream::Part;
use super::unpickler::{self, Unpickler};
use super::{Request, Restored, bind_module};
use crate::pickle::outline::{Shape, Variable};
use crate::report::answer::OBJECT;
use crate::snapshot::reader::{Contents, Snapshot};

/// What dill calls a module that cannot be imported.
pub(super) const RUNTIME: &str = "__runtime__.";

/// How names begin under which dill notes what is to be imported, by any name.
const IMPORTED: &str = "__dill_imported";

/// Loads a pickle: a session into its module, a dict whose keys are names into `__main__`, any other object under the
/// name `obj`.
pub(super) fn load<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    shape: &Shape,
    request: &Request<'_, 'py>,
) -> PyResult<Restored> {
    match shape {
        Shape::Session { module, variables } => session(py, snapshot, module, variables, request),
        _ => object(py, snapshot, request),
    }
}

/// What `dill.load_module` does (dill/session.py of 0.3.6 to 0.4.1).
fn session<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    name: &str,
    variables: &[Variable],
    request: &Request<'_, 'py>,
) -> PyResult<Restored> {
    let modules = py.import("sys")?.getattr("modules")?;
    let bare = name.trim_start_matches(RUNTIME);
    let runtime = bare != name;
    if !request.trusted && name != "__main__" {
        return Err(guard::refusal(py, &format!("the module {name}, to put its variables there")));
    }
    let module = if runtime { PyModule::new(py, bare)? } else { py.import(name)? };
    let target = match &request.into {
        // Its own module object, so that the one that runs stays as it is.
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
        return Err(guard::refusal(py, "to import modules"));
    }
    match &request.into {
        Some(dict) => dict.update(target.dict().as_mapping())?,
        None => bind_module(py, &target)?,
    }
    // dill's own notes on imported names, which its loader takes away again.
    let names = variables.iter().map(|variable| variable.name.clone()).filter(|name| !name.starts_with("__"));
    Ok(Restored { names: names.collect(), lost: Vec::new(), module: bare.to_owned() })
}

fn object<'py>(py: Python<'py>, snapshot: &Arc<Snapshot>, request: &Request<'_, 'py>) -> PyResult<Restored> {
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
        namespace.set_item(OBJECT, loaded)?;
        names.push(OBJECT.to_owned());
    }
    Ok(Restored { names, lost: Vec::new(), module: "__main__".to_owned() })
}

/// Loads the whole pickle as one. Code of dill's may ask the unpickler for the session's module.
fn unpickle<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    main: &Bound<'py, PyModule>,
    request: &Request<'_, 'py>,
) -> PyResult<(Unpickler<'py>, Bound<'py, PyAny>)> {
    let home = Home {
        module: main.clone(),
        namespace: main.dict(),
        renames: request.renames.to_vec(),
        dill: request.dill.clone(),
        guarded: !request.trusted,
    };
    let stream = unpickler::stream(py, snapshot, Box::new(|_| {}))?;
    let unpickler = Unpickler::new(&py.import("pickle")?.getattr("Unpickler")?, &stream, &home)?;
    let loaded = match snapshot.contents() {
        Contents::Foreign { raw, .. } if !raw.is_empty() => raw_arrays::load(&unpickler, snapshot, raw)?,
        _ => unpickler.load_whole(vec![Part::File(0..usize::try_from(snapshot.stream_len()).unwrap_or(usize::MAX))])?,
    };
    Ok((unpickler, loaded))
}

fn is_identifier(key: &Bound<'_, PyAny>) -> bool {
    let Ok(text) = key.cast::<PyString>() else { return false };
    let dunder = text.to_str().is_ok_and(|text| text.starts_with("__") && text.ends_with("__"));
    !dunder && text.call_method0("isidentifier").and_then(|answer| answer.is_truthy()).unwrap_or(false)
}
