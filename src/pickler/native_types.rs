//! The fast path: objects that are written by their type alone, namely exact built-in types and instances of plain
//! classes. Nothing here runs Python code, except for a finalizer if the garbage collector starts.
//!
//! A string that only its container refers to is not memoized. That halves the memo, and whether two strings are
//! identical hardly ever matters. Containers are always memoized: another object's `__getstate__` can lead to a
//! container again even if its reference count is one.
#![allow(unsafe_code)]

use std::ffi::c_int;

use pyo3::exceptions::{PyMemoryError, PyOverflowError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyTuple};

use super::buffer_view::PyBufferView;
use super::joined_strings;
use super::pickler_state::PicklerState;
use super::plan::{DictWalk, ItemBatch, WorkItem};
use super::repeated_values::is_repeatable;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::py_str::PyStr;
use crate::python::deferred_signals::Tolerated as _;

/// The longest string, in bytes, that is written again in each segment instead of taken from an earlier one.
const LONGEST_REPEATED: isize = 1024;

/// The result of the fast path for an object.
pub(super) enum FastSave<'py> {
    Done,
    /// The object has been begun; this item writes the rest.
    Started(WorkItem<'py>),
    /// Only Python code can determine how to write the object. Nothing has been written.
    Slow,
}

/// Writes a string, number, None, True or False. Returns false, and writes nothing, for another object, for an int of
/// more than 64 bits, and if memory is short.
///
/// # Safety
/// As for [`save_fast`].
#[inline(always)]
pub(super) unsafe fn save_simple(py: Python<'_>, state: &mut PicklerState, object: *mut ffi::PyObject) -> bool {
    // SAFETY: the object is alive.
    let kind = unsafe { ffi::Py_TYPE(object) };
    if kind == &raw mut ffi::PyLong_Type {
        return save_int(state, object);
    }
    if kind == &raw mut ffi::PyFloat_Type {
        // SAFETY: an exact float.
        let number = unsafe { ffi::PyFloat_AsDouble(object) };
        state.out.float(number);
        return true;
    }
    if kind == &raw mut ffi::PyUnicode_Type {
        return save_string(py, state, object);
    }
    singleton(object).inspect(|opcode| state.out.op(*opcode)).is_some()
}

/// Writes an object whose type alone determines how.
///
/// # Safety
/// `object` must be alive, and something other than the caller must own a reference to it: an object with a reference
/// count of one counts as owned by its container alone.
pub(super) unsafe fn save_fast<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    object: *mut ffi::PyObject,
) -> PyResult<FastSave<'py>> {
    // SAFETY: the caller's promise.
    if unsafe { save_simple(py, state, object) } {
        return Ok(FastSave::Done);
    }
    // SAFETY: the object is alive.
    let kind = unsafe { ffi::Py_TYPE(object) };
    if kind == &raw mut ffi::PyUnicode_Type {
        // SAFETY: the container owns the object.
        let string = unsafe { Bound::from_borrowed_ptr(py, object) };
        return save_string_with_surrogates(state, &string).map(|()| FastSave::Done);
    }
    if kind == &raw mut ffi::PyLong_Type {
        // SAFETY: the container owns the object.
        let number = unsafe { Bound::from_borrowed_ptr(py, object) };
        return save_large_int(state, number.cast::<PyInt>()?).map(|()| FastSave::Done);
    }
    if kind == &raw mut ffi::PyDict_Type {
        return Ok(start_dict(py, state, object));
    }
    if kind == &raw mut ffi::PyList_Type {
        return start_list(py, state, object);
    }
    if kind == &raw mut ffi::PyTuple_Type {
        return Ok(start_tuple(py, state, object));
    }
    if let Some(slot) = state.memo.get(object as usize)
        && (state.is_in_segment(slot) || !is_repeatable(py, state, object))
    {
        state.write_slot(slot);
        return Ok(FastSave::Done);
    }
    save_other(py, state, object, kind)
}

/// Whether only the container from which the object was just read refers to it.
#[inline]
fn is_unshared(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the callers have a live object.
    unsafe { ffi::Py_REFCNT(object) == 1 }
}

#[inline]
fn singleton(object: *mut ffi::PyObject) -> Option<Opcode> {
    // SAFETY: the singletons live as long as the interpreter.
    if object == unsafe { ffi::Py_None() } {
        return Some(Opcode::None);
    }
    // SAFETY: as above.
    if object == unsafe { ffi::Py_True() } {
        return Some(Opcode::NewTrue);
    }
    // SAFETY: as above.
    (object == unsafe { ffi::Py_False() }).then_some(Opcode::NewFalse)
}

