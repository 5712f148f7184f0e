//! Signals that arrive while a file is written.
//!
//! A signal that would end the process removes the temporary files first, and then ends the process as it would have.
//! If a handler is already installed (as Python's for SIGINT), it still runs, and [`check`] fails from then on: the
//! save stops between two opcodes, where Python can run the script's own handler. The previous actions are restored
//! when the last [`SignalGuard`] is dropped.
//!
//! The signal-hook crate does not fit: it replaces handlers in C with its own, and ours must chain to CPython's.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::left_memory::leave_memory;

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) use libc::sigaction as system_sigaction;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" {
    /// The function of the C library: `python/guarded_actions.rs` stands in for the one without underscores.
    #[link_name = "__sigaction"]
    pub(crate) fn system_sigaction(signal: c_int, new: *const libc::sigaction, old: *mut libc::sigaction) -> c_int;
}

/// Signals that ask a program to end. If a program handles one of these, the save is interrupted.
const ASKING: [c_int; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM];
/// Signals from outside that end a program which does not handle them: batch systems send SIGUSR1 and SIGXCPU.
pub(crate) const ENDING: [c_int; 10] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGXCPU,
];
/// The most temporary files that a signal removes; a later save removes the rest.
const FILES: usize = 32;

/// The paths of the temporary files: C strings from `CString::into_raw`, null if an entry is free.
static PATHS: [AtomicPtr<c_char>; FILES] = [const { AtomicPtr::new(null_mut()) }; FILES];
/// The process that owns the files: a forked child inherits `PATHS`, but must not remove the files.
static OWNER: AtomicU32 = AtomicU32::new(0);
/// The previous handlers, in the order of [`ASKING`]; 0 if there was none.
static PREVIOUS: [AtomicUsize; ASKING.len()] = [const { AtomicUsize::new(0) }; ASKING.len()];
/// A child process that ends with this one; 0 if there is none.
static CHILD: AtomicI32 = AtomicI32::new(0);
static CAUGHT: AtomicBool = AtomicBool::new(false);
/// How many [`EndHold`]s and [`UnbrokenStep`]s there are.
static HOLDS: AtomicUsize = AtomicUsize::new(0);
static STEPS: AtomicUsize = AtomicUsize::new(0);
/// The signal that ends the process once it is not held any more; 0 if none has come.
static HELD_SIGNAL: AtomicI32 = AtomicI32::new(0);
/// Whether [`check`] always succeeds.
static IGNORED: AtomicBool = AtomicBool::new(false);
static STATE: Mutex<SignalState> = Mutex::new(SignalState { guards: 0, replaced: Vec::new() });

struct SignalState {
    guards: usize,
    replaced: Vec<(c_int, libc::sigaction)>,
}

fn state() -> MutexGuard<'static, SignalState> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A handled signal arrived during a save; Python has not run the script's handler yet.
#[derive(Debug, thiserror::Error)]
#[error("interrupted by a signal")]
pub(crate) struct Interrupted;

/// Fails with [`Interrupted`] once a handled signal has arrived, until [`forget`] is called.
pub(crate) fn check() -> io::Result<()> {
    if caught() && !IGNORED.load(Ordering::Relaxed) { Err(io::Error::other(Interrupted)) } else { Ok(()) }
}

/// Whether a handled signal has arrived since [`forget`] was called.
pub(crate) fn caught() -> bool {
    CAUGHT.load(Ordering::Relaxed)
}

/// Notes that a handled signal has arrived. May be called from a handler.
pub(crate) fn note(signal: c_int) {
    if ASKING.contains(&signal) {
        CAUGHT.store(true, Ordering::Relaxed);
    }
}

/// Whether [`check`] returned this error.
pub(crate) fn is_interrupted(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Interrupted>())
}

/// Lets the save continue after a signal.
pub(crate) fn forget() {
    CAUGHT.store(false, Ordering::Relaxed);
}

/// Runs `action` with [`check`] disabled. For the second attempt at a variable: pickling it may send the signal itself,
/// and would never come to an end.
pub(crate) fn undisturbed<T>(action: impl FnOnce() -> T) -> T {
    IGNORED.store(true, Ordering::Relaxed);
    let result = action();
    IGNORED.store(false, Ordering::Relaxed);
    result
}

