//! Whether a signal that ends the run has ended a child of this process, too: Ctrl-C in a terminal signals the whole
//! process group, and so do some schedulers. The step that has waited for the child then goes on with its failure. A
//! child that fails for another reason at that time counts as well: then the step runs once more.
//!
//! The children are watched only from the signal on, so SIGCHLD interrupts nothing before.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use super::step_signals::{is_own_process, shorten_grace};
use crate::snapshot::atomic::signals::{action_of, own_action, set_action};

static HAS_ENDED: AtomicBool = AtomicBool::new(false);

/// Whether a signal has ended a child since [`watch`] was called, or shortly before.
pub(crate) fn has_ended() -> bool {
    HAS_ENDED.load(Ordering::SeqCst)
}

/// Begins to watch, in the handler of a signal that ends the run. Makes only async-signal-safe calls.
pub(super) fn watch() {
    if action_of(libc::SIGCHLD).is_some_and(|action| action.sa_sigaction == libc::SIG_DFL) {
        let mut action = own_action(handle as Handler as libc::sighandler_t);
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_NOCLDSTOP;
        set_action(libc::SIGCHLD, &action);
    }
    note_waiting();
}

/// The signal does not end the run after all.
pub(super) fn forget() {
    HAS_ENDED.store(false, Ordering::SeqCst);
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

extern "C" fn handle(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    if !is_own_process() || info.is_null() {
        return;
    }
    // SAFETY: the system passes a valid pointer to a handler with SA_SIGINFO.
    note(unsafe { &*info });
    // Several ends may come as one signal.
    note_waiting();
}

/// Notes a child that has ended, and that nothing has waited for yet. It can still be waited for.
fn note_waiting() {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: there is room for the result.
    if unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), options) } == 0 {
        // SAFETY: zeros are valid, and so is what the call has written.
        note(unsafe { info.assume_init_ref() });
    }
}

fn note(info: &libc::siginfo_t) {
    // SAFETY: the information is about a child, or all zeros.
    let status = unsafe { info.si_status() };
    let is_ended = match info.si_code {
        // A group that gets SIGKILL ends as a whole: the script has sent this one.
        libc::CLD_KILLED | libc::CLD_DUMPED => status != libc::SIGKILL,
        // One that handles the signal ends with a status of its own.
        libc::CLD_EXITED => status != 0,
        _ => false,
    };
    if is_ended && !HAS_ENDED.swap(true, Ordering::SeqCst) {
        shorten_grace();
    }
}
