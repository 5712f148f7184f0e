//! `snapcli.save(…, wait=False)`: the handle of a save that a forked process does.
//!
//! There is one such process at a time. If it cannot finish, the session is saved again in the foreground, when the
//! result is needed: by the handle, by the next save, or at the end of the program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyRuntimeError, PyTimeoutError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyTuple};
use serde::{Deserialize, Serialize};

use super::raised_errors::to_exception;
use super::save_call::{SaveCall, WrittenSnapshot};
use super::save_output::{HeldSnapshot, SaveOutput};
use super::save_report::Report;
use super::turns::Turn;
use crate::python::deferred_signals::{Tolerated as _, check_signals, deferring};
use crate::session::background::{self, ChildEnd, HeldDescriptor, SavingChild, reason_against_fork};

/// How often a thread checks whether another one has finished the save.
const PAUSE: Duration = Duration::from_millis(20);

/// The latest save, until its result is known.
static LAST: Mutex<Option<Arc<BackgroundJob>>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a child answers.
#[derive(Serialize, Deserialize)]
enum ChildAnswer {
    Saved(Box<WrittenSnapshot>),
    /// An exception, pickled.
    Raised(Vec<u8>),
}

struct BackgroundJob {
    /// The target, for messages.
    target: String,
    /// The absolute path of the file or store; `None` if it is saved to memory or a file object.
    path: Option<PathBuf>,
    /// The same without symlinks, to tell whether another path leads to the same file.
    resolved: Option<PathBuf>,
    /// The process that began it.
    owner: u32,
    stage: Mutex<JobStage>,
    /// Whether the program has asked for the result.
    was_read: AtomicBool,
}

enum JobStage {
    Running(Arc<RunningSave>),
    /// The thread with this number finishes it.
    Finishing(u64),
    Ended(PyResult<Py<Report>>),
}

/// All that finishing a save needs.
struct RunningSave {
    child: SavingChild,
    call: SaveCall,
    output: SaveOutput,
    spool: Option<HeldDescriptor<File>>,
}

impl RunningSave {
    /// Forks. Returns an error if that is not possible.
    fn fork(py: Python<'_>, call: SaveCall, output: SaveOutput) -> PyResult<Self> {
        let is_held = matches!(output, SaveOutput::Object(_) | SaveOutput::Memory);
        let spool = if is_held { Some(HeldDescriptor::new(tempfile::tempfile()?)) } else { None };
        let kept: Vec<_> = spool.iter().map(HeldDescriptor::number).collect();
        let child = background::fork_to_save(py, &kept, |py| {
            let answer = deferring(py, || {
                let copy = spool.as_ref().and_then(HeldDescriptor::get).map(File::try_clone).transpose()?;
                let written = call.write(py, &output, copy).and_then(|(written, held)| {
                    held.map_or(Ok(()), HeldSnapshot::end)?;
                    Ok(written)
                });
                let action = format!("save to {}", output.name(py));
                written.map_err(|error| to_exception(py, error, &action, output.path()))
            });
            let answer = match answer {
                Ok(written) => ChildAnswer::Saved(Box::new(written)),
                Err(error) => ChildAnswer::Raised(pickled(py, &error)),
            };
            // Serializing such an answer cannot fail.
            serde_json::to_vec(&answer).unwrap_or_default()
        })?;
        Ok(Self { child, call, output, spool })
    }

    /// The result, once the child has ended.
    fn finish(&self, py: Python<'_>, path: Option<&Path>) -> PyResult<Report> {
        let is_lost = self.spool.as_ref().is_some_and(|spool| spool.get().is_none());
        let end = if is_lost { ChildEnd::Unheard } else { self.child.end() };
        let answer = match &end {
            ChildEnd::Answered(bytes) => serde_json::from_slice::<ChildAnswer>(bytes).ok(),
            ChildEnd::Hung | ChildEnd::Killed | ChildEnd::Unheard => None,
        };
        match answer {
            Some(ChildAnswer::Saved(written)) => Ok(written.report(self.data(py)?, Vec::new())),
            Some(ChildAnswer::Raised(bytes)) => Err(unpickled(py, &bytes)),
            None => {
                let why = end.reason().unwrap_or("the process that saved in the background failed");
                let why = format!("{why}; the session was saved again");
                // The program may be in another directory now.
                let moved = path.filter(|path| self.output.absolute_path().as_deref() != Some(path));
                let moved = moved.map(|path| self.output.moved_to(py, path));
                let output = moved.as_ref().unwrap_or(&self.output);
                output.remove_leftovers(self.child.process());
                save_now(py, &self.call, output, &why)
            }
        }
    }

    /// The bytes of a snapshot that is saved to memory or a file object.
    fn data(&self, py: Python<'_>) -> PyResult<Option<Py<PyBytes>>> {
        let Some(spool) = self.spool.as_ref().and_then(HeldDescriptor::get) else { return Ok(None) };
        let bytes = spool.metadata()?.len();
        self.output.take(py, HeldSnapshot::over(spool.try_clone()?), bytes)
    }
}

