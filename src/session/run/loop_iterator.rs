//! The iterator that a loop gets in place of its own where each iteration is to be the end of a step. It is called in
//! every iteration, so it is a type of C functions: they compare a flag, and call the real iterator.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::step_sites::iteration_ended;
use crate::python::step_signals::is_due;

type IterNext = unsafe extern "C" fn(*mut ffi::PyObject) -> *mut ffi::PyObject;

#[repr(C)]
struct LoopIterator {
    base: ffi::PyObject,
    /// The real iterator, of which this has a reference.
    inner: *mut ffi::PyObject,
    /// Its `__next__`.
    next: Option<IterNext>,
}

/// Wraps an iterator.
pub(super) fn wrap<'py>(inner: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = inner.py();
    let kind = iterator_type(py)?.as_ptr().cast::<ffi::PyTypeObject>();
    // SAFETY: the type is alive, and its objects have no variable part.
    let made = unsafe { ffi::PyType_GenericAlloc(kind, 0) };
    // SAFETY: a new reference, or NULL with an exception set.
    let made = unsafe { Bound::from_owned_ptr_or_err(py, made) }?;
    // SAFETY: a live object.
    let kind = unsafe { ffi::Py_TYPE(inner.as_ptr()) };
    // SAFETY: the type of a live object; from 3.10 on, static types are allowed.
    let slot = unsafe { ffi::PyType_GetSlot(kind, ffi::Py_tp_iternext) };
    if slot.is_null() {
        return Err(PySystemError::new_err("an iterator without __next__"));
    }
    let fields = made.as_ptr().cast::<LoopIterator>();
    // SAFETY: the object was made with this layout, and nothing else knows it yet.
    let fields = unsafe { &mut *fields };
    fields.inner = inner.clone().into_ptr();
    // SAFETY: the slot has a function of this type.
    fields.next = Some(unsafe { std::mem::transmute::<*mut c_void, IterNext>(slot) });
    Ok(made)
}

/// Whether the type of an object says itself what `object @ other` is.
pub(super) fn multiplies(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a live object.
    let kind = unsafe { ffi::Py_TYPE(object.as_ptr()) };
    // SAFETY: the type of a live object; from 3.10 on, static types are allowed.
    !unsafe { ffi::PyType_GetSlot(kind, ffi::Py_nb_matrix_multiply) }.is_null()
}

unsafe extern "C" fn next(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    if is_due() && !end_iteration() {
        return null_mut();
    }
    let fields = this.cast::<LoopIterator>();
    // SAFETY: Python calls this with an object of the type.
    let fields = unsafe { &*fields };
    match fields.next {
        // SAFETY: the slot of the type of `inner`, which this object keeps alive.
        Some(next) => unsafe { next(fields.inner) },
        None => null_mut(),
    }
}

/// Returns false with an exception set.
#[cold]
fn end_iteration() -> bool {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY of the token: Python calls `next` with the GIL.
        Python::attach(|py| iteration_ended(py).map_err(|error| error.restore(py)).is_ok())
    }));
    ended.unwrap_or(true)
}

unsafe extern "C" fn iter(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: Python calls this with a live object.
    unsafe { ffi::Py_IncRef(this) };
    this
}

unsafe extern "C" fn dealloc(this: *mut ffi::PyObject) {
    // SAFETY: the object is alive until `free`.
    let kind = unsafe { ffi::Py_TYPE(this) };
    // SAFETY: an object of the type.
    let LoopIterator { inner, .. } = unsafe { &*this.cast::<LoopIterator>() };
    // SAFETY: the object had a reference to it, or NULL.
    unsafe { ffi::Py_DecRef(*inner) };
    // SAFETY: heap types have this slot.
    let free = unsafe { ffi::PyType_GetSlot(kind, ffi::Py_tp_free) };
    if !free.is_null() {
        // SAFETY: the slot has a function of this type.
        let free = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(free) };
        // SAFETY: the object was allocated for this type, and has no references left.
        unsafe { free(this.cast()) };
    }
    // SAFETY: an object of a heap type has a reference to it.
    unsafe { ffi::Py_DecRef(kind.cast()) };
}

fn iterator_type(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static TYPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = TYPE.get_or_try_init(py, || {
        let mut slots = [
            ffi::PyType_Slot { slot: ffi::Py_tp_iternext, pfunc: next as IterNext as *mut c_void },
            ffi::PyType_Slot { slot: ffi::Py_tp_iter, pfunc: iter as IterNext as *mut c_void },
            ffi::PyType_Slot {
                slot: ffi::Py_tp_dealloc,
                pfunc: dealloc as unsafe extern "C" fn(*mut ffi::PyObject) as *mut c_void,
            },
            ffi::PyType_Slot { slot: 0, pfunc: null_mut() },
        ];
        let mut spec = ffi::PyType_Spec {
            name: c"snapcli.LoopIterator".as_ptr(),
            basicsize: size_of::<LoopIterator>() as c_int,
            itemsize: 0,
            flags: ffi::Py_TPFLAGS_DEFAULT as u32,
            slots: slots.as_mut_ptr(),
        };
        // SAFETY: the spec and its slots are valid for the call, and the name lives forever.
        let made = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
        // SAFETY: a new reference, or NULL with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(py, made) }.map(Bound::unbind)
    })?;
    Ok(made.bind(py))
}
