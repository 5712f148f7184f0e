//! Runs the check of a save in a forked child: it has the script's modules and objects, and what it does to them is
//! gone when it ends. It never returns to Python, and never finalizes anything.

use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::child_signal::SuspendedHandler;
use super::interpreter_guards::WarningFilters;
use super::load_guards::{block_changes, drop_connections};
use super::trial_load::TrialResult;
use crate::pickler::loaded_modules;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::deferred_signals::check_signals;
use crate::python::script_signals::is_ending;
use crate::snapshot::atomic::signals::BoundChild;

/// How often Ctrl-C is looked for while the child works.
const PAUSE: Duration = Duration::from_millis(20);

/// Libraries with threads that a forked process does not have, and waits for.
const THREADED_LIBRARIES: [&str; 7] =
    ["jax", "jaxlib.xla_client", "tensorflow", "xgboost", "lightgbm", "cupy", "polars"];

/// An imported library that would hang in a forked process.
pub(super) fn library_that_hangs(py: Python<'_>) -> Option<&'static str> {
    let modules = loaded_modules(py).tolerated()?;
    let module = |name: &str| modules.get_item(name).tolerated();
    let uses_cuda = || {
        module("torch.cuda")
            .is_some_and(|cuda| cuda.getattr("_initialized").tolerated().is_some_and(|it| it.is(PyBool::new(py, true))))
    };
    let found = THREADED_LIBRARIES.into_iter().find(|name| module(name).is_some());
    found.or_else(|| uses_cuda().then_some("CUDA"))
}

/// Runs `work` in a child, which is killed after `limit`.
///
/// # Errors
/// If the child does not answer. Then nothing is known. Also Ctrl-C, as the exception of Python.
pub(super) fn in_child(
    py: Python<'_>,
    limit: Duration,
    work: impl FnOnce() -> Result<TrialResult>,
) -> Result<TrialResult> {
    let handler = SuspendedHandler::new();
    let (from_child, to_parent) = io::pipe()?;
    let child = fork(py).map_err(|error| cannot_start(py, error))?;
    if child == 0 {
        drop(from_child);
        run_child(py, limit, to_parent, work);
    }
    let bound = BoundChild::new(child);
    drop(to_parent);
    let answer = match read_answer(py, limit, from_child) {
        Ok(Some(answer)) => answer,
        ended => {
            end(py, child);
            ended?;
            if is_ending() {
                bail!("a signal ends this process");
            }
            bail!("the process that loaded it did not end within {} s", limit.as_secs());
        }
    };
    let status = end(py, child);
    drop(bound);
    drop(handler);
    call_handlers(py)?;
    let Ok(answer) = serde_json::from_slice::<Result<TrialResult, String>>(&answer) else {
        bail!("the process that loaded it {}", status.map_or_else(|| "died".to_owned(), describe_end));
    };
    answer.map_err(anyhow::Error::msg)
}

/// Reads all that a process writes. `None` if it does not end within `limit`, or if a signal ends this process soon, so
/// that there is no time for a check, or if there is no thread for it.
///
/// # Errors
/// If reading fails, and Ctrl-C, as the exception of Python.
pub(crate) fn read_answer(
    py: Python<'_>,
    limit: Duration,
    mut from_child: impl Read + Send + 'static,
) -> Result<Option<Vec<u8>>> {
    let (sender, receiver) = channel();
    let receiver = Mutex::new(receiver);
    let reading = Builder::new().spawn(move || {
        let mut answer = Vec::new();
        let read = from_child.read_to_end(&mut answer).map(|_| answer);
        // The receiver is gone if the limit has passed.
        let _ = sender.send(read);
    });
    if reading.is_err() {
        return Ok(None);
    }
    let started = Instant::now();
    loop {
        // Other threads of the script may be running.
        match py.detach(|| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(PAUSE)) {
            Ok(answer) => return Ok(Some(answer?)),
            Err(RecvTimeoutError::Timeout) if started.elapsed() < limit && !is_ending() => call_handlers(py)?,
            Err(_) => return Ok(None),
        }
    }
}

/// Calls the script's handlers of the signals that have arrived.
///
/// # Errors
/// The exception of a handler that ends the script. Others are only printed, as those of a thread are.
fn call_handlers(py: Python<'_>) -> PyResult<()> {
    match check_signals(py) {
        Err(error) if !error.is_instance_of::<PyKeyboardInterrupt>(py) && !error.is_instance_of::<PySystemExit>(py) => {
            error.write_unraisable(py, None);
            Ok(())
        }
        done => done,
    }
}

/// `os.fork`, as the interpreter needs it. Returns 0 in the child.
fn fork(py: Python<'_>) -> PyResult<i32> {
    // Python 3.12 warns if there are other threads, and so do some libraries. The child does not use those.
    let filter = WarningFilters::ignore_all(py);
    // The script may have replaced `os.fork`.
    let child = py.import("posix")?.call_method0("fork")?.extract();
    drop(filter);
    child
}

/// Only the exceptions that end the script stay exceptions. Any other means that the check is impossible: there are too
/// many processes, or Python 3.12 is about to end.
fn cannot_start(py: Python<'_>, error: PyErr) -> anyhow::Error {
    match error.is_instance_of::<PyException>(py) {
        true => anyhow::anyhow!("cannot start a process to load it in: {}", error.value(py)),
        false => error.into(),
    }
}

/// Kills the child, if it still runs, and waits for it. Returns how it ended: a signal changes nothing about a process
/// that has ended by itself.
fn end(py: Python<'_>, child: i32) -> Option<ExitStatus> {
    let posix = py.import("posix").tolerated()?;
    posix.call_method1("kill", (child, libc::SIGKILL)).tolerated();
    // Fails if another thread of the script has waited for the child already.
    let (_, status) = posix.call_method1("waitpid", (child, 0)).tolerated()?.extract::<(i32, i32)>().tolerated()?;
    Some(ExitStatus::from_raw(status))
}

fn describe_end(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "died".to_owned(),
    }
}

