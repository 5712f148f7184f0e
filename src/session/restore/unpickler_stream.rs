//! The file object that CPython's unpickler reads from: a whole pickle, or the [`InputPiece`]s of one load.
//!
//! Pieces that are ranges of the file are read from its mapping. A `read` may go over several pieces, as an opcode's
//! argument can lie in another piece than its opcode.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyMemoryView, PySlice};

use crate::snapshot::reader::Snapshot;
use crate::snapshot::segment::InputPiece;

/// The most bytes that a `peek` shows, as much as the unpickler asks for at once.
const MAX_PEEK: usize = 128 * 1024;
/// The most bytes that are copied at once into a buffer.
const MAX_CHUNK: usize = 1 << 20;

/// A file object with `read`, `readinto`, `readline` and `peek`, which is all that unpicklers ask for.
#[pyclass(frozen)]
pub(super) struct UnpicklerStream {
    snapshot: Arc<Snapshot>,
    waiting: Mutex<WaitingPieces>,
}

/// What is still to be read.
#[derive(Default)]
struct WaitingPieces {
    pieces: VecDeque<InputPiece>,
    /// How many bytes of the first piece were read.
    consumed: usize,
}

impl WaitingPieces {
    /// The rest of the first piece that is not read to its end; empty after the last one. `None` where a piece is
    /// beyond the end of the file.
    fn rest<'b>(&'b mut self, file: &'b [u8]) -> Option<&'b [u8]> {
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
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, waiting: Mutex::default() }
    }

    /// The next thing to be read is this.
    pub(super) fn turn_to(&self, pieces: Vec<InputPiece>) {
        *self.lock() = WaitingPieces { pieces: pieces.into(), consumed: 0 };
    }

    /// The whole pickle of the file.
    pub(super) fn whole_pickle(&self) -> PyResult<Vec<InputPiece>> {
        Ok(vec![InputPiece::File(file_range(0, self.snapshot.stream_len())?)])
    }

    fn lock(&self) -> MutexGuard<'_, WaitingPieces> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `action` the next bytes, which are of one piece and empty only at the end. It returns how many of them it
    /// has taken.
    fn with_rest<T>(&self, action: impl FnOnce(&[u8]) -> (usize, T)) -> PyResult<T> {
        let file = self.snapshot.bytes().map_err(|error| PyOSError::new_err(error.to_string()))?;
        let mut waiting = self.lock();
        let Some(rest) = waiting.rest(file) else {
            return Err(PyOSError::new_err("a part of the pickle is beyond the end of the file: copy the file again"));
        };
        let (taken, result) = action(rest);
        waiting.consumed += taken;
        Ok(result)
    }

    /// Takes some of the next bytes, of one piece. `wanted` says how many of those that are there.
    fn take<'py>(&self, py: Python<'py>, wanted: impl FnOnce(&[u8]) -> usize) -> PyResult<Bound<'py, PyBytes>> {
        self.with_rest(|rest| {
            let taken = rest.get(..wanted(rest)).unwrap_or(rest);
            (taken.len(), PyBytes::new(py, taken))
        })
    }
}

#[pymethods]
impl UnpicklerStream {
    #[pyo3(signature = (size = None))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let mut left = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        let first = self.take(py, |rest| left.min(rest.len()))?;
        left -= first.as_bytes().len();
        if left == 0 || first.as_bytes().is_empty() {
            return Ok(first);
        }
        // The rest is in the pieces that follow.
        let mut all = first.as_bytes().to_vec();
        while left > 0 {
            let next = self.take(py, |rest| left.min(rest.len()))?;
            if next.as_bytes().is_empty() {
                break;
            }
            left -= next.as_bytes().len();
            all.extend_from_slice(next.as_bytes());
        }
        Ok(PyBytes::new(py, &all))
    }

    /// Fills a buffer: a large array is read straight into its memory, a chunk at a time.
    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let view = PyMemoryView::from(buffer)?;
        let length = view.len()?;
        let mut filled = 0;
        while filled < length {
            let chunk = self.take(py, |rest| rest.len().min(length - filled).min(MAX_CHUNK))?;
            let end = filled + chunk.as_bytes().len();
            if end == filled {
                break;
            }
            view.set_item(PySlice::new(py, filled as isize, end as isize, 1), chunk)?;
            filled = end;
        }
        Ok(filled)
    }

    fn readline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        // The line of an opcode's argument never goes beyond the piece that it is in.
        self.take(py, |rest| rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1))
    }

    #[pyo3(signature = (size = 0))]
    fn peek<'py>(&self, py: Python<'py>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let wanted = usize::try_from(size).unwrap_or(0).clamp(1, MAX_PEEK);
        self.with_rest(|rest| (0, PyBytes::new(py, rest.get(..wanted).unwrap_or(rest))))
    }
}

/// Offsets of a file as a range of its bytes in memory.
pub(super) fn file_range(start: u64, end: u64) -> PyResult<Range<usize>> {
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let (start, end) = range.ok_or_else(|| PyOSError::new_err("the file is too large for this machine"))?;
    Ok(start..end)
}