/// Writes a string. Returns false, and writes nothing, if that fails.
#[inline(never)]
fn save_string(py: Python<'_>, state: &mut PicklerState, object: *mut ffi::PyObject) -> bool {
    let unshared = is_unshared(object);
    let slot = if unshared { None } else { state.memo.get(object as usize) };
    if let Some(slot) = slot.filter(|slot| state.is_in_segment(*slot)) {
        state.write_slot(slot);
        return true;
    }
    // A reference of our own: creating the error for a string with surrogates can start the garbage collector, and a
    // finalizer may empty the container.
    // SAFETY: the container owns the object.
    let string = unsafe { Bound::from_borrowed_ptr(py, object) };
    let mut length = 0;
    // SAFETY: an exact str; the length is an out parameter.
    let data = unsafe { ffi::PyUnicode_AsUTF8AndSize(object, &raw mut length) };
    if data.is_null() {
        // Taking the error clears it.
        drop(PyErr::take(py));
        if save_string_with_surrogates(state, &string).tolerated().is_some() {
            return true;
        }
        // Memory is short. The caller tries again and reports that error, but has no reference except this one.
        std::mem::forget(string);
        return false;
    }
    if let Some(slot) = slot.filter(|_| length > LONGEST_REPEATED) {
        state.write_slot(slot);
        return true;
    }
    // SAFETY: Python returned the pointer and the length of a buffer that lives as long as the object.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast(), length as usize) };
    if !is_loadable(bytes) {
        // As above: the caller tries again.
        std::mem::forget(string);
        return false;
    }
    state.out.string_bytes(bytes);
    if !unshared {
        // The string may have a slot in an earlier segment. It gets a new one, so that a load of this segment alone
        // suffices for the next references.
        state.memoize_in_segment(&string);
    }
    true
}

/// Whether a load can decode a string. numpy makes strings of arbitrary bytes, with characters beyond U+10FFFF, and
/// Python encodes them.
pub(super) fn is_loadable(utf8: &[u8]) -> bool {
    utf8.is_ascii() || PyStr::new(utf8).is_some()
}

/// Writes a string that UTF-8 cannot encode, in the way of CPython's pickle.
#[cold]
fn save_string_with_surrogates(state: &mut PicklerState, string: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(slot) = state.slot_in_segment(string.as_ptr() as usize) {
        state.write_slot(slot);
        return Ok(());
    }
    let encoded = string.call_method1("encode", ("utf-8", "surrogatepass"))?;
    let bytes = encoded.cast::<PyBytes>()?.as_bytes();
    if !is_loadable(bytes) {
        return Err(PyValueError::new_err("the string has a character that is not in range(0x110000)"));
    }
    state.out.string_bytes(bytes);
    state.memoize(string);
    Ok(())
}

/// Writes bytes, or a tuple of strings, without a slot.
pub(super) fn save_constant(py: Python<'_>, state: &mut PicklerState, constant: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(strings) = constant.cast_exact::<PyTuple>() else {
        return state.out.buffer(PyBufferView::of(constant)?, false);
    };
    let length = strings.len();
    if length > 3 {
        state.out.op(Opcode::Mark);
    }
    for string in strings.iter() {
        state.out.between_opcodes()?;
        // SAFETY: the tuple owns the string as well.
        if !unsafe { save_simple(py, state, string.as_ptr()) } {
            return Err(PyMemoryError::new_err("cannot write a string"));
        }
    }
    state.out.op(match length {
        0 => Opcode::EmptyTuple,
        1 => Opcode::Tuple1,
        2 => Opcode::Tuple2,
        3 => Opcode::Tuple3,
        _ => Opcode::Tuple,
    });
    Ok(())
}

/// Writes an int of up to 64 bits. Returns false, and writes nothing, for a larger one.
#[inline(always)]
fn save_int(state: &mut PicklerState, object: *mut ffi::PyObject) -> bool {
    let mut overflow: c_int = 0;
    // SAFETY: an exact int; the flag is an out parameter.
    let number = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow) };
    if overflow != 0 {
        return false;
    }
    match number {
        0..=0xff => state.out.op_u8(Opcode::BinInt1, number as u8),
        0x100..=0xffff => state.out.op_u16(Opcode::BinInt2, number as u16),
        // BININT is signed, so it takes all negative numbers of 32 bits, also the small ones.
        _ if number == i64::from(number as i32) => state.out.op_u32(Opcode::BinInt, number as u32),
        _ => save_long_int(state, number),
    }
    true
}

