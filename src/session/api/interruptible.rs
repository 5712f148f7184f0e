//! Work on a file that touches no Python object, and that Ctrl-C does not wait for.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use crate::python::deferred_signals::check_signals;
use crate::python::thread_timers::is_main_thread;

/// How often the handlers of signals may run meanwhile.
const PAUSE: Duration = Duration::from_millis(50);
/// As much as a main thread has.
const STACK: usize = 8 << 20;

/// Does the work while other threads of the program run. On the main thread, the work is that of a thread of its own:
/// if the handler of a signal raises an exception, that thread is left to itself, and its result is dropped.
///
/// # Errors
/// The exception of a handler.
pub(super) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    if !is_main_thread() {
        return Ok(py.detach(work));
    }
    let (sender, receiver) = channel();
    let receiver = Mutex::new(receiver);
    let worker = thread::Builder::new().stack_size(STACK).spawn(move || {
        // The receiver is gone if the call was interrupted.
        let _ = sender.send(work());
    })?;
    loop {
        match py.detach(|| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(PAUSE)) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => check_signals(py)?,
            // It has panicked.
            Err(RecvTimeoutError::Disconnected) => {
                return match worker.join() {
                    Err(panic) => resume_unwind(panic),
                    Ok(()) => Err(std::io::Error::other("the work has no result").into()),
                };
            }
        }
    }
}
