//! Objects that the script imported by name, `from flask import request`, and that mean nothing without their module.
//!
//! Some belong to the process or to a library: the list of loaded modules, a proxy for the current request, a logger
//! with locks and streams. A copy of such an object would do nothing, so the variable is saved as the import that it
//! is. Everything else that was imported by name is saved by value, as dill saves it.

use std::collections::HashMap;

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

use super::code_objects::FromImport;
use crate::pickle::passes::scan::SegmentFacts;
use crate::pickler::{SaveFailure, SavedValue, loaded_modules};
use crate::python::deferred_signals::Tolerated as _;

/// Objects of the process: the interpreter or a library reads them where they are, not in a copy.
const OF_PROCESS: [(&str, &str); 9] = [
    ("sys", "modules"),
    ("sys", "meta_path"),
    ("sys", "path_hooks"),
    ("sys", "path_importer_cache"),
    ("os", "environ"),
    ("os", "environb"),
    ("warnings", "filters"),
    ("matplotlib", "rcParams"),
    ("matplotlib.pyplot", "rcParams"),
];
/// Globals that make live parts of an object.
const LIVE_PARTS: [&str; 4] =
    ["_thread allocate_lock", "_thread RLock", "dill._dill _create_lock", "dill._dill _create_filehandle"];

/// The objects that the script imported by name, by address.
pub(super) struct ImportedObjects {
    origins: HashMap<usize, (String, String)>,
}

impl ImportedObjects {
    /// Finds the objects of a session's import statements that are still what they were imported as.
    pub(super) fn new(namespace: &Bound<'_, PyDict>, imports: &[FromImport]) -> PyResult<Self> {
        let mut origins = HashMap::new();
        let modules = loaded_modules(namespace.py())?;
        for import in imports {
            let Some(value) = namespace.get_item(&import.name)? else { continue };
            let found = modules.get_item(&import.module).and_then(|module| module.getattr(&*import.attribute));
            if found.tolerated().is_some_and(|found| found.is(&value)) {
                // The namespace keeps the object alive, and so its address.
                origins.insert(value.as_ptr() as usize, (import.module.clone(), import.attribute.clone()));
            }
        }
        Ok(Self { origins })
    }

    /// The module and the name of an object of the process.
    pub(super) fn of_process(&self, value: &Bound<'_, PyAny>) -> Option<&(String, String)> {
        let origin = self.origins.get(&(value.as_ptr() as usize))?;
        OF_PROCESS.iter().any(|(module, name)| origin.0 == *module && origin.1 == *name).then_some(origin)
    }

    /// The module and the name of an imported object that cannot be pickled, or whose pickle has live parts.
    pub(super) fn in_place_of(
        &self,
        value: &Bound<'_, PyAny>,
        saved: &Result<SavedValue, SaveFailure<'_>>,
    ) -> Option<&(String, String)> {
        let origin = self.origins.get(&(value.as_ptr() as usize))?;
        let replaces = match saved {
            Ok(saved) => has_live_parts(&saved.facts),
            Err(failure) => {
                let py = value.py();
                let ends_save = failure.error.is_instance_of::<PyKeyboardInterrupt>(py)
                    || failure.error.is_instance_of::<PySystemExit>(py);
                failure.stopped.is_none() && !ends_save
            }
        };
        replaces.then_some(origin)
    }
}

fn has_live_parts(facts: &SegmentFacts) -> bool {
    facts.imports.iter().any(|import| LIVE_PARTS.contains(&import.as_str()))
}
