//! A function: `types.FunctionType(code, globals, name, defaults, closure)`, and a BUILD with the attributes that the
//! call does not give it.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyString, PyTuple, PyType};

use super::super::annotations::Annotations;
use super::super::early_bindings::bind_names;
use super::super::global_names::loaded_modules;
use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::exec_namespace;
use super::function_globals::{self, GlobalsOrigin};
use super::open_cells::close_cells;
use super::{python_version, type_global};
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// `CO_HAS_DOCSTRING`, since 3.14: the first constant is the docstring.
const HAS_DOCSTRING: u32 = 0x400_0000;

/// The plan for a function of the script that has no slot.
pub(in super::super) fn plan_function<'py>(
    context: &Arc<PickleContext>,
    function: &Bound<'py, PyFunction>,
) -> PyResult<ObjectPlan<'py>> {
    let py = function.py();
    let globals = function.getattr(intern!(py, "__globals__"))?.cast_into::<PyDict>()?;
    let origin = function_globals::origin_of(context, &globals)?;
    if matches!(origin, GlobalsOrigin::Module)
        && let Some(actions) = by_class_method(context, function)?
    {
        return Ok(ObjectPlan::actions(function, actions));
    }
    let actions = creation(context, function, &globals, origin)?;
    Ok(ObjectPlan::actions(function, actions))
}

/// A function that a class of a library wraps in a class method, and that no name leads to:
/// `getattr(getattr(Class, name), "__func__")`.
fn by_class_method<'py>(
    context: &PickleContext,
    function: &Bound<'py, PyFunction>,
) -> PyResult<Option<Vec<Action<'py>>>> {
    let py = function.py();
    let (module, path) = (function.getattr(intern!(py, "__module__"))?, function.getattr(intern!(py, "__qualname__"))?);
    let (module, path) = (module.extract::<String>().tolerated(), path.extract::<String>().tolerated());
    let (Some(module), Some(path)) = (module, path) else { return Ok(None) };
    // A load switches off the special methods of a class while it makes a subclass.
    let (class_path, name) = path.rsplit_once('.').map_or((None, &*path), |(class, name)| (Some(class), name));
    if name.starts_with("__") {
        return Ok(None);
    }
    let Some(mut class) = loaded_modules(py)?.get_item(module).tolerated() else { return Ok(None) };
    for part in class_path.into_iter().flat_map(|path| path.split('.')) {
        let Some(Some(next)) = class.getattr_opt(part).tolerated() else { return Ok(None) };
        class = next;
    }
    if class.is(context.main.bind(py)) {
        return Ok(None);
    }
    // A class method can also be an item of the module: `typing` has one for the protocols of 3.13.
    if class_path.is_some() && (!class.is_instance_of::<PyType>() || context.is_local(&class)?) {
        return Ok(None);
    }
    let Some(Some(method)) = class.getattr_opt(name).tolerated() else { return Ok(None) };
    if !method.getattr_opt("__func__")?.is_some_and(|found| found.is(function)) {
        return Ok(None);
    }
    let getter = py.import("builtins")?.getattr("getattr")?;
    let found = (class, name).into_pyobject(py)?.into_any();
    let object = function.clone().into_any();
    Ok(Some(vec![
        Action::BeginBuilding(object.clone()),
        Action::Save(getter.clone()),
        Action::Save(getter),
        Action::Save(found),
        Action::Write(Opcode::Reduce),
        Action::Save(intern!(py, "__func__").clone().into_any()),
        Action::Write(Opcode::Tuple2),
        Action::Write(Opcode::Reduce),
        Action::Memoize(object),
    ]))
}

fn creation<'py>(
    context: &Arc<PickleContext>,
    function: &Bound<'py, PyFunction>,
    globals: &Bound<'py, PyDict>,
    origin: GlobalsOrigin,
) -> PyResult<Vec<Action<'py>>> {
    let py = function.py();
    let object = function.clone().into_any();
    let code = function.getattr(intern!(py, "__code__"))?;
    let closure = function.getattr(intern!(py, "__closure__"))?;
    let has_cells = !closure.is_none();
    if has_cells {
        context.lock()?.cells.open_function(&object);
    }
    let mut actions = Vec::with_capacity(16);
    actions.push(Action::BeginBuilding(object.clone()));
    actions.extend([type_global("FunctionType", function.get_type()), Action::Write(Opcode::Mark)]);
    let given_globals = match origin {
        GlobalsOrigin::Module => globals.clone().into_any(),
        GlobalsOrigin::OwnDict => exec_namespace::globals_for(context, function, globals)?,
    };
    let fills_names =
        (has_cells && exec_namespace::expect_class_names(context, function)?) || origin == GlobalsOrigin::OwnDict;
    let name = function.getattr(intern!(py, "__name__"))?;
    let defaults = function.getattr(intern!(py, "__defaults__"))?;
    actions.extend([code.clone(), given_globals, name, defaults, closure].map(Action::Save));
    actions.extend([Action::Write(Opcode::Tuple), Action::Write(Opcode::Reduce), Action::Memoize(object)]);
    let made_in = function_globals::module_name(context, origin, globals)?;
    actions.extend(attributes(function, &code, made_in)?);
    actions.extend(bind_names(context, function));
    if has_cells {
        let owner = function.clone().into_any();
        actions.push(Action::Then(Box::new(move |context| close_cells(context, &owner))));
    }
    if fills_names {
        actions.push(Action::Then(Box::new(move |context| exec_namespace::fill_waiting(context, py))));
    }
    Ok(actions)
}

