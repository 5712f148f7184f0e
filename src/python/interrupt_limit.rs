//! Ends the process by SIGINT if Ctrl-C takes too long to do so: in a long call of C code, or while millions of objects
//! are freed.
//!
//! The first Ctrl-C has this limit only where nothing can be lost: while variables are loaded and no code has used them
//! yet, or while the session of a script is saved that has nothing left to write ([`work_left`](super::work_left)).
//! Elsewhere, only a second Ctrl-C ends the process. The limit is a timer, with a signal that nothing else uses; its
//! handler makes only async-signal-safe calls.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use super::deferred_signals::{DeferredSignals, Tolerated as _, check_signals, has_default_handler};
use super::early_exit::EarlyAnswer;
use super::interrupted_call::{SAME_REQUEST, milliseconds, this_process, unused_signal};
use super::thread_timers as timers;
use crate::exit;
use crate::snapshot::atomic::signals::{action_of, end_by, is_held, set_action};
use crate::ui::terminal_signals::clear_bar;

/// How long Ctrl-C may take, in nanoseconds. The process should end within 200 ms, and the kernel needs some of that to
/// free the memory.
const LIMIT: u64 = 25_000_000;

/// The work that is limited; null if there is none. It is never freed, as a handler may be using it.
static WORK: AtomicPtr<LimitedWork> = AtomicPtr::new(null_mut());
/// When Ctrl-C came, in milliseconds; 0 if it did not.
static CAME: AtomicU64 = AtomicU64::new(0);
/// Whether the message has been printed.
static IS_TOLD: AtomicBool = AtomicBool::new(false);
/// The signal of the timer, and the number of the timer; -1 if there is none.
static SIGNAL: AtomicI32 = AtomicI32::new(-1);
static TIMER: AtomicI32 = AtomicI32::new(-1);
static PROCESS: AtomicI32 = AtomicI32::new(0);
/// Keeps signals waiting until [`hand_over`].
static BEFORE_CODE: Mutex<Option<DeferredSignals>> = Mutex::new(None);

/// The output of the handler, made in advance: it may not allocate.
struct LimitedWork {
    message: String,
    answer: Option<EarlyAnswer>,
    /// Whether the first Ctrl-C has a limit.
    is_strict: bool,
}

/// Ctrl-C is limited from now on, in the main thread, until [`release`] is called or the process ends. Without
/// `is_strict`, only the second one is. `message` and `answer` are for the user.
pub(crate) fn begin(py: Python<'_>, message: &str, answer: Option<EarlyAnswer>, is_strict: bool) {
    // If the program has a handler of its own, that decides what Ctrl-C does.
    if !timers::is_main_thread() || !has_default_handler(py) {
        return;
    }
    let Some((signal, timer)) = unused_timer() else { return };
    SIGNAL.store(signal, Ordering::SeqCst);
    TIMER.store(timer, Ordering::SeqCst);
    PROCESS.store(this_process(), Ordering::SeqCst);
    CAME.store(0, Ordering::SeqCst);
    IS_TOLD.store(false, Ordering::SeqCst);
    let message = format!("snapcli: {}\n", crate::ui::escape(message));
    let work = Box::new(LimitedWork { message, answer, is_strict });
    WORK.store(Box::into_raw(work), Ordering::SeqCst);
}

/// As [`begin`] with a limit for the first Ctrl-C, until [`hand_over`] or [`give_up`] is called: no code of the user
/// has run yet. Other signals wait as well.
pub(crate) fn begin_before_code(py: Python<'_>, message: &str, answer: Option<EarlyAnswer>) {
    begin(py, message, answer, true);
    let deferred = DeferredSignals::begin(py);
    *BEFORE_CODE.lock().unwrap_or_else(PoisonError::into_inner) = Some(deferred);
}

