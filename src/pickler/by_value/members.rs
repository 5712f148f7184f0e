//! The members of an enumeration of the script, as plain objects: their values and attributes, no code of the script's.
//!
//! Their class goes the way of all classes. It has all of them in its namespace, so a member that is met elsewhere is
//! written by writing its class.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PySlice, PyTuple, PyType};

use super::super::frame::{Do, Frame};
use super::super::native::Native;
use super::super::op;
use super::super::reduce;
use super::{beforehand, is_ours, steps};

/// Begins a member that has no slot.
pub(in super::super) fn member<'py>(
    native: &Bound<'py, Native>,
    member: &Bound<'py, PyAny>,
) -> PyResult<Option<Frame<'py>>> {
    let class = member.get_type();
    if !is_ours(native, &class)? {
        return reduce::begin(native, member);
    }
    let mut list: Vec<_> = beforehand(class.into_any()).into();
    let made = member.clone();
    list.push(Do::Then(Box::new(move |native| made_plainly(native, &made))));
    Ok(Some(steps(member, list)))
}

/// Writes a member, unless its class has led to it already.
fn made_plainly<'py>(native: &Bound<'py, Native>, member: &Bound<'py, PyAny>) -> PyResult<Option<Frame<'py>>> {
    if native.get().lock()?.get(member.as_ptr() as usize) {
        return Ok(None);
    }
    let mut list = construction(native, member)?;
    list.extend([Do::Write(op::REDUCE), Do::Memoize(member.clone())]);
    list.extend([Do::Save(member.getattr("__dict__")?), Do::Write(op::BUILD)]);
    Ok(Some(steps(member, list)))
}

/// The steps that push what makes a member, and its arguments.
///
/// `copyreg._reconstructor` takes a class, one to make it with, and what that one needs. `object` needs nothing and
/// takes anything: it gets the member's name, so that a load into the same process can give the member that is there.
fn construction<'py>(native: &Bound<'py, Native>, member: &Bound<'py, PyAny>) -> PyResult<Vec<Do<'py>>> {
    let py = native.py();
    let class = member.get_type();
    let maker = maker(native, &class)?;
    let mut data = match maker.is(py.get_type::<PyAny>()) {
        true => vec![member.getattr("_name_")?],
        false => data(&maker, member)?,
    };
    if data.len() == 1 && maker.module()? == "builtins" {
        let function = py.import("copyreg")?.getattr("_reconstructor")?;
        let arguments = (class, maker, data.remove(0)).into_pyobject(py)?.into_any();
        return Ok(vec![Do::Save(function), Do::Save(arguments)]);
    }
    let getter = py.import("builtins")?.getattr("getattr")?;
    let new = (maker, "__new__").into_pyobject(py)?.into_any();
    let arguments = PyTuple::new(py, [class.into_any()].into_iter().chain(data).collect::<Vec<_>>())?;
    Ok(vec![Do::Save(getter), Do::Save(new), Do::Write(op::REDUCE), Do::Save(arguments.into_any())])
}

/// The class whose `__new__` makes members: that of their data, or `object`. Neither the enumeration's own nor one of
/// the script's.
fn maker<'py>(native: &Bound<'py, Native>, class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyType>> {
    let py = class.py();
    let enumeration = py.import("enum")?.getattr("EnumMeta")?;
    for base in class.mro() {
        let base = base.cast_into::<PyType>()?;
        let makes = base.getattr("__dict__")?.contains("__new__")?;
        if makes && !base.is_instance(&enumeration)? && !is_ours(native, &base)? {
            return Ok(base);
        }
    }
    Ok(py.get_type::<PyAny>().cast_into()?)
}

/// What the class of a member's data needs to make it.
fn data<'py>(maker: &Bound<'py, PyType>, member: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = maker.py();
    if maker.is(py.get_type::<PyTuple>()) {
        return Ok(vec![maker.getattr("__getitem__")?.call1((member, PySlice::full(py)))?]);
    }
    if maker.hasattr("__getnewargs__")? {
        let arguments = maker.getattr("__getnewargs__")?.call1((member,))?;
        return Ok(arguments.cast_into::<PyTuple>()?.iter().collect());
    }
    let reduced = maker.getattr("__reduce__")?.call1((member,))?;
    Ok(reduced.get_item(1)?.cast_into::<PyTuple>()?.iter().collect())
}
