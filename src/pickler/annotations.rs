//! The annotations of functions, read without evaluating them.
//!
//! Since 3.14 (PEP 649) the compiler makes a function of the annotations, `__annotate__`, and the first read of
//! `__annotations__` calls it. That may fail, because names that only type checkers need do not exist, and it may run
//! any code. So a save takes the result if there is one, and else the function.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

use super::functions::python_version;

/// The annotations of a function.
pub(crate) enum Annotations<'py> {
    /// It has none.
    None,
    /// The dict `__annotations__`.
    Evaluated(Bound<'py, PyDict>),
    /// The function `__annotate__`, which has not been called.
    Lazy(Bound<'py, PyAny>),
}

impl<'py> Annotations<'py> {
    pub(crate) fn of(function: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = function.py();
        let annotate = match python_version(py) >= (3, 14) {
            true => Some(function.getattr(intern!(py, "__annotate__"))?).filter(|annotate| !annotate.is_none()),
            false => None,
        };
        let evaluated = match &annotate {
            // Python makes an empty dict when code reads the annotations of a function that has none.
            None => function.getattr(intern!(py, "__annotations__"))?.cast_into::<PyDict>().ok(),
            Some(_) => evaluated(function)?,
        };
        Ok(match (evaluated, annotate) {
            (Some(dict), _) if !dict.is_empty() => Self::Evaluated(dict),
            (Some(_), _) | (None, None) => Self::None,
            (None, Some(annotate)) => Self::Lazy(annotate),
        })
    }

    /// The attribute of a function that gives it these annotations, and its value.
    pub(crate) fn attribute(self) -> Option<(&'static str, Bound<'py, PyAny>)> {
        match self {
            Self::None => None,
            Self::Evaluated(dict) => Some(("__annotations__", dict.into_any())),
            Self::Lazy(annotate) => Some(("__annotate__", annotate)),
        }
    }
}

/// The result of `__annotate__` if it has been called: a dict that the function holds, and that is none of the others.
fn evaluated<'py>(function: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let py = function.py();
    let held = py.import(intern!(py, "gc"))?.call_method1(intern!(py, "get_referents"), (function,))?;
    let names = [
        intern!(py, "__globals__"),
        intern!(py, "__builtins__"),
        intern!(py, "__kwdefaults__"),
        intern!(py, "__dict__"),
    ];
    let others = names.map(|name| function.getattr(name));
    for object in held.try_iter()? {
        let Ok(dict) = object?.cast_into_exact::<PyDict>() else { continue };
        if !others.iter().flatten().any(|other| other.is(&dict)) {
            return Ok(Some(dict));
        }
    }
    Ok(None)
}
