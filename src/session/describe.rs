//! What can be said of an object without running its code: type, length, shape, dtype, a short preview.
//!
//! No `repr`, `len` or property of a class that a script wrote is ever called here: they can be slow, print,
//! fail or never end. Only exact built-in types, and attributes of types from a few well-known packages.

use pyo3::prelude::*;
use pyo3::types::{
    PyAny, PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyFunction, PyInt, PyList, PyModule,
    PySet, PyString, PyTuple, PyType,
};

use super::codes::genuine_module;
use crate::snapshot::index::{Kind, PREVIEW};

/// Packages whose `shape`, `dtype` and `columns` are plain data.
const ARRAY_PACKAGES: [&str; 7] = ["numpy", "pandas", "pyarrow", "scipy", "torch", "cupy", "polars"];
/// Elements of a container that a preview shows.
const SHOWN: usize = 6;
/// Containers within containers that a preview opens.
const DEPTH: usize = 2;

/// An object in words.
pub struct Description {
    /// See [`crate::snapshot::index::Variable::type_name`].
    pub type_name: String,
    /// How it is kept.
    pub kind: Kind,
    /// `len()`, where asking is safe.
    pub len: Option<u64>,
    /// An array's or a frame's shape.
    pub shape: Option<Vec<u64>>,
    /// An array's dtype.
    pub dtype: Option<String>,
    /// A short text, on one line.
    pub preview: String,
}

/// Describes `value`, which belongs to the module named `session`.
pub fn describe(value: &Bound<'_, PyAny>, session: &str) -> Description {
    let type_name = type_name(&value.get_type());
    let package = type_name.split('.').next().unwrap_or_default();
    // A script's class can claim any module: only one that is found there is asked for its attributes.
    let genuine = || genuine_module(&value.get_type()).is_some();
    let array = ARRAY_PACKAGES.contains(&package) && !value.is_instance_of::<PyType>() && genuine();
    let shape = if array { attribute(value, "shape").and_then(|shape| shape.extract().ok()) } else { None };
    let dtype = if array { attribute(value, "dtype").and_then(|dtype| text_of(&dtype)) } else { None };
    let mut preview = String::new();
    write_preview(&mut preview, value, 0);
    if array && let Some(text) = array_preview(value, &type_name) {
        preview = text;
    }
    Description { kind: kind(value, session), len: length(value), shape, dtype, preview: clip(&preview), type_name }
}

/// The type's name with its module, but for built-in types: `numpy.ndarray`, `dict`.
pub fn type_name(kind: &Bound<'_, PyType>) -> String {
    let name = kind.qualname().map(|name| name.to_string()).unwrap_or_else(|_| "?".to_owned());
    match kind.module().map(|module| module.to_string()) {
        Ok(module) if module != "builtins" => format!("{module}.{name}"),
        _ => name,
    }
}

fn kind(value: &Bound<'_, PyAny>, session: &str) -> Kind {
    let own = || attribute(value, "__module__").and_then(|module| text_of(&module)).is_some_and(|name| name == session);
    if value.is_instance_of::<PyModule>() {
        Kind::Import
    } else if value.is_instance_of::<PyType>() {
        if own() { Kind::Class } else { Kind::Import }
    } else if value.is_instance_of::<PyFunction>() {
        if own() { Kind::Function } else { Kind::Import }
    } else if type_name(&value.get_type()) == "builtin_function_or_method" {
        Kind::Import
    } else {
        Kind::Value
    }
}

fn attribute<'py>(value: &Bound<'py, PyAny>, name: &str) -> Option<Bound<'py, PyAny>> {
    value.getattr_opt(name).ok().flatten()
}

fn text_of(value: &Bound<'_, PyAny>) -> Option<String> {
    value.str().ok().map(|text| text.to_string_lossy().into_owned())
}

fn length(value: &Bound<'_, PyAny>) -> Option<u64> {
    let sized = value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PySet>()
        || value.is_exact_instance_of::<PyFrozenSet>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyByteArray>();
    let package = type_name(&value.get_type());
    let known = ["collections.", "pandas.", "range"].iter().any(|start| package.starts_with(start))
        && genuine_module(&value.get_type()).is_some();
    (sized || known).then(|| value.len().ok()).flatten().map(|length| length as u64)
}

fn array_preview(value: &Bound<'_, PyAny>, type_name: &str) -> Option<String> {
    if type_name.starts_with("pandas.") && type_name.ends_with("DataFrame") {
        let columns = attribute(value, "columns")?.call_method0("tolist").ok()?;
        let mut text = "columns ".to_owned();
        write_preview(&mut text, &columns, 0);
        return Some(text);
    }
    if type_name != "numpy.ndarray" || attribute(value, "dtype")?.getattr("hasobject").ok()?.is_truthy().ok()? {
        return None;
    }
    // Only the first elements are read: `flat` is a view, the slice a small copy.
    let first = attribute(value, "flat")?.get_item(pyo3::types::PySlice::new(value.py(), 0, SHOWN as isize, 1)).ok()?;
    let size: usize = attribute(value, "size")?.extract().ok()?;
    let mut text = String::new();
    write_preview(&mut text, &first.call_method0("tolist").ok()?, 0);
    if size > SHOWN {
        text.truncate(text.len().saturating_sub(1));
        text.push_str(", …]");
    }
    Some(text)
}