/// BUILD with a pair: the `__dict__`, and the attributes that differ from those of a function made by the call.
/// `made_in` is the `__module__` that the call gives it.
fn attributes<'py>(
    function: &Bound<'py, PyFunction>,
    code: &Bound<'py, PyAny>,
    made_in: Option<Bound<'py, PyAny>>,
) -> PyResult<Vec<Action<'py>>> {
    let py = function.py();
    let mut set: Vec<(&Bound<'py, PyString>, Bound<'py, PyAny>)> = Vec::new();
    let doc = function.getattr(intern!(py, "__doc__"))?;
    if !doc.is(given_doc(code)?) {
        set.push((intern!(py, "__doc__"), doc));
    }
    let defaults = function.getattr(intern!(py, "__kwdefaults__"))?;
    if !defaults.is_none() {
        set.push((intern!(py, "__kwdefaults__"), defaults));
    }
    let annotations = Annotations::of(function)?.attribute();
    let annotations = annotations.map(|(name, value)| (PyString::intern(py, name), value));
    set.extend(annotations.iter().map(|(name, value)| (name, value.clone())));
    let qualified = function.getattr(intern!(py, "__qualname__"))?;
    if !qualified.eq(given_qualified_name(code)?)? {
        set.push((intern!(py, "__qualname__"), qualified));
    }
    let module = function.getattr(intern!(py, "__module__"))?;
    if !made_in.map_or(Ok(false), |given| given.eq(&module))? {
        set.push((intern!(py, "__module__"), module));
    }
    if python_version(py) >= (3, 12) {
        let parameters = function.getattr(intern!(py, "__type_params__"))?;
        if parameters.cast::<PyTuple>().is_ok_and(|parameters| !parameters.is_empty()) {
            set.push((intern!(py, "__type_params__"), parameters));
        }
    }
    let dict = function.getattr(intern!(py, "__dict__"))?;
    let has_dict = dict.cast::<PyDict>().map_or(true, |dict| !dict.is_empty());
    if set.is_empty() && !has_dict {
        return Ok(Vec::new());
    }
    Ok(build(has_dict.then_some(dict), set))
}

fn build<'py>(
    dict: Option<Bound<'py, PyAny>>,
    set: Vec<(&Bound<'py, PyString>, Bound<'py, PyAny>)>,
) -> Vec<Action<'py>> {
    let mut actions = Vec::with_capacity(2 * set.len() + 6);
    actions.push(dict.map_or(Action::Write(Opcode::None), Action::Save));
    // Not a dict of ours that the pickler would save: that would take a slot.
    actions.push(Action::Write(Opcode::EmptyDict));
    if !set.is_empty() {
        actions.push(Action::Write(Opcode::Mark));
        for (name, value) in set {
            actions.extend([Action::Save(name.clone().into_any()), Action::Save(value)]);
        }
        actions.push(Action::Write(Opcode::SetItems));
    }
    actions.extend([Opcode::Tuple2, Opcode::Build].map(Action::Write));
    actions
}

/// The docstring that a function takes from its code.
fn given_doc<'py>(code: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    let has_doc =
        python_version(py) < (3, 14) || code.getattr(intern!(py, "co_flags"))?.extract::<u32>()? & HAS_DOCSTRING != 0;
    let constants = code.getattr(intern!(py, "co_consts"))?.cast_into::<PyTuple>()?;
    let first = constants.get_item(0).tolerated().filter(|first| has_doc && first.is_instance_of::<PyString>());
    Ok(first.unwrap_or_else(|| py.None().into_bound(py)))
}

/// The qualified name that a function takes from its code: in 3.10 the plain name.
fn given_qualified_name<'py>(code: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    let name = if python_version(py) >= (3, 11) { intern!(py, "co_qualname") } else { intern!(py, "co_name") };
    code.getattr(name)
}
