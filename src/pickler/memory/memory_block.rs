//! A range of memory that several objects of a session use. It becomes one buffer in the file.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::super::pickle_context::pickling_error;
use super::array_layout::ArrayLayout;

/// `PyBUF_READ` and `PyBUF_WRITE`, for `PyMemoryView_FromMemory`.
const READ: c_int = 0x100;
const WRITE: c_int = 0x200;

unsafe extern "C" {
    fn PyMemoryView_FromMemory(memory: *mut c_char, length: isize, flags: c_int) -> *mut ffi::PyObject;
}

/// The object that keeps a range of memory alive.
#[derive(Debug)]
pub(super) enum MemoryOwner {
    /// A `numpy.ndarray`.
    Array(Py<PyAny>),
    /// A `torch.UntypedStorage`.
    Storage(Py<PyAny>),
}

/// A range of memory and its owners.
#[derive(Debug)]
pub(super) struct MemoryBlock {
    pub(super) range: Range<usize>,
    /// Whether any object may write to the memory.
    pub(super) is_writable: bool,
    /// Each with the range of memory that it had when the session was surveyed. Together they cover the block.
    pub(super) owners: Vec<(MemoryOwner, Range<usize>)>,
    /// The array whose memory the block is, if the others are its views.
    pub(super) base: Option<Py<PyAny>>,
    /// The `PickleBuffer` of the memory. The same object each time, so that it is written once.
    buffer: Mutex<Option<Py<PyAny>>>,
    /// A `torch.UntypedStorage` of just this memory, if the block is a part of a storage.
    storage: Mutex<Option<Py<PyAny>>>,
}

impl MemoryOwner {
    /// The memory that the owner has now.
    fn range(&self, py: Python<'_>) -> PyResult<Option<Range<usize>>> {
        match self {
            Self::Array(array) => Ok(ArrayLayout::of_array(array.bind(py))?.map(|layout| layout.span)),
            Self::Storage(storage) => storage_range(storage.bind(py)).map(Some),
        }
    }
}

/// The memory of a `torch.UntypedStorage`.
pub(super) fn storage_range(storage: &Bound<'_, PyAny>) -> PyResult<Range<usize>> {
    let start: usize = storage.call_method0("data_ptr")?.extract()?;
    let length: usize = storage.call_method0("nbytes")?.extract()?;
    Ok(start..start.saturating_add(length))
}

impl MemoryBlock {
    pub(super) fn new(
        range: Range<usize>,
        is_writable: bool,
        owners: Vec<(MemoryOwner, Range<usize>)>,
        base: Option<Py<PyAny>>,
    ) -> Self {
        Self { range, is_writable, owners, base, buffer: Mutex::default(), storage: Mutex::default() }
    }

    /// The `PickleBuffer` of the memory.
    ///
    /// # Errors
    /// If an owner has given up the memory since the survey.
    pub(super) fn buffer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(buffer) = &*self.buffer.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(buffer.bind(py).clone());
        }
        let memory = self.memory_view(py)?;
        let buffer = py.import("pickle")?.getattr("PickleBuffer")?.call1((memory,))?;
        *self.buffer.lock().unwrap_or_else(PoisonError::into_inner) = Some(buffer.clone().unbind());
        Ok(buffer)
    }

    /// A `torch.UntypedStorage` of exactly this memory.
    ///
    /// # Errors
    /// As for [`buffer`](Self::buffer).
    pub(super) fn storage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(storage) = &*self.storage.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(storage.bind(py).clone());
        }
        let torch = py.import("torch")?;
        let options = pyo3::types::PyDict::new(py);
        options.set_item("dtype", torch.getattr("uint8")?)?;
        let tensor = torch.getattr("frombuffer")?.call((self.memory_view(py)?,), Some(&options))?;
        let storage = tensor.call_method0("untyped_storage")?;
        *self.storage.lock().unwrap_or_else(PoisonError::into_inner) = Some(storage.clone().unbind());
        Ok(storage)
    }

    fn memory_view<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        for (owner, range) in &self.owners {
            if owner.range(py)?.as_ref() != Some(range) {
                return Err(pickling_error(py, "the memory of an array changed while the session was saved"));
            }
        }
        let flags = if self.is_writable { WRITE } else { READ };
        let (start, length) = (self.range.start as *mut c_char, self.range.len() as isize);
        // SAFETY: the owners, which this block keeps alive, have this memory.
        let view = unsafe { PyMemoryView_FromMemory(start, length, flags) };
        // SAFETY: a new reference, or NULL with an exception set.
        unsafe { Bound::from_owned_ptr_or_err(py, view) }
    }
}
