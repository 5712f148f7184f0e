//! dill, which stays the authority for all that is not built in: when it is imported, and which of its functions
//! serves a type.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule, PyType};

/// Imports dill when somebody needs it.
pub type Importer = Box<dyn Fn(Python<'_>) -> PyResult<Py<PyModule>> + Send + Sync>;

/// See the module.
pub(super) struct Dill {
    pub(super) import: Importer,
}

impl Dill {
    /// Whether dill may have a function for a type of this module. It registers types of the standard library only,
    /// so others are asked about only where dill has been imported, when a user can have registered more.
    pub(super) fn knows(&self, py: Python<'_>, module: &str) -> PyResult<bool> {
        let sys = py.import("sys")?;
        let top = module.split('.').next().unwrap_or_default();
        Ok(sys.getattr("modules")?.contains("dill")? || sys.getattr("stdlib_module_names")?.contains(top)?)
    }

    /// dill's function for the objects of a type.
    pub(super) fn function(&self, kind: &Bound<'_, PyType>) -> PyResult<Option<Py<PyAny>>> {
        let py = kind.py();
        let dill = (self.import)(py)?;
        let table = dill.bind(py).getattr("Pickler")?.getattr("dispatch")?;
        let function = table.call_method1("get", (kind,))?;
        Ok((!function.is_none()).then(|| function.unbind()))
    }

    /// dill's own `save`, for types that it learns as it goes.
    pub(super) fn save_whole(&self, pickler: &Bound<'_, PyAny>, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = pickler.py();
        let dill = (self.import)(py)?;
        dill.bind(py).getattr("Pickler")?.call_method1("save", (pickler, object)).map(drop)
    }
}