/// Writes an int of 33 to 64 bits, in as few bytes as keep the sign.
fn save_long_int(state: &mut PicklerState, number: i64) {
    let bytes = number.to_le_bytes();
    let spare = (1..8).rev().take_while(|&index| is_spare(bytes[index], bytes[index - 1])).count();
    state.out.op_u8(Opcode::Long1, 8 - spare as u8);
    state.out.slice(&bytes[..8 - spare]);
}

/// Whether the highest byte of a number only repeats the sign of the byte below.
fn is_spare(highest: u8, below: u8) -> bool {
    (highest == 0 && below < 0x80) || (highest == 0xff && below >= 0x80)
}

fn save_large_int(state: &mut PicklerState, number: &Bound<'_, PyInt>) -> PyResult<()> {
    let bits: usize = number.call_method0("bit_length")?.extract()?;
    let options = PyDict::new(number.py());
    options.set_item("signed", true)?;
    // One byte more than the bits need leaves room for the sign.
    let bytes = number.call_method("to_bytes", (bits / 8 + 1, "little"), Some(&options))?;
    let mut bytes = bytes.cast::<PyBytes>()?.as_bytes();
    if let [.., below, highest] = bytes
        && is_spare(*highest, *below)
    {
        bytes = &bytes[..bytes.len() - 1];
    }
    match u8::try_from(bytes.len()) {
        Ok(length) => state.out.op_u8(Opcode::Long1, length),
        Err(_) => {
            // The length of LONG4 is signed.
            let too_large = |_| PyOverflowError::new_err("cannot pickle an int of 2 GiB or more");
            state.out.op_u32(Opcode::Long4, i32::try_from(bytes.len()).map_err(too_large)?.cast_unsigned());
        }
    }
    state.out.slice(bytes);
    Ok(())
}

#[inline]
fn start_dict<'py>(py: Python<'py>, state: &mut PicklerState, object: *mut ffi::PyObject) -> FastSave<'py> {
    if state.write_get(object as usize) || state.write_module_dict(object as usize) {
        return FastSave::Done;
    }
    if state.namespaces.contains(object as usize) {
        return FastSave::Slow;
    }
    // SAFETY: the container owns the object.
    let object = unsafe { Bound::from_borrowed_ptr(py, object) };
    // SAFETY: an exact dict, as the caller has checked.
    let dict = unsafe { object.cast_into_unchecked::<PyDict>() };
    if state.may_be_module_dict(dict.len()) {
        return FastSave::Slow;
    }
    // The dict is memoized while it is empty: its items may refer to it.
    state.out.op(Opcode::EmptyDict);
    state.memoize(dict.as_any());
    if dict.is_empty() {
        return FastSave::Done;
    }
    FastSave::Started(WorkItem::Dict { dict, walk: DictWalk::default(), batch: ItemBatch::default(), owner: None })
}

#[inline]
fn start_list<'py>(py: Python<'py>, state: &mut PicklerState, object: *mut ffi::PyObject) -> PyResult<FastSave<'py>> {
    if state.write_get(object as usize) {
        return Ok(FastSave::Done);
    }
    // SAFETY: the container owns the object.
    let object = unsafe { Bound::from_borrowed_ptr(py, object) };
    // SAFETY: an exact list, as the caller has checked.
    let list = unsafe { object.cast_into_unchecked() };
    if joined_strings::save_joined(py, state, &list)? {
        return Ok(FastSave::Done);
    }
    state.out.op(Opcode::EmptyList);
    state.memoize(list.as_any());
    Ok(FastSave::Started(WorkItem::List { list, next: 0, batch: ItemBatch::default() }))
}

#[inline]
fn start_tuple<'py>(py: Python<'py>, state: &mut PicklerState, object: *mut ffi::PyObject) -> FastSave<'py> {
    // SAFETY: an exact tuple.
    let length = unsafe { ffi::PyTuple_Size(object) };
    if length == 0 {
        state.out.op(Opcode::EmptyTuple);
        return FastSave::Done;
    }
    if let Some(slot) = state.memo.get(object as usize)
        && (state.is_in_segment(slot) || !is_repeatable(py, state, object))
    {
        state.write_slot(slot);
        return FastSave::Done;
    }
    // Up to three items have opcodes that need no MARK. The tuple is memoized after its items: it does not exist
    // before.
    if length > 3 {
        state.out.op(Opcode::Mark);
    }
    // SAFETY: the container owns the object.
    let object = unsafe { Bound::from_borrowed_ptr(py, object) };
    // SAFETY: an exact tuple, as the caller has checked.
    let tuple = unsafe { object.cast_into_unchecked() };
    FastSave::Started(WorkItem::Tuple { tuple, next: 0, original: None })
}

