//! Signals while Python is initialized. Those that the Rust runtime handles get the default action back.
//!
//! Ctrl-C ends the process at once until the job begins. A KeyboardInterrupt during the import of `site` would be a
//! fatal error of Python, which prints a traceback and exits with 1.
#![allow(unsafe_code)]

use std::ffi::c_int;

use pyo3::prelude::*;

use super::deferred_signals::Tolerated as _;
use crate::snapshot::atomic::signals::{action_of, end_by, set_action};

/// Must be called before Python is initialized.
pub(super) fn begin() {
    reset_runtime_handlers();
    leave_runtime_stack();
    // Python sets no handler of its own where it finds one. An ignored Ctrl-C stays ignored.
    if let Some(before) = action_of(libc::SIGINT).filter(|before| before.sa_sigaction == libc::SIG_DFL) {
        set_action(libc::SIGINT, &libc::sigaction { sa_sigaction: own_handler(), ..before });
    }
}

/// Sets the handler that Python would have set, unless a `sitecustomize` has set another.
pub(super) fn end(py: Python<'_>) {
    let Some(ours) = action_of(libc::SIGINT).filter(|now| now.sa_sigaction == own_handler()) else { return };
    let handled = || {
        let signal = py.import("_signal")?;
        signal.call_method1("signal", (libc::SIGINT, signal.getattr("default_int_handler")?)).map(drop)
    };
    if handled().tolerated().is_none() {
        set_action(libc::SIGINT, &libc::sigaction { sa_sigaction: libc::SIG_DFL, ..ours });
    }
}

fn own_handler() -> libc::sighandler_t {
    die as extern "C" fn(c_int) as libc::sighandler_t
}

extern "C" fn die(signal: c_int) {
    end_by(signal);
}

/// Disables the alternate signal stack of the Rust runtime. Python's handlers would run on it, and one can interrupt
/// another, but the stack is too small for two.
fn leave_runtime_stack() {
    let none = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: libc::SIGSTKSZ };
    // SAFETY: no handler is running, and those that need the stack have been reset.
    unsafe { libc::sigaltstack(&raw const none, std::ptr::null_mut()) };
}

/// Undoes the handlers of the Rust runtime, which report stack overflows: a script must find these signals as under
/// `python`.
fn reset_runtime_handlers() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: sets the default action, which is always valid.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}
