//! A code object, as a call of `types.CodeType` with the arguments of this version of Python.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString};

use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::{code_source, python_version, type_global};
use crate::pickle::format::opcode::Opcode;

/// The kind of object that an attribute of a code object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AttributeKind {
    /// A number, a string, or the tuple of constants.
    Any,
    /// Bytes, or a tuple of names.
    Own,
    /// The name of the file, which may be another one in the snapshot: see [`code_source`].
    FileName,
    /// As `Any` and `Own`, but Python 3.11 added the attribute: the qualified name, and the table of exceptions.
    AnyNew,
    OwnNew,
}

/// The plan for a code object that has no slot.
pub(super) fn plan<'py>(context: &Arc<PickleContext>, code: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    // Bytecode is bound to a Python version, so the index records which segments have it.
    context.lock()?.needs.has_code = true;
    let is_new = python_version(code.py()) >= (3, 11);
    let mut actions = Vec::with_capacity(23);
    actions.extend([type_global("CodeType", code.get_type()), Action::Write(Opcode::Mark)]);
    for (name, kind) in constructor_arguments(code.py()) {
        match kind {
            AttributeKind::AnyNew | AttributeKind::OwnNew if !is_new => {}
            AttributeKind::FileName => actions.push(Action::Save(code_source::file_name(context, code)?)),
            AttributeKind::Any | AttributeKind::AnyNew => actions.push(Action::Save(code.getattr(name)?)),
            AttributeKind::Own | AttributeKind::OwnNew => actions.push(Action::Constant(code.getattr(name)?)),
        }
    }
    actions.extend([Action::Write(Opcode::Tuple), Action::Write(Opcode::Reduce), Action::Memoize(code.clone())]);
    Ok(ObjectPlan::actions(code, actions))
}

/// The attributes that `types.CodeType` takes, in order. `co_lnotab`, which dill writes as well, is not among them:
/// `co_linetable` has replaced it in 3.10.
fn constructor_arguments<'a, 'py>(py: Python<'py>) -> [(&'a Bound<'py, PyString>, AttributeKind); 18] {
    use AttributeKind::{Any, AnyNew, FileName, Own, OwnNew};
    [
        (intern!(py, "co_argcount"), Any),
        (intern!(py, "co_posonlyargcount"), Any),
        (intern!(py, "co_kwonlyargcount"), Any),
        (intern!(py, "co_nlocals"), Any),
        (intern!(py, "co_stacksize"), Any),
        (intern!(py, "co_flags"), Any),
        (intern!(py, "co_code"), Own),
        (intern!(py, "co_consts"), Any),
        (intern!(py, "co_names"), Own),
        (intern!(py, "co_varnames"), Own),
        (intern!(py, "co_filename"), FileName),
        (intern!(py, "co_name"), Any),
        (intern!(py, "co_qualname"), AnyNew),
        (intern!(py, "co_firstlineno"), Any),
        (intern!(py, "co_linetable"), Own),
        (intern!(py, "co_exceptiontable"), OwnNew),
        (intern!(py, "co_freevars"), Own),
        (intern!(py, "co_cellvars"), Own),
    ]
}
