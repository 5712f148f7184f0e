//! The file object that CPython's unpickler reads from: a whole pickle, or the [`InputPiece`]s of one load.
//!
//! Pieces that are ranges of the file are read from its checked opcodes, or from the mapping of a file without hashes.
//! A `read` may span several pieces, because an opcode and its argument can be in different pieces.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyMemoryView};

use crate::python::deferred_signals::check_signals;
use crate::python::ffi::{self, slice};
use crate::snapshot::reader::{OpcodeImage, Snapshot};
use crate::snapshot::segment::InputPiece;
use crate::snapshot::work_meter;

/// The most bytes that `peek` returns.
const MAX_PEEK: usize = 128 * 1024;
/// The most bytes that are copied at once into a buffer.
const MAX_CHUNK: usize = 1 << 20;

/// Where the ranges of a file are read from.
#[derive(Clone)]
pub(super) enum PickleSource {
    /// The mapped file, which has no hashes: any pickle that snapcli did not write.
    File(Arc<Snapshot>),
    /// The opcodes of our own file, as they were checked.
    Checked(Arc<OpcodeImage>),
}

impl PickleSource {
    fn bytes(&self) -> PyResult<&[u8]> {
        match self {
            Self::File(snapshot) => snapshot.bytes().map_err(|error| PyOSError::new_err(error.to_string())),
            Self::Checked(image) => Ok(image.bytes()),
        }
    }
}

/// A file object with `read`, `readinto`, `readline` and `peek`, the only methods that unpicklers call.
#[pyclass(frozen)]
pub(super) struct UnpicklerStream {
    source: PickleSource,
    waiting: Mutex<WaitingPieces>,
}

/// The input that has not been read yet.
#[derive(Default)]
struct WaitingPieces {
    pieces: VecDeque<InputPiece>,
    /// How many bytes of the first piece have been read.
    consumed: usize,
}

impl WaitingPieces {
    /// The unread rest of the first piece that has any; empty at the end of the input. `None` if a piece extends beyond
    /// the end of the file.
    fn unread<'b>(&'b mut self, file: &'b [u8]) -> Option<&'b [u8]> {
        while let Some(piece) = self.pieces.front() {
            let length = match piece {
                InputPiece::Opcodes(opcodes) => opcodes.len(),
                InputPiece::File(range) => file.get(range.clone())?.len(),
            };
            if self.consumed < length {
                break;
            }
            self.pieces.pop_front();
            self.consumed = 0;
        }
        match self.pieces.front() {
            None => Some(&[]),
            Some(InputPiece::Opcodes(opcodes)) => opcodes.get(self.consumed..),
            Some(InputPiece::File(range)) => file.get(range.clone())?.get(self.consumed..),
        }
    }
}

impl UnpicklerStream {
    /// A stream at its end.
    pub(super) fn new(source: PickleSource) -> Self {
        Self { source, waiting: Mutex::default() }
    }

    /// Replaces the input.
    pub(super) fn set_input(&self, pieces: Vec<InputPiece>) {
        *self.lock() = WaitingPieces { pieces: pieces.into(), consumed: 0 };
    }

    /// The input that is the whole pickle of the file.
    pub(super) fn whole_pickle(&self) -> PyResult<Vec<InputPiece>> {
        Ok(vec![InputPiece::File(0..self.source.bytes()?.len())])
    }

    /// The offset in the file of the last byte that was read, if it came from the file.
    pub(super) fn position(&self) -> Option<u64> {
        let waiting = self.lock();
        match waiting.pieces.front() {
            Some(InputPiece::File(range)) => (range.start as u64).checked_add(waiting.consumed as u64)?.checked_sub(1),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, WaitingPieces> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `action` with the unread bytes of the current piece, which are empty only at the end of the input.
    /// `action` returns how many of them it has consumed.
    fn with_unread<T>(&self, action: impl FnOnce(&[u8]) -> (usize, T)) -> PyResult<T> {
        let file = self.source.bytes()?;
        let mut waiting = self.lock();
        let Some(rest) = waiting.unread(file) else {
            return Err(PyOSError::new_err("the pickle extends beyond the end of the file: copy the file again"));
        };
        let (taken, result) = action(rest);
        waiting.consumed += taken;
        Ok(result)
    }

    /// Consumes bytes of the current piece. `wanted` returns how many of the unread ones to consume.
    fn take<'py>(&self, py: Python<'py>, wanted: impl FnOnce(&[u8]) -> usize) -> PyResult<Bound<'py, PyBytes>> {
        // Without code of the session, nothing else lets handlers run while a large object is loaded.
        check_signals(py)?;
        self.with_unread(|rest| {
            let taken = rest.get(..wanted(rest)).unwrap_or(rest);
            work_meter::advance(taken.len() as u64);
            (taken.len(), ffi::bytes(py, taken))
        })?
    }
}

#[pymethods]
impl UnpicklerStream {
    #[pyo3(signature = (size = None))]
    pub(super) fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        // As for any Python file, a missing or negative size means everything.
        let mut left = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        let first = self.take(py, |rest| left.min(rest.len()))?;
        left -= first.as_bytes().len();
        if left == 0 || first.as_bytes().is_empty() {
            return Ok(first);
        }
        // Nearly every read ends within one piece and has returned above. This one continues in the following pieces.
        let mut all = first.as_bytes().to_vec();
        while left > 0 {
            let next = self.take(py, |rest| left.min(rest.len()))?;
            if next.as_bytes().is_empty() {
                break;
            }
            left -= next.as_bytes().len();
            all.extend_from_slice(next.as_bytes());
        }
        ffi::bytes(py, &all)
    }

    /// Fills a buffer, in chunks, so that a large array is read into its own memory.
    pub(super) fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let view = PyMemoryView::from(buffer)?;
        let length = view.len()?;
        let mut filled = 0;
        while filled < length {
            let chunk = self.take(py, |rest| rest.len().min(length - filled).min(MAX_CHUNK))?;
            let end = filled + chunk.as_bytes().len();
            if end == filled {
                break;
            }
            view.set_item(slice(py, filled, end)?, chunk)?;
            filled = end;
        }
        Ok(filled)
    }

    pub(super) fn readline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        // An argument that ends at a newline never spans two pieces.
        self.take(py, |rest| rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1))
    }

    #[pyo3(signature = (size = 0))]
    fn peek<'py>(&self, py: Python<'py>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        // Consumes nothing. The unpickler copes with fewer bytes than it asked for.
        let wanted = usize::try_from(size).unwrap_or(0).clamp(1, MAX_PEEK);
        self.with_unread(|rest| (0, ffi::bytes(py, rest.get(..wanted).unwrap_or(rest))))?
    }
}

/// A range of file offsets as a range of bytes in memory.
pub(super) fn file_range(start: u64, end: u64) -> PyResult<Range<usize>> {
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let (start, end) = range.ok_or_else(|| PyOSError::new_err("the file is too large for this machine"))?;
    Ok(start..end)
}
