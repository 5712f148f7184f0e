//! The buffer protocol: the memory of an object, borrowed until the view is dropped.
//!
//! The pickler writes large contents straight from there, and a restore fills arrays through it. pyo3 has no buffers
//! for the stable ABI of Python 3.10, so the three functions are declared here.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;

/// `Py_buffer`. It is part of the stable ABI since 3.11, with the layout that it has had since 3.0.
#[repr(C)]
struct RawPyBuffer {
    data: *mut c_void,
    object: *mut ffi::PyObject,
    length: isize,
    item_size: isize,
    read_only: c_int,
    dimensions: c_int,
    format: *mut c_char,
    shape: *mut isize,
    strides: *mut isize,
    suboffsets: *mut isize,
    internal: *mut c_void,
}

unsafe extern "C" {
    fn PyObject_GetBuffer(object: *mut ffi::PyObject, view: *mut RawPyBuffer, flags: c_int) -> c_int;
    fn PyBuffer_IsContiguous(view: *const RawPyBuffer, order: c_char) -> c_int;
    fn PyBuffer_Release(view: *mut RawPyBuffer);
}

/// `PyBUF_FULL_RO`: any memory layout, also read-only.
const FULL_READ_ONLY: c_int = 0x011c;
/// `PyBUF_WRITABLE`: contiguous bytes.
const WRITABLE: c_int = 0x0001;

/// A view of an object's memory.
pub(crate) struct PyBufferView(RawPyBuffer);

// SAFETY: any thread that holds the GIL may read and release a view, and all of the pickler runs with the GIL held.
unsafe impl Send for PyBufferView {}

impl PyBufferView {
    /// A view of any object that supports the buffer protocol.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::with_flags(object, FULL_READ_ONLY)
    }

    /// A view of writable, contiguous memory.
    pub(crate) fn writable(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::with_flags(object, WRITABLE)
    }

    fn with_flags(object: &Bound<'_, PyAny>, flags: c_int) -> PyResult<Self> {
        let mut view = std::mem::MaybeUninit::uninit();
        // SAFETY: a live object, and room for a view.
        let failed = unsafe { PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), flags) };
        if failed != 0 {
            return Err(PyErr::fetch(object.py()));
        }
        // SAFETY: PyObject_GetBuffer has filled it in.
        Ok(Self(unsafe { view.assume_init() }))
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.0.read_only != 0
    }

    pub(crate) fn is_contiguous(&self) -> bool {
        // SAFETY: a view that is held; `A` allows C and Fortran order.
        unsafe { PyBuffer_IsContiguous(&raw const self.0, b'A' as c_char) != 0 }
    }

    /// The bytes. The object cannot resize them while the view exists.
    pub(crate) fn bytes(&self) -> &[u8] {
        // The pointer of an empty buffer may be null, which a slice must not have.
        if self.0.length == 0 {
            return &[];
        }
        // SAFETY: a contiguous buffer of this many bytes, held by the view.
        unsafe { std::slice::from_raw_parts(self.0.data.cast(), self.0.length as usize) }
    }

    /// The bytes, to be filled. The memory must be new: no other code may use it at the same time.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        if self.0.length == 0 || self.is_read_only() {
            return &mut [];
        }
        // SAFETY: a writable buffer of this many bytes, held by the view, and not used by other code as the caller
        // promises.
        unsafe { std::slice::from_raw_parts_mut(self.0.data.cast(), self.0.length as usize) }
    }
}

impl Drop for PyBufferView {
    fn drop(&mut self) {
        // SAFETY: a view that PyObject_GetBuffer filled in, released once.
        unsafe { PyBuffer_Release(&raw mut self.0) };
    }
}
