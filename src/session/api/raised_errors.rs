//! The Python exceptions for errors of the engine.

use std::borrow::Cow;
use std::io;

use pyo3::exceptions::{
    PyFileNotFoundError, PyImportError, PyIsADirectoryError, PyKeyboardInterrupt, PyOSError, PyPermissionError,
    PyValueError,
};
use pyo3::prelude::*;

use crate::exit;
use crate::session::Untrusted;
use crate::snapshot::atomic::AtomicError;
use crate::ui::escape;

/// The Python exception in an error, if there is one; otherwise one that fits its kind, with the whole message.
/// `action` is what could not be done, such as `save to a.pkl`.
pub(super) fn to_exception(py: Python<'_>, error: anyhow::Error, action: &str) -> PyErr {
    if let Some(error) = error.chain().find_map(|link| link.downcast_ref::<PyErr>()) {
        return error.clone_ref(py);
    }
    if error.downcast_ref::<Untrusted>().is_some() {
        // Its lines are escaped already.
        return unpickling_error(py, in_python_words(&error.to_string()).into_owned());
    }
    let is_explained = error.to_string().contains(action);
    let text = if is_explained { format!("{error:#}") } else { format!("cannot {action}: {error:#}") };
    // Python prints the message as it is, and parts of it may come from a hostile file.
    let text = in_python_words(&escape(&text)).into_owned();
    let system = error.chain().find_map(|link| link.downcast_ref::<io::Error>()).map(io::Error::kind);
    let is_directory = error.chain().any(|link| matches!(link.downcast_ref(), Some(AtomicError::IsDirectory(_))));
    match (exit::code_of(&error), system) {
        (exit::INTERRUPTED, _) => PyKeyboardInterrupt::new_err(text),
        (exit::NO_PYTHON, _) => PyImportError::new_err(text),
        (_, Some(io::ErrorKind::NotFound)) => PyFileNotFoundError::new_err(text),
        (_, Some(io::ErrorKind::PermissionDenied)) => PyPermissionError::new_err(text),
        (_, Some(io::ErrorKind::IsADirectory)) => PyIsADirectoryError::new_err(text),
        _ if is_directory => PyIsADirectoryError::new_err(text),
        (exit::USAGE, None) => PyValueError::new_err(text),
        (exit::DAMAGED, None) => unpickling_error(py, text),
        _ => PyOSError::new_err(text),
    }
}

/// A file that is no sound pickle, or that must not be loaded.
fn unpickling_error(py: Python<'_>, text: String) -> PyErr {
    match py.import("pickle").and_then(|pickle| pickle.getattr("UnpicklingError")?.call1((text,))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Python arguments in place of the options of the command line.
pub(super) fn in_python_words(text: &str) -> Cow<'_, str> {
    const OPTIONS: [(&str, &str); 10] = [
        ("--trust", "trust=True"),
        ("--only", "only="),
        ("--exclude-type", "exclude_type="),
        ("--exclude", "exclude="),
        ("--include", "include="),
        ("--max-size", "max_size="),
        ("--max-memory", "max_memory="),
        ("--partial", "partial=True"),
        ("--mmap", "mmap=True"),
        ("--redact", "redact=True"),
    ];
    if !text.contains("--") {
        return Cow::Borrowed(text);
    }
    let mut text = OPTIONS.iter().fold(text.to_owned(), |text, (option, word)| text.replace(option, word));
    text = text
        .replace(", select its environment with --python", "")
        .replace(", or select its environment with --python", "");
    // `--map OLD=NEW`
    if let Some((before, rest)) = text.split_once("--map ")
        && let Some((old, after)) = rest.split_once("=NEW")
    {
        text = format!("{before}rename={{'{old}': 'NEW'}}{after}");
    }
    Cow::Owned(text)
}
