//! Carries out the calls of recipes: a class or a function of an installed module, with checked arguments.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PySet, PyString, PyTuple};

use crate::pickle::build_plan::{Given, HarmlessCall};
use crate::session::restore::builder::BuildContext;

pub(super) fn call<'py>(
    context: &BuildContext<'py>,
    call: &HarmlessCall<'_>,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let py = context.py();
    let callee = found(context, &call.module, &call.name)?;
    let mut needs = needs.iter();
    let arguments: Vec<_> =
        call.arguments.iter().map(|argument| given(py, argument, &mut needs)).collect::<PyResult<_>>()?;
    if matches!(&*call.name, "set" | "frozenset" | "OrderedDict") {
        check_hashes(context, &call.name, &arguments)?;
    }
    if let ("builtins", "set" | "frozenset", [items]) = (&*call.module, &*call.name, &arguments[..]) {
        return members(context, &callee, items);
    }
    if call.keywords.is_empty() {
        return callee.call1(PyTuple::new(py, arguments)?);
    }
    let keywords = PyDict::new(py);
    for (name, value) in &call.keywords {
        keywords.set_item(name, given(py, value, &mut needs)?)?;
    }
    callee.call(PyTuple::new(py, arguments)?, Some(&keywords))
}

/// A `set` or a `frozenset` of items, which are added one by one, to look at the clock between them.
fn members<'py>(
    context: &BuildContext<'py>,
    class: &Bound<'py, PyAny>,
    items: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let set = PySet::empty(context.py())?;
    for item in items.try_iter()? {
        let item = item?;
        context.tick_key(&item)?;
        set.add(item)?;
    }
    if set.get_type().is(class) { Ok(set.into_any()) } else { class.call1((set,)) }
}

/// A global, whose name may have dots.
pub(super) fn found<'py>(context: &BuildContext<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let mut names = name.split('.');
    let first = context.global(module, names.next().unwrap_or_default())?;
    names.try_fold(first, |object, name| object.getattr(name))
}

/// Refuses too many keys or members with the same hash.
fn check_hashes<'py>(context: &BuildContext<'py>, name: &str, arguments: &[Bound<'py, PyAny>]) -> PyResult<()> {
    // The keys of a dict were counted when it was filled.
    let items = arguments.first().filter(|items| !items.is_instance_of::<PyDict>());
    let Some(items) = items else { return Ok(()) };
    let items = items.try_iter()?;
    if name == "OrderedDict" {
        return context.check_hashes(items.map(|pair| pair?.get_item(0)));
    }
    context.check_hashes(items)
}

fn given<'py>(
    py: Python<'py>,
    argument: &Given<'_>,
    needs: &mut std::slice::Iter<'_, Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut next = || needs.next().ok_or_else(|| PyValueError::new_err("the recipe has too few parts"));
    match argument {
        Given::Needed => Ok(next()?.clone()),
        // CPython encodes it without looking up a codec.
        Given::Encoded => next()?.cast_exact::<PyString>()?.call_method1("encode", ("latin-1",)),
        Given::Int(number) => Ok(number.into_pyobject(py)?.into_any()),
        Given::Wide(number) => Ok((**number).into_pyobject(py)?.into_any()),
        Given::Text(text) => Ok(PyString::new(py, text).into_any()),
    }
}
