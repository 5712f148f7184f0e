//! Objects whose type alone says how they are written: exact built-in types, and instances of plain classes. Nothing
//! here runs Python code.
//!
//! A text that only its container holds is not memoized: that saves half of the memo, and nobody asks whether two texts
//! are one. Containers always are: another object's `__getstate__` can reach one again that is referred to but once.
#![allow(unsafe_code)]

use std::ffi::c_int;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt};

use super::buffers::Held;
use super::core::Core;
use super::frame::{Batch, DictWalk, Frame};
use super::op;
use super::texts;
use super::types::Info;

/// The longest text, in bytes, that is written again in each segment.
const REPEATED: isize = 1024;

/// What came of an object.
pub(super) enum Saved<'py> {
    /// It has been written.
    Done,
    /// It has been begun; this is what is left.
    Open(Frame<'py>),
    /// Only Python code can tell how to write it. Nothing has been written.
    Slow,
}

/// Writes an object that has no parts: a text, a number, None, True or False. Returns whether it was one and could be
/// written; ints beyond 64 bits need Python's help.
///
/// # Safety
/// As for [`save_fast`].
#[inline(always)]
pub(super) unsafe fn save_simple(py: Python<'_>, core: &mut Core, object: *mut ffi::PyObject) -> bool {
    // SAFETY: the object is alive.
    let kind = unsafe { ffi::Py_TYPE(object) };
    if kind == &raw mut ffi::PyLong_Type {
        return save_int(core, object);
    }
    if kind == &raw mut ffi::PyFloat_Type {
        // SAFETY: an exact float.
        let number = unsafe { ffi::PyFloat_AsDouble(object) };
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        core.out.slice(&[op::BINFLOAT, a, b, c, d, e, f, g, h]);
        return true;
    }
    if kind == &raw mut ffi::PyUnicode_Type {
        return save_text(py, core, object);
    }
    singleton(object).inspect(|opcode| core.out.byte(*opcode)).is_some()
}

/// Writes an object if its type alone says how.
///
/// # Safety
/// `object` must be alive, and held by something else than the caller's own reference, if it has one: an object that
/// is referred to once counts as the container's alone.
pub(super) unsafe fn save_fast<'py>(
    py: Python<'py>,
    core: &mut Core,
    object: *mut ffi::PyObject,
) -> PyResult<Saved<'py>> {
    // SAFETY: what the caller promises.
    if unsafe { save_simple(py, core, object) } {
        return Ok(Saved::Done);
    }
    // SAFETY: the object is alive.
    let kind = unsafe { ffi::Py_TYPE(object) };
    if kind == &raw mut ffi::PyUnicode_Type {
        // SAFETY: the container holds the object.
        let text = unsafe { Bound::from_borrowed_ptr(py, object) };
        return save_odd_text(core, &text).map(|()| Saved::Done);
    }
    if kind == &raw mut ffi::PyLong_Type {
        // SAFETY: the container holds the object.
        let number = unsafe { Bound::from_borrowed_ptr(py, object) };
        return save_large_int(core, number.cast::<PyInt>()?).map(|()| Saved::Done);
    }
    if kind == &raw mut ffi::PyDict_Type {
        return Ok(open_dict(py, core, object));
    }
    if kind == &raw mut ffi::PyList_Type {
        return open_list(py, core, object);
    }
    if kind == &raw mut ffi::PyTuple_Type {
        return Ok(open_tuple(py, core, object));
    }
    if let Some(slot) = core.memo.get(object as usize) {
        let named = || core.types.get(&(kind as usize)).is_some_and(|(_, info)| matches!(info, Info::Named));
        if !core.is_near(slot) && named() {
            return Ok(Saved::Slow);
        }
        core.get_slot(slot);
        return Ok(Saved::Done);
    }
    save_other(py, core, object, kind)
}

/// Whether nothing but the container that was just asked for it holds the object.
#[inline]
fn is_unshared(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the callers have a live object.
    unsafe { ffi::Py_REFCNT(object) == 1 }
}

#[inline]
fn singleton(object: *mut ffi::PyObject) -> Option<u8> {
    // SAFETY: the singletons live as long as the interpreter.
    if object == unsafe { ffi::Py_None() } {
        return Some(op::NONE);
    }
    // SAFETY: as above.
    if object == unsafe { ffi::Py_True() } {
        return Some(op::TRUE);
    }
    // SAFETY: as above.
    (object == unsafe { ffi::Py_False() }).then_some(op::FALSE)
}

