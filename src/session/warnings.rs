//! Sets Python's warning filters for a while, and puts them back.

use pyo3::prelude::*;
use pyo3::types::PyAny;

/// The filters as they were when this was made come back when it is dropped.
pub(super) struct WarningFilter<'py>(Bound<'py, PyAny>);

impl<'py> WarningFilter<'py> {
    /// Keeps the filters, and changes none yet.
    pub(super) fn none(py: Python<'py>) -> PyResult<Self> {
        let context = py.import("warnings")?.getattr("catch_warnings")?.call0()?;
        context.call_method0("__enter__")?;
        Ok(Self(context))
    }

    /// Ignores all warnings.
    pub(super) fn ignore(py: Python<'py>) -> PyResult<Self> {
        let filter = Self::none(py)?;
        Self::add(py, "ignore", &py.import("builtins")?.getattr("Warning")?)?;
        Ok(filter)
    }

    /// Does `action` (`error`, `ignore`) with warnings of a category.
    pub(super) fn add(py: Python<'py>, action: &str, category: &Bound<'py, PyAny>) -> PyResult<()> {
        py.import("warnings")?.call_method1("simplefilter", (action, category)).map(drop)
    }
}

impl Drop for WarningFilter<'_> {
    fn drop(&mut self) {
        let none = self.0.py().None();
        // It puts back what `__enter__` has kept; it cannot fail then.
        let _ = self.0.call_method1("__exit__", (&none, &none, &none));
    }
}
