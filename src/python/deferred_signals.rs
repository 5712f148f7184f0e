//! Keeps the handlers of signals from running in the middle of a save or a load.
//!
//! CPython runs a handler of the program where the main thread next executes Python code, or calls one of the functions
//! of C that look for signals. That may be a call whose errors are dropped, such as the `repr` for a preview, or a
//! finalizer: an exception that the handler raises, as KeyboardInterrupt, would be lost. While a [`DeferredSignals`]
//! exists, a signal is only noted, and [`check_signals`] has CPython run its handler where an exception ends the call.
//!
//! Code of the program may run for long without such a point. So a timer sends the signal again after [`PATIENCE`], and
//! then the handler runs wherever Python is.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::c_int;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::ffi::module;
use super::{interrupt_limit, thread_timers as timers};
use crate::snapshot::atomic::signals;

/// How long a signal waits for a call of [`check_signals`], in nanoseconds.
const PATIENCE: u64 = 50_000_000;
/// A timer may come this much early.
const TOLERANCE: u64 = PATIENCE / 10;
/// Signals whose handlers often raise exceptions: those that end a program without a handler. Handlers of other signals
/// seldom do, and run at once.
const DEFERRED: [c_int; signals::ENDING.len()] = signals::ENDING;

/// What is known about each signal, in the order of [`DEFERRED`].
static NOTES: [SignalNote; DEFERRED.len()] = [const { SignalNote::new() }; DEFERRED.len()];
/// The process in which signals are deferred: a child that it forks inherits the handlers, and runs them at once.
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// How many [`DeferredSignals`] exist, one within the other.
static DEPTH: AtomicU32 = AtomicU32::new(0);
/// Whether the handler of SIGINT was called somewhere else than in [`check_signals`].
static INTERRUPTED_ELSEWHERE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// An exception that was dropped, although it ends a save or a load. The end of the thread must not free it: Python
    /// may be gone by then.
    static DROPPED: RefCell<Option<ManuallyDrop<PyErr>>> = const { RefCell::new(None) };
}

fn take_dropped() -> Option<PyErr> {
    DROPPED.take().map(ManuallyDrop::into_inner)
}

struct SignalNote {
    /// CPython's handler; 0 if there is none.
    handler: AtomicUsize,
    /// When the signal arrived, if it waits; 0 if not.
    arrived: AtomicU64,
    /// The number of the timer, and -1 if there is none.
    timer: AtomicI32,
}

impl SignalNote {
    const fn new() -> Self {
        Self { handler: AtomicUsize::new(0), arrived: AtomicU64::new(0), timer: AtomicI32::new(-1) }
    }

    /// Whether the signal that has arrived waits.
    fn is_deferred(&self) -> bool {
        if PROCESS.load(Ordering::Relaxed) != own_process() {
            return false;
        }
        let now = now();
        match self.arrived.compare_exchange(0, now, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                timers::set(self.timer.load(Ordering::Relaxed), PATIENCE);
                true
            }
            Err(before) if now.saturating_sub(before) < PATIENCE - TOLERANCE => true,
            Err(_) => {
                self.arrived.store(0, Ordering::Release);
                false
            }
        }
    }

    /// Has CPython note that its handler is to run.
    fn hand_over(&self, signal: c_int) {
        let handler = self.handler.load(Ordering::Relaxed);
        if handler != 0 {
            // SAFETY: this was the signal's handler, without SA_SIGINFO, so it is a function of one argument.
            let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
            handler(signal);
        }
    }

    /// Hands over the signal if it waits.
    fn deliver(&self, signal: c_int) {
        if self.arrived.load(Ordering::Acquire) != 0 {
            // If the timer has just sent the signal, it arrives before this returns.
            timers::set(self.timer.load(Ordering::Relaxed), 0);
            if self.arrived.swap(0, Ordering::AcqRel) != 0 {
                self.hand_over(signal);
            }
        }
    }
}

/// Signals are deferred until it is dropped. On other threads than the main one, this does nothing: no handler runs
/// there.
pub(crate) struct DeferredSignals {
    /// The actions before.
    replaced: Vec<(c_int, libc::sigaction)>,
    is_main: bool,
}

