//! Long lists of nothing but texts, which are written as one: `str.split(text, separator)`.
//!
//! Any unpickler makes such a list faster from one long text than from an opcode for each item, and it is what a table's
//! column is. (For numbers that gains nothing: to make them takes as long as to read them.) Only for sessions: a single
//! pickle has the opcodes that CPython writes.
#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::core::Core;
use super::op;
use crate::pickle::texts::{SEPARATOR, SHORTEST};

/// The most bytes of texts that are joined: a load makes one text of them first.
const MOST_TEXT: usize = 64 << 20;

/// Writes a list of nothing but texts, if it is long; returns false, and writes nothing, for any other one. The list has
/// no slot.
pub(super) fn save(py: Python<'_>, core: &mut Core, list: &Bound<'_, PyList>) -> PyResult<bool> {
    let holders = if core.second_list == list.as_ptr() as usize { 2 } else { 1 };
    // SAFETY: a list. No Python code runs below, so it keeps its length and its items.
    let length = unsafe { ffi::PyList_Size(list.as_ptr()) };
    if length < SHORTEST as isize || !core.out.is_segment() {
        return Ok(false);
    }
    let items = Items { list: list.as_ptr(), length, holders };
    let Some(bytes) = items.text_length(py) else { return Ok(false) };
    items.write_texts(py, core, bytes)?;
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

    /// The length of texts joined; None where one is none, is shared, cannot be written, or
    /// holds the separator.
    fn text_length(&self, py: Python<'_>) -> Option<usize> {
        let mut total = self.length as usize - 1;
        for place in 0..self.length {
            let item = self.get(place);
            // SAFETY: an item of a list is alive.
            let is_text = unsafe { ffi::Py_TYPE(item) } == &raw mut ffi::PyUnicode_Type;
            // SAFETY: as above.
            let shared = unsafe { ffi::Py_REFCNT(item) } != self.holders;
            if !is_text || shared {
                return None;
            }
            let text = self.text(py, place)?;
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
