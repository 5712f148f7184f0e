//! `%load_ext snapcli`: IPython imports the module and calls the first of these functions. The magic itself is in
//! `ipython_magics.py`, which uses the functions of `import snapcli`.

use std::ffi::CStr;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule};

use crate::report::inspect_report::SessionReport;
use crate::report::inspect_text;
use crate::report::table::TableStyle;
use crate::snapshot::reader::Snapshot;

/// The name of the module with the magic.
const MAGICS: &CStr = c"_snapcli_magics";

const SOURCE: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("ipython_magics.py"), "\0").as_bytes()) {
    Ok(source) => source,
    Err(_) => c"",
};

/// Defines the magic %snap. `%load_ext snapcli` calls this.
#[pyfunction]
pub(super) fn load_ipython_extension(ipython: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = ipython.py();
    magics(py)?.call_method1("load", (ipython, wrap_pyfunction!(snapshot_text, py)?)).map(drop)
}

/// Removes the magic %snap. `%unload_ext snapcli` calls this.
#[pyfunction]
pub(super) fn unload_ipython_extension(ipython: &Bound<'_, PyAny>) -> PyResult<()> {
    magics(ipython.py())?.call_method1("unload", (ipython,)).map(drop)
}

/// The module with the magic. It is made once, and stays in `sys.modules`.
fn magics(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    match py.import("sys")?.getattr("modules")?.get_item(MAGICS.to_string_lossy()) {
        Ok(module) => Ok(module.cast_into::<PyModule>()?),
        Err(_) => PyModule::from_code(py, SOURCE, c"<snapcli magics>", MAGICS),
    }
}

/// The output of a cell is wider than that, and a narrower terminal wraps it.
const STYLE: TableStyle = TableStyle { width: Some(100), colour: false, unicode: true };

/// What `snapcli inspect` prints for a file.
#[pyfunction]
fn snapshot_text(path: PathBuf) -> PyResult<String> {
    let name = path.display().to_string();
    let text = || -> anyhow::Result<String> {
        let snapshot = Snapshot::open(&path)?;
        let report = SessionReport::of(name.clone(), &snapshot)?;
        let mut out = Vec::new();
        inspect_text::write_session(&mut out, &report, STYLE, false)?;
        Ok(String::from_utf8_lossy(&out).trim_end().to_owned())
    };
    text().map_err(|error| pyo3::exceptions::PyOSError::new_err(format!("cannot inspect {name}: {error:#}")))
}
