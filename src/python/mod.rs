//! The Python interpreter: which one, how it is started inside this process, how a script runs in it, and where its
//! dill comes from.
//!
//! `commands` hold a [`Python`] token while the interpreter runs, and only pass it on: PyO3 itself is named in
//! `python`, `session` and `pickler` alone.

use std::path::Path;

use anyhow::Result;

use crate::exit::{self, OrExit};

pub(crate) mod context;
pub(crate) mod dill;
pub(crate) mod dill_install;
pub(crate) mod discover;
pub(crate) mod ffi;
mod found_environment;
mod interpreter;
pub(crate) mod launch;
pub(crate) mod libpython;
mod path_owner;
mod private_folder;
pub(crate) mod probe;
pub(crate) mod script_command;
pub(crate) mod script_entry;
pub(crate) mod script_run;
pub(crate) mod start_state;

pub(crate) use pyo3::Python;

pub(crate) use self::interpreter::Interpreter;

/// Chooses the interpreter, and makes sure that its own libpython is the one in this process. That may start the
/// program again, so nothing must have been done yet.
pub(crate) fn prepare_interpreter(explicit: Option<&str>) -> Result<Interpreter> {
    prepare_found_interpreter(explicit, &|_| {})
}

/// As [`prepare_interpreter`]. `announce` is called with the Python of a `.venv` that was found by searching, before
/// that Python is started.
pub(crate) fn prepare_found_interpreter(explicit: Option<&str>, announce: &dyn Fn(&Path)) -> Result<Interpreter> {
    let interpreter =
        discover::choose(explicit, announce).or_exit(exit::NO_PYTHON, || "no usable Python".to_owned())?;
    libpython::ensure(&interpreter)
        .or_exit(exit::NO_PYTHON, || format!("cannot use the libpython of {}", interpreter.executable.display()))?;
    Ok(interpreter)
}
