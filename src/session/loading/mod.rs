//! Bringing a snapshot back: its variables become names of `__main__`, of the module they were saved from, or of a dict.

mod classes;
mod foreign;
mod guard;
mod memory;
mod names;
mod raw_arrays;
mod segments;
mod selection;
mod stream;
mod unpickler;

use std::sync::Arc;

use anyhow::{Context, Result};
use glob::Pattern;
use pyo3::exceptions::{PyKeyboardInterrupt, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

pub use self::guard::{Untrusted, Whose};
use self::memory::{Buffers, MappedFile};
use self::names::Home;
use self::segments::Loader;
pub use self::segments::Lost;
use self::selection::Selection;
use super::collector::PausedCollector;
use super::fault::error_text;
use crate::exit::{self, OrExit};
use crate::python::dill::LazyDill;
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::reader::{Contents, Damage, ReadError, Snapshot, Wanted};

/// What to bring back, and how.
pub struct Request<'a, 'py> {
    /// What messages call the file.
    pub name: &'a str,
    /// Only variables that match one of these, where there are any, and what their code needs.
    pub only: &'a [Pattern],
    /// Not these.
    pub exclude: &'a [Pattern],
    /// Whether the raw buffers of arrays are mapped, and so not read before they are used.
    pub mapped: bool,
    /// Whether variables that are whole are brought back from a file in which others are damaged.
    pub partial: bool,
    /// Modules that have another name now: the old one, the new one.
    pub renames: &'a [(String, String)],
    /// The dict whose items the variables become; the module they are of, where there is none.
    pub into: Option<Bound<'py, PyDict>>,
    /// Whether all that the file wants is done: this user signed it, or vouches for it. Any other file gets plain data
    /// only.
    pub trusted: bool,
    /// dill, where it is needed.
    pub dill: &'a LazyDill,
}

/// How far a load has come, in bytes.
pub type Progress<'p> = &'p (dyn Fn(u64) + Sync);

/// What came back.
pub struct Restored {
    /// The names.
    pub names: Vec<String>,
    /// What was asked for and did not come back.
    pub lost: Vec<Lost>,
    /// The module that holds them now.
    pub module: String,
}

/// Checks what is asked for of a snapshot, and loads it.
pub fn load<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    request: &Request<'_, 'py>,
    progress: Progress<'_>,
) -> Result<Restored> {
    let paused = PausedCollector::new(py)?;
    let restored = match snapshot.contents() {
        Contents::Own { index } => own(py, snapshot, index, request, progress),
        Contents::Foreign { shape, .. } => {
            if !request.only.is_empty() || !request.exclude.is_empty() || request.mapped {
                let text = format!("{} has no index, so it is restored as a whole or not at all", request.name);
                return Err(exit::error(exit::USAGE, text));
            }
            if !request.trusted {
                guard::check_pickle(snapshot, request.name)?;
            }
            foreign::load(py, snapshot, shape, request).map_err(|error| explain(py, &error, request.name))
        }
    };
    drop(paused);
    restored
}

