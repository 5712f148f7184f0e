//! Classes, enumeration members and type variables of the script, which no import finds: a load must create them anew.
//!
//! A class is created in two steps, because its attributes may refer back to it. The skeleton has only attributes that
//! certainly do not. Once it has a memo slot, the other attributes are set one by one, and references to the class use
//! the slot. No code of the script runs for that, neither its metaclasses nor its `__init_subclass__`. Plain dill can
//! load the result.
//!
//! All of this applies to sessions only: single pickles are left to dill.

mod acyclic;
mod enum_member;
mod lazy_types;
mod named_tuple;
mod parametrized;
mod self_reference;
mod skeleton;
mod skeleton_maker;
mod struct_class;
mod subclass_hooks;
mod type_var;

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyType;

pub(crate) use self::acyclic::is_scalar;
pub(super) use self::enum_member::plan_enum_member;
pub(super) use self::type_var::plan_type_variable;
use super::pickle_context::{PickleContext, pickling_error};
use super::plan::ObjectPlan;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// The plan for a class of the script that has no slot.
pub(super) fn plan_class<'py>(context: &Arc<PickleContext>, class: &Bound<'py, PyType>) -> PyResult<ObjectPlan<'py>> {
    if is_mapped(class)? {
        let why =
            "it is mapped by SQLAlchemy, whose registry belongs to the process: define it in a module and import it";
        return Err(pickling_error(class.py(), &format!("cannot pickle a class: {why}")));
    }
    if is_recursive_structure(class)? {
        let why = "a field of this structure of ctypes points to the structure: define it in a module and import it";
        return Err(pickling_error(class.py(), &format!("cannot pickle a class: {why}")));
    }
    let actions = if let Some(fields) = named_tuple::fields(class)? {
        named_tuple::creation(class, &fields)?
    } else if let Some(actions) = parametrized::creation(context, class)? {
        actions
    } else {
        skeleton::creation(context, class)?
    };
    Ok(ObjectPlan::actions(class, actions))
}

/// Whether SQLAlchemy maps a class or its subclasses to tables.
fn is_mapped(class: &Bound<'_, PyType>) -> PyResult<bool> {
    for base in class.order() {
        if base.getattr("__dict__")?.contains("_sa_registry")? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a structure or union of `ctypes` has a field that points to it. Its fields can only be given once it exists.
fn is_recursive_structure(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let metaclass = class.get_type();
    if !metaclass.module().tolerated().is_some_and(|module| module == "_ctypes") {
        return Ok(false);
    }
    let Some(fields) = class.getattr_opt("_fields_")? else { return Ok(false) };
    for field in fields.try_iter()? {
        let kind = field?.get_item(1)?;
        if kind.getattr_opt("_type_")?.is_some_and(|target| target.is(class)) {
            return Ok(true);
        }
    }
    Ok(false)
}
