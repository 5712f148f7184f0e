//! Exceptions of a session: created without their own `__init__`, and with the attributes that the default reduction
//! leaves out.
//!
//! The reduction of an exception calls its class with `args`. A class with an `__init__` of its own may want other
//! arguments, or make other `args` of these. So `BaseException.__new__` creates the object, and BUILD sets the rest:
//! `BaseException.__setstate__` sets attributes of any kind, such as slots and `__cause__`. Plain dill does the same.
//! Tracebacks are not kept: they hold frames, which end with their process.

use std::sync::Arc;

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyList, PyTuple, PyType};

use super::class_attributes::{
    builtin_base, defines_pickling, instance_dict, is_overridden, is_python_class, slot_names,
};
use super::global_names::loaded_modules;
use super::pickle_context::PickleContext;
use super::plan::{Action, ObjectPlan};
use super::raw_instances::{call_new, set_directly};
use super::reduce;
use super::unkept_state;
use crate::pickle::format::opcode::Opcode;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// Attributes that every exception has, or that are set by other means.
const COMMON: [&str; 8] = [
    "__dict__",
    "__traceback__",
    "__cause__",
    "__context__",
    "__suppress_context__",
    "__notes__",
    "args",
    // The object whose attribute was missing. CPython does not pickle it either: it can be anything.
    "obj",
];
/// Attributes that a keyword of the class sets, so that they are not among the `args`.
const SET_BY_KEYWORD: [(&str, &str); 2] = [("NameError", "name"), ("AttributeError", "name")];

/// How the exceptions of a class are written.
pub(super) struct ExceptionForm {
    creation: Creation,
    /// The attributes to write besides `__dict__`, if they are set.
    attributes: Vec<String>,
    /// Whether the class has a `__setattr__` or `__getattribute__` that a load must not call.
    is_guarded: bool,
}

enum Creation {
    /// As its reduction says.
    Reduction,
    /// `class.__new__(class, *args)`, if it is the `__new__` of a built-in exception.
    New,
    /// `base.__new__(class, *args)`, as the class has a `__new__` of its own.
    NewOf(Py<PyType>),
}

/// The form for a class of exceptions; None for other classes.
pub(super) fn form(kind: &Bound<'_, PyType>) -> PyResult<Option<ExceptionForm>> {
    if !kind.is_subclass_of::<PyBaseException>()? {
        return Ok(None);
    }
    let base = builtin_base(kind)?;
    let creation = if defines_pickling(kind)? {
        Creation::Reduction
    } else if is_overridden(kind, "__new__")? {
        Creation::NewOf(base.clone().unbind())
    } else if is_overridden(kind, "__init__")? {
        Creation::New
    } else {
        Creation::Reduction
    };
    let mut attributes = slot_names(kind)?;
    if matches!(creation, Creation::Reduction) {
        for (class, name) in SET_BY_KEYWORD {
            if kind.is_subclass(&kind.py().import("builtins")?.getattr(class)?)? {
                attributes.push(name.to_owned());
            }
        }
    } else {
        attributes.extend(builtin_members(kind)?);
    }
    let is_guarded = is_overridden(kind, "__setattr__")? || is_overridden(kind, "__getattribute__")?;
    Ok(Some(ExceptionForm { creation, attributes, is_guarded }))
}

/// The attributes that the `__init__` of a built-in exception sets: `OSError.errno`, `StopIteration.value`.
fn builtin_members(kind: &Bound<'_, PyType>) -> PyResult<Vec<String>> {
    let mut found = Vec::new();
    for class in kind.order() {
        let class = class.cast_into::<PyType>()?;
        // The members of a group are read-only: its `__new__` sets them.
        let is_group = class.name()? == "BaseExceptionGroup";
        if is_group || is_python_class(&class)? || !class.is_subclass_of::<PyBaseException>()? {
            continue;
        }
        for item in class.getattr("__dict__")?.call_method0("items")?.try_iter()? {
            let (name, value): (String, Bound<'_, PyAny>) = item?.extract()?;
            let kind = value.get_type().name()?.to_string_lossy().into_owned();
            let is_member = matches!(kind.as_str(), "member_descriptor" | "getset_descriptor");
            if is_member && !COMMON.contains(&name.as_str()) {
                found.push(name);
            }
        }
        // `OSError.__new__` leaves the arguments to the `__init__` of the class.
        if class.name()? == "OSError" {
            found.insert(0, "args".to_owned());
        }
    }
    Ok(found)
}

/// The plan for an exception.
pub(super) fn plan<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    form: &ExceptionForm,
) -> PyResult<ObjectPlan<'py>> {
    let extras = match context.is_session() {
        true => extras(context, object, form)?,
        false => return reduce::plan(context, object),
    };
    unkept_state::note_traceback(context, object)?;
    let mut actions = vec![Action::BeginBuilding(object.clone())];
    let class = object.get_type().into_any();
    let arguments = object.getattr("args")?.cast_into::<PyTuple>()?;
    match &form.creation {
        Creation::Reduction if extras.is_empty() => return reduce::plan(context, object),
        Creation::Reduction => return plan_reduction(context, object, form, extras),
        Creation::New => {
            actions.extend([Action::Save(class), Action::Save(arguments.into_any()), Action::Write(Opcode::NewObj)]);
        }
        Creation::NewOf(base) if is_group(base.bind(object.py()))? => {
            // `args` are the arguments of the class, not of its base.
            let exceptions = PyList::new(object.py(), object.getattr("exceptions")?.cast_into::<PyTuple>()?)?;
            let arguments = vec![class, object.getattr("message")?, exceptions.into_any()];
            actions.extend(call_new(base.bind(object.py()), arguments)?);
            extras.set_item("args", object.getattr("args")?)?;
        }
        Creation::NewOf(base) => {
            let arguments = [class].into_iter().chain(arguments.iter()).collect();
            actions.extend(call_new(base.bind(object.py()), arguments)?);
        }
    }
    actions.push(Action::Memoize(object.clone()));
    let state = match instance_dict(object)? {
        Some(state) => Some(without_connection(context, object, state)?),
        None => None,
    };
    actions.extend(state_actions(object, form, state, &extras)?);
    Ok(ObjectPlan::actions(object, actions))
}