/// Writes a text; returns false, and writes nothing, where that failed.
#[inline(never)]
fn save_text(py: Python<'_>, core: &mut Core, object: *mut ffi::PyObject) -> bool {
    let unshared = is_unshared(object);
    let slot = if unshared { None } else { core.memo.get(object as usize) };
    if let Some(slot) = slot.filter(|slot| core.is_near(*slot)) {
        core.get_slot(slot);
        return true;
    }
    // A reference of our own: the error for a text with surrogates can run the collector, and with it finalizers that
    // empty the container.
    // SAFETY: the container holds the object.
    let text = unsafe { Bound::from_borrowed_ptr(py, object) };
    let mut length = 0;
    // SAFETY: an exact str; the length is there to be set.
    let data = unsafe { ffi::PyUnicode_AsUTF8AndSize(object, &raw mut length) };
    if data.is_null() {
        // Taking the error clears it.
        drop(PyErr::take(py));
        if save_odd_text(core, &text).is_ok() {
            return true;
        }
        // There is no memory left; the caller, who is to meet the error, has no reference but this one.
        std::mem::forget(text);
        return false;
    }
    if let Some(slot) = slot.filter(|_| length > REPEATED) {
        core.get_slot(slot);
        return true;
    }
    // SAFETY: Python gave the pointer and the length of a buffer that lives as long as the object.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast(), length as usize) };
    core.out.text_bytes(bytes);
    if !unshared {
        core.memoize_here(&text);
    }
    true
}

/// Writes a text that has surrogates, as pickle does.
#[cold]
fn save_odd_text(core: &mut Core, text: &Bound<'_, PyAny>) -> PyResult<()> {
    if core.get(text.as_ptr() as usize) {
        return Ok(());
    }
    let bytes = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
    core.out.text_bytes(bytes.cast::<PyBytes>()?.as_bytes());
    core.memoize(text);
    Ok(())
}

/// Writes an int of up to 64 bits; returns false, and writes nothing, for a larger one.
#[inline(always)]
fn save_int(core: &mut Core, object: *mut ffi::PyObject) -> bool {
    let mut overflow: c_int = 0;
    // SAFETY: an exact int; the flag is there to be set.
    let number = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow) };
    if overflow != 0 {
        return false;
    }
    match number {
        0..=0xff => core.out.op_u8(op::BININT1, number as u8),
        0x100..=0xffff => {
            let [low, high] = (number as u16).to_le_bytes();
            core.out.slice(&[op::BININT2, low, high]);
        }
        _ if number == i64::from(number as i32) => core.out.op_u32(op::BININT, number as u32),
        _ => save_long_int(core, number),
    }
    true
}

/// An int of 32 to 64 bits, in as few bytes as keep the sign.
fn save_long_int(core: &mut Core, number: i64) {
    let bytes = number.to_le_bytes();
    let spare = (1..8).rev().take_while(|&at| is_spare(bytes[at], bytes[at - 1])).count();
    core.out.op_u8(op::LONG1, 8 - spare as u8);
    core.out.slice(&bytes[..8 - spare]);
}

/// Whether the highest byte of a number only repeats the sign of the one below it.
fn is_spare(highest: u8, below: u8) -> bool {
    (highest == 0 && below < 0x80) || (highest == 0xff && below >= 0x80)
}

fn save_large_int(core: &mut Core, number: &Bound<'_, PyInt>) -> PyResult<()> {
    let bits: usize = number.call_method0("bit_length")?.extract()?;
    let options = PyDict::new(number.py());
    options.set_item("signed", true)?;
    let bytes = number.call_method("to_bytes", (bits / 8 + 1, "little"), Some(&options))?;
    let mut bytes = bytes.cast::<PyBytes>()?.as_bytes();
    if let [.., below, highest] = bytes
        && is_spare(*highest, *below)
    {
        bytes = &bytes[..bytes.len() - 1];
    }
    match u8::try_from(bytes.len()) {
        Ok(length) => core.out.op_u8(op::LONG1, length),
        Err(_) => {
            let too_large =
                |_| pyo3::exceptions::PyOverflowError::new_err("an int of more than 2 GiB cannot be pickled");
            core.out.op_u32(op::LONG4, i32::try_from(bytes.len()).map_err(too_large)?.cast_unsigned());
        }
    }
    core.out.slice(bytes);
    Ok(())
}

#[inline]
fn open_dict<'py>(py: Python<'py>, core: &mut Core, object: *mut ffi::PyObject) -> Saved<'py> {
    if core.get(object as usize) || core.module_dict(object as usize) {
        return Saved::Done;
    }
    core.out.byte(op::EMPTY_DICT);
    // SAFETY: the container holds the object.
    let object = unsafe { Bound::from_borrowed_ptr(py, object) };
    // SAFETY: an exact dict, as the caller has seen.
    let dict = unsafe { object.cast_into_unchecked::<PyDict>() };
    core.memoize(dict.as_any());
    if dict.is_empty() {
        return Saved::Done;
    }
    Saved::Open(Frame::Dict { dict, walk: DictWalk::default(), batch: Batch::default(), owner: None })
}

