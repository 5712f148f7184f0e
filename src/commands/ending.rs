//! How the process is to end for an error of a save: what a signal's handler raised ends it as it would end a script.

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

use crate::exit;
use crate::python::run::exit_code;
use crate::python::start::End;
use crate::report::say;

/// The end that a Ctrl-C or a handler's `sys.exit` asks for; None for any other error.
pub(super) fn asked_for(py: Python<'_>, error: &anyhow::Error) -> Option<End> {
    let error = error.downcast_ref::<PyErr>()?;
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return Some(End::Interrupted);
    }
    error.is_instance_of::<PySystemExit>(py).then(|| End::Exit(exit_code(py, error).unwrap_or(exit::FAILED)))
}

/// Says what went wrong, and how the process is to end.
pub(super) fn of_error(py: Python<'_>, error: &anyhow::Error) -> End {
    match asked_for(py, error) {
        Some(end) => {
            say::line("interrupted while saving: nothing was written");
            end
        }
        None => {
            say::error(error);
            End::Exit(exit::code_of(error))
        }
    }
}
