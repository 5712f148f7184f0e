//! Starts CPython inside this process, set up as the chosen `python` would be, and hands it one job.
//!
//! `Py_BytesMain` (stable ABI) does the whole set-up: the virtual environment, `sys.executable`, signal handlers,
//! `PYTHON*` variables. It is called as for `python -c pass`, and an audit hook waits for the event
//! `cpython.run_command`, which CPython raises when all is set up and nothing has run yet: there the job begins. So
//! no frame of ours is below the script, no traceback or source text of ours is in its way, and nothing in `sys`
//! has to be put back. The hook stays, as hooks do; every later event costs it one comparison.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use pyo3::prelude::*;

/// How the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this exit code, once Python has finished (`atexit`, flushing).
    Exit(i32),
    /// By SIGINT, as `python` ends after a KeyboardInterrupt: a shell reads 130, and stops its own loop too.
    Interrupted,
}

/// What to do once Python is up.
pub enum Job {
    /// Runs without a Python frame below it, and ends the process.
    Whole(Box<dyn FnOnce(Python<'_>) -> End + Send>),
    /// Runs first; then Python's own prompt begins, unless the job ends the process.
    BeforePrompt(Box<dyn FnOnce(Python<'_>) -> Option<End> + Send>),
}

static JOB: Mutex<Option<Job>> = Mutex::new(None);
static WAITING: AtomicBool = AtomicBool::new(true);

/// The audit event of a `-c` that is about to run.
const RUN_COMMAND: &CStr = c"cpython.run_command";

unsafe extern "C" {
    // Exported by every CPython from 3.8 on, though not part of the stable ABI: PEP 578's hook, PEP 587's set-up.
    fn PySys_AddAuditHook(hook: AuditHook, data: *mut c_void) -> c_int;
    fn PyPreConfig_InitPythonConfig(config: *mut PreConfig);
    fn Py_PreInitializeFromBytesArgs(config: *const PreConfig, argc: isize, argv: *mut *mut c_char) -> Status;
}

/// `PyPreConfig`: ten ints in 3.8 to 3.14, of which only Python knows the meaning; the rest is room.
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

/// Starts the interpreter whose own path is `executable`, and runs `job` in it. `add_modules` is called before Python is
/// initialized, to add built-in modules. Does not return: the process ends as the job says.
pub fn start(executable: &Path, add_modules: fn(), job: Job) -> Result<Infallible> {
    let prompt = matches!(job, Job::BeforePrompt(_));
    *JOB.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(job);
    forget_rusts_handlers();
    add_modules();
    let mut arguments = vec![c_string(executable.as_os_str())?];
    if prompt {
        arguments.push(c_string(OsStr::new("-i"))?);
    }
    arguments.push(c_string(OsStr::new("-c"))?);
    arguments.push(c_string(OsStr::new("pass"))?);
    let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
    let count = i32::try_from(pointers.len()).context("too many arguments for Python")?;
    pointers.push(std::ptr::null_mut());
    add_hook(count, pointers.as_mut_ptr())?;
    // SAFETY: argc and argv describe NUL-terminated strings that live until the process ends, and no
    // interpreter has been started in this process yet.
    let code = unsafe { pyo3::ffi::Py_BytesMain(count, pointers.as_mut_ptr()) };
    std::process::exit(code)
}

/// Adds the audit hook. Before that Python chooses its allocators and its encoding, from the same arguments and in the
/// same way as `Py_BytesMain`, which then finds it done: a hook from one allocator cannot be freed by another
/// (`PYTHONDEVMODE`, `PYTHONMALLOC`).
fn add_hook(count: c_int, arguments: *mut *mut c_char) -> Result<()> {
    let mut config = PreConfig([0; 64]);
    // SAFETY: the buffer is aligned for ints and larger than the struct of any version.
    unsafe { PyPreConfig_InitPythonConfig(&raw mut config) };
    // SAFETY: the config has been initialized, and argc and argv are those of `start`.
    let status = unsafe { Py_PreInitializeFromBytesArgs(&raw const config, count as isize, arguments) };
    anyhow::ensure!(status.kind == 0, "Python cannot be set up: check the PYTHON* variables");
    // SAFETY: may be called before Python is initialized; the hook is a plain function that lives forever.
    let added = unsafe { PySys_AddAuditHook(hook, std::ptr::null_mut()) };
    anyhow::ensure!(added == 0, "Python does not take an audit hook");
    Ok(())
}

/// Rust catches SIGSEGV and SIGBUS to tell of stack overflows; a script is to find them as python leaves them.
fn forget_rusts_handlers() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: sets the default action, which is always valid.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

fn c_string(text: &OsStr) -> Result<CString> {
    CString::new(text.as_bytes()).with_context(|| format!("{} holds a NUL byte", text.display()))
}

/// Called by CPython for each audit event, with the GIL held.
unsafe extern "C" fn hook(event: *const c_char, _: *mut pyo3::ffi::PyObject, _: *mut c_void) -> c_int {
    if !WAITING.load(Ordering::Relaxed) {
        return 0;
    }
    // SAFETY: CPython passes the event's name, a NUL-terminated string that lives for the call.
    let event = unsafe { CStr::from_ptr(event) };
    if event == RUN_COMMAND {
        WAITING.store(false, Ordering::Relaxed);
        begin();
    }
    0
}

fn begin() {
    let job = JOB.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    Python::attach(|py| match job {
        Some(Job::Whole(job)) => finish(py, job(py)),
        Some(Job::BeforePrompt(job)) => {
            if let Some(end) = job(py) {
                finish(py, end);
            }
        }
        None => {}
    });
}

/// Ends Python, then the process, as `Py_RunMain` would.
fn finish(_py: Python<'_>, end: End) -> ! {
    // SAFETY: the GIL is held, and nothing of Python is touched after this call.
    let flushed = unsafe { pyo3::ffi::Py_FinalizeEx() };
    match end {
        // 120 is what python exits with when its standard output cannot be flushed at the end.
        End::Exit(_) if flushed < 0 => std::process::exit(120),
        End::Exit(code) => std::process::exit(code),
        End::Interrupted => {
            die_of_sigint();
            std::process::exit(crate::exit::INTERRUPTED)
        }
    }
}

fn die_of_sigint() {
    // SAFETY: sets the default action, which is always valid.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    // SAFETY: has no preconditions.
    let own = unsafe { libc::getpid() };
    // SAFETY: sends a signal to this very process.
    unsafe { libc::kill(own, libc::SIGINT) };
}
