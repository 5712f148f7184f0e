//! Raw buffers: the memory behind a `PickleBuffer`, written as it lies there.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;

use super::native::Native;
use super::op;
use super::reduce::pickling_error;

/// `Py_buffer`. It came into the stable ABI with 3.11, with the layout that it has had since 3.0.
#[repr(C)]
struct View {
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
    fn PyObject_GetBuffer(object: *mut ffi::PyObject, view: *mut View, flags: c_int) -> c_int;
    fn PyBuffer_IsContiguous(view: *const View, order: c_char) -> c_int;
    fn PyBuffer_Release(view: *mut View);
}

/// `PyBUF_FULL_RO`: any layout, read-only too.
const FULL_READ_ONLY: c_int = 0x011c;
/// `PyBUF_WRITABLE`: one stretch of bytes.
const WRITABLE: c_int = 0x0001;

/// The memory of an object, held until this is dropped.
pub(crate) struct Held(View);

// SAFETY: a view may be read and released by any thread that holds the GIL, and all of the pickler runs with it.
unsafe impl Send for Held {}

impl Held {
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::with(object, FULL_READ_ONLY)
    }

    /// Memory that may be written to.
    pub(crate) fn writable(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::with(object, WRITABLE)
    }

    fn with(object: &Bound<'_, PyAny>, flags: c_int) -> PyResult<Self> {
        let mut view = std::mem::MaybeUninit::uninit();
        // SAFETY: a live object, and room for a view.
        let failed = unsafe { PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), flags) };
        if failed != 0 {
            return Err(PyErr::fetch(object.py()));
        }
        // SAFETY: PyObject_GetBuffer has filled it in.
        Ok(Self(unsafe { view.assume_init() }))
    }

    /// Whether its owner may not write to it.
    pub(super) fn is_read_only(&self) -> bool {
        self.0.read_only != 0
    }

    fn is_contiguous(&self) -> bool {
        // SAFETY: a view that is held; `A` asks for either order.
        unsafe { PyBuffer_IsContiguous(&raw const self.0, b'A' as c_char) != 0 }
    }

    /// The bytes. The object may not resize them while the view is held; nothing else runs while they are copied.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.0.length == 0 {
            return &[];
        }
        // SAFETY: a contiguous buffer of this many bytes, held by the view.
        unsafe { std::slice::from_raw_parts(self.0.data.cast(), self.0.length as usize) }
    }
}

impl Held {
    /// The bytes, to be filled. The memory must be new: nobody else may look at it meanwhile.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        if self.0.length == 0 || self.is_read_only() {
            return &mut [];
        }
        // SAFETY: a writable buffer of this many bytes, held by the view, and reached by nobody else as the caller says.
        unsafe { std::slice::from_raw_parts_mut(self.0.data.cast(), self.0.length as usize) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: a view that PyObject_GetBuffer gave, released once.
        unsafe { PyBuffer_Release(&raw mut self.0) };
    }
}

/// Writes a `PickleBuffer` within the stream: `bytes` if it is read-only, else `bytearray`, as pickle does. It is `raw` where
/// a load may put any other memory in its place.
pub(super) fn save<'py>(native: &Bound<'py, Native>, object: &Bound<'py, PyAny>, raw: bool) -> PyResult<()> {
    let held = Held::of(object)?;
    if !held.is_contiguous() {
        let text = "PickleBuffer can not be pickled when pointing to a non-contiguous buffer";
        return Err(pickling_error(object.py(), text));
    }
    if let Some(callback) = &native.get().buffer_callback
        && !callback.bind(object.py()).call1((object,))?.is_truthy()?
    {
        let mut core = native.get().lock()?;
        core.out.byte(op::NEXT_BUFFER);
        if held.is_read_only() {
            core.out.byte(op::READONLY_BUFFER);
        }
        return Ok(());
    }
    let mut core = native.get().lock()?;
    core.out.buffer(held, raw)?;
    core.memoize(object);
    Ok(())
}
