//! The state of the interpreter before the first line of the script, or before a session is restored: what differs
//! from it later is what the session changed.

use std::path::PathBuf;
use std::sync::OnceLock;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::ffi::module;

/// The state at the start. Recording it takes some microseconds, and imports nothing.
pub(crate) struct StartState {
    /// `os.environ` as a dict.
    pub environ: Py<PyDict>,
    /// The dict of bytes that `os.environ` keeps, copied. While that has the same items, nothing was changed.
    pub environ_bytes: Option<Py<PyDict>>,
    /// `sys.path`.
    pub path: Vec<String>,
    /// The same, copied. While `sys.path` has the same items, nothing was changed.
    pub path_list: Py<PyList>,
    pub directory: PathBuf,
    /// `warnings.filters`.
    pub filters: Py<PyList>,
    pub recursion_limit: usize,
    /// `sys.get_int_max_str_digits()`; `None` before Python 3.10.7.
    pub int_digits: Option<usize>,
    /// The locale of all categories.
    pub locale: String,
}

static START: OnceLock<StartState> = OnceLock::new();
/// `sys.path[0]`, once it is known: it is the directory of the script.
static SCRIPT_DIRECTORY: OnceLock<String> = OnceLock::new();

/// Records the state, unless it was recorded before. A failure only means that less can be said later.
pub(crate) fn record(py: Python<'_>) {
    if START.get().is_none()
        && let Ok(state) = now(py)
    {
        let _ = START.set(state);
    }
}

/// Records the state after `sys.path[0]` was set for a script.
pub(super) fn record_for_script(py: Python<'_>) {
    record(py);
    let first = py.import("sys").and_then(|sys| sys.getattr("path")?.get_item(0)?.extract::<String>());
    if let Ok(first) = first {
        let _ = SCRIPT_DIRECTORY.set(first);
    }
}

/// The recorded state.
pub(crate) fn get() -> Option<&'static StartState> {
    START.get()
}

/// `sys.path[0]` when the script began.
pub(crate) fn script_directory() -> Option<&'static str> {
    SCRIPT_DIRECTORY.get().map(String::as_str)
}

fn now(py: Python<'_>) -> PyResult<StartState> {
    let sys = py.import("sys")?;
    let filters = py.import("_warnings")?.getattr("filters")?.cast_into::<PyList>()?;
    let int_digits = sys.getattr_opt("get_int_max_str_digits")?.map(|get| get.call0()?.extract()).transpose()?;
    Ok(StartState {
        environ_bytes: environ_bytes(py).and_then(|bytes| Some(bytes.copy().ok()?.unbind())),
        environ: py.import("os")?.getattr("environ")?.call_method0("copy")?.cast_into::<PyDict>()?.unbind(),
        path: strings(&sys.getattr("path")?)?,
        path_list: copy_of(&sys.getattr("path")?.cast_into::<PyList>()?),
        directory: std::env::current_dir().unwrap_or_default(),
        filters: copy_of(&filters),
        recursion_limit: sys.call_method0("getrecursionlimit")?.extract()?,
        int_digits,
        locale: current_locale(),
    })
}

fn copy_of(list: &Bound<'_, PyList>) -> Py<PyList> {
    list.get_slice(0, list.len()).unbind()
}

/// The dict of bytes that `os.environ` keeps.
pub(crate) fn environ_bytes(py: Python<'_>) -> Option<Bound<'_, PyDict>> {
    let environ = module(intern!(py, "os")).ok()?.getattr(intern!(py, "environ")).ok()?;
    environ.getattr_opt("_data").ok()??.cast_into_exact::<PyDict>().ok()
}

/// The strings of a list such as `sys.path`, without other objects.
pub(crate) fn strings(list: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    // Not `try_iter`: collecting from an iterator imports `operator`.
    Ok(list.cast::<PyList>()?.iter().filter_map(|item| item.extract().ok()).collect())
}

/// The locale of all categories, as `locale.setlocale(LC_ALL)` returns it, without importing that module.
#[allow(unsafe_code, reason = "a call of the C library")]
pub(crate) fn current_locale() -> String {
    // SAFETY: with a null pointer, `setlocale` only returns a string.
    let locale = unsafe { libc::setlocale(libc::LC_ALL, std::ptr::null()) };
    if locale.is_null() {
        return String::new();
    }
    // SAFETY: the string is valid until the next call, and is copied at once. The caller holds the GIL.
    unsafe { std::ffi::CStr::from_ptr(locale) }.to_string_lossy().into_owned()
}
