//! Plans for objects that are written by name: globals and modules.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

use super::global_names::module_name;
use super::pickle_context::{PickleContext, pickling_error};
use super::pickler_state::OWN_MODULE;
use super::plan::{DirectWrite, ObjectPlan};
use super::submodules;

/// A global, or its extension code if `copyreg` has one.
pub(super) fn plan_global<'py>(
    context: &PickleContext,
    py: Python<'py>,
    module: String,
    name: String,
) -> PyResult<ObjectPlan<'py>> {
    context.check_importable(py, &module, &format!("{module}.{name}"))?;
    if module == OWN_MODULE {
        return Ok(ObjectPlan::Write(DirectWrite::OwnFunction { name }));
    }
    let registry = py.import("copyreg")?.getattr("_extension_registry")?;
    // The keys of the registry are pairs of module and name.
    let code = registry.cast::<PyDict>()?.get_item((&module, &name))?;
    Ok(ObjectPlan::Write(match code {
        Some(code) => DirectWrite::Extension { module, name, code: code.extract()? },
        None => DirectWrite::Global { module, name },
    }))
}

/// A module: by name if an import finds it. dill writes one that exists in memory only, but not in a session: the
/// module would have to be there before its functions.
pub(super) fn plan_module<'py>(context: &Arc<PickleContext>, module: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let py = module.py();
    if let Some(name) = module_name(module)? {
        context.check_importable(py, &name, &name)?;
        if let Some(actions) = submodules::imports(context, module, &name)? {
            return Ok(ObjectPlan::actions(module, actions));
        }
        return Ok(ObjectPlan::Write(DirectWrite::Module { name }));
    }
    if context.is_session() {
        let why = "it was created at run time, so another process cannot import it";
        return Err(pickling_error(py, &format!("cannot pickle a module: {why}")));
    }
    Ok(ObjectPlan::Dill { function: context.dill.function(&module.get_type())? })
}
