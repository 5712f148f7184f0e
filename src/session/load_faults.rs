//! What the check after a save has found: objects and variables that can be pickled, but whose pickle cannot be loaded.
//! The session is then written again without them.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::trial_load::{TrialResult, UnloadedObject};
use crate::pickler::{CheckedRange, UnloadableObjects};

/// A variable with objects whose load may fail.
pub(super) struct CheckedVariable {
    pub(super) name: String,
    pub(super) ranges: Vec<CheckedRange>,
}

impl CheckedVariable {
    /// The innermost object whose opcodes include this offset.
    pub(super) fn object_at(&self, offset: u64) -> Option<&CheckedRange> {
        let around = self.ranges.iter().filter(|range| range.start <= offset && offset < range.end);
        around.max_by_key(|range| range.start)
    }
}

/// What must not be written again.
#[derive(Default)]
pub(super) struct LoadFaults {
    /// Objects, with the reason.
    objects: Vec<(Py<PyAny>, String)>,
    /// Variables that cannot be loaded as a whole, with the reason.
    variables: HashMap<String, String>,
}

impl LoadFaults {
    pub(super) fn add_object(&mut self, object: Py<PyAny>, why: String) {
        self.objects.push((object, why));
    }

    pub(super) fn add_variable(&mut self, name: &str, why: &str) {
        self.variables.insert(name.to_owned(), why.to_owned());
    }

    /// Adds what a check has found in these variables. With `whole`, variables are given up instead of objects in them.
    /// Returns whether there is anything.
    pub(super) fn add(
        &mut self,
        py: Python<'_>,
        found: &TrialResult,
        checked: &[CheckedVariable],
        whole: bool,
    ) -> bool {
        for (name, why) in &found.variables {
            self.add_variable(name, why);
        }
        for UnloadedObject { variable, address, why } in &found.objects {
            let ranges = checked.iter().find(|checked| checked.name == *variable).map(|checked| &checked.ranges);
            let range =
                ranges.and_then(|ranges| ranges.iter().find(|range| range.object.as_ptr() as usize == *address));
            match range {
                Some(range) if !whole => self.add_object(range.object.clone_ref(py), why.clone()),
                // A reduction makes the object anew each time.
                _ => self.add_variable(variable, why),
            }
        }
        !found.variables.is_empty() || !found.objects.is_empty()
    }

    /// Why a variable cannot be loaded as a whole.
    pub(super) fn why_left_out(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The table for the pickler.
    pub(super) fn table(&self, py: Python<'_>) -> Arc<UnloadableObjects> {
        let mut table = UnloadableObjects::default();
        for (object, why) in &self.objects {
            table.add(object.clone_ref(py), why.clone());
        }
        Arc::new(table)
    }
}
