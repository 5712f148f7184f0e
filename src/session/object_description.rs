//! Describes an object without running its code: type, length, shape, dtype, and a short preview.
//!
//! No `repr`, `len` or property of a script's own class is called here: it could be slow, print, fail or never return.
//! Only exact built-in types, and types from a few well-known packages, are inspected further.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyAny, PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyFunction, PyInt, PyList, PyModule,
    PySet, PyString, PyTuple, PyType,
};

use super::code_search::is_constant;
use crate::pickle::known::{MARKER_REASON, MARKER_TYPE, shown_marker};
use crate::pickler::{LostItems, is_lazy_import, loaded_modules, shown_statement};
use crate::python::deferred_signals::{Tolerated as _, shown};
use crate::python::ffi::slice;
use crate::snapshot::index::{PREVIEW, VariableKind as Kind};

/// Packages whose `shape`, `dtype` and `columns` are plain data.
const ARRAY_PACKAGES: [&str; 7] = ["numpy", "pandas", "pyarrow", "scipy", "torch", "cupy", "polars"];
/// The most elements of a container that a preview shows.
const MAX_ELEMENTS: usize = 6;
/// How many levels of nested containers a preview shows.
const MAX_DEPTH: usize = 2;

/// The fields of an [index entry](crate::snapshot::index::Variable) that describe the value.
pub(super) struct ObjectDescription {
    pub(super) type_name: String,
    pub(super) kind: Kind,
    pub(super) len: Option<u64>,
    pub(super) shape: Option<Vec<u64>>,
    pub(super) dtype: Option<String>,
    pub(super) preview: String,
}

/// Describes a value of the module named `session`. `lost` are the objects that a marker is saved for.
pub(super) fn describe(value: &Bound<'_, PyAny>, session: &str, lost: &LostItems) -> ObjectDescription {
    if let Some(name) = built_in_name(value) {
        let mut preview = String::new();
        write_preview(&mut preview, value, 0, lost);
        let (type_name, preview, len) = (name.to_owned(), clip(preview), known_length(value, name));
        return ObjectDescription { kind: Kind::Value, preview, type_name, len, shape: None, dtype: None };
    }
    let type_name = type_name(&value.get_type());
    if value.is_exact_instance_of::<PyFunction>() {
        let (kind, preview) = (variable_kind(value, &type_name, session), clip(opaque_preview(value)));
        return ObjectDescription { kind, preview, type_name, len: None, shape: None, dtype: None };
    }
    let package = type_name.split('.').next().unwrap_or_default();
    // A class of the script may set its `__module__` to "numpy": then its `shape` could run any code.
    let genuine = || genuine_module(&value.get_type()).is_some();
    let array = ARRAY_PACKAGES.contains(&package) && !value.is_instance_of::<PyType>() && genuine();
    let shape = if array { attribute(value, "shape").and_then(|shape| shape.extract().tolerated()) } else { None };
    let dtype = if array { attribute(value, "dtype").and_then(|dtype| str_of(&dtype)) } else { None };
    let mut preview = String::new();
    write_preview(&mut preview, value, 0, lost);
    // For an array, the generic preview is only its type in angle brackets.
    if array && let Some(string) = array_preview(value, &type_name) {
        preview = string;
    }
    ObjectDescription {
        kind: variable_kind(value, &type_name, session),
        len: known_length(value, &type_name),
        shape,
        dtype,
        preview: clip(preview),
        type_name,
    }
}

