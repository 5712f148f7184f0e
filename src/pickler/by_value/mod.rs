//! Classes and type variables of the script, which no import finds: what a load has to make anew, and how.
//!
//! A class is made in two steps, as what hangs on it may lead back to it. The skeleton has what certainly does not;
//! when it has its slot, the rest is set, one attribute after the other, and references back find the slot. No code of
//! the script's runs for that, neither its metaclasses' nor its `__init_subclass__`. Plain dill reads all of it.
//!
//! All of this is for sessions. A single pickle has dill's meaning.

mod classes;
mod generics;
mod leaf;
mod members;
mod named_tuples;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString, PyType};

pub(super) use self::generics::variable;
pub(super) use self::members::member;
use super::frame::{Do, Frame};
use super::native::Native;
use super::op;
use super::types::{HEAP_TYPE, importable};

/// Whether a class is one to be made anew: made by Python code (or its like), and found by no import.
pub(super) fn is_ours<'py>(native: &Bound<'py, Native>, class: &Bound<'py, PyType>) -> PyResult<bool> {
    let made = class.getattr("__flags__")?.extract::<u64>()? & HEAP_TYPE != 0;
    let builtin = || class.module().is_ok_and(|module| module == "builtins");
    Ok(native.get().is_session() && made && !builtin() && is_local(native, class)?)
}

/// Begins a class of the script that has no slot.
pub(super) fn class<'py>(native: &Bound<'py, Native>, class: &Bound<'py, PyType>) -> PyResult<Option<Frame<'py>>> {
    native.get().lock()?.begin_building(class.as_ptr() as usize)?;
    match named_tuples::fields(class)? {
        Some(fields) => named_tuples::begin(native, class, &fields).map(Some),
        None => classes::begin(native, class).map(Some),
    }
}

/// Whether no import finds a class or function.
fn is_local<'py>(native: &Bound<'py, Native>, object: &Bound<'py, PyAny>) -> PyResult<bool> {
    Ok(importable(object, native.get().main.bind(native.py()))?.is_none())
}

/// The steps, in the order in which they are to be taken, as a frame.
fn steps<'py>(object: &Bound<'py, PyAny>, mut steps: Vec<Do<'py>>) -> Frame<'py> {
    steps.reverse();
    Frame::Steps { object: Some(object.clone()), steps }
}

/// Saves something for its slot only: what comes next refers to it.
fn beforehand<'py>(object: Bound<'py, PyAny>) -> [Do<'py>; 2] {
    [Do::Save(object), Do::Write(op::POP)]
}

/// Sets an attribute of a class, whatever its metaclass has to say.
fn set_attribute<'py>(
    class: &Bound<'py, PyType>,
    name: &Bound<'py, PyString>,
    value: Bound<'py, PyAny>,
) -> PyResult<[Do<'py>; 7]> {
    let setter = class.py().get_type::<PyType>().getattr("__setattr__")?;
    Ok([
        Do::Global { module: "builtins", name: "type.__setattr__", object: Some(setter) },
        Do::Save(class.clone().into_any()),
        Do::Save(name.clone().into_any()),
        Do::Save(value),
        Do::Write(op::TUPLE3),
        Do::Write(op::REDUCE),
        Do::Write(op::POP),
    ])
}
