//! Runs a script, a module or a piece of code as `__main__`, and ends it as CPython's `Py_RunMain` does
//! (Modules/main.c and Python/pythonrun.c of 3.10 to 3.13). `target` knows how each kind of script begins.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::start::End;
use super::target::{Source, prepare};

/// What to run.
#[derive(Clone, Debug)]
pub enum Target {
    /// A source file, a `.pyc` file, or a folder or zip archive with a `__main__.py`; `-` is standard input.
    Script(PathBuf),
    /// A module by name, as `python -m`.
    Module(OsString),
    /// Source text, as `python -c`.
    Code(OsString),
    /// As `Code`, but when it is one expression its value is shown as the prompt shows it.
    Expression(OsString),
}

/// A target and the arguments it gets behind `sys.argv[0]`.
#[derive(Clone, Debug)]
pub struct Command {
    /// What to run.
    pub target: Target,
    /// `sys.argv[1:]`.
    pub arguments: Vec<OsString>,
}

/// How a run ended.
pub struct Run {
    /// `finished`, `exit`, `exception` or `interrupted`.
    pub how: &'static str,
    /// How the process is to end for it.
    pub end: End,
    /// What it raised, if not SystemExit.
    pub error: Option<PyErr>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Whether this is a forked child of the process that was started: it has nothing to save.
    pub forked: bool,
    /// The module that it ran in, which it may have taken out of `sys.modules`.
    pub main: Py<PyModule>,
    /// The script, where it was one file or one piece of text.
    pub source: Option<Source>,
}

impl Run {
    /// Whether the script did what it set out to do.
    pub fn succeeded(&self) -> bool {
        self.end == End::Exit(0)
    }

    /// Does something while `sys.modules` has the script's `__main__`, which a script may have taken out or replaced:
    /// picklers look names up there.
    pub fn with_main<T>(&self, py: Python<'_>, action: impl FnOnce() -> T) -> PyResult<T> {
        let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
        let now = modules.get_item("__main__")?;
        modules.set_item("__main__", &self.main)?;
        let result = action();
        match now {
            Some(now) => modules.set_item("__main__", now)?,
            None => modules.del_item("__main__")?,
        }
        Ok(result)
    }
}

/// Runs the command to its end: prints its traceback if it raises, and joins its threads. What is left to
/// do for the interpreter is to finalize.
pub fn run(py: Python<'_>, command: &Command) -> PyResult<Run> {
    let started = Instant::now();
    let process = std::process::id();
    let main = py.import("__main__")?;
    let (entry, source) = prepare(py, command, &main)?;
    let (how, end, error) = conclude(py, entry.call(py, &main.dict()))?;
    forget_file(command, &main.dict())?;
    join_threads(py)?;
    let forked = std::process::id() != process;
    Ok(Run { how, end, error, seconds: started.elapsed().as_secs_f64(), forked, main: main.unbind(), source })
}

/// Runs the command and leaves the interpreter ready for the prompt, as `python -i` does, whatever came of it.
pub fn run_before_prompt(py: Python<'_>, command: &Command) -> PyResult<()> {
    let main = py.import("__main__")?;
    let (entry, _) = prepare(py, command, &main)?;
    if let Err(error) = entry.call(py, &main.dict()) {
        error.print_and_set_sys_last_vars(py);
    }
    forget_file(command, &main.dict())
}

/// Takes away what CPython takes away after a script, so that `atexit` functions do not see it.
fn forget_file(command: &Command, namespace: &Bound<'_, PyDict>) -> PyResult<()> {
    for name in ["__file__", "__cached__"] {
        if matches!(command.target, Target::Script(_)) && namespace.contains(name)? {
            namespace.del_item(name)?;
        }
    }
    Ok(())
}

/// Tells how the run ended, prints its traceback, and gives the exit code that python would.
fn conclude(py: Python<'_>, result: PyResult<()>) -> PyResult<(&'static str, End, Option<PyErr>)> {
    let Err(error) = result else { return Ok(("finished", End::Exit(0), None)) };
    if error.is_instance_of::<PySystemExit>(py) {
        return Ok(("exit", End::Exit(exit_code(py, &error)?), None));
    }
    error.clone_ref(py).print_and_set_sys_last_vars(py);
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        // Only the exact type ends the process by the signal, as in CPython's `run_eval_code_obj`.
        let exact = error.get_type(py).is(py.get_type::<PyKeyboardInterrupt>());
        let end = if exact { End::Interrupted } else { End::Exit(1) };
        return Ok(("interrupted", end, Some(error)));
    }
    Ok(("exception", End::Exit(1), Some(error)))
}

/// What CPython's `handle_system_exit` makes of a SystemExit: None is 0, a number is itself, all else is
/// printed to standard error and is 1.
pub fn exit_code(py: Python<'_>, error: &PyErr) -> PyResult<i32> {
    let code = error.value(py).getattr_opt("code")?.unwrap_or_else(|| error.value(py).clone().into_any());
    if code.is_none() {
        return Ok(0);
    }
    if code.is_instance_of::<pyo3::types::PyInt>() {
        // An exit status has eight bits; a number beyond a C long is -1 to CPython.
        return Ok(code.extract::<i64>().map_or(-1, |number| (number & 0xff) as i32));
    }
    let stderr = py.import("sys")?.getattr("stderr")?;
    if !stderr.is_none() {
        let text = code.str().and_then(|text| stderr.call_method1("write", (text,)));
        if let Err(error) = text.and_then(|_| stderr.call_method1("write", ("\n",))) {
            drop(error);
        }
    }
    Ok(1)
}

/// Waits for the threads that are not daemons, as the interpreter does when it ends; doing it again is harmless.
fn join_threads(py: Python<'_>) -> PyResult<()> {
    let modules = py.import("sys")?.getattr("modules")?;
    let Ok(threading) = modules.get_item("threading") else { return Ok(()) };
    if let Err(error) = threading.call_method0("_shutdown") {
        error.write_unraisable(py, Some(&threading));
    }
    Ok(())
}
