//! Finds every object at fault in a value that cannot be pickled, not only the first one. The engine writes None in
//! place of each object that fails, and continues. The output is discarded. `all_faults` in `session_pickler` starts a
//! search.

use std::collections::HashSet;

use pyo3::exceptions::{PyKeyboardInterrupt, PyRecursionError};
use pyo3::prelude::*;
use pyo3::types::PyAny;

/// The most faults of one value that are recorded.
const MOST_FAULTS: usize = 1000;
/// The most objects of a failed save that are kept for the path to the object at fault.
pub(super) const LONGEST_PATH: usize = 100;

/// An error, and the objects from the value to the one at fault.
pub(super) type FoundFault = (PyErr, Vec<Py<PyAny>>);

#[derive(Default)]
pub(super) struct FaultSearch {
    found: Vec<FoundFault>,
    /// Addresses of the objects at fault. `found` keeps them alive.
    known: HashSet<usize>,
    /// The objects that are being saved, outermost first. It grows with each level of Python code in between.
    path: Vec<Py<PyAny>>,
}

impl FaultSearch {
    /// The number of objects by which the path may still grow.
    pub(super) fn room(&self) -> usize {
        LONGEST_PATH.saturating_sub(self.path.len())
    }

    /// Adds the objects of a work list to the path. Returns the length to pass to `leave`.
    pub(super) fn enter<'py>(&mut self, objects: impl Iterator<Item = Bound<'py, PyAny>>) -> usize {
        let before = self.path.len();
        self.path.extend(objects.map(Bound::unbind));
        before
    }

    pub(super) fn leave(&mut self, before: usize) {
        self.path.truncate(before);
    }

    /// Records a fault. Returns false if the error ends the search.
    pub(super) fn record(&mut self, object: &Bound<'_, PyAny>, error: &PyErr) -> bool {
        let py = object.py();
        let fatal = error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PyRecursionError>(py);
        if fatal || self.found.len() >= MOST_FAULTS {
            return false;
        }
        // An object that several containers share is reported once.
        if self.known.insert(object.as_ptr() as usize) {
            let path = self.path.iter().map(|object| object.clone_ref(py));
            self.found.push((error.clone_ref(py), path.chain([object.clone().unbind()]).collect()));
        }
        true
    }

    pub(super) fn take_found(&mut self) -> Vec<FoundFault> {
        std::mem::take(&mut self.found)
    }
}
