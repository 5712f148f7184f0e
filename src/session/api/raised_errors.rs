//! The Python exceptions for errors of the engine.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use libc::{EACCES, EDQUOT, EFBIG, EINVAL, EISDIR, ENOENT, ENOMEM, ENOSPC, ENOTDIR, EROFS};
use pyo3::exceptions::{
    PyImportError, PyKeyboardInterrupt, PyMemoryError, PyModuleNotFoundError, PyOSError, PyValueError,
};
use pyo3::prelude::*;

use crate::exit;
use crate::session::{MissingModule, Untrusted};
use crate::snapshot::atomic::AtomicError;
use crate::snapshot::reader::ReadError;
use crate::snapshot::remote::RemoteError;
use crate::snapshot::store::StoreError;
use crate::ui::escape;

/// The Python exception in an error, if there is one; otherwise one that fits its kind, with the whole message.
/// `action` is what could not be done, such as `save to a.pkl`; `file` is the path that was given.
pub(super) fn to_exception(py: Python<'_>, error: anyhow::Error, action: &str, file: Option<&Path>) -> PyErr {
    if let Some(error) = error.chain().find_map(|link| link.downcast_ref::<PyErr>()) {
        return error.clone_ref(py);
    }
    if error.downcast_ref::<Untrusted>().is_some() {
        // Its lines are escaped already.
        return unpickling_error(py, in_python_words(&error.to_string()).into_owned());
    }
    let message = error.to_string();
    let subject = action.split_once(' ').map_or(action, |(_, subject)| subject.trim_start_matches("to "));
    // Otherwise it would be named twice.
    let is_saved = error.downcast_ref::<StoreError>().is_some_and(|error| error.stored().is_some());
    let is_explained = is_saved || message.contains(action) || message.starts_with(&format!("{subject} "));
    let text = if is_explained { format!("{error:#}") } else { format!("cannot {action}: {error:#}") };
    // Python prints the message as it is, and parts of it may come from a hostile file.
    let text = in_python_words(&escape(&text)).into_owned();
    match exit::code_of(&error) {
        exit::INTERRUPTED => return PyKeyboardInterrupt::new_err(text),
        exit::NO_PYTHON => return PyImportError::new_err(text),
        exit::NO_MEMORY => return PyMemoryError::new_err(text),
        _ => {}
    }
    if let Some(missing) = error.chain().find_map(|link| link.downcast_ref::<MissingModule>()) {
        return module_not_found(py, text, &missing.module);
    }
    match system_error(&error) {
        Some(ENOMEM) => PyMemoryError::new_err(text),
        // Python chooses the class by the number.
        Some(number) => PyOSError::new_err((number, text, file.map(|file| file.as_os_str().to_owned()))),
        None if exit::code_of(&error) == exit::USAGE => PyValueError::new_err(text),
        None if action.starts_with("save") => PyOSError::new_err(text),
        None => unpickling_error(py, text),
    }
}

/// The number of the system's error in the chain of an error: of opening, reading or writing a file.
fn system_error(error: &anyhow::Error) -> Option<i32> {
    error.chain().find_map(|link| {
        if let Some(number) = link.downcast_ref().and_then(number_of_target) {
            return Some(number);
        }
        if let Some(ReadError::Folder) = link.downcast_ref() {
            return Some(EISDIR);
        }
        // An error of reading shows this one as its own.
        let of_store = match link.downcast_ref() {
            Some(ReadError::Store(error)) => Some(error),
            _ => link.downcast_ref::<StoreError>(),
        };
        if of_store.is_some_and(StoreError::is_missing) {
            return Some(ENOENT);
        }
        let remote = match (link.downcast_ref(), of_store, link.downcast_ref()) {
            (Some(ReadError::Remote(error)), ..) => Some(error),
            (_, Some(StoreError::Remote(error)), _) => Some(error),
            (_, _, Some(AtomicError::Remote(error))) => Some(error),
            _ => None,
        };
        if let Some(number) = remote.and_then(RemoteError::system_number) {
            return Some(number);
        }
        let error = link.downcast_ref::<io::Error>()?;
        error.raw_os_error().or(match error.kind() {
            io::ErrorKind::NotFound => Some(ENOENT),
            io::ErrorKind::PermissionDenied => Some(EACCES),
            io::ErrorKind::NotADirectory => Some(ENOTDIR),
            io::ErrorKind::OutOfMemory => Some(ENOMEM),
            // An error of a temporary file has its path, but no number.
            io::ErrorKind::StorageFull => Some(ENOSPC),
            io::ErrorKind::QuotaExceeded => Some(EDQUOT),
            io::ErrorKind::FileTooLarge => Some(EFBIG),
            io::ErrorKind::ReadOnlyFilesystem => Some(EROFS),
            _ => None,
        })
    })
}

