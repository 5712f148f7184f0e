//! Sets Python's warning filters for a while, and puts them back.

use pyo3::prelude::*;
use pyo3::types::PyAny;

/// A filter in front of all others, while this lives.
pub(super) struct WarningFilter<'py>(Bound<'py, PyAny>);

impl<'py> WarningFilter<'py> {
    /// Does `action` (`error`, `ignore`) with warnings of a category, or with all.
    pub(super) fn new(py: Python<'py>, action: &str, category: Option<Bound<'py, PyAny>>) -> PyResult<Self> {
        let warnings = py.import("warnings")?;
        let category = category.map_or_else(|| py.import("builtins")?.getattr("Warning"), Ok)?;
        let context = warnings.getattr("catch_warnings")?.call0()?;
        context.call_method0("__enter__")?;
        let filter = Self(context);
        warnings.call_method1("simplefilter", (action, category))?;
        Ok(filter)
    }
}

impl Drop for WarningFilter<'_> {
    fn drop(&mut self) {
        let none = self.0.py().None();
        // It puts back what `__enter__` has kept; it cannot fail then.
        let _ = self.0.call_method1("__exit__", (&none, &none, &none));
    }
}
