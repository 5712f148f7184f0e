//! Starts CPython inside this process, set up as the chosen `python` would be, and runs one job in it.
//!
//! `Py_BytesMain` (stable ABI), or the `main` of the executable that the engine was injected into, does the set-up:
//! virtual environment, `sys.executable`, signal handlers, `PYTHON*` variables. It gets the arguments of
//! `python -c pass`. An audit hook waits for the event `cpython.run_command`, which CPython raises when everything is
//! set up and nothing has run yet, and starts the job there. So the script has no frame of ours below it, and `sys`
//! needs no repair. Audit hooks cannot be removed; every later event costs one comparison.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use pyo3::prelude::*;

use super::{interrupt_limit, start_signals, work_left};
use crate::exit;
use crate::snapshot::atomic::signals::end_by;

/// How the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessEnd {
    /// With this exit code, after Python has been finalized (`atexit`, flushing).
    Exit(i32),
    /// By SIGINT, as `python` after a KeyboardInterrupt: a shell sees 130, and stops a loop that it runs.
    Interrupted,
    /// The same, but Ctrl-C has ended work of snapcli, not of the script: finalizing Python may be skipped.
    InterruptedWork,
    /// By another signal.
    Signal(c_int),
}

impl ProcessEnd {
    /// What a shell shows.
    pub(crate) fn exit_code(self) -> i32 {
        match self {
            Self::Exit(code) => code,
            Self::Interrupted | Self::InterruptedWork => exit::INTERRUPTED,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// What to do when Python is set up.
pub(crate) enum PythonJob {
    /// Runs with no Python frame below it, then ends the process.
    Whole(Box<dyn FnOnce(Python<'_>) -> ProcessEnd + Send>),
    /// Runs before Python's own prompt, or ends the process.
    BeforePrompt(Box<dyn FnOnce(Python<'_>) -> Option<ProcessEnd> + Send>),
}

static JOB: Mutex<Option<PythonJob>> = Mutex::new(None);
static WAITING: AtomicBool = AtomicBool::new(true);

/// The audit event that CPython raises before it runs `-c`.
const RUN_COMMAND: &CStr = c"cpython.run_command";

unsafe extern "C" {
    // Exported by every CPython since 3.8, but not part of the stable ABI: the hooks of PEP 578, the set-up of PEP 587.
    fn PySys_AddAuditHook(hook: AuditHook, data: *mut c_void) -> c_int;
    fn PyPreConfig_InitPythonConfig(config: *mut PreConfig);
    fn Py_PreInitializeFromBytesArgs(config: *const PreConfig, argc: isize, argv: *mut *mut c_char) -> Status;
}

/// `PyPreConfig`: ten ints in 3.8 to 3.14, which only Python reads. The rest is spare.
#[repr(C)]
struct PreConfig([c_int; 64]);

/// `PyStatus` of PEP 587.
#[repr(C)]
struct Status {
    /// 0 is success.
    kind: c_int,
    function: *const c_char,
    message: *const c_char,
    exit_code: c_int,
}

type AuditHook = unsafe extern "C" fn(*const c_char, *mut pyo3::ffi::PyObject, *mut c_void) -> c_int;

/// Starts the interpreter with the path `executable`, and runs `job` in it. Does not return unless Python cannot be set
/// up: the job says how the process ends.
///
/// `add_modules` is called before Python is initialized, to add built-in modules.
pub(crate) fn start_python(executable: &Path, add_modules: fn(), job: PythonJob) -> Result<Infallible> {
    let prompt = matches!(job, PythonJob::BeforePrompt(_));
    #[cfg(not(feature = "embed"))]
    if super::injected::python_main().is_none() {
        return run_in_started_python(job);
    }
    // The audit hook is a C function without a closure, so it finds the job in a static.
    *JOB.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(job);
    start_signals::begin();
    add_modules();
    // Python finds its prefix and its virtual environment from `argv[0]`.
    let mut arguments = vec![c_string(executable.as_os_str())?];
    if prompt {
        arguments.push(c_string(OsStr::new("-i"))?);
    }
    // The job runs before `pass`, and ends the process unless a prompt is to follow.
    arguments.push(c_string(OsStr::new("-c"))?);
    arguments.push(c_string(OsStr::new("pass"))?);
    let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
    let count = i32::try_from(pointers.len()).context("too many arguments for Python")?;
    pointers.push(std::ptr::null_mut());
    add_hook(count, pointers.as_mut_ptr())?;
    let code = run_main(count, pointers.as_mut_ptr());
    // Reached only if the set-up failed or a prompt has ended.
    std::process::exit(code)
}

/// Calls `main` of `python`. The arguments are those of `start_python`.
#[cfg(feature = "embed")]
fn run_main(count: c_int, arguments: *mut *mut c_char) -> c_int {
    // SAFETY: argc and argv describe NUL-terminated strings that live until the process ends, and no interpreter has
    // been started in this process yet.
    unsafe { pyo3::ffi::Py_BytesMain(count, arguments) }
}

/// Calls `main` of `python`. The arguments are those of `start_python`.
#[cfg(not(feature = "embed"))]
fn run_main(count: c_int, arguments: *mut *mut c_char) -> c_int {
    let Some(main) = super::injected::python_main() else { return crate::exit::NO_PYTHON };
    // SAFETY: argc and argv describe NUL-terminated strings that live until the process ends; `main` has not been
    // called yet, and finds the environment by itself.
    unsafe { main(count, arguments, std::ptr::null_mut()) }
}

/// Runs the job where Python runs already: the engine could not be preloaded, and `snapcli/__main__.py` has loaded it.
/// A script then has that frame below it, and the prompt is the one of the standard library.
#[cfg(not(feature = "embed"))]
fn run_in_started_python(job: PythonJob) -> Result<Infallible> {
    Python::attach(|py| -> Result<Infallible> {
        clean_environment(py)?;
        run_in(py, job)
    })
}

/// Takes the variables of the first start out of `os.environ`, which Python filled before the engine was loaded.
#[cfg(not(feature = "embed"))]
fn clean_environment(py: Python<'_>) -> PyResult<()> {
    let environ = py.import("os")?.getattr("environ")?;
    for name in super::second_start::CHANGED {
        match std::env::var_os(name) {
            Some(value) => environ.set_item(name, value)?,
            None => drop(environ.call_method1("pop", (name, py.None()))?),
        }
    }
    Ok(())
}

#[cfg(not(feature = "embed"))]
fn run_in(py: Python<'_>, job: PythonJob) -> Result<Infallible> {
    match job {
        PythonJob::Whole(job) => finish(py, job(py)),
        PythonJob::BeforePrompt(job) => {
            if let Some(end) = job(py) {
                finish(py, end);
            }
            super::interrupt_limit::hand_over_to_prompt(py);
            let namespace = py.import("__main__")?.dict();
            let prompt = py.import("code")?.call_method1("interact", ("", py.None(), namespace, ""));
            let end = match prompt.map_err(anyhow::Error::from) {
                Ok(_) => ProcessEnd::Exit(0),
                Err(error) => super::script_run::requested_end(py, &error).ok_or(error)?,
            };
            finish(py, end)
        }
    }
}

/// Adds the audit hook. Python must choose its allocators first (`PYTHONMALLOC`, `PYTHONDEVMODE`), because it cannot
/// free the hook with another allocator than the one it was made with. So this pre-initializes Python as `Py_BytesMain`
/// would, which then skips that step.
fn add_hook(count: c_int, arguments: *mut *mut c_char) -> Result<()> {
    let mut config = PreConfig([0; 64]);
    // SAFETY: the buffer is aligned for ints and larger than the struct of any version.
    unsafe { PyPreConfig_InitPythonConfig(&raw mut config) };
    // SAFETY: the config has been initialized, and argc and argv are those of `start_python`.
    let status = unsafe { Py_PreInitializeFromBytesArgs(&raw const config, count as isize, arguments) };
    anyhow::ensure!(status.kind == 0, "cannot set up Python: check the PYTHON* environment variables");
    // SAFETY: may be called before Python is initialized; the hook is a function, which lives forever.
    let added = unsafe { PySys_AddAuditHook(hook, std::ptr::null_mut()) };
    anyhow::ensure!(added == 0, "Python refused the audit hook");
    Ok(())
}

fn c_string(text: &OsStr) -> Result<CString> {
    CString::new(text.as_bytes()).with_context(|| format!("{} contains a NUL byte", text.display()))
}

/// CPython calls this for each audit event, with the GIL held.
unsafe extern "C" fn hook(event: *const c_char, _: *mut pyo3::ffi::PyObject, _: *mut c_void) -> c_int {
    if !WAITING.load(Ordering::Relaxed) {
        return 0;
    }
    // SAFETY: CPython passes the event's name, a NUL-terminated string that lives for the call.
    let event = unsafe { CStr::from_ptr(event) };
    if event == RUN_COMMAND {
        // Before the job: the script raises audit events as well, which must not start it again.
        WAITING.store(false, Ordering::Relaxed);
        run_job();
    }
    0
}

fn run_job() {
    let job = JOB.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    Python::attach(|py| {
        start_signals::end(py);
        match job {
            Some(PythonJob::Whole(job)) => finish(py, job(py)),
            Some(PythonJob::BeforePrompt(job)) => {
                if let Some(end) = job(py) {
                    finish(py, end);
                }
                interrupt_limit::hand_over_to_prompt(py);
            }
            None => {}
        }
    });
}

/// Finalizes Python, then ends the process, as `Py_RunMain` does.
fn finish(py: Python<'_>, end: ProcessEnd) -> ! {
    if end == ProcessEnd::InterruptedWork {
        // Freeing millions of objects would take long.
        work_left::finish(py);
        if work_left::is_nothing(py) {
            end_by(libc::SIGINT);
        }
    }
    // SAFETY: the GIL is held, and no Python object is used after this call.
    let flushed = unsafe { pyo3::ffi::Py_FinalizeEx() };
    match end {
        // `python` exits with 120 if it cannot flush standard output at the end.
        ProcessEnd::Exit(_) if flushed < 0 => std::process::exit(120),
        ProcessEnd::Exit(code) => std::process::exit(code),
        ProcessEnd::Interrupted | ProcessEnd::InterruptedWork => end_by(libc::SIGINT),
        ProcessEnd::Signal(signal) => end_by(signal),
    }
}

/// Makes file descriptor 1 a copy of 2, and returns the original standard output, so that the output of a script does
/// not mix with ours. Must be called before Python starts.
#[allow(clippy::disallowed_methods, reason = "nothing is written to it here")]
pub(crate) fn redirect_stdout() -> io::Result<File> {
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    // SAFETY: both descriptors are standard streams of this process, and nothing holds 1 as an owned descriptor.
    let done = unsafe { libc::dup2(2, 1) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(File::from(stdout)) }
}
