//! Bringing a snapshot back: its variables become names of `__main__`, or of the module they were saved from.

use std::sync::Arc;

use anyhow::{Context, Result};
use pyo3::exceptions::{PyKeyboardInterrupt, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyString};

use super::collector::PausedCollector;
use super::fault::error_text;
use super::segments::{self, Lost};
use super::stream::Stream;
use crate::exit;
use crate::pickle::outline::Shape;
use crate::report::answer::OBJECT;
use crate::snapshot::index::Index;
use crate::snapshot::reader::{Contents, Snapshot};

/// What came back.
pub struct Restored {
    /// The names.
    pub names: Vec<String>,
    /// What did not come back.
    pub lost: Vec<Lost>,
    /// The module that holds them now.
    pub module: String,
}

/// Loads a snapshot whose bytes have been checked. `name` is what messages call it; `progress` is told of bytes read.
pub fn load(
    py: Python<'_>,
    dill: &Bound<'_, PyModule>,
    snapshot: &Arc<Snapshot>,
    name: &str,
    progress: Box<dyn Fn(u64) + Send + Sync>,
) -> Result<Restored> {
    let paused = PausedCollector::new(py)?;
    let restored = match snapshot.contents() {
        Contents::Own { index } => own(dill, snapshot, index, progress),
        Contents::Foreign { shape, .. } => {
            let stream = Bound::new(py, Stream::new(Arc::clone(snapshot), progress))?.into_any();
            foreign(dill, &stream, shape)
        }
    };
    drop(paused);
    restored.map_err(|error| explain(py, &error, name))
}

fn own(
    dill: &Bound<'_, PyModule>,
    snapshot: &Arc<Snapshot>,
    index: &Index,
    progress: Box<dyn Fn(u64) + Send + Sync>,
) -> PyResult<Restored> {
    let module = dill.py().import(index.module.as_str())?;
    let (names, lost) = segments::load(dill, snapshot, index, &module, progress)?;
    bind_module(dill.py(), &module)?;
    Ok(Restored { names, lost, module: index.module.clone() })
}

/// Makes a named module reachable from `__main__`, where the prompt and scripts look.
fn bind_module(py: Python<'_>, module: &Bound<'_, PyModule>) -> PyResult<()> {
    let main = py.import("__main__")?;
    if module.is(&main) {
        return Ok(());
    }
    let name = module.name()?.to_string_lossy().into_owned();
    let top = name.split('.').next().unwrap_or(&name);
    let top_module = py.import("sys")?.getattr("modules")?.call_method1("get", (top, module))?;
    main.setattr(top, top_module)
}

fn foreign(dill: &Bound<'_, PyModule>, stream: &Bound<'_, PyAny>, shape: &Shape) -> PyResult<Restored> {
    let py = dill.py();
    let main = py.import("__main__")?;
    if let Shape::Session { module, variables } = shape {
        let loaded = dill.call_method1("load_module", (stream,))?;
        if let Ok(loaded) = loaded.cast::<PyModule>() {
            bind_module(py, loaded)?;
        }
        let names = variables.iter().map(|variable| variable.name.clone());
        // dill's own notes on imported names, which its loader takes away again.
        let names = names.filter(|name| !name.starts_with("__")).collect();
        return Ok(Restored { names, lost: Vec::new(), module: module.trim_start_matches("__runtime__.").to_owned() });
    }
    let unpickler = dill.getattr("Unpickler")?.call1((stream,))?;
    let loaded = unpickler.call_method0("load")?;
    let mut names = Vec::new();
    if let Ok(dict) = loaded.cast_exact::<PyDict>()
        && !dict.is_empty()
        && dict.keys().iter().all(|key| is_identifier(&key))
    {
        main.dict().update(dict.as_mapping())?;
        for key in dict.keys() {
            names.push(key.extract()?);
        }
    } else {
        main.setattr(OBJECT, loaded)?;
        names.push(OBJECT.to_owned());
    }
    Ok(Restored { names, lost: Vec::new(), module: "__main__".to_owned() })
}

fn is_identifier(key: &Bound<'_, PyAny>) -> bool {
    let Ok(text) = key.cast::<PyString>() else { return false };
    let dunder = text.to_str().is_ok_and(|text| text.starts_with("__") && text.ends_with("__"));
    !dunder && text.call_method0("isidentifier").and_then(|answer| answer.is_truthy()).unwrap_or(false)
}

/// What to tell of a load that raised, with what to do about it.
fn explain(py: Python<'_>, error: &PyErr, name: &str) -> anyhow::Error {
    let text = error_text(py, error);
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return exit::error(exit::INTERRUPTED, format!("interrupted while loading {name}"));
    }
    let unpickling = py.import("pickle").and_then(|pickle| pickle.getattr("UnpicklingError"));
    if unpickling.is_ok_and(|kind| error.value(py).is_instance(&kind).unwrap_or(false)) {
        return exit::error(exit::DAMAGED, format!("{name} cannot be unpickled ({text}): make it anew"));
    }
    let cause = anyhow::Error::msg(text);
    if error.is_instance_of::<PyModuleNotFoundError>(py) {
        let module = error.value(py).getattr("name").and_then(|name| name.extract::<String>()).unwrap_or_default();
        let package = module.split('.').next().unwrap_or_default().to_owned();
        let what =
            format!("{name} needs the module {module}: install {package}, or choose its environment with --python");
        return cause.context(what);
    }
    cause.context(format!("cannot restore {name}: what loading it ran has failed"))
}

/// Makes modules beside the script that was saved importable again, where that folder still exists.
pub fn find_helpers_again(py: Python<'_>, index: &Index) -> Result<()> {
    let folder = match index.script.kind.as_str() {
        "script" => std::path::Path::new(&index.script.path).parent().map(std::path::Path::to_path_buf),
        _ => None,
    };
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else { return Ok(()) };
    let path = py.import("sys")?.getattr("path")?;
    if !path.contains(folder.as_os_str())? {
        path.call_method1("append", (folder.as_os_str(),)).context("cannot extend sys.path")?;
    }
    Ok(())
}
