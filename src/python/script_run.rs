//! Runs a script, a module or a piece of code as `__main__`, and decides how the process ends.
//!
//! Follows `Py_RunMain` of CPython (Modules/main.c and Python/pythonrun.c of 3.10 to 3.13): exit codes, tracebacks, and
//! death by SIGINT. [`script_entry`](super::script_entry) has the part before the first line of the script.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use pyo3::exceptions::{PyKeyboardInterrupt, PyModuleNotFoundError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyModule, PyTuple};

use super::context;
use super::launch::ProcessEnd;
use super::script_command::{ScriptCommand, ScriptSource, ScriptTarget};
use super::script_entry::{Entry, prepare, set_arguments};
use super::{interrupt_limit, start_state, work_left};
use crate::exit;
use crate::ui::messages::{print_error, print_line};
use crate::ui::open_line;

/// How a script ended, and what it leaves.
pub(crate) struct ScriptRun {
    /// `finished`, `exit`, `exception` or `interrupted`; for a script that still runs, `signal` or `running`.
    pub how: &'static str,
    /// How the process is to end.
    pub end: ProcessEnd,
    /// The exception that it raised, unless that is SystemExit.
    pub error: Option<PyErr>,
    /// The exception that ended it, SystemExit as well.
    pub raised: Option<PyErr>,
    /// How long it ran, in seconds.
    pub seconds: f64,
    /// Whether this process is a fork that the script made, which must not save the session as well.
    pub forked: bool,
    /// The module that it ran in. The script may have removed it from `sys.modules`.
    pub main: Py<PyModule>,
    /// The source of a file or of `-c`.
    pub source: Option<ScriptSource>,
}

impl ScriptRun {
    /// Whether the script ended with exit code 0.
    pub(crate) fn succeeded(&self) -> bool {
        self.end == ProcessEnd::Exit(0)
    }

    /// Whether the script has ended by itself.
    pub(crate) fn is_over(&self) -> bool {
        !matches!(self.how, "signal" | "running")
    }

