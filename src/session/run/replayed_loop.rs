//! `snapcli.replay(iterable)`: marks the iterable of a loop that yields the same items each time it is evaluated. A
//! resumed run evaluates it again, and skips the items that the loop has already processed.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Mark an iterable that yields the same items each time it is evaluated.
///
/// `snapcli run` can make checkpoints within a loop over it, even if it is a generator, a file or a data loader. A
/// resumed run evaluates the iterable again and skips the items that the loop has already processed. Outside of
/// `snapcli run`, iterating over it is iterating over the iterable.
#[pyfunction]
pub(crate) fn replay(iterable: Py<PyAny>) -> Replay {
    Replay { iterable }
}

/// The iterable that `snapcli.replay` returns.
#[pyclass(frozen, module = "snapcli")]
pub(crate) struct Replay {
    iterable: Py<PyAny>,
}

#[pymethods]
impl Replay {
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, ReplayIterator>> {
        let inner = self.iterable.bind(py).try_iter()?.into_any().unbind();
        Bound::new(py, ReplayIterator { inner, count: 0 })
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.iterable.bind(py).len()
    }
}

/// An iterator that counts its items.
#[pyclass(module = "snapcli")]
pub(super) struct ReplayIterator {
    inner: Py<PyAny>,
    pub(super) count: u64,
}

#[pymethods]
impl ReplayIterator {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let next = self.inner.bind(py).try_iter()?.next().transpose()?;
        self.count += u64::from(next.is_some());
        Ok(next)
    }
}

/// The iterator of `snapcli.replay` after a number of items.
pub(super) fn skip<'py>(iterable: &Bound<'py, PyAny>, count: u64) -> PyResult<Bound<'py, PyAny>> {
    let mut iterator = iterable.try_iter()?;
    for done in 0..count {
        if iterator.next().transpose()?.is_none() {
            let text = format!("the loop had {count} items at the checkpoint, and now has only {done}");
            return Err(PyRuntimeError::new_err(text));
        }
    }
    Ok(iterator.into_any())
}
