//! A code object, as a call of `types.CodeType` with the arguments of this version of Python.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString};

use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::type_global;
use crate::pickle::format::opcode::Opcode;

/// The plan for a code object that has no slot.
pub(super) fn plan<'py>(context: &Arc<PickleContext>, code: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    // Bytecode is bound to a Python version, so the index records which segments have it.
    context.lock()?.needs.has_code = true;
    let mut actions = Vec::with_capacity(23);
    actions.extend([type_global("CodeType", code.get_type()), Action::Write(Opcode::Mark)]);
    // Python 3.11 added the qualified name and the table of exceptions. `co_lnotab` is not needed: 3.10 replaced it.
    for (name, since_3_11) in constructor_arguments(code.py()) {
        if !since_3_11 || code.py().version_info() >= (3, 11) {
            actions.push(Action::Save(code.getattr(name)?));
        }
    }
    actions.extend([Action::Write(Opcode::Tuple), Action::Write(Opcode::Reduce), Action::Memoize(code.clone())]);
    Ok(ObjectPlan::actions(code, actions))
}

/// The attributes that `types.CodeType` takes, in order, and whether it takes them since 3.11 only.
fn constructor_arguments<'a, 'py>(py: Python<'py>) -> [(&'a Bound<'py, PyString>, bool); 18] {
    [
        (intern!(py, "co_argcount"), false),
        (intern!(py, "co_posonlyargcount"), false),
        (intern!(py, "co_kwonlyargcount"), false),
        (intern!(py, "co_nlocals"), false),
        (intern!(py, "co_stacksize"), false),
        (intern!(py, "co_flags"), false),
        (intern!(py, "co_code"), false),
        (intern!(py, "co_consts"), false),
        (intern!(py, "co_names"), false),
        (intern!(py, "co_varnames"), false),
        (intern!(py, "co_filename"), false),
        (intern!(py, "co_name"), false),
        (intern!(py, "co_qualname"), true),
        (intern!(py, "co_firstlineno"), false),
        (intern!(py, "co_linetable"), false),
        (intern!(py, "co_exceptiontable"), true),
        (intern!(py, "co_freevars"), false),
        (intern!(py, "co_cellvars"), false),
    ]
}
