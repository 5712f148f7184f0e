//! Named tuples: `dill._dill._create_namedtuple` makes a plain one, and what is more is set. A `typing.NamedTuple` has
//! methods, annotations, and bases of which only a note is left.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyList, PyString, PyTuple, PyType};

use super::super::frame::{Do, Frame};
use super::super::native::Native;
use super::super::op;
use super::{set_attribute, steps};

/// The fields of a class made by `collections.namedtuple`; None for any other class.
pub(super) fn fields<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let bases = class.bases();
    if bases.len() != 1 || !bases.get_item(0)?.is(class.py().get_type::<PyTuple>()) {
        return Ok(None);
    }
    let names = class.getattr("__dict__")?;
    for name in ["_field_defaults", "_asdict", "_make", "_replace"] {
        if !names.contains(name)? {
            return Ok(None);
        }
    }
    Ok(names.call_method1("get", ("_fields",))?.cast_into_exact::<PyTuple>().ok())
}

/// Begins a named tuple that has no slot.
pub(super) fn begin<'py>(
    native: &Bound<'py, Native>,
    class: &Bound<'py, PyType>,
    fields: &Bound<'py, PyTuple>,
) -> PyResult<Frame<'py>> {
    let py = native.py();
    let defaults = class.getattr("_field_defaults")?.cast_into::<PyDict>()?.values();
    let mut arguments = vec![class.name()?.into_any(), fields.clone().into_any(), class.getattr("__module__")?];
    if !defaults.is_empty() {
        arguments.push(defaults.clone().into_any());
    }
    let arguments = PyTuple::new(py, arguments)?.into_any();
    let mut list = vec![
        Do::Global { module: "dill._dill", name: "_create_namedtuple", object: None },
        Do::Save(arguments),
        Do::Write(op::REDUCE),
        Do::Memoize(class.clone().into_any()),
    ];
    let qualified = class.getattr("__qualname__")?;
    if !qualified.eq(class.name()?)? {
        list.extend(set_attribute(class, &PyString::new(py, "__qualname__"), qualified)?);
    }
    let plain = plain(class, fields, &defaults)?;
    for item in class.getattr("__dict__")?.call_method0("items")?.try_iter()? {
        let (name, value): (Bound<'py, PyString>, Bound<'py, PyAny>) = item?.extract()?;
        let made = fields.contains(&name)? || matches!(&*name.to_string_lossy(), "__dict__" | "__weakref__");
        let same = plain.call_method1("get", (&name,))?;
        if !made && !is_same(&same, &value)? {
            list.extend(set_attribute(class, &name, value)?);
        }
    }
    Ok(steps(class, list))
}

/// The namespace of a named tuple with these fields that has nothing more.
fn plain<'py>(
    class: &Bound<'py, PyType>,
    fields: &Bound<'py, PyTuple>,
    defaults: &Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let options = PyDict::new(py);
    options.set_item("module", class.getattr("__module__")?)?;
    options.set_item("defaults", defaults)?;
    py.import("collections")?.call_method("namedtuple", (class.name()?, fields), Some(&options))?.getattr("__dict__")
}

/// Whether an attribute is that of the plain one: functions by their code.
fn is_same(plain: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if plain.is(value) {
        return Ok(true);
    }
    if !plain.get_type().is(value.get_type()) {
        return Ok(false);
    }
    if value.is_exact_instance_of::<PyFunction>() {
        return plain.getattr("__code__")?.eq(value.getattr("__code__")?);
    }
    if value.hasattr("__func__")? {
        return is_same(&plain.getattr("__func__")?, &value.getattr("__func__")?);
    }
    plain.eq(value)
}
