//! The result of `snapcli.load_dict`: a dict with the report of the restore. A subclass of `dict` cannot be written in
//! Rust for the stable ABI of Python 3.10.

use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyAny, PyDict};

use super::restore_report::RestoreReport;

/// It is pickled as the dict that it is, so that a file with it needs no snapcli.
const SOURCE: &CStr = cr#"
class LoadedDict(dict):
    """The variables of a snapshot: a dict, and what happened when they were loaded.

    `report` is the RestoreReport; `lost` has the variables that are missing, and `notes` what else there is to say.
    """
    __slots__ = ("report",)
    __module__ = "snapcli"

    @property
    def lost(self):
        """The variables that could not be restored, each with a Lost object."""
        return self.report.lost

    @property
    def notes(self):
        """What else there is to say about the restore."""
        return self.report.notes

    def __reduce__(self):
        return dict, (dict(self),)
"#;

static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The class, which is made once.
pub(super) fn class(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let make = || {
        let names = PyDict::new(py);
        py.run(SOURCE, Some(&names), None)?;
        Ok::<_, PyErr>(names.as_any().get_item("LoadedDict")?.unbind())
    };
    Ok(CLASS.get_or_try_init(py, make)?.bind(py).clone())
}

/// An empty one.
pub(super) fn new(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    Ok(class(py)?.call0()?.cast_into::<PyDict>()?)
}

/// Adds the report.
pub(super) fn set_report(dict: &Bound<'_, PyDict>, report: RestoreReport) -> PyResult<()> {
    dict.setattr("report", report)
}
