//! What a snapshot is read from: a path, a binary file object, or an object that holds bytes.

use std::path::PathBuf;

use anyhow::Result;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString};

use crate::exit;
use crate::exit::OrExit;
use crate::pickler::PyBufferView;
use crate::python::deferred_signals::Tolerated as _;
use crate::snapshot::reader::{Contents, LOST_INDEX, ReadError, Snapshot};
use crate::snapshot::remote::RemoteAddress;
use crate::snapshot::verification::FileInput;

/// A snapshot, and its name in messages.
pub(super) struct LoadSource {
    pub(super) name: String,
    pub(super) input: FileInput,
}

impl LoadSource {
    /// Reads the source, unless it is a path.
    pub(super) fn new(source: &Bound<'_, PyAny>) -> PyResult<Self> {
        let is_text = source.is_instance_of::<PyString>();
        if !is_text && let Some(view) = PyBufferView::of(source).tolerated() {
            if !view.is_contiguous() {
                return Err(PyValueError::new_err("the bytes of the source are not contiguous"));
            }
            return Ok(Self { name: "<bytes>".to_owned(), input: FileInput::Bytes(view.bytes().to_vec()) });
        }
        if let Some(path) = source.extract::<PathBuf>().tolerated() {
            if path.as_os_str().is_empty() {
                let text = "the source is an empty string: give the path of a snapshot, such as 'session.pkl'";
                return Err(PyValueError::new_err(text));
            }
            let path = RemoteAddress::conceal(path);
            return Ok(Self { name: path.display().to_string(), input: FileInput::Path(path) });
        }
        let Some(read) = source.getattr_opt("read")? else {
            let kind = source.get_type().name()?;
            let text = format!("the source must be a path, a binary file or bytes, not {kind}");
            return Err(PyTypeError::new_err(text));
        };
        let content = read.call0()?;
        if content.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("the source is open in text mode: open it with mode 'rb'"));
        }
        let view = PyBufferView::of(&content)?;
        let name = source.getattr("name").and_then(|name| name.extract::<String>());
        let name = name.tolerated().unwrap_or_else(|| "<file>".to_owned());
        Ok(Self { name, input: FileInput::Bytes(view.bytes().to_vec()) })
    }

    pub(super) fn is_path(&self) -> bool {
        matches!(self.input, FileInput::Path(_))
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        if let FileInput::Path(path) = &self.input { Some(path.clone()) } else { None }
    }

    /// Opens the snapshot. With `partial`, also one that is damaged, and says so in a note.
    pub(super) fn open(self, partial: bool, max_memory: Option<u64>, action: &str) -> Result<(Snapshot, Vec<String>)> {
        let name = self.name;
        let opened = match (self.input, partial) {
            (FileInput::Path(path), true) => Snapshot::open_partial(&path, max_memory),
            (FileInput::Path(path), false) => Snapshot::open(&path).map(|snapshot| (snapshot, None)),
            (FileInput::Bytes(bytes), true) => Snapshot::partial_from_bytes(&bytes, max_memory),
            (FileInput::Bytes(bytes), false) => Snapshot::from_bytes(bytes).map(|snapshot| (snapshot, None)),
        };
        let cannot = || format!("cannot {action} {name}");
        let (snapshot, damage) = with_code(opened, cannot)?;
        let mut notes = Vec::new();
        notes.extend(damage.map(|damage| format!("{name}: {}; restoring what is intact", damage.without_advice())));
        if let Contents::Foreign { lost_index: true } = snapshot.contents() {
            notes.push(format!("the index of {name} is missing: its hashes cannot be checked"));
        }
        Ok((snapshot.with_max_memory(max_memory), notes))
    }
}

/// Refuses a snapshot whose index is lost: it has no hashes that would show damage.
pub(super) fn check_index_kept(snapshot: &Snapshot, cannot: impl FnOnce() -> String) -> Result<()> {
    let Contents::Foreign { lost_index: true } = snapshot.contents() else { return Ok(()) };
    Err(exit::error(exit::DAMAGED, LOST_INDEX.to_owned())).or_exit(exit::DAMAGED, cannot)
}

/// Adds an exit code to an error of reading a file: it decides which exception is raised.
pub(super) fn with_code<T>(result: Result<T, ReadError>, message: impl FnOnce() -> String) -> Result<T> {
    let is_wrong_name = result.as_ref().is_err_and(ReadError::is_wrong_name);
    let is_unreachable = result.as_ref().is_err_and(ReadError::is_unreachable);
    let code = if is_unreachable { exit::FAILED } else { exit::DAMAGED };
    result.or_exit(if is_wrong_name { exit::USAGE } else { code }, message)
}
