//! Which names the variables of an untrusted file may have. The values are plain data whatever they are called, so a
//! variable whose name is refused costs only that variable: it is left out and named.
//!
//! One rule for snapshots, dill sessions and pickled dicts. docs/trust.md states it.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString};

use super::restore_context::RestoreRequest;
use crate::pickle::explain::outline::MAX_VARIABLES;
use crate::python::deferred_signals::Tolerated as _;

const BUILT_IN: &str = "it has the name of a built-in, which only a trusted file may replace: load it with --trust";
const OF_MODULE: &str = "Python keeps that name for an attribute of modules";
const NO_NAME: &str = "that is not a name that Python code can use";

/// Decides about names.
pub(super) struct BoundNames<'py> {
    /// The built-ins, unless the names are only keys of a dict that the caller gets.
    builtins: Option<Bound<'py, PyDict>>,
}

impl<'py> BoundNames<'py> {
    pub(super) fn new(py: Python<'py>, request: &RestoreRequest<'_, 'py>) -> PyResult<Self> {
        // A namespace has `__name__`; there, a name hides the built-in.
        let is_namespace = request.into.as_ref().map_or(Ok(true), |dict| dict.contains("__name__"))?;
        let builtins = if is_namespace { Some(py.import("builtins")?.dict()) } else { None };
        Ok(Self { builtins })
    }

    /// Why a variable must not get this name.
    pub(super) fn refusal(&self, name: &Bound<'py, PyString>) -> PyResult<Option<&'static str>> {
        if !is_name(name)? {
            return Ok(Some(NO_NAME));
        }
        if is_of_module(name) {
            return Ok(Some(OF_MODULE));
        }
        let is_built_in = self.builtins.as_ref().map_or(Ok(false), |builtins| builtins.contains(name))?;
        Ok(is_built_in.then_some(BUILT_IN))
    }
}

/// Whether Python code can use a name. It cannot use a keyword, nor a name in letters that Python replaces by others
/// when it reads code: `ｉｄ`, in wide letters, means `id` there.
pub(super) fn is_name(name: &Bound<'_, PyString>) -> PyResult<bool> {
    let py = name.py();
    if !name.call_method0("isidentifier")?.is_truthy()? {
        return Ok(false);
    }
    let is_keyword = py.import("keyword")?.call_method1("iskeyword", (name,))?.is_truthy()?;
    let is_as_read = || match name.call_method0("isascii")?.is_truthy()? {
        true => Ok(true),
        false => py.import("unicodedata")?.call_method1("is_normalized", ("NFKC", name))?.is_truthy(),
    };
    Ok(!is_keyword && is_as_read()?)
}

/// Whether Python gives such a name to attributes of modules: `__spec__`.
pub(super) fn is_of_module(name: &Bound<'_, PyString>) -> bool {
    name.to_str().tolerated().is_some_and(|name| name.starts_with("__") && name.ends_with("__"))
}

/// Whether the items of a dict are bound to its keys. `inspect` shows a file by the same rule.
pub(super) fn has_names(dict: &Bound<'_, PyDict>) -> bool {
    let is_name = |key: Bound<'_, PyAny>| {
        let Ok(text) = key.cast::<PyString>() else { return false };
        !is_of_module(text) && is_name(text).tolerated().unwrap_or(false)
    };
    !dict.is_empty() && dict.len() <= MAX_VARIABLES && dict.keys().iter().all(is_name)
}
