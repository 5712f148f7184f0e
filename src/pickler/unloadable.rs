//! Objects that can be pickled, but whose pickle cannot be loaded: the check after a save has found them, and the next
//! pass refuses them like objects that cannot be pickled.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyAny;
use rustc_hash::FxHashMap;

create_exception!(snapcli, CannotLoad, PyException, "Raised for an object whose pickle cannot be loaded.");

/// The opcodes of an object whose load may fail: see [`load_hooks`](super::load_hooks).
pub(crate) struct CheckedRange {
    /// The offsets in the file of the first opcode, and after the last.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) object: Py<PyAny>,
}

/// The ranges of a segment.
#[derive(Default)]
pub(super) struct CheckedRanges {
    ranges: Vec<CheckedRange>,
    /// Indexes of the ranges that have no end yet, outermost first.
    open: Vec<usize>,
}

impl CheckedRanges {
    pub(super) fn begin(&mut self, object: &Bound<'_, PyAny>, start: u64) {
        self.open.push(self.ranges.len());
        self.ranges.push(CheckedRange { start, end: start, object: object.clone().unbind() });
    }

    /// Has the variable loaded although no range of it may fail: an object around this one is hashed too early.
    pub(super) fn note(&mut self, object: &Bound<'_, PyAny>, at: u64) {
        self.ranges.push(CheckedRange { start: at, end: at, object: object.clone().unbind() });
    }

    /// Ends the range that was begun last.
    pub(super) fn end(&mut self, end: u64) {
        if let Some(range) = self.open.pop().and_then(|index| self.ranges.get_mut(index)) {
            range.end = end;
        }
    }

    pub(super) fn take(&mut self) -> Vec<CheckedRange> {
        self.open.clear();
        std::mem::take(&mut self.ranges)
    }
}

/// Why objects cannot be loaded, by their addresses.
#[derive(Default)]
pub(crate) struct UnloadableObjects {
    /// The objects are kept alive, so that no other one gets their addresses.
    reasons: FxHashMap<usize, (Py<PyAny>, String)>,
}

impl UnloadableObjects {
    /// Adds an object. Returns false if it is known.
    pub(crate) fn add(&mut self, object: Py<PyAny>, why: String) -> bool {
        self.reasons.insert(object.as_ptr() as usize, (object, why)).is_none()
    }

    /// Why an object cannot be loaded, if that is known.
    #[inline]
    pub(super) fn why(&self, object: &Bound<'_, PyAny>) -> Option<String> {
        if self.reasons.is_empty() {
            return None;
        }
        self.reasons.get(&(object.as_ptr() as usize)).map(|(_, why)| why.clone())
    }
}
