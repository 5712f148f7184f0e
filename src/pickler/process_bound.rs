//! The classes whose objects mean nothing outside of their process, or whose copy would do harm there when it is freed:
//! the tables, and which objects of such a class are meant.
//!
//! The rows are the classes of the standard library that have a `__del__`, a `weakref.finalize` or an `atexit` function
//! which reaches out of the process, and classes that hold handles. Classes of other packages are judged by the code of
//! their `__del__`, in [`finalizers`](super::finalizers).

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyType};

use super::finalizers;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// Tests whether an object of a class must not be restored.
pub(super) type IsLive = fn(&Bound<'_, PyAny>) -> PyResult<bool>;

/// Why the objects of a class are refused in a session.
pub(super) struct LiveRefusal {
    /// A description of the object, and why it cannot be restored.
    pub(super) what: Cow<'static, str>,
    /// Only these objects; None for all.
    pub(super) only_if: Option<IsLive>,
}

impl LiveRefusal {
    pub(super) fn applies_to(&self, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.only_if.map_or(Ok(true), |is_live| is_live(object))
    }
}

/// Classes whose instances dill would pickle, as well as those of subclasses, although they would not work after a
/// load, or do harm: module, name, and a description with the reason.
const ALWAYS: [(&str, &str, &str); 29] = [
    ("threading", "Thread", "a thread: it would be restored as if it were still running"),
    (
        "multiprocessing.process",
        "BaseProcess",
        "a process: it would be restored as if it were a child of the new process",
    ),
    ("subprocess", "Popen", "a process: it would be restored as if it were a child of the new process"),
    ("multiprocessing.pool", "Pool", "a process pool: it would be restored without its processes"),
    ("multiprocessing.managers", "BaseManager", "a manager: it would be restored without its process"),
    ("multiprocessing.managers", "BaseProxy", "a proxy: the object that it stands for ends with its manager"),
    ("multiprocessing.connection", "_ConnectionBase", "a connection: it ends with its process"),
    ("multiprocessing.connection", "Listener", "a listener: its socket ends with its process"),
    ("multiprocessing.shared_memory", "SharedMemory", "shared memory: a restore would take part in its removal"),
    ("multiprocessing.shared_memory", "ShareableList", "shared memory: a restore would take part in its removal"),
    ("multiprocessing.util", "Finalize", "a finalizer: it would never run after a restore"),
    ("concurrent.futures._base", "Executor", "an executor: it would be restored without its workers"),
    ("asyncio.events", "AbstractEventLoop", "an event loop: it ends with its process"),
    ("asyncio.transports", "BaseTransport", "a transport: its connection ends with its process"),
    ("socketserver", "BaseServer", "a server: it would be restored without its socket"),
    ("logging", "FileHandler", "a log file handler: its file would be restored read-only"),
    ("weakref", "finalize", "a finalizer: it would never run after a restore"),
    ("tempfile", "TemporaryDirectory", "a temporary directory: it is deleted when its process ends"),
    ("dbm.dumb", "_Database", "an open database: its copy would write an old index over the file"),
    ("dbm.sqlite3", "_Database", "an open database: its connection ends with its process"),
    ("mailbox", "_singlefileMailbox", "an open mailbox: its file would be restored read-only"),
    ("fileinput", "FileInput", "an open sequence of files: its copy would close and remove files"),
    ("urllib.request", "URLopener", "a URL opener: its copy would remove the temporary files"),
    ("wave", "Wave_write", "a sound file open for writing: its header is written when it is closed"),
    ("aifc", "Aifc_write", "a sound file open for writing: its header is written when it is closed"),
    ("sunau", "Au_write", "a sound file open for writing: its header is written when it is closed"),
    ("ctypes", "CDLL", "a loaded library: its handle is an address in its process"),
    ("ctypes", "_CFuncPtr", "a function of a loaded library: it is an address in its process"),
    ("_ctypes", "CFuncPtr", "a function of a loaded library: it is an address in its process"),
];

/// As [`ALWAYS`], for the objects of which the function is true.
const SOMETIMES: [(&str, &str, IsLive, &str); 9] = [
    ("http.client", "HTTPResponse", is_connected, "an HTTP response: its connection ends with its process"),
    ("tempfile", "_TemporaryFileWrapper", deletes_file, "a temporary file: it is deleted when it is closed"),
    ("tempfile", "_TemporaryFileCloser", deletes_file, "a temporary file: it is deleted when it is closed"),
    ("shelve", "Shelf", is_shelf_on_disk, "an open shelf: its copy would write old data over the file"),
    ("zipfile", "ZipFile", is_open_writer, "a zip file open for writing: its directory is written when it is closed"),
    ("tarfile", "TarFile", is_open_writer, "a tar file open for writing: its end is written when it is closed"),
    ("gzip", "GzipFile", is_open_writer, "a compressed file open for writing: its end is written when it is closed"),
    ("bz2", "BZ2File", is_open_writer, "a compressed file open for writing: its end is written when it is closed"),
    ("lzma", "LZMAFile", is_open_writer, "a compressed file open for writing: its end is written when it is closed"),
];

/// Why the objects of a class are refused, if they are.
pub(super) fn refusal(kind: &Bound<'_, PyType>) -> PyResult<Option<LiveRefusal>> {
    for base in kind.order() {
        let Ok(base) = base.cast_into::<PyType>() else { continue };
        let (Some(module), Some(name)) = (base.module().tolerated(), base.name().tolerated()) else { continue };
        let is_named = |home: &str, class: &str| module == home && name == class;
        if let Some((.., what)) = ALWAYS.iter().find(|(home, class, _)| is_named(home, class)) {
            return Ok(Some(LiveRefusal { what: Cow::Borrowed(*what), only_if: None }));
        }
        if let Some((_, _, is_live, what)) = SOMETIMES.iter().find(|(home, class, ..)| is_named(home, class)) {
            return Ok(Some(LiveRefusal { what: Cow::Borrowed(*what), only_if: Some(*is_live) }));
        }
    }
    let harm = finalizers::harm_of(kind)?;
    Ok(harm.map(|what| LiveRefusal { what: Cow::Owned(what), only_if: None }))
}

/// An attribute in the `__dict__` of an object, without a call of its class.
fn own_attribute<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let get = object.py().get_type::<PyAny>().getattr("__getattribute__")?;
    let Some(names) = get.call1((object, "__dict__")).tolerated() else { return Ok(None) };
    let Ok(names) = names.cast_into::<PyDict>() else { return Ok(None) };
    names.get_item(name)
}

