//! What a checkpoint needs to know of the script besides its variables: its namespace, its threads and its buffered
//! output.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::python::deferred_signals::Tolerated as _;
use crate::python::script_run::ScriptRun;

/// The namespace of the script.
///
/// # Errors
/// If the script has removed its module.
pub(crate) fn script_namespace(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    Ok(py.import("__main__")?.dict())
}

/// The namespace of a run. The script may have removed its module.
pub(crate) fn namespace_of<'py>(py: Python<'py>, run: &ScriptRun) -> Bound<'py, PyDict> {
    run.main.bind(py).dict()
}

/// The name of a thread of the script that is running: its work does not end with a step of the main thread.
///
/// # Errors
/// Those of a broken `threading` module.
pub(crate) fn own_thread(py: Python<'_>) -> PyResult<Option<String>> {
    let modules = py.import("sys")?.getattr("modules")?;
    let Ok(threading) = modules.get_item("threading") else { return Ok(None) };
    let main = threading.call_method0("main_thread")?;
    for thread in threading.call_method0("enumerate")?.try_iter()? {
        let thread = thread?;
        if thread.is(&main) {
            continue;
        }
        let target = thread.getattr("_target").tolerated().filter(|target| !target.is_none());
        if let Some(target) = &target
            && is_idle_worker(&thread, target)? == Some(true)
        {
            continue;
        }
        let module = target.as_ref().unwrap_or(&thread).getattr("__module__").tolerated();
        let is_of_script = module.is_some_and(|module| module.extract::<&str>().tolerated() == Some("__main__"));
        if is_of_script || !thread.getattr("daemon")?.is_truthy()? {
            return Ok(Some(thread.getattr("name")?.str()?.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// Whether a thread is a worker of a `ThreadPoolExecutor` that waits for work, and there is none. `None` if it is
/// another thread.
fn is_idle_worker(thread: &Bound<'_, PyAny>, target: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    let py = thread.py();
    let is_worker = target
        .getattr("__module__")
        .tolerated()
        .is_some_and(|module| module.extract::<&str>().tolerated() == Some("concurrent.futures.thread"));
    if !is_worker {
        return Ok(None);
    }
    let frames = py.import("sys")?.call_method0("_current_frames")?;
    let Some(frame) = frames.get_item(thread.getattr("ident")?).tolerated() else { return Ok(Some(false)) };
    // A worker that does something has another frame on top of this one.
    if !frame.getattr("f_code")?.is(target.getattr("__code__")?) {
        return Ok(Some(false));
    }
    let variables = frame.getattr("f_locals")?;
    let has_work = variables.get_item("work_item").tolerated().is_some_and(|item| !item.is_none());
    let Some(queue) = variables.get_item("work_queue").tolerated() else { return Ok(Some(false)) };
    Ok(Some(!has_work && queue.call_method0("empty")?.is_truthy()?))
}

/// Flushes the standard streams, so that output from before a checkpoint is neither lost nor printed again.
pub(crate) fn flush_output(py: Python<'_>) {
    for name in ["stdout", "stderr"] {
        // The script may have closed or replaced it.
        let _ = py.import("sys").and_then(|sys| sys.getattr(name)?.call_method0("flush")).tolerated();
    }
}

/// The Python exception for an error.
pub(crate) fn raised(error: anyhow::Error) -> PyErr {
    error.downcast().unwrap_or_else(|error| pyo3::exceptions::PyRuntimeError::new_err(format!("{error:#}")))
}

/// The code of an empty script.
///
/// # Errors
/// None that Python code can cause.
pub(crate) fn code_of_nothing(py: Python<'_>) -> PyResult<Py<PyAny>> {
    Ok(py.import("builtins")?.call_method1("compile", ("", "<finished>", "exec"))?.unbind())
}