/// The name of the type of an object, if it is one of those that most objects have.
fn built_in_name(value: &Bound<'_, PyAny>) -> Option<&'static str> {
    Some(match value {
        _ if value.is_none() => "NoneType",
        _ if value.is_exact_instance_of::<PyInt>() => "int",
        _ if value.is_exact_instance_of::<PyString>() => "str",
        _ if value.is_exact_instance_of::<PyFloat>() => "float",
        _ if value.is_exact_instance_of::<PyBool>() => "bool",
        _ if value.is_exact_instance_of::<PyList>() => "list",
        _ if value.is_exact_instance_of::<PyDict>() => "dict",
        _ if value.is_exact_instance_of::<PyTuple>() => "tuple",
        _ if value.is_exact_instance_of::<PySet>() => "set",
        _ if value.is_exact_instance_of::<PyBytes>() => "bytes",
        _ => return None,
    })
}

/// The qualified name of a type, without the module for built-in types: `numpy.ndarray`, `dict`.
pub(super) fn type_name(kind: &Bound<'_, PyType>) -> String {
    let name =
        kind.qualname().map(|name| name.to_string_lossy().into_owned()).tolerated().unwrap_or_else(|| "?".to_owned());
    match kind.module().map(|module| module.to_string_lossy().into_owned()) {
        Ok(module) if module != "builtins" => format!("{module}.{name}"),
        _ => name,
    }
}

/// The module of a class, if an import finds the class there: a class of the script can claim any `__module__`.
pub(super) fn genuine_module(class: &Bound<'_, PyType>) -> Option<String> {
    let name = type_name(class);
    let (module, bare) = name.rsplit_once('.').unwrap_or(("builtins", &name));
    let home = loaded_modules(class.py()).tolerated()?.get_item(module).tolerated()?;
    let found = home.getattr_opt(bare).tolerated().flatten();
    // Some built-in types are not attributes of any module: the type of methods, for example.
    let known = found.is_some_and(|found| found.is(class)) || (module == "builtins" && !name.contains('.'));
    known.then(|| module.to_owned())
}

fn variable_kind(value: &Bound<'_, PyAny>, type_name: &str, session: &str) -> Kind {
    let own = || attribute(value, "__module__").and_then(|module| str_of(&module)).is_some_and(|name| name == session);
    if value.is_instance_of::<PyModule>() || is_lazy_import(&value.get_type()) {
        Kind::Import
    } else if value.is_instance_of::<PyType>() {
        if own() { Kind::Class } else { Kind::Import }
    } else if value.is_instance_of::<PyFunction>() {
        if own() { Kind::Function } else { Kind::Import }
    } else if type_name == "builtin_function_or_method" {
        Kind::Import
    } else {
        Kind::Value
    }
}

fn attribute<'py>(value: &Bound<'py, PyAny>, name: &str) -> Option<Bound<'py, PyAny>> {
    value.getattr_opt(name).tolerated().flatten()
}

fn str_of(value: &Bound<'_, PyAny>) -> Option<String> {
    value.str().tolerated().map(|string| string.to_string_lossy().into_owned())
}

fn known_length(value: &Bound<'_, PyAny>, type_name: &str) -> Option<u64> {
    let sized = value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PySet>()
        || value.is_exact_instance_of::<PyFrozenSet>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyByteArray>()
        || (!is_constant(value) && is_builtin(value, "frozendict"));
    let known = ["collections.", "pandas.", "range"].iter().any(|start| type_name.starts_with(start))
        && genuine_module(&value.get_type()).is_some();
    (sized || known).then(|| value.len().tolerated()).flatten().map(|length| length as u64)
}

fn array_preview(value: &Bound<'_, PyAny>, type_name: &str) -> Option<String> {
    // The names of the columns say more about a data frame than its first values.
    if type_name.starts_with("pandas.") && type_name.ends_with("DataFrame") {
        let columns = attribute(value, "columns")?.call_method0("tolist").tolerated()?;
        let mut string = "columns ".to_owned();
        write_preview(&mut string, &columns, 0, &LostItems::default());
        return Some(string);
    }
    if type_name != "numpy.ndarray"
        || attribute(value, "dtype")?.getattr("hasobject").tolerated()?.is_truthy().tolerated()?
    {
        return None;
    }
    // `flat` is a view and the slice a small copy, so only the first elements are read.
    let head = slice(value.py(), 0, MAX_ELEMENTS).tolerated()?;
    let first = attribute(value, "flat")?.get_item(head).tolerated()?;
    let size: usize = attribute(value, "size")?.extract().tolerated()?;
    let mut string = String::new();
    write_preview(&mut string, &first.call_method0("tolist").tolerated()?, 0, &LostItems::default());
    if size > MAX_ELEMENTS {
        // Reopen the list: replace its bracket with an ellipsis and a bracket.
        string.truncate(string.len().saturating_sub(1));
        string.push_str(", …]");
    }
    Some(string)
}

