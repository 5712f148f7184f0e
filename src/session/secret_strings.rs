//! The strings in which credentials are searched: those of keys and labels, and the beginnings of long ones. `secrets`
//! and `secret_places` read all strings of a session with these functions, which run no code of it.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool, PyByteArray, PyBytes, PyComplex, PyFloat, PyInt, PyString, PyTuple};

use crate::pickle::credentials;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::ffi::slice;

/// How many characters of a string are searched.
pub(super) const MAX_CHARS: usize = 4096;
/// How many parts of a key that is a tuple are looked at, and how deep.
const MAX_LABEL_PARTS: usize = 8;
const MAX_LABEL_DEPTH: usize = 2;

/// The text of a key: a string, one of a subclass, as the members of some enumerations are, or one in bytes.
pub(super) fn key_name(key: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(bytes) = key.cast_exact::<PyBytes>() {
        return Some(
            String::from_utf8_lossy(bytes.as_bytes().get(..MAX_CHARS).unwrap_or(bytes.as_bytes())).into_owned(),
        );
    }
    valid_text(key.cast::<PyString>().ok()?).map(Cow::into_owned)
}

/// The name that a key or label gives to its value: a string, or a part of a tuple that names a credential.
pub(super) fn label_name(label: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Option<String> {
    let Ok(parts) = label.cast_exact::<PyTuple>() else { return key_name(label) };
    let mut texts = Vec::new();
    label_parts(parts, MAX_LABEL_DEPTH, &mut texts);
    credentials::name_in_label(&texts, short_text(value).as_deref())
}

/// The strings of a tuple, and of those in it.
fn label_parts(parts: &Bound<'_, PyTuple>, depth: usize, texts: &mut Vec<String>) {
    for part in parts.iter().take(MAX_LABEL_PARTS) {
        match part.cast_exact::<PyTuple>() {
            Ok(inner) if depth > 0 => label_parts(inner, depth - 1, texts),
            _ => texts.extend(short_text(&part)),
        }
    }
}

/// A string that is short enough to be searched, or such a string in bytes.
pub(super) fn short_text(value: &Bound<'_, PyAny>) -> Option<String> {
    key_name(value).filter(|text| text.len() <= MAX_CHARS)
}

/// Whether a value has no parts: strings, numbers, None and the like.
pub(super) fn is_simple(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyComplex>()
}

/// The beginning of a long string, or of bytes.
pub(super) fn string_head(value: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        let bytes = bytes.as_bytes();
        return Some(String::from_utf8_lossy(bytes.get(..MAX_CHARS).unwrap_or(bytes)).into_owned());
    }
    let start = || slice(value.py(), 0, MAX_CHARS).tolerated();
    if let Ok(bytes) = value.cast_exact::<PyByteArray>() {
        let head = bytes.as_any().get_item(start()?).tolerated()?;
        return Some(String::from_utf8_lossy(&head.cast::<PyByteArray>().ok()?.to_vec()).into_owned());
    }
    let string = value.cast::<PyString>().ok()?;
    // Slicing first keeps a string of a gigabyte from being encoded as UTF-8. A subclass may have a method for it.
    let head = value.py().get_type::<PyString>().call_method1("__getitem__", (string, start()?)).tolerated()?;
    valid_text(head.cast::<PyString>().ok()?).map(Cow::into_owned)
}

/// A string with replacement characters for surrogates; `None` if it has a character beyond U+10FFFF. numpy makes such
/// strings of arbitrary bytes, and PyO3 does not check it.
pub(super) fn valid_text<'a>(string: &'a Bound<'_, PyString>) -> Option<Cow<'a, str>> {
    let text = string.to_string_lossy();
    std::str::from_utf8(text.as_bytes()).is_ok().then_some(text)
}
