//! Objects that stand for something outside of them: files, locks, threads, processes. A load must not open a file for
//! writing, hold a lock that nobody will release, or fake what is gone.
//!
//! All of this is for sessions. A single pickle has dill's meaning.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString, PyTuple};

use super::frame::Frame;
use super::native::Native;
use super::reduce::{Reduction, pickling_error};
use super::walk::by_dill;

/// The files that dill keeps by name, without opening anything.
const STANDARD_STREAMS: [&str; 3] = ["<stdin>", "<stdout>", "<stderr>"];
/// dill's `CONTENTS_FMODE`, for which `_create_filehandle` goes to the position in the file.
const CONTENTS_MODE: i32 = 1;

/// Something that cannot come back.
pub(super) fn refuse<'py>(
    native: &Bound<'py, Native>,
    object: &Bound<'py, PyAny>,
    what: &str,
) -> PyResult<Option<Frame<'py>>> {
    if native.get().is_session() {
        return Err(pickling_error(native.py(), &format!("cannot keep {what}")));
    }
    by_dills_function(native, object)
}

/// A lock comes back released: who held it is gone.
pub(super) fn lock<'py>(
    native: &Bound<'py, Native>,
    object: &Bound<'py, PyAny>,
    again: bool,
) -> PyResult<Option<Frame<'py>>> {
    let py = native.py();
    if !native.get().is_session() {
        return by_dills_function(native, object);
    }
    let held = match again {
        // Only 3.14 tells by `locked`; before that the text does.
        true => !object.repr()?.to_string_lossy().starts_with("<unlocked"),
        false => object.call_method0("locked")?.is_truthy()?,
    };
    if held {
        native.get().lock()?.facts.notes.push("a lock that was held will come back released".to_owned());
    }
    let maker = py.import("_thread")?.getattr(if again { "RLock" } else { "allocate_lock" })?;
    reduced(object, maker, PyTuple::empty(py)).map(Some)
}

/// A file comes back open for reading, where it was, or closed: never is one made or emptied. dill's own function opens
/// it, under a mode that can do no harm, so that plain dill does the same.
pub(super) fn file<'py>(native: &Bound<'py, Native>, object: &Bound<'py, PyAny>) -> PyResult<Option<Frame<'py>>> {
    let py = native.py();
    let name = object.getattr_opt("name")?;
    let standard =
        |name: &Bound<'py, PyAny>| name.extract::<String>().is_ok_and(|name| STANDARD_STREAMS.contains(&name.as_str()));
    if !native.get().is_session() || name.as_ref().is_some_and(standard) {
        return by_dills_function(native, object);
    }
    let closed = object.getattr("closed")?.is_truthy()?;
    let named = name.filter(|name| name.is_instance_of::<PyString>());
    let Some(name) = named.filter(|_| is_plain_file(object).unwrap_or(false)) else {
        let why = "it has no name by which it could be opened again";
        return Err(pickling_error(py, &format!("cannot keep a file object: {why}")));
    };
    let path = py.import("os.path")?;
    if path.call_method1("exists", (&name,))?.is_truthy()? && !path.call_method1("isfile", (&name,))?.is_truthy()? {
        return Err(pickling_error(py, &format!("cannot keep a file object: {name} is not a regular file")));
    }
    let mode = object.getattr_opt("mode")?.map(|mode| mode.to_string()).unwrap_or_default();
    let binary = !object.hasattr("encoding")?;
    let position = if closed { 0 } else { object.call_method0("tell")?.extract::<i64>()? };
    if !closed && mode.contains(['w', 'a', 'x', '+']) {
        let note = format!("the file {name}, which was open for writing, will come back open for reading");
        native.get().lock()?.facts.notes.push(note);
    }
    let dill = (native.get().dill.import)(py)?;
    let maker = dill.bind(py).getattr("_dill")?.getattr("_create_filehandle")?;
    let name = path.call_method1("abspath", (name,))?;
    let open = py.import("io")?.getattr("open")?;
    let mode = if binary { "rb" } else { "r" };
    let arguments = (name, mode, position, closed, open, false, CONTENTS_MODE, "").into_pyobject(py)?;
    reduced(object, maker, arguments).map(Some)
}

/// Whether what is read from a file object is what is in the file: no decompression in between.
fn is_plain_file(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let mut inner = object.clone();
    for _ in 0..3 {
        if inner.get_type().name()? == "FileIO" {
            return Ok(true);
        }
        let next = match inner.getattr_opt("buffer")? {
            Some(buffer) => Some(buffer),
            None => inner.getattr_opt("raw")?,
        };
        let Some(next) = next else { return Ok(false) };
        inner = next;
    }
    Ok(false)
}

fn reduced<'py>(
    object: &Bound<'py, PyAny>,
    function: Bound<'py, PyAny>,
    arguments: Bound<'py, PyTuple>,
) -> PyResult<Frame<'py>> {
    let arguments = arguments.into_any();
    let reduction =
        Reduction { function, arguments, state: None, list_items: None, dict_items: None, state_setter: None };
    reduction.frame(Some(object))
}

/// What dill's function for the type writes, or the reduce protocol where it has none.
pub(super) fn by_dills_function<'py>(
    native: &Bound<'py, Native>,
    object: &Bound<'py, PyAny>,
) -> PyResult<Option<Frame<'py>>> {
    let function = native.get().dill.function(&object.get_type())?;
    if function.is_none() {
        return super::reduce::begin(native, object);
    }
    by_dill(native, object, function.as_ref().map(|function| function.bind(native.py()))).map(|()| None)
}
