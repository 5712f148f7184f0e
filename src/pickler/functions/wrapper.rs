//! Objects that hold a function: bound methods, class methods, static methods and properties. Each is a call of its
//! type.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::super::plan::{Action, ObjectPlan};
use super::type_global;
use crate::pickle::format::opcode::Opcode;

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
