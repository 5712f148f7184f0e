//! Functions with annotations that have not been evaluated, when dill's own function writes them, as in `dumps`.
//!
//! dill asks for `__annotations__`, which would evaluate them. So the function is without them until dill hands its
//! state to our `save_reduce`, where `__annotate__` is added. Annotations in a class refer to the namespace of the
//! class by a cell, which gets a dict of the names that they use: see [`CLASS_NAMES`](super::CLASS_NAMES).

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyTuple};
use rustc_hash::FxHashMap;

use super::super::annotations::Annotations;
use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::exec_namespace::class_names_used;
use super::{CLASS_NAMES, type_global};
use crate::pickle::format::opcode::Opcode;

#[derive(Default)]
pub(in super::super) struct DillAnnotations {
    /// The functions whose annotations are hidden now, with these annotations.
    hidden: Vec<(Py<PyAny>, Py<PyAny>)>,
    /// Cells with the namespace of a class, by address, and the contents that they get instead.
    class_cells: FxHashMap<usize, (Py<PyAny>, Py<PyDict>)>,
}

/// Takes the annotations from a function that dill is about to write, if they have not been evaluated. The caller must
/// give them back with [`show`]. Returns whether there were any.
pub(in super::super) fn hide(context: &Arc<PickleContext>, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    if context.is_session() || !object.is_exact_instance_of::<PyFunction>() {
        return Ok(false);
    }
    expect_class_names(context, object)?;
    let Annotations::Lazy(annotate) = Annotations::of(object)? else { return Ok(false) };
    context.lock()?.dill_annotations.hidden.push((object.clone().unbind(), annotate.unbind()));
    object.setattr(intern!(py, "__annotate__"), py.None())?;
    Ok(true)
}

/// Gives a function its annotations back, and returns them. None if it has them.
pub(in super::super) fn show<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = object.py();
    let taken = {
        let hidden = &mut context.lock()?.dill_annotations.hidden;
        hidden.iter().rposition(|(function, _)| function.is(object)).map(|index| hidden.remove(index))
    };
    let Some((_, annotate)) = taken else { return Ok(None) };
    let annotate = annotate.into_bound(py);
    object.setattr(intern!(py, "__annotate__"), &annotate)?;
    Ok(Some(annotate))
}

/// The state that dill has made for a function, with `__annotate__` if it has been hidden.
pub(in super::super) fn with_annotate<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    state: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = object.py();
    if context.lock()?.dill_annotations.hidden.is_empty() {
        return Ok(state);
    }
    let Some(annotate) = show(context, object)? else { return Ok(state) };
    // The `__dict__`, or that and a dict of other attributes.
    let (dict, attributes) = match state.as_ref().map(|state| state.cast_exact::<PyTuple>()) {
        Some(Ok(pair)) => (pair.get_item(0)?, pair.get_item(1)?.cast_into::<PyDict>()?.copy()?),
        _ => (state.unwrap_or_else(|| py.None().into_bound(py)), PyDict::new(py)),
    };
    if attributes.contains(intern!(py, "__annotations__"))? {
        attributes.del_item(intern!(py, "__annotations__"))?;
    }
    attributes.set_item(intern!(py, "__annotate__"), annotate)?;
    Ok(Some(PyTuple::new(py, [dict, attributes.into_any()])?.into_any()))
}

/// Prepares the cell by which a function refers to the namespace of its class.
fn expect_class_names(context: &Arc<PickleContext>, function: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = function.py();
    let Some((namespace, mut names)) = class_names_used(function)? else { return Ok(()) };
    let variables = function.getattr(intern!(py, "__code__"))?.getattr(intern!(py, "co_freevars"))?;
    let index: usize = variables.call_method1(intern!(py, "index"), (CLASS_NAMES,))?.extract()?;
    let cell = function.getattr(intern!(py, "__closure__"))?.get_item(index)?;
    let address = cell.as_ptr() as usize;
    if !namespace.contains(intern!(py, "__module__"))?
        || context.lock()?.dill_annotations.class_cells.contains_key(&address)
    {
        return Ok(());
    }
    // The other functions of the class share the cell.
    for value in namespace.values() {
        let annotate = if value.is_exact_instance_of::<PyFunction>() {
            Annotations::of(&value)?.attribute().map(|(_, annotate)| annotate)
        } else {
            None
        };
        for function in [Some(value), annotate].into_iter().flatten() {
            if function.is_exact_instance_of::<PyFunction>()
                && let Some((other, used)) = class_names_used(&function)?
                && other.is(&namespace)
            {
                names.extend(used);
            }
        }
    }
    let copy = PyDict::new(py);
    for name in names {
        copy.set_item(&name, namespace.get_item(&name)?)?;
    }
    let entry = (cell.unbind(), copy.unbind());
    context.lock()?.dill_annotations.class_cells.insert(address, entry);
    Ok(())
}

/// The plan for a cell with the namespace of a class. None for any other.
pub(super) fn plan_class_cell<'py>(
    context: &Arc<PickleContext>,
    cell: &Bound<'py, PyAny>,
) -> PyResult<Option<ObjectPlan<'py>>> {
    let names = {
        let known = context.lock()?;
        let found = known.dill_annotations.class_cells.get(&(cell.as_ptr() as usize));
        found.map(|(_, names)| names.bind(cell.py()).clone())
    };
    Ok(names.map(|names| {
        let mut actions = vec![type_global("CellType", cell.get_type()), Action::Save(names.into_any())];
        actions.extend([Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
        actions.push(Action::Memoize(cell.clone()));
        ObjectPlan::actions(cell, actions)
    }))
}