/// Whether the limit of [`begin_before_code`] still holds.
pub(crate) fn is_before_code() -> bool {
    BEFORE_CODE.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

fn let_signals_come() {
    let deferred = BEFORE_CODE.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(deferred);
}

/// Must be called right before code of the user runs: Ctrl-C is for that code from now on.
///
/// # Errors
/// The exception of a handler of a signal that came before. The limit then still holds.
pub(crate) fn hand_over(py: Python<'_>) -> PyResult<()> {
    if is_before_code() {
        settle_objects(py).tolerated();
    }
    check_signals(py)?;
    if is_before_code() {
        let_signals_come();
        check_signals(py)?;
        // Ctrl-C came, but some code has swallowed the KeyboardInterrupt.
        if limited_work().is_some() && CAME.load(Ordering::SeqCst) != 0 {
            return Err(PyKeyboardInterrupt::new_err(()));
        }
        release();
    }
    Ok(())
}

/// Moves the loaded objects to the oldest generation of the garbage collector, which is seldom collected. Otherwise the
/// next collection would visit millions of objects, and delay Ctrl-C.
fn settle_objects(py: Python<'_>) -> PyResult<()> {
    let collector = py.import("gc")?;
    // `unfreeze` would also affect objects that the program has frozen.
    if collector.call_method0("get_freeze_count")?.extract::<usize>()? == 0 {
        collector.call_method0("freeze")?;
        collector.call_method0("unfreeze")?;
    }
    Ok(())
}

/// As [`hand_over`], right before a prompt of Python. Ends the process if Ctrl-C came before.
pub(super) fn hand_over_to_prompt(py: Python<'_>) {
    if is_before_code()
        && let Err(error) = hand_over(py)
    {
        match limited_work() {
            Some(work) => end(work),
            // The exception came from a handler of the program.
            None => error.print(py),
        }
    }
}

/// No code of the user will run: the work has failed.
pub(crate) fn give_up() {
    let_signals_come();
    release();
}

/// Called when the command writes its answer: Ctrl-C must not write another one.
pub(crate) fn forget_answer() {
    if let Some(work) = limited_work() {
        let work = LimitedWork { message: work.message.clone(), answer: None, is_strict: work.is_strict };
        WORK.store(Box::into_raw(Box::new(work)), Ordering::SeqCst);
    }
}

fn limited_work() -> Option<&'static LimitedWork> {
    // SAFETY: the pointer is null, or came from `Box::into_raw` and is never freed.
    unsafe { WORK.load(Ordering::SeqCst).as_ref() }
}

/// Ends the limit, unless Ctrl-C has come already and will end the process.
pub(crate) fn release() {
    let is_strict = limited_work().is_some_and(|work| work.is_strict);
    if is_strict && CAME.load(Ordering::SeqCst) != 0 {
        return;
    }
    WORK.store(null_mut(), Ordering::SeqCst);
    timers::delete(TIMER.swap(-1, Ordering::SeqCst));
    let signal = SIGNAL.swap(-1, Ordering::SeqCst);
    if let Some(before) = action_of(signal).filter(|now| now.sa_sigaction == own_handler()) {
        set_action(signal, &libc::sigaction { sa_sigaction: libc::SIG_DFL, ..before });
    }
}

/// Notes that the caller prints the message and the answer of the command.
pub(crate) fn note_told() {
    // Otherwise the limit could end the process before the caller has printed anything.
    let is_limited = limited_work().is_some_and(|work| work.is_strict) && CAME.load(Ordering::SeqCst) != 0;
    if is_limited && PROCESS.load(Ordering::SeqCst) == this_process() {
        timers::set(TIMER.load(Ordering::SeqCst), LIMIT);
    }
    IS_TOLD.store(true, Ordering::SeqCst);
}

/// Notes that Ctrl-C has come. May be called from a handler.
pub(super) fn note() {
    let Some(work) = limited_work() else { return };
    if PROCESS.load(Ordering::SeqCst) != this_process() {
        return;
    }
    let now = milliseconds().max(1);
    match CAME.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) if work.is_strict => timers::set(TIMER.load(Ordering::SeqCst), LIMIT),
        Ok(_) => {}
        Err(first) if now.saturating_sub(first) >= SAME_REQUEST => end(work),
        Err(_) => {}
    }
}

/// A timer for a signal that has no handler, with our handler set.
fn unused_timer() -> Option<(c_int, i32)> {
    let (signal, before) = unused_signal()?;
    let timer = timers::create(signal)?;
    if set_action(signal, &libc::sigaction { sa_sigaction: own_handler(), ..before }) {
        return Some((signal, timer));
    }
    timers::delete(timer);
    None
}

fn own_handler() -> libc::sighandler_t {
    at_limit as extern "C" fn(c_int) as libc::sighandler_t
}

/// The handler of the timer's signal.
extern "C" fn at_limit(_: c_int) {
    if let Some(work) = limited_work().filter(|_| PROCESS.load(Ordering::SeqCst) == this_process()) {
        end(work);
    }
}

fn end(work: &LimitedWork) {
    clear_bar();
    if !IS_TOLD.swap(true, Ordering::SeqCst) {
        let message: *const c_void = work.message.as_ptr().cast();
        // SAFETY: the message has as many bytes; `write` is safe within a handler.
        unsafe { libc::write(2, message, work.message.len()) };
        if let Some(answer) = &work.answer {
            answer.write(exit::INTERRUPTED);
        }
    }
    // A lease in object storage is given back first.
    if !is_held(libc::SIGINT) {
        end_by(libc::SIGINT)
    }
}
