//! Stands in for `sigaction` of the C library while signals save a script. Otherwise a script that sets a handler for
//! SIGTERM, and later restores the default action, would remove our handler. Here, setting the default action installs
//! our handler, and our handler is reported as the default action, so neither Python nor extension modules see a
//! difference.
//!
//! Calls come here as those of [`early_exit`](super::early_exit) do: this library is part of the program, or is
//! preloaded. Our own code calls the function of the C library.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(unsafe_code)]

use std::ffi::c_int;

use super::script_signals::{is_guarded, note_handled, set_handler};
use crate::snapshot::atomic::signals::{action_of, own_action, system_sigaction};

/// As the function of the C library, and as safe in a handler.
///
/// # Safety
/// As for that function.
#[unsafe(no_mangle)]
#[allow(unreachable_pub, reason = "the dynamic loader calls it")]
pub unsafe extern "C" fn sigaction(signal: c_int, new: *const libc::sigaction, old: *mut libc::sigaction) -> c_int {
    if !is_guarded(signal) {
        // SAFETY: the arguments are those of the caller.
        return unsafe { system_sigaction(signal, new, old) };
    }
    // This fails only for an invalid number, and those are not guarded.
    let Some(before) = action_of(signal) else { return -1 };
    // SAFETY: the caller passes a valid pointer, or null.
    let result = match unsafe { new.as_ref() } {
        None => 0,
        // Its flags mean nothing for the default action.
        Some(new) if new.sa_sigaction == libc::SIG_DFL => c_int::from(!set_handler(signal)).wrapping_neg(),
        Some(new) => {
            // SAFETY: the arguments are those of the caller.
            let result = unsafe { system_sigaction(signal, new, std::ptr::null_mut()) };
            if result == 0 && super::script_signals::is_ours(&before) {
                note_handled(signal);
            }
            result
        }
    };
    // SAFETY: the caller passes a valid pointer, or null.
    if let Some(old) = unsafe { old.as_mut() } {
        *old = if super::script_signals::is_ours(&before) { own_action(libc::SIG_DFL) } else { before };
    }
    result
}
