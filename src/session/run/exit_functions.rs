//! Notes what a script registers with `atexit`. Python does not tell which functions these are, so the entries of
//! `register` and `unregister` in the table of the module lead here, and from here to CPython's own. The script sees no
//! difference.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};
use std::sync::OnceLock;

use pyo3::ffi::{PyCFunction as UnaryFunction, PyCFunctionWithKeywords, PyMethodDef, PyMethodDefPointer, PyObject};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyTuple};

use crate::python::deferred_signals::Tolerated as _;

/// What is called with a function, its arguments and its keywords when it is registered; with a function, `None` and
/// `None` when it is taken out again.
static NOTE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static REGISTER: OnceLock<PyCFunctionWithKeywords> = OnceLock::new();
static UNREGISTER: OnceLock<UnaryFunction> = OnceLock::new();

/// The beginning of a built-in function, in all versions of CPython.
#[repr(C)]
struct BuiltinFunction {
    base: PyObject,
    definition: *mut PyMethodDef,
}

/// Begins to note. False if this CPython has other functions than are known.
#[pyfunction]
pub(super) fn watch_exits(
    register: &Bound<'_, PyCFunction>,
    unregister: &Bound<'_, PyCFunction>,
    note: Bound<'_, PyAny>,
) -> bool {
    use pyo3::ffi::{METH_KEYWORDS, METH_O, METH_VARARGS};
    let first = definition(register, c"register", METH_VARARGS | METH_KEYWORDS);
    let second = definition(unregister, c"unregister", METH_O);
    let (Some(first), Some(second)) = (first, second) else { return false };
    if NOTE.set(note.py(), note.unbind()).is_err() {
        return false;
    }
    // SAFETY: `definition` has checked it; tables of methods live forever, and the GIL is held.
    let first_entry = unsafe { *first };
    // SAFETY: as above.
    let second_entry = unsafe { *second };
    // SAFETY: the flags say that this field of the union is set.
    let _ = REGISTER.set(unsafe { first_entry.ml_meth.PyCFunctionWithKeywords });
    // SAFETY: as above.
    let _ = UNREGISTER.set(unsafe { second_entry.ml_meth.PyCFunction });
    let (register, unregister) = (
        PyMethodDefPointer { PyCFunctionWithKeywords: note_register },
        PyMethodDefPointer { PyCFunction: note_unregister },
    );
    // SAFETY: CPython's tables of methods are writable.
    unsafe { (*first).ml_meth = register };
    // SAFETY: as above.
    unsafe { (*second).ml_meth = unregister };
    true
}

/// The entry of a built-in function in the table of its module, if it is as expected.
fn definition(function: &Bound<'_, PyCFunction>, name: &CStr, flags: c_int) -> Option<*mut PyMethodDef> {
    // SAFETY: it is a built-in function, which begins like this; the GIL is held.
    let definition = unsafe { (*function.as_ptr().cast::<BuiltinFunction>()).definition };
    // SAFETY: it is a built-in function. This function of the C API reads the same table.
    let known = unsafe { pyo3::ffi::PyCFunction_GetFlags(function.as_ptr()) };
    // SAFETY: as above.
    let address = unsafe { pyo3::ffi::PyCFunction_GetFunction(function.as_ptr()) };
    // SAFETY: a built-in function has an entry in a table, which lives forever.
    let entry = unsafe { *definition };
    // SAFETY: an entry has a name, a string of C.
    let own_name = unsafe { CStr::from_ptr(entry.ml_name) };
    // SAFETY: every field of the union is a pointer to a function.
    let own = unsafe { entry.ml_meth.PyCFunction };
    let is_same = address.is_some_and(|address| std::ptr::fn_addr_eq(address, own));
    (own_name == name && is_same && entry.ml_flags == flags && known == flags).then_some(definition)
}

/// Stands for `atexit.register`.
unsafe extern "C" fn note_register(
    module: *mut PyObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    let Some(original) = REGISTER.get() else { return std::ptr::null_mut() };
    // SAFETY: these are the arguments that CPython would have passed to it.
    let done = unsafe { original(module, arguments, keywords) };
    if !done.is_null() {
        // SAFETY: CPython holds the GIL, and passes a tuple, and a dict or NULL.
        unsafe { Python::attach(|py| note(py, arguments, keywords)) }
    }
    done
}

/// Stands for `atexit.unregister`.
unsafe extern "C" fn note_unregister(module: *mut PyObject, function: *mut PyObject) -> *mut PyObject {
    let Some(original) = UNREGISTER.get() else { return std::ptr::null_mut() };
    // SAFETY: these are the arguments that CPython would have passed to it.
    let done = unsafe { original(module, function) };
    if !done.is_null() {
        Python::attach(|py| {
            // SAFETY: CPython passes an object.
            let function = unsafe { Bound::from_borrowed_ptr(py, function) };
            if let Some(note) = NOTE.get(py) {
                note.call1(py, (function, py.None(), py.None())).tolerated();
            }
        });
    }
    done
}

/// # Safety
/// The arguments must be a tuple, and a dict or NULL.
unsafe fn note(py: Python<'_>, arguments: *mut PyObject, keywords: *mut PyObject) {
    // SAFETY: see above.
    let arguments = unsafe { Bound::from_borrowed_ptr(py, arguments) };
    // SAFETY: see above.
    let keywords = unsafe { Bound::from_borrowed_ptr_or_opt(py, keywords) };
    let Ok(arguments) = arguments.cast_into::<PyTuple>() else { return };
    let (Some(note), Ok(function)) = (NOTE.get(py), arguments.get_item(0)) else { return };
    let rest = arguments.get_slice(1, arguments.len());
    let keywords = keywords.unwrap_or_else(|| pyo3::types::PyDict::new(py).into_any());
    note.call1(py, (function, rest, keywords)).tolerated();
}
