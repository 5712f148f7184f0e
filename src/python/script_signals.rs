//! Signals while a script runs: SIGTERM, SIGHUP and SIGXCPU save what it has reached and end the process; a timer and
//! the signals that the user has named save it and let it go on.
//!
//! The handlers are set behind the back of Python's `signal` module, which still shows the default action. A handler of
//! the script replaces ours until it is taken away ([`guarded_actions`](super::guarded_actions)), and child processes
//! get the default action back. A handler does the work at once if the main thread waits in the system without the GIL;
//! otherwise Python calls [`pending_call`] between two bytecodes. If neither happens within [`GRACE`], a call in C does
//! not return, and the process ends all the same. While the session of a script that has ended is saved, a signal is
//! only noted, and ends the process after that.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use super::interrupted_call::{
    SAME_REQUEST, SignalTimer, add_pending_call, holds_gil, is_from_timer, is_on_small_stack, milliseconds,
    this_process, this_thread, unused_signal, waits_in_system,
};
use crate::snapshot::atomic::signals::{action_of, end_by, own_action, set_action};

/// How long a script may take to reach a moment in which it can be saved. Then that is tried once more, in the middle
/// of whatever it does, for as long again.
const GRACE: Duration = Duration::from_secs(5);
/// How long a save of a script that has ended may go on after a signal: batch systems kill soon after it.
const LAST_SAVE: Duration = Duration::from_secs(25);
/// Of the time, a script has at least this many times as much as the snapshots that are made of it.
const SHARE_OF_SCRIPT: u32 = 5;
/// Signals that end a script, and that batch systems and terminals send before they kill it. The system itself sends
/// SIGXCPU, when the time of the processor is up, and again every second.
const ENDING: [c_int; 3] = [libc::SIGTERM, libc::SIGHUP, libc::SIGXCPU];

/// Why the script is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// This signal ends the process when the work is done.
    End(c_int),
    /// The time has come.
    Timer,
    /// The user has sent this signal.
    OnSignal(c_int),
    /// The script has set a handler of its own for this signal, so that it saves nothing.
    Handled(c_int),
}

/// When a script is saved while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct SnapshotTimes {
    pub every: Option<Duration>,
    pub on_signal: Vec<c_int>,
}

