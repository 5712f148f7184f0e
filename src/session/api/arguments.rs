//! Arguments that several functions take: patterns of names, and sizes.

use glob::Pattern;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool, PyBytes, PyString};

use crate::cli::{glob_of, parse_size};
use crate::python::deferred_signals::Tolerated as _;
use crate::ui::escape;

/// A pattern, or an iterable of patterns. `option` is the name of the argument.
pub(super) fn patterns(given: Option<&Bound<'_, PyAny>>, option: &str) -> PyResult<Vec<Pattern>> {
    let Some(given) = given else { return Ok(Vec::new()) };
    let wrong = |found: &Bound<'_, PyAny>| {
        let kind =
            found.get_type().name().map(|name| name.to_string_lossy().into_owned()).tolerated().unwrap_or_default();
        PyTypeError::new_err(format!("{option}= takes a name or an iterable of names, not {kind}"))
    };
    let words: Vec<Bound<'_, PyAny>> = match given.is_instance_of::<PyString>() {
        true => vec![given.clone()],
        false if given.is_instance_of::<PyBytes>() => return Err(wrong(given)),
        false => given.try_iter().map_err(|_| wrong(given))?.collect::<PyResult<_>>()?,
    };
    let parse = |word: &Bound<'_, PyAny>| {
        let word: String = word.extract().map_err(|_| wrong(word))?;
        glob_of(&word).map_err(|error| PyValueError::new_err(format!("{option}={word:?}: {error}")))
    };
    // A list of the caller's that happens to be empty does not mean all.
    if words.is_empty() && option == "only" {
        return Err(PyValueError::new_err("only= names nothing: pass None for all variables"));
    }
    words.iter().map(parse).collect()
}

/// Fails for a pattern that matches no name, with the names that look most like it.
pub(super) fn check_matches(
    py: Python<'_>,
    patterns: &[Pattern],
    names: &[String],
    option: &str,
    place: &str,
) -> PyResult<()> {
    let Some(wrong) = patterns.iter().find(|pattern| !names.iter().any(|name| pattern.matches(name))) else {
        return Ok(());
    };
    Err(no_match(py, wrong.as_str(), names, option, place))
}

/// The error for a name or pattern that matches nothing.
pub(super) fn no_match(py: Python<'_>, wrong: &str, names: &[String], option: &str, place: &str) -> PyErr {
    let near: Vec<String> = py
        .import("difflib")
        .and_then(|difflib| difflib.call_method1("get_close_matches", (wrong, names))?.extract())
        .tolerated()
        .unwrap_or_default();
    let advice = if near.is_empty() { String::new() } else { format!(": did you mean {}?", near.join(", ")) };
    let what = if option == "exclude_type" { "type" } else { "variable" };
    let text = format!("{option}={:?} matches no {what} of {place}{advice}", wrong);
    PyValueError::new_err(escape(&text).into_owned())
}

/// A number of bytes, or a string such as `20M`. What 64 bits cannot hold is no limit.
pub(super) fn size(given: Option<&Bound<'_, PyAny>>, option: &str) -> PyResult<Option<u64>> {
    let Some(given) = given else { return Ok(None) };
    if let Some(text) = given.extract::<String>().tolerated() {
        let wrong = |why| PyValueError::new_err(format!("{option}={text:?}: {why}"));
        return parse_size(&text).map(Some).map_err(wrong);
    }
    if given.is_instance_of::<PyBool>() || !given.hasattr("__index__")? {
        return Err(PyTypeError::new_err(format!("{option}= takes a number of bytes, or a string such as '20M'")));
    }
    if given.lt(0)? {
        return Err(PyValueError::new_err(format!("{option}= takes a number of bytes that is not negative")));
    }
    match given.extract::<u64>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(given.py()) => Ok(Some(u64::MAX)),
        number => number.map(Some),
    }
}