/// Locks the state of this module during a fork, so that the child does not get a copy that is half changed.
pub(crate) struct HeldState(#[allow(dead_code, reason = "its drop ends the hold")] MutexGuard<'static, SignalState>);

/// See [`HeldState`].
pub(crate) fn hold() -> HeldState {
    HeldState(state())
}

/// Resets the state in a forked child, which has neither the guards nor the temporary files of its parent.
pub(crate) fn forget_parent() {
    let mut state = state();
    (state.guards, state.replaced) = (0, Vec::new());
    // The strings belong to entries of the parent, which the child never drops.
    PATHS.iter().for_each(|entry| entry.store(null_mut(), Ordering::Relaxed));
    HOLDS.store(0, Ordering::SeqCst);
    STEPS.store(0, Ordering::SeqCst);
    HELD_SIGNAL.store(0, Ordering::SeqCst);
    forget();
    IGNORED.store(false, Ordering::Relaxed);
}

/// Removes the temporary files. A thread of a process that is about to end may call this.
pub(crate) fn remove_files() {
    if OWNER.load(Ordering::Relaxed) != own_id() {
        return;
    }
    for entry in &PATHS {
        // After the swap no other thread can reach the string: it is leaked, as a handler may not free it.
        let path = entry.swap(null_mut(), Ordering::AcqRel);
        if !path.is_null() {
            // SAFETY: a valid C string that is never freed.
            unsafe { libc::unlink(path) };
        }
    }
}

/// While a guard exists, signals are handled as described at the top of this file.
#[derive(Debug)]
pub(in crate::snapshot) struct SignalGuard(());

impl SignalGuard {
    pub(in crate::snapshot) fn new() -> Self {
        let mut state = state();
        if state.guards == 0 {
            OWNER.store(std::process::id(), Ordering::Relaxed);
            // A signal of an earlier save must not interrupt this one.
            forget();
            state.replaced = ENDING.iter().filter_map(|signal| Some((*signal, replace(*signal)?))).collect();
        }
        state.guards += 1;
        Self(())
    }
}

impl Drop for SignalGuard {
    fn drop(&mut self) {
        let mut state = state();
        state.guards = state.guards.saturating_sub(1);
        if state.guards == 0 {
            for (signal, before) in state.replaced.drain(..) {
                // Keep an action that the script has set in the meantime.
                if action_of(signal).is_some_and(|now| is_ours(now.sa_sigaction)) {
                    set_action(signal, &before);
                }
            }
        }
    }
}

/// Installs our handler and returns the previous action; `None` if it is left alone, as an ignored signal is.
fn replace(signal: c_int) -> Option<libc::sigaction> {
    let before = action_of(signal)?;
    let mut action = before;
    match before.sa_sigaction {
        libc::SIG_IGN => return None,
        libc::SIG_DFL => action.sa_sigaction = remove_and_die as extern "C" fn(c_int) as libc::sighandler_t,
        handler => {
            // A program that handles one of the other signals does not end by it: leave it alone.
            let index = ASKING.iter().position(|asking| *asking == signal)?;
            // `note_and_chain` calls handlers with one argument, as Python's are.
            if before.sa_flags & libc::SA_SIGINFO != 0 {
                return None;
            }
            PREVIOUS.get(index)?.store(handler, Ordering::Relaxed);
            action.sa_sigaction = note_and_chain as extern "C" fn(c_int) as libc::sighandler_t;
        }
    }
    set_action(signal, &action).then_some(before)
}

fn is_ours(handler: libc::sighandler_t) -> bool {
    let ours: [extern "C" fn(c_int); 2] = [remove_and_die, note_and_chain];
    ours.map(|handler| handler as libc::sighandler_t).contains(&handler)
}

pub(crate) fn action_of(signal: c_int) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null action changes nothing, and `action` has room for the result.
    let asked = unsafe { system_sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: zeros are valid for all of its fields, and the call has filled them.
    (asked == 0).then(|| unsafe { action.assume_init() })
}

/// An action with this handler, without flags, that blocks no other signal.
pub(crate) fn own_action(handler: libc::sighandler_t) -> libc::sigaction {
    // SAFETY: zeros are valid for all fields.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action
}

/// Ignores the signals that batch systems send to all processes of a job, in a process whose parent decides when it
/// ends.
pub(crate) fn leave_to_parent() {
    for signal in [libc::SIGHUP, libc::SIGTERM] {
        if let Some(before) = action_of(signal) {
            set_action(signal, &libc::sigaction { sa_sigaction: libc::SIG_IGN, ..before });
        }
    }
}

pub(crate) fn set_action(signal: c_int, action: &libc::sigaction) -> bool {
    // SAFETY: the action came from the system, or differs from one that did only in its handler: a function that makes
    // only async-signal-safe calls.
    unsafe { system_sigaction(signal, action, null_mut()) == 0 }
}

/// A child process that is killed when a signal ends this one, until it is dropped.
#[derive(Debug)]
pub(crate) struct BoundChild(());

impl BoundChild {
    pub(crate) fn new(child: i32) -> Self {
        OWNER.store(own_id(), Ordering::Relaxed);
        CHILD.store(child, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for BoundChild {
    fn drop(&mut self) {
        CHILD.store(0, Ordering::Relaxed);
    }
}

/// While one exists, the process has something to give back that takes time. A signal that would end it is noted, and
/// the code that gives it back calls [`end_by`] afterwards, as the drop of the last one does. The next signal ends the
/// process.
#[derive(Debug)]
pub(crate) struct EndHold(());

impl EndHold {
    pub(crate) fn new() -> Self {
        HOLDS.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for EndHold {
    fn drop(&mut self) {
        // In a forked child, the count is 0 already.
        let before = HOLDS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |holds| holds.checked_sub(1));
        if let (Ok(1), Some(signal)) = (before, held_signal()) {
            end_by(signal);
        }
    }
}

/// Notes a signal that is to end the process, if an [`EndHold`] exists and this is the first one. Otherwise returns
/// false, and the process must end now. May be called from a handler.
pub(crate) fn is_held(signal: c_int) -> bool {
    let is_first = || HELD_SIGNAL.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    let is_held = OWNER.load(Ordering::Relaxed) == own_id() && HOLDS.load(Ordering::SeqCst) > 0 && is_first();
    if is_held {
        CAUGHT.store(true, Ordering::Relaxed);
    }
    is_held
}

/// The signal that ends the process as soon as everything is given back.
pub(crate) fn held_signal() -> Option<c_int> {
    Some(HELD_SIGNAL.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
}

/// A step during which nothing is given back: it relies on that.
#[derive(Debug)]
pub(crate) struct UnbrokenStep(());

impl UnbrokenStep {
    /// # Errors
    /// If a signal is about to end the process.
    pub(crate) fn begin() -> io::Result<Self> {
        STEPS.fetch_add(1, Ordering::SeqCst);
        let step = Self(());
        if held_signal().is_some() { Err(io::Error::other(Interrupted)) } else { Ok(step) }
    }

    /// Whether there is one.
    #[cfg(feature = "remote")]
    pub(crate) fn is_running() -> bool {
        STEPS.load(Ordering::SeqCst) > 0
    }
}

impl Drop for UnbrokenStep {
    fn drop(&mut self) {
        let _ = STEPS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |steps| steps.checked_sub(1));
    }
}

/// Replaces the default action: removes the temporary files and ends the process.
extern "C" fn remove_and_die(signal: c_int) {
    if !is_held(signal) {
        die(signal);
    }
}

fn die(signal: c_int) {
    if OWNER.load(Ordering::Relaxed) == own_id() {
        let child = CHILD.swap(0, Ordering::Relaxed);
        if child > 0 {
            // SAFETY: has no preconditions. The child has not been waited for, so the number is still its own.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
    }
    remove_files();
    leave_memory();
    // SAFETY: sets the default action, which is always valid.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // The signal is blocked until this handler returns, and then ends the process.
    // SAFETY: sends a signal to this very thread.
    unsafe { libc::raise(signal) };
}

/// Removes the temporary files, and ends the process by a signal. A handler may call this.
pub(crate) fn end_by(signal: c_int) -> ! {
    die(signal);
    // The signal is blocked, perhaps by the script.
    change_mask(libc::SIG_UNBLOCK, signal);
    // SAFETY: ends the process; reached only if the default action does not end it.
    unsafe { libc::_exit(128 + signal) }
}

/// Has a signal wait until [`unblock`] is called, in this thread and in the programs that it executes.
pub(crate) fn block(signal: c_int) {
    change_mask(libc::SIG_BLOCK, signal);
}

/// Lets a signal come that was blocked.
pub(crate) fn unblock(signal: c_int) {
    change_mask(libc::SIG_UNBLOCK, signal);
}

fn change_mask(how: c_int, signal: c_int) {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: fills the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set was filled above; a signal without a number is not added.
    unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    // SAFETY: reads the set. Whatever action an unblocked signal has is one that may run at any time.
    unsafe { libc::pthread_sigmask(how, set.as_ptr(), null_mut()) };
}

/// Wraps an existing handler: notes the signal, then calls the handler.
extern "C" fn note_and_chain(signal: c_int) {
    note(signal);
    let index = ASKING.iter().position(|asking| *asking == signal);
    let handler = index.and_then(|index| PREVIOUS.get(index)).map_or(0, |handler| handler.load(Ordering::Relaxed));
    if handler != 0 {
        // SAFETY: this was the signal's handler, without SA_SIGINFO, so it is a function of one argument.
        let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
        handler(signal);
    }
}

fn own_id() -> u32 {
    // SAFETY: has no preconditions. `std::process::id` is the same call, but does not promise to be async-signal-safe.
    unsafe { libc::getpid() }.cast_unsigned()
}

/// Registers a temporary file for removal by a signal, until it is dropped. Null if there was no free entry.
#[derive(Debug)]
pub(super) struct CleanupEntry(AtomicPtr<c_char>);

impl CleanupEntry {
    pub(super) fn new(path: &Path) -> Self {
        let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return Self(AtomicPtr::default()) };
        let path = path.into_raw();
        if PATHS.iter().any(|entry| replace_entry(entry, null_mut(), path)) {
            return Self(AtomicPtr::new(path));
        }
        // SAFETY: it came from `into_raw`, and was not stored in `PATHS`, so nothing else points to it.
        drop(unsafe { CString::from_raw(path) });
        Self(AtomicPtr::default())
    }
}

impl Drop for CleanupEntry {
    fn drop(&mut self) {
        let path = *self.0.get_mut();
        if !path.is_null() && PATHS.iter().any(|entry| replace_entry(entry, path, null_mut())) {
            // SAFETY: it came from `into_raw`, and was taken out of `PATHS` here, so nothing else points to it.
            drop(unsafe { CString::from_raw(path) });
        }
    }
}

fn replace_entry(entry: &AtomicPtr<c_char>, old: *mut c_char, new: *mut c_char) -> bool {
    entry.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}
