//! Timers that send a signal to one thread, for [`deferred_signals`](super::deferred_signals): only Linux has them.
//!
//! The system calls are made directly: glibc before 2.34 has their functions in another library, and they are safe
//! within a handler of a signal.
#![allow(unsafe_code)]

pub(crate) use self::system::is_main_thread;
pub(super) use self::system::{create, delete, set};

#[cfg(target_os = "linux")]
mod system {
    use std::ffi::{c_int, c_long};
    use std::mem::MaybeUninit;
    use std::ptr::null_mut;

    /// `libc` has no name for it.
    const SIGEV_THREAD_ID: c_int = 4;

    pub(crate) fn is_main_thread() -> bool {
        // SAFETY: has no preconditions.
        let thread = unsafe { libc::gettid() };
        thread.cast_unsigned() == std::process::id()
    }

    /// A timer that sends a signal to this thread.
    pub(in crate::python) fn create(signal: c_int) -> Option<i32> {
        // SAFETY: zeros are valid for all fields.
        let mut event = unsafe { MaybeUninit::<libc::sigevent>::zeroed().assume_init() };
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        // SAFETY: has no preconditions.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        let mut timer: i32 = -1;
        let clock = c_long::from(libc::CLOCK_MONOTONIC);
        // SAFETY: reads `event` and writes an int to `timer`.
        let result = unsafe { libc::syscall(libc::SYS_timer_create, clock, &raw const event, &raw mut timer) };
        (result == 0).then_some(timer)
    }

    /// Has a timer send its signal once, after this many nanoseconds, or never if it is 0.
    pub(in crate::python) fn set(timer: i32, after: u64) {
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let once = libc::timespec { tv_sec: 0, tv_nsec: after.cast_signed() };
        let time = libc::itimerspec { it_interval: zero, it_value: once };
        let before = null_mut::<libc::itimerspec>();
        if timer >= 0 {
            // SAFETY: reads `time`, and writes nothing.
            unsafe { libc::syscall(libc::SYS_timer_settime, timer, 0, &raw const time, before) };
        }
    }

    pub(in crate::python) fn delete(timer: i32) {
        if timer >= 0 {
            // SAFETY: the timer is ours, and is not used any more.
            unsafe { libc::syscall(libc::SYS_timer_delete, timer) };
        }
    }
}

/// Other systems have no such timers: there, no signal is deferred.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::ffi::c_int;

    pub(crate) fn is_main_thread() -> bool {
        false
    }

    pub(in crate::python) fn create(_: c_int) -> Option<i32> {
        None
    }

    pub(in crate::python) fn set(_: i32, _: u64) {}

    pub(in crate::python) fn delete(_: i32) {}
}
