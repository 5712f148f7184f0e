//! What a signal handler may ask about the thread that it interrupts, and the timers that it may set: only calls that
//! are async-signal-safe. Other systems than Linux, and other processors than these, get the cautious answer.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::time::Duration;

use crate::snapshot::atomic::signals::action_of;

/// A second signal ends the process at once, unless it comes this early, in milliseconds: `timeout`, shells and
/// schedulers send the same signal to the process and to its group.
pub(super) const SAME_REQUEST: u64 = 300;

/// Whether this thread holds the GIL.
pub(super) fn holds_gil() -> bool {
    unsafe extern "C" {
        // Exported by every CPython 3, but not part of the stable ABI.
        fn PyGILState_Check() -> c_int;
    }
    // SAFETY: reads a thread-local variable of Python, which has been initialized.
    unsafe { PyGILState_Check() != 0 }
}

/// The number of this thread.
pub(super) fn this_thread() -> usize {
    // SAFETY: has no preconditions.
    unsafe { libc::pthread_self() as usize }
}

/// The number of this process.
pub(super) fn this_process() -> c_int {
    // SAFETY: has no preconditions. `std::process::id` is the same call, but does not promise to be async-signal-safe.
    unsafe { libc::getpid() }
}

/// Whether a signal comes from a timer of this process.
pub(super) fn is_from_timer(info: *const libc::siginfo_t) -> bool {
    if info.is_null() {
        return false;
    }
    // SAFETY: the system passes a valid pointer to a handler with SA_SIGINFO.
    let code = unsafe { (*info).si_code };
    #[cfg(target_os = "linux")]
    return code == libc::SI_TIMER;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = code;
        false
    }
}

/// Whether the interrupted thread waits in the system: in `sleep`, for a lock, for input. Then it is not in the middle
/// of a change to anything, such as the memory of `malloc`, and other work may be done in the handler.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(super) fn waits_in_system(context: *const c_void) -> bool {
    const SYSCALL: [u8; 2] = [0x0f, 0x05];
    let Some(registers) = registers(context) else { return false };
    let (Ok(next), result) = (usize::try_from(registers[libc::REG_RIP as usize]), registers[libc::REG_RAX as usize])
    else {
        return false;
    };
    let code_at = |address: usize| {
        // SAFETY: the thread executes the instruction before `next`, and will execute the one at `next`, so both lie in
        // mapped memory; an instruction has no alignment.
        unsafe { std::ptr::read_unaligned(address as *const [u8; 2]) }
    };
    // A call that is to be restarted begins again at its instruction; any other has returned EINTR.
    let is_interrupted = result == -i64::from(libc::EINTR) && code_at(next.wrapping_sub(SYSCALL.len())) == SYSCALL;
    is_interrupted || code_at(next) == SYSCALL
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn registers(context: *const c_void) -> Option<[libc::greg_t; 23]> {
    if context.is_null() {
        return None;
    }
    // SAFETY: the system passes a valid `ucontext_t` to a handler with SA_SIGINFO.
    Some(unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs })
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub(super) fn waits_in_system(context: *const c_void) -> bool {
    const SVC: u32 = 0xd400_0001;
    if context.is_null() {
        return false;
    }
    // SAFETY: the system passes a valid `ucontext_t` to a handler with SA_SIGINFO.
    let machine = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext };
    let (Ok(next), result) = (usize::try_from(machine.pc), machine.regs[0].cast_signed()) else { return false };
    let code_at = |address: usize| {
        // SAFETY: the thread executes the instruction before `next`, and will execute the one at `next`, so both lie in
        // mapped memory.
        unsafe { std::ptr::read_unaligned(address as *const u32) }
    };
    let is_interrupted = result == -i64::from(libc::EINTR) && code_at(next.wrapping_sub(4)) == SVC;
    is_interrupted || code_at(next) == SVC
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(super) fn waits_in_system(_: *const c_void) -> bool {
    false
}

/// Whether this is a handler on a stack of its own, which has room for little. Python's handlers run there if anything,
/// as `faulthandler`, has set one.
pub(super) fn is_on_small_stack() -> bool {
    let mut stack = std::mem::MaybeUninit::<libc::stack_t>::zeroed();
    // SAFETY: changes nothing, and there is room for the result. It is safe within a handler.
    unsafe { libc::sigaltstack(std::ptr::null(), stack.as_mut_ptr()) };
    // SAFETY: zeros are valid, and so is what the call has written.
    unsafe { stack.assume_init() }.ss_flags & libc::SS_ONSTACK != 0
}

/// Has Python call a function in the main thread, between two bytecodes and with the GIL.
pub(super) fn add_pending_call(function: unsafe extern "C" fn(*mut c_void) -> c_int) {
    unsafe extern "C" {
        // In the stable ABI, but not declared by PyO3 for it.
        fn Py_AddPendingCall(function: unsafe extern "C" fn(*mut c_void) -> c_int, argument: *mut c_void) -> c_int;
    }
    // SAFETY: may be called from any thread without the GIL.
    unsafe { Py_AddPendingCall(function, null_mut()) };
}

/// A real-time signal that has no handler, for a timer, and its default action.
pub(super) fn unused_signal() -> Option<(c_int, libc::sigaction)> {
    #[cfg(target_os = "linux")]
    let mut candidates = (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev();
    #[cfg(not(target_os = "linux"))]
    let mut candidates = std::iter::empty();
    candidates.find_map(|signal| {
        let action = action_of(signal)?;
        (action.sa_sigaction == libc::SIG_DFL).then_some((signal, action))
    })
}

/// The milliseconds of a clock that only goes forward.
pub(super) fn milliseconds() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: only writes to `now`.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(u64::try_from(now.tv_nsec / 1_000_000).unwrap_or(0))
}

/// A timer that sends a signal to this process once. A forked child does not inherit it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignalTimer(c_int);

#[cfg(target_os = "linux")]
impl SignalTimer {
    /// A timer that is not running. `None` if the system has no more of them.
    pub(super) fn new(signal: c_int) -> Option<Self> {
        // SAFETY: zeros are a valid `sigevent`.
        let mut event = unsafe { std::mem::zeroed::<libc::sigevent>() };
        event.sigev_signo = signal;
        event.sigev_notify = libc::SIGEV_SIGNAL;
        let mut id: c_int = 0;
        // The call of the system itself: that of the C library may allocate memory, which a handler must not do.
        // SAFETY: reads `event`, and writes the number of the timer.
        let made =
            unsafe { libc::syscall(libc::SYS_timer_create, libc::CLOCK_MONOTONIC, &raw const event, &raw mut id) };
        (made == 0).then_some(Self(id))
    }

    /// The timer with a number.
    pub(super) fn with_number(number: c_int) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> c_int {
        self.0
    }

    /// Starts it anew, or stops it if the time is zero.
    pub(super) fn start(self, after: Duration) {
        let value = libc::timespec {
            tv_sec: libc::time_t::try_from(after.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(after.subsec_nanos().cast_signed()),
        };
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let times = libc::itimerspec { it_interval: zero, it_value: value };
        let no_old_times = std::ptr::null_mut::<libc::itimerspec>();
        // SAFETY: reads `times`. A number that belongs to no timer is an error without effect.
        unsafe { libc::syscall(libc::SYS_timer_settime, self.0, 0, &raw const times, no_old_times) };
    }
}

#[cfg(not(target_os = "linux"))]
impl SignalTimer {
    pub(super) fn new(_: c_int) -> Option<Self> {
        None
    }

    pub(super) fn with_number(number: c_int) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> c_int {
        self.0
    }

    pub(super) fn start(self, _: Duration) {}
}