#[inline]
fn open_list<'py>(py: Python<'py>, core: &mut Core, object: *mut ffi::PyObject) -> PyResult<Saved<'py>> {
    if core.get(object as usize) {
        return Ok(Saved::Done);
    }
    // SAFETY: the container holds the object.
    let object = unsafe { Bound::from_borrowed_ptr(py, object) };
    // SAFETY: an exact list, as the caller has seen.
    let list = unsafe { object.cast_into_unchecked() };
    if texts::save(py, core, &list)? {
        return Ok(Saved::Done);
    }
    core.out.byte(op::EMPTY_LIST);
    core.memoize(list.as_any());
    Ok(Saved::Open(Frame::List { list, next: 0, batch: Batch::default() }))
}

#[inline]
fn open_tuple<'py>(py: Python<'py>, core: &mut Core, object: *mut ffi::PyObject) -> Saved<'py> {
    // SAFETY: an exact tuple.
    let length = unsafe { ffi::PyTuple_Size(object) };
    if length == 0 {
        core.out.byte(op::EMPTY_TUPLE);
        return Saved::Done;
    }
    if core.get(object as usize) {
        return Saved::Done;
    }
    if length > 3 {
        core.out.byte(op::MARK);
    }
    // SAFETY: the container holds the object.
    let object = unsafe { Bound::from_borrowed_ptr(py, object) };
    // SAFETY: an exact tuple, as the caller has seen.
    let tuple = unsafe { object.cast_into_unchecked() };
    Saved::Open(Frame::Tuple { tuple, next: 0 })
}

/// The types that are met less often. The object has no slot.
fn save_other<'py>(
    py: Python<'py>,
    core: &mut Core,
    object: *mut ffi::PyObject,
    kind: *mut ffi::PyTypeObject,
) -> PyResult<Saved<'py>> {
    if let Some((_, Info::Plain)) = core.types.get(&(kind as usize)) {
        return Ok(open_instance(py, core, object, kind));
    }
    // SAFETY: the container holds the object.
    let value = unsafe { Bound::from_borrowed_ptr(py, object) };
    if kind == &raw mut ffi::PyBytes_Type || kind == &raw mut ffi::PyByteArray_Type {
        core.out.buffer(Held::of(&value)?, false)?;
        core.memoize(&value);
    } else if kind == &raw mut ffi::PySet_Type {
        core.out.byte(op::EMPTY_SET);
        core.memoize(&value);
        let items = value.try_iter()?;
        return Ok(Saved::Open(Frame::Set { set: value, items, batch: Batch::default() }));
    } else if kind == &raw mut ffi::PyFrozenSet_Type {
        core.out.byte(op::MARK);
        let items = value.try_iter()?;
        return Ok(Saved::Open(Frame::FrozenSet { set: value, items }));
    } else {
        return Ok(Saved::Slow);
    }
    Ok(Saved::Done)
}

/// An instance whose state is its `__dict__` and nothing else, made by `object.__new__`.
#[inline]
fn open_instance<'py>(
    py: Python<'py>,
    core: &mut Core,
    object: *mut ffi::PyObject,
    kind: *mut ffi::PyTypeObject,
) -> Saved<'py> {
    let Some(class) = core.memo.get(kind as usize) else { return Saved::Slow };
    // A reference of our own: asking for the dict can run the collector, and with it finalizers that empty the container.
    // SAFETY: the container holds the object.
    let instance = unsafe { Bound::from_borrowed_ptr(py, object) };
    // SAFETY: the object is alive, and its type has a `__dict__` and no property of that name.
    let dict = unsafe { ffi::PyObject_GenericGetDict(object, std::ptr::null_mut()) };
    // SAFETY: a new reference, or NULL with an exception set.
    let Ok(dict) = (unsafe { Bound::from_owned_ptr_or_err(py, dict) }) else { return Saved::Slow };
    let Ok(dict) = dict.cast_into_exact::<PyDict>() else { return Saved::Slow };
    if dict.is_empty() {
        // What an empty state looks like differs between versions: `__reduce_ex__` knows.
        return Saved::Slow;
    }
    core.get_slot(class);
    core.out.slice(&[op::EMPTY_TUPLE, op::NEWOBJ]);
    // It may have weak references, so it always gets a slot.
    core.memoize(&instance);
    // The instance and this function hold the dict: two references are nobody else's. A load copies it into the new
    // instance's own one, so whoever reaches it later could not share it anyway.
    // SAFETY: a live object.
    let shared = unsafe { ffi::Py_REFCNT(dict.as_ptr()) } != 2;
    if shared && core.get(dict.as_ptr() as usize) {
        core.out.byte(op::BUILD);
        return Saved::Done;
    }
    core.out.byte(op::EMPTY_DICT);
    if shared {
        core.memoize(dict.as_any());
    }
    Saved::Open(Frame::Dict { dict, walk: DictWalk::default(), batch: Batch::default(), owner: Some(instance) })
}
