//! Which globals a function of the script gets at load.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString};

use super::super::global_names::loaded_modules;
use super::super::pickle_context::PickleContext;

/// Where the globals of a function come from at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GlobalsOrigin {
    /// They are the namespace of the session, or of a module that the load imports: a reference suffices.
    Module,
    /// They are a dict that no module has, as with `exec(code, names)`: see [`exec_namespace`](super::exec_namespace).
    OwnDict,
}

/// Decides where the globals of a function come from at load.
pub(super) fn origin_of(context: &PickleContext, globals: &Bound<'_, PyDict>) -> PyResult<GlobalsOrigin> {
    let py = globals.py();
    let address = globals.as_ptr() as usize;
    if context.is_module_dict(globals)? {
        return Ok(GlobalsOrigin::Module);
    }
    // A module that was imported after the save began.
    let name = globals.get_item(intern!(py, "__name__"))?.and_then(|name| name.cast_into_exact::<PyString>().ok());
    let Some(name) = name else { return Ok(GlobalsOrigin::OwnDict) };
    let found = loaded_modules(py)?.get_item(&name).and_then(|module| module.getattr(intern!(py, "__dict__")));
    match (found, name.to_str()) {
        (Ok(found), Ok(name)) if found.is(globals) && !name.contains('\n') && context.can_import(py, name) => {
            context.lock()?.add_module_dict(address, name);
            Ok(GlobalsOrigin::Module)
        }
        _ => Ok(GlobalsOrigin::OwnDict),
    }
}

/// The name that a function made with these globals takes for its `__module__`, if it is certain at load.
pub(super) fn module_name<'py>(
    context: &PickleContext,
    origin: GlobalsOrigin,
    globals: &Bound<'py, PyDict>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match origin {
        // The namespace that it is loaded into may have another name, or none.
        GlobalsOrigin::Module if context.is_own_namespace(globals) => Ok(None),
        GlobalsOrigin::Module => globals.get_item(intern!(globals.py(), "__name__")),
        // The dict may not have been filled when the function is made.
        GlobalsOrigin::OwnDict => Ok(None),
    }
}
