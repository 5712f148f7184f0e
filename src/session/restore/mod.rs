//! Restores a file: its variables become names of `__main__`, of the module they were saved from, or of a dict.
//!
//! One of our own snapshots is restored in four steps over one list of variables: [`selection`] chooses them,
//! [`untrusted_load`] refuses what an untrusted file must not do, [`fetch`] checks their bytes and reads raw buffers,
//! and [`segment_loader`] loads them. [`foreign_load`] loads any other pickle as a whole.

mod buffer_memory;
mod class_finder;
mod dill_functions;
mod foreign_load;
mod joblib_load;
mod restore_context;
mod segment_loader;
mod selection;
mod unpickler;
mod unpickler_stream;
mod untrusted_load;

use std::sync::Arc;

use anyhow::Result;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use self::buffer_memory::{BufferMemory, MappedFile};
pub(crate) use self::restore_context::{LostVariable, RestoreRequest, Restored};
use self::restore_context::{RestoreContext, add_script_directory, bind_module};
use self::segment_loader::{SegmentLoader, missing_module};
use self::selection::{Choice, choose};
pub(crate) use self::untrusted_load::{Signer, Untrusted};
use super::failure_path::error_text;
use super::interpreter_guards::{IgnoredWarnings, PausedCollector};
use crate::exit::{self, OrExit};
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::reader::{Contents, Damage, Progress, ReadError, Snapshot, Wanted};
use crate::snapshot::segment::VariableSegment;

/// Checks the requested variables of a file, and loads them. `progress` is called with the bytes that were read.
///
/// # Errors
/// [`Untrusted`] if the file is not trusted and would do more than build plain data. All errors carry an exit code.
pub(crate) fn restore<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    request: &RestoreRequest<'_, 'py>,
    progress: Progress<'_>,
) -> Result<Restored> {
    let ignored = IgnoredWarnings::new(py);
    let paused = PausedCollector::new(py)?;
    let restored = match snapshot.contents() {
        Contents::Own { index } => restore_own(py, snapshot, index, request, progress),
        Contents::Foreign { .. } => restore_foreign(py, snapshot, request),
    };
    drop(paused);
    drop(ignored);
    restored
}

fn restore_foreign<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    request: &RestoreRequest<'_, 'py>,
) -> Result<Restored> {
    // Fails if the file is not a pickle. The trust check below would report such a file as untrusted instead.
    snapshot.outline()?;
    if !request.only.is_empty() || !request.exclude.is_empty() || request.mapped {
        let text = format!(
            "{} has no index, so it can only be restored as a whole: omit --only, --exclude and --mmap",
            request.name
        );
        return Err(exit::error(exit::USAGE, text));
    }
    if !request.trusted {
        // Only the globals are judged here. Nothing has been imported or unpickled yet.
        untrusted_load::check_pickle(snapshot, request.name)?;
    }
    foreign_load::load(py, snapshot, request).map_err(|error| explain_error(py, &error, request.name))
}

/// A variable of the index while it is being restored.
struct ChosenVariable<'a, 'py> {
    segment: VariableSegment<'a>,
    choice: Choice,
    /// Its raw buffers, once [`fetch`] has read them. `None` if the variable is not read.
    memory: Option<BufferMemory<'py>>,
}

impl<'a> ChosenVariable<'a, '_> {
    fn variable(&self) -> &'a Variable {
        self.segment.variable()
    }
}

fn restore_own<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    index: &Index,
    request: &RestoreRequest<'_, 'py>,
    progress: Progress<'_>,
) -> Result<Restored> {
    let mut variables = select(index, request)?;
    // Refuse an untrusted file before anything is imported: an import alone can run the code of its author.
    if !request.trusted {
        let loaded = variables.iter().filter(|variable| variable.choice != Choice::Skip);
        untrusted_load::check_variables(snapshot, request.name, loaded.map(|variable| &variable.segment))?;
    }
    // From here on, an exception may come from code of the file or of an imported module.
    let failed = |error: PyErr| explain_error(py, &error, request.name);
    let module = if request.trusted {
        // Modules next to the script must be importable before the session's own module is.
        if request.finds_script_modules {
            add_script_directory(py, index)?;
        }
        py.import(index.module.as_str()).map_err(failed)?
    } else {
        untrusted_load::module_of_session(py, &index.module, request.name)?
    };
    let namespace = request.into.clone().unwrap_or_else(|| module.dict());
    let context = RestoreContext::new(request, module, namespace);
    let mut loader = SegmentLoader::new(py, snapshot, index, &context).map_err(failed)?;
    let damage = fetch(py, snapshot, index, &mut variables, &loader, request, progress)?;

    let (names, lost) = load_all(&mut loader, &context, variables, &damage).map_err(failed)?;
    if request.into.is_none() {
        bind_module(py, &context.module)?;
    }
    Ok(Restored { names, lost, module: index.module.clone() })
}

