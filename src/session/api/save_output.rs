//! Where `snapcli.save` writes: a file, a file object, or memory. Whether that is possible is checked before anything
//! is pickled.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use libc::EAGAIN;
use pyo3::exceptions::{PyBlockingIOError, PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyByteArray, PyBytes};

use crate::python::deferred_signals::Tolerated as _;
use crate::python::deferred_signals::check_signals;
use crate::snapshot::atomic::{self, AtomicFile};
use crate::snapshot::file_names::{begins_like_pickle, has_script_name};
use crate::snapshot::remote::RemoteAddress;
use crate::snapshot::save_target::{SaveTarget, SpoolFile};
use crate::snapshot::store::{self, Store, StoreAddress};
use crate::ui::escape;

/// Larger snapshots go to a temporary file before they go to a file object or become an object in memory.
const MOST_IN_MEMORY: usize = 16 << 20;
/// How much is given to a file object at once.
const PIECE: usize = 1 << 20;

/// Names of open streams.
const STREAMS: [&str; 2] = ["/dev/stdout", "/dev/stderr"];
/// Folders of such names.
const STREAM_FOLDERS: [&str; 2] = ["/dev/fd", "/proc/self/fd"];

/// What `target=` stands for.
pub(super) enum SaveOutput {
    /// A file, which is replaced when the new one is complete.
    Path(PathBuf),
    /// A store, which gets a new snapshot.
    Store(PathBuf),
    /// An object with a method `write`.
    Object(Py<PyAny>),
    /// `report.data`.
    Memory,
}

impl SaveOutput {
    /// # Errors
    /// If the object cannot be written to.
    pub(super) fn new(target: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(target) = target else { return Ok(Self::Memory) };
        if target.is_instance_of::<PyBytes>() || target.is_instance_of::<PyByteArray>() {
            return Err(PyTypeError::new_err("the target must be a path, a binary file or None, not bytes"));
        }
        if let Some(path) = target.extract::<PathBuf>().tolerated() {
            check_path(&path)?;
            let path = RemoteAddress::conceal(path);
            let store = StoreAddress::target(&path).map_err(|error| PyValueError::new_err(error.to_string()))?;
            return Ok(store.map_or(Self::Path(path), Self::Store));
        }
        if !target.hasattr("write")? {
            let kind = target.get_type().name()?;
            return Err(PyTypeError::new_err(format!("the target must be a path, a binary file or None, not {kind}")));
        }
        check_file(target)?;
        Ok(Self::Object(target.clone().unbind()))
    }

    /// The name of the output in reports and messages.
    pub(super) fn name(&self, py: Python<'_>) -> String {
        match self {
            Self::Path(path) | Self::Store(path) => path.display().to_string(),
            Self::Object(file) => {
                let name = file.bind(py).getattr("name").and_then(|name| name.extract::<String>());
                name.tolerated().unwrap_or_else(|| "<file>".to_owned())
            }
            Self::Memory => "<bytes>".to_owned(),
        }
    }

    /// The path of the file or store.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) | Self::Store(path) => Some(path),
            Self::Object(_) | Self::Memory => None,
        }
    }

    /// Gives a snapshot that is held to the file object, or returns it as bytes.
    pub(super) fn take(&self, py: Python<'_>, held: HeldSnapshot, bytes: u64) -> PyResult<Option<Py<PyBytes>>> {
        match self {
            Self::Object(file) => held.send(file.bind(py)).map(|()| None),
            _ => held.into_object(py, bytes).map(|data| Some(data.unbind())),
        }
    }

    /// Fails if nothing can be written there, as a save would.
    pub(super) fn check(&self, py: Python<'_>) -> Result<()> {
        match self {
            // Dropping the new file at once removes it again.
            Self::Path(path) => {
                drop(AtomicFile::create(path)?);
                py.detach(|| AtomicFile::check_remote(path))?;
            }
            Self::Store(folder) => py.detach(|| Store::open_or_create(folder)?.check_writable())?,
            Self::Object(_) | Self::Memory => {}
        }
        Ok(())
    }

    /// The absolute path of the file or store.
    pub(super) fn absolute_path(&self) -> Option<PathBuf> {
        self.path().and_then(|path| RemoteAddress::absolute(path).ok())
    }

    /// The absolute path without symlinks, by which two outputs are compared.
    pub(super) fn resolved_path(&self) -> Option<PathBuf> {
        let absolute = self.absolute_path()?;
        Some(match self {
            // The file need not exist yet.
            Self::Path(path) => atomic::resolved(path).unwrap_or(absolute),
            _ => absolute.canonicalize().unwrap_or(absolute),
        })
    }

    /// The same output, at this path.
    pub(super) fn moved_to(&self, py: Python<'_>, path: &Path) -> Self {
        match self {
            Self::Path(_) => Self::Path(path.to_owned()),
            Self::Store(_) => Self::Store(path.to_owned()),
            Self::Object(file) => Self::Object(file.clone_ref(py)),
            Self::Memory => Self::Memory,
        }
    }

    /// Removes what a process that was killed has left.
    pub(super) fn remove_leftovers(&self, process: u32) {
        match self {
            Self::Path(path) => atomic::remove_leftovers(path, process),
            Self::Store(folder) => store::remove_leftovers(folder, process),
            Self::Object(_) | Self::Memory => {}
        }
    }
}

