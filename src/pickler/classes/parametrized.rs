//! Classes that a subscript of a generic class has made, such as `Page[int]` of a pydantic model: the load takes the
//! same subscript, so that it is again the class that later subscripts find.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyTuple, PyType};

use super::super::pickle_context::PickleContext;
use super::super::plan::Action;
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// The actions that create a class from its generic class. None for any other class, and for one whose generic class is
/// not complete yet.
pub(super) fn creation<'py>(context: &PickleContext, class: &Bound<'py, PyType>) -> PyResult<Option<Vec<Action<'py>>>> {
    let names = class.getattr("__dict__")?;
    let metadata = names.call_method1("get", ("__pydantic_generic_metadata__",))?;
    if metadata.is_none() {
        return Ok(None);
    }
    let (origin, arguments) = (metadata.get_item("origin")?, metadata.get_item("args")?.cast_into::<PyTuple>()?);
    if origin.is_none() || context.lock()?.unfinished_classes.contains(&(origin.as_ptr() as usize)) {
        return Ok(None);
    }
    // `Page[int]`, not `Page[(int,)]`.
    let arguments = if arguments.len() == 1 { arguments.get_item(0)? } else { arguments.into_any() };
    if !origin.get_item(&arguments).tolerated().is_some_and(|found| found.is(class)) {
        return Ok(None);
    }
    let class = class.clone().into_any();
    let subscript = class.py().import("operator")?.getattr("getitem")?;
    let mut actions = vec![Action::BeginBuilding(class.clone())];
    // The generic class can lead to this one.
    actions.extend(Action::save_and_pop(origin.clone()));
    let created = class.clone();
    let creation = move |_: &Arc<PickleContext>| {
        let call: [Bound<'py, PyAny>; 3] = [subscript, origin, arguments];
        let mut actions: Vec<_> = call.map(Action::Save).into();
        actions.extend([Opcode::Tuple2, Opcode::Reduce].map(Action::Write));
        actions.push(Action::Memoize(created));
        Ok(actions)
    };
    actions.push(Action::UnlessSaved(class.clone(), Box::new(creation)));
    Ok(Some(actions))
}