impl DeferredSignals {
    pub(crate) fn begin(py: Python<'_>) -> Self {
        let process = own_process();
        let mut begun = Self { replaced: Vec::new(), is_main: timers::is_main_thread() };
        if !begun.is_main {
            drop(take_dropped());
            return begun;
        }
        if PROCESS.swap(process, Ordering::Relaxed) != process {
            // The first time, or in a forked child, which has none of the timers of its parent.
            DEPTH.store(0, Ordering::Relaxed);
        }
        if DEPTH.fetch_add(1, Ordering::Relaxed) == 0 {
            drop(take_dropped());
            INTERRUPTED_ELSEWHERE.store(false, Ordering::Relaxed);
            signals::forget();
            // If that fails, the handlers run at once.
            begun.replaced = handled(py).into_iter().filter_map(|(at, signal)| replace(at, signal)).collect();
        }
        begun
    }
}

impl Drop for DeferredSignals {
    fn drop(&mut self) {
        if !self.is_main {
            return;
        }
        DEPTH.fetch_sub(1, Ordering::Relaxed);
        for (signal, before) in self.replaced.drain(..) {
            // Keep an action that the program has set in the meantime.
            if signals::action_of(signal).is_some_and(|now| now.sa_sigaction == own_handler()) {
                signals::set_action(signal, &before);
            }
            let Some(note) = note_of(signal) else { continue };
            note.deliver(signal);
            timers::delete(note.timer.swap(-1, Ordering::Relaxed));
        }
    }
}

/// Runs the handlers of the signals that have arrived.
///
/// # Errors
/// The exception of a handler, and one that ends the call and was dropped since the last call.
pub(crate) fn check_signals(py: Python<'_>) -> PyResult<()> {
    // Asking for the number of the process is a system call, and this function is called for every variable.
    let has_arrived = NOTES.iter().any(|note| note.arrived.load(Ordering::Relaxed) != 0);
    if has_arrived && PROCESS.load(Ordering::Relaxed) == own_process() {
        DEFERRED.iter().zip(&NOTES).for_each(|(signal, note)| note.deliver(*signal));
    }
    #[allow(clippy::disallowed_methods, reason = "the only place that may")]
    py.check_signals()?;
    if let Some(dropped) = take_dropped() {
        return Err(dropped);
    }
    // The handler that Python sets always raises an exception: if none arrived here, the interrupted code swallowed it.
    if INTERRUPTED_ELSEWHERE.swap(false, Ordering::Relaxed) && has_default_handler(py) {
        return Err(PyKeyboardInterrupt::new_err(()));
    }
    Ok(())
}

/// Does what may run code of the program, with signals deferred.
///
/// # Errors
/// That of `action`, or of [`check_signals`], which comes first.
pub(crate) fn deferring<T, E: From<PyErr>>(py: Python<'_>, action: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let deferred = DeferredSignals::begin(py);
    let result = action();
    check_signals(py)?;
    drop(deferred);
    result
}

/// In a forked child, drops the pending signals of the parent: they are not meant for the child.
pub(crate) fn forget_parent() {
    NOTES.iter().for_each(|note| note.arrived.store(0, Ordering::Relaxed));
    DROPPED.take();
    INTERRUPTED_ELSEWHERE.store(false, Ordering::Relaxed);
}

/// Whether an exception ends a save or a load, and not only costs the object whose code has raised it:
/// KeyboardInterrupt, and SystemExit if a handler may have raised it.
pub(crate) fn ends_call(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyKeyboardInterrupt>(py) || (signals::caught() && error.is_instance_of::<PySystemExit>(py))
}

/// What to do with an error of Python code where the result is not needed.
pub(crate) trait Tolerated<T> {
    /// The value. An error is dropped; but if it [ends the call](ends_call), the next [`check_signals`] returns it.
    fn tolerated(self) -> Option<T>;
}

impl<T> Tolerated<T> for PyResult<T> {
    #[inline]
    fn tolerated(self) -> Option<T> {
        match self {
            Ok(value) => Some(value),
            Err(error) => {
                drop_error(error);
                None
            }
        }
    }
}

