//! Memory for the raw buffers of arrays: a private mapping of the file, or new memory that they are read into.
//!
//! It consists of Python's own `mmap` and `bytearray` objects, so it lives exactly as long as an array needs it.

use std::ops::Range;
use std::os::fd::AsRawFd;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyByteArray, PyDict, PyMemoryView, PySlice};

use crate::pickler::PyBufferView;
use crate::snapshot::reader::{Memory, Snapshot};
use crate::snapshot::segment::VariableSegment;

/// Buffers of this length and more, in bytes, get pages of their own, which need not be filled with zeros first.
/// Smaller ones do not, as a process can have some 65,000 mappings only.
const MIN_OWN_PAGES: usize = 4 << 20;

/// The memory of a variable's raw buffers, in their order.
pub(super) enum BufferMemory<'py> {
    /// Views of the mapped file.
    Mapped(Vec<Bound<'py, PyAny>>),
    /// New memory, each with the lock that keeps it in place while it is filled.
    Allocated(Vec<(Bound<'py, PyAny>, PyBufferView)>),
}

impl<'py> BufferMemory<'py> {
    /// New memory for the buffers of a segment, not filled yet.
    pub(super) fn allocate(py: Python<'py>, segment: &VariableSegment<'_>) -> PyResult<Self> {
        let make = |contents: Range<usize>| {
            let memory = allocate(py, contents.len())?;
            let held = PyBufferView::writable(&memory)?;
            Ok((PyMemoryView::from(&memory)?.into_any(), held))
        };
        segment.contents().map(make).collect::<PyResult<_>>().map(Self::Allocated)
    }

    /// What [`Snapshot::fetch`] fills.
    pub(super) fn fill_target(&mut self) -> Memory<'_> {
        match self {
            Self::Mapped(_) => Memory::Mapped,
            Self::Allocated(buffers) => Memory::Filled(buffers.iter_mut().map(|(_, held)| held.bytes_mut()).collect()),
        }
    }

    /// The objects that NEXT_BUFFER takes.
    pub(super) fn into_objects(self) -> Vec<Bound<'py, PyAny>> {
        match self {
            Self::Mapped(views) => views,
            Self::Allocated(buffers) => buffers.into_iter().map(|(memory, _)| memory).collect(),
        }
    }
}

/// New memory of this length, which may hold anything.
pub(super) fn allocate(py: Python<'_>, length: usize) -> PyResult<Bound<'_, PyAny>> {
    if length < MIN_OWN_PAGES {
        return PyByteArray::new_with(py, length, |_| Ok(())).map(Bound::into_any);
    }
    let module = py.import("mmap")?;
    let flag = |name: &str| module.getattr(name)?.extract::<i32>();
    let options = PyDict::new(py);
    // Forked children would write to a shared mapping, which is Python's default.
    options.set_item("flags", flag("MAP_PRIVATE")? | flag("MAP_ANONYMOUS")?)?;
    let memory = module.getattr("mmap")?.call((-1, length), Some(&options))?;
    if let Some(huge) = module.getattr_opt("MADV_HUGEPAGE")? {
        // Where the system has huge pages, there are hundreds of times fewer page faults. Elsewhere this may fail.
        let _ = memory.call_method1("madvise", (huge,));
    }
    Ok(memory)
}

/// The mapped file of a snapshot. What is written to the mapping stays in this process.
pub(super) struct MappedFile<'py>(Bound<'py, PyMemoryView>);

impl<'py> MappedFile<'py> {
    /// Maps the file. `None` where the snapshot came from a pipe.
    pub(super) fn new(py: Python<'py>, snapshot: &Snapshot) -> PyResult<Option<Self>> {
        let Some(file) = snapshot.file() else { return Ok(None) };
        let module = py.import("mmap")?;
        let options = PyDict::new(py);
        options.set_item("access", module.getattr("ACCESS_COPY")?)?;
        let mapping = module.getattr("mmap")?.call((file.as_raw_fd(), snapshot.file_len()), Some(&options))?;
        Ok(Some(Self(PyMemoryView::from(&mapping)?)))
    }

    /// Views of the buffers of a segment.
    pub(super) fn views(&self, segment: &VariableSegment<'_>) -> PyResult<BufferMemory<'py>> {
        let too_large = |_| PyValueError::new_err("the file is too large for this machine");
        let view = |Range { start, end }: Range<usize>| {
            let (start, end) = (isize::try_from(start).map_err(too_large)?, isize::try_from(end).map_err(too_large)?);
            self.0.get_item(PySlice::new(self.0.py(), start, end, 1))
        };
        segment.contents().map(view).collect::<PyResult<_>>().map(BufferMemory::Mapped)
    }
}