/// Loads the chosen variables and binds their names. Returns the bound names and the variables that were lost.
///
/// # Errors
/// Only errors that end the whole restore.
fn load_all<'a, 'py>(
    loader: &mut SegmentLoader<'a, 'py>,
    context: &RestoreContext<'py>,
    variables: Vec<ChosenVariable<'a, 'py>>,
    damage: &Damage,
) -> PyResult<(Vec<String>, Vec<LostVariable>)> {
    // Variables are loaded in file order: a segment refers only to memo slots of earlier segments.
    let (mut names, mut lost) = (Vec::new(), Vec::new());
    for chosen in variables {
        let variable = chosen.variable();
        if chosen.choice == Choice::Skip {
            // The loader must still account for the memo slots of this segment.
            loader.skip(variable);
            continue;
        }
        let value = if let Some(why) = damage.reason(variable) {
            loader.skip(variable);
            Err(why)
        } else {
            loader.load(&chosen.segment, chosen.memory)?
        };
        match value {
            Ok(value) if chosen.choice == Choice::Bind => {
                context.namespace.set_item(&variable.name, value)?;
                names.push(variable.name.clone());
            }
            // `Choice::Load`: other variables share objects with it, but it gets no name.
            Ok(_) => {}
            Err(why) => {
                let (name, type_name) = (variable.name.clone(), variable.type_name.clone());
                lost.push(LostVariable { name, type_name, why });
            }
        }
    }
    Ok((names, lost))
}

/// All variables of the index, each with the choice that the request makes for it.
fn select<'a, 'py>(index: &'a Index, request: &RestoreRequest<'_, '_>) -> Result<Vec<ChosenVariable<'a, 'py>>> {
    let choices = choose(index, request.only, request.exclude);
    // An empty session matches everything, so it is no usage error.
    if !choices.contains(&Choice::Bind) && !index.variables.is_empty() {
        let text = format!("no variable in {} matches: list them with `snapcli restore --list`", request.name);
        return Err(exit::error(exit::USAGE, text));
    }
    let chosen = index.variables.iter().zip(choices).map(|(variable, choice)| {
        Ok(ChosenVariable { segment: VariableSegment::new(variable)?, choice, memory: None })
    });
    let chosen: Result<Vec<_>, ReadError> = chosen.collect();
    chosen.or_exit(exit::DAMAGED, || format!("cannot restore {}", request.name))
}

/// Checks the bytes of all variables that will be loaded, and reads their raw buffers into memory, before any variable
/// is loaded. Damage is an error, unless the request is partial.
fn fetch<'py>(
    py: Python<'py>,
    snapshot: &Snapshot,
    index: &Index,
    variables: &mut [ChosenVariable<'_, 'py>],
    loader: &SegmentLoader<'_, 'py>,
    request: &RestoreRequest<'_, 'py>,
    progress: Progress<'_>,
) -> Result<Damage> {
    let is_read =
        |chosen: &ChosenVariable<'_, 'py>| chosen.choice != Choice::Skip && !loader.is_foreign_code(chosen.variable());
    let has_buffers = |chosen: &ChosenVariable<'_, 'py>| is_read(chosen) && !chosen.variable().buffers.is_empty();
    let mut mapped = None;
    // One mapping serves all variables: each takes views of it.
    if request.mapped && variables.iter().any(has_buffers) {
        let usage = || exit::error(exit::USAGE, "cannot memory-map standard input: save it to a file first");
        mapped = Some(MappedFile::new(py, snapshot)?.ok_or_else(usage)?);
    }
    let mut wanted = Vec::new();
    for chosen in variables.iter_mut().filter(|chosen| is_read(chosen)) {
        let memory = match &mapped {
            Some(file) if has_buffers(chosen) => file.views(&chosen.segment)?,
            _ => BufferMemory::allocate(py, &chosen.segment)?,
        };
        wanted.push(Wanted { variable: chosen.variable(), memory: chosen.memory.insert(memory).fill_target() });
    }
    // Release the GIL: reading and hashing touch no Python object except the memory that `wanted` locks.
    let damage = py.detach(|| snapshot.fetch(index, wanted, progress)).and_then(|damage| {
        if damage.is_none() || request.partial { Ok(damage) } else { Err(ReadError::Damaged(damage)) }
    });
    damage.or_exit(exit::DAMAGED, || format!("cannot restore {}", request.name))
}

/// Turns an exception that ends a restore into an error with an exit code and advice.
fn explain_error(py: Python<'_>, error: &PyErr, name: &str) -> anyhow::Error {
    let text = error_text(py, error);
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return exit::error(exit::INTERRUPTED, format!("interrupted while restoring {name}"));
    }
    // A damaged pickle and a refused global both raise UnpicklingError: our own refusals have a known prefix.
    let unpickling = py.import("pickle").and_then(|pickle| pickle.getattr("UnpicklingError"));
    if unpickling.is_ok_and(|kind| error.value(py).is_instance(&kind).unwrap_or(false)) {
        if let Some(start) = text.find(untrusted_load::REFUSED) {
            // Drop the name of the exception that precedes the prefix.
            let why = text.get(start..).unwrap_or(&text);
            return exit::error(exit::UNTRUSTED, format!("{name} is {why}: pass --trust if you trust the file"));
        }
        return exit::error(exit::DAMAGED, format!("{name} cannot be unpickled ({text}): save it again"));
    }
    let missing = missing_module(py, error);
    let what = match missing {
        Some((module, package)) => {
            format!("{name} needs the module {module}: install {package}, or select its environment with --python")
        }
        None => format!("cannot restore {name}: its unpickling code raised an error"),
    };
    anyhow::Error::msg(text).context(what)
}