/// Whether a class is a group of exceptions, whose `__new__` sets attributes that cannot be set later.
fn is_group(class: &Bound<'_, PyType>) -> PyResult<bool> {
    match class.py().import("builtins")?.getattr_opt("BaseExceptionGroup")? {
        Some(group) => class.is_subclass(&group),
        // Python 3.10 has no groups.
        None => Ok(false),
    }
}

/// The attributes of an exception. An HTTP error holds the response with its connection, if it was not read: then the
/// body comes back empty.
fn without_connection<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    state: Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let py = object.py();
    let Some(module) = loaded_modules(py)?.get_item("urllib.error").tolerated() else { return Ok(state) };
    let class = module.getattr("HTTPError")?;
    let body = state.get_item("fp")?.filter(|body| !body.is_none());
    let Some(body) = body.filter(|_| object.is_instance(&class).tolerated().unwrap_or(false)) else { return Ok(state) };
    if context.can_be_saved(&body)? {
        return Ok(state);
    }
    context.note("the body of an HTTP response in it cannot be saved and will be empty".to_owned())?;
    let empty = py.import("io")?.getattr("BytesIO")?.call0()?;
    let part = |name: &str| object.getattr(name);
    let twin = class.call1((part("filename")?, part("code")?, part("msg")?, part("hdrs")?, empty))?;
    let Some(attributes) = instance_dict(&twin)? else { return Ok(state) };
    let attributes = attributes.copy()?;
    for (name, value) in state {
        // Methods of the response are kept in the error after their first use.
        if !attributes.contains(&name)? && !value.is_callable() {
            attributes.set_item(name, value)?;
        }
    }
    Ok(attributes)
}

/// The reduction, with more attributes in its state.
fn plan_reduction<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    form: &ExceptionForm,
    extras: Bound<'py, PyDict>,
) -> PyResult<ObjectPlan<'py>> {
    let plan = reduce::plan(context, object)?;
    let ObjectPlan::Work(mut item) = plan else { return Ok(plan) };
    // A state in the form of BaseException takes the other attributes along. Any other comes first.
    let state = item.take_final_state();
    let (first, state) = match state.map(Bound::cast_into_exact::<PyDict>) {
        Some(Ok(state)) if !form.is_guarded && !is_overridden(&object.get_type(), "__setstate__")? => {
            (None, Some(state))
        }
        Some(Ok(state)) => (Some(state.into_any()), None),
        Some(Err(error)) => (Some(error.into_inner()), None),
        None => (None, None),
    };
    let mut actions = Vec::new();
    if let Some(state) = first {
        actions.extend([Action::Save(state), Action::Write(Opcode::Build)]);
    }
    actions.extend(state_actions(object, form, state, &extras)?);
    item.append_actions(actions);
    Ok(ObjectPlan::Work(item))
}

/// Sets the attributes of an exception: those of `state` and of `extras`.
fn state_actions<'py>(
    object: &Bound<'py, PyAny>,
    form: &ExceptionForm,
    state: Option<Bound<'py, PyDict>>,
    extras: &Bound<'py, PyDict>,
) -> PyResult<Vec<Action<'py>>> {
    let state = state.filter(|state| !state.is_empty());
    let has_own = is_overridden(&object.get_type(), "__setstate__")?;
    if form.is_guarded || has_own {
        let mut actions = Vec::new();
        if let Some(state) = state {
            actions.extend(set_directly(object, "__dict__", state.into_any())?);
        }
        for (name, value) in extras {
            actions.extend(set_directly(object, &name.extract::<String>()?, value)?);
        }
        return Ok(actions);
    }
    let whole = match (state, extras.is_empty()) {
        (None, true) => return Ok(Vec::new()),
        (Some(state), true) => state,
        (None, false) => extras.clone(),
        (Some(state), false) => {
            let whole = state.copy()?;
            whole.update(extras.as_mapping())?;
            whole
        }
    };
    Ok(vec![Action::Save(whole.into_any()), Action::Write(Opcode::Build)])
}

/// The parts of an exception that its reduction leaves out: slots, and the exceptions that it follows from.
fn extras<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    form: &ExceptionForm,
) -> PyResult<Bound<'py, PyDict>> {
    let py = object.py();
    let get = py.get_type::<PyAny>().getattr("__getattribute__")?;
    let extras = PyDict::new(py);
    for name in &form.attributes {
        // A slot may be unset.
        if let Some(value) = get.call1((object, name)).tolerated()
            && !value.is_none()
        {
            extras.set_item(name, value)?;
        }
    }
    let mut has_cause = false;
    for name in ["__cause__", "__context__"] {
        let earlier = get.call1((object, name))?;
        if earlier.is_none() {
            continue;
        }
        if context.can_be_saved(&earlier)? {
            has_cause |= name == "__cause__";
            extras.set_item(name, earlier)?;
        } else {
            let kind = earlier.get_type().name()?;
            context.note(format!("the {name} of an exception in it, a {kind}, cannot be saved and will be missing"))?;
        }
    }
    // Setting the cause sets this flag as well.
    let is_suppressed = get.call1((object, "__suppress_context__"))?;
    if is_suppressed.is_truthy()? != has_cause {
        extras.set_item("__suppress_context__", is_suppressed)?;
    }
    Ok(extras)
}