/// The number that the system has for a path that no file can be put at.
fn number_of_target(error: &AtomicError) -> Option<i32> {
    match error {
        AtomicError::IsDirectory(_) => Some(EISDIR),
        AtomicError::NotRegular(_) | AtomicError::BadName(_) | AtomicError::OtherDirectory(_) => Some(EINVAL),
        AtomicError::ForeignSymlink(_) => Some(EACCES),
        AtomicError::Create { .. } | AtomicError::Remote(_) | AtomicError::Complete { .. } => None,
    }
}

fn module_not_found(py: Python<'_>, text: String, module: &str) -> PyErr {
    let error = PyModuleNotFoundError::new_err(text);
    // What Python's own exception has as well.
    match error.value(py).setattr("name", module) {
        Ok(()) => error,
        Err(error) => error,
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
    const OPTIONS: [(&str, &str); 13] = [
        ("--trust", "trust=True"),
        ("--max-memory SIZE", "max_memory="),
        ("restore it with --python ", "load it with Python "),
        ("restore --partial", "partial=True"),
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
    // What only the command line can do.
    const ADVICE: [&str; 5] = [
        ", select its environment with --python",
        ", or select its environment with --python",
        ", or pass its path with --python",
        ", or save elsewhere with -o",
        ", or write to standard output with -",
    ];
    if !text.contains(" -") && !text.starts_with('-') {
        return Cow::Borrowed(text);
    }
    let text = ADVICE.iter().fold(text.to_owned(), |text, advice| text.replace(advice, ""));
    let mut text = OPTIONS.iter().fold(text, |text, (option, word)| text.replace(option, word));
    // `--map OLD=NEW`
    if let Some((before, rest)) = text.split_once("--map ")
        && let Some((old, rest)) = rest.split_once('=')
    {
        let (new, after) = rest.split_at(rest.find([' ', ',']).unwrap_or(rest.len()));
        text = format!("{before}rename={{'{old}': '{new}'}}{after}");
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_about_arguments_of_functions() {
        for (text, expected) in [
            ("load all of it with --trust", "load all of it with trust=True"),
            ("restore what is intact with --partial", "restore what is intact with partial=True"),
            ("restore the pickle unchecked with restore --partial", "restore the pickle unchecked with partial=True"),
            ("allow more with --max-memory SIZE", "allow more with max_memory="),
            (
                "code for Python 3.11: restore it with --python /p/python",
                "code for Python 3.11: load it with Python /p/python",
            ),
            ("was not found: install it, or pass its path with --python", "was not found: install it"),
            (
                "leave out variables with --exclude, or save elsewhere with -o; the",
                "leave out variables with exclude=; the",
            ),
            ("choose another name, or write to standard output with -", "choose another name"),
            ("pass --map old=NEW if it was renamed", "pass rename={'old': 'NEW'} if it was renamed"),
            ("x - y", "x - y"),
        ] {
            assert_eq!(in_python_words(text), expected);
        }
    }
}
