//! The reduce protocol: an object's `__reduce_ex__`, or a function in `copyreg.dispatch_table`, describes how to create
//! it.
//!
//! Follows `save` and `save_reduce` of CPython's Lib/pickle.py (3.10 to 3.13), step by step. Here are also the
//! `PickleBuffer` objects in the reductions of arrays (PEP 574).

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyIterator, PyList, PyString, PyTuple, PyType};

use super::buffer_view::PyBufferView;
use super::named_instance;
use super::named_objects::plan_global;
use super::pickle_context::{PickleContext, pickling_error};
use super::plan::{Action, DirectWrite, ObjectPlan, WorkItem};
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// Asks an object for its reduction.
pub(super) fn plan<'py>(context: &PickleContext, object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let reduced = reduce(object, &object.get_type())?;
    plan_reduced(context, object, &reduced)
}

/// The plan for an object with this reduction.
pub(super) fn plan_reduced<'py>(
    context: &PickleContext,
    object: &Bound<'py, PyAny>,
    reduced: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    let py = object.py();
    if let Ok(name) = reduced.cast::<PyString>() {
        return plan_by_name(context, object, name.to_str()?);
    }
    let Ok(parts) = reduced.cast::<PyTuple>() else {
        return Err(pickling_error(py, "__reduce__ must return a string or tuple"));
    };
    if !(2..=6).contains(&parts.len()) {
        return Err(pickling_error(py, "tuple returned by __reduce__ must contain 2 through 6 elements"));
    }
    let part = |index: usize| parts.get_item(index).tolerated().filter(|part| !part.is_none());
    let state = match part(2) {
        Some(state) => Some(state),
        None => forgotten_attributes(context, object)?,
    };
    let reduction = Reduction {
        state,
        list_items: part(3),
        dict_items: part(4),
        state_setter: part(5),
        ..Reduction::new(parts.get_item(0)?, parts.get_item(1)?)
    };
    let copied_list = reduction.copied_list(&object.get_type()).map(|list| list.as_ptr() as usize);
    let mut item = reduction.into_work_item(Some(object))?;
    item.insert_actions(copied_list.map(Action::ExpectCopiedList));
    // `Action::Memoize` ends the building that this begins.
    item.insert_actions([Action::BeginBuilding(object.clone())]);
    Ok(ObjectPlan::Work(item))
}

/// The attributes of an instance of a script's class whose built-in base class has a reduction without them:
/// `datetime.date` and `decimal.Decimal` know only their own value.
fn forgotten_attributes<'py>(
    context: &PickleContext,
    object: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = object.py();
    let kind = object.get_type();
    let is_builtin = |name: &Bound<'py, PyString>| Ok::<_, PyErr>(!kind.getattr(name)?.is_instance_of::<PyFunction>());
    if kind.getattr(intern!(py, "__dictoffset__"))?.extract::<isize>()? == 0
        || !is_builtin(intern!(py, "__reduce_ex__"))?
        || !is_builtin(intern!(py, "__reduce__"))?
        || kind.hasattr(intern!(py, "__setstate__"))?
    {
        return Ok(None);
    }
    let get = py.get_type::<PyAny>().getattr(intern!(py, "__getattribute__"))?;
    let Ok(attributes) = get.call1((object, intern!(py, "__dict__")))?.cast_into::<PyDict>() else { return Ok(None) };
    if attributes.is_empty() || !context.is_script_class(&kind)? {
        return Ok(None);
    }
    let is_registered = py.import("copyreg")?.getattr("dispatch_table")?.contains(&kind)?;
    Ok((!is_registered).then(|| attributes.into_any()))
}

/// The plan of dill's function for the type, or else the object's reduction.
pub(super) fn plan_by_dill_or_reduction<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    match context.dill.function(&object.get_type())? {
        Some(function) => Ok(ObjectPlan::Dill { function: Some(function) }),
        None => plan(context, object),
    }
}

/// The reduction of an object: a name, or a tuple of two to six parts.
pub(super) fn reduce<'py>(object: &Bound<'py, PyAny>, kind: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    // The table is looked up each time: a script may register a reducer between two variables.
    let table = py.import("copyreg")?.getattr("dispatch_table")?;
    if let Some(function) = table.cast::<PyDict>()?.get_item(kind)? {
        return function.call1((object,));
    }
    if let Some(method) = object.getattr_opt("__reduce_ex__")? {
        // Protocol 5: arrays then hand out a `PickleBuffer` instead of a copy.
        return method.call1((5,));
    }
    match object.getattr_opt("__reduce__")? {
        Some(method) => method.call0(),
        None => {
            Err(pickling_error(py, &format!("Can't pickle {:?} object", kind.name()?.to_string_lossy().into_owned())))
        }
    }
}

