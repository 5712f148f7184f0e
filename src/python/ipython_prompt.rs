//! The prompt of IPython in the running interpreter, with `__main__` as its namespace.

use std::ffi::CStr;
use std::path::Path;

use anyhow::Result;
use pyo3::exceptions::{PyModuleNotFoundError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule};

use crate::exit;

const SOURCE: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("ipython_prompt.py"), "\0").as_bytes()) {
    Ok(source) => source,
    Err(_) => c"",
};

/// IPython is installed, and its prompt can be started.
pub(crate) struct IpythonPrompt<'py>(Bound<'py, PyAny>);

impl<'py> IpythonPrompt<'py> {
    /// # Errors
    /// With exit code 6, if the Python with the path `executable` does not have IPython.
    pub(crate) fn find(py: Python<'py>, executable: &Path) -> Result<Self> {
        let module = PyModule::from_code(py, SOURCE, c"<snapcli prompt>", c"_snapcli_prompt");
        let module = module.map_err(|error| {
            let advice = "install it with `pip install ipython`, or leave out --ipython";
            let shown = executable.display();
            let text = if error.is_instance_of::<PyModuleNotFoundError>(py) {
                format!("{shown} has no IPython: {advice}")
            } else {
                format!("the IPython of {shown} cannot be imported ({error}): {advice}")
            };
            exit::error(exit::NO_PYTHON, text)
        })?;
        Ok(Self(module.getattr("run")?))
    }

    /// Runs the prompt to its end.
    pub(crate) fn run(self) -> Result<()> {
        match self.0.call0() {
            Err(error) if !error.is_instance_of::<PySystemExit>(self.0.py()) => Err(error.into()),
            _ => Ok(()),
        }
    }
}
