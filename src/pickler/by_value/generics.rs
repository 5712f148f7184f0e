//! Type variables and their kin, which pickle keeps by a name that another process does not have.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple};

use super::super::frame::{Do, Frame};
use super::super::live;
use super::super::native::Native;
use super::super::op;
use super::super::reduce;
use super::steps;

/// Begins a type variable that has no slot.
pub(in super::super) fn variable<'py>(
    native: &Bound<'py, Native>,
    variable: &Bound<'py, PyAny>,
) -> PyResult<Option<Frame<'py>>> {
    let py = native.py();
    if !native.get().is_session() {
        return live::by_dills_function(native, variable);
    }
    if is_found(native, variable)? {
        return reduce::begin(native, variable);
    }
    native.get().lock()?.begin_building(variable.as_ptr() as usize)?;
    let kind = variable.get_type();
    let (arguments, options) = made_from(variable)?;
    let function = py.import("functools")?.getattr("partial")?.call(PyTuple::new(py, arguments)?, Some(&options))?;
    let mut list = vec![
        Do::Global { module: "dill._dill", name: "_create_type", object: None },
        Do::Save(function),
        Do::Write(op::TUPLE1),
        Do::Write(op::REDUCE),
        Do::Memoize(variable.clone()),
    ];
    // `typing` takes it from whoever calls; that of an alias cannot be set.
    if kind.name()? != "TypeAliasType" {
        let setter = py.import("builtins")?.getattr("setattr")?;
        let arguments = (variable, "__module__", variable.getattr("__module__")?).into_pyobject(py)?.into_any();
        list.extend([Do::Save(setter), Do::Save(arguments), Do::Write(op::REDUCE), Do::Write(op::POP)]);
    }
    Ok(Some(steps(variable, list)))
}

/// Whether an import finds it.
fn is_found<'py>(native: &Bound<'py, Native>, variable: &Bound<'py, PyAny>) -> PyResult<bool> {
    let py = native.py();
    let (Some(module), name) = (variable.getattr_opt("__module__")?, variable.getattr("__name__")?) else {
        return Ok(false);
    };
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    let Some(found) = modules.get_item(module)? else { return Ok(false) };
    if found.is(native.get().main.bind(py)) {
        return Ok(false);
    }
    Ok(found.getattr_opt(name.cast_into::<pyo3::types::PyString>()?)?.is_some_and(|found| found.is(variable)))
}

type Arguments<'py> = (Vec<Bound<'py, PyAny>>, Bound<'py, PyDict>);

/// The class, arguments and options that make another one like it.
fn made_from<'py>(variable: &Bound<'py, PyAny>) -> PyResult<Arguments<'py>> {
    let options = PyDict::new(variable.py());
    let mut arguments = vec![variable.get_type().into_any(), variable.getattr("__name__")?];
    let kind = variable.get_type().name()?.to_string();
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
            let said = variable.getattr_opt(format!("__{name}__").as_str())?;
            if let Some(said) = said.filter(|said| said.is_truthy().unwrap_or(false)) {
                options.set_item(name, said)?;
            }
        }
    }
    if let Some(has_default) = variable.getattr_opt("has_default")?
        && has_default.call0()?.is_truthy()?
    {
        options.set_item("default", variable.getattr("__default__")?)?;
    }
    Ok((arguments, options))
}
