//! Sets Python's warning filters for a while, and puts them back.

use pyo3::prelude::*;
use pyo3::types::PyAny;

/// The filters as they were when this was made come back when it is dropped. A script may have taken `warnings` apart:
/// then filters stay as they are, which costs no more than a warning.
pub(super) struct WarningFilter<'py>(Option<Bound<'py, PyAny>>);

impl<'py> WarningFilter<'py> {
    /// Keeps the filters, and changes none yet.
    pub(super) fn none(py: Python<'py>) -> Self {
        let context = || {
            let context = py.import("warnings")?.getattr("catch_warnings")?.call0()?;
            context.call_method0("__enter__")?;
            Ok::<_, PyErr>(context)
        };
        Self(context().ok())
    }

    /// Ignores all warnings.
    pub(super) fn ignore(py: Python<'py>) -> Self {
        let filter = Self::none(py);
        if let Ok(category) = py.import("builtins").and_then(|builtins| builtins.getattr("Warning")) {
            Self::add(py, "ignore", &category);
        }
        filter
    }

    /// Does `action` (`error`, `ignore`) with warnings of a category.
    pub(super) fn add(py: Python<'py>, action: &str, category: &Bound<'py, PyAny>) {
        let _ = py.import("warnings").and_then(|warnings| warnings.call_method1("simplefilter", (action, category)));
    }
}

impl Drop for WarningFilter<'_> {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            let none = context.py().None();
            // It puts back what `__enter__` has kept; it cannot fail then.
            let _ = context.call_method1("__exit__", (&none, &none, &none));
        }
    }
}
