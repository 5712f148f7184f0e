//! Objects within a variable that cannot be saved: the markers that are saved in their place, and their description in
//! the index.
//!
//! A marker is a `types.SimpleNamespace` with the type and the reason, so that any Python can load it.

use std::sync::Arc;

use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyRecursionError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule};

use super::failure_path::explain_failure;
use super::object_description::type_name;
use crate::pickle::known::{MARKER_REASON, MARKER_TYPE};
use crate::pickler::{DillImporter, Fault, FaultRequest, LostItems, SaveFailure, UnloadableObjects, all_faults};
use crate::snapshot::index::UnsavableObject;

/// How often a variable is searched for faults: each search may find some behind those of the search before.
const MOST_SEARCHES: usize = 10;
/// The most lost objects of one variable that are described in the index.
const MOST_DESCRIBED: usize = 1000;

/// The lost objects of one variable.
#[derive(Default)]
pub(super) struct LostObjects<'py> {
    /// Each object and its marker.
    markers: Vec<[Bound<'py, PyAny>; 2]>,
    described: Vec<UnsavableObject>,
    searches: usize,
}

/// Where faults are searched.
pub(super) struct FaultPlace<'a, 'py> {
    pub(super) session: &'a Bound<'py, PyModule>,
    pub(super) globals: &'a Bound<'py, PyDict>,
    pub(super) name: &'a str,
    pub(super) value: &'a Bound<'py, PyAny>,
    pub(super) unloadable: &'a Arc<UnloadableObjects>,
}

impl<'py> LostObjects<'py> {
    /// The table for the pickler.
    pub(super) fn items(&self) -> LostItems {
        let mut items = LostItems::default();
        for [object, marker] in &self.markers {
            items.add(object, marker.clone());
        }
        items
    }

    /// The entries for the index, and a note if there are too many.
    pub(super) fn into_entries(self) -> (Vec<UnsavableObject>, Option<String>) {
        let more = self.markers.len().saturating_sub(self.described.len());
        (self.described, (more > 0).then(|| format!("{more} more objects in it are lost")))
    }

    /// After a failed save: searches the variable for all faults, and makes a marker for each object that can be
    /// replaced. Returns false if the variable cannot be saved with markers either.
    pub(super) fn search(
        &mut self,
        place: &FaultPlace<'_, 'py>,
        importer: DillImporter,
        failure: &SaveFailure<'py>,
    ) -> PyResult<bool> {
        let py = place.value.py();
        // If the value itself is at fault, the chain has at most that.
        let within = failure.chain.iter().any(|object| !object.is(place.value));
        self.searches += 1;
        if !within || ends_save(py, &failure.error) || self.searches > MOST_SEARCHES {
            return Ok(false);
        }
        let request = FaultRequest {
            globals: place.globals,
            unloadable: place.unloadable,
            replaces: true,
            is_too_deep: failure.error.is_instance_of::<PyRecursionError>(py),
            lost: self.items(),
        };
        let faults = all_faults(place.session, importer, place.value, request)?;
        if faults.iter().any(|fault| fault.replaced.is_none()) {
            return Ok(false);
        }
        let before = self.markers.len();
        for fault in &faults {
            self.add(place, fault)?;
        }
        Ok(self.markers.len() > before)
    }

    fn add(&mut self, place: &FaultPlace<'_, 'py>, fault: &Fault<'py>) -> PyResult<()> {
        let Some(replaced) = &fault.replaced else { return Ok(()) };
        if self.markers.iter().any(|[object, _]| object.is(replaced)) {
            return Ok(());
        }
        let described = describe(place, &fault.failure, replaced);
        let marker = make_marker(replaced.py(), &described)?;
        self.markers.push([replaced.clone(), marker]);
        if self.described.len() < MOST_DESCRIBED {
            self.described.push(described);
        }
        Ok(())
    }
}

/// Whether an exception is not the variable's fault.
fn ends_save(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyKeyboardInterrupt>(py)
        || error.is_instance_of::<PySystemExit>(py)
        || error.is_instance_of::<PyMemoryError>(py)
}

fn describe(place: &FaultPlace<'_, '_>, failure: &SaveFailure<'_>, replaced: &Bound<'_, PyAny>) -> UnsavableObject {
    let py = replaced.py();
    let at_fault = explain_failure(py, place.name, place.value, failure);
    let position = failure.chain.iter().position(|object| object.is(replaced));
    let around = SaveFailure {
        error: failure.error.clone_ref(py),
        chain: failure.chain.iter().take(position.map_or(0, |position| position + 1)).cloned().collect(),
        stopped: None,
    };
    let path = explain_failure(py, place.name, place.value, &around).path;
    let path = path.unwrap_or_else(|| place.name.to_owned());
    UnsavableObject {
        // The marker may stand for an object around the one at fault.
        fault: at_fault.path.filter(|fault| *fault != path),
        path,
        type_name: type_name(&replaced.get_type()),
        error: at_fault.error,
        hint: at_fault.hint,
    }
}

fn make_marker<'py>(py: Python<'py>, described: &UnsavableObject) -> PyResult<Bound<'py, PyAny>> {
    let attributes = PyDict::new(py);
    attributes.set_item(MARKER_TYPE, &described.type_name)?;
    attributes.set_item(MARKER_REASON, &described.error)?;
    py.import("types")?.getattr("SimpleNamespace")?.call((), Some(&attributes))
}

/// Every object in a variable that cannot be saved; empty if there is only one.
pub(super) fn all_unsavable_objects(
    place: &FaultPlace<'_, '_>,
    importer: DillImporter,
) -> PyResult<Vec<UnsavableObject>> {
    // A second pickling of the variable, with a separate pickler whose output is discarded.
    let request = FaultRequest {
        globals: place.globals,
        unloadable: place.unloadable,
        replaces: false,
        is_too_deep: false,
        lost: LostItems::default(),
    };
    let found = all_faults(place.session, importer, place.value, request)?;
    if found.len() < 2 {
        return Ok(Vec::new());
    }
    let explain = |fault: &Fault<'_>| {
        let explained = explain_failure(place.value.py(), place.name, place.value, &fault.failure);
        UnsavableObject {
            path: explained.path.unwrap_or_else(|| place.name.to_owned()),
            type_name: explained.fault_type.unwrap_or_else(|| type_name(&place.value.get_type())),
            error: explained.error,
            hint: explained.hint,
            fault: None,
        }
    };
    Ok(found.iter().map(explain).collect())
}
