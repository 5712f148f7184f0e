//! What this process runs, for the functions of `import snapcli`: they are called by the script, which cannot pass it.
//!
//! Under `snapcli save` and `restore` the command records it. In any other process that imports snapcli there is no
//! command, and the first call records what it finds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

use pyo3::prelude::*;

use super::Interpreter;
use super::dill::DillLocation;
use super::script_command::{ScriptCommand, ScriptSource, ScriptTarget};
use crate::ui::Verbosity;

/// What this process runs, and the interpreter and dill that it uses.
pub(crate) struct RunContext {
    /// The script; `None` in a prompt, and where snapcli has not started Python.
    pub command: Option<ScriptCommand>,
    /// The source of the script, if it is a regular file.
    pub source: Option<ScriptSource>,
    /// The running interpreter.
    pub interpreter: Interpreter,
    /// Where dill is.
    pub dill: DillLocation,
    /// How much is printed.
    pub verbosity: Verbosity,
    /// When the script started, or, where snapcli has not started Python, when it was first used.
    pub started: Instant,
}

static CONTEXT: OnceLock<RunContext> = OnceLock::new();

/// Records what is about to run. Must be called before the script can change the working directory.
pub(crate) fn set(
    command: Option<&ScriptCommand>,
    interpreter: &Interpreter,
    dill: &DillLocation,
    verbosity: Verbosity,
) {
    let source = command.and_then(|command| match &command.target {
        ScriptTarget::Script(path) if path != Path::new("-") => {
            let path = std::path::absolute(path).ok()?;
            // A pipe can be read only once, by Python.
            if !std::fs::metadata(&path).ok()?.is_file() {
                return None;
            }
            Some(ScriptSource { bytes: std::fs::read(&path).ok()?, path })
        }
        _ => None,
    });
    let (command, interpreter, dill) = (command.cloned(), interpreter.clone(), dill.clone());
    // A second attempt to load an untrusted file sets the same values again.
    let _ = CONTEXT.set(RunContext { command, source, interpreter, dill, verbosity, started: Instant::now() });
}

/// What this process runs. Nothing is printed, and dill is not installed, where snapcli has not started Python.
///
/// # Errors
/// If the interpreter cannot be described.
pub(crate) fn of_process(py: Python<'_>) -> PyResult<&'static RunContext> {
    if let Some(context) = CONTEXT.get() {
        return Ok(context);
    }
    let (command, source) = script_of_process(py).unzip();
    let context = RunContext {
        command,
        source,
        interpreter: running_interpreter(py)?,
        dill: DillLocation::of_process(),
        verbosity: Verbosity::Quiet,
        started: Instant::now(),
    };
    Ok(CONTEXT.get_or_init(|| context))
}

/// The script that Python runs, if it is a single file. Only a prompt and a notebook have none.
fn script_of_process(py: Python<'_>) -> Option<(ScriptCommand, ScriptSource)> {
    let main = py.import("__main__").ok()?;
    // `python -m` gives the module a spec, from which its code is read.
    if !main.getattr("__spec__").is_ok_and(|spec| spec.is_none()) {
        return None;
    }
    let path: PathBuf = main.getattr("__file__").ok()?.extract().ok()?;
    let path = std::path::absolute(path).ok().filter(|path| path.is_file())?;
    let bytes = std::fs::read(&path).ok()?;
    let words: Vec<OsString> = py.import("sys").ok()?.getattr("argv").ok()?.extract().ok()?;
    let arguments = words.into_iter().skip(1).collect();
    let command = ScriptCommand { target: ScriptTarget::Script(path.clone()), arguments };
    Some((command, ScriptSource { bytes, path }))
}

/// Describes the running interpreter, as far as a snapshot needs it.
///
/// # Errors
/// If `sys` lacks what every Python has: the script may have deleted it.
fn running_interpreter(py: Python<'_>) -> PyResult<Interpreter> {
    let sys = py.import("sys")?;
    let path = |name: &str| sys.getattr(name)?.extract::<PathBuf>();
    let version = py.version_info();
    let executable = path("executable").unwrap_or_default();
    Ok(Interpreter {
        version: (version.major, version.minor, version.patch),
        version_text: Python::version_str().split_whitespace().next().unwrap_or_default().to_owned(),
        implementation: sys.getattr("implementation")?.getattr("name")?.extract()?,
        base_prefix: path("base_prefix")?,
        prefix: path("prefix")?,
        base_executable: path("_base_executable").unwrap_or_else(|_| executable.clone()),
        library: None,
        static_executable: false,
        is_wrapper: false,
        shared: false,
        free_threaded: false,
        platform: sys.getattr("platform")?.extract()?,
        machine: py.import("posix")?.call_method0("uname")?.getattr("machine")?.extract()?,
        executable,
    })
}