/// What is done. It runs in the main thread, and returns what the script is to raise.
type Work = Arc<dyn Fn(Python<'_>, Occasion) -> Option<PyErr> + Send + Sync>;

/// The work, while a script runs: it holds objects, which must not outlive the script.
static WORK: Mutex<Option<Work>> = Mutex::new(None);
static OWNER: AtomicI32 = AtomicI32::new(0);
static MAIN_THREAD: AtomicUsize = AtomicUsize::new(0);
/// The signal that ends the process; 0 for none.
static ENDED_BY: AtomicI32 = AtomicI32::new(0);
/// When it came, in milliseconds.
static ENDED_AT: AtomicU64 = AtomicU64::new(0);
/// How far the end is: one of the constants below.
static STAGE: AtomicU8 = AtomicU8::new(NOTHING);
const NOTHING: u8 = 0;
const WAITING: u8 = 1;
const WAITING_LONGER: u8 = 2;
const WORKING: u8 = 3;
/// The script has ended, and its session is being saved.
const LAST: u8 = 4;
/// The request for a snapshot: 0 for none, -1 by the timer, or a signal.
static WANTED: AtomicI32 = AtomicI32::new(0);
const BY_TIMER: c_int = -1;
/// Whether the work is being done.
static RUNNING: AtomicBool = AtomicBool::new(false);
/// The signal of the timer for snapshots, the number of the timer, and the time between two of them in milliseconds.
static TICK: AtomicI32 = AtomicI32::new(0);
static TICK_TIMER: AtomicI32 = AtomicI32::new(-1);
static EVERY: AtomicU64 = AtomicU64::new(0);
/// The timer that limits the wait for the end.
static GRACE_TIMER: AtomicI32 = AtomicI32::new(-1);
/// The signals that have our handler, with the action from before.
static ARMED: Mutex<Vec<(c_int, libc::sigaction)>> = Mutex::new(Vec::new());
/// The signals whose default action means our handler, a bit for each.
static GUARDED: AtomicU64 = AtomicU64::new(0);
/// What the script is to raise once Python calls [`pending_call`].
static TO_RAISE: Mutex<Option<PyErr>> = Mutex::new(None);

/// Sets the handlers, for those signals that have the default action. `work` is called when one comes; its first call
/// may be before this function returns.
pub(crate) fn arm(times: &SnapshotTimes, work: Work) {
    OWNER.store(this_process(), Ordering::SeqCst);
    MAIN_THREAD.store(this_thread(), Ordering::SeqCst);
    *WORK.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    reset_in_children();
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    for signal in ENDING.iter().chain(&times.on_signal) {
        let is_known = armed.iter().any(|(known, _)| known == signal);
        // What the user has named replaces even an ignored signal; nohup ignores SIGHUP.
        let is_named = times.on_signal.contains(signal);
        let before = action_of(*signal).filter(|before| is_named || before.sa_sigaction == libc::SIG_DFL);
        if let Some(before) = before.filter(|_| !is_known)
            && set_handler(*signal)
        {
            armed.push((*signal, before));
        }
    }
    GUARDED.store(armed.iter().fold(0, |all, (signal, _)| all | bit_of(*signal)), Ordering::SeqCst);
    if let Some(every) = times.every {
        armed.extend(start_timer(every));
    }
    ON_SIGNAL.get_or_init(|| times.on_signal.clone());
}

/// The signals for which the script has set a handler of its own, a bit for each, that have not been reported yet.
static HANDLED: AtomicU64 = AtomicU64::new(0);

/// Notes that the script has set a handler in place of ours. Python reports it between two bytecodes.
#[cfg_attr(not(all(target_os = "linux", target_env = "gnu")), allow(dead_code, reason = "nothing notices it there"))]
pub(super) fn note_handled(signal: c_int) {
    HANDLED.fetch_or(bit_of(signal), Ordering::SeqCst);
    add_pending_call(pending_call);
}

/// The bit of a signal in a set.
fn bit_of(signal: c_int) -> u64 {
    u32::try_from(signal).ok().and_then(|signal| 1_u64.checked_shl(signal)).unwrap_or(0)
}

/// The signals that make a snapshot.
static ON_SIGNAL: OnceLock<Vec<c_int>> = OnceLock::new();

/// The script has ended, and its session is saved now: a signal that ends the process does so after that, or when the
/// save takes longer than [`LAST_SAVE`]. A second one ends it at once.
pub(crate) fn begin_last_save() {
    stop_tick();
    let work = WORK.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(work);
    STAGE.store(LAST, Ordering::SeqCst);
    if ENDED_BY.load(Ordering::SeqCst) != 0 {
        SignalTimer::with_number(GRACE_TIMER.load(Ordering::SeqCst)).start(LAST_SAVE);
    }
}

/// Removes the handlers, except where the script has set its own. Returns the signal that is to end the process now.
pub(crate) fn disarm() -> Option<c_int> {
    GUARDED.store(0, Ordering::SeqCst);
    let armed = std::mem::take(&mut *ARMED.lock().unwrap_or_else(PoisonError::into_inner));
    for (signal, before) in armed {
        if has_ours(signal) {
            set_action(signal, &before);
        }
    }
    match ENDED_BY.load(Ordering::SeqCst) {
        0 => None,
        signal => {
            SignalTimer::with_number(GRACE_TIMER.load(Ordering::SeqCst)).start(Duration::ZERO);
            Some(signal)
        }
    }
}

/// Whether a signal has come that ends the process.
pub(crate) fn is_ending() -> bool {
    ENDED_BY.load(Ordering::SeqCst) != 0
}

/// Makes a timer that sends a signal which nothing else uses. Returns that signal with its action from before.
fn start_timer(every: Duration) -> Option<(c_int, libc::sigaction)> {
    let (signal, before) = unused_signal()?;
    if !set_handler(signal) {
        return None;
    }
    TICK.store(signal, Ordering::SeqCst);
    EVERY.store(u64::try_from(every.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    let timer = SignalTimer::new(signal)?;
    TICK_TIMER.store(timer.number(), Ordering::SeqCst);
    timer.start(every);
    Some((signal, before))
}

/// The next snapshot comes after the interval, but not before the script had its share of the time.
fn start_tick_after(work: Duration) {
    let number = TICK_TIMER.load(Ordering::SeqCst);
    if number >= 0 {
        let every = Duration::from_millis(EVERY.load(Ordering::SeqCst));
        SignalTimer::with_number(number).start(every.max(work.saturating_mul(SHARE_OF_SCRIPT)));
    }
}

fn stop_tick() {
    let number = TICK_TIMER.swap(-1, Ordering::SeqCst);
    if number >= 0 {
        SignalTimer::with_number(number).start(Duration::ZERO);
    }
}

/// Whether an action is our handler.
pub(super) fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == handle as Handler as libc::sighandler_t
}

fn has_ours(signal: c_int) -> bool {
    action_of(signal).is_some_and(|now| is_ours(&now))
}

/// Whether the default action of a signal means our handler, in this process. May be called from a handler.
#[cfg_attr(not(all(target_os = "linux", target_env = "gnu")), allow(dead_code, reason = "nothing can ask there"))]
pub(super) fn is_guarded(signal: c_int) -> bool {
    GUARDED.load(Ordering::Relaxed) & bit_of(signal) != 0 && OWNER.load(Ordering::Relaxed) == this_process()
}

/// Sets our handler. May be called from a handler.
pub(super) fn set_handler(signal: c_int) -> bool {
    let mut action = own_action(handle as Handler as libc::sighandler_t);
    // The signal is not blocked meanwhile: a second one ends the process, whatever the first one does.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_NODEFER;
    set_action(signal, &action)
}

/// A child that is forked has the default actions before any of its code runs.
fn reset_in_children() {
    unsafe extern "C" fn in_child() {
        for signal in ENDING.iter().chain(ON_SIGNAL.get().into_iter().flatten()) {
            if has_ours(*signal) {
                // SAFETY: sets the default action, which is always valid.
                unsafe { libc::signal(*signal, libc::SIG_DFL) };
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
    if OWNER.load(Ordering::SeqCst) != this_process() {
        end_by(signal);
    }
    let number = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    let is_forced = match note(signal, is_from_timer(info)) {
        Noted::Nothing => return,
        Noted::Request => false,
        Noted::LastTry => true,
    };
    if this_thread() == MAIN_THREAD.load(Ordering::SeqCst) {
        let is_possible = !holds_gil() && !is_on_small_stack();
        if is_possible && (is_forced || waits_in_system(context)) {
            work_in_handler()
        } else {
            add_pending_call(pending_call)
        }
    } else {
        add_pending_call(pending_call);
        // The main thread may be waiting in the system.
        // SAFETY: the main thread lives as long as the process.
        unsafe { libc::pthread_kill(MAIN_THREAD.load(Ordering::SeqCst) as libc::pthread_t, signal) };
    }
    set_errno(number);
}

/// What a signal asks for.
enum Noted {
    Nothing,
    Request,
    /// The time of grace is over.
    LastTry,
}

fn note(signal: c_int, is_timer: bool) -> Noted {
    let is_last = STAGE.load(Ordering::SeqCst) == LAST;
    if is_last && !ENDING.contains(&signal) {
        return Noted::Nothing;
    }
    if signal == TICK.load(Ordering::SeqCst) {
        WANTED.store(BY_TIMER, Ordering::SeqCst);
        return Noted::Request;
    }
    if ON_SIGNAL.get().is_some_and(|named| named.contains(&signal)) {
        WANTED.store(signal, Ordering::SeqCst);
        return Noted::Request;
    }
    if is_timer {
        return note_late();
    }
    let now = milliseconds();
    if ENDED_BY.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
        ENDED_AT.store(now, Ordering::SeqCst);
        if !is_last {
            STAGE.store(WAITING, Ordering::SeqCst);
        }
        if let Some(timer) = SignalTimer::new(signal) {
            GRACE_TIMER.store(timer.number(), Ordering::SeqCst);
            timer.start(if is_last { LAST_SAVE } else { GRACE });
        }
    } else if signal != libc::SIGXCPU && now.saturating_sub(ENDED_AT.load(Ordering::SeqCst)) > SAME_REQUEST {
        end_with(if is_last { LOST_SAVE } else { b"" });
    }
    if is_last { Noted::Nothing } else { Noted::Request }
}

/// The timer of the end has run out.
fn note_late() -> Noted {
    let timer = SignalTimer::with_number(GRACE_TIMER.load(Ordering::SeqCst));
    match STAGE.load(Ordering::SeqCst) {
        // A snapshot is being made: the end follows it.
        WAITING if RUNNING.load(Ordering::SeqCst) => timer.start(GRACE),
        WAITING => {
            STAGE.store(WAITING_LONGER, Ordering::SeqCst);
            timer.start(GRACE);
            return Noted::LastTry;
        }
        WAITING_LONGER => {
            const TEXT: &[u8] = b"snapcli: nothing was saved: the script is in a call of C code that does not return\n";
            end_with(TEXT);
        }
        LAST => end_with(LOST_SAVE),
        _ => {}
    }
    Noted::Nothing
}

const LOST_SAVE: &[u8] = b"snapcli: interrupted while saving: nothing was written\n";

/// Prints a line, and ends the process by the signal that has come.
fn end_with(text: &'static [u8]) -> ! {
    // SAFETY: writes the bytes of a constant.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    end_by(ENDED_BY.load(Ordering::SeqCst))
}

/// Python calls this in the main thread, between two bytecodes and with the GIL.
unsafe extern "C" fn pending_call(_: *mut c_void) -> c_int {
    let raised = catch_unwind(|| {
        Python::attach(|py| {
            let kept = TO_RAISE.lock().unwrap_or_else(PoisonError::into_inner).take();
            kept.or_else(|| do_work(py)).map(|error| error.restore(py))
        })
    });
    if matches!(raised, Ok(Some(()))) { -1 } else { 0 }
}

/// Does the work in a handler that has interrupted a call of the system. Python's own code has released the GIL there.
fn work_in_handler() {
    // Nested: the handler of another signal is at it already, and waits for the GIL.
    if RUNNING.load(Ordering::SeqCst) {
        return;
    }
    // SAFETY: Python is initialized, and this thread belongs to it.
    let state = unsafe { pyo3::ffi::PyGILState_Ensure() };
    let raised = catch_unwind(AssertUnwindSafe(|| Python::attach(do_work)));
    if let Ok(Some(error)) = raised {
        let is_interrupt = Python::attach(|py| error.is_instance_of::<PyKeyboardInterrupt>(py));
        if is_interrupt {
            // SAFETY: has no preconditions. Python raises it where it looks for signals, also in the interrupted call.
            unsafe { pyo3::ffi::PyErr_SetInterrupt() };
        } else {
            *TO_RAISE.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            add_pending_call(pending_call);
        }
    }
    // SAFETY: the state is that of the call above.
    unsafe { pyo3::ffi::PyGILState_Release(state) };
}

/// Makes the snapshots that were asked for. Does not return if the process is to end. Returns what the script is to
/// raise.
fn do_work(py: Python<'_>) -> Option<PyErr> {
    // A forked child inherits pending calls.
    if OWNER.load(Ordering::SeqCst) != this_process() || RUNNING.swap(true, Ordering::SeqCst) {
        return None;
    }
    let raised = (|| {
        let work = WORK.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        loop {
            let ended_by = ENDED_BY.load(Ordering::SeqCst);
            if ended_by != 0 {
                STAGE.store(WORKING, Ordering::SeqCst);
                drop(work(py, Occasion::End(ended_by)));
                end_by(ended_by);
            }
            let handled = HANDLED.swap(0, Ordering::SeqCst);
            for signal in (1..64).filter(|signal| handled & bit_of(*signal) != 0) {
                drop(work(py, Occasion::Handled(signal)));
            }
            let started = milliseconds();
            let occasion = match WANTED.swap(0, Ordering::SeqCst) {
                0 => return None,
                BY_TIMER => Occasion::Timer,
                signal => Occasion::OnSignal(signal),
            };
            let raised = work(py, occasion);
            start_tick_after(Duration::from_millis(milliseconds().saturating_sub(started)));
            if raised.is_some() && ENDED_BY.load(Ordering::SeqCst) == 0 {
                return raised;
            }
        }
    })();
    RUNNING.store(false, Ordering::SeqCst);
    raised
}

fn set_errno(number: c_int) {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: has no preconditions.
        let location = unsafe { libc::__errno_location() };
        // SAFETY: the location belongs to this thread.
        unsafe { location.write(number) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = number;
}