/// Appends a preview of `value`, with at most [`MAX_ELEMENTS`] per container and [`MAX_DEPTH`] levels.
fn write_preview(out: &mut String, value: &Bound<'_, PyAny>, depth: usize, lost: &LostItems) {
    if out.chars().count() > PREVIEW {
        // `clip` cuts the rest off anyway.
        return;
    }
    let marker = lost.marker(value);
    let value = marker.as_ref().unwrap_or(value);
    if let Ok(list) = value.cast_exact::<PyList>() {
        write_items(out, ["[", "]"], list.iter(), list.len(), depth, lost);
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        // Python writes a tuple of one item with a comma.
        let end = if tuple.len() == 1 { ",)" } else { ")" };
        write_items(out, ["(", end], tuple.iter(), tuple.len(), depth, lost);
    } else if let Ok(set) = value.cast_exact::<PySet>()
        && !set.is_empty()
    {
        write_items(out, ["{", "}"], set.iter(), set.len(), depth, lost);
    } else if value.is_exact_instance_of::<PySet>() {
        // `{}` is an empty dict.
        out.push_str("set()");
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        write_dict(out, dict.iter(), dict.len(), depth, lost);
    } else if let Some(string) = scalar_preview(value) {
        out.push_str(&string);
    } else if let Some(items) = frozen_items(value) {
        out.push_str("frozendict(");
        write_dict(out, items.into_iter(), value.len().tolerated().unwrap_or_default(), depth, lost);
        out.push(')');
    } else {
        out.push_str(&opaque_preview(value));
    }
}

/// The items of a `frozendict`, which 3.15 has.
fn frozen_items<'py>(value: &Bound<'py, PyAny>) -> Option<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    if !is_builtin(value, "frozendict") {
        return None;
    }
    let items = value.call_method0("items").tolerated()?;
    let first = items.try_iter().tolerated()?.take(MAX_ELEMENTS);
    first.map(|item| item?.extract()).collect::<PyResult<_>>().tolerated()
}

/// Whether an object is an instance of this built-in class itself: a class of the script may have the same name.
fn is_builtin(value: &Bound<'_, PyAny>, name: &str) -> bool {
    let kind = value.get_type();
    kind.name().tolerated().is_some_and(|own| own == name)
        && value
            .py()
            .import("builtins")
            .and_then(|names| names.getattr(name))
            .tolerated()
            .is_some_and(|found| found.is(&kind))
}

/// The `repr` or `str` of None, a bool, a number, a string or bytes: exact built-in types only.
fn scalar_preview(value: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(string) = value.cast_exact::<PyString>() {
        // Cut a long string before Python makes a repr of all of it.
        let head = string.get_item(slice(value.py(), 0, PREVIEW + 1).tolerated()?).tolerated()?;
        return head.repr().tolerated().map(|string| string.to_string_lossy().into_owned());
    }
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        let head = bytes.as_bytes().get(..PREVIEW).unwrap_or(bytes.as_bytes());
        return Some(format!("b\"{}\"", head.escape_ascii()));
    }
    if value.is_exact_instance_of::<PyInt>() {
        if let Some(number) = value.extract::<i64>().tolerated() {
            return Some(number.to_string());
        }
        let bits: u64 = value.call_method0("bit_length").tolerated()?.extract().tolerated()?;
        // Python refuses to convert ints of more than 4,300 digits to a string.
        return if bits > 512 { Some(format!("an int of {bits} bits")) } else { str_of(value) };
    }
    // The `str` of a subclass could be the script's own, so only exact types count.
    let plain = value.is_none()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyComplex>()
        || is_numpy_number(value);
    plain.then(|| str_of(value)).flatten()
}

/// Whether it is a numpy scalar: its `str` runs no code of the script, unlike that of an array of objects.
fn is_numpy_number(value: &Bound<'_, PyAny>) -> bool {
    let kind = value.get_type();
    if !kind.module().tolerated().is_some_and(|module| module == "numpy") {
        return false;
    }
    let numpy = loaded_modules(value.py()).and_then(|modules| modules.get_item("numpy"));
    let number = numpy.and_then(|numpy| numpy.getattr("number"));
    let genuine = || genuine_module(&kind).is_some_and(|module| module == "numpy");
    number.tolerated().is_some_and(|number| value.is_instance(&number).tolerated().unwrap_or(false)) && genuine()
}