/// The six parts of a reduction.
pub(super) struct Reduction<'py> {
    pub(super) function: Bound<'py, PyAny>,
    pub(super) arguments: Bound<'py, PyAny>,
    pub(super) state: Option<Bound<'py, PyAny>>,
    pub(super) list_items: Option<Bound<'py, PyAny>>,
    pub(super) dict_items: Option<Bound<'py, PyAny>>,
    pub(super) state_setter: Option<Bound<'py, PyAny>>,
}

impl<'py> Reduction<'py> {
    /// A mere call.
    pub(super) fn new(function: Bound<'py, PyAny>, arguments: Bound<'py, PyAny>) -> Self {
        Self { function, arguments, state: None, list_items: None, dict_items: None, state_setter: None }
    }

    /// The list in the state of a `numpy.ndarray` of objects: (version, shape, dtype, is Fortran, list).
    fn copied_list(&self, kind: &Bound<'py, PyType>) -> Option<Bound<'py, PyAny>> {
        let state = self.state.as_ref()?.cast::<PyTuple>().ok().filter(|state| state.len() == 5)?;
        let is_array = kind.name().tolerated().is_some_and(|name| name == "ndarray")
            && kind.module().tolerated().is_some_and(|name| name == "numpy");
        let list = state.get_item(4).tolerated().filter(|_| is_array)?;
        list.is_exact_instance_of::<PyList>().then_some(list)
    }

    /// The actions that write the reduction. They create `object`, if it is to be memoized.
    pub(super) fn into_work_item(self, object: Option<&Bound<'py, PyAny>>) -> PyResult<WorkItem<'py>> {
        let py = self.function.py();
        let Ok(arguments) = self.arguments.cast::<PyTuple>() else {
            return Err(pickling_error(py, "args from save_reduce() must be a tuple"));
        };
        if !self.function.is_callable() {
            return Err(pickling_error(py, "func from save_reduce() must be callable"));
        }
        // Room for nearly all reductions: one allocation instead of three.
        let mut actions = Vec::with_capacity(8);
        self.construct(object, arguments, &mut actions)?;
        // The object gets its slot before its items and state are saved, because these may refer back to it.
        actions.extend(object.cloned().map(Action::Memoize));
        if let Some(items) = self.list_items {
            actions.push(Action::Appends(iterator(items)?));
        }
        if let Some(items) = self.dict_items {
            actions.push(Action::SetItems(iterator(items)?));
        }
        match (self.state, self.state_setter) {
            (None, _) => {}
            (Some(state), None) => actions.extend([Action::Save(state), Action::Write(Opcode::Build)]),
            (Some(state), Some(setter)) => {
                // `setter(object, state)`, whose result is dropped.
                actions.push(Action::Save(setter));
                actions.extend(object.cloned().map(Action::Save));
                actions.push(Action::Save(state));
                actions.extend([Opcode::Tuple2, Opcode::Reduce, Opcode::Pop].map(Action::Write));
            }
        }
        Ok(WorkItem::actions(object, actions))
    }

    /// Creates the object: with NEWOBJ or NEWOBJ_EX if the function is a placeholder of that name, else with REDUCE.
    fn construct(
        &self,
        object: Option<&Bound<'py, PyAny>>,
        arguments: &Bound<'py, PyTuple>,
        actions: &mut Vec<Action<'py>>,
    ) -> PyResult<()> {
        let py = self.function.py();
        let name = self.function.getattr_opt("__name__")?.and_then(|name| name.extract::<String>().tolerated());
        let name = name.unwrap_or_default();
        if name != "__newobj__" && name != "__newobj_ex__" {
            let saved = [self.function.clone(), arguments.clone().into_any()];
            actions.extend(saved.map(Action::Save));
            actions.push(Action::Write(Opcode::Reduce));
            return Ok(());
        }
        let class = arguments.get_item(0).map_err(|_| pickling_error(py, &format!("{name} arguments are empty")))?;
        if !class.hasattr("__new__")? {
            return Err(pickling_error(py, &format!("args[0] from {name} args has no __new__")));
        }
        if let Some(object) = object
            && !object.getattr("__class__")?.is(&class)
        {
            return Err(pickling_error(py, &format!("args[0] from {name} args has the wrong class")));
        }
        if name == "__newobj__" {
            let rest = arguments.get_slice(1, arguments.len()).into_any();
            actions.extend([class, rest].map(Action::Save));
            actions.push(Action::Write(Opcode::NewObj));
            return Ok(());
        }
        let (_, positional, keywords): (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>) =
            arguments.extract().map_err(|_| pickling_error(py, "__newobj_ex__ takes three arguments"))?;
        if !positional.is_instance_of::<PyTuple>() || !keywords.is_instance_of::<PyDict>() {
            return Err(pickling_error(py, "__newobj_ex__ takes a class, a tuple and a dict"));
        }
        actions.extend([class, positional, keywords].map(Action::Save));
        actions.push(Action::Write(Opcode::NewObjEx));
        Ok(())
    }
}

/// The fourth and the fifth part of a reduction must be iterators. CPython also rejects a list.
fn iterator(items: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyIterator>> {
    items.cast_into::<PyIterator>().map_err(|error| {
        let items = error.into_inner();
        let kind =
            items.get_type().name().map(|name| name.to_string_lossy().into_owned()).tolerated().unwrap_or_default();
        pickling_error(items.py(), &format!("the items of a reduction must be an iterator, not {kind}"))
    })
}

/// Whether the object is found under a name in a module that another process can import.
pub(super) fn is_importable_name(context: &PickleContext, object: &Bound<'_, PyAny>, name: &str) -> bool {
    module_with(context, object, name).tolerated().is_some()
}

/// An object whose reduction is a name.
fn plan_by_name<'py>(context: &PickleContext, object: &Bound<'py, PyAny>, name: &str) -> PyResult<ObjectPlan<'py>> {
    match module_with(context, object, name) {
        Ok(module) => plan_global(context, object.py(), module, name.to_owned()),
        Err(error) if context.is_session() => named_instance::plan_by_value(object)?.ok_or(error),
        Err(error) => Err(error),
    }
}

/// The module that has an object under a name, which `pickle.whichmodule` finds.
fn module_with(context: &PickleContext, object: &Bound<'_, PyAny>, name: &str) -> PyResult<String> {
    let py = object.py();
    let module: String = py.import("pickle")?.call_method1("whichmodule", (object, name))?.extract()?;
    let missing = |_| {
        let shown = object.repr().map(|text| text.to_string_lossy().into_owned()).tolerated().unwrap_or_default();
        pickling_error(py, &format!("Can't pickle {shown}: it's not found as {module}.{name}"))
    };
    // `whichmodule` only guesses, so the name is looked up, as a load will do.
    let mut found = py.import(module.as_str()).map_err(missing)?.into_any();
    for part in name.split('.') {
        found = found.getattr(part).map_err(missing)?;
    }
    if !found.is(object) {
        let shown = object.repr()?.to_string_lossy().into_owned();
        let message = format!("Can't pickle {shown}: it's not the same object as {module}.{name}");
        return Err(pickling_error(py, &message));
    }
    context.check_importable(py, &module, &format!("{module}.{name}"))?;
    Ok(module)
}

/// The plan for a `PickleBuffer`: the memory of an array, written as it is or left to the caller of `dumps`. `raw` is
/// whether a load may pass any other memory instead.
///
/// Follows `save_picklebuffer` of CPython's Lib/pickle.py.
pub(super) fn plan_buffer<'py>(
    context: &PickleContext,
    object: &Bound<'py, PyAny>,
    raw: bool,
) -> PyResult<ObjectPlan<'py>> {
    let py = object.py();
    let view = PyBufferView::of(object)?;
    if !view.is_contiguous() {
        // The message is CPython's.
        let message = "PickleBuffer can not be pickled when pointing to a non-contiguous buffer";
        return Err(pickling_error(py, message));
    }
    // A callback that returns a false value has taken the buffer.
    if let Some(callback) = &context.buffer_callback
        && !callback.bind(py).call1((object,))?.is_truthy()?
    {
        return Ok(ObjectPlan::Write(DirectWrite::OutOfBandBuffer { read_only: view.is_read_only() }));
    }
    Ok(ObjectPlan::Write(DirectWrite::Buffer { view, raw }))
}
