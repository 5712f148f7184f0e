//! The few functions of CPython's C API that PyO3 does not wrap, each with a safe wrapper. All but [`run_file`] use the
//! stable ABI of 3.10.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::fs::File;
use std::io;
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;

use pyo3::exceptions::{PyAttributeError, PySystemExit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyAny, PyBytes, PyDict, PyModule, PySlice, PyString};

use super::deferred_signals::{Tolerated as _, check_signals};
use crate::exit;
use crate::ui::messages::print_line;

unsafe extern "C" {
    // Exported by every CPython 3, but not part of the stable ABI. No function of the stable ABI reads a source file as
    // `python SCRIPT` does, with the same errors for encodings and NUL bytes.
    fn PyRun_FileExFlags(
        file: *mut libc::FILE,
        filename: *const c_char,
        start: c_int,
        globals: *mut pyo3::ffi::PyObject,
        locals: *mut pyo3::ffi::PyObject,
        close: c_int,
        flags: *mut c_int,
    ) -> *mut pyo3::ffi::PyObject;
}

/// `Py_file_input` of `compile.h`: a file of statements.
const FILE_INPUT: c_int = 257;

/// The name of standard input in tracebacks.
pub(crate) const STANDARD_INPUT: &str = "<stdin>";

/// `slice(start, end)`. `PySlice::new` of PyO3 does not free the numbers that it makes.
pub(crate) fn slice(py: Python<'_>, start: usize, end: usize) -> PyResult<Bound<'_, PyAny>> {
    py.get_type::<PySlice>().call1((start, end))
}

/// `bytes(data)`. `PyBytes::new` of PyO3 panics where memory has no room for it.
pub(crate) fn bytes<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let length = isize::try_from(data.len())?;
    // SAFETY: `data` has that many bytes, and the GIL is held.
    let made = unsafe { pyo3::ffi::PyBytes_FromStringAndSize(data.as_ptr().cast(), length) };
    // SAFETY: PyBytes_FromStringAndSize returns a new reference, or NULL with an exception.
    let made = unsafe { Bound::from_owned_ptr_or_err(py, made) }?;
    Ok(made.cast_into::<PyBytes>()?)
}

/// An attribute of `sys`. Importing `sys` for it would take ten times as long.
pub(crate) fn sys_attribute<'py>(py: Python<'py>, name: &CStr) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the name is a C string, and the GIL is held.
    let found = unsafe { pyo3::ffi::PySys_GetObject(name.as_ptr()) };
    // SAFETY: PySys_GetObject returns a borrowed reference, or NULL without an exception.
    let found = unsafe { Bound::from_borrowed_ptr_or_opt(py, found) };
    found.ok_or_else(|| PyAttributeError::new_err(format!("sys has no {}", name.to_string_lossy())))
}

/// `sys.modules`.
pub(crate) fn loaded_modules(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    /// The namespace of `sys`, in which a lookup takes a tenth of the time that `PySys_GetObject` takes: that makes a
    /// string of the name.
    static SYS: PyOnceLock<Option<Py<PyDict>>> = PyOnceLock::new();
    let find = || {
        let (names, modules) = (py.import("sys").tolerated()?.dict(), sys_attribute(py, c"modules").tolerated()?);
        // The script may have put another module in the place of `sys`.
        let is_own = names.get_item("modules").tolerated().flatten().is_some_and(|found| found.is(&modules));
        is_own.then(|| names.unbind())
    };
    let names = SYS.get_or_init(py, find).as_ref();
    match names.and_then(|names| names.bind(py).get_item(intern!(py, "modules")).tolerated().flatten()) {
        Some(modules) => Ok(modules),
        None => sys_attribute(py, c"modules"),
    }
}

