//! The reduce protocol: what an object's `__reduce_ex__`, or a function in `copyreg.dispatch_table`, says of it.
//!
//! Follows `save` and `save_reduce` of CPython's Lib/pickle.py (3.10 to 3.13), step by step.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyIterator, PyList, PyString, PyTuple, PyType};

use super::frame::{Do, Frame};
use super::native::Native;
use super::op;

/// A `pickle.PicklingError`.
pub(super) fn pickling_error(py: Python<'_>, text: &str) -> PyErr {
    let error = py.import("pickle").and_then(|pickle| pickle.getattr("PicklingError")?.call1((text,)));
    error.map_or_else(|error| error, PyErr::from_value)
}

/// Asks an object how it is made, and begins to write that. None where it was written at once.
pub(super) fn begin<'py>(native: &Bound<'py, Native>, object: &Bound<'py, PyAny>) -> PyResult<Option<Frame<'py>>> {
    let py = native.py();
    let kind = object.get_type();
    let table = py.import("copyreg")?.getattr("dispatch_table")?;
    let registered = table.cast::<PyDict>()?.get_item(&kind)?;
    let answer = match registered {
        Some(function) => function.call1((object,))?,
        None => match object.getattr_opt("__reduce_ex__")? {
            Some(method) => method.call1((5,))?,
            None => match object.getattr_opt("__reduce__")? {
                Some(method) => method.call0()?,
                None => return Err(pickling_error(py, &format!("Can't pickle {:?} object", kind.name()?.to_string()))),
            },
        },
    };
    if let Ok(name) = answer.cast::<PyString>() {
        global_by_name(native, object, name.to_str()?)?;
        return Ok(None);
    }
    let Ok(parts) = answer.cast::<PyTuple>() else {
        return Err(pickling_error(py, "__reduce__ must return a string or tuple"));
    };
    if !(2..=6).contains(&parts.len()) {
        return Err(pickling_error(py, "tuple returned by __reduce__ must contain 2 through 6 elements"));
    }
    let part = |index: usize| parts.get_item(index).ok().filter(|part| !part.is_none());
    let reduction = Reduction {
        function: parts.get_item(0)?,
        arguments: parts.get_item(1)?,
        state: part(2),
        list_items: part(3),
        dict_items: part(4),
        state_setter: part(5),
    };
    let mut core = native.get().lock()?;
    core.begin_building(object.as_ptr() as usize)?;
    if let Some(list) = reduction.list_of_items(&kind) {
        core.second_list = list.as_ptr() as usize;
    }
    drop(core);
    reduction.frame(Some(object)).map(Some)
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
    /// The list in the state of a `numpy.ndarray` of objects (version, shape, dtype, order, list).
    fn list_of_items(&self, kind: &Bound<'py, PyType>) -> Option<Bound<'py, PyAny>> {
        let state = self.state.as_ref()?.cast::<PyTuple>().ok().filter(|state| state.len() == 5)?;
        let is_array =
            kind.name().is_ok_and(|name| name == "ndarray") && kind.module().is_ok_and(|name| name == "numpy");
        let list = state.get_item(4).ok().filter(|_| is_array)?;
        list.is_exact_instance_of::<PyList>().then_some(list)
    }

    /// The steps that write it. `object` is what it makes, where that is to be memoized.
    pub(super) fn frame(self, object: Option<&Bound<'py, PyAny>>) -> PyResult<Frame<'py>> {
        let py = self.function.py();
        let Ok(arguments) = self.arguments.cast::<PyTuple>() else {
            return Err(pickling_error(py, "args from save_reduce() must be a tuple"));
        };
        if !self.function.is_callable() {
            return Err(pickling_error(py, "func from save_reduce() must be callable"));
        }
        let mut steps = self.construction(object, arguments)?;
        steps.extend(object.cloned().map(Do::Memoize));
        for (items, step) in [
            (self.list_items, Do::Appends as fn(Bound<'py, PyIterator>) -> Do<'py>),
            (self.dict_items, Do::SetItems as fn(Bound<'py, PyIterator>) -> Do<'py>),
        ] {
            if let Some(items) = items {
                steps.push(step(iterator(items)?));
            }
        }
        if let Some(state) = self.state {
            match self.state_setter {
                None => steps.extend([Do::Save(state), Do::Write(op::BUILD)]),
                Some(setter) => {
                    steps.push(Do::Save(setter));
                    steps.extend(object.cloned().map(Do::Save));
                    steps.push(Do::Save(state));
                    steps.extend([op::TUPLE2, op::REDUCE, op::POP].map(Do::Write));
                }
            }
        }
        // They are taken from the end.
        steps.reverse();
        Ok(Frame::Steps { object: object.cloned(), steps })
    }

    /// What makes the object: NEWOBJ where the function is known to stand for it, else REDUCE.
    fn construction(
        &self,
        object: Option<&Bound<'py, PyAny>>,
        arguments: &Bound<'py, PyTuple>,
    ) -> PyResult<Vec<Do<'py>>> {
        let py = self.function.py();
        let name = self.function.getattr_opt("__name__")?.and_then(|name| name.extract::<String>().ok());
        let name = name.unwrap_or_default();
        if name != "__newobj__" && name != "__newobj_ex__" {
            let (function, arguments) = (self.function.clone(), arguments.clone().into_any());
            return Ok(vec![Do::Save(function), Do::Save(arguments), Do::Write(op::REDUCE)]);
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
            return Ok(vec![Do::Save(class), Do::Save(rest), Do::Write(op::NEWOBJ)]);
        }
        let (_, positional, keywords): (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>) =
            arguments.extract().map_err(|_| pickling_error(py, "__newobj_ex__ takes three arguments"))?;
        if !positional.is_instance_of::<PyTuple>() || !keywords.is_instance_of::<PyDict>() {
            return Err(pickling_error(py, "__newobj_ex__ takes a class, a tuple and a dict"));
        }
        Ok(vec![Do::Save(class), Do::Save(positional), Do::Save(keywords), Do::Write(op::NEWOBJ_EX)])
    }
}

/// The fourth and fifth part must be iterators; dill's own are, and a list is a mistake that CPython refuses too.
fn iterator(items: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyIterator>> {
    items.cast_into::<PyIterator>().map_err(|error| {
        let items = error.into_inner();
        let kind = items.get_type().name().map(|name| name.to_string()).unwrap_or_default();
        pickling_error(items.py(), &format!("the items of a reduction must be an iterator, not {kind}"))
    })
}

/// An object whose reduction is its name: `pickle.whichmodule` tells where.
fn global_by_name(native: &Bound<'_, Native>, object: &Bound<'_, PyAny>, name: &str) -> PyResult<()> {
    let py = native.py();
    let module: String = py.import("pickle")?.call_method1("whichmodule", (object, name))?.extract()?;
    let missing = |_| {
        let shown = object.repr().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
        pickling_error(py, &format!("Can't pickle {shown}: it's not found as {module}.{name}"))
    };
    let mut found = py.import(module.as_str()).map_err(missing)?.into_any();
    for part in name.split('.') {
        found = found.getattr(part).map_err(missing)?;
    }
    if !found.is(object) {
        let shown = object.repr()?.to_string_lossy().into_owned();
        let text = format!("Can't pickle {shown}: it's not the same object as {module}.{name}");
        return Err(pickling_error(py, &text));
    }
    write_global(native, object, &module, name)
}

/// Writes a reference by name, or by its extension code where `copyreg` has one.
pub(super) fn write_global(
    native: &Bound<'_, Native>,
    object: &Bound<'_, PyAny>,
    module: &str,
    name: &str,
) -> PyResult<()> {
    native.get().check_name(native.py(), module, name)?;
    let registry = native.py().import("copyreg")?.getattr("_extension_registry")?;
    let code = registry.cast::<PyDict>()?.get_item((module, name))?.map(|code| code.extract::<u32>()).transpose()?;
    let mut core = native.get().lock()?;
    match code {
        // EXT1, EXT2 and EXT4; objects that have a code are not memoized.
        Some(code) => {
            core.facts.import(module, name);
            match (u8::try_from(code), u16::try_from(code)) {
                (Ok(short), _) => core.out.op_u8(op::EXT1, short),
                (_, Ok(short)) => {
                    let [low, high] = short.to_le_bytes();
                    core.out.slice(&[op::EXT2, low, high]);
                }
                _ => core.out.op_u32(op::EXT4, code),
            }
        }
        None => {
            core.global(module, name);
            core.memoize_here(object);
        }
    }
    Ok(())
}
