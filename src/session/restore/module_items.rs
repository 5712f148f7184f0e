//! Sets the variables of other modules that a snapshot has: imports the module, and puts the loaded value into its
//! namespace, as BUILD does in the pickle.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyModule;

use super::restore_context::RestoreContext;
use super::segment_loader::reason_for_loss;
use crate::snapshot::segment::module_and_name;

/// The modules that were imported for their variables, or why that failed: a module that fails is not run again.
#[derive(Default)]
pub(super) struct ModuleItems<'py> {
    modules: HashMap<String, Result<Bound<'py, PyModule>, String>>,
}

impl<'py> ModuleItems<'py> {
    /// Sets the variable `item`, which is `module.name`. Returns the reason if that is impossible.
    pub(super) fn set(
        &mut self,
        context: &RestoreContext<'py>,
        item: &str,
        value: &Bound<'py, PyAny>,
    ) -> Result<(), String> {
        let (module, name) = module_and_name(item).ok_or_else(|| "it names no module".to_owned())?;
        let py = context.module.py();
        let import = || {
            let renamed = context.renamed(module);
            py.import(renamed.as_str()).map_err(|error| reason_for_loss(py, &error))
        };
        let module = self.modules.entry(module.to_owned()).or_insert_with(import).as_ref().map_err(String::clone)?;
        // Not `setattr`: a module can have a class of its own.
        module.dict().set_item(name, value).map_err(|error| reason_for_loss(py, &error))
    }
}
