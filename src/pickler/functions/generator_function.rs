//! The function that makes a generator, and the arguments that it was called with.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyList, PyString, PyTuple, PyType};

use super::super::global_names::loaded_modules;
use super::super::pickle_context::PickleContext;
use crate::python::deferred_signals::Tolerated as _;

/// The flags of code that takes `*args` and `**kwargs`.
const VARARGS: u32 = 0x4;
const VARKEYWORDS: u32 = 0x8;

/// The arguments of a call.
pub(super) struct Arguments<'py> {
    pub(super) positional: Bound<'py, PyTuple>,
    pub(super) keywords: Bound<'py, PyDict>,
}

impl<'py> Arguments<'py> {
    /// The arguments among the variables of a frame that has not started.
    pub(super) fn of(code: &Bound<'py, PyAny>, variables: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = code.py();
        let names = code.getattr(intern!(py, "co_varnames"))?.cast_into::<PyTuple>()?;
        let flags: u32 = code.getattr(intern!(py, "co_flags"))?.extract()?;
        let (positional, keyword_only) = counts(code)?;
        // `co_varnames` has positional parameters, keyword-only parameters, `*args` and `**kwargs`, in this order.
        let mut values = Vec::new();
        for name in names.get_slice(0, positional) {
            values.push(variables.get_item(name)?);
        }
        let keywords = PyDict::new(py);
        let mut next = positional + keyword_only;
        for name in names.get_slice(positional, next) {
            keywords.set_item(&name, variables.get_item(&name)?)?;
        }
        if flags & VARARGS != 0 {
            values.extend(variables.get_item(names.get_item(next)?)?.cast::<PyTuple>()?.iter());
            next += 1;
        }
        if flags & VARKEYWORDS != 0 {
            keywords.update(variables.get_item(names.get_item(next)?)?.cast::<PyDict>()?.as_mapping())?;
        }
        Ok(Self { positional: PyTuple::new(py, values)?, keywords })
    }
}

/// How many positional and how many keyword-only parameters code has.
fn counts(code: &Bound<'_, PyAny>) -> PyResult<(usize, usize)> {
    let py = code.py();
    let count = |name| code.getattr(name)?.extract();
    Ok((count(intern!(py, "co_argcount"))?, count(intern!(py, "co_kwonlyargcount"))?))
}

/// The function that made a generator: since 3.11, its frame refers to it. In 3.10 it is found by its name, or made
/// again with the same code, globals and cells.
pub(super) fn function_of<'py>(
    context: &Arc<PickleContext>,
    generator: &Bound<'py, PyAny>,
    code: &Bound<'py, PyAny>,
    frame: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyFunction>> {
    let py = generator.py();
    let is_of_code = |function: &Bound<'py, PyFunction>| {
        function.getattr(intern!(py, "__code__")).tolerated().is_some_and(|found| found.is(code))
    };
    let mut referents = referents(generator)?.iter();
    if let Some(function) = referents.find_map(|object| object.cast_into_exact::<PyFunction>().ok().filter(is_of_code))
    {
        return Ok(function);
    }
    let cells = cells(code, frame)?;
    let globals = frame.getattr(intern!(py, "f_globals"))?;
    if cells.is_empty()
        && let Some(function) = function_by_name(context, generator, &globals)?.filter(is_of_code)
    {
        return Ok(function);
    }
    let none = py.None().into_bound(py);
    let closure = if cells.is_empty() { none.clone() } else { PyTuple::new(py, cells)?.into_any() };
    let function = py.get_type::<PyFunction>().call1((code, globals, none.clone(), none, closure))?;
    with_qualified_name(function, generator)
}

/// The function that has the name of a generator in the namespace of its globals.
fn function_by_name<'py>(
    context: &PickleContext,
    generator: &Bound<'py, PyAny>,
    globals: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyFunction>>> {
    let py = generator.py();
    let name = generator.getattr(intern!(py, "__qualname__"))?.cast_into::<PyString>()?.to_string_lossy().into_owned();
    let module = globals.get_item(intern!(py, "__name__")).and_then(|name| loaded_modules(py)?.get_item(name));
    let mut found = module.tolerated().unwrap_or_else(|| context.main.bind(py).clone());
    if !found.getattr_opt(intern!(py, "__dict__"))?.is_some_and(|dict| dict.is(globals)) {
        return Ok(None);
    }
    for part in name.split('.') {
        // Not `getattr`: the attribute of a class may be a descriptor of the script, which would run.
        let names = found.getattr_opt(intern!(py, "__dict__"))?;
        match names.map(|names| names.get_item(part)) {
            Some(Ok(next)) => found = next,
            _ => return Ok(None),
        }
        if found.is_instance_of::<PyType>() || found.is_exact_instance_of::<PyFunction>() {
            continue;
        }
        return Ok(None);
    }
    Ok(found.cast_into_exact().ok())
}

/// The objects that an object refers to.
fn referents<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    Ok(object.py().import("gc")?.call_method1("get_referents", (object,))?.cast_into()?)
}

/// The cells of the closure in a frame of 3.10: after all variables.
fn cells<'py>(code: &Bound<'py, PyAny>, frame: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = code.py();
    let count = code.getattr(intern!(py, "co_freevars"))?.len()?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let kind = py.import("types")?.getattr("CellType")?;
    let mut cells: Vec<_> = referents(frame)?.iter().filter(|object| object.get_type().is(&kind)).collect();
    Ok(cells.split_off(cells.len().saturating_sub(count)))
}

/// A function of the same code that needs no arguments, for a generator that has ended: its frame and arguments are
/// gone.
pub(super) fn function_for_ended<'py>(
    generator: &Bound<'py, PyAny>,
    code: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyFunction>> {
    let py = generator.py();
    let none = py.None().into_bound(py);
    let (positional, keyword_only) = counts(code)?;
    // Since 3.15 the code of a generator expression makes an iterator of its argument before it makes the generator.
    let nothing = PyTuple::empty(py).into_any();
    let first = code.getattr("co_varnames")?.get_item(0).tolerated();
    let is_expression = first.is_some_and(|first| first.eq(".0").tolerated().unwrap_or(false));
    let defaults = PyTuple::new(py, vec![if is_expression { &nothing } else { &none }; positional])?;
    let empty = |_| py.import("types")?.getattr("CellType")?.call0();
    let cells: Vec<_> = (0..code.getattr("co_freevars")?.len()?).map(empty).collect::<PyResult<_>>()?;
    let closure = if cells.is_empty() { none.clone() } else { PyTuple::new(py, cells)?.into_any() };
    let function = py.get_type::<PyFunction>().call1((code, PyDict::new(py), &none, defaults, closure))?;
    if keyword_only > 0 {
        let keywords = PyDict::new(py);
        let names = code.getattr("co_varnames")?.cast_into::<PyTuple>()?;
        for name in names.get_slice(positional, positional + keyword_only) {
            keywords.set_item(name, &none)?;
        }
        function.setattr("__kwdefaults__", keywords)?;
    }
    with_qualified_name(function, generator)
}

/// Gives a function that was made from code the names of its generator.
fn with_qualified_name<'py>(
    function: Bound<'py, PyAny>,
    generator: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyFunction>> {
    for name in ["__name__", "__qualname__"] {
        function.setattr(name, generator.getattr(name)?)?;
    }
    Ok(function.cast_into()?)
}
