//! Memory for the raw buffers of arrays: a private mapping of the file, or new memory that the file is read into.
//!
//! The memory belongs to Python's own `mmap` and `bytearray` objects, so it lives exactly as long as an array needs it.

use std::ops::Range;
use std::os::fd::AsRawFd;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyByteArray, PyDict, PyMemoryView, PySlice};

use crate::pickler::PyBufferView;
use crate::python::deferred_signals::Tolerated as _;
use crate::snapshot::reader::{Memory, Snapshot};
use crate::snapshot::segment::VariableSegment;

/// Buffers of at least this length, in bytes, get their own mapping, whose pages need not be filled with zeros first.
/// Smaller buffers do not: Linux limits a process to about 65,000 mappings (`vm.max_map_count`).
const MIN_OWN_PAGES: usize = 4 << 20;

/// The memory of a variable's raw buffers, in their order.
pub(super) enum BufferMemory<'py> {
    /// Views of the mapped file.
    Mapped(Vec<Bound<'py, PyAny>>),
    /// New memory, each with a buffer view that keeps Python from resizing it while it is filled.
    Allocated(Vec<(Bound<'py, PyAny>, PyBufferView)>),
}

impl<'py> BufferMemory<'py> {
    /// New memory for the buffers of a segment, as far as they are needed; the others get none. It has yet to be
    /// filled.
    pub(super) fn allocate(
        py: Python<'py>,
        segment: &VariableSegment<'_>,
        is_needed: impl Fn(usize) -> bool,
    ) -> PyResult<Self> {
        let make = |(number, contents): (usize, Range<usize>)| {
            let memory = allocate(py, if is_needed(number) { contents.len() } else { 0 })?;
            let held = PyBufferView::writable(&memory)?;
            Ok((PyMemoryView::from(&memory)?.into_any(), held))
        };
        segment.contents().enumerate().map(make).collect::<PyResult<_>>().map(Self::Allocated)
    }

    /// For loads that need no contents of buffers.
    pub(super) fn unread() -> Self {
        Self::Mapped(Vec::new())
    }

    /// The memory for [`Snapshot::fetch`] to fill.
    pub(super) fn fill_target(&mut self) -> Memory<'_> {
        match self {
            Self::Mapped(_) => Memory::Mapped,
            Self::Allocated(buffers) => Memory::Filled(buffers.iter_mut().map(|(_, held)| held.bytes_mut()).collect()),
        }
    }

    /// The objects for NEXT_BUFFER to push. Dropping the buffer views makes the memory resizable again.
    pub(super) fn into_objects(self) -> Vec<Bound<'py, PyAny>> {
        match self {
            Self::Mapped(views) => views,
            Self::Allocated(buffers) => buffers.into_iter().map(|(memory, _)| memory).collect(),
        }
    }
}

/// New memory of this length, in bytes, with arbitrary contents.
pub(super) fn allocate(py: Python<'_>, length: usize) -> PyResult<Bound<'_, PyAny>> {
    if length < MIN_OWN_PAGES {
        return PyByteArray::new_with(py, length, |_| Ok(())).map(Bound::into_any);
    }
    let module = py.import("mmap")?;
    let flag = |name: &str| module.getattr(name)?.extract::<i32>();
    let options = PyDict::new(py);
    // The default of Python's `mmap` is a shared mapping: a forked child would write to the memory of its parent.
    options.set_item("flags", flag("MAP_PRIVATE")? | flag("MAP_ANONYMOUS")?)?;
    let memory = module.getattr("mmap")?.call((-1, length), Some(&options))?;
    if let Some(huge) = module.getattr_opt("MADV_HUGEPAGE")? {
        // With huge pages there are hundreds of times fewer page faults. Systems without them return an error.
        memory.call_method1("madvise", (huge,)).tolerated();
    }
    Ok(memory)
}

/// The mapped file of a snapshot. Writes to the mapping stay in this process and do not reach the file.
pub(super) struct MappedFile<'py>(Bound<'py, PyMemoryView>);

impl<'py> MappedFile<'py> {
    /// Maps the file. `None` if the snapshot came from a pipe.
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
        // A slice of a memoryview is a view as well: nothing is copied or read.
        let view = |Range { start, end }: Range<usize>| {
            let (start, end) = (isize::try_from(start).map_err(too_large)?, isize::try_from(end).map_err(too_large)?);
            self.0.get_item(PySlice::new(self.0.py(), start, end, 1))
        };
        segment.contents().map(view).collect::<PyResult<_>>().map(BufferMemory::Mapped)
    }
}
