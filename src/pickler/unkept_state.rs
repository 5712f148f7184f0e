//! Objects of which a pickle cannot keep everything: the results in a cache, the handlers of a logger, the traceback of
//! an exception. A note at the save says so, because a comparison of pickles cannot show it: pickling leaves out the
//! same parts twice.
//!
//! A note does not name the object, so that the notes of many variables are one line for the user.

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::load_hooks::is_installed;
use super::pickle_context::PickleContext;

/// Notes that a function with `functools.lru_cache` has results: no call that plain dill could make fills a cache.
pub(super) fn note_cache(context: &PickleContext, function: &Bound<'_, PyAny>) -> PyResult<()> {
    let results = function.call_method0("cache_info")?.getattr("currsize")?.extract::<usize>()?;
    if results == 0 {
        return Ok(());
    }
    context.note("a cache with results will be restored empty".to_owned())
}

/// The same for a function that is imported again. The cache of a library fills again, so it gets no note.
pub(super) fn note_imported_cache(context: &PickleContext, function: &Bound<'_, PyAny>, module: &str) -> PyResult<()> {
    if context.is_session() && !is_installed(function.py(), module)? { note_cache(context, function) } else { Ok(()) }
}

/// Notes the parts of a logger besides its name and its level, which are kept with the state of the interpreter.
pub(super) fn note_logger(context: &PickleContext, logger: &Bound<'_, PyAny>) -> PyResult<()> {
    let has = |name: &str| Ok::<_, PyErr>(logger.getattr_opt(name)?.is_some_and(|list| list.len().unwrap_or(0) > 0));
    let is = |name: &str, default: bool| {
        Ok::<_, PyErr>(match logger.getattr_opt(name)? {
            Some(value) => value.is_truthy()? == default,
            None => true,
        })
    };
    let mut lost = Vec::new();
    for (name, found) in [("handlers", has("handlers")?), ("filters", has("filters")?)] {
        lost.extend(found.then_some(name));
    }
    if !is("propagate", true)? {
        lost.push("propagate = False");
    }
    if !is("disabled", false)? {
        lost.push("disabled = True");
    }
    if lost.is_empty() {
        return Ok(());
    }
    context.note(format!("a logger will be restored by its name, without its {}", lost.join(", ")))
}

/// Notes that an exception has a traceback, which leads to frames.
pub(super) fn note_traceback(context: &PickleContext, exception: &Bound<'_, PyAny>) -> PyResult<()> {
    if exception.getattr("__traceback__")?.is_none() {
        return Ok(());
    }
    context.note("an exception will be restored without its traceback".to_owned())
}
