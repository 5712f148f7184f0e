//! Files that a script opens for writing or removes, and databases that it opens. Python raises audit events for them,
//! and `step_openings.py` records which statements caused them.

use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use super::step_program::StepProgram;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::step_signals::is_own_process;

/// Begins to watch. Python keeps the hook until the process ends.
///
/// # Errors
/// If Python refuses the hook.
pub(crate) fn watch_openings(py: Python<'_>, program: &Arc<StepProgram>) -> PyResult<()> {
    let program = Arc::clone(program);
    let hook = PyCFunction::new_closure(
        py,
        None,
        None,
        move |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| see_event(&program, arguments),
    )?;
    py.import("sys")?.call_method1("addaudithook", (hook,)).map(drop)
}

/// Passes on the events of files that are overwritten or removed.
fn see_event(program: &StepProgram, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    let event = arguments.get_item(0)?;
    let is_opening = match event.extract::<&str>()? {
        "sqlite3.connect" => {
            program.note_database(&arguments.get_item(1)?.get_item(0)?).tolerated();
            return Ok(());
        }
        "open" => true,
        "os.remove" | "os.truncate" | "shutil.rmtree" => false,
        _ => return Ok(()),
    };
    let details = arguments.get_item(1)?;
    let how = if is_opening { opened_for(&details) } else { Some("removes") };
    let Some(how) = how.filter(|_| is_own_process()) else { return Ok(()) };
    let path = details.get_item(0)?;
    match program.note_opening(&path, how).tolerated().flatten() {
        Some(why) => Err(PyRuntimeError::new_err(why)),
        None => Ok(()),
    }
}

/// How a file is opened, if what is in it may change: not one that must be new.
fn opened_for(details: &Bound<'_, PyAny>) -> Option<&'static str> {
    let flags = details.get_item(2).and_then(|flags| flags.extract::<i32>()).tolerated().unwrap_or_default();
    let is_read = flags & libc::O_ACCMODE == libc::O_RDONLY;
    match flags & (libc::O_APPEND | libc::O_TRUNC) {
        _ if is_read || flags & libc::O_EXCL != 0 => None,
        libc::O_APPEND => Some("appends"),
        _ => Some("writes"),
    }
}