/// Fails for a path that no snapshot can be meant for: an empty one, one that stands for an open stream, which has no
/// name that could be replaced, and that of a script.
fn check_path(path: &Path) -> PyResult<()> {
    let shown = path.display();
    let is_stream = STREAM_FOLDERS.iter().any(|folder| path.starts_with(folder))
        || STREAMS.iter().any(|name| path == Path::new(name));
    let text = match path.as_os_str().as_encoded_bytes() {
        b"" => "the target is an empty string: give the path of a file, such as 'session.pkl'".to_owned(),
        b"-" => "cannot save to '-': pass sys.stdout.buffer for standard output, or './-' for a file of that name"
            .to_owned(),
        _ if is_stream => {
            format!("cannot save to '{shown}': pass a binary file object, such as sys.stdout.buffer")
        }
        _ if path.is_file() && has_script_name(path) && !begins_like_pickle(path) => {
            format!("{shown} is a script or a notebook, which a snapshot would replace: choose another name")
        }
        _ => return Ok(()),
    };
    Err(PyValueError::new_err(escape(&text).into_owned()))
}

/// Fails for a file that is closed, open for reading, or open in text mode. Objects with only a method `write` are
/// taken as they are: writing nothing to them, to try it, may mean something.
fn check_file(file: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = file.py();
    let is_text = file.is_instance(&py.import("io")?.getattr("TextIOBase")?)? || file.hasattr("encoding")?;
    if is_text {
        return Err(PyTypeError::new_err("the target is open in text mode: open it with mode 'wb'"));
    }
    if file.getattr_opt("closed")?.map_or(Ok(false), |closed| closed.is_truthy())? {
        return Err(PyValueError::new_err("the target is a closed file"));
    }
    if let Some(writable) = file.getattr_opt("writable")?
        && !writable.call0()?.is_truthy()?
    {
        let error = py.import("io")?.getattr("UnsupportedOperation")?;
        return Err(PyErr::from_value(error.call1(("the target is not writable: open it with mode 'wb'",))?));
    }
    Ok(())
}

/// A snapshot in memory, or in a temporary file if it is large or a child process has to read it.
pub(super) enum HeldSnapshot {
    Memory(Vec<u8>),
    Spooled(SpoolFile),
}

impl HeldSnapshot {
    pub(super) fn new() -> Self {
        Self::Memory(Vec::new())
    }

    /// Over a file that another process has as well.
    pub(super) fn over(file: File) -> Self {
        Self::Spooled(SpoolFile::over(file))
    }

    /// Writes out all of it.
    pub(super) fn end(self) -> io::Result<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Spooled(spool) => spool.into_file().map(drop),
        }
    }

    fn spool(&mut self) -> io::Result<&mut SpoolFile> {
        if let Self::Memory(bytes) = self {
            let mut file = SpoolFile::new()?;
            file.write_all(bytes)?;
            *self = Self::Spooled(file);
        }
        match self {
            Self::Spooled(file) => Ok(file),
            Self::Memory(_) => Err(io::ErrorKind::Other.into()),
        }
    }

    /// The snapshot as one object.
    pub(super) fn into_object(self, py: Python<'_>, length: u64) -> PyResult<Bound<'_, PyBytes>> {
        match self {
            Self::Memory(bytes) => Ok(PyBytes::new(py, &bytes)),
            Self::Spooled(spool) => {
                let mut file = py.detach(|| spool.into_file()).map_err(PyErr::from)?;
                let length = usize::try_from(length).map_err(|_| PyOSError::new_err("it does not fit into memory"))?;
                PyBytes::new_with(py, length, |room| Ok(file.read_exact(room)?))
            }
        }
    }

    /// Writes the snapshot to a file object.
    pub(super) fn send(self, file: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = file.py();
        match self {
            Self::Memory(bytes) => bytes.chunks(PIECE).try_for_each(|piece| write_all(file, piece)),
            Self::Spooled(spool) => {
                let mut spool = py.detach(|| spool.into_file()).map_err(PyErr::from)?;
                let mut piece = vec![0; PIECE];
                loop {
                    let count = py.detach(|| spool.read(&mut piece)).map_err(PyErr::from)?;
                    if count == 0 {
                        return Ok(());
                    }
                    write_all(file, piece.get(..count).unwrap_or_default())?;
                }
            }
        }
    }
}

/// Writes all of these bytes: a raw file may take a part of them.
fn write_all(file: &Bound<'_, PyAny>, mut bytes: &[u8]) -> PyResult<()> {
    let py = file.py();
    while !bytes.is_empty() {
        let written = file.call_method1("write", (PyBytes::new(py, bytes),))?;
        if written.is_none() && file.is_instance(&py.import("io")?.getattr("RawIOBase")?)? {
            return Err(PyBlockingIOError::new_err((EAGAIN, "the target would block")));
        }
        // Not every object says how much it has taken: then it is all.
        let count = written.extract::<usize>().tolerated().unwrap_or(bytes.len());
        bytes = bytes.get(count..).unwrap_or_default();
        if count == 0 {
            return Err(PyOSError::new_err("the target takes no more bytes"));
        }
        check_signals(py)?;
    }
    Ok(())
}

impl Write for HeldSnapshot {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Self::Memory(held) = self
            && held.len().saturating_add(bytes.len()) <= MOST_IN_MEMORY
            && held.try_reserve(bytes.len()).is_ok()
        {
            held.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        self.spool()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Spooled(file) => file.flush(),
        }
    }
}

impl SaveTarget for HeldSnapshot {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => bytes.cut(length),
            Self::Spooled(file) => file.cut(length),
        }
    }

    fn read_path(&mut self) -> io::Result<Option<PathBuf>> {
        // Without a directory for temporary files, the check is left out.
        self.spool().map_or(Ok(None), SpoolFile::read_path)
    }

    fn free(&self) -> Option<u64> {
        match self {
            Self::Memory(_) => None,
            Self::Spooled(file) => file.free(),
        }
    }
}
