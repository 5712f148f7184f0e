//! The source of code that is in no file: cells of a notebook, statements at a prompt, code for `exec`. `linecache` has
//! it, under the name that the code object gives as its file.
//!
//! A snapshot keeps this source once for each name, so that `inspect.getsource` and tracebacks show it after a restore.
//! Names such as `<python-input-0>` are used again by the next process, so a saved code object gets one that also has a
//! hash of the source. Nothing here imports `linecache`, and nothing fails a save.

use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyList, PyString, PyTuple};
use rustc_hash::FxHashMap;

use super::super::global_names::loaded_modules;
use super::super::pickle_context::PickleContext;
use crate::python::deferred_signals::Tolerated as _;

/// How many hexadecimal digits of a hash make a name unique. IPython takes as many.
const DIGITS: usize = 12;

/// The sources of the code that was written so far.
#[derive(Default)]
pub(in crate::pickler) struct CodeSources {
    /// The name that is written for a file name with a source.
    written: FxHashMap<String, Py<PyString>>,
    /// The sources by the names that are written.
    texts: BTreeMap<String, String>,
}

impl CodeSources {
    /// The source that has been found for a name.
    pub(in crate::pickler) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }
}

/// The file name to write for a code object. If its source is in no file, notes that the segment needs it.
pub(super) fn file_name<'py>(context: &Arc<PickleContext>, code: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let own = code.getattr(intern!(code.py(), "co_filename"))?;
    let Some((written, name)) = own.cast::<PyString>().ok().and_then(|name| written_name(context, code, name)) else {
        return Ok(own);
    };
    let mut state = context.lock()?;
    if !state.needs.sources.contains(&name) {
        state.needs.sources.push(name);
    }
    Ok(written)
}

/// The name to write, as an object and as a string. `None` if the source is unknown or in a file.
fn written_name<'py>(
    context: &Arc<PickleContext>,
    code: &Bound<'py, PyAny>,
    own: &Bound<'py, PyString>,
) -> Option<(Bound<'py, PyAny>, String)> {
    let py = code.py();
    let name = own.to_str().tolerated()?;
    let text = text_of(code, own, name)?;
    let unique = unique_name(name, &text);
    let mut state = context.lock().ok()?;
    // All code of one source has the same string object, which is written once.
    let known = state.sources.written.entry(unique.clone());
    let object = known.or_insert_with(|| match unique == name {
        true => own.clone().unbind(),
        false => PyString::new(py, &unique).unbind(),
    });
    let object = object.bind(py).clone().into_any();
    state.sources.texts.entry(unique.clone()).or_insert(text);
    Some((object, unique))
}

/// The source that `linecache` keeps for code that is in no file.
fn text_of(code: &Bound<'_, PyAny>, own: &Bound<'_, PyString>, name: &str) -> Option<String> {
    let linecache = loaded_modules(code.py()).tolerated()?.get_item("linecache").tolerated()?;
    let lines = cached_lines(&linecache, own).or_else(|| {
        // Since 3.14, code of a prompt and of `-c` is found by the code object.
        let find = name.starts_with('<').then(|| linecache.getattr("_getlines_from_code").tolerated())??;
        find.call1((code,)).tolerated()?.cast_into::<PyList>().ok()
    })?;
    let text: String = lines.iter().map(|line| line.extract::<String>()).collect::<PyResult<_>>().tolerated()?;
    (!text.is_empty()).then_some(text)
}

/// The lines of an entry that does not come from a file: it has no time of modification.
fn cached_lines<'py>(linecache: &Bound<'py, PyAny>, own: &Bound<'py, PyString>) -> Option<Bound<'py, PyList>> {
    let cache = linecache.getattr("cache").tolerated()?.cast_into::<PyDict>().ok()?;
    let entry = cache.get_item(own).tolerated()??.cast_into::<PyTuple>().ok()?;
    // An entry that waits for its first use has one item.
    let is_virtual = entry.len() == 4 && entry.get_item(1).tolerated()?.is_none();
    if is_virtual { entry.get_item(2).tolerated()?.cast_into::<PyList>().ok() } else { None }
}

/// `<python-input-0>` as `<python-input-0 0123456789ab>`. Paths and IPython's own names have a hash already.
fn unique_name(name: &str, text: &str) -> String {
    let Some(inner) = name.strip_prefix('<').and_then(|name| name.strip_suffix('>')) else { return name.to_owned() };
    let is_hash = |end: &str| end.len() == DIGITS && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    if inner.starts_with("ipython-input-") && inner.rsplit('-').next().is_some_and(is_hash) {
        return name.to_owned();
    }
    let hash = blake3::hash(text.as_bytes()).to_hex();
    let digits = hash.get(..DIGITS).unwrap_or_default();
    match inner.rsplit_once(' ') {
        Some((_, end)) if end == digits => name.to_owned(),
        _ => format!("<{inner} {digits}>"),
    }
}

#[cfg(test)]
mod tests {
    use super::unique_name;

    #[test]
    fn names_that_another_process_would_use_again_get_a_hash_once() {
        let unique = unique_name("<python-input-0>", "f = 1\n");
        assert_ne!(unique, "<python-input-0>");
        assert_ne!(unique, unique_name("<python-input-0>", "f = 2\n"));
        assert_eq!(unique_name(&unique, "f = 1\n"), unique);
        for kept in ["/tmp/ipykernel_7/123.py", "<ipython-input-1-0123456789ab>"] {
            assert_eq!(unique_name(kept, "f = 1\n"), kept);
        }
    }
}
