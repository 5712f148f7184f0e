//! Names that `--refimported` keeps by reference: what dill's own look-up finds in another loaded module.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule};

/// dill's map of all that loaded modules hold, made once for a save.
pub struct Imported<'py> {
    session: Bound<'py, PyModule>,
    map: Bound<'py, PyAny>,
    look_up: Bound<'py, PyAny>,
}

impl<'py> Imported<'py> {
    /// Makes the map. `session` is the module whose names will be asked for.
    pub fn new(dill: &Bound<'py, PyModule>, session: &Bound<'py, PyModule>) -> PyResult<Self> {
        let functions = dill.getattr("session")?;
        Ok(Self {
            session: session.clone(),
            map: functions.getattr("_module_map")?.call0()?,
            look_up: functions.getattr("_lookup_module")?,
        })
    }

    /// The module and the name under which the value was imported; None where it was not imported.
    pub fn place(&self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<Option<(String, String)>> {
        // None, True and False are found in many modules by chance, and modules are kept by name anyway.
        if value.is_none() || value.is_instance_of::<pyo3::types::PyBool>() || value.is_instance_of::<PyModule>() {
            return Ok(None);
        }
        let found = self.look_up.call1((&self.map, name, value, &self.session))?;
        let (module, attribute): (Option<String>, Option<String>) = found.extract()?;
        Ok(module.zip(attribute))
    }
}
