//! Objects of which a pickle cannot keep everything: the contents of caches, the handlers of loggers. A note at the save
//! says so, because nothing else would: what pickling leaves out looks the same after a load.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::named_objects::plan_global;
use super::pickle_context::PickleContext;
use super::plan::{DirectWrite, ObjectPlan};
use super::reduce::plan_by_dill_or_reduction;

/// A function with `functools.lru_cache`: by name if an import finds it. Otherwise dill's function makes it again, with an
/// empty cache: no call that plain dill could make fills one.
pub(super) fn plan_cached_function<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    if context.is_session()
        && let Some((module, name)) = context.global_name(object)?
    {
        return plan_global(context, object.py(), module, name);
    }
    if context.has_slot(object)? {
        return Ok(ObjectPlan::Write(DirectWrite::Reference));
    }
    let results = object.call_method0("cache_info")?.getattr("currsize")?.extract::<usize>()?;
    if results > 0 {
        let name = object.getattr_opt("__qualname__")?.map_or_else(|| "a function".to_owned(), |name| name.to_string());
        let kept = if results == 1 { "a result" } else { "results" };
        context.note(format!("the cache of {name} holds {kept} and will be restored empty"))?;
    }
    plan_by_dill_or_reduction(context, object)
}

/// Notes what a logger has beside its name and its level, which is kept with the state of the interpreter.
pub(super) fn note_logger(context: &PickleContext, logger: &Bound<'_, PyAny>) -> PyResult<()> {
    let has = |name: &str| Ok::<_, PyErr>(logger.getattr_opt(name)?.is_some_and(|list| list.len().unwrap_or(0) > 0));
    let is = |name: &str, default: bool| Ok::<_, PyErr>(match logger.getattr_opt(name)? {
        Some(value) => value.is_truthy()? == default,
        None => true,
    });
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
    let name = logger.getattr_opt("name")?.map_or_else(String::new, |name| name.to_string());
    context.note(format!("the logger {name} is restored by its name, without its {}", lost.join(", ")))
}