/// A module, which is imported unless it is loaded. `Python::import` takes ten times as long for one that is: it calls
/// `__import__`.
pub(crate) fn module<'py>(name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyModule>> {
    let py = name.py();
    let modules = loaded_modules(py).tolerated().and_then(|modules| modules.cast_into::<PyDict>().ok());
    let found = modules.and_then(|modules| modules.get_item(name).tolerated().flatten());
    // A script may have put another object in its place.
    found.and_then(|found| found.cast_into::<PyModule>().ok()).map_or_else(|| py.import(name), Ok)
}

/// Reads and runs a source file under the name `filename`, then flushes the standard streams.
pub(crate) fn run_file<'py>(
    file: File,
    filename: &OsStr,
    namespace: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let name = CString::new(filename.as_bytes())?;
    // SAFETY: the descriptor is open and is given away here; the mode is a C string.
    let stream = unsafe { libc::fdopen(file.into_raw_fd(), c"rb".as_ptr()) };
    if stream.is_null() {
        return Err(io::Error::last_os_error().into());
    }
    if filename == STANDARD_INPUT && begins_as_pickle(stream) {
        // SAFETY: the stream is open, and is not used after this.
        unsafe { libc::fclose(stream) };
        print_line("standard input holds a snapshot, not Python code: to restore it: snapcli restore -");
        return Err(PySystemExit::new_err(exit::USAGE));
    }
    // Ctrl-C may have ended the wait for the first byte.
    check_signals(namespace.py())?;
    let globals = namespace.as_ptr();
    // SAFETY: the stream is open and is closed by the call, name and namespace live for it, the GIL is held, and
    // NULL flags stand for the defaults.
    let result =
        unsafe { PyRun_FileExFlags(stream, name.as_ptr(), FILE_INPUT, globals, globals, 1, std::ptr::null_mut()) };
    // SAFETY: PyRun_FileExFlags returns a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(namespace.py(), result) }
}

/// Whether the first byte is that of a pickle, which Python code never begins with. The byte stays in the stream.
fn begins_as_pickle(stream: *mut libc::FILE) -> bool {
    const PROTO: c_int = 0x80;
    // SAFETY: the caller has opened the stream.
    let first = unsafe { libc::fgetc(stream) };
    // SAFETY: as above; one byte can be put back, and the end of a file is ignored.
    unsafe { libc::ungetc(first, stream) };
    first == PROTO
}

/// Runs a code object with `namespace` as its globals and locals, without a Python frame below it.
pub(crate) fn eval_code<'py>(code: &Bound<'py, PyAny>, namespace: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    super::call_watch::see_module(code);
    // SAFETY: all three pointers are live objects for the call, and the GIL is held. CPython itself checks
    // that the globals are a dict and raises where the first is no code object.
    let result = unsafe { pyo3::ffi::PyEval_EvalCode(code.as_ptr(), namespace.as_ptr(), namespace.as_ptr()) };
    // SAFETY: PyEval_EvalCode returns a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// A number for this thread.
pub(crate) fn this_thread() -> u64 {
    // SAFETY: has no preconditions.
    unsafe { libc::pthread_self() as u64 }
}

/// The innermost Python frame of this thread, unless it executes no Python code.
pub(crate) fn current_frame(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    // SAFETY: the GIL is held.
    let frame = unsafe { pyo3::ffi::PyEval_GetFrame() };
    // SAFETY: PyEval_GetFrame returns a borrowed reference, or NULL without an exception.
    unsafe { Bound::from_borrowed_ptr_or_opt(py, frame.cast()) }
}

/// The importer for a path: folders and zip archives have one. Python's `None` for a script.
pub(crate) fn importer_for<'py>(py: Python<'py>, path: &OsStr) -> PyResult<Bound<'py, PyAny>> {
    let path = path.into_pyobject(py)?;
    // SAFETY: the path is a live object and the GIL is held.
    let importer = unsafe { pyo3::ffi::PyImport_GetImporter(path.as_ptr()) };
    // SAFETY: PyImport_GetImporter returns a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, importer) }
}
