//! Sets up a forked process that only saves: it does not print, keeps no connection of the script open, ignores the
//! signals that end the script, and is the first process that the kernel kills when memory runs out.
//!
//! All of this is done before the process uses Python.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::python::deferred_signals::{self, Tolerated as _};
use crate::session::load_guards::is_blocked;
use crate::snapshot::atomic::signals;

/// The least number of a descriptor that is closed last: the kernel closes descriptors in ascending order.
const LAST: RawFd = 500;
/// The adjustment of the score by which the kernel chooses the process that it kills when memory runs out.
const SCORE: &str = "500";

/// Moves a descriptor so that it is closed after all others: by then, the locks of this process are released as well.
pub(super) fn closed_last(descriptor: OwnedFd) -> OwnedFd {
    // SAFETY: duplicates a descriptor that is open.
    let moved = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, LAST) };
    // SAFETY: the descriptor is new, and nothing else owns it.
    if moved < 0 { descriptor } else { unsafe { OwnedFd::from_raw_fd(moved) } }
}

/// Prepares everything but Python. `kept` are descriptors that are used.
pub(super) fn prepare(kept: &[RawFd]) {
    if let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        drop_descriptors(&null, kept);
    }
    ignore_signals();
    signals::forget_parent();
    deferred_signals::forget_parent();
    // Only an optimization: without `/proc`, the score stays as it is.
    let _ = fs::write("/proc/self/oom_score_adj", SCORE);
}

/// Redirects the standard streams, sockets and pipes to `/dev/null`: output would mix with that of the script, and a
/// pipe that the script closes must not stay open here.
fn drop_descriptors(null: &File, kept: &[RawFd]) {
    let names = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let open: Vec<RawFd> = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().chain(0..3).filter(|descriptor| !kept.contains(descriptor)) {
        if descriptor < 3 || is_connection(descriptor) {
            // SAFETY: replaces a descriptor of the script, whose code does not run in this process.
            unsafe { libc::dup3(null.as_raw_fd(), descriptor, if descriptor < 3 { 0 } else { libc::O_CLOEXEC }) };
        }
    }
}

fn is_connection(descriptor: RawFd) -> bool {
    let mut found = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: only writes to `found`.
    let is_open = unsafe { libc::fstat(descriptor, found.as_mut_ptr()) } == 0;
    // SAFETY: zeros are valid for all of its fields.
    let mode = unsafe { found.assume_init() }.st_mode;
    is_open && matches!(mode & libc::S_IFMT, libc::S_IFSOCK | libc::S_IFIFO)
}

/// Ignores the signals that ask a program to end: a terminal sends them to the whole process group. Other signals get
/// the default action back, so that no handler of the script runs here.
fn ignore_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        let Some(before) = signals::action_of(signal) else { continue };
        let has_handler = !matches!(before.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN);
        let is_asking = signals::ENDING.contains(&signal);
        if is_asking || has_handler {
            let action = if is_asking { libc::SIG_IGN } else { libc::SIG_DFL };
            // SAFETY: sets an action without a handler.
            unsafe { libc::signal(signal, action) };
        }
    }
}

/// Whether the audit hook refuses actions with effects outside the process.
static IS_GUARDED: AtomicBool = AtomicBool::new(false);

/// Adds the hook that [`after_fork`] uses. It does nothing before that.
pub(super) fn add_guard() {
    unsafe extern "C" {
        // In the stable ABI, but not declared by PyO3 for it.
        fn PySys_AddAuditHook(
            hook: unsafe extern "C" fn(*const c_char, *mut pyo3::ffi::PyObject, *mut c_void) -> c_int,
            data: *mut c_void,
        ) -> c_int;
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the GIL is held; the hook is a function, which lives forever.
        let added = unsafe { PySys_AddAuditHook(guard, std::ptr::null_mut()) };
        if added < 0
            && let Some(error) = Python::attach(PyErr::take)
        {
            // An audit hook of the script has refused ours.
            drop(error);
        }
    });
}

/// CPython calls this for each audit event, with the GIL held.
unsafe extern "C" fn guard(event: *const c_char, _: *mut pyo3::ffi::PyObject, _: *mut c_void) -> c_int {
    if !IS_GUARDED.load(Ordering::Relaxed) {
        return 0;
    }
    // SAFETY: CPython passes the event's name, a NUL-terminated string that lives for the call.
    let event = unsafe { CStr::from_ptr(event) };
    if !event.to_str().is_ok_and(is_blocked) {
        return 0;
    }
    Python::attach(|py| pyo3::exceptions::PyOSError::new_err("not in a process that only saves").restore(py));
    -1
}

/// Lets Python continue in this process. Python drops the state of the other threads, and the objects that only they
/// referred to: the finalizers of these must not remove a file that the script still uses.
pub(super) fn after_fork(py: Python<'_>) {
    IS_GUARDED.store(true, Ordering::Relaxed);
    // SAFETY: this is a forked process, whose only thread has the GIL.
    unsafe { pyo3::ffi::PyOS_AfterFork_Child() };
    IS_GUARDED.store(false, Ordering::Relaxed);
    release_locks(py).tolerated();
}

/// Releases locks of the standard library that a thread of the parent may have held. The functions that the library
/// registered with `os.register_at_fork` for this are not called, as they do more.
fn release_locks(py: Python<'_>) -> PyResult<()> {
    py.import("gc")?.call_method0("disable")?;
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    if let Some(logging) = modules.get_item("logging")? {
        logging.call_method0("_after_at_fork_child_reinit_locks").tolerated();
    }
    if let Some(threading) = modules.get_item("threading")? {
        threading.getattr("_active_limbo_lock").and_then(|lock| lock.call_method0("_at_fork_reinit")).tolerated();
    }
    Ok(())
}
