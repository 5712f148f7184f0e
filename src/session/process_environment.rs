//! Whether an object is the environment of the process or a copy of it, which usually holds credentials.
//!
//! [`secrets`](super::secrets) asks for every dict, so the environment is read only if a dict may be one.

use std::cell::OnceCell;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString};

use super::secrets::MAX_KEYS;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::ffi::module;

/// A dict with this many items of the environment is taken for a copy of it.
const ENVIRONMENT_ITEMS: usize = 8;

/// `os.environ`, and a copy of it as a dict.
#[derive(Default)]
pub(super) struct ProcessEnvironment<'py>(OnceCell<Option<(Bound<'py, PyAny>, Bound<'py, PyDict>)>>);

impl<'py> ProcessEnvironment<'py> {
    fn get(&self, py: Python<'py>) -> Option<&(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
        let find = || -> PyResult<_> {
            let environment = module(intern!(py, "os"))?.getattr(intern!(py, "environ"))?;
            let copy = environment.call_method0("copy")?.cast_into::<PyDict>()?;
            Ok((environment, copy))
        };
        self.0.get_or_init(|| find().tolerated()).as_ref()
    }

    /// Whether a value is `os.environ`.
    pub(super) fn is_same(&self, value: &Bound<'py, PyAny>) -> bool {
        self.get(value.py()).is_some_and(|(environment, _)| value.is(environment))
    }

    /// Whether a dict is a copy of the environment, or holds many items of it.
    pub(super) fn is_in(&self, dict: &Bound<'py, PyDict>) -> PyResult<bool> {
        let is_name = |key: &Bound<'_, PyAny>| {
            let name = key.cast_exact::<PyString>().ok().and_then(|key| key.to_str().tolerated());
            name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_'))
        };
        // Cheaper than looking up all items, and true of few dicts.
        let candidates = dict.iter().take(MAX_KEYS).filter(|(key, _)| is_name(key)).count();
        if candidates == 0 || (candidates < ENVIRONMENT_ITEMS && candidates < dict.len()) {
            return Ok(false);
        }
        let Some((_, environment)) = self.get(dict.py()) else { return Ok(false) };
        let mut same = 0;
        for (key, value) in environment {
            // The `__eq__` of a script's own key class can run here, but only if its hash is that of the string.
            let found = dict.get_item(&key)?.filter(|found| found.is_exact_instance_of::<PyString>());
            same += usize::from(found.is_some_and(|found| found.eq(&value).tolerated().unwrap_or(false)));
        }
        Ok(same >= ENVIRONMENT_ITEMS || (same > 0 && same == dict.len() && same == environment.len()))
    }
}