fn run_child(
    py: Python<'_>,
    limit: Duration,
    mut to_parent: PipeWriter,
    work: impl FnOnce() -> Result<TrialResult>,
) -> ! {
    let answer = catch_unwind(AssertUnwindSafe(|| {
        be_silent(py, limit)?;
        drop_connections(py, to_parent.as_raw_fd())?;
        block_changes(py)?;
        work()
    }));
    let answer = match answer {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err("the process that loaded it panicked".to_owned()),
    };
    let _ = serde_json::to_vec(&answer).map(|bytes| to_parent.write_all(&bytes));
    drop(to_parent);
    // Without finalizers, and without flushing what the parent has buffered.
    let _ = py.import("posix").and_then(|posix| posix.call_method1("_exit", (0,)));
    std::process::abort()
}

/// What the loaded code prints is dropped, and the child ends even if its parent has been killed.
fn be_silent(py: Python<'_>, limit: Duration) -> PyResult<()> {
    let posix = py.import("posix")?;
    let null = posix.call_method1("open", ("/dev/null", libc::O_RDWR))?;
    for descriptor in 0..3 {
        posix.call_method1("dup2", (&null, descriptor))?;
    }
    let signal = py.import("_signal")?;
    signal.call_method1("signal", (libc::SIGALRM, signal.getattr("SIG_DFL")?)).tolerated();
    signal.call_method1("alarm", (limit.as_secs() + 1,))?;
    // Batch systems send these to all processes of a job: the parent decides what becomes of the check.
    for number in [libc::SIGTERM, libc::SIGHUP] {
        signal.call_method1("signal", (number, signal.getattr("SIG_IGN")?)).tolerated();
    }
    // A finalizer could delete a file that the script still uses.
    py.import("gc")?.call_method0("disable").map(drop)
}