/// Drops an error; but if it [ends the call](ends_call), the next [`check_signals`] returns it.
#[cold]
pub(crate) fn drop_error(error: PyErr) {
    if Python::attach(|py| ends_call(py, &error)) {
        DROPPED.with_borrow_mut(|dropped| {
            dropped.get_or_insert(ManuallyDrop::new(error));
        });
    }
}

/// The `str` of an object. In contrast to its `Display`, this keeps the exception of a signal handler that runs
/// meanwhile.
pub(crate) fn shown<T>(object: &Bound<'_, T>) -> String {
    let object = object.as_any();
    let text = object.cast::<PyString>().cloned().ok().or_else(|| object.str().tolerated());
    text.map_or_else(String::new, |text| text.to_string_lossy().into_owned())
}

/// The deferred signals for which the program has a handler, with their positions in [`DEFERRED`].
fn handled(py: Python<'_>) -> Vec<(usize, c_int)> {
    // `signal` imports a lot, and is seldom loaded.
    let handler = module(intern!(py, "_signal")).and_then(|signal| signal.getattr(intern!(py, "getsignal")));
    let Some(handler) = handler.tolerated() else { return Vec::new() };
    let is_handled = |(_, signal): &(usize, c_int)| {
        handler.call1((signal,)).tolerated().is_some_and(|handler| handler.is_callable())
    };
    DEFERRED.into_iter().enumerate().filter(is_handled).collect()
}

/// Whether Ctrl-C raises KeyboardInterrupt, as the handler that Python sets does.
pub(super) fn has_default_handler(py: Python<'_>) -> bool {
    let signal = module(intern!(py, "_signal")).tolerated();
    let handlers = signal.map(|signal| (signal.call_method1("getsignal", (libc::SIGINT,)), signal));
    handlers.is_some_and(|(handler, signal)| {
        let default = signal.getattr("default_int_handler").tolerated();
        handler.tolerated().zip(default).is_some_and(|(handler, default)| handler.is(&default))
    })
}

/// Installs our handler. Returns the previous action; `None` if there is no handler to wait for.
fn replace(at: usize, signal: c_int) -> Option<(c_int, libc::sigaction)> {
    let note = NOTES.get(at)?;
    let before = signals::action_of(signal)?;
    // Python's handlers take one argument. Ours may still be there, if something put back what it had found.
    let is_handler = !matches!(before.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN) && !is_own(&before);
    if !is_handler || before.sa_flags & libc::SA_SIGINFO != 0 {
        return None;
    }
    let timer = timers::create(signal)?;
    note.arrived.store(0, Ordering::Relaxed);
    note.handler.store(before.sa_sigaction, Ordering::Relaxed);
    note.timer.store(timer, Ordering::Relaxed);
    let action = libc::sigaction { sa_sigaction: own_handler(), ..before };
    if !signals::set_action(signal, &action) {
        timers::delete(note.timer.swap(-1, Ordering::Relaxed));
        return None;
    }
    Some((signal, before))
}

fn is_own(action: &libc::sigaction) -> bool {
    action.sa_sigaction == own_handler()
}

fn own_handler() -> libc::sighandler_t {
    note_signal as extern "C" fn(c_int) as libc::sighandler_t
}

fn note_of(signal: c_int) -> Option<&'static SignalNote> {
    DEFERRED.iter().position(|deferred| *deferred == signal).and_then(|at| NOTES.get(at))
}

/// Our handler: it may only do what is safe within a handler.
extern "C" fn note_signal(signal: c_int) {
    let Some(note) = note_of(signal) else { return };
    if signal == libc::SIGINT {
        interrupt_limit::note();
    }
    let is_waiting = DEPTH.load(Ordering::Relaxed) > 0 && note.is_deferred();
    if is_waiting {
        signals::note(signal);
    } else {
        if signal == libc::SIGINT {
            INTERRUPTED_ELSEWHERE.store(true, Ordering::Relaxed);
        }
        note.hand_over(signal);
    }
}

fn own_process() -> u32 {
    // SAFETY: has no preconditions. It is safe within a handler.
    unsafe { libc::getpid() }.cast_unsigned()
}

fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: only writes to `time`.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    // Never 0, which means that there is no time.
    (time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()).max(1)
}
