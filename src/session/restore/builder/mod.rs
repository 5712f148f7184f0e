//! Makes the Python objects of a file that is not trusted, by the recipes of its
//! [`BuildPlan`](crate::pickle::build_plan::BuildPlan). No unpickler runs, and nothing of the file is called.

mod array_objects;
mod instance_objects;
mod pandas_objects;
mod random_objects;
mod value_objects;

use pyo3::prelude::*;

/// What the makers of objects need.
pub(super) struct BuildContext<'py> {
    py: Python<'py>,
}

impl<'py> BuildContext<'py> {
    /// The Python that runs.
    pub(super) fn py(&self) -> Python<'py> {
        self.py
    }

    /// A global of a module that is imported only from the directories where packages are installed.
    pub(super) fn global(&self, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
        super::untrusted_load::import_installed(self.py, module)?.getattr(name)
    }
}
