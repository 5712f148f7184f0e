//! The filters that the script added to `warnings.filters`.
//!
//! Libraries add filters too, when they are imported; they do so again after a restore. Filters that are about a
//! library are taken for its own.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyModule, PyTuple};
use serde_json::{Value, json};

use super::{Found, unexpected};
use crate::python::deferred_signals::Tolerated as _;
use crate::python::start_state;

/// The start of a message that scipy ignores.
const OF_SCIPY: &str = "the matrix subclass is not";

pub(super) fn find(warnings: &Bound<'_, PyModule>, _: &mut Vec<String>) -> PyResult<Found> {
    let py = warnings.py();
    let Some(start) = start_state::get() else { return Ok(None) };
    let before = start.filters.bind(py);
    let (mut rows, mut shown) = (Vec::new(), Vec::new());
    for filter in warnings.getattr("filters")?.try_iter()? {
        let filter = filter?.cast_into::<PyTuple>()?;
        if before.contains(&filter)? || filter.len() != 5 {
            continue;
        }
        let Some(row) = row(&filter)? else { continue };
        shown.push(format!("{} {}", row[0].as_str().unwrap_or_default(), row[2].as_str().unwrap_or_default()));
        rows.push(Value::Array(row));
    }
    Ok((!rows.is_empty()).then(|| (Value::Array(rows), shown.join(", "))))
}

/// A filter as JSON: action, message, category, module, line. `None` if a library has probably set it.
fn row(filter: &Bound<'_, PyTuple>) -> PyResult<Option<Vec<Value>>> {
    let py = filter.py();
    let action: String = filter.get_item(0)?.extract()?;
    let category = filter.get_item(2)?;
    let (home, name): (String, String) =
        (category.getattr("__module__")?.extract()?, category.getattr("__qualname__")?.extract()?);
    let patterns = [filter.get_item(1)?, filter.get_item(3)?].map(|pattern| pattern_text(&pattern));
    // Libraries switch their own warnings on, and those about themselves off. A category of the script does not exist
    // when the filters are put back.
    let is_about = |pattern: &Option<Value>| pattern.as_ref().is_none_or(|it| names_a_library(py, it));
    let is_own = home != "builtins" && !matches!(action.as_str(), "ignore" | "error");
    // IPython makes an error of one of its own warnings.
    let is_of_shell = home.starts_with("IPython.");
    if home == "__main__" || is_own || is_of_shell || patterns.iter().any(is_about) {
        return Ok(None);
    }
    let [message, module] = patterns.map(|pattern| pattern.unwrap_or(Value::Null));
    let line: u64 = filter.get_item(4)?.extract()?;
    Ok(Some(vec![json!(action), message, json!(format!("{home}:{name}")), module, json!(line)]))
}

/// A pattern as JSON: null, a string as in the filters of the interpreter, or the pattern and the flags. `None` for any
/// other object.
fn pattern_text(pattern: &Bound<'_, PyAny>) -> Option<Value> {
    if pattern.is_none() {
        return Some(Value::Null);
    }
    if let Some(text) = pattern.extract::<String>().tolerated() {
        return Some(json!(text));
    }
    let (text, flags): (String, i64) = (
        pattern.getattr("pattern").tolerated()?.extract().tolerated()?,
        pattern.getattr("flags").tolerated()?.extract().tolerated()?,
    );
    Some(json!([text, flags]))
}

/// Whether the first word of a pattern is the name of an installed package that is loaded.
fn names_a_library(py: Python<'_>, pattern: &Value) -> bool {
    let Some(text) = pattern.as_str().or_else(|| pattern.get(0)?.as_str()) else { return false };
    if text.starts_with(OF_SCIPY) {
        return true;
    }
    let word = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').find(|word| !word.is_empty());
    let is_library = |word: &str| -> PyResult<bool> {
        let sys = py.import("sys")?;
        let module = sys.getattr("modules")?.cast_into::<PyDict>()?.get_item(word)?;
        let file = module.and_then(|it| it.cast_into::<PyModule>().ok()?.dict().get_item("__file__").tolerated()?);
        Ok(file.and_then(|file| file.extract::<String>().tolerated()).is_some_and(|file| file.contains("-packages")))
    };
    word.is_some_and(|word| is_library(word).tolerated().unwrap_or(false))
}

pub(super) fn set(warnings: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let py = warnings.py();
    let warnings = py.import("warnings")?;
    let filters = warnings.getattr("filters")?.cast_into::<PyList>()?;
    let mut found = Vec::new();
    for row in value.as_array().ok_or_else(unexpected)? {
        let [action, message, category, module, line] = row.as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(unexpected());
        };
        let Some(category) = category_named(py, category.as_str().ok_or_else(unexpected)?)? else { continue };
        let (message, module) = (pattern(py, message)?, pattern(py, module)?);
        let action = action.as_str().ok_or_else(unexpected)?;
        let line = line.as_u64().ok_or_else(unexpected)?;
        found.push((action, message, category, module, line).into_pyobject(py)?);
    }
    // In front, in their order: the first filter that matches decides.
    for filter in found.into_iter().rev() {
        if filters.contains(&filter)? {
            filters.call_method1("remove", (&filter,))?;
        }
        filters.insert(0, filter)?;
    }
    // Python caches the decisions that the filters led to.
    warnings.call_method0("_filters_mutated").or_else(|_| warnings.call_method0("_filters_mutated_lock_held")).map(drop)
}

/// The category of a row, if its module is loaded.
fn category_named<'py>(py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some((home, name)) = name.split_once(':') else { return Ok(None) };
    let Some(module) = super::loaded(py, home) else { return Ok(None) };
    let mut found = module.into_any();
    for part in name.split('.') {
        let Some(next) = found.getattr_opt(part)? else { return Ok(None) };
        found = next;
    }
    Ok(Some(found))
}

fn pattern<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::String(text) => Ok(text.into_pyobject(py)?.into_any()),
        _ => {
            let text = value.get(0).and_then(Value::as_str).ok_or_else(unexpected)?;
            let flags = value.get(1).and_then(Value::as_i64).ok_or_else(unexpected)?;
            py.import("re")?.call_method1("compile", (text, flags))
        }
    }
}
