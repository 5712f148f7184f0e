//! Finds every object at fault in a value that cannot be pickled, not only the first one. The output is discarded.
//! `all_faults` in `session_pickler` starts a search.
//!
//! If an object around the one at fault can be replaced by a marker, the engine drops the innermost such object, and
//! continues after it. If none can, the engine writes None for the object at fault.

use std::collections::HashSet;
use std::sync::Arc;

use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyRecursionError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::PyAny;
use rustc_hash::FxHashMap;

use super::pickle_context::PickleContext;
use super::plan::WorkItem;
use super::replaceable::{has_replaceable, innermost};

/// The most faults of one value that are recorded, and the most if each has an object that can be replaced.
const MOST_FAULTS: usize = 1000;
const MOST_REPLACED: usize = 100_000;
/// The most objects of a failed save that are kept for the path to the object at fault.
pub(super) const LONGEST_PATH: usize = 100;

/// An object at fault.
pub(super) struct FoundFault {
    pub(super) error: PyErr,
    /// The objects from the value to the one at fault.
    pub(super) chain: Vec<Py<PyAny>>,
    /// The one of them that a marker can replace.
    pub(super) replaced: Option<Py<PyAny>>,
}

pub(super) struct FaultSearch {
    /// Whether objects may be replaced by markers.
    replaces: bool,
    found: Vec<FoundFault>,
    /// Addresses of the objects at fault, or of the objects to replace. `found` keeps them alive.
    known: HashSet<usize>,
    /// The objects that are being saved, outermost first. It grows with each level of Python code in between.
    path: Vec<Py<PyAny>>,
    /// Whether one of the objects that are being saved can be replaced.
    is_replaceable: bool,
    /// Objects that could not be saved, by address, with the error. `kept` keeps them alive.
    unsavable: FxHashMap<usize, PyErr>,
    kept: Vec<Py<PyAny>>,
}

/// The state of the search before an object, for [`FaultSearch::leave`].
pub(super) struct SearchLevel {
    path: usize,
    is_replaceable: bool,
}

impl FaultSearch {
    pub(super) fn new(replaces: bool) -> Self {
        Self {
            replaces,
            found: Vec::new(),
            known: HashSet::new(),
            path: Vec::new(),
            is_replaceable: false,
            unsavable: FxHashMap::default(),
            kept: Vec::new(),
        }
    }

    /// Must be called before the last item of a work list saves an object that needs Python code.
    pub(super) fn enter(&mut self, work: &[WorkItem<'_>]) -> SearchLevel {
        let before = SearchLevel { path: self.path.len(), is_replaceable: self.is_replaceable };
        let first = work.len().saturating_sub(LONGEST_PATH.saturating_sub(self.path.len()));
        let objects = work.get(first..).unwrap_or_default().iter().filter_map(WorkItem::object);
        self.path.extend(objects.map(Bound::unbind));
        before
    }

    /// Must be called before dill saves `object`, for the last item of the work list. `is_session` as in [`innermost`].
    pub(super) fn enter_dill<'py>(&mut self, work: &[WorkItem<'py>], object: &Bound<'py, PyAny>, is_session: bool) {
        self.is_replaceable |= self.replaces && has_replaceable(work, object, is_session);
    }

    pub(super) fn leave(&mut self, before: &SearchLevel) {
        self.path.truncate(before.path);
        self.is_replaceable = before.is_replaceable;
    }

    /// The error of an object that could not be saved before.
    pub(super) fn known_error(&self, object: &Bound<'_, PyAny>) -> Option<PyErr> {
        self.unsavable.get(&(object.as_ptr() as usize)).map(|error| error.clone_ref(object.py()))
    }

    /// Records a fault, unless an object around it can be replaced: then [`recover`] will record it. Returns false if
    /// the error must go up.
    pub(super) fn record<'py>(
        &mut self,
        work: &[WorkItem<'py>],
        object: &Bound<'py, PyAny>,
        is_session: bool,
        error: &PyErr,
    ) -> bool {
        let py = object.py();
        let too_deep = error.is_instance_of::<PyRecursionError>(py);
        let is_replaceable = || self.replaces && has_replaceable(work, object, is_session);
        if self.is_replaceable
            || is_replaceable()
            || too_deep
            || ends_search(py, error)
            || self.found.len() >= MOST_FAULTS
        {
            return false;
        }
        // An object that several containers share is reported once.
        if self.known.insert(object.as_ptr() as usize) {
            let path = self.path.iter().map(|object| object.clone_ref(py));
            let chain = path.chain([object.clone().unbind()]).collect();
            self.found.push(FoundFault { error: error.clone_ref(py), chain, replaced: None });
        }
        true
    }

    fn replace(&mut self, error: &PyErr, chain: Vec<Bound<'_, PyAny>>, replaced: &Bound<'_, PyAny>) {
        let py = replaced.py();
        // Every object that leads to the object at fault, and has no position for a marker, fails again.
        for object in chain.iter().skip_while(|object| !object.is(replaced)) {
            if self.unsavable.insert(object.as_ptr() as usize, error.clone_ref(py)).is_none() {
                self.kept.push(object.clone().unbind());
            }
        }
        if self.known.insert(replaced.as_ptr() as usize) {
            let chain = chain.into_iter().map(Bound::unbind).collect();
            let replaced = Some(replaced.clone().unbind());
            self.found.push(FoundFault { error: error.clone_ref(py), chain, replaced });
        }
    }

    pub(super) fn take_found(&mut self) -> Vec<FoundFault> {
        std::mem::take(&mut self.found)
    }
}

/// Whether an error is not about the object that was being saved.
fn ends_search(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyKeyboardInterrupt>(py)
        || error.is_instance_of::<PySystemExit>(py)
        || error.is_instance_of::<PyMemoryError>(py)
}

/// After an error in the last item of the work list: drops the innermost object that a marker can replace, so that the
/// search continues with the next item of its container. Returns false if there is none, or no search.
pub(super) fn recover<'py>(
    context: &Arc<PickleContext>,
    py: Python<'py>,
    work: &mut Vec<WorkItem<'py>>,
    error: &PyErr,
) -> PyResult<bool> {
    let Some(mut search) = context.fault_search()? else { return Ok(false) };
    if !search.replaces || ends_search(py, error) || search.found.len() >= MOST_REPLACED {
        return Ok(false);
    }
    let mut state = context.lock()?;
    let failed: Vec<_> = state.failed.iter().rev().map(|object| object.bind(py).clone()).collect();
    // The last item was saving the outermost of them.
    let Some((index, replaced)) = innermost(work, failed.first(), state.dill_calls == 0) else { return Ok(false) };
    let inside = work.get(index + 1..).unwrap_or_default().iter().filter_map(WorkItem::object);
    let inside: Vec<_> = inside.chain(failed).collect();
    let slots = inside.iter().filter_map(|object| state.memo.get(object.as_ptr() as usize));
    let first = slots.filter(|slot| state.is_in_segment(*slot)).min();
    let gone = (first.map(|first| state.memo.cut(first as usize)), state.cells.cut_before(&inside));
    let failed = std::mem::take(&mut state.failed);
    drop(state);
    let around = work.get(..=index).unwrap_or_default().iter().filter_map(WorkItem::object);
    let outer: Vec<_> = search.path.iter().map(|object| object.bind(py).clone()).collect();
    search.replace(error, outer.into_iter().chain(around).chain(inside).collect(), &replaced);
    drop(search);
    // Freeing objects can run Python code, so nothing is locked here.
    work.truncate(index + 1);
    drop((gone, failed));
    Ok(true)
}
