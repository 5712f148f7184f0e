//! Long lists of ints, floats or texts, which are written as arrays: `list.extend(list, array)` for each stretch of
//! numbers, `str.split(text, separator)` for a list of nothing but texts.
//!
//! Any unpickler makes such a list several times faster from an array than from an opcode for each item, and for numbers
//! the array is shorter, too. Only for sessions: a single pickle has the opcodes that CPython writes.
#![allow(unsafe_code)]

use std::ffi::c_int;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::core::Core;
use super::op;
use crate::pickle::packed::{self, Numbers, SEPARATOR};

/// The most bytes of texts that are joined: a load makes one text of them first.
const MOST_TEXT: usize = 64 << 20;
/// How many numbers are written as one array: few enough to stay in the cache until they are.
const CHUNK: isize = 4096;

/// Writes a list of nothing but texts, if it is long; returns false, and writes nothing, for any other one. The list has
/// no slot.
pub(super) fn save_texts(py: Python<'_>, core: &mut Core, list: &Bound<'_, PyList>) -> PyResult<bool> {
    let Some(items) = Items::of(core, list) else { return Ok(false) };
    let Some(bytes) = items.text_length(py) else { return Ok(false) };
    items.write_texts(py, core, bytes)?;
    core.memoize(list.as_any());
    Ok(true)
}

/// Writes the numbers that a list begins with, if they are many; returns how many items that were. The empty list is on
/// the stack, and has a slot.
pub(super) fn save_numbers(core: &mut Core, list: &Bound<'_, PyList>) -> PyResult<isize> {
    let Some(items) = Items::of(core, list) else { return Ok(0) };
    let (mut done, mut ints, mut bytes) = (0, Vec::new(), Vec::new());
    loop {
        let end = items.length.min(done + CHUNK);
        if end - done < packed::SHORTEST as isize {
            return Ok(done);
        }
        bytes.clear();
        let Some(numbers) = items.numbers(done, end, &mut ints, &mut bytes) else { return Ok(done) };
        core.global("builtins", "list.extend");
        core.get(list.as_ptr() as usize);
        core.global("array", "_array_reconstructor");
        core.out.byte(op::MARK);
        core.global("array", "array");
        core.out.text(numbers.type_code());
        core.out.op_u8(op::BININT1, numbers.format());
        core.out.bytes(&bytes);
        core.out.slice(&[op::TUPLE, op::REDUCE, op::TUPLE2, op::REDUCE, op::POP]);
        core.out.give_way()?;
        done = end;
    }
}

/// The items of a list that does not change meanwhile.
struct Items {
    list: *mut ffi::PyObject,
    length: isize,
    /// How many references each item has where nobody else shares it.
    holders: isize,
}

impl Items {
    /// The items of a list that is long enough. No Python code runs while they are written, so they stay as they are.
    fn of(core: &Core, list: &Bound<'_, PyList>) -> Option<Self> {
        let holders = if core.second_list == list.as_ptr() as usize { 2 } else { 1 };
        // SAFETY: a list.
        let length = unsafe { ffi::PyList_Size(list.as_ptr()) };
        let long = length >= packed::SHORTEST as isize && core.out.is_segment();
        long.then_some(Self { list: list.as_ptr(), length, holders })
    }

    fn get(&self, place: isize) -> *mut ffi::PyObject {
        // SAFETY: a list, and a place within it.
        unsafe { ffi::PyList_GetItem(self.list, place) }
    }

    fn is(&self, place: isize, kind: *mut ffi::PyTypeObject) -> bool {
        // SAFETY: an item of a list is alive.
        unsafe { ffi::Py_TYPE(self.get(place)) == kind }
    }

    /// Encodes a stretch of ints or of floats; None where it is neither, or an int has more than 64 bits.
    fn numbers(&self, from: isize, to: isize, ints: &mut Vec<i64>, bytes: &mut Vec<u8>) -> Option<Numbers> {
        if self.is(from, &raw mut ffi::PyFloat_Type) {
            for place in from..to {
                if !self.is(place, &raw mut ffi::PyFloat_Type) {
                    return None;
                }
                // SAFETY: an exact float.
                let number = unsafe { ffi::PyFloat_AsDouble(self.get(place)) };
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            return Some(Numbers::Floats);
        }
        ints.clear();
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for place in from..to {
            let number = self.int(place)?;
            (least, most) = (least.min(number), most.max(number));
            ints.push(number);
        }
        let numbers = Numbers::for_range(least, most);
        match numbers.width() {
            1 => bytes.extend(ints.iter().map(|number| *number as u8)),
            2 => ints.iter().for_each(|number| bytes.extend_from_slice(&(*number as u16).to_le_bytes())),
            4 => ints.iter().for_each(|number| bytes.extend_from_slice(&(*number as u32).to_le_bytes())),
            _ => ints.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes())),
        }
        Some(numbers)
    }

    /// An exact int of up to 64 bits.
    #[inline]
    fn int(&self, place: isize) -> Option<i64> {
        let item = self.get(place);
        // SAFETY: an item of a list is alive.
        if unsafe { ffi::Py_TYPE(item) } != &raw mut ffi::PyLong_Type {
            return None;
        }
        let mut overflow: c_int = 0;
        // SAFETY: an exact int; the flag is there to be set.
        let number = unsafe { ffi::PyLong_AsLongLongAndOverflow(item, &raw mut overflow) };
        (overflow == 0).then_some(number)
    }

    /// The length of texts joined; None where one is none, is shared, cannot be written, or
    /// holds the separator.
    fn text_length(&self, py: Python<'_>) -> Option<usize> {
        let mut total = self.length as usize - 1;
        for place in 0..self.length {
            if !self.is(place, &raw mut ffi::PyUnicode_Type) {
                return None;
            }
            // SAFETY: an item of a list is alive.
            let shared = unsafe { ffi::Py_REFCNT(self.get(place)) } != self.holders;
            let text = if shared { None } else { self.text(py, place) }?;
            total = total.checked_add(text.len()).filter(|total| *total <= MOST_TEXT)?;
            if text.contains(&SEPARATOR) {
                return None;
            }
        }
        Some(total)
    }

    fn text(&self, py: Python<'_>, place: isize) -> Option<&[u8]> {
        let mut length = 0;
        // SAFETY: an exact str; the length is there to be set.
        let data = unsafe { ffi::PyUnicode_AsUTF8AndSize(self.get(place), &raw mut length) };
        if data.is_null() {
            // Surrogates: taking the error clears it.
            drop(PyErr::take(py));
            return None;
        }
        // SAFETY: Python gave the pointer and the length of a buffer that lives as long as the text.
        Some(unsafe { std::slice::from_raw_parts(data.cast(), length as usize) })
    }

    fn write_texts(&self, py: Python<'_>, core: &mut Core, bytes: usize) -> PyResult<()> {
        core.global("builtins", "str.split");
        match u32::try_from(bytes) {
            Ok(short) => core.out.op_u32(op::BINUNICODE, short),
            Err(_) => {
                core.out.byte(op::BINUNICODE8);
                core.out.slice(&(bytes as u64).to_le_bytes());
            }
        }
        for place in 0..self.length {
            if place > 0 {
                core.out.byte(SEPARATOR);
            }
            core.out.slice(self.text(py, place).unwrap_or_default());
            core.out.give_way()?;
        }
        core.out.op_u8(op::SHORT_BINUNICODE, 1);
        core.out.slice(&[SEPARATOR, op::TUPLE2, op::REDUCE]);
        Ok(())
    }
}
