//! The bytes of a snapshot as the file object that CPython's unpickler reads from.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::snapshot::reader::Snapshot;

/// A file object over a snapshot's pickle: `read`, `readline` and `peek`, all that unpicklers ask for.
#[pyclass(frozen)]
pub(super) struct Stream {
    snapshot: Arc<Snapshot>,
    position: std::sync::Mutex<usize>,
    progress: Box<dyn Fn(u64) + Send + Sync>,
}

/// The most bytes that a `peek` shows, as much as the unpickler asks for at once.
const PEEK: usize = 128 * 1024;

impl Stream {
    /// Reads from the start; `progress` is told of the bytes that were read.
    pub(super) fn new(snapshot: Arc<Snapshot>, progress: Box<dyn Fn(u64) + Send + Sync>) -> Self {
        Self { snapshot, position: std::sync::Mutex::new(0), progress }
    }

    fn take(&self, length: impl FnOnce(&[u8]) -> usize, forward: bool) -> PyResult<&[u8]> {
        let bytes = self.snapshot.bytes().map_err(|error| pyo3::exceptions::PyOSError::new_err(error.to_string()))?;
        let mut position = self.position.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let rest = bytes.get(*position..).unwrap_or_default();
        let taken = rest.get(..length(rest)).unwrap_or(rest);
        if forward {
            *position += taken.len();
            (self.progress)(taken.len() as u64);
        }
        Ok(taken)
    }
}

#[pymethods]
impl Stream {
    #[pyo3(signature = (size = None))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        let wanted = size.and_then(|size| usize::try_from(size).ok());
        Ok(PyBytes::new(py, self.take(|rest| wanted.unwrap_or(rest.len()), true)?))
    }

    fn readline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let line = |rest: &[u8]| rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        Ok(PyBytes::new(py, self.take(line, true)?))
    }

    #[pyo3(signature = (size = 0))]
    fn peek<'py>(&self, py: Python<'py>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let wanted = usize::try_from(size).unwrap_or(0).clamp(1, PEEK);
        Ok(PyBytes::new(py, self.take(|_| wanted, false)?))
    }
}
