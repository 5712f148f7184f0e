//! Long lists of nothing but ints, floats or texts, which are written as one array: `list(array)`, `str.split(text, sep)`.
//!
//! Any unpickler makes such a list several times faster from its array than from an opcode for each item, and for numbers
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
/// How many numbers are encoded at a time.
const CHUNK: isize = 4096;

/// What all items of a list are.
enum Uniform {
    Numbers(Numbers),
    /// Texts that only the list holds, and their length together with separators between them.
    Texts(usize),
}

/// Writes a list that is long and uniform; returns false, and writes nothing, for any other one. The list has no slot.
pub(super) fn save(py: Python<'_>, core: &mut Core, list: &Bound<'_, PyList>) -> PyResult<bool> {
    // SAFETY: a list. No Python code runs below, so it keeps its length and its items.
    let length = unsafe { ffi::PyList_Size(list.as_ptr()) };
    if length < packed::SHORTEST as isize || !core.out.is_segment() {
        return Ok(false);
    }
    let holders = if core.second_list == list.as_ptr() as usize { 2 } else { 1 };
    let items = Items { list: list.as_ptr(), length, holders };
    let Some(uniform) = items.uniform(py) else { return Ok(false) };
    match uniform {
        Uniform::Numbers(numbers) => items.write_numbers(py, core, numbers)?,
        Uniform::Texts(bytes) => items.write_texts(py, core, bytes)?,
    }
    core.memoize(list.as_any());
    Ok(true)
}

/// The items of a list that does not change meanwhile.
struct Items {
    list: *mut ffi::PyObject,
    length: isize,
    /// How many references each item has where nobody else shares it.
    holders: isize,
}

impl Items {
    fn get(&self, place: isize) -> *mut ffi::PyObject {
        // SAFETY: a list, and a place within it.
        unsafe { ffi::PyList_GetItem(self.list, place) }
    }

    /// Whether all items are of this very type.
    fn all_are(&self, kind: *mut ffi::PyTypeObject) -> bool {
        // SAFETY: items of a list are alive.
        (0..self.length).all(|place| unsafe { ffi::Py_TYPE(self.get(place)) } == kind)
    }

    fn uniform(&self, py: Python<'_>) -> Option<Uniform> {
        // SAFETY: an item of a list is alive.
        let kind = unsafe { ffi::Py_TYPE(self.get(0)) };
        if kind == &raw mut ffi::PyLong_Type && self.all_are(kind) {
            return self.range().map(|(least, most)| Uniform::Numbers(Numbers::for_range(least, most)));
        }
        if kind == &raw mut ffi::PyFloat_Type && self.all_are(kind) {
            return Some(Uniform::Numbers(Numbers::Floats));
        }
        if kind == &raw mut ffi::PyUnicode_Type && self.all_are(kind) {
            return self.text_length(py).map(Uniform::Texts);
        }
        None
    }

    fn int(&self, place: isize) -> Option<i64> {
        let mut overflow: c_int = 0;
        // SAFETY: an exact int; the flag is there to be set.
        let number = unsafe { ffi::PyLong_AsLongLongAndOverflow(self.get(place), &raw mut overflow) };
        (overflow == 0).then_some(number)
    }

    /// The least and the greatest of ints; None where one has more than 64 bits.
    fn range(&self) -> Option<(i64, i64)> {
        let first = self.int(0)?;
        (1..self.length).try_fold((first, first), |(least, most), place| {
            let number = self.int(place)?;
            Some((least.min(number), most.max(number)))
        })
    }

    /// The length of texts joined; None where one is shared, cannot be written, or holds the separator.
    fn text_length(&self, py: Python<'_>) -> Option<usize> {
        let mut total = self.length as usize - 1;
        for place in 0..self.length {
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

    fn write_numbers(&self, py: Python<'_>, core: &mut Core, numbers: Numbers) -> PyResult<()> {
        core.global("builtins", "list");
        core.global("array", "_array_reconstructor");
        core.out.byte(op::MARK);
        core.global("array", "array");
        core.out.text(numbers.type_code());
        core.out.op_u8(op::BININT1, numbers.format());
        let bytes = self.length as u64 * numbers.width() as u64;
        match u32::try_from(bytes) {
            Ok(short) => core.out.op_u32(op::BINBYTES, short),
            Err(_) => {
                core.out.byte(op::BINBYTES8);
                core.out.slice(&bytes.to_le_bytes());
            }
        }
        let mut chunk = Vec::with_capacity(CHUNK as usize * numbers.width());
        for from in (0..self.length).step_by(CHUNK as usize) {
            chunk.clear();
            for place in from..self.length.min(from + CHUNK) {
                self.push_number(py, place, numbers, &mut chunk);
            }
            core.out.slice(&chunk);
            core.out.give_way()?;
        }
        core.out.slice(&[op::TUPLE, op::REDUCE, op::TUPLE1, op::REDUCE]);
        Ok(())
    }

    fn push_number(&self, _py: Python<'_>, place: isize, numbers: Numbers, bytes: &mut Vec<u8>) {
        let Numbers::Ints(width) = numbers else {
            // SAFETY: an exact float.
            let number = unsafe { ffi::PyFloat_AsDouble(self.get(place)) };
            return bytes.extend_from_slice(&number.to_le_bytes());
        };
        // `range` has seen that it fits.
        let number = self.int(place).unwrap_or_default().to_le_bytes();
        bytes.extend_from_slice(number.get(..width).unwrap_or_default());
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
