//! Memory for the raw buffers of arrays: a private mapping of the file, or new memory that they are read into.
//!
//! It is Python's own `mmap` and `bytearray` objects, so that it lives as long as an array needs it, and no longer.

use std::os::fd::AsRawFd;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyByteArray, PyDict, PyMemoryView, PySlice};

use crate::pickler::Held;
use crate::snapshot::index::{Buffer, Variable};
use crate::snapshot::reader::{Memory, Snapshot};

/// From this length on a buffer gets pages of its own, which need not be filled with zeros first. A process can have
/// some 65,000 mappings only.
const OWN_PAGES: u64 = 4 << 20;

/// The memory of a variable's buffers, in their order.
pub(super) enum Buffers<'py> {
    /// Views of the mapped file.
    Mapped(Vec<Bound<'py, PyAny>>),
    /// Memory of their own, and what holds it while it is filled.
    Own(Vec<(Bound<'py, PyAny>, Held)>),
}

impl<'py> Buffers<'py> {
    /// Memory for the buffers of a variable, not filled yet.
    pub(super) fn new(py: Python<'py>, variable: &Variable) -> PyResult<Self> {
        let make = |buffer: &Buffer| {
            let memory = allocate(py, buffer.length)?;
            let held = Held::writable(&memory)?;
            Ok((PyMemoryView::from(&memory)?.into_any(), held))
        };
        variable.buffers.iter().map(make).collect::<PyResult<_>>().map(Self::Own)
    }

    /// Where [`Snapshot::fetch`] is to bring the contents.
    pub(super) fn places(&mut self) -> Memory<'_> {
        match self {
            Self::Mapped(_) => Memory::Mapped,
            Self::Own(buffers) => Memory::Filled(buffers.iter_mut().map(|(_, held)| held.bytes_mut()).collect()),
        }
    }

    /// The objects that the unpickler gets.
    pub(super) fn into_objects(self) -> Vec<Bound<'py, PyAny>> {
        match self {
            Self::Mapped(views) => views,
            Self::Own(buffers) => buffers.into_iter().map(|(memory, _)| memory).collect(),
        }
    }
}

pub(super) fn allocate(py: Python<'_>, length: u64) -> PyResult<Bound<'_, PyAny>> {
    let size = usize::try_from(length).map_err(|_| PyValueError::new_err("a buffer is too large for this machine"))?;
    if length < OWN_PAGES {
        return PyByteArray::new_with(py, size, |_| Ok(())).map(Bound::into_any);
    }
    let module = py.import("mmap")?;
    let flag = |name: &str| module.getattr(name)?.extract::<i32>();
    let options = PyDict::new(py);
    // A shared mapping, which is Python's default, would be written to by forked children.
    options.set_item("flags", flag("MAP_PRIVATE")? | flag("MAP_ANONYMOUS")?)?;
    let memory = module.getattr("mmap")?.call((-1, size), Some(&options))?;
    if let Some(huge) = module.getattr_opt("MADV_HUGEPAGE")? {
        // Hundreds of times fewer page faults, where the system has such pages; no matter where it has none.
        let _ = memory.call_method1("madvise", (huge,));
    }
    Ok(memory)
}

/// A file that is mapped: what is written to it stays in this process.
pub(super) struct MappedFile<'py>(Bound<'py, PyMemoryView>);

impl<'py> MappedFile<'py> {
    /// Maps the file of a snapshot; None where it has none.
    pub(super) fn new(py: Python<'py>, snapshot: &Snapshot) -> PyResult<Option<Self>> {
        let Some(file) = snapshot.file() else { return Ok(None) };
        let module = py.import("mmap")?;
        let options = PyDict::new(py);
        options.set_item("access", module.getattr("ACCESS_COPY")?)?;
        let mapping = module.getattr("mmap")?.call((file.as_raw_fd(), snapshot.file_len()), Some(&options))?;
        Ok(Some(Self(PyMemoryView::from(&mapping)?)))
    }

    /// Views of a variable's buffers.
    pub(super) fn buffers(&self, variable: &Variable) -> PyResult<Buffers<'py>> {
        let view = |buffer: &Buffer| {
            let end = buffer.offset.saturating_add(buffer.length);
            let place = |at: u64| isize::try_from(at).unwrap_or(isize::MAX);
            self.0.get_item(PySlice::new(self.0.py(), place(buffer.offset), place(end), 1))
        };
        variable.buffers.iter().map(view).collect::<PyResult<_>>().map(Buffers::Mapped)
    }
}
