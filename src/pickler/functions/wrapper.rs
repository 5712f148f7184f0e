//! Objects that hold a function, and are written as a call of their type: bound methods, class methods, static methods,
//! properties, cached functions. The aliases in annotations are here, too.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyTuple};

use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::super::{named_objects, reduce, unkept_state};
use super::type_global;
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// `types.MethodType(function, object)`.
pub(super) fn plan_method<'py>(method: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let py = method.py();
    let parts = [method.getattr(intern!(py, "__func__"))?, method.getattr(intern!(py, "__self__"))?];
    let mut actions = vec![Action::BeginBuilding(method.clone()), type_global("MethodType", method.get_type())];
    actions.extend(parts.map(Action::Save));
    actions.extend([Opcode::Tuple2, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(method.clone()));
    Ok(ObjectPlan::actions(method, actions))
}

/// `classmethod(function)`.
pub(super) fn plan_method_wrapper<'py>(wrapper: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let function = wrapper.getattr(intern!(wrapper.py(), "__func__"))?;
    let mut actions = vec![Action::BeginBuilding(wrapper.clone())];
    actions.extend([wrapper.get_type().into_any(), function].map(Action::Save));
    actions.extend([Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(wrapper.clone()));
    Ok(ObjectPlan::actions(wrapper, actions))
}

/// `property(getter, setter, deleter, docstring)`.
pub(super) fn plan_property<'py>(property: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let mut actions = vec![Action::BeginBuilding(property.clone()), Action::Save(property.get_type().into_any())];
    actions.push(Action::Write(Opcode::Mark));
    for part in ["fget", "fset", "fdel", "__doc__"] {
        actions.push(Action::Save(property.getattr(part)?));
    }
    actions.extend([Opcode::Tuple, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(property.clone()));
    Ok(ObjectPlan::actions(property, actions))
}

/// `functools.lru_cache(maxsize, typed)(function)`, by name if an import finds it.
pub(super) fn plan_cached_function<'py>(
    context: &Arc<PickleContext>,
    cached: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    let py = cached.py();
    if let Some((module, name)) = context.global_name(cached)? {
        unkept_state::note_imported_cache(context, cached, &module)?;
        return named_objects::plan_global(context, py, module, name);
    }
    unkept_state::note_cache(context, cached)?;
    let options = cached.call_method0("cache_parameters")?;
    let decorator = py.import("functools")?.getattr("lru_cache")?;
    let mut actions = vec![Action::BeginBuilding(cached.clone()), Action::Save(decorator)];
    actions.extend([options.get_item("maxsize")?, options.get_item("typed")?].map(Action::Save));
    actions.extend([Opcode::Tuple2, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Save(cached.getattr("__wrapped__")?));
    actions.extend([Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(cached.clone()));
    Ok(ObjectPlan::actions(cached, actions))
}

/// An alias such as `typing.List[int]`, by its own reduction.
pub(super) fn plan_generic_alias<'py>(
    context: &Arc<PickleContext>,
    alias: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    let py = alias.py();
    // The reduction of `Tuple[()]` is wrong in 3.10. dill has a function for it.
    let is_empty = alias.getattr("__args__")?.cast::<PyTuple>().is_ok_and(|arguments| {
        arguments.is_empty() || arguments.get_item(0).tolerated().is_some_and(|first| first.is(PyTuple::empty(py)))
    });
    if is_empty && alias.getattr("__origin__")?.is(py.get_type::<PyTuple>()) {
        return reduce::plan_by_dill_or_reduction(context, alias);
    }
    reduce::plan(context, alias)
}
