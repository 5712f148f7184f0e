//! Values that a single opcode makes: numbers, strings, bytes, and memory of arrays.
//!
//! A value is decoded whenever it is needed. One that the pickle refers to again is kept, so that it is one object, and
//! so is one that is long: a short pickle can refer to it very often.

use std::collections::HashMap;

use pyo3::exceptions::{PyUnicodeDecodeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyAny, PyBool, PyByteArray, PyBytes, PyFloat, PyInt, PyString};

use super::{Built, ObjectBuilder, missing};
use crate::pickle::build_plan::global_value;
use crate::pickle::format::lines::{MAX_DIGITS, TextInteger};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{Leaf, Ref, Value};
use crate::python::ffi;

/// Values of at least this length, in bytes, are kept.
const MIN_KEPT: usize = 256;

/// The values that are kept, by the offset of their opcode; `None` until they are needed.
pub(super) struct SharedLeaves<'py>(HashMap<u64, Option<Bound<'py, PyAny>>>);

impl SharedLeaves<'_> {
    /// Finds the values that the memo is asked for.
    pub(super) fn of(machine: &Machine<'_>) -> Self {
        let mut shared = HashMap::default();
        let items = machine.nodes().iter().flat_map(|node| {
            let added = node.added().into_iter().flat_map(|added| added.items.iter().chain(&added.pairs));
            node.items.iter().chain(node.state_ref()).chain(added)
        });
        for item in items {
            if item.leaf_offset().is_none()
                && let Some(at) = machine.resolve(*item).leaf_offset()
            {
                shared.insert(at, None);
            }
        }
        Self(shared)
    }
}

/// Whether these bytes begin with an opcode that makes a string.
pub(super) fn is_string(bytes: &[u8]) -> bool {
    let opcode = bytes.first().copied().and_then(Opcode::from_byte);
    matches!(opcode, Some(Opcode::ShortBinUnicode | Opcode::BinUnicode | Opcode::BinUnicode8 | Opcode::Unicode))
}

