//! The bytes of a snapshot as the file object that CPython's unpickler reads from: a whole pickle, or stretches of it
//! made into a pickle of its own.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyMemoryView, PySlice};

use crate::snapshot::reader::Snapshot;

/// A file object: `read`, `readline` and `peek`, all that unpicklers ask for.
#[pyclass(frozen)]
pub(super) struct Stream {
    snapshot: Arc<Snapshot>,
    /// What is still to be read.
    parts: Mutex<VecDeque<Part>>,
    progress: Box<dyn Fn(u64) + Send + Sync>,
}

/// A part of what is to be read.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Bytes of our own, from this one on.
    Own(Vec<u8>, usize),
    /// A stretch of the file.
    File(Range<usize>),
}

impl Part {
    /// Bytes of our own.
    pub(super) fn own(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Own(bytes.into(), 0)
    }

    fn advance(&mut self, bytes: usize) {
        match self {
            Self::Own(_, from) => *from += bytes,
            Self::File(stretch) => stretch.start += bytes,
        }
    }
}

/// The most bytes that a `peek` shows, as much as the unpickler asks for at once.
const PEEK: usize = 128 * 1024;
/// The most bytes that are copied at once into a buffer.
const CHUNK: usize = 1 << 20;

impl Stream {
    /// Reads the whole pickle; `progress` is told of the bytes that were read.
    pub(super) fn new(snapshot: Arc<Snapshot>, progress: Box<dyn Fn(u64) + Send + Sync>) -> Self {
        let whole = Part::File(0..usize::try_from(snapshot.stream_len()).unwrap_or(usize::MAX));
        Self { snapshot, parts: Mutex::new(VecDeque::from([whole])), progress }
    }

    /// From now on reads these.
    pub(super) fn turn_to(&self, parts: Vec<Part>) {
        *self.lock() = parts.into();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the next bytes, of one part only; empty at the end of all. As many of them are taken as `action` says.
    fn with_rest<T>(&self, action: impl FnOnce(&[u8]) -> (usize, T)) -> PyResult<T> {
        let file = self.snapshot.bytes().map_err(|error| PyOSError::new_err(error.to_string()))?;
        let mut parts = self.lock();
        while let Some(part) = parts.front_mut() {
            let rest = match part {
                Part::Own(bytes, from) => bytes.get(*from..),
                Part::File(stretch) => file.get(stretch.clone()).or_else(|| file.get(stretch.start..)),
            };
            let rest = rest.unwrap_or_default();
            if rest.is_empty() {
                parts.pop_front();
                continue;
            }
            let (taken, result) = action(rest);
            part.advance(taken);
            (self.progress)(taken as u64);
            return Ok(result);
        }
        Ok(action(&[]).1)
    }

    /// Reads on, at most `wanted` bytes and not beyond the part that is being read.
    fn take<'py>(&self, py: Python<'py>, wanted: impl FnOnce(&[u8]) -> usize) -> PyResult<Bound<'py, PyBytes>> {
        self.with_rest(|rest| {
            let taken = rest.get(..wanted(rest)).unwrap_or(rest);
            (taken.len(), PyBytes::new(py, taken))
        })
    }
}

#[pymethods]
impl Stream {
    #[pyo3(signature = (size = None))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let mut left = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        let first = self.take(py, |rest| left.min(rest.len()))?;
        left -= first.as_bytes().len();
        if left == 0 || first.as_bytes().is_empty() {
            return Ok(first);
        }
        // The rest lies in the parts behind.
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

    /// Fills a buffer: a large array is read straight into its memory, a megabyte at a time.
    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let view = PyMemoryView::from(buffer)?;
        let length = view.len()?;
        let mut filled = 0;
        while filled < length {
            let chunk = self.take(py, |rest| rest.len().min(length - filled).min(CHUNK))?;
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
        // A line of an opcode's argument never goes beyond the part that it is in.
        self.take(py, |rest| rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1))
    }

    #[pyo3(signature = (size = 0))]
    fn peek<'py>(&self, py: Python<'py>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let wanted = usize::try_from(size).unwrap_or(0).clamp(1, PEEK);
        self.with_rest(|rest| (0, PyBytes::new(py, rest.get(..wanted).unwrap_or(rest))))
    }
}
