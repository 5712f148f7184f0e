//! Why a variable could not be restored: a text, and the import that failed, if it was that.
//!
//! A missing module costs all variables that need it. The import is kept beside the text, so that a message can name
//! the module once, with all that it costs.

use pyo3::exceptions::{PyAttributeError, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::types::PyModule;

use crate::python::deferred_signals::Tolerated as _;
use crate::session::distributions::well_known;
use crate::session::failure_path::error_text;

/// Why a variable could not be restored.
#[derive(Clone, Debug)]
pub(crate) struct LossReason {
    pub(crate) text: String,
    /// The import that failed, in this variable or in one that it shares objects with.
    pub(crate) import: Option<FailedImport>,
}

/// A module that was not found, or a name that a module does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailedImport {
    /// The module.
    pub(crate) module: String,
    /// The name; `None` if the module was not found.
    pub(crate) name: Option<String>,
}

impl From<String> for LossReason {
    fn from(text: String) -> Self {
        Self { text, import: None }
    }
}

impl From<&str> for LossReason {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl LossReason {
    /// Describes the exception that made a variable fail, with advice if a module is missing.
    pub(super) fn of(py: Python<'_>, error: &PyErr) -> Self {
        let text = match missing_module(py, error) {
            None => error_text(py, error),
            Some((module, package)) => format!(
                "needs the module {module}: install {package}, select its environment with --python, or pass \
                 --map {module}=NEW if it was renamed"
            ),
        };
        Self { text, import: FailedImport::of(py, error) }
    }
}

impl FailedImport {
    fn of(py: Python<'_>, error: &PyErr) -> Option<Self> {
        if let Some((module, _)) = missing_module(py, error) {
            return Some(Self { module, name: None });
        }
        let value = error.value(py);
        if !error.is_instance_of::<PyAttributeError>(py) {
            return None;
        }
        let module = value.getattr("obj").tolerated()?.cast_into::<PyModule>().ok()?.name().tolerated()?;
        let name = value.getattr("name").tolerated()?.extract().tolerated()?;
        Some(Self { module: module.extract().tolerated()?, name: Some(name) })
    }
}

/// The module that was not found, and the package that probably contains it.
pub(super) fn missing_module(py: Python<'_>, error: &PyErr) -> Option<(String, String)> {
    if !error.is_instance_of::<PyModuleNotFoundError>(py) {
        return None;
    }
    let name = error.value(py).getattr("name").and_then(|name| name.extract::<String>());
    let module = name.tolerated().unwrap_or_default();
    let package = well_known(&module).to_owned();
    Some((module, package))
}