/// The less frequent types. The object has no slot, or is written again.
fn save_other<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    object: *mut ffi::PyObject,
    kind: *mut ffi::PyTypeObject,
) -> PyResult<FastSave<'py>> {
    if let Some(is_hashed) = state.plain_types.get(&(kind as usize)).copied() {
        return Ok(start_instance(py, state, object, kind, is_hashed));
    }
    // SAFETY: the container owns the object.
    let value = unsafe { Bound::from_borrowed_ptr(py, object) };
    if kind == &raw mut ffi::PyBytes_Type || kind == &raw mut ffi::PyByteArray_Type {
        state.out.buffer(PyBufferView::of(&value)?, false)?;
        state.memoize(&value);
    } else if kind == &raw mut ffi::PySet_Type {
        state.out.op(Opcode::EmptySet);
        state.memoize(&value);
        let items = value.try_iter()?;
        return Ok(FastSave::Started(WorkItem::Set { set: value, items, batch: ItemBatch::default(), pending: None }));
    } else if kind == &raw mut ffi::PyFrozenSet_Type {
        // A frozenset does not exist before its items, so it is memoized after them, like a tuple.
        state.out.op(Opcode::Mark);
        let items = value.try_iter()?;
        // Its members are hashed when it is made, which cannot wait for an unfinished object around it.
        if state.cycles.is_open() {
            let position = state.out.position();
            state.needs.checked.note(&value, position);
        }
        return Ok(FastSave::Started(WorkItem::FrozenSet { set: value, items }));
    } else {
        return Ok(FastSave::Slow);
    }
    Ok(FastSave::Done)
}

/// Begins an instance that `object.__new__` creates and whose only state is its `__dict__`.
#[inline]
fn start_instance<'py>(
    py: Python<'py>,
    state: &mut PicklerState,
    object: *mut ffi::PyObject,
    kind: *mut ffi::PyTypeObject,
    is_hashed: bool,
) -> FastSave<'py> {
    // The first instance takes the slow path, which saves the class. An imported class is saved in each segment.
    let Some(class) = state.memo.get(kind as usize) else { return FastSave::Slow };
    if !state.is_in_segment(class) && !state.script_objects.contains(&(kind as usize)) {
        return FastSave::Slow;
    }
    // A reference of our own: creating the dict can start the garbage collector, and a finalizer may empty the
    // container. SAFETY: the container owns the object.
    let instance = unsafe { Bound::from_borrowed_ptr(py, object) };
    // SAFETY: the object is alive, and its type has a `__dict__` and no property of that name.
    let dict = unsafe { ffi::PyObject_GenericGetDict(object, std::ptr::null_mut()) };
    // SAFETY: a new reference, or NULL with an exception set.
    let Ok(dict) = (unsafe { Bound::from_owned_ptr_or_err(py, dict) }) else { return FastSave::Slow };
    let Ok(dict) = dict.cast_into_exact::<PyDict>() else { return FastSave::Slow };
    if dict.is_empty() {
        // Python versions differ in how they reduce an empty state: `__reduce_ex__` knows.
        return FastSave::Slow;
    }
    // Two references, from the instance and from this function, mean that nothing else has the dict. Such a dict needs
    // no slot. A shared dict stays shared only if it is set as a whole. SAFETY: a live object.
    if unsafe { ffi::Py_REFCNT(dict.as_ptr()) } != 2 {
        return FastSave::Slow;
    }
    state.write_slot(class);
    state.out.ops([Opcode::EmptyTuple, Opcode::NewObj]);
    // The instance may have weak references, so it gets a slot even if it is unshared.
    state.memoize(&instance);
    if is_hashed {
        state.begin_unfinished(&instance);
    }
    state.out.op(Opcode::EmptyDict);
    FastSave::Started(WorkItem::Dict {
        dict,
        walk: DictWalk::default(),
        batch: ItemBatch::default(),
        owner: Some(instance),
    })
}
