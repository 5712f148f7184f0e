//! Guards that change a setting of the interpreter and restore it when they are dropped: the garbage collector, and the
//! warning filters.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyList, PyModule};

use crate::pickler::loaded_modules;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::ffi::module;

/// Pauses Python's garbage collector. While a save or a load creates millions of references, it would traverse all
/// objects repeatedly and find no garbage.
pub(super) struct PausedCollector<'py> {
    collector: Bound<'py, PyModule>,
    was_enabled: bool,
}

impl<'py> PausedCollector<'py> {
    pub(super) fn new(py: Python<'py>) -> PyResult<Self> {
        let collector = module(intern!(py, "gc"))?;
        // The script may have disabled the collector itself, and then it must stay disabled.
        let was_enabled = collector.call_method0(intern!(py, "isenabled"))?.is_truthy()?;
        collector.call_method0(intern!(py, "disable"))?;
        Ok(Self { collector, was_enabled })
    }
}

impl Drop for PausedCollector<'_> {
    fn drop(&mut self) {
        if self.was_enabled {
            // `gc.enable` only sets a flag: it cannot fail.
            self.collector.call_method0("enable").tolerated();
        }
    }
}

/// Warning filters that are removed when it is dropped.
///
/// Not `warnings.catch_warnings`, which replaces the list of filters: two threads that do so at the same time leave the
/// list of one of them. Does nothing if the script has broken the `warnings` module: that costs no more than a
/// superfluous warning.
#[derive(Clone, Default)]
pub(super) struct WarningFilters(Arc<Mutex<Vec<Py<PyAny>>>>);

impl WarningFilters {
    /// Ignores all warnings.
    pub(super) fn ignore_all(py: Python<'_>) -> AddedFilters<'_> {
        let filters = Self::default();
        if let Some(category) = py.import("builtins").and_then(|builtins| builtins.getattr("Warning")).tolerated() {
            filters.add(py, "ignore", &category);
        }
        AddedFilters { filters, py }
    }

    /// Removes the filters when the result is dropped, also those that are added later.
    pub(super) fn until_dropped<'py>(&self, py: Python<'py>) -> AddedFilters<'py> {
        AddedFilters { filters: self.clone(), py }
    }

    /// Adds the filter of `warnings.simplefilter(action, category)`. That function would take the place of an equal
    /// filter of the script, which would then be removed with this one.
    pub(super) fn add(&self, py: Python<'_>, action: &str, category: &Bound<'_, PyAny>) {
        let added = || {
            let warnings = py.import("warnings")?;
            let filter = (action, py.None(), category, py.None(), 0).into_pyobject(py)?.into_any();
            warnings.getattr("filters")?.call_method1("insert", (0, &filter))?;
            forget_decisions(&warnings)?;
            Ok::<_, PyErr>(filter)
        };
        if let Some(filter) = added().tolerated() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(filter.unbind());
        }
    }
}

/// Filters are remembered by the lines that they were used for: has that forgotten.
fn forget_decisions(warnings: &Bound<'_, PyModule>) -> PyResult<()> {
    let changed = warnings.getattr_opt("_filters_mutated")?;
    let changed = changed.map_or_else(|| warnings.getattr_opt("_filters_mutated_lock_held"), |it| Ok(Some(it)))?;
    changed.map_or(Ok(()), |changed| changed.call0().map(drop))
}

/// Removes warning filters when it is dropped.
pub(super) struct AddedFilters<'py> {
    filters: WarningFilters,
    py: Python<'py>,
}

impl Drop for AddedFilters<'_> {
    fn drop(&mut self) {
        let added = std::mem::take(&mut *self.filters.0.lock().unwrap_or_else(PoisonError::into_inner));
        for filter in added {
            // Fails only if something has removed the filter in the meantime.
            let removed = self.py.import("warnings").and_then(|warnings| {
                warnings.getattr("filters")?.call_method1("remove", (filter,))?;
                forget_decisions(&warnings)
            });
            removed.tolerated();
        }
    }
}

/// Ignores, until it is dropped, the warnings that pickling itself causes: the support of pickle in `itertools` is
/// deprecated, and a coroutine in a variable that fails to load is never awaited.
///
/// Other filters are left alone, also those that an import adds in the meantime.
pub(super) struct IgnoredWarnings<'py> {
    filters: Option<Bound<'py, PyList>>,
    added: Vec<Bound<'py, PyAny>>,
}

/// The categories of these warnings, and parts of their messages.
const IGNORED: [(&str, &str); 2] =
    [("DeprecationWarning", "support will be removed from itertools"), ("RuntimeWarning", "was never awaited")];

/// Stands for the regular expression in a filter: `warnings` calls its `match`. Importing `re` would take some
/// milliseconds.
#[pyclass(frozen)]
struct MessagePart(&'static str);

#[pymethods]
impl MessagePart {
    fn r#match(&self, message: &str) -> bool {
        message.contains(self.0)
    }
}

impl<'py> IgnoredWarnings<'py> {
    pub(super) fn new(py: Python<'py>) -> Self {
        let mut ignored = Self { filters: None, added: Vec::new() };
        // If the script has broken the filters, that costs no more than a superfluous warning.
        ignored.add(py).tolerated();
        ignored
    }

    fn add(&mut self, py: Python<'py>) -> PyResult<()> {
        // `catch_warnings` gives `warnings` another list. That module may not be imported yet.
        let modules = loaded_modules(py)?;
        let warnings = modules.get_item(intern!(py, "warnings"));
        let warnings = warnings.or_else(|_| py.import("_warnings").map(Bound::into_any))?;
        let filters = warnings.getattr(intern!(py, "filters"))?.cast_into::<PyList>()?;
        let builtins = module(intern!(py, "builtins"))?;
        for (category, part) in IGNORED {
            let category = builtins.getattr(category)?;
            let filter = ("ignore", MessagePart(part), category, py.None(), 0).into_pyobject(py)?.into_any();
            filters.insert(0, &filter)?;
            self.added.push(filter);
        }
        self.filters = Some(filters);
        Ok(())
    }
}

impl Drop for IgnoredWarnings<'_> {
    fn drop(&mut self) {
        if let Some(filters) = &self.filters {
            for filter in &self.added {
                // Fails only if something has removed the filter in the meantime.
                filters.call_method1("remove", (filter,)).tolerated();
            }
        }
    }
}