fn write_items<'py>(
    out: &mut String,
    brackets: [&str; 2],
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    length: usize,
    depth: usize,
    lost: &LostItems,
) {
    out.push_str(brackets[0]);
    if depth >= MAX_DEPTH && length > 0 {
        out.push('…');
    } else {
        for (index, item) in items.take(MAX_ELEMENTS).enumerate() {
            out.push_str(if index > 0 { ", " } else { "" });
            write_preview(out, &item, depth + 1, lost);
        }
        out.push_str(if length > MAX_ELEMENTS { ", …" } else { "" });
    }
    out.push_str(brackets[1]);
}

fn write_dict<'py>(
    out: &mut String,
    items: impl Iterator<Item = (Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    length: usize,
    depth: usize,
    lost: &LostItems,
) {
    out.push('{');
    if depth >= MAX_DEPTH && length > 0 {
        out.push('…');
    } else {
        for (index, (key, item)) in items.take(MAX_ELEMENTS).enumerate() {
            out.push_str(if index > 0 { ", " } else { "" });
            write_preview(out, &key, depth + 1, lost);
            out.push_str(": ");
            write_preview(out, &item, depth + 1, lost);
        }
        out.push_str(if length > MAX_ELEMENTS { ", …" } else { "" });
    }
    out.push('}');
}

/// The preview of an object whose own code must not run.
fn opaque_preview(value: &Bound<'_, PyAny>) -> String {
    if let Ok(module) = value.cast::<PyModule>() {
        return format!(
            "module {}",
            module.name().map(|name| name.to_string_lossy().into_owned()).tolerated().unwrap_or_default()
        );
    }
    if let Ok(class) = value.cast::<PyType>() {
        return format!("class {}", type_name(class));
    }
    if value.is_instance_of::<PyFunction>() {
        return signature(value).tolerated().unwrap_or_else(|| "a function".to_owned());
    }
    if let Some(statement) = shown_statement(value) {
        return statement;
    }
    if is_builtin(value, "sentinel")
        && let Some(name) = attribute(value, "__name__").and_then(|name| name.extract::<String>().tolerated())
    {
        return name;
    }
    marker_preview(value).unwrap_or_else(|| format!("<{}>", type_name(&value.get_type())))
}

/// What is shown for the marker of a lost object.
fn marker_preview(value: &Bound<'_, PyAny>) -> Option<String> {
    let kind = value.get_type();
    if type_name(&kind) != "types.SimpleNamespace" || genuine_module(&kind)? != "types" {
        return None;
    }
    let attributes = value.getattr("__dict__").tolerated()?.cast_into_exact::<PyDict>().ok()?;
    let part = |name: &str| attributes.get_item(name).tolerated()??.extract::<String>().tolerated();
    (attributes.len() == 2).then(|| Some(shown_marker(&part(MARKER_TYPE)?, &part(MARKER_REASON)?)))?
}

/// `name(a, b, *rest, key, **options)` from the code object.
fn signature(function: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = function.py();
    let code = function.getattr(intern!(py, "__code__"))?;
    let number = |name: &Bound<'_, PyString>| code.getattr(name)?.extract::<usize>();
    let (plain, keyword) = (number(intern!(py, "co_argcount"))?, number(intern!(py, "co_kwonlyargcount"))?);
    let flags = number(intern!(py, "co_flags"))?;
    // The parameters come first, the two collecting ones last.
    let names = code.getattr(intern!(py, "co_varnames"))?.cast_into::<PyTuple>()?;
    let names = names.iter().take(plain + keyword + 2).map(|name| name.extract());
    let names: Vec<String> = names.collect::<PyResult<_>>()?;
    let mut parts: Vec<String> = names.iter().take(plain).cloned().collect();
    // `co_varnames` lists positional parameters, keyword-only ones, `*args` and `**kwargs`, in this order.
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
    Ok(format!("{}({})", shown(&function.getattr(intern!(py, "__name__"))?), parts.join(", ")))
}

/// Cuts a string to [`PREVIEW`] characters on one line.
fn clip(string: String) -> String {
    if string.len() <= PREVIEW && !string.bytes().any(|byte| byte.is_ascii_control() || !byte.is_ascii()) {
        return string;
    }
    let line: String = string.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= PREVIEW {
        return line;
    }
    line.chars().take(PREVIEW - 1).chain(std::iter::once('…')).collect()
}