/// Appends a preview of `value`; stops opening containers at [`DEPTH`] and showing elements at [`SHOWN`].
fn write_preview(out: &mut String, value: &Bound<'_, PyAny>, depth: usize) {
    if out.chars().count() > PREVIEW {
        return;
    }
    if let Some(text) = scalar(value) {
        out.push_str(&text);
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        write_items(out, ["[", "]"], list.iter(), list.len(), depth);
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        let end = if tuple.len() == 1 { ",)" } else { ")" };
        write_items(out, ["(", end], tuple.iter(), tuple.len(), depth);
    } else if let Ok(set) = value.cast_exact::<PySet>()
        && !set.is_empty()
    {
        write_items(out, ["{", "}"], set.iter(), set.len(), depth);
    } else if value.is_exact_instance_of::<PySet>() {
        out.push_str("set()");
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        write_dict(out, dict, depth);
    } else {
        out.push_str(&opaque(value));
    }
}

/// The text of None, a bool, a number or a string: exact built-in types only.
fn scalar(value: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        // A long text is cut before Python makes a repr of all of it.
        let head = text.get_item(pyo3::types::PySlice::new(value.py(), 0, PREVIEW as isize + 1, 1)).ok()?;
        return head.repr().ok().map(|text| text.to_string_lossy().into_owned());
    }
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        let head = bytes.as_bytes().get(..PREVIEW).unwrap_or(bytes.as_bytes());
        return Some(format!("b\"{}\"", head.escape_ascii()));
    }
    if value.is_exact_instance_of::<PyInt>() {
        let bits: u64 = value.call_method0("bit_length").ok()?.extract().ok()?;
        // Python refuses to print ints beyond 4,300 digits, and a preview has no use for them.
        return if bits > 512 { Some(format!("an int of {bits} bits")) } else { text_of(value) };
    }
    let plain = value.is_none()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyComplex>()
        || is_numpy_number(value);
    plain.then(|| text_of(value)).flatten()
}

/// Whether it is one of numpy's own numbers: their `str` runs no code of anybody's, unlike that of an array of objects.
fn is_numpy_number(value: &Bound<'_, PyAny>) -> bool {
    let modules = value.py().import("sys").and_then(|sys| sys.getattr("modules"));
    let numpy = modules.and_then(|modules| modules.get_item("numpy"));
    let number = numpy.and_then(|numpy| numpy.getattr("number"));
    let genuine = || genuine_module(&value.get_type()).is_some_and(|module| module == "numpy");
    number.is_ok_and(|number| value.is_instance(&number).unwrap_or(false)) && genuine()
}

fn write_items<'py>(
    out: &mut String,
    brackets: [&str; 2],
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    length: usize,
    depth: usize,
) {
    out.push_str(brackets[0]);
    if depth >= DEPTH && length > 0 {
        out.push('…');
    } else {
        for (index, item) in items.take(SHOWN).enumerate() {
            out.push_str(if index > 0 { ", " } else { "" });
            write_preview(out, &item, depth + 1);
        }
        out.push_str(if length > SHOWN { ", …" } else { "" });
    }
    out.push_str(brackets[1]);
}

fn write_dict(out: &mut String, dict: &Bound<'_, PyDict>, depth: usize) {
    out.push('{');
    if depth >= DEPTH && !dict.is_empty() {
        out.push('…');
    } else {
        for (index, (key, item)) in dict.iter().take(SHOWN).enumerate() {
            out.push_str(if index > 0 { ", " } else { "" });
            write_preview(out, &key, depth + 1);
            out.push_str(": ");
            write_preview(out, &item, depth + 1);
        }
        out.push_str(if dict.len() > SHOWN { ", …" } else { "" });
    }
    out.push('}');
}

/// What is said of an object whose own code must not run.
fn opaque(value: &Bound<'_, PyAny>) -> String {
    if let Ok(module) = value.cast::<PyModule>() {
        return format!("module {}", module.name().map(|name| name.to_string()).unwrap_or_default());
    }
    if let Ok(class) = value.cast::<PyType>() {
        return format!("class {}", type_name(class));
    }
    if value.is_instance_of::<PyFunction>() {
        return signature(value).unwrap_or_else(|_| "a function".to_owned());
    }
    format!("<{}>", type_name(&value.get_type()))
}

/// `name(a, b, *rest, key, **options)` from the code object.
fn signature(function: &Bound<'_, PyAny>) -> PyResult<String> {
    let code = function.getattr("__code__")?;
    let number = |name: &str| code.getattr(name)?.extract::<usize>();
    let names: Vec<String> = code.getattr("co_varnames")?.extract()?;
    let (plain, keyword, flags) = (number("co_argcount")?, number("co_kwonlyargcount")?, number("co_flags")?);
    let mut parts: Vec<String> = names.iter().take(plain).cloned().collect();
    let mut next = plain + keyword;
    let keywords = names.iter().skip(plain).take(keyword).cloned();
    // CO_VARARGS is 4 and CO_VARKEYWORDS is 8, in every CPython.
    if flags & 4 != 0 {
        parts.push(format!("*{}", names.get(next).map_or("", String::as_str)));
        next += 1;
    } else if keyword > 0 {
        parts.push("*".to_owned());
    }
    parts.extend(keywords);
    if flags & 8 != 0 {
        parts.push(format!("**{}", names.get(next).map_or("", String::as_str)));
    }
    Ok(format!("{}({})", function.getattr("__name__")?, parts.join(", ")))
}

/// Cuts a text to [`PREVIEW`] characters, on one line.
fn clip(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= PREVIEW {
        return line;
    }
    line.chars().take(PREVIEW - 1).chain(std::iter::once('…')).collect()
}