/// Saves in the foreground, with the reason in the report.
fn save_now(py: Python<'_>, call: &SaveCall, output: &SaveOutput, why: &str) -> PyResult<Report> {
    let note = format!("saved in the foreground: {why}");
    let action = format!("save to {}", output.name(py));
    deferring(py, || call.save(py, output, vec![note]).map_err(|error| to_exception(py, error, &action, output.path())))
}

/// An exception, pickled. One that cannot be pickled becomes a RuntimeError with the same text.
fn pickled(py: Python<'_>, error: &PyErr) -> Vec<u8> {
    let dumps = |value: &Bound<'_, PyAny>| py.import("pickle")?.call_method1("dumps", (value,))?.extract::<Vec<u8>>();
    let plain = || dumps(PyRuntimeError::new_err(error.to_string()).value(py).as_any());
    dumps(error.value(py).as_any()).or_else(|_| plain()).tolerated().unwrap_or_default()
}

fn unpickled(py: Python<'_>, bytes: &[u8]) -> PyErr {
    // The bytes come from a copy of this process.
    let loaded = py.import("pickle").and_then(|pickle| pickle.call_method1("loads", (PyBytes::new(py, bytes),)));
    loaded.map_or_else(|error| error, PyErr::from_value)
}

impl BackgroundJob {
    fn is_own(&self) -> bool {
        self.owner == std::process::id()
    }

    fn running(&self) -> Option<Arc<RunningSave>> {
        match &*lock(&self.stage) {
            JobStage::Running(running) => Some(Arc::clone(running)),
            JobStage::Finishing(_) | JobStage::Ended(_) => None,
        }
    }

    /// The result, if it is known.
    fn ended(&self, py: Python<'_>) -> Option<PyResult<Py<Report>>> {
        match &*lock(&self.stage) {
            JobStage::Ended(Ok(report)) => Some(Ok(report.clone_ref(py))),
            JobStage::Ended(Err(error)) => Some(Err(error.clone_ref(py))),
            JobStage::Running(_) | JobStage::Finishing(_) => None,
        }
    }

    /// Waits for the end, up to `limit`. Returns whether the result is known.
    ///
    /// # Errors
    /// The exception of a signal handler, or a call from within the save. The exception of the save is part of its
    /// result.
    fn wait(&self, py: Python<'_>, limit: Option<Duration>) -> PyResult<bool> {
        if !self.is_own() {
            return Err(PyRuntimeError::new_err("another process began this save: only that one knows its result"));
        }
        let started = Instant::now();
        let left = || limit.map(|limit| limit.saturating_sub(started.elapsed()));
        loop {
            if let Some(running) = self.running() {
                if !running.child.wait(py, left())? {
                    return Ok(false);
                }
                self.finish(py)?;
            }
            match &*lock(&self.stage) {
                JobStage::Ended(_) => return Ok(true),
                JobStage::Finishing(thread) if *thread == Turn::own_name() => {
                    return Err(PyRuntimeError::new_err("the save waits for its own result"));
                }
                JobStage::Running(_) | JobStage::Finishing(_) => {}
            }
            if left().is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            py.detach(|| std::thread::sleep(PAUSE));
            check_signals(py)?;
        }
    }

    /// Takes the result of a child that has ended, or saves again.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let running = {
            let mut stage = lock(&self.stage);
            let JobStage::Running(running) = &*stage else { return Ok(()) };
            let running = Arc::clone(running);
            *stage = JobStage::Finishing(Turn::own_name());
            running
        };
        let result = running.finish(py, self.path.as_deref()).and_then(|report| Py::new(py, report));
        let stage = std::mem::replace(&mut *lock(&self.stage), JobStage::Ended(result));
        // Dropping objects may run code of the script, so no lock is held here.
        drop((stage, running));
        Ok(())
    }
}

/// Called before another save begins. Waits for the latest one if the new save is in the background or has the same
/// target; otherwise only takes its result if that is there.
pub(super) fn finish_previous(py: Python<'_>, output: &SaveOutput, wait: bool) -> PyResult<()> {
    let Some(last) = lock(&LAST).clone() else { return Ok(()) };
    let resolved = output.resolved_path();
    let must_wait = !wait || (resolved.is_some() && resolved == last.resolved);
    if last.is_own() && !last.wait(py, if must_wait { None } else { Some(Duration::ZERO) })? {
        return Ok(());
    }
    forget(&last);
    Ok(())
}

