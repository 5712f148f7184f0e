//! Memory for the raw buffers of arrays: a private mapping of the file, or new memory that the file is read into.
//!
//! The memory belongs to Python's own `mmap` and `bytearray` objects, so it lives exactly as long as an array needs it.
#![allow(unsafe_code)]

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyByteArray, PyDict, PyMemoryView};

use crate::pickler::PyBufferView;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::ffi::slice;
use crate::snapshot::reader::{Memory, ReadError, Snapshot};
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
pub(super) enum MappedFile<'s, 'py> {
    /// One mapping serves all variables.
    File(Bound<'py, PyMemoryView>),
    /// The objects of a store are mapped one by one.
    Stored(Python<'py>, &'s Snapshot),
}

impl<'s, 'py> MappedFile<'s, 'py> {
    /// Maps the file. `None` if the snapshot came from a pipe.
    pub(super) fn new(py: Python<'py>, snapshot: &'s Snapshot) -> PyResult<Option<Self>> {
        if snapshot.is_stored() {
            return Ok(Some(Self::Stored(py, snapshot)));
        }
        let Some(file) = snapshot.file() else { return Ok(None) };
        let module = py.import("mmap")?;
        let options = PyDict::new(py);
        options.set_item("access", module.getattr("ACCESS_COPY")?)?;
        let mapping = module.getattr("mmap")?.call((file.as_raw_fd(), snapshot.file_len()), Some(&options))?;
        Ok(Some(Self::File(PyMemoryView::from(&mapping)?)))
    }

    /// Views of the buffers of a segment.
    pub(super) fn views(&self, segment: &VariableSegment<'_>) -> PyResult<BufferMemory<'py>> {
        let whole = match self {
            Self::File(whole) => whole,
            Self::Stored(py, snapshot) => return map_objects(*py, snapshot, segment),
        };
        // A slice of a memoryview is a view as well: nothing is copied or read.
        let view = |Range { start, end }: Range<usize>| whole.get_item(slice(whole.py(), start, end)?);
        segment.contents().map(view).collect::<PyResult<_>>().map(BufferMemory::Mapped)
    }
}

/// Maps the objects with the raw buffers of a segment over one block of anonymous memory: its `mmap` object releases
/// all of them together, and needs no file descriptor for each.
fn map_objects<'py>(
    py: Python<'py>,
    snapshot: &Snapshot,
    segment: &VariableSegment<'_>,
) -> PyResult<BufferMemory<'py>> {
    let damaged = |error: ReadError| PyOSError::new_err(error.to_string());
    let files = snapshot.buffer_files(segment.variable()).map_err(damaged)?;
    let too_large = || PyValueError::new_err("the arrays are too large for this machine");
    let page = rustix::param::page_size();
    let (mut total, mut ranges) = (0_usize, Vec::with_capacity(files.len()));
    for (_, length) in &files {
        let length = usize::try_from(*length).map_err(|_| too_large())?;
        let start = total;
        total =
            length.checked_next_multiple_of(page).and_then(|pages| start.checked_add(pages)).ok_or_else(too_large)?;
        ranges.push(start..start + length);
    }
    // A block of no bytes cannot be mapped.
    let block = allocate(py, total.max(MIN_OWN_PAGES))?;
    {
        let mut held = PyBufferView::writable(&block)?;
        for ((file, _), range) in files.iter().zip(&ranges) {
            let memory = held.bytes_mut().get_mut(range.clone()).ok_or_else(too_large)?;
            if !map_over(file, memory) {
                // There is a limit on the number of mappings.
                file.read_exact_at(memory, 0)?;
            }
        }
    }
    let whole = PyMemoryView::from(&block)?;
    let view = |range: Range<usize>| whole.get_item(slice(py, range.start, range.end)?);
    ranges.into_iter().map(view).collect::<PyResult<_>>().map(BufferMemory::Mapped)
}

/// Replaces pages of private anonymous memory by those of a file. Returns whether that was possible. Writes to them
/// stay in this process.
fn map_over(file: &File, memory: &mut [u8]) -> bool {
    if memory.is_empty() {
        return true;
    }
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
    // SAFETY: the range begins at a page and belongs to a private anonymous mapping that nothing else refers to yet;
    // the bytes up to the end of its last page are not used by anything else. The file is as long as the range, and is
    // never written to: an object of a store has its bytes from the beginning.
    let mapped =
        unsafe { libc::mmap(memory.as_mut_ptr().cast(), memory.len(), protection, flags, file.as_raw_fd(), 0) };
    mapped != libc::MAP_FAILED
}
