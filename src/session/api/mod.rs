//! `import snapcli`: saves, restores and inspects sessions from within any Python process, and pickles objects under
//! the names of dill's functions.
//!
//! Under `snapcli save` the module is built into the program ([`add_to_inittab`]); everywhere else it is the extension
//! module `snapcli._engine` of the package `snapcli`. Like a command, it is an entry point, which may use `report`. The
//! doc comments of functions and classes are what Python's `help()` shows.

mod arguments;
mod background_handle;
mod dill_names;
mod file_questions;
mod interruptible;
mod json_objects;
mod load_call;
mod load_source;
mod raised_errors;
mod restore_report;
mod save_call;
mod save_output;
mod save_report;
mod saved_namespace;
mod turns;

use pyo3::prelude::*;
use pyo3::types::PyModule;

pub(crate) use self::background_handle::{finish_background_save, is_saved_by_script};
pub(super) use self::turns::Turn;

use crate::python::start_state;

/// Adds the module to the table of built-in modules. Call it before Python is initialized.
pub(crate) fn add_to_inittab() {
    pyo3::append_to_inittab!(snapcli);
}

/// Saves a Python session to one file that dill reads, restores it, and inspects it.
///
/// save, restore and load_dict work on sessions; inspect, diff and verify read a file without executing anything in it;
/// dumps, dump, loads and load have the names and the meaning of dill's functions.
#[pymodule]
pub mod snapcli {
    #[pymodule_export]
    use super::background_handle::BackgroundSave;
    #[pymodule_export]
    use super::dill_names::{dump, dumps, load, loads};
    #[pymodule_export]
    use super::file_questions::{diff, inspect, verify};
    #[pymodule_export]
    use super::load_call::{load_dict, restore};
    #[pymodule_export]
    use super::restore_report::RestoreReport;
    #[pymodule_export]
    use super::save_call::save;
    #[pymodule_export]
    use super::save_report::{Lost, Report};
    use super::{Bound, PyModule, PyResult};
    #[pymodule_export]
    use crate::session::ipython_extension::{load_ipython_extension, unload_ipython_extension};
    #[pymodule_export]
    use crate::session::run::replay;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::complete(module)
    }
}

/// The same as an extension module, for the package `snapcli` of the wheel.
#[cfg(feature = "extension")]
#[pymodule]
pub mod _engine {
    #[pymodule_export]
    use super::_run;
    #[pymodule_export]
    use super::background_handle::BackgroundSave;
    #[pymodule_export]
    use super::dill_names::{dump, dumps, load, loads};
    #[pymodule_export]
    use super::file_questions::{diff, inspect, verify};
    #[pymodule_export]
    use super::load_call::{load_dict, restore};
    #[pymodule_export]
    use super::restore_report::RestoreReport;
    #[pymodule_export]
    use super::save_call::save;
    #[pymodule_export]
    use super::save_report::{Lost, Report};
    use super::{Bound, PyModule, PyResult};
    #[pymodule_export]
    use crate::session::ipython_extension::{load_ipython_extension, unload_ipython_extension};
    #[pymodule_export]
    use crate::session::run::replay;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::complete(module)
    }
}

/// Runs the program with the arguments that the launcher gave to Python. For `snapcli/__main__.py`.
#[cfg(feature = "extension")]
#[pyfunction]
fn _run(arguments: Vec<std::ffi::OsString>, has_options: bool) -> u8 {
    crate::python::injected::run_in_python(arguments, has_options)
}

/// Adds the version, and records the state of the process: what differs from it at a save is what the session has
/// changed.
fn complete(module: &Bound<'_, PyModule>) -> PyResult<()> {
    start_state::record(module.py());
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
