//! All that is at fault in a value that cannot be pickled, not only what fails first: None stands in for each such object,
//! and the walk goes on. What is written meanwhile is thrown away.

use std::collections::HashSet;
use std::io;

use pyo3::exceptions::{PyKeyboardInterrupt, PyRecursionError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule};

use super::frame::Frame;
use super::{Failure, Importer, Pickler, Sink};

/// The most faults of one value that are told of.
const MOST: usize = 1000;
/// The most objects on the way to one.
const TRAIL: usize = 100;

/// What was found so far.
#[derive(Default)]
pub(super) struct Search {
    found: Vec<(PyErr, Vec<Py<PyAny>>)>,
    /// Objects at fault, by address: `found` holds them.
    known: HashSet<usize>,
    /// The objects that are being saved, from the value on, where Python code is between them.
    trail: Vec<Py<PyAny>>,
}

impl Search {
    /// Notes the objects that are being walked through. Returns how far to go back afterwards.
    pub(super) fn enter(&mut self, frames: &[Frame<'_>]) -> usize {
        let before = self.trail.len();
        let from = frames.len().saturating_sub(TRAIL.saturating_sub(before));
        self.trail.extend(frames[from..].iter().filter_map(Frame::object).map(Bound::unbind));
        before
    }

    pub(super) fn leave(&mut self, before: usize) {
        self.trail.truncate(before);
    }

    /// Notes an object at fault; false where the error ends the search.
    pub(super) fn forgives(&mut self, object: &Bound<'_, PyAny>, error: &PyErr) -> bool {
        let py = object.py();
        let ends = error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PyRecursionError>(py);
        if ends || self.found.len() >= MOST {
            return false;
        }
        if self.known.insert(object.as_ptr() as usize) {
            let way = self.trail.iter().map(|object| object.clone_ref(py));
            self.found.push((error.clone_ref(py), way.chain([object.clone().unbind()]).collect()));
        }
        true
    }
}

/// Takes everything, and keeps nothing.
struct Nowhere;

impl Sink for Nowhere {
    fn take(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn take_buffer(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// All that is at fault in a value of the session in `module`.
pub fn all_faults<'py>(
    module: &Bound<'py, PyModule>,
    import: Importer,
    value: &Bound<'py, PyAny>,
) -> PyResult<Vec<Failure<'py>>> {
    let py = module.py();
    let pickler = Pickler::new(module, import, Box::new(Nowhere))?;
    pickler.native.get().lock()?.search = Some(Search::default());
    // It may still fail, where a walk itself fails: what was found by then counts.
    let _ = pickler.save(value, 0, u64::MAX);
    let search = pickler.native.get().lock()?.search.take().unwrap_or_default();
    let failure = |(error, chain): (PyErr, Vec<Py<PyAny>>)| Failure {
        error,
        chain: chain.into_iter().map(|object| object.into_bound(py)).collect(),
        stopped: None,
    };
    Ok(search.found.into_iter().map(failure).collect())
}