fn own<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    index: &Index,
    request: &Request<'_, 'py>,
    progress: Progress<'_>,
) -> Result<Restored> {
    let failed = |error: PyErr| explain(py, &error, request.name);
    let selection = Selection::new(index, request.only, request.exclude);
    if selection.is_empty() && !index.variables.is_empty() {
        let text = format!("no variable of {} is chosen: `snapcli restore --list` names them", request.name);
        return Err(exit::error(exit::USAGE, text));
    }
    if !request.trusted {
        let chosen: Vec<_> = index.variables.iter().zip(selection.loaded.iter().copied()).collect();
        guard::check_variables(snapshot, request.name, &chosen)?;
    }
    let module = match request.trusted {
        true => py.import(index.module.as_str()).map_err(failed)?,
        false => guard::home(py, &index.module, request.name)?,
    };
    let home = Home {
        namespace: request.into.clone().unwrap_or_else(|| module.dict()),
        module,
        renames: request.renames.to_vec(),
        dill: request.dill.clone(),
        guarded: !request.trusted,
    };
    let stream = unpickler::stream(py, snapshot, Box::new(|_| {}))?;
    let mut loader = Loader::new(snapshot, index, &home, stream).map_err(failed)?;
    let chosen = index.variables.iter().zip(&selection.loaded).map(|(variable, loaded)| {
        (variable, *loaded && !loader.is_foreign_code(variable)) // Code of another Python is not even read.
    });
    let chosen: Vec<(&Variable, bool)> = chosen.collect();
    let (buffers, damage) = fetch(py, snapshot, index, &chosen, request, progress)?;
    let (mut names, mut lost) = (Vec::new(), Vec::new());
    for (((variable, _), buffers), (bound, loaded)) in
        chosen.iter().zip(buffers).zip(selection.bound.iter().zip(&selection.loaded))
    {
        if !loaded {
            loader.skip(variable);
            continue;
        }
        let value = match damage.reason(variable) {
            Some(why) => {
                loader.skip(variable);
                Err(why)
            }
            None => loader.variable(variable, buffers).map_err(failed)?,
        };
        match value {
            Ok(value) if *bound => {
                home.namespace.set_item(&variable.name, value)?;
                names.push(variable.name.clone());
            }
            Ok(_) => {}
            Err(why) => {
                lost.push(Lost { name: variable.name.clone(), type_name: variable.type_name.clone(), why });
            }
        }
    }
    if request.into.is_none() {
        bind_module(py, &home.module)?;
    }
    Ok(Restored { names, lost, module: index.module.clone() })
}

/// Checks the bytes of the chosen variables, and brings their raw buffers to where they are to be: all of that before
/// anything is loaded. Damage is an error, but where what is whole was asked for.
fn fetch<'py>(
    py: Python<'py>,
    snapshot: &Snapshot,
    index: &Index,
    chosen: &[(&Variable, bool)],
    request: &Request<'_, 'py>,
    progress: Progress<'_>,
) -> Result<(Vec<Option<Buffers<'py>>>, Damage)> {
    let has_buffers = chosen.iter().any(|(variable, chosen)| *chosen && !variable.buffers.is_empty());
    let mapped = if request.mapped && has_buffers { MappedFile::new(py, snapshot)? } else { None };
    if request.mapped && has_buffers && mapped.is_none() {
        return Err(exit::error(exit::USAGE, "what comes through a pipe cannot be mapped: save it to a file first"));
    }
    let memory = |(variable, chosen): &(&Variable, bool)| match (&mapped, chosen) {
        (_, false) => Ok(None),
        (Some(file), true) if !variable.buffers.is_empty() => file.buffers(variable).map(Some),
        _ => Buffers::new(py, variable).map(Some),
    };
    let mut buffers: Vec<_> = chosen.iter().map(memory).collect::<PyResult<_>>()?;
    let places = buffers.iter_mut().zip(chosen).filter_map(|(buffers, (variable, _))| {
        let buffers = buffers.as_mut()?;
        Some(Wanted { variable, memory: buffers.places() })
    });
    let wanted = places.collect();
    let damage = py.detach(|| snapshot.fetch(index, wanted, progress)).and_then(|damage| {
        if damage.is_none() || request.partial { Ok(damage) } else { Err(ReadError::Damaged(damage)) }
    });
    let damage = damage.or_exit(exit::DAMAGED, || format!("cannot restore {}", request.name))?;
    Ok((buffers, damage))
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

/// What to tell of a load that raised, with what to do about it.
fn explain(py: Python<'_>, error: &PyErr, name: &str) -> anyhow::Error {
    let text = error_text(py, error);
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return exit::error(exit::INTERRUPTED, format!("interrupted while loading {name}"));
    }
    let unpickling = py.import("pickle").and_then(|pickle| pickle.getattr("UnpicklingError"));
    if unpickling.is_ok_and(|kind| error.value(py).is_instance(&kind).unwrap_or(false)) {
        if let Some(place) = text.find(guard::REFUSED) {
            let why = text.get(place..).unwrap_or(&text);
            return exit::error(exit::UNTRUSTED, format!("{name} is {why}: load it with --trust, once you trust it"));
        }
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
