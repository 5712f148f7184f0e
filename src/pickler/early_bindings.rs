//! Names that a pickle binds as soon as their objects exist: code that runs while the session is loaded looks them up.
//!
//! `session` chooses them. The opcodes set an item of the namespace that is restored, which is a global of its own in
//! dill's files, and leave the stack as it was.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString};
use rustc_hash::FxHashMap;

use super::pickle_context::PickleContext;
use super::plan::Action;
use crate::pickle::format::opcode::Opcode;

/// What to bind once an object exists.
struct BindingsOf {
    /// Keeps the address from being used again.
    _object: Py<PyAny>,
    /// Names with their values.
    names: Vec<(String, Py<PyAny>)>,
}

/// Names by the address of the class or function that is to exist before they are bound.
#[derive(Default)]
pub(crate) struct EarlyBindings(FxHashMap<usize, BindingsOf>);

impl EarlyBindings {
    /// Has a name bound once `object` exists.
    pub(crate) fn add(&mut self, object: &Bound<'_, PyAny>, name: &str, value: &Bound<'_, PyAny>) {
        let new = || BindingsOf { _object: object.clone().unbind(), names: Vec::new() };
        let entry = self.0.entry(object.as_ptr() as usize).or_insert_with(new);
        entry.names.push((name.to_owned(), value.clone().unbind()));
    }
}

/// The actions that bind the names of an object, which has a slot.
pub(super) fn bind_names<'py>(context: &PickleContext, object: &Bound<'py, PyAny>) -> Vec<Action<'py>> {
    let py = object.py();
    let Some(bindings) = context.early_bindings.0.get(&(object.as_ptr() as usize)) else { return Vec::new() };
    let mut actions = Vec::new();
    for (name, value) in &bindings.names {
        actions.extend([
            Action::Global { module: "__builtin__", name: "__main__", object: None },
            Action::Save(PyString::new(py, name).into_any()),
            Action::Save(value.bind(py).clone()),
            Action::Write(Opcode::SetItem),
            Action::Write(Opcode::Pop),
        ]);
    }
    actions
}
