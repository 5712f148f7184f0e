//! Names that a pickle binds as soon as their objects exist: code that runs while the session is loaded looks them up.
//!
//! `session` chooses them. The opcodes set an item of the namespace that is restored, which is a global of its own in
//! dill's files, and leave the stack as it was.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString};
use rustc_hash::FxHashMap;

use super::pickle_context::PickleContext;
use super::plan::Action;
use crate::pickle::format::opcode::Opcode;

/// The names to bind once an object exists.
struct BindingsOf {
    /// Also keeps the address from being used again.
    object: Py<PyAny>,
    /// Names with their values.
    names: Vec<(String, Py<PyAny>)>,
}

/// Names by the address of the class or function that must exist before they are bound.
#[derive(Default)]
pub(crate) struct EarlyBindings {
    of: FxHashMap<usize, BindingsOf>,
    /// For each name, the address of the object that last bound it.
    bound_by: Mutex<FxHashMap<String, usize>>,
}

impl EarlyBindings {
    /// Has a name bound once `object` exists.
    pub(crate) fn add(&mut self, object: &Bound<'_, PyAny>, name: &str, value: &Bound<'_, PyAny>) {
        let new = || BindingsOf { object: object.clone().unbind(), names: Vec::new() };
        let entry = self.of.entry(object.as_ptr() as usize).or_insert_with(new);
        entry.names.push((name.to_owned(), value.clone().unbind()));
    }
}

/// The actions that bind the names of an object, once they are due: the object has a slot then.
pub(super) fn bind_names<'py>(context: &PickleContext, object: &Bound<'py, PyAny>) -> Option<Action<'py>> {
    let (py, address) = (object.py(), object.as_ptr() as usize);
    context.early_bindings.of.contains_key(&address).then(|| {
        Action::Then(Box::new(move |context: &Arc<PickleContext>| {
            let mut actions = Vec::new();
            let Some(bindings) = context.early_bindings.of.get(&address) else { return Ok(actions) };
            for (name, value) in &bindings.names {
                if !is_bound(context, py, name, address)? {
                    actions.extend(binding(name, value.bind(py)));
                }
            }
            Ok(actions)
        }))
    })
}

/// Whether another object of this pickle has bound a name. Binding it again would undo changes by code that the load
/// has run since then. If not, this object has from now on.
fn is_bound(context: &PickleContext, py: Python<'_>, name: &str, address: usize) -> PyResult<bool> {
    let bindings = &context.early_bindings;
    let before = bindings.bound_by.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
    // One that could not be saved after all has lost its slot.
    if let Some(other) = before.filter(|before| *before != address).and_then(|before| bindings.of.get(&before))
        && context.has_slot(other.object.bind(py))?
    {
        return Ok(true);
    }
    bindings.bound_by.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), address);
    Ok(false)
}

fn binding<'py>(name: &str, value: &Bound<'py, PyAny>) -> [Action<'py>; 5] {
    [
        Action::Global { module: "__builtin__", name: "__main__", object: None },
        Action::Save(PyString::new(value.py(), name).into_any()),
        Action::Save(value.clone()),
        Action::Write(Opcode::SetItem),
        Action::Write(Opcode::Pop),
    ]
}
