//! Keeps a process that loads a new snapshot, to check it, from changing anything outside: files, other processes and
//! connections. A variable whose load tries that is not checked.
//!
//! Python reports such calls to its audit hooks before it makes them. What libraries do without Python is stopped by a
//! limit on the size of files, as far as possible.

use std::os::fd::RawFd;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::python::deferred_signals::Tolerated as _;

/// Events that are not allowed, and what the load would do.
const BLOCKED_EVENTS: [(&str, &str); 30] = [
    ("ftplib.connect", "connect to a server"),
    ("os.chmod", "change the mode of a file"),
    ("os.chown", "change the owner of a file"),
    ("os.exec", "run another program"),
    ("os.fork", "start a process"),
    ("os.forkpty", "start a process"),
    ("os.kill", "send a signal"),
    ("os.killpg", "send a signal"),
    ("os.link", "make a link"),
    ("os.mkdir", "make a directory"),
    ("os.posix_spawn", "start a process"),
    ("os.remove", "remove a file"),
    ("os.removexattr", "change the attributes of a file"),
    ("os.rename", "rename a file"),
    ("os.rmdir", "remove a directory"),
    ("os.setxattr", "change the attributes of a file"),
    ("os.symlink", "make a link"),
    ("os.system", "run another program"),
    ("os.truncate", "truncate a file"),
    ("os.unlink", "remove a file"),
    ("os.utime", "change the times of a file"),
    ("pty.spawn", "start a process"),
    ("signal.pthread_kill", "send a signal"),
    ("socket.bind", "open a port"),
    ("socket.connect", "connect to a server"),
    ("socket.sendmsg", "send a message"),
    ("socket.sendto", "send a message"),
    ("subprocess.Popen", "start a process"),
    ("urllib.Request", "connect to a server"),
    ("webbrowser.open", "start a process"),
];
/// The same, for all events that start like this.
const BLOCKED_GROUPS: [(&str, &str); 3] =
    [("shutil.", "copy, move or remove files"), ("smtplib.", "send a mail"), ("tempfile.", "make a temporary file")];
/// An event of our own, which shows that the hook is called.
const TRIAL_EVENT: &str = "snapcli.load_guards";

/// What the last blocked call would have done.
static BLOCKED: Mutex<Option<String>> = Mutex::new(None);

/// What was blocked since the last call.
pub(super) fn take_blocked() -> Option<String> {
    BLOCKED.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Like [`take_blocked`], and also tells by the error whether the limit on files was met.
pub(super) fn take_blocked_by(py: Python<'_>, error: &PyErr) -> Option<String> {
    let number = error.value(py).getattr("errno").and_then(|number| number.extract::<i32>());
    let is_limit =
        error.is_instance_of::<PyOSError>(py) && number.tolerated().is_some_and(|number| number == libc::EFBIG);
    take_blocked().or_else(|| is_limit.then(|| "write to a file".to_owned()))
}

/// Blocks all such calls of this process until it ends.
///
/// # Errors
/// If that is not possible. Then nothing may be loaded.
pub(super) fn block_changes(py: Python<'_>) -> Result<()> {
    let signal = py.import("_signal")?;
    // A write then fails instead.
    signal.call_method1("signal", (libc::SIGXFSZ, signal.getattr("SIG_IGN")?)).tolerated();
    setrlimit(Resource::Fsize, Rlimit { current: Some(0), maximum: Some(0) })?;
    let sys = py.import("sys")?;
    // An import of a module would be blocked if it wrote its bytecode.
    sys.setattr("dont_write_bytecode", true)?;
    sys.call_method1("addaudithook", (wrap_pyfunction!(check_event, py)?,))?;
    // A hook of the script can refuse another hook, and then nothing is raised.
    sys.call_method1("audit", (TRIAL_EVENT,)).tolerated();
    if take_blocked().is_none() {
        bail!("an audit hook of the script refuses the one that keeps the check from changing files");
    }
    Ok(())
}

/// Points the sockets and pipes that were inherited to `/dev/null`, except one.
pub(super) fn drop_connections(py: Python<'_>, kept: RawFd) -> PyResult<()> {
    let posix = py.import("posix")?;
    let null: RawFd = posix.call_method1("open", ("/dev/null", libc::O_RDWR))?.extract()?;
    let names: Vec<String> = posix.call_method1("listdir", ("/dev/fd",))?.extract()?;
    for descriptor in names.iter().filter_map(|name| name.parse::<RawFd>().ok()) {
        // The descriptor of the listing itself is closed already.
        let Some(status) = posix.call_method1("fstat", (descriptor,)).tolerated() else { continue };
        let kind = status.getattr("st_mode")?.extract::<libc::mode_t>()? & libc::S_IFMT;
        if descriptor > 2 && descriptor != kept && matches!(kind, libc::S_IFSOCK | libc::S_IFIFO) {
            posix.call_method1("dup2", (null, descriptor, false))?;
        }
    }
    Ok(())
}

/// The audit hook.
#[pyfunction]
fn check_event(event: &str, args: &Bound<'_, PyTuple>) -> PyResult<()> {
    let Some(action) = blocked_action(event, args) else { return Ok(()) };
    let error = PyOSError::new_err(format!("blocked while snapcli checks the snapshot: this would {action}"));
    *BLOCKED.lock().unwrap_or_else(PoisonError::into_inner) = Some(action);
    Err(error)
}

/// What a call would do, if it is not allowed.
fn blocked_action(event: &str, args: &Bound<'_, PyTuple>) -> Option<String> {
    match event {
        "open" => writes(args).then(|| "open a file for writing".to_owned()),
        "sqlite3.connect" => {
            let database = args.get_item(0).and_then(|database| database.extract::<String>());
            database.tolerated().is_none_or(|name| name != ":memory:").then(|| "connect to a database".to_owned())
        }
        TRIAL_EVENT => Some(event.to_owned()),
        _ => listed_action(event).map(str::to_owned),
    }
}

fn listed_action(event: &str) -> Option<&'static str> {
    let single = BLOCKED_EVENTS.iter().find(|(name, _)| *name == event);
    let found = single.or_else(|| BLOCKED_GROUPS.iter().find(|(start, _)| event.starts_with(start)));
    found.map(|(_, action)| *action)
}

/// Whether an event is that of a call which changes something outside of the process.
pub(super) fn is_blocked(event: &str) -> bool {
    listed_action(event).is_some()
}

/// Whether an `open` may write. The arguments are path, mode and flags.
fn writes(args: &Bound<'_, PyTuple>) -> bool {
    let path = args.get_item(0).tolerated();
    // A descriptor that is open already is subject to the limit on files.
    let is_harmless = path.is_some_and(|path| {
        path.extract::<i64>().tolerated().is_some()
            || path.extract::<&str>().tolerated().is_some_and(|path| path == "/dev/null")
    });
    let flags = args.get_item(2).and_then(|flags| flags.extract::<i32>());
    let changes = libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND;
    !is_harmless
        && !flags.tolerated().is_some_and(|flags| flags & libc::O_ACCMODE == libc::O_RDONLY && flags & changes == 0)
}
