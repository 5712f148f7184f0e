//! Guards that change a setting of the interpreter and restore it when they are dropped: the garbage collector, and the
//! warning filters.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyList, PyModule};

/// Pauses Python's garbage collector. While a save or a load creates millions of references, it would traverse all
/// objects repeatedly and find no garbage.
pub(super) struct PausedCollector<'py> {
    collector: Bound<'py, PyModule>,
    was_enabled: bool,
}

impl<'py> PausedCollector<'py> {
    pub(super) fn new(py: Python<'py>) -> PyResult<Self> {
        let collector = py.import("gc")?;
        // The script may have disabled the collector itself, and then it must stay disabled.
        let was_enabled = collector.call_method0("isenabled")?.is_truthy()?;
        collector.call_method0("disable")?;
        Ok(Self { collector, was_enabled })
    }
}

impl Drop for PausedCollector<'_> {
    fn drop(&mut self) {
        if self.was_enabled {
            // `gc.enable` only sets a flag: it cannot fail.
            let _ = self.collector.call_method0("enable");
        }
    }
}

/// Saves the warning filters and restores them when it is dropped.
///
/// Does nothing if the script has broken the `warnings` module: that costs no more than a superfluous warning.
pub(super) struct WarningFilter<'py>(Option<Bound<'py, PyAny>>);

impl<'py> WarningFilter<'py> {
    /// Saves the filters without changing any.
    pub(super) fn unchanged(py: Python<'py>) -> Self {
        // `catch_warnings` saves a copy of the filters when it is entered.
        let context = || {
            let context = py.import("warnings")?.getattr("catch_warnings")?.call0()?;
            context.call_method0("__enter__")?;
            Ok::<_, PyErr>(context)
        };
        Self(context().ok())
    }

    /// Saves the filters, then ignores all warnings.
    pub(super) fn ignore_all(py: Python<'py>) -> Self {
        let filter = Self::unchanged(py);
        if let Ok(category) = py.import("builtins").and_then(|builtins| builtins.getattr("Warning")) {
            Self::add(py, "ignore", &category);
        }
        filter
    }

    /// Calls `warnings.simplefilter(action, category)`.
    pub(super) fn add(py: Python<'py>, action: &str, category: &Bound<'py, PyAny>) {
        let _ = py.import("warnings").and_then(|warnings| warnings.call_method1("simplefilter", (action, category)));
    }
}

impl Drop for WarningFilter<'_> {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            let none = context.py().None();
            // Restores what `__enter__` has saved: it cannot fail after that succeeded.
            let _ = context.call_method1("__exit__", (&none, &none, &none));
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
        let _ = ignored.add(py);
        ignored
    }

    fn add(&mut self, py: Python<'py>) -> PyResult<()> {
        // `catch_warnings` gives `warnings` another list. That module may not be imported yet.
        let modules = py.import("sys")?.getattr("modules")?;
        let warnings = modules.get_item("warnings").or_else(|_| py.import("_warnings").map(Bound::into_any))?;
        let filters = warnings.getattr("filters")?.cast_into::<PyList>()?;
        for (category, part) in IGNORED {
            let category = py.import("builtins")?.getattr(category)?;
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
                let _ = filters.call_method1("remove", (filter,));
            }
        }
    }
}