    /// Runs an action while the `__main__` of the script is in `sys.modules`, where pickling looks up names. The script
    /// may have removed or replaced it.
    pub(crate) fn with_main<T>(&self, py: Python<'_>, action: impl FnOnce() -> T) -> PyResult<T> {
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

/// A script that is about to begin, or still runs.
pub(crate) struct StartedScript {
    started: Instant,
    main: Py<PyModule>,
    source: Option<ScriptSource>,
}

impl StartedScript {
    /// The run so far.
    pub(crate) fn so_far(&self, py: Python<'_>, how: &'static str, end: ProcessEnd) -> ScriptRun {
        open_line::note_output();
        ScriptRun {
            how,
            end,
            error: None,
            raised: None,
            seconds: self.started.elapsed().as_secs_f64(),
            forked: false,
            main: self.main.clone_ref(py),
            source: self.source.clone(),
        }
    }
}

/// Runs the command to its end: prints the traceback if it raises, and joins its threads. Only finalizing the
/// interpreter is left to do.
pub(crate) fn run_script(py: Python<'_>, command: &ScriptCommand) -> anyhow::Result<ScriptRun> {
    run_observed(py, command, |_| {})
}

/// As [`run_script`]. `begin` is called before the first line.
pub(crate) fn run_observed(
    py: Python<'_>,
    command: &ScriptCommand,
    begin: impl FnOnce(StartedScript),
) -> anyhow::Result<ScriptRun> {
    run_entry(py, command, begin, |entry, _| Ok(entry))
}

fn run_entry<'py>(
    py: Python<'py>,
    command: &ScriptCommand,
    begin: impl FnOnce(StartedScript),
    change: impl FnOnce(Entry<'py>, Option<&ScriptSource>) -> anyhow::Result<Entry<'py>>,
) -> anyhow::Result<ScriptRun> {
    let started = Instant::now();
    let process = std::process::id();
    let main = py.import("__main__")?;
    // An error of `prepare` is ours. Errors of the script, and those of CPython before its first line, are in `entry`.
    let (entry, source) = prepare(py, command, &main)?;
    start_state::record_for_script(py);
    work_left::begin(py);
    let entry = change(entry, source.as_ref())?;
    interrupt_limit::hand_over(py)?;
    begin(StartedScript { started, main: main.clone().unbind(), source: source.clone() });
    let result = entry.call(py, &main.dict());
    let raised = result.as_ref().err().map(|error| error.clone_ref(py));
    let (how, end, error) = finish_run(py, result)?;
    remove_file_attributes(command, &main.dict())?;
    join_threads(py)?;
    // A child process of `os.fork` that runs to the end of the script gets here as well.
    let forked = std::process::id() != process;
    let seconds = started.elapsed().as_secs_f64();
    open_line::note_output();
    Ok(ScriptRun { how, end, error, raised, seconds, forked, main: main.unbind(), source })
}

/// Returns the code to run in place of the source of a script; `None` to run the source.
pub(crate) type CompileScript =
    Arc<dyn Fn(Python<'_>, &ScriptSource) -> anyhow::Result<Option<CompiledScript>> + Send + Sync>;

/// Like [`run_observed`], but runs the code that `compile` returns for the source file of a script or module.
pub(crate) fn run_compiled(
    py: Python<'_>,
    command: &ScriptCommand,
    compile: CompileScript,
    begin: impl FnOnce(StartedScript),
) -> anyhow::Result<ScriptRun> {
    run_entry(py, command, begin, |entry, source| match (entry, source) {
        (Entry::File(file, name), Some(source)) => Ok(match compile(py, source)? {
            Some(CompiledScript(code)) => Entry::Bytecode(code.into_bound(py)),
            None => Entry::File(file, name),
        }),
        (Entry::Module(function, arguments), _) => {
            hook_module(py, compile)?;
            Ok(Entry::Module(function, arguments))
        }
        (entry, _) => Ok(entry),
    })
}

/// Patches `runpy` to run the code that `compile` returns for the next module. No frame of ours is on its stack then.
fn hook_module(py: Python<'_>, compile: CompileScript) -> PyResult<()> {
    const NAME: &str = "_get_module_details";
    let runpy = py.import("runpy")?;
    let original = runpy.getattr(NAME)?.unbind();
    let hook = move |arguments: &Bound<'_, PyTuple>, keywords: Option<&Bound<'_, PyDict>>| -> PyResult<Py<PyAny>> {
        let py = arguments.py();
        py.import("runpy")?.setattr(NAME, &original)?;
        let found = original.bind(py).call(arguments, keywords)?;
        let (name, spec, code) = found.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let path: PathBuf = code.getattr("co_filename")?.extract()?;
        let Ok(bytes) = std::fs::read(&path) else { return Ok(found.unbind()) };
        // As it will be in a moment: relative imports need it.
        let main = py.import("__main__")?;
        main.setattr("__package__", spec.getattr("parent")?)?;
        main.setattr("__spec__", &spec)?;
        match compile(py, &ScriptSource { path, bytes }) {
            Ok(Some(CompiledScript(code))) => Ok((name, spec, code).into_pyobject(py)?.into_any().unbind()),
            Ok(None) => Ok(found.unbind()),
            Err(error) => {
                print_error(&error);
                Err(PySystemExit::new_err(exit::code_of(&error)))
            }
        }
    };
    let hook = PyCFunction::new_closure(py, None, None, move |arguments, keywords| hook(arguments, keywords))?;
    runpy.setattr(NAME, hook)
}

/// Code that runs in place of a source file.
pub(crate) struct CompiledScript(pub(crate) Py<PyAny>);

/// Runs the command as `python -i` does: even after an exception, the prompt follows.
pub(crate) fn run_before_prompt(py: Python<'_>, command: &ScriptCommand) -> anyhow::Result<()> {
    let main = py.import("__main__")?;
    let (entry, _) = prepare(py, command, &main)?;
    start_state::record_for_script(py);
    work_left::begin(py);
    interrupt_limit::hand_over(py)?;
    if let Err(error) = entry.call(py, &main.dict()) {
        error.clone_ref(py).print_and_set_sys_last_vars(py);
        name_python(py, &error);
    }
    Ok(remove_file_attributes(command, &main.dict())?)
}

/// Sets `sys.argv` as for a prompt that follows no script.
///
/// # Errors
/// If `sys` does not take it.
pub(crate) fn set_prompt_arguments(py: Python<'_>) -> anyhow::Result<()> {
    Ok(set_arguments(py, OsStr::new(""), None, &[])?)
}

/// Removes the attributes that CPython removes after a script, so that `atexit` functions do not see them.
fn remove_file_attributes(command: &ScriptCommand, namespace: &Bound<'_, PyDict>) -> PyResult<()> {
    let is_file = matches!(command.target, ScriptTarget::Script(_) | ScriptTarget::StandardInput);
    for name in ["__file__", "__cached__"] {
        if is_file && namespace.contains(name)? {
            namespace.del_item(name)?;
        }
    }
    Ok(())
}

/// After a ModuleNotFoundError, names the Python that was used: the user may have meant another one.
fn name_python(py: Python<'_>, error: &PyErr) {
    if error.is_instance_of::<PyModuleNotFoundError>(py)
        && let Ok(context) = context::of_process(py)
    {
        let (version, path) = (&context.interpreter.version_text, context.interpreter.executable.display());
        context.verbosity.note(&format!(
            "this was Python {version} at {path}: choose another with --python (`snapcli doctor` lists them)"
        ));
    }
}

/// Prints the traceback, and returns how the script ended and how `python` would end the process.
fn finish_run(py: Python<'_>, result: PyResult<()>) -> PyResult<(&'static str, ProcessEnd, Option<PyErr>)> {
    let Err(error) = result else { return Ok(("finished", ProcessEnd::Exit(0), None)) };
    if error.is_instance_of::<PySystemExit>(py) {
        return Ok(("exit", ProcessEnd::Exit(exit_code(py, &error)?), None));
    }
    error.clone_ref(py).print_and_set_sys_last_vars(py);
    name_python(py, &error);
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        // Only the exact type ends the process by SIGINT, as in CPython's `run_eval_code_obj`.
        let exact = error.get_type(py).is(py.get_type::<PyKeyboardInterrupt>());
        let end = if exact { ProcessEnd::Interrupted } else { ProcessEnd::Exit(1) };
        return Ok(("interrupted", end, Some(error)));
    }
    Ok(("exception", ProcessEnd::Exit(1), Some(error)))
}

/// The end that an error of a save asks for, if a signal handler raised it: Ctrl-C, or `sys.exit` in a handler of the
/// script. `None` for any other error.
pub(crate) fn requested_end(py: Python<'_>, error: &anyhow::Error) -> Option<ProcessEnd> {
    let error = error.downcast_ref::<PyErr>()?;
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return Some(ProcessEnd::InterruptedWork);
    }
    let exits = error.is_instance_of::<PySystemExit>(py);
    exits.then(|| ProcessEnd::Exit(exit_code(py, error).unwrap_or(exit::FAILED)))
}

/// Prints an error, or `interrupted` if a signal handler raised it, and returns how the process is to end.
pub(crate) fn end_after_error(py: Python<'_>, error: &anyhow::Error, interrupted: &str) -> ProcessEnd {
    if let Some(end) = requested_end(py, error) {
        print_line(interrupted);
        return end;
    }
    print_error(error);
    ProcessEnd::Exit(exit::code_of(error))
}

/// The exit code of a SystemExit, as in CPython's `handle_system_exit`: `None` is 0, a number is itself, and any other
/// value is printed to standard error and is 1.
fn exit_code(py: Python<'_>, error: &PyErr) -> PyResult<i32> {
    let code = error.value(py).getattr_opt("code")?.unwrap_or_else(|| error.value(py).clone().into_any());
    if code.is_none() {
        return Ok(0);
    }
    if code.is_instance_of::<pyo3::types::PyInt>() {
        // An exit status has eight bits. CPython uses -1 for a number that does not fit a C long.
        return Ok(code.extract::<i64>().map_or(-1, |number| (number & 0xff) as i32));
    }
    let stderr = py.import("sys")?.getattr("stderr")?;
    if !stderr.is_none() {
        // A stream that cannot be written to does not change the exit code.
        let text = code.str().and_then(|text| stderr.call_method1("write", (text,)));
        if let Err(error) = text.and_then(|_| stderr.call_method1("write", ("\n",))) {
            drop(error);
        }
    }
    Ok(1)
}

/// Waits for threads that are not daemons, as the interpreter does when it ends. Doing it twice is harmless.
fn join_threads(py: Python<'_>) -> PyResult<()> {
    let modules = py.import("sys")?.getattr("modules")?;
    let Ok(threading) = modules.get_item("threading") else { return Ok(()) };
    if let Err(error) = threading.call_method0("_shutdown") {
        error.write_unraisable(py, Some(&threading));
    }
    Ok(())
}
