//! The bytes of a snapshot as the file object that CPython's unpickler reads from: a whole pickle, or one stretch of it
//! made into a pickle of its own.

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
    place: Mutex<Place>,
    progress: Box<dyn Fn(u64) + Send + Sync>,
}

/// What is to be read: bytes of our own, a stretch of the file, and bytes of our own again.
#[derive(Default)]
struct Place {
    before: Vec<u8>,
    stretch: Range<usize>,
    after: Vec<u8>,
    /// How much of all three has been read.
    position: usize,
}

/// The most bytes that a `peek` shows, as much as the unpickler asks for at once.
const PEEK: usize = 128 * 1024;
/// The most bytes that are copied at once into a buffer.
const CHUNK: usize = 1 << 20;

impl Stream {
    /// Reads the whole pickle; `progress` is told of the bytes that were read.
    pub(super) fn new(snapshot: Arc<Snapshot>, progress: Box<dyn Fn(u64) + Send + Sync>) -> Self {
        let stretch = 0..usize::try_from(snapshot.stream_len()).unwrap_or(usize::MAX);
        Self { snapshot, place: Mutex::new(Place { stretch, ..Place::default() }), progress }
    }

    /// From now on reads `before`, the stretch, `after`.
    pub(super) fn turn_to(&self, before: &[u8], stretch: Range<usize>, after: &[u8]) {
        *self.lock() = Place { before: before.to_vec(), stretch, after: after.to_vec(), position: 0 };
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next bytes of the part that is being read; empty at the end of all.
    fn with_rest<T>(&self, action: impl FnOnce(&[u8], &mut Place) -> T) -> PyResult<T> {
        let file = self.snapshot.bytes().map_err(|error| PyOSError::new_err(error.to_string()))?;
        let mut place = self.lock();
        let stretch = file.get(place.stretch.clone()).unwrap_or(file.get(place.stretch.start..).unwrap_or_default());
        let (first, second) = (place.before.len(), place.before.len() + stretch.len());
        let position = place.position;
        let own = |bytes: &[u8], start: usize| bytes.get(position - start..).unwrap_or_default().to_vec();
        if position < first {
            let rest = own(&place.before, 0);
            return Ok(action(&rest, &mut place));
        }
        if position < second {
            return Ok(action(stretch.get(position - first..).unwrap_or_default(), &mut place));
        }
        let rest = own(&place.after, second);
        Ok(action(&rest, &mut place))
    }

    /// Reads on, at most `wanted` bytes and not beyond the part that is being read.
    fn take<'py>(&self, py: Python<'py>, wanted: impl FnOnce(&[u8]) -> usize) -> PyResult<Bound<'py, PyBytes>> {
        self.with_rest(|rest, place| {
            let taken = rest.get(..wanted(rest)).unwrap_or(rest);
            place.position += taken.len();
            (self.progress)(taken.len() as u64);
            PyBytes::new(py, taken)
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
        self.with_rest(|rest, _| PyBytes::new(py, rest.get(..wanted).unwrap_or(rest)))
    }
}
