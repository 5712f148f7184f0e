//! Classes of `msgspec.Struct`. Their metaclass is written in C and lays the fields out when it creates a class. So the
//! load calls it with the parts of a class statement: annotations, defaults and options. Everything else is set
//! afterwards.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString, PyTuple, PyType};

use super::super::global_names::loaded_modules;
use super::super::plan::Action;
use super::skeleton::is_made_by_python;
use crate::pickle::format::opcode::Opcode;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// The options of a class statement that the class keeps in `__struct_config__`.
const OPTIONS: [&str; 13] = [
    "array_like",
    "cache_hash",
    "dict",
    "eq",
    "forbid_unknown_fields",
    "frozen",
    "gc",
    "omit_defaults",
    "order",
    "repr_omit_defaults",
    "tag",
    "tag_field",
    "weakref",
];

/// Names that the metaclass gets or makes.
const MADE: [&str; 6] = ["__annotations__", "__module__", "__orig_bases__", "__qualname__", "__slots__", "__doc__"];

/// Whether a class is one of msgspec's.
pub(super) fn is_struct(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let Some(core) = loaded_modules(class.py())?.get_item("msgspec._core").tolerated() else { return Ok(false) };
    class.is_instance(&core.getattr("StructMeta")?)
}

/// The actions that create a class.
pub(super) fn creation<'py>(class: &Bound<'py, PyType>) -> PyResult<Vec<Action<'py>>> {
    let names = class.getattr("__dict__")?;
    // REDUCE passes no keyword arguments.
    let partial = class.py().import("functools")?.getattr("partial")?;
    let metaclass = partial.call((class.get_type(),), Some(&options(class)?))?;
    let mut actions = vec![
        Action::Global { module: "dill._dill", name: "_create_type", object: None },
        Action::Write(Opcode::Mark),
        Action::Save(metaclass),
        Action::Save(class.name()?.into_any()),
        Action::Save(class.direct_bases().into_any()),
        Action::Write(Opcode::EmptyDict),
    ];
    for name in MADE.into_iter().filter(|name| *name != "__slots__") {
        let value = if name == "__qualname__" { class.getattr(name)? } else { names.call_method1("get", (name,))? };
        if !value.is_none() {
            let name = PyString::intern(class.py(), name).into_any();
            actions.extend([Action::Save(name), Action::Save(value), Action::Write(Opcode::SetItem)]);
        }
    }
    actions.extend(defaults(class)?);
    actions.extend([Opcode::Tuple, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(class.clone().into_any()));
    for item in names.call_method0("items")?.try_iter()? {
        let (name, value): (Bound<'py, PyString>, Bound<'py, PyAny>) = item?.extract()?;
        let string = name.to_string_lossy();
        if !MADE.contains(&&*string) && !is_made_by_python(class, &string, &value)? {
            actions.extend(Action::set_attribute(class, &name, value)?);
        }
    }
    Ok(actions)
}

/// The keyword arguments of the class statement.
fn options<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    let options = PyDict::new(class.py());
    let config = class.getattr("__struct_config__")?;
    for name in OPTIONS {
        if let Some(value) = config.getattr_opt(name)?
            && !value.is_none()
        {
            options.set_item(name, value)?;
        }
    }
    let own = class.getattr("__dict__")?.get_item("__slots__")?;
    let signature = class.py().import("inspect")?.call_method1("signature", (class,))?.getattr("parameters")?;
    for name in own.try_iter()? {
        // All fields of one class statement are of the same kind.
        if signature.get_item(name?)?.getattr("kind")?.getattr("name")?.eq("KEYWORD_ONLY")? {
            options.set_item("kw_only", true)?;
        }
    }
    Ok(options)
}

/// Sets an item of the namespace for each of the class's own fields that has a default or another name when encoded.
fn defaults<'py>(class: &Bound<'py, PyType>) -> PyResult<Vec<Action<'py>>> {
    let py = class.py();
    let msgspec = py.import("msgspec")?;
    let (no_default, field) = (msgspec.getattr("NODEFAULT")?, msgspec.getattr("field")?);
    let own = class.getattr("__dict__")?.get_item("__slots__")?;
    let fields = class.getattr("__struct_fields__")?.cast_into::<PyTuple>()?;
    let encoded = class.getattr("__struct_encode_fields__")?.cast_into::<PyTuple>()?;
    let values = class.getattr("__struct_defaults__")?.cast_into::<PyTuple>()?;
    // The last fields have the defaults.
    let without = fields.len().saturating_sub(values.len());
    let mut actions = Vec::new();
    for (index, name) in fields.iter().enumerate() {
        if !own.contains(&name)? {
            continue;
        }
        let default = index.checked_sub(without).map(|index| values.get_item(index)).transpose()?;
        let default = default.filter(|value| !value.is(&no_default));
        let arguments = PyDict::new(py);
        if let Some(value) = &default {
            match value
                .getattr_opt("factory")?
                .filter(|_| value.get_type().name().tolerated().is_some_and(|name| name == "Factory"))
            {
                Some(factory) => arguments.set_item("default_factory", factory)?,
                None => arguments.set_item("default", value)?,
            }
        }
        let alias = encoded.get_item(index)?;
        if !alias.eq(&name)? {
            arguments.set_item("name", alias)?;
        }
        if arguments.is_empty() {
            continue;
        }
        // A call of `msgspec.field` with keyword arguments, as its result cannot be pickled.
        let call = py.import("functools")?.getattr("partial")?.call((&field,), Some(&arguments))?;
        let create = Action::Global { module: "dill._dill", name: "_create_type", object: None };
        actions.extend([Action::Save(name), create, Action::Save(call)]);
        actions.extend([Opcode::Tuple1, Opcode::Reduce, Opcode::SetItem].map(Action::Write));
    }
    Ok(actions)
}
