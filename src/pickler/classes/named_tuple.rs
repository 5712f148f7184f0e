//! Named tuples of the script: `dill._dill._create_namedtuple` creates a plain one, and everything beyond is set as an
//! attribute. A `typing.NamedTuple` has methods and annotations, and records its other bases only in `__orig_bases__`.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyList, PyString, PyTuple, PyType};

use super::super::plan::Action;
use crate::pickle::format::opcode::Opcode;
use crate::pickler::class_attributes::ClassOrder as _;

/// The fields of a class that `collections.namedtuple` has created. None for any other class.
pub(super) fn fields<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let bases = class.direct_bases();
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

/// The actions that create a named tuple.
pub(super) fn creation<'py>(class: &Bound<'py, PyType>, fields: &Bound<'py, PyTuple>) -> PyResult<Vec<Action<'py>>> {
    let py = class.py();
    let defaults = class.getattr("_field_defaults")?.cast_into::<PyDict>()?.values();
    let mut arguments = vec![class.name()?.into_any(), fields.clone().into_any(), class.getattr("__module__")?];
    if !defaults.is_empty() {
        arguments.push(defaults.clone().into_any());
    }
    let mut actions = vec![
        Action::BeginBuilding(class.clone().into_any()),
        Action::Global { module: "dill._dill", name: "_create_namedtuple", object: None },
        Action::Save(PyTuple::new(py, arguments)?.into_any()),
        Action::Write(Opcode::Reduce),
        Action::Memoize(class.clone().into_any()),
    ];
    // `namedtuple` cannot know that a class is nested in another class or in a function.
    let qualified = class.getattr("__qualname__")?;
    if !qualified.eq(class.name()?)? {
        actions.extend(Action::set_attribute(class, &PyString::new(py, "__qualname__"), qualified)?);
    }
    let plain = plain_namespace(class, fields, &defaults)?;
    for item in class.getattr("__dict__")?.call_method0("items")?.try_iter()? {
        let (name, value): (Bound<'py, PyString>, Bound<'py, PyAny>) = item?.extract()?;
        let automatic = matches!(&*name.to_string_lossy(), "__dict__" | "__weakref__");
        if !automatic && !is_same(&plain.call_method1("get", (&name,))?, &value)? {
            actions.extend(Action::set_attribute(class, &name, value)?);
        }
    }
    Ok(actions)
}

/// The namespace that `collections.namedtuple` creates for these fields.
fn plain_namespace<'py>(
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

/// Whether an attribute is the same as in the plain named tuple. Functions are compared by their code.
fn is_same(plain: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if plain.is(value) {
        return Ok(true);
    }
    if !plain.get_type().is(value.get_type()) {
        return Ok(false);
    }
    // `namedtuple` makes new functions for each class, so they are not identical.
    if value.is_exact_instance_of::<PyFunction>() {
        return plain.getattr("__code__")?.eq(value.getattr("__code__")?);
    }
    // The descriptor of a field consists of its index and a docstring.
    if value.get_type().name()? == "_tuplegetter" {
        return plain.getattr("__reduce__")?.call0()?.eq(value.getattr("__reduce__")?.call0()?);
    }
    // `_make` is a class method.
    if value.hasattr("__func__")? {
        return is_same(&plain.getattr("__func__")?, &value.getattr("__func__")?);
    }
    plain.eq(value)
}
