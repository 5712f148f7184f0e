//! Members of an enumeration of the script, created as plain objects with their values and attributes. No code of the
//! script runs.
//!
//! Their class is created like every class. Its namespace has all its members, so a member that is met elsewhere is
//! written by writing its class.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PySlice, PyTuple, PyType};

use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::super::reduce;
use super::super::strategy::is_enumeration;
use crate::pickle::format::opcode::Opcode;
use crate::pickler::class_attributes::ClassOrder as _;

/// The plan for a member that has no slot.
pub(in super::super) fn plan_enum_member<'py>(
    context: &Arc<PickleContext>,
    member: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    let class = member.get_type();
    if !context.is_script_class(&class)? {
        return reduce::plan(context, member);
    }
    let mut actions: Vec<_> = Action::save_and_pop(class.into_any()).into();
    let member_itself = member.clone();
    // Saving the class also saves its members, unless the class is being saved at the moment.
    actions.push(Action::UnlessSaved(member.clone(), Box::new(move |context| plain_creation(context, &member_itself))));
    Ok(ObjectPlan::actions(member, actions))
}

/// Creates a member without a call of its class.
fn plain_creation<'py>(context: &Arc<PickleContext>, member: &Bound<'py, PyAny>) -> PyResult<Vec<Action<'py>>> {
    let mut actions = construction(context, member)?;
    actions.extend([Action::Write(Opcode::Reduce), Action::Memoize(member.clone())]);
    actions.extend([Action::Save(member.getattr("__dict__")?), Action::Write(Opcode::Build)]);
    Ok(actions)
}

/// Pushes the function that creates a member, and its arguments.
///
/// `copyreg._reconstructor(class, base, data)` calls `base.__new__(class, data)`, but ignores the data if the base is
/// `object`. In this case the data is the member's name: a load into the same process finds the existing member by it.
fn construction<'py>(context: &PickleContext, member: &Bound<'py, PyAny>) -> PyResult<Vec<Action<'py>>> {
    let py = member.py();
    let class = member.get_type();
    let base = creating_base(context, &class)?;
    let mut data = if base.is(py.get_type::<PyAny>()) { vec![member.getattr("_name_")?] } else { data(&base, member)? };
    if data.len() == 1 && base.module()? == "builtins" {
        let function = py.import("copyreg")?.getattr("_reconstructor")?;
        let arguments = (class, base, data.remove(0)).into_pyobject(py)?.into_any();
        return Ok(vec![Action::Save(function), Action::Save(arguments)]);
    }
    // Otherwise `getattr(base, "__new__")(class, *data)`.
    let getter = py.import("builtins")?.getattr("getattr")?;
    let new = (base, "__new__").into_pyobject(py)?.into_any();
    let arguments = PyTuple::new(py, [class.into_any()].into_iter().chain(data).collect::<Vec<_>>())?;
    let arguments = Action::Save(arguments.into_any());
    Ok(vec![Action::Save(getter), Action::Save(new), Action::Write(Opcode::Reduce), arguments])
}

/// The class whose `__new__` creates members: the class of their data, or `object`. Neither an enumeration nor a class
/// of the script.
fn creating_base<'py>(context: &PickleContext, class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyType>> {
    let py = class.py();
    for base in class.order() {
        let base = base.cast_into::<PyType>()?;
        let has_new = base.getattr("__dict__")?.contains("__new__")?;
        if has_new && !is_enumeration(&base)? && !context.is_script_class(&base)? {
            return Ok(base);
        }
    }
    Ok(py.get_type::<PyAny>().cast_into()?)
}

/// The arguments that `base.__new__` needs, after the class, to create the data of a member.
fn data<'py>(base: &Bound<'py, PyType>, member: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = base.py();
    // `tuple.__new__` takes its items as one argument.
    if base.is(py.get_type::<PyTuple>()) {
        return Ok(vec![base.getattr("__getitem__")?.call1((member, PySlice::full(py)))?]);
    }
    if base.hasattr("__getnewargs__")? {
        let arguments = base.getattr("__getnewargs__")?.call1((member,))?;
        return Ok(arguments.cast_into::<PyTuple>()?.iter().collect());
    }
    let reduced = base.getattr("__reduce__")?.call1((member,))?;
    Ok(reduced.get_item(1)?.cast_into::<PyTuple>()?.iter().collect())
}
