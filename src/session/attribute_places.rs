//! Where objects of a type have parts that can be read without running code of the session.
//!
//! [`secrets`](super::secrets) asks once for each type: it looks at every variable.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyType};

use super::object_description::{genuine_module, type_name};
use crate::pickler::class_attributes::ClassOrder as _;
use crate::pickler::class_attributes::{namespace, slots};
use crate::python::deferred_signals::Tolerated as _;

/// Where the instances of a type have attributes.
pub(super) struct AttributePlaces<'py> {
    /// Keeps its address from being used again.
    _kind: Bound<'py, PyType>,
    pub(super) has_dict: bool,
    /// Names and descriptors, which are written in C.
    pub(super) slots: Vec<(String, Bound<'py, PyAny>)>,
    pub(super) known: Option<KnownType>,
    /// The type, if it is saved with its instances: it is a class of the session, or has one among its bases.
    pub(super) session_class: Option<Bound<'py, PyType>>,
}

impl<'py> AttributePlaces<'py> {
    /// `session` is the module whose classes are saved by value.
    pub(super) fn of(kind: &Bound<'py, PyType>, session: &str) -> PyResult<Self> {
        let is_of_session = |class: Bound<'py, PyAny>| {
            let names = class.cast_into::<PyType>().ok().and_then(|class| namespace(&class).tolerated());
            let module = names.and_then(|names| names.get_item("__module__").tolerated());
            module.is_some_and(|module| module.eq(session).tolerated().unwrap_or(false))
        };
        let is_saved = kind.order().iter().any(is_of_session);
        Ok(Self {
            session_class: is_saved.then(|| kind.clone()),
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
    Series,
    Deque,
    /// A view of a mapping.
    Proxy,
    /// A file in memory.
    MemoryFile,
    /// Holds functions, in these attributes.
    Wrapper(&'static [&'static str]),
}

impl KnownType {
    /// Only of the genuine type: one of the script may claim any name.
    fn of(kind: &Bound<'_, PyType>) -> Option<Self> {
        let known = match type_name(kind).as_str() {
            "functools.partial" => Self::Partial,
            "numpy.ndarray" | "numpy.rec.recarray" | "numpy.recarray" => Self::NumpyArray,
            "pandas.DataFrame" | "pandas.core.frame.DataFrame" => Self::DataFrame,
            "pandas.Series" | "pandas.core.series.Series" => Self::Series,
            "polars.dataframe.frame.DataFrame" => Self::DataFrame,
            "collections.deque" => Self::Deque,
            "mappingproxy" | "types.MappingProxyType" => Self::Proxy,
            "_io.StringIO" | "io.StringIO" | "_io.BytesIO" | "io.BytesIO" => Self::MemoryFile,
            "re.Pattern" => Self::Wrapper(&["pattern"]),
            "method" => Self::Wrapper(&["__func__", "__self__"]),
            "staticmethod" | "classmethod" => Self::Wrapper(&["__func__"]),
            "property" => Self::Wrapper(&["fget", "fset"]),
            _ => return None,
        };
        genuine_module(kind).map(|_| known)
    }
}
