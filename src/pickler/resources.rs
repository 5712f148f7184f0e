//! Plans for objects that represent external state: files, locks, threads, processes.
//!
//! A load must not open a file for writing, hold a lock that nothing will release, or pretend that a thread still runs.
//! All of this applies to sessions only: single pickles are left to dill.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString, PyTuple};

use super::pickle_context::{PickleContext, pickling_error};
use super::plan::{Action, ObjectPlan};
use super::reduce::{Reduction, plan_by_dill_or_reduction};
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// The names of the files that dill writes by name, without opening anything at load.
const STANDARD_STREAMS: [&str; 3] = ["<stdin>", "<stdout>", "<stderr>"];
/// dill's `CONTENTS_FMODE`: with it `_create_filehandle` seeks to the position in the file.
const CONTENTS_MODE: i32 = 1;
/// dill's `HANDLE_FMODE`: with it `_create_filehandle` does not seek, which a terminal could not.
const STREAM_MODE: i32 = 0;

/// Refuses an object that cannot be restored. `what` describes it and gives the reason.
pub(super) fn refuse<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    what: &str,
) -> PyResult<ObjectPlan<'py>> {
    if context.is_session() {
        return Err(pickling_error(object.py(), &format!("cannot pickle {what}")));
    }
    plan_by_dill_or_reduction(context, object)
}

/// A lock is restored released, as its owner does not exist in the new process.
pub(super) fn plan_lock<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    reentrant: bool,
) -> PyResult<ObjectPlan<'py>> {
    let py = object.py();
    if !context.is_session() {
        return plan_by_dill_or_reduction(context, object);
    }
    let held = if reentrant {
        // RLock has `locked` since 3.14. Before that, only its repr shows the state.
        !object.repr()?.to_string_lossy().starts_with("<unlocked")
    } else {
        object.call_method0("locked")?.is_truthy()?
    };
    if held {
        context.note("a lock in it is held now and will be restored released".to_owned())?;
    }
    let factory = py.import("_thread")?.getattr(if reentrant { "RLock" } else { "allocate_lock" })?;
    plan_call(object, factory, PyTuple::empty(py))
}

/// A file is restored open for reading, at its position, or closed. None is ever created or truncated: dill's own
/// function opens it with a harmless mode, so that plain dill does the same.
pub(super) fn plan_file<'py>(context: &Arc<PickleContext>, object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let name = object.getattr_opt("name")?;
    if let Some(name) = name.as_ref().filter(|name| context.is_session() && is_standard_stream(name)) {
        return match context.dill.function(&object.get_type())? {
            Some(function) => Ok(ObjectPlan::Dill { function: Some(function) }),
            None => plan_open(context, object, (name.clone(), "r", 0, false), STREAM_MODE),
        };
    }
    if !context.is_session() {
        return plan_by_dill_or_reduction(context, object);
    }
    let closed = object.getattr("closed")?.is_truthy()?;
    let (name, path) = reopenable(object, name, closed)?;
    let mode = object.getattr_opt("mode")?.map(|mode| mode.str()).transpose()?;
    let mode = mode.map(|mode| mode.to_string_lossy().into_owned()).unwrap_or_default();
    let binary = !object.hasattr("encoding")?;
    // `tell` fails for a closed file.
    let position = if closed { 0 } else { object.call_method0("tell")?.extract::<i64>()? };
    if !closed && mode.contains(['w', 'a', 'x', '+']) {
        context.note(format!("the file {name} is open for writing; it will be restored open for reading"))?;
    }
    let mode = if binary { "rb" } else { "r" };
    plan_open(context, object, (path, mode, position, closed), CONTENTS_MODE)
}

/// A call of dill's function that opens a file, or finds a standard stream by its name.
fn plan_open<'py>(
    context: &PickleContext,
    object: &Bound<'py, PyAny>,
    (path, mode, position, closed): (Bound<'py, PyAny>, &str, i64, bool),
    file_mode: i32,
) -> PyResult<ObjectPlan<'py>> {
    let py = object.py();
    let open = py.import("io")?.getattr("open")?;
    // The `false` is dill's `strictio`: a missing file becomes an empty temporary one, and a position after the end of
    // a file becomes its end. The contents, "", are only used in another mode.
    let arguments = (path, mode, position, closed, open, false, file_mode, "").into_pyobject(py)?;
    if let Some(factory) = context.dill.helper(py, "_create_filehandle")? {
        return plan_call(object, factory, arguments);
    }
    Ok(ObjectPlan::actions(
        object,
        vec![
            Action::BeginBuilding(object.clone()),
            Action::Global { module: "dill._dill", name: "_create_filehandle", object: None },
            Action::Save(arguments.into_any()),
            Action::Write(Opcode::Reduce),
            Action::Memoize(object.clone()),
        ],
    ))
}

/// A `numpy.memmap`, an array whose memory is a mapped file: `ndarray.view(array, class)`. As in pickle, it keeps its
/// contents and class, and forgets the file. The contents are written from where they lie.
pub(super) fn plan_mapped_array<'py>(context: &PickleContext, object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    context.note("a memory-mapped array in it will be restored in memory, without its file".to_owned())?;
    let array = object.py().import("numpy")?.getattr("ndarray")?;
    let view = array.getattr("view")?;
    let plain = view.call1((object, &array))?;
    Ok(ObjectPlan::actions(
        object,
        vec![
            Action::BeginBuilding(object.clone()),
            Action::Global { module: "numpy", name: "ndarray.view", object: Some(view) },
            Action::Save(plain),
            Action::Save(object.get_type().into_any()),
            Action::Write(Opcode::Tuple2),
            Action::Write(Opcode::Reduce),
            Action::Memoize(object.clone()),
        ],
    ))
}

fn is_standard_stream(name: &Bound<'_, PyAny>) -> bool {
    name.extract::<String>().tolerated().is_some_and(|name| STANDARD_STREAMS.contains(&name.as_str()))
}

/// The name and the absolute path of a file object.
///
/// # Errors
/// If opening that path would not give the same data. A closed file is never read: it may have been removed since.
fn reopenable<'py>(
    object: &Bound<'py, PyAny>,
    name: Option<Bound<'py, PyAny>>,
    closed: bool,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let py = object.py();
    let named = name.filter(|name| name.is_instance_of::<PyString>());
    let Some(name) = named.filter(|_| is_plain_file(object).tolerated().unwrap_or(false)) else {
        return Err(pickling_error(py, "cannot pickle a file object: it has no path from which it can be reopened"));
    };
    let os_path = py.import("os.path")?;
    // dill's function would make an empty file instead.
    if !closed && !os_path.call_method1("exists", (&name,))?.is_truthy()? {
        return Err(pickling_error(py, &format!("cannot pickle a file object: {name} no longer exists")));
    }
    if !closed && !os_path.call_method1("isfile", (&name,))?.is_truthy()? {
        return Err(pickling_error(py, &format!("cannot pickle a file object: {name} is not a regular file")));
    }
    let path = os_path.call_method1("abspath", (&name,))?;
    Ok((name, path))
}

/// Whether a file object reads the bytes of the file as they are, without decompression.
fn is_plain_file(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let mut inner = object.clone();
    // A text file has a buffer, which has a raw file.
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

/// The object as a call of a function.
fn plan_call<'py>(
    object: &Bound<'py, PyAny>,
    function: Bound<'py, PyAny>,
    arguments: Bound<'py, PyTuple>,
) -> PyResult<ObjectPlan<'py>> {
    Reduction::new(function, arguments.into_any()).into_work_item(Some(object)).map(ObjectPlan::Work)
}
