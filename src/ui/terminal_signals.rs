//! A signal that ends the program takes its progress bar off the screen: the shell's prompt would stand behind it.
//!
//! Only signals with the default action need a handler. Where there is one, as Python's, the bar is dropped.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
use libc::sigaction as system_sigaction;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" {
    /// The function of the C library: `python/guarded_actions.rs` stands in for the one without underscores.
    #[link_name = "__sigaction"]
    fn system_sigaction(signal: c_int, new: *const libc::sigaction, old: *mut libc::sigaction) -> c_int;
}

/// Signals that users and terminals send to end a program.
const ENDING: [c_int; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
/// Moves to the start of the line, and deletes it.
const CLEAR: &[u8] = b"\r\x1b[K";

/// Whether a bar is on the screen.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// While it exists, those signals clear the line before they end the process.
pub(super) struct ClearedAtSignals(Vec<(c_int, libc::sigaction)>);

impl ClearedAtSignals {
    pub(super) fn new() -> Self {
        IS_SHOWN.store(true, Ordering::Relaxed);
        Self(ENDING.iter().filter_map(|signal| Some((*signal, replace(*signal)?))).collect())
    }
}

impl Drop for ClearedAtSignals {
    fn drop(&mut self) {
        IS_SHOWN.store(false, Ordering::Relaxed);
        for (signal, before) in self.0.drain(..) {
            // Another handler may have been set since, which may call this one.
            if current(signal).is_some_and(|now| now.sa_sigaction == own_handler()) {
                set(signal, &before);
            }
        }
    }
}

fn replace(signal: c_int) -> Option<libc::sigaction> {
    let before = current(signal).filter(|before| before.sa_sigaction == libc::SIG_DFL)?;
    set(signal, &libc::sigaction { sa_sigaction: own_handler(), ..before }).then_some(before)
}

fn own_handler() -> libc::sighandler_t {
    clear_and_die as extern "C" fn(c_int) as libc::sighandler_t
}

fn current(signal: c_int) -> Option<libc::sigaction> {
    let mut found = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null action changes nothing, and there is room for the result.
    let result = unsafe { system_sigaction(signal, ptr::null(), found.as_mut_ptr()) };
    // SAFETY: zeros are valid, and so is what the call has written.
    (result == 0).then(|| unsafe { found.assume_init() })
}

fn set(signal: c_int, action: &libc::sigaction) -> bool {
    // SAFETY: the action came from the system, or differs only in its handler, which is safe at any time.
    unsafe { system_sigaction(signal, action, ptr::null_mut()) == 0 }
}

/// Takes the bar off the screen, if there is one. May be called from a handler.
pub(crate) fn clear_bar() {
    if IS_SHOWN.load(Ordering::Relaxed) {
        // SAFETY: writes bytes of a constant; `write` is safe within a handler.
        unsafe { libc::write(2, CLEAR.as_ptr().cast(), CLEAR.len()) };
    }
}

extern "C" fn clear_and_die(signal: c_int) {
    clear_bar();
    // SAFETY: sets the default action, which is always valid.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // The signal is blocked until this handler returns, and then ends the process.
    // SAFETY: sends a signal to this very thread.
    unsafe { libc::raise(signal) };
}