impl<'py> ObjectBuilder<'_, '_, 'py> {
    /// The object of a reference to a value without parts.
    #[inline]
    pub(super) fn leaf(&mut self, leaf: Ref) -> Built<Bound<'py, PyAny>> {
        let at = leaf.leaf_offset().ok_or_else(missing)?;
        let bytes = self.machine.bytes_from(at);
        let py = self.context.py();
        // The most frequent values, which are not worth keeping.
        let [opcode, rest @ ..] = bytes else { return Err(missing()) };
        match (Opcode::from_byte(*opcode), rest) {
            (Some(Opcode::BinInt1), [number, ..]) => Ok(int(py, i64::from(*number))),
            (Some(Opcode::BinInt2), [low, high, ..]) => Ok(int(py, i64::from(u16::from_le_bytes([*low, *high])))),
            (Some(Opcode::BinInt), [a, b, c, d, ..]) => Ok(int(py, i64::from(i32::from_le_bytes([*a, *b, *c, *d])))),
            (Some(Opcode::BinFloat), rest) => match rest.first_chunk().map(|bytes| f64::from_be_bytes(*bytes)) {
                // As a key, it equals only itself.
                Some(number) if number.is_nan() => self.kept(at, leaf),
                Some(number) => Ok(PyFloat::new(py, number).into_any()),
                None => Err(missing()),
            },
            (Some(Opcode::None), _) => Ok(py.None().into_bound(py)),
            (Some(Opcode::NewTrue), _) => Ok(PyBool::new(py, true).to_owned().into_any()),
            (Some(Opcode::NewFalse), _) => Ok(PyBool::new(py, false).to_owned().into_any()),
            (Some(Opcode::ShortBinUnicode), [length, rest @ ..]) => {
                let text = rest.get(..usize::from(*length)).ok_or_else(missing)?;
                let is_duplicated = rest.get(text.len()) == Some(&Opcode::Dup.byte());
                if !is_duplicated && !self.leaves.0.contains_key(&at) && text.is_ascii() {
                    return Ok(ascii(py, text));
                }
                self.kept(at, leaf)
            }
            _ => self.kept(at, leaf),
        }
    }

    /// A value that is decoded, and kept if that is worthwhile.
    fn kept(&mut self, at: u64, leaf: Ref) -> Built<Bound<'py, PyAny>> {
        if let Some(Some(known)) = self.leaves.0.get(&at) {
            return Ok(known.clone());
        }
        let machine = self.machine;
        let length = machine.opcode_bytes(leaf).len();
        let Value::Leaf(value) = machine.value(leaf) else { return Err(missing()) };
        let object = self.decoded(at, &value)?;
        let is_duplicated = machine.bytes_from(at).get(length) == Some(&Opcode::Dup.byte());
        let is_mutable = matches!(value, Leaf::ByteArray(_) | Leaf::Buffer);
        if is_mutable || is_duplicated || length >= MIN_KEPT || self.leaves.0.contains_key(&at) {
            self.leaves.0.insert(at, Some(object.clone()));
        }
        Ok(object)
    }

    fn decoded(&mut self, at: u64, leaf: &Leaf<'_>) -> Built<Bound<'py, PyAny>> {
        let py = self.context.py();
        Ok(match leaf {
            Leaf::None => py.None().into_bound(py),
            Leaf::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
            Leaf::Int(value) => int(py, *value),
            Leaf::LargeInt => self.large_int(at)?,
            Leaf::Float(value) => PyFloat::new(py, *value).into_any(),
            Leaf::Str(text) => string(py, text.bytes())?,
            // The default of the unpickler for strings of Python 2.
            Leaf::OldStr(text) if text.is_ascii() => ascii(py, text),
            Leaf::OldStr(text) => ffi::bytes(py, text)?.call_method1("decode", ("ascii",))?,
            Leaf::Bytes(bytes) => ffi::bytes(py, bytes)?.into_any(),
            Leaf::ByteArray(bytes) => {
                let copy = |target: &mut [u8]| {
                    target.copy_from_slice(bytes);
                    Ok(())
                };
                PyByteArray::new_with(py, bytes.len(), copy)?.into_any()
            }
            Leaf::Buffer => self.buffer(at)?,
            Leaf::Global(module, name) => {
                let (module, name) = (module.lossy(), name.lossy());
                let recipe = global_value(&module, &name).map_err(|_| missing())?;
                self.make_as(&recipe.make, &[])?
            }
            Leaf::Extension(_) | Leaf::Persistent(_) | Leaf::Earlier(_) | Leaf::Inner(_) => return Err(missing()),
        })
    }

    /// An integer of more than 64 bits.
    fn large_int(&self, at: u64) -> Built<Bound<'py, PyAny>> {
        let py = self.context.py();
        let bytes = self.machine.opcode_bytes(Ref::leaf(at));
        let header = match bytes.first().copied().and_then(Opcode::from_byte) {
            Some(Opcode::Long1) => 2,
            Some(Opcode::Long4) => 5,
            _ => return text_int(py, bytes),
        };
        let options = [("signed", true)].into_py_dict(py)?;
        let digits = PyBytes::new(py, bytes.get(header..).unwrap_or_default());
        Ok(py.get_type::<PyInt>().call_method("from_bytes", (digits, "little"), Some(&options))?)
    }

    fn buffer(&self, at: u64) -> Built<Bound<'py, PyAny>> {
        let found = self.buffers.binary_search_by_key(&at, |(offset, _)| *offset).ok();
        let (_, facts) = found.and_then(|found| self.buffers.get(found)).ok_or_else(missing)?;
        let memory = self.memory.get(facts.number).ok_or_else(missing)?;
        Ok(if facts.writable { memory.clone() } else { memory.call_method0("toreadonly")? })
    }
}

fn int(py: Python<'_>, value: i64) -> Bound<'_, PyAny> {
    let Ok(value) = value.into_pyobject(py);
    value.into_any()
}

/// A string of ASCII characters.
fn ascii<'py>(py: Python<'py>, text: &[u8]) -> Bound<'py, PyAny> {
    PyString::new(py, std::str::from_utf8(text).unwrap_or_default()).into_any()
}

/// A string in which surrogates may occur.
fn string<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    match PyString::from_bytes(py, text) {
        Ok(made) => Ok(made.into_any()),
        Err(error) if error.is_instance_of::<PyUnicodeDecodeError>(py) => {
            ffi::bytes(py, text)?.call_method1("decode", ("utf-8", "surrogatepass"))
        }
        Err(error) => Err(error),
    }
}

/// An integer that is written as text, as `int(text, 0)` reads it.
fn text_int<'py>(py: Python<'py>, opcode: &[u8]) -> Built<Bound<'py, PyAny>> {
    // The plan refuses such integers.
    if TextInteger::of_opcode(opcode).is_none_or(|integer| integer.is_too_long()) {
        return Err(PyValueError::new_err(format!("an integer has more than {MAX_DIGITS} digits")).into());
    }
    let text = String::from_utf8_lossy(opcode.get(1..).unwrap_or_default());
    let text = text.trim().trim_end_matches('L');
    Ok(py.get_type::<PyInt>().call1((text, 0))?)
}