fn is_set(object: &Bound<'_, PyAny>, name: &str) -> PyResult<bool> {
    own_attribute(object, name)?.map_or(Ok(false), |value| value.is_truthy())
}

/// Whether a temporary file, or its closer, deletes the file. If it is closed already, the file is gone.
fn deletes_file(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let closer = own_attribute(object, "_closer")?.unwrap_or_else(|| object.clone());
    is_set(&closer, "delete")
}

/// Whether an HTTP response was not read to its end.
fn is_connected(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(own_attribute(object, "fp")?.is_some_and(|file| !file.is_none()))
}

fn is_shelf_on_disk(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(own_attribute(object, "dict")?.is_some_and(|dict| {
        !dict.is_exact_instance_of::<PyDict>()
            && dict.get_type().name().tolerated().is_some_and(|name| name != "_ClosedDict")
    }))
}

/// Whether an archive or a compressed file is open for writing. Its mode is a string or a number; reading is 1.
fn is_open_writer(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let mode = match own_attribute(object, "mode")? {
        Some(mode) => Some(mode),
        None => own_attribute(object, "_mode")?,
    };
    let Some(mode) = mode else { return Ok(false) };
    let writes = match mode.extract::<String>().tolerated() {
        Some(mode) => mode.contains(['w', 'a', 'x', '+']),
        // `_MODE_CLOSED` is 0, `_MODE_READ` is 1.
        None => mode.extract::<i64>().tolerated().is_some_and(|mode| mode > 1),
    };
    if !writes {
        return Ok(false);
    }
    // `TarFile` has `closed`. The others forget their file when they are closed.
    if is_set(object, "closed")? {
        return Ok(false);
    }
    let file = ["fp", "fileobj", "_fp"].into_iter().find_map(|name| own_attribute(object, name).transpose());
    file.map_or(Ok(false), |file| file.map(|file| !file.is_none()))
}
