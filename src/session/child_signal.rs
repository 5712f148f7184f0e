//! Keeps a child process of the check from the script's handler of SIGCHLD, which may call `os.wait` and know nothing
//! of such a child.
//!
//! Blocking the signal would not do: any thread of a library could still receive it. So its handler is taken away.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr;

/// Takes the handler of SIGCHLD away until it is dropped. If another child has ended meanwhile, the handler is called
/// then.
pub(super) struct SuspendedHandler {
    /// What was set before, if it was a handler.
    handler: Option<libc::sigaction>,
    /// Whether a child that had ended before was still waited for.
    had_ended: bool,
}

impl SuspendedHandler {
    pub(super) fn new() -> Self {
        let none = Self { handler: None, had_ended: false };
        let Some(found) = current() else { return none };
        if matches!(found.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN) {
            return none;
        }
        let suspended = Self { handler: Some(found), had_ended: has_ended_child() };
        set(&libc::sigaction { sa_sigaction: libc::SIG_DFL, ..found });
        suspended
    }
}

impl Drop for SuspendedHandler {
    fn drop(&mut self) {
        let Some(handler) = &self.handler else { return };
        // Another thread may have set another one.
        if current().is_some_and(|found| found.sa_sigaction == libc::SIG_DFL) {
            set(handler);
        }
        if !self.had_ended && has_ended_child() {
            // SAFETY: Sends a signal whose handler has just been set.
            unsafe { libc::raise(libc::SIGCHLD) };
        }
    }
}

fn current() -> Option<libc::sigaction> {
    let mut found = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: Only writes to `found`.
    let result = unsafe { libc::sigaction(libc::SIGCHLD, ptr::null(), found.as_mut_ptr()) };
    // SAFETY: Zeros are a valid value, and so is what the call has written.
    let found = unsafe { found.assume_init() };
    (result == 0).then_some(found)
}

fn set(action: &libc::sigaction) {
    // SAFETY: The action is the default one, or one that the process had before.
    unsafe { libc::sigaction(libc::SIGCHLD, action, ptr::null_mut()) };
}

/// Whether a child has ended and has not been waited for. This does not wait for it.
fn has_ended_child() -> bool {
    let mut found = MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: Only writes to `found`.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, found.as_mut_ptr(), options) };
    // SAFETY: Zeros are a valid value, and so is what the call has written.
    let found = unsafe { found.assume_init() };
    result == 0 && found.si_signo == libc::SIGCHLD
}
