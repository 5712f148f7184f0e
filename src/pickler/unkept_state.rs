//! Objects of which a pickle cannot keep everything: the results in a cache, the handlers of a logger. A note at the
//! save says so, because a comparison of pickles cannot: what pickling leaves out, it leaves out twice.

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::pickle_context::PickleContext;
use crate::python::deferred_signals::Tolerated as _;

/// Notes that a function with `functools.lru_cache` has results: no call that plain dill could make fills a cache.
pub(super) fn note_cache(context: &PickleContext, function: &Bound<'_, PyAny>) -> PyResult<()> {
    let results = function.call_method0("cache_info")?.getattr("currsize")?.extract::<usize>()?;
    if results == 0 {
        return Ok(());
    }
    let name = function.getattr_opt("__qualname__")?.map(|name| name.str()).transpose()?;
    let name = name.map_or_else(|| "a function".to_owned(), |name| name.to_string_lossy().into_owned());
    let kept = if results == 1 { "a result" } else { "results" };
    context.note(format!("the cache of {name} holds {kept} and will be restored empty"))
}

/// Notes what a logger has beside its name and its level, which is kept with the state of the interpreter.
pub(super) fn note_logger(context: &PickleContext, logger: &Bound<'_, PyAny>) -> PyResult<()> {
    let has = |name: &str| {
        Ok::<_, PyErr>(logger.getattr_opt(name)?.is_some_and(|list| list.len().tolerated().unwrap_or(0) > 0))
    };
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
    let name = logger.getattr_opt("name")?.map(|name| name.str()).transpose()?;
    let name = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    context.note(format!("the logger {name} is restored by its name, without its {}", lost.join(", ")))
}
