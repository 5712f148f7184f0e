//! Signals while a script runs in steps: a handler only records the request, which is carried out when the step ends.
//!
//! A timer and SIGUSR1 ask for a checkpoint; SIGTERM, SIGHUP and SIGINT for a last one. If the step does not end within
//! the time of grace, the process ends without it. As in [`script_signals`](super::script_signals), the handlers are
//! set behind the back of Python's `signal` module, and a handler of the script replaces ours.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io::IsTerminal as _;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

use super::ended_children;
use super::interrupted_call::{
    SAME_REQUEST, SignalTimer, add_pending_call, holds_gil, is_from_timer, is_on_small_stack, milliseconds,
    this_process, this_thread, unused_signal, waits_in_system,
};
use crate::snapshot::atomic::signals::{action_of, end_by, own_action, set_action, unblock};

/// The signals that end a run.
const ENDING: [c_int; 3] = [libc::SIGTERM, libc::SIGHUP, libc::SIGINT];
/// The signal that asks for a checkpoint.
const REQUEST: c_int = libc::SIGUSR1;

/// A request by a signal or the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepRequest {
    /// A checkpoint, and then the end by this signal.
    End(c_int),
    /// A checkpoint, by SIGUSR1.
    Checkpoint,
    /// A checkpoint, by the timer.
    Timer,
}

