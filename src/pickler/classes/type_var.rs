//! Type variables of the script and similar objects, which pickle writes by a name that another process does not have.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString, PyTuple};

use super::super::global_names::loaded_modules;
use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::super::reduce;
use super::lazy_types;
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// The plan for a type variable that has no slot.
pub(in super::super) fn plan_type_variable<'py>(
    context: &Arc<PickleContext>,
    variable: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    if !context.is_session() {
        return reduce::plan_by_dill_or_reduction(context, variable);
    }
    if is_importable(context, variable)? {
        return reduce::plan(context, variable);
    }
    let actions = match lazy_types::creation(context, variable)? {
        Some(actions) => actions,
        None => creation(variable)?,
    };
    Ok(ObjectPlan::actions(variable, actions))
}

fn creation<'py>(variable: &Bound<'py, PyAny>) -> PyResult<Vec<Action<'py>>> {
    let py = variable.py();
    let (arguments, options) = constructor_call(variable)?;
    // REDUCE passes no keyword arguments: `_create_type(partial)` calls the partial without any arguments.
    let function = py.import("functools")?.getattr("partial")?.call(PyTuple::new(py, arguments)?, Some(&options))?;
    let mut actions = vec![
        Action::BeginBuilding(variable.clone()),
        Action::Global { module: "dill._dill", name: "_create_type", object: None },
        Action::Save(function),
        Action::Write(Opcode::Tuple1),
        Action::Write(Opcode::Reduce),
        Action::Memoize(variable.clone()),
    ];
    // `typing` sets `__module__` to the module of the caller, which is dill here. For an alias, it is read-only.
    if variable.get_type().name()? != "TypeAliasType" {
        let setter = py.import("builtins")?.getattr("setattr")?;
        let arguments = (variable, "__module__", variable.getattr("__module__")?).into_pyobject(py)?.into_any();
        actions.extend([Action::Save(setter), Action::Save(arguments)]);
        actions.extend([Opcode::Reduce, Opcode::Pop].map(Action::Write));
    }
    Ok(actions)
}

/// Whether an import finds a type variable under its name.
fn is_importable(context: &PickleContext, variable: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = variable.py();
    let (Some(module), name) = (variable.getattr_opt("__module__")?, variable.getattr("__name__")?) else {
        return Ok(false);
    };
    let modules = loaded_modules(py)?.cast_into::<PyDict>()?;
    // The script's own module does not count: a load looks names up before they exist.
    let Some(found) = modules.get_item(module)? else { return Ok(false) };
    if found.is(context.main.bind(py)) {
        return Ok(false);
    }
    Ok(found.getattr_opt(name.cast_into::<PyString>()?)?.is_some_and(|found| found.is(variable)))
}

type ConstructorCall<'py> = (Vec<Bound<'py, PyAny>>, Bound<'py, PyDict>);

/// The class of a type variable with the arguments and keyword arguments that create an equal one.
fn constructor_call<'py>(variable: &Bound<'py, PyAny>) -> PyResult<ConstructorCall<'py>> {
    let options = PyDict::new(variable.py());
    let mut arguments = vec![variable.get_type().into_any(), variable.getattr("__name__")?];
    let kind = variable.get_type().name()?.to_string_lossy().into_owned();
    match kind.as_str() {
        "NewType" => arguments.push(variable.getattr("__supertype__")?),
        "TypeAliasType" => {
            arguments.push(variable.getattr("__value__")?);
            options.set_item("type_params", variable.getattr("__type_params__")?)?;
        }
        "TypeVar" => {
            arguments.extend(variable.getattr("__constraints__")?.cast_into::<PyTuple>()?.iter());
            let bound = variable.getattr("__bound__")?;
            if !bound.is_none() {
                options.set_item("bound", bound)?;
            }
        }
        _ => {}
    }
    if kind == "TypeVar" || kind == "ParamSpec" {
        for name in ["covariant", "contravariant", "infer_variance"] {
            let flag = variable.getattr_opt(format!("__{name}__").as_str())?;
            if let Some(flag) = flag.filter(|flag| flag.is_truthy().tolerated().unwrap_or(false)) {
                options.set_item(name, flag)?;
            }
        }
    }
    // Defaults came with 3.13.
    if let Some(has_default) = variable.getattr_opt("has_default")?
        && has_default.call0()?.is_truthy()?
    {
        options.set_item("default", variable.getattr("__default__")?)?;
    }
    Ok((arguments, options))
}
