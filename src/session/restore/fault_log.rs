//! Where loads have failed, for the check after a save: the offset of the opcode at fault.
//!
//! CPython's unpickler reads ahead, unless its file has no `peek`: so an [`ExactStream`] has none, and its position is
//! that of the unpickler. Reading is several times slower this way.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict};

use super::unpickler_stream::UnpicklerStream;
use crate::session::load_guards::{take_blocked, take_blocked_by};

/// A load that failed.
pub(crate) struct LoadFault {
    /// The variable.
    pub(crate) name: String,
    /// The exception on one line.
    pub(crate) error: String,
    /// The offset of the opcode in the file.
    pub(crate) offset: Option<u64>,
    /// What the load would have done outside of its process, if that was blocked.
    pub(crate) blocked: Option<String>,
}

/// Collects failures.
pub(crate) struct FaultLog {
    is_exact: bool,
    faults: RefCell<Vec<LoadFault>>,
}

impl FaultLog {
    /// A log without entries. The offsets are recorded only if it `is_exact`.
    pub(crate) fn new(is_exact: bool) -> Self {
        Self { is_exact, faults: RefCell::default() }
    }

    pub(super) fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Called before each load.
    pub(super) fn start() {
        // What was blocked in the load of another variable says nothing about this one.
        let _ = take_blocked();
    }

    /// Never frees what a failed load has made.
    pub(super) fn keep(&self, memo: &Bound<'_, PyDict>) {
        std::mem::forget(memo.clone());
    }

    /// Adds a failure. The exception is never freed: with it would go objects whose finalizers may do harm.
    pub(super) fn record(&self, py: Python<'_>, name: &str, error: &PyErr, text: String, offset: Option<u64>) {
        std::mem::forget(error.clone_ref(py));
        let offset = offset.filter(|_| self.is_exact);
        let blocked = take_blocked_by(py, error);
        self.faults.borrow_mut().push(LoadFault { name: name.to_owned(), error: text, offset, blocked });
    }

    /// The failures so far.
    pub(crate) fn take(&self) -> Vec<LoadFault> {
        self.faults.take()
    }
}

/// A file object without `peek`.
#[pyclass(frozen)]
pub(super) struct ExactStream(Py<UnpicklerStream>);

impl ExactStream {
    pub(super) fn new(stream: &Bound<'_, UnpicklerStream>) -> Self {
        Self(stream.clone().unbind())
    }
}

#[pymethods]
impl ExactStream {
    #[pyo3(signature = (size = None))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.0.get().read(py, size)
    }

    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.0.get().readinto(py, buffer)
    }

    fn readline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.0.get().readline(py)
    }
}
