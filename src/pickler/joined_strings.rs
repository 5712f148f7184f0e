//! Long lists of strings, written as one string: `str.split(joined, separator)`.
//!
//! Any unpickler creates such a list faster from one long string than from an opcode per item, and a column of a table
//! is such a list. (Lists of numbers gain nothing: creating numbers takes as long as reading them.) This is done in
//! sessions only: a single pickle has the opcodes that CPython writes.
#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::native_types::is_loadable;
use super::pickler_state::PicklerState;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::{MIN_JOINED_ITEMS, SEPARATOR};

/// The most bytes that are joined: a load holds the joined string in memory besides the list.
const MOST_BYTES: usize = 64 << 20;

/// Writes a long list of unshared strings. Returns false, and writes nothing, for any other list. The list has no slot.
pub(super) fn save_joined(py: Python<'_>, state: &mut PicklerState, list: &Bound<'_, PyList>) -> PyResult<bool> {
    // SAFETY: a list. No Python code runs below, so it keeps its length and its items.
    let length = unsafe { ffi::PyList_Size(list.as_ptr()) };
    if length < MIN_JOINED_ITEMS as isize || !state.out.is_segment() {
        return Ok(false);
    }
    // The items of an array's copied list have a second owner, the array, without being shared.
    let owners = if state.copied_list == list.as_ptr() as usize { 2 } else { 1 };
    let items = StringItems { list: list.as_ptr(), length, owners };
    let Some(bytes) = items.joined_length(py) else { return Ok(false) };
    items.write_joined(py, state, bytes)?;
    state.memoize(list.as_any());
    Ok(true)
}

/// The items of a list that does not change while this exists.
struct StringItems {
    list: *mut ffi::PyObject,
    length: isize,
    /// The reference count of an unshared item.
    owners: isize,
}

impl StringItems {
    fn item(&self, index: isize) -> *mut ffi::PyObject {
        // SAFETY: a list, and an index within it.
        unsafe { ffi::PyList_GetItem(self.list, index) }
    }

    /// The length of the joined strings. None if an item is not a string, is shared, has surrogates, or contains the
    /// separator.
    fn joined_length(&self, py: Python<'_>) -> Option<usize> {
        // A separator between each two strings.
        let mut total = self.length as usize - 1;
        for index in 0..self.length {
            let item = self.item(index);
            // SAFETY: an item of a list is alive.
            let is_string = unsafe { ffi::Py_TYPE(item) } == &raw mut ffi::PyUnicode_Type;
            // SAFETY: as above.
            let shared = unsafe { ffi::Py_REFCNT(item) } != self.owners;
            if !is_string || shared {
                return None;
            }
            // The first call caches the UTF-8 form in the string, if that is not ASCII. `write_joined` uses it again.
            let bytes = self.utf8(py, index)?;
            total = total.checked_add(bytes.len()).filter(|total| *total <= MOST_BYTES)?;
            if bytes.contains(&SEPARATOR) || !is_loadable(bytes) {
                return None;
            }
        }
        Some(total)
    }

    fn utf8(&self, py: Python<'_>, index: isize) -> Option<&[u8]> {
        let mut length = 0;
        // SAFETY: an exact str; the length is an out parameter.
        let data = unsafe { ffi::PyUnicode_AsUTF8AndSize(self.item(index), &raw mut length) };
        if data.is_null() {
            // The string has surrogates. Taking the error clears it.
            drop(PyErr::take(py));
            return None;
        }
        // SAFETY: Python returned the pointer and the length of a buffer that lives as long as the string.
        Some(unsafe { std::slice::from_raw_parts(data.cast(), length as usize) })
    }

    fn write_joined(&self, py: Python<'_>, state: &mut PicklerState, bytes: usize) -> PyResult<()> {
        state.write_global("builtins", "str.split");
        match u32::try_from(bytes) {
            Ok(short) => state.out.op_u32(Opcode::BinUnicode, short),
            Err(_) => state.out.op_u64(Opcode::BinUnicode8, bytes as u64),
        }
        for index in 0..self.length {
            if index > 0 {
                state.out.byte(SEPARATOR);
            }
            // It has succeeded in `joined_length`.
            state.out.slice(self.utf8(py, index).unwrap_or_default());
            state.out.within_contents()?;
        }
        state.out.op_u8(Opcode::ShortBinUnicode, 1);
        state.out.byte(SEPARATOR);
        state.out.ops([Opcode::Tuple2, Opcode::Reduce]);
        Ok(())
    }
}
