//! Where objects of a type have parts that can be read without running code of the session.
//!
//! [`secrets`](super::secrets) asks once for each type: it looks at every variable.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyType};

use super::object_description::{genuine_module, type_name};
use crate::pickler::class_attributes::slots;

/// Where the instances of a type have attributes.
pub(super) struct AttributePlaces<'py> {
    /// Keeps its address from being used again.
    _kind: Bound<'py, PyType>,
    pub(super) has_dict: bool,
    /// Names and descriptors, which are written in C.
    pub(super) slots: Vec<(String, Bound<'py, PyAny>)>,
    pub(super) known: Option<KnownType>,
}

impl<'py> AttributePlaces<'py> {
    pub(super) fn of(kind: &Bound<'py, PyType>) -> PyResult<Self> {
        Ok(Self {
            _kind: kind.clone(),
            has_dict: kind.getattr("__dictoffset__")?.extract::<isize>()? != 0,
            slots: slots(kind)?,
            known: KnownType::of(kind),
        })
    }
}

/// Types of libraries whose parts are no attributes.
#[derive(Clone, Copy)]
pub(super) enum KnownType {
    Partial,
    NumpyArray,
    DataFrame,
}

impl KnownType {
    /// Only of the genuine type: one of the script may claim any name.
    fn of(kind: &Bound<'_, PyType>) -> Option<Self> {
        let known = match type_name(kind).as_str() {
            "functools.partial" => Self::Partial,
            "numpy.ndarray" => Self::NumpyArray,
            "pandas.DataFrame" | "pandas.core.frame.DataFrame" => Self::DataFrame,
            _ => return None,
        };
        genuine_module(kind).map(|_| known)
    }
}