/// Whether there is a request. Loops read it in each iteration.
static IS_DUE: AtomicBool = AtomicBool::new(false);
/// When it came, in milliseconds.
static DUE_SINCE: AtomicU64 = AtomicU64::new(0);
static ENDED_BY: AtomicI32 = AtomicI32::new(0);
static ENDED_AT: AtomicU64 = AtomicU64::new(0);
static IS_REQUESTED: AtomicBool = AtomicBool::new(false);
static IS_TIME: AtomicBool = AtomicBool::new(false);
static OWNER: AtomicI32 = AtomicI32::new(0);
static MAIN_THREAD: AtomicUsize = AtomicUsize::new(0);
static TICK: AtomicI32 = AtomicI32::new(0);
static TICK_TIMER: AtomicI32 = AtomicI32::new(-1);
static GRACE_TIMER: AtomicI32 = AtomicI32::new(-1);
/// The time of grace, in milliseconds.
static GRACE: AtomicU64 = AtomicU64::new(0);
/// The line of the step that is running; 0 if it is not known.
static LINE: AtomicU32 = AtomicU32::new(0);
/// The end of the message after Ctrl-C, with the time of grace. A handler reads it, so it is never freed.
static GRACE_TEXT: OnceLock<String> = OnceLock::new();
/// Whether standard error is a terminal: then Ctrl-C is acknowledged at once.
static IS_TERMINAL: AtomicBool = AtomicBool::new(false);
/// The line that is printed when it is over; null for none. A handler reads it, so it is never freed.
static LAST_WORDS: AtomicPtr<String> = AtomicPtr::new(null_mut());
/// The signals that have our handler, with the action from before.
static ARMED: Mutex<Vec<(c_int, libc::sigaction)>> = Mutex::new(Vec::new());
/// Whether the script has not begun or gone on yet: then a signal ends the process at once.
static IS_EARLY: AtomicBool = AtomicBool::new(true);
/// Called between two bytecodes after a request.
static NOTICE: Mutex<Option<fn(Python<'_>)>> = Mutex::new(None);
/// Says whether the script catches a `KeyboardInterrupt` that is raised now.
static IS_CAUGHT: Mutex<Option<CatchTest>> = Mutex::new(None);
type CatchTest = fn(Python<'_>) -> bool;
/// Whether the script has a handler of `KeyboardInterrupt` anywhere.
static HAS_CATCHER: AtomicBool = AtomicBool::new(false);
/// Whether it is still to be found out if the script catches what Ctrl-C raises.
static IS_UNDECIDED: AtomicBool = AtomicBool::new(false);

/// Whether a step that ends now must carry out a request: see [`requested`].
#[inline]
pub(crate) fn is_due() -> bool {
    IS_DUE.load(Ordering::Relaxed)
}

/// Whether a request has waited this long.
pub(crate) fn has_waited(time: Duration) -> bool {
    let since = DUE_SINCE.load(Ordering::SeqCst);
    is_due() && Duration::from_millis(milliseconds().saturating_sub(since)) >= time
}

/// Whether this is the process that was armed, not a child that it has forked.
pub(crate) fn is_own_process() -> bool {
    OWNER.load(Ordering::SeqCst) == this_process()
}

/// The most urgent request, if there is one.
pub(crate) fn requested() -> Option<StepRequest> {
    match ENDED_BY.load(Ordering::SeqCst) {
        0 if IS_REQUESTED.load(Ordering::SeqCst) => Some(StepRequest::Checkpoint),
        0 if IS_TIME.load(Ordering::SeqCst) => Some(StepRequest::Timer),
        0 => None,
        signal => Some(StepRequest::End(signal)),
    }
}

/// The signal that is to end the process, if it has ended a child of it, too: then what the script has made of that is
/// not to be kept.
pub(crate) fn ended_with_child() -> Option<c_int> {
    let signal = ENDED_BY.load(Ordering::SeqCst);
    (signal != 0 && ended_children::has_ended()).then_some(signal)
}

/// The request has been carried out, or cannot be. The next one by the timer comes after `wait`.
pub(crate) fn done(wait: Duration) {
    if ENDED_BY.load(Ordering::SeqCst) == 0 {
        IS_DUE.store(false, Ordering::SeqCst);
    }
    IS_REQUESTED.store(false, Ordering::SeqCst);
    IS_TIME.store(false, Ordering::SeqCst);
    start_tick(wait);
}

/// The request is carried out now: it waits no longer.
pub(crate) fn carry_out() {
    DUE_SINCE.store(u64::MAX, Ordering::SeqCst);
}

/// The request waits for the end of a step. The timer fires once more after `wait`.
pub(crate) fn repeat_later(wait: Duration) {
    start_tick(wait);
}

/// The request cannot be carried out where this step has ended. It is repeated after `wait`.
pub(crate) fn postpone(wait: Duration) {
    IS_DUE.store(false, Ordering::SeqCst);
    start_tick(wait);
}

/// Sets the handlers, for those signals that have the default action. Until [`begin`] is called, a signal that ends the
/// run does so at once. `notice` is called between two bytecodes of the main thread after a request. After Ctrl-C,
/// `is_caught` says whether the script is to get a `KeyboardInterrupt` instead.
#[allow(clippy::disallowed_methods, reason = "nothing is written to the stream")]
pub(crate) fn arm(grace: Duration, notice: fn(Python<'_>), is_caught: CatchTest) {
    *IS_CAUGHT.lock().unwrap_or_else(PoisonError::into_inner) = Some(is_caught);
    MAIN_THREAD.store(this_thread(), Ordering::SeqCst);
    OWNER.store(this_process(), Ordering::SeqCst);
    IS_TERMINAL.store(std::io::stderr().is_terminal(), Ordering::SeqCst);
    let text = format!(", which ends within {grace:?} or is stopped (--grace): press Ctrl-C again to stop at once\n");
    let _ = GRACE_TEXT.set(text);
    GRACE.store(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    *NOTICE.lock().unwrap_or_else(PoisonError::into_inner) = Some(notice);
    reset_in_children();
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    for signal in ENDING.into_iter().chain([REQUEST]) {
        // Python has its own handler for SIGINT; where that is ignored, as after nohup, it stays so.
        let is_free = |action: &libc::sigaction| match signal {
            libc::SIGINT => action.sa_sigaction != libc::SIG_IGN,
            _ => action.sa_sigaction == libc::SIG_DFL,
        };
        if let Some(before) = action_of(signal).filter(is_free)
            && set_handler(signal)
        {
            armed.push((signal, before));
        }
    }
    // The command has blocked it. One that came before is handled now.
    unblock(REQUEST);
}

/// The script begins, or goes on. The timer fires after `wait`. `has_catcher` says whether it has a handler of
/// `KeyboardInterrupt` anywhere: then Ctrl-C interrupts calls of the system, as under Python.
pub(crate) fn begin(wait: Duration, has_catcher: bool) {
    HAS_CATCHER.store(has_catcher, Ordering::SeqCst);
    if has_catcher && is_ours(libc::SIGINT) {
        set_handler(libc::SIGINT);
    }
    if let Some((signal, before)) = unused_signal()
        && set_handler(signal)
    {
        TICK.store(signal, Ordering::SeqCst);
        if let Some(timer) = SignalTimer::new(signal) {
            TICK_TIMER.store(timer.number(), Ordering::SeqCst);
        }
        ARMED.lock().unwrap_or_else(PoisonError::into_inner).push((signal, before));
        start_tick(wait);
    }
    IS_EARLY.store(false, Ordering::SeqCst);
}

fn start_tick(wait: Duration) {
    let number = TICK_TIMER.load(Ordering::SeqCst);
    if number >= 0 && !wait.is_zero() {
        SignalTimer::with_number(number).start(wait);
    }
}

/// Removes the handlers, except where the script has set its own. Returns the signal that is to end the process now.
pub(crate) fn disarm() -> Option<c_int> {
    for number in [TICK_TIMER.swap(-1, Ordering::SeqCst), GRACE_TIMER.swap(-1, Ordering::SeqCst)] {
        if number >= 0 {
            SignalTimer::with_number(number).start(Duration::ZERO);
        }
    }
    let armed = std::mem::take(&mut *ARMED.lock().unwrap_or_else(PoisonError::into_inner));
    for (signal, before) in armed {
        if is_ours(signal) {
            set_action(signal, &before);
        }
    }
    IS_DUE.store(false, Ordering::SeqCst);
    match ENDED_BY.load(Ordering::SeqCst) {
        0 => None,
        signal => Some(signal),
    }
}

/// Sets the line that is printed if the process ends before the step does.
pub(crate) fn set_last_words(text: String) {
    // Leaked: a handler may be reading the old one.
    LAST_WORDS.store(Box::into_raw(Box::new(text)), Ordering::SeqCst);
}

/// In a forked process: whether the process that was armed still runs.
pub(crate) fn is_owner_alive() -> bool {
    // SAFETY: sends no signal.
    unsafe { libc::kill(OWNER.load(Ordering::SeqCst), 0) == 0 }
}

/// The name of a signal that ends a run.
pub(crate) fn name_of(signal: c_int) -> &'static str {
    match signal {
        libc::SIGTERM => "SIGTERM",
        libc::SIGHUP => "SIGHUP",
        _ => "interrupted",
    }
}

fn is_ours(signal: c_int) -> bool {
    action_of(signal).is_some_and(|now| now.sa_sigaction == handle as Handler as libc::sighandler_t)
}

fn set_handler(signal: c_int) -> bool {
    let mut action = own_action(handle as Handler as libc::sighandler_t);
    let raises = signal == libc::SIGINT && HAS_CATCHER.load(Ordering::SeqCst);
    action.sa_flags = libc::SA_SIGINFO | if raises { 0 } else { libc::SA_RESTART };
    set_action(signal, &action)
}

/// A child that is forked has the default actions before any of its code runs, and Python's for SIGINT.
fn reset_in_children() {
    unsafe extern "C" fn in_child() {
        let Ok(armed) = ARMED.try_lock() else { return };
        for (signal, before) in armed.iter() {
            if is_ours(*signal) {
                set_action(*signal, before);
            }
        }
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function lives forever, and makes only async-signal-safe calls.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // A child between `vfork` and `exec` shares all memory, but is another process.
    if !is_own_process() {
        end_by(signal);
    }
    if signal == TICK.load(Ordering::SeqCst) {
        IS_TIME.store(true, Ordering::SeqCst);
    } else if signal == REQUEST {
        IS_REQUESTED.store(true, Ordering::SeqCst);
    } else if is_from_timer(info) {
        end_late(signal);
    } else {
        note_end(signal);
    }
    if ENDED_BY.load(Ordering::SeqCst) != 0 || requested().is_some() {
        if !IS_DUE.swap(true, Ordering::SeqCst) {
            DUE_SINCE.store(milliseconds(), Ordering::SeqCst);
        }
        add_pending_call(pending_call);
        if IS_UNDECIDED.load(Ordering::SeqCst) && may_work_here(context) {
            with_gil(hand_over_if_caught);
        }
    }
}

/// Whether Python code may run in the handler: the main thread waits in the system without the GIL.
fn may_work_here(context: *const c_void) -> bool {
    let is_main = this_thread() == MAIN_THREAD.load(Ordering::SeqCst);
    is_main && !holds_gil() && !is_on_small_stack() && waits_in_system(context)
}

/// Does something in a handler that needs the GIL.
fn with_gil(work: fn(Python<'_>)) {
    // SAFETY: Python is initialized, and this thread belongs to it.
    let state = unsafe { pyo3::ffi::PyGILState_Ensure() };
    // A panic must not reach the interrupted code.
    drop(std::panic::catch_unwind(|| Python::attach(work)));
    // SAFETY: the state is that of the call above.
    unsafe { pyo3::ffi::PyGILState_Release(state) };
}

/// After Ctrl-C: if the script catches a `KeyboardInterrupt` now, it is raised, and the run goes on as the script does.
fn hand_over_if_caught(py: Python<'_>) {
    let is_caught = *IS_CAUGHT.lock().unwrap_or_else(PoisonError::into_inner);
    if !IS_UNDECIDED.swap(false, Ordering::SeqCst) {
        return;
    }
    if !is_caught.is_some_and(|is_caught| is_caught(py)) {
        if HAS_CATCHER.load(Ordering::SeqCst) && IS_TERMINAL.load(Ordering::SeqCst) {
            announce_stop();
        }
        return;
    }
    let timer = GRACE_TIMER.swap(-1, Ordering::SeqCst);
    if timer >= 0 {
        SignalTimer::with_number(timer).start(Duration::ZERO);
    }
    ended_children::forget();
    ENDED_BY.store(0, Ordering::SeqCst);
    IS_DUE.store(requested().is_some(), Ordering::SeqCst);
    // SAFETY: has no preconditions. Python raises it where it looks for signals, also in the interrupted call.
    unsafe { pyo3::ffi::PyErr_SetInterrupt() };
}

fn note_end(signal: c_int) {
    if IS_EARLY.load(Ordering::SeqCst) {
        end_late(signal);
    }
    let now = milliseconds();
    if ENDED_BY.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
        ENDED_AT.store(now, Ordering::SeqCst);
        IS_UNDECIDED.store(signal == libc::SIGINT, Ordering::SeqCst);
        // Where the script may catch it, that has to be found out first.
        let is_known = !HAS_CATCHER.load(Ordering::SeqCst);
        if signal == libc::SIGINT && is_known && IS_TERMINAL.load(Ordering::SeqCst) {
            announce_stop();
        }
        if let Some(timer) = SignalTimer::new(signal) {
            GRACE_TIMER.store(timer.number(), Ordering::SeqCst);
            timer.start(Duration::from_millis(GRACE.load(Ordering::SeqCst).max(1)));
        }
        ended_children::watch();
    } else if now.saturating_sub(ENDED_AT.load(Ordering::SeqCst)) > SAME_REQUEST {
        end_late(signal);
    }
}

/// The signal has ended a child, so that the step will not be kept: it gets little time to end. It may be waiting for
/// what the child does not do any more, as `multiprocessing.Pool.map` does. Called in handlers.
pub(super) fn shorten_grace() {
    const LEFT: u64 = 2000;
    let timer = GRACE_TIMER.load(Ordering::SeqCst);
    let since = milliseconds().saturating_sub(ENDED_AT.load(Ordering::SeqCst));
    if timer >= 0 && since.saturating_add(LEFT) < GRACE.load(Ordering::SeqCst) {
        SignalTimer::with_number(timer).start(Duration::from_millis(LEFT));
    }
}

/// The line of the step that begins.
pub(crate) fn set_line(line: u32) {
    LINE.store(line, Ordering::Relaxed);
}

/// Says in a handler which step is waited for, and how long.
fn announce_stop() {
    let write = |text: &[u8]| {
        // SAFETY: writes the bytes of a slice.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    };
    write(b"snapcli: waiting for the step");
    let (mut digits, mut line) = ([0_u8; 10], LINE.load(Ordering::Relaxed));
    let mut first = digits.len();
    while line > 0 {
        first -= 1;
        digits[first] = b'0' + (line % 10) as u8;
        line /= 10;
    }
    if first < digits.len() {
        write(b" at line ");
        write(&digits[first..]);
    }
    write(GRACE_TEXT.get().map_or(b"\n", |text| text.as_bytes()));
}

/// Ends the process in the middle of a step.
fn end_late(signal: c_int) {
    let text = LAST_WORDS.load(Ordering::SeqCst);
    if !text.is_null() {
        // SAFETY: the text was leaked, so it lives forever and does not change.
        let text = unsafe { &*text };
        // SAFETY: writes the bytes of the text.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    }
    end_by(signal);
}

/// Python calls this in the main thread, between two bytecodes and with the GIL.
unsafe extern "C" fn pending_call(_: *mut c_void) -> c_int {
    let notice = *NOTICE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(notice) = notice.filter(|_| is_own_process()) {
        // A panic must not reach Python. The notice only makes loops end earlier.
        drop(std::panic::catch_unwind(|| Python::attach(hand_over_if_caught)));
        drop(std::panic::catch_unwind(|| Python::attach(notice)));
    }
    0
}