/// Waits for the latest save, if there is one, and prints its exception unless the program has asked for the result.
///
/// # Errors
/// The exception of a handler of a signal.
pub(crate) fn finish_background_save(py: Python<'_>) -> PyResult<()> {
    let Some(last) = lock(&LAST).clone().filter(|last| last.is_own()) else { return Ok(()) };
    last.wait(py, None)?;
    forget(&last);
    if let Some(Err(error)) = last.ended(py)
        && !last.was_read.load(Ordering::Relaxed)
    {
        error.write_unraisable(py, None);
    }
    Ok(())
}

/// Whether a save of the script is running in the background.
pub(crate) fn is_saved_by_script() -> bool {
    let running = lock(&LAST).as_ref().filter(|last| last.is_own()).and_then(|last| last.running());
    running.is_some_and(|running| !running.child.has_ended(Duration::ZERO))
}

fn forget(job: &Arc<BackgroundJob>) {
    let mut last = lock(&LAST);
    if last.as_ref().is_some_and(|last| Arc::ptr_eq(last, job)) {
        *last = None;
    }
}

/// Registered with `atexit`.
#[pyfunction]
fn finish_at_exit(py: Python<'_>) -> PyResult<()> {
    finish_background_save(py)
}

fn register_at_exit(py: Python<'_>) -> PyResult<()> {
    static IS_REGISTERED: AtomicBool = AtomicBool::new(false);
    if !IS_REGISTERED.swap(true, Ordering::Relaxed) {
        py.import("atexit")?.call_method1("register", (wrap_pyfunction!(finish_at_exit, py)?,))?;
    }
    Ok(())
}

/// A save that another process does, while the program goes on. It saves what the session was at the call.
///
/// If that process is killed, or hangs, the session is saved again in the foreground when done() or result() is called,
/// at the next save, or when Python ends, and the report says so.
#[pyclass(frozen, module = "snapcli")]
pub struct BackgroundSave(Arc<BackgroundJob>);

impl BackgroundSave {
    /// Begins a save. Where a fork is not safe, it saves in the foreground, and the report has the reason.
    pub(super) fn begin(py: Python<'_>, call: SaveCall, output: SaveOutput) -> PyResult<Self> {
        let target = output.name(py);
        let failed = |error| to_exception(py, error, &format!("save to {target}"), output.path());
        output.check(py).map_err(failed)?;
        let (path, resolved) = (output.absolute_path(), output.resolved_path());
        let stage = match reason_against_fork(py) {
            None => JobStage::Running(Arc::new(RunningSave::fork(py, call, output)?)),
            Some(why) => JobStage::Ended(Ok(Py::new(py, save_now(py, &call, &output, &why)?)?)),
        };
        let (owner, was_read) = (std::process::id(), AtomicBool::new(false));
        let is_running = matches!(stage, JobStage::Running(_));
        let job = Arc::new(BackgroundJob { target, path, resolved, owner, stage: Mutex::new(stage), was_read });
        if is_running {
            register_at_exit(py)?;
            *lock(&LAST) = Some(Arc::clone(&job));
        }
        Ok(Self(job))
    }
}

#[pymethods]
impl BackgroundSave {
    /// Whether the result is known. Does not wait, unless the session has to be saved again.
    fn done(&self, py: Python<'_>) -> PyResult<bool> {
        self.0.wait(py, Some(Duration::ZERO))
    }

    /// Waits for the end, and returns the Report, or raises the exception of the save. If that takes more than
    /// `timeout` seconds, TimeoutError is raised, and the save goes on.
    #[pyo3(signature = (timeout = None))]
    fn result(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Py<Report>> {
        let limit = timeout.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX));
        if !self.0.wait(py, limit)? {
            return Err(PyTimeoutError::new_err(format!("the save to {} is still running", self.0.target)));
        }
        self.0.was_read.store(true, Ordering::Relaxed);
        self.0.ended(py).unwrap_or_else(|| Err(PyRuntimeError::new_err("the save has no result")))
    }

    /// The Report, if the save has succeeded; None while it runs and if it has failed.
    #[getter]
    fn report(&self, py: Python<'_>) -> PyResult<Option<Py<Report>>> {
        self.0.wait(py, Some(Duration::ZERO))?;
        Ok(self.0.ended(py).and_then(|result| result.tolerated()))
    }

    /// The file, store or object that is saved to.
    #[getter]
    fn target(&self) -> &str {
        &self.0.target
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let state = match self.0.ended(py) {
            Some(Ok(report)) => report.get().saved_words(),
            Some(Err(error)) => format!("failed with {error}"),
            None if !self.0.is_own() => "of another process".to_owned(),
            None => "running".to_owned(),
        };
        format!("<snapcli.BackgroundSave to {}: {state}>", self.0.target)
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let state = PyDict::new(py);
        state.set_item("target", &self.0.target)?;
        state.set_item("report", self.0.ended(py).and_then(|result| result.tolerated()))?;
        // Like a Report, it is pickled as a namespace with its attributes.
        Ok((py.import("types")?.getattr("SimpleNamespace")?, PyTuple::empty(py), state))
    }
}
