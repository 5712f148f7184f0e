//! Signals while a file is written.
//!
//! A signal that would end the process removes the temporary files first, and then ends it as it would have. A signal
//! that somebody handles, as Python does SIGINT, is handled as before, and [`check`] stops the writing, so that
//! whoever writes can let the handler have its say. All handlers are put back when the last [`Guard`] is dropped.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What asks a program to end, by default or as its own handlers see it.
const ASKING: [c_int; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGTERM];
/// What ends a program that does not handle it, of what others send: batch systems send SIGUSR1 and SIGXCPU.
const ENDING: [c_int; 10] = [
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
/// More files than are written at once. What finds no place is swept by a later save.
const FILES: usize = 32;

/// The names of the temporary files, as C strings.
static NAMES: [AtomicPtr<c_char>; FILES] = [const { AtomicPtr::new(null_mut()) }; FILES];
/// The process whose files they are: a forked child has them in its memory, too.
static OWNER: AtomicU32 = AtomicU32::new(0);
/// The handlers that were there, in the order of [`ASKING`]; 0 where there was none.
static HANDLERS: [AtomicUsize; ASKING.len()] = [const { AtomicUsize::new(0) }; ASKING.len()];
static CAUGHT: AtomicBool = AtomicBool::new(false);
/// Whether [`check`] lets everything pass.
static DEAF: AtomicBool = AtomicBool::new(false);
static STATE: Mutex<State> = Mutex::new(State { guards: 0, replaced: Vec::new() });

struct State {
    guards: usize,
    replaced: Vec<(c_int, libc::sigaction)>,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A signal came while something was written, and its handler is yet to have its say.
#[derive(Debug, thiserror::Error)]
#[error("interrupted by a signal")]
pub struct Interrupted;

/// An error once a signal has come that is handled outside of here, until [`forget`] is called.
pub fn check() -> io::Result<()> {
    if caught() && !DEAF.load(Ordering::Relaxed) { Err(io::Error::other(Interrupted)) } else { Ok(()) }
}

/// Whether a signal has come that is handled outside of here, since [`forget`] was called.
pub fn caught() -> bool {
    CAUGHT.load(Ordering::Relaxed)
}

/// Whether an error is that of [`check`].
pub fn is_interrupted(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Interrupted>())
}

/// Lets the writing go on.
pub fn forget() {
    CAUGHT.store(false, Ordering::Relaxed);
}

/// Does something that no signal stops: what was begun anew once already, as it may send the signal itself.
pub fn undisturbed<T>(action: impl FnOnce() -> T) -> T {
    DEAF.store(true, Ordering::Relaxed);
    let result = action();
    DEAF.store(false, Ordering::Relaxed);
    result
}

/// While there is one, signals are handled as this module says.
#[derive(Debug)]
pub(super) struct Guard(());

impl Guard {
    pub(super) fn new() -> Self {
        let mut state = state();
        if state.guards == 0 {
            OWNER.store(std::process::id(), Ordering::Relaxed);
            forget();
            state.replaced = ENDING.iter().filter_map(|signal| Some((*signal, replace(*signal)?))).collect();
        }
        state.guards += 1;
        Self(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = state();
        state.guards = state.guards.saturating_sub(1);
        if state.guards == 0 {
            for (signal, before) in state.replaced.drain(..) {
                // What the script has set meanwhile stays.
                if action_of(signal).is_some_and(|now| is_ours(now.sa_sigaction)) {
                    set_action(signal, &before);
                }
            }
        }
    }
}

/// Puts a handler of ours in place; returns what was there. What is ignored stays ignored.
fn replace(signal: c_int) -> Option<libc::sigaction> {
    let before = action_of(signal)?;
    let mut action = before;
    match before.sa_sigaction {
        libc::SIG_IGN => return None,
        libc::SIG_DFL => action.sa_sigaction = end as extern "C" fn(c_int) as libc::sighandler_t,
        handler => {
            let place = ASKING.iter().position(|asking| *asking == signal)?;
            // Python's own handlers take one argument.
            if before.sa_flags & libc::SA_SIGINFO != 0 {
                return None;
            }
            HANDLERS.get(place)?.store(handler, Ordering::Relaxed);
            action.sa_sigaction = note as extern "C" fn(c_int) as libc::sighandler_t;
        }
    }
    set_action(signal, &action).then_some(before)
}

fn is_ours(handler: libc::sighandler_t) -> bool {
    [end as extern "C" fn(c_int) as libc::sighandler_t, note as extern "C" fn(c_int) as libc::sighandler_t]
        .contains(&handler)
}

fn action_of(signal: c_int) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null action changes nothing, and there is room for the answer.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: zeros are valid for all of its fields, and the call has filled them.
    (asked == 0).then(|| unsafe { action.assume_init() })
}

fn set_action(signal: c_int, action: &libc::sigaction) -> bool {
    // SAFETY: the action is one that the system gave, or differs from it in its handler, which is a function that
    // only does what is safe in a signal handler.
    unsafe { libc::sigaction(signal, action, null_mut()) == 0 }
}

/// The handler where the process is to end.
extern "C" fn end(signal: c_int) {
    if OWNER.load(Ordering::Relaxed) == own_id() {
        for name in &NAMES {
            // Whoever takes a name out of its place has it alone.
            let name = name.swap(null_mut(), Ordering::AcqRel);
            if !name.is_null() {
                // SAFETY: a C string that nobody frees any more.
                unsafe { libc::unlink(name) };
            }
        }
    }
    // SAFETY: sets the default action, which is always valid.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // The signal is blocked until this handler returns, and then ends the process.
    // SAFETY: sends a signal to this very thread.
    unsafe { libc::raise(signal) };
}

/// The handler where there is another: that one does what it did before.
extern "C" fn note(signal: c_int) {
    CAUGHT.store(true, Ordering::Relaxed);
    let place = ASKING.iter().position(|asking| *asking == signal);
    let handler = place.and_then(|place| HANDLERS.get(place)).map_or(0, |handler| handler.load(Ordering::Relaxed));
    if handler != 0 {
        // SAFETY: this was the signal's handler, without SA_SIGINFO, so it is a function of one argument.
        let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
        handler(signal);
    }
}

fn own_id() -> u32 {
    // SAFETY: has no preconditions. `std::process::id` is the same call, but does not promise to be fit for a handler.
    unsafe { libc::getpid() }.cast_unsigned()
}

/// A temporary file that goes with the process when a signal ends that.
#[derive(Debug)]
pub(super) struct Listed(AtomicPtr<c_char>);

impl Listed {
    pub(super) fn new(path: &Path) -> Self {
        let Ok(name) = CString::new(path.as_os_str().as_bytes()) else { return Self(AtomicPtr::default()) };
        let name = name.into_raw();
        let (set, get) = (Ordering::AcqRel, Ordering::Relaxed);
        let listed = NAMES.iter().any(|place| place.compare_exchange(null_mut(), name, set, get).is_ok());
        if !listed {
            // SAFETY: it came from `into_raw`, and nobody else has it.
            drop(unsafe { CString::from_raw(name) });
            return Self(AtomicPtr::default());
        }
        Self(AtomicPtr::new(name))
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let name = *self.0.get_mut();
        let (set, get) = (Ordering::AcqRel, Ordering::Relaxed);
        let taken = |place: &AtomicPtr<c_char>| place.compare_exchange(name, null_mut(), set, get).is_ok();
        if !name.is_null() && NAMES.iter().any(taken) {
            // SAFETY: it came from `into_raw`, and was taken out of its place here, so nobody else has it.
            drop(unsafe { CString::from_raw(name) });
        }
    }
}
