//! The Python interpreter: which one, how it is started inside this process, how a script runs in it, and where its
//! dill comes from.
//!
//! `commands` hold a [`Python`] token while the interpreter runs, and only pass it on: PyO3 itself is named in
//! `python`, `session` and `pickler` alone.

use std::path::Path;

use anyhow::Result;

use crate::exit::{self, OrExit};
use crate::ui::Verbosity;

#[cfg(feature = "python")]
pub(crate) mod call_watch;
#[cfg(feature = "python")]
pub(crate) mod context;
#[cfg(feature = "python")]
pub(crate) mod deferred_signals;
#[cfg(feature = "python")]
pub(crate) mod dill;
pub(crate) mod dill_install;
pub(crate) mod discover;
#[cfg(feature = "python")]
pub(crate) mod early_exit;
#[cfg(feature = "python")]
pub(crate) mod ended_children;
#[cfg(feature = "python")]
pub(crate) mod ffi;
mod found_environment;
#[cfg(feature = "python")]
mod frame_evaluation;
#[cfg(feature = "python")]
mod guarded_actions;
#[cfg(feature = "extension")]
pub(crate) mod injected;
mod interpreter;
#[cfg(feature = "python")]
pub(crate) mod interrupt_limit;
#[cfg(feature = "python")]
mod interrupted_call;
#[cfg(feature = "python")]
pub(crate) mod ipython_prompt;
#[cfg(feature = "python")]
pub(crate) mod launch;
#[cfg(feature = "embed")]
pub(crate) mod libpython;
mod loader_link;
#[cfg(feature = "python")]
pub(crate) mod notebook;
mod own_environment;
pub(crate) mod path_owner;
pub(crate) mod preload;
mod private_folder;
pub(crate) mod probe;
mod probe_cache;
mod replaced_process;
pub(crate) mod script_command;
#[cfg(feature = "python")]
pub(crate) mod script_entry;
#[cfg(feature = "python")]
pub(crate) mod script_run;
#[cfg(feature = "python")]
pub(crate) mod script_signals;
mod search_steps;
pub(crate) mod second_start;
#[cfg(feature = "python")]
mod start_signals;
#[cfg(feature = "python")]
pub(crate) mod start_state;
#[cfg(feature = "python")]
pub(crate) mod step_signals;
mod surroundings;
#[cfg(feature = "python")]
pub(crate) mod thread_timers;
pub(crate) mod unusable;
#[cfg(feature = "python")]
pub(crate) mod work_left;

#[cfg(feature = "python")]
pub(crate) use pyo3::{PyErr, Python};

pub(crate) use self::interpreter::{Interpreter, StartWay};

/// What a command has once the right Python is in its process. The launcher has no Python in it: that starts the chosen
/// Python in its place, and never gets one.
#[cfg(feature = "python")]
pub(crate) type PreparedInterpreter = Interpreter;
#[cfg(not(feature = "python"))]
pub(crate) type PreparedInterpreter = std::convert::Infallible;

/// Chooses the interpreter, and makes sure that it is the one in this process. That may start the program again, so
/// nothing must have been done yet.
pub(crate) fn prepare_interpreter(explicit: Option<&str>) -> Result<PreparedInterpreter> {
    prepare_found_interpreter(explicit, &|_| {})
}

/// Says that the active environment does not exist. Must come before [`prepare_interpreter`].
pub(crate) fn note_missing_environment(explicit: Option<&str>, verbosity: Verbosity) {
    if !second_start::is_second()
        && let Some(note) = discover::missing_environment(explicit)
    {
        verbosity.note(&note);
    }
}

/// Starts this program again with the engine in it, for a command that runs no Python. Never returns unless that fails.
pub(crate) fn start_engine(explicit: Option<&str>) -> anyhow::Error {
    match discover::choose_host(explicit).or_exit(exit::NO_PYTHON, || "no usable Python".to_owned()) {
        Ok(interpreter) => preload::start(&interpreter),
        Err(error) => error,
    }
}

/// As [`prepare_interpreter`]. `announce` is called with the Python of a `.venv` that was found by searching, before
/// that Python is started.
pub(crate) fn prepare_found_interpreter(
    explicit: Option<&str>,
    announce: &dyn Fn(&Path),
) -> Result<PreparedInterpreter> {
    #[cfg(feature = "extension")]
    if let Some(interpreter) = second_start::interpreter() {
        return Ok(interpreter);
    }
    // Python runs already. It is not started again: that could go on forever.
    if cfg!(feature = "extension") {
        let message = "this Python loses the environment variables that snapcli passes to it: choose another";
        return Err(exit::error(exit::NO_PYTHON, message));
    }
    let interpreter =
        discover::choose(explicit, announce).or_exit(exit::NO_PYTHON, || "no usable Python".to_owned())?;
    match interpreter.start_way() {
        StartWay::Injected => Err(preload::start(&interpreter)),
        #[cfg(feature = "embed")]
        StartWay::Embedded => {
            libpython::ensure(&interpreter).or_exit(exit::NO_PYTHON, || {
                format!("cannot use the libpython of {}", interpreter.executable.display())
            })?;
            Ok(interpreter)
        }
        #[cfg(not(feature = "embed"))]
        StartWay::Embedded => Err(exit::error(exit::NO_PYTHON, "this program embeds no Python")),
    }
}
