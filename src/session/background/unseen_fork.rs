//! Forks a process that the script cannot see: its end sends no SIGCHLD, and `os.wait` does not return it.
//!
//! `clone` starts a helper that shares the memory of this process, as `vfork` does, and sends no signal when it ends.
//! The helper calls `fork` and exits at once, so the init process becomes the parent of the child. The page tables are
//! copied once, and `fork` is that of the C library, which keeps its own locks in order. All signals are blocked
//! meanwhile: no handler of the script runs in the helper or the child.
#![allow(unsafe_code)]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "other systems save in the foreground"))]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;

/// The signals that a thread had blocked before the fork.
pub(super) struct SignalMask(libc::sigset_t);

impl SignalMask {
    /// Blocks all signals for this thread. Returns those that were blocked before.
    fn block_all() -> Self {
        let mut all = MaybeUninit::<libc::sigset_t>::zeroed();
        let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: fills the set.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: reads one set, which was filled above, and fills the other.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
        // SAFETY: zeros are valid, and so is what the call has written.
        Self(unsafe { before.assume_init() })
    }

    /// Blocks only the signals that were blocked before.
    pub(super) fn restore(&self) {
        // SAFETY: reads the set, which the system has filled.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

/// What the helper gets, and what it leaves. It shares the memory of the thread that waits for it.
struct ForkRequest<'a> {
    child: &'a mut dyn FnMut(&SignalMask),
    before: SignalMask,
    process: c_int,
    error: c_int,
}

/// Forks. The child calls `child` with all signals blocked, which must not return. Returns the number of its process.
///
/// # Errors
/// If the system refuses, or has no such call.
pub(super) fn fork(child: &mut dyn FnMut(&SignalMask)) -> io::Result<c_int> {
    let mut request = ForkRequest { child, before: SignalMask::block_all(), process: 0, error: 0 };
    let forked = in_helper(fork_in_helper, (&raw mut request).cast());
    request.before.restore();
    forked?;
    if request.process > 0 { Ok(request.process) } else { Err(io::Error::from_raw_os_error(request.error)) }
}

extern "C" fn fork_in_helper(request: *mut c_void) {
    // SAFETY: the pointer is that of `fork`, whose thread waits until this process has ended.
    let request = unsafe { &mut *request.cast::<ForkRequest<'_>>() };
    // SAFETY: the child has a copy of this thread, and goes on within this call.
    let process = unsafe { libc::fork() };
    if process == 0 {
        (request.child)(&request.before);
        exit_now(1);
    }
    request.process = process;
    request.error = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EAGAIN);
    exit_now(0)
}

/// Ends this process. Nothing is flushed, and no function runs.
pub(super) fn exit_now(code: c_int) -> ! {
    loop {
        #[cfg(target_os = "linux")]
        // SAFETY: ends the process.
        unsafe {
            libc::syscall(libc::SYS_exit_group, code)
        };
        #[cfg(not(target_os = "linux"))]
        // SAFETY: ends the process.
        unsafe {
            libc::_exit(code)
        };
    }
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn in_helper(work: extern "C" fn(*mut c_void), argument: *mut c_void) -> io::Result<()> {
    // SAFETY: `work` does not return; the argument lives until the helper has ended.
    let helper = unsafe { clone_and_call(work, argument) };
    if helper < 0 {
        return Err(io::Error::from_raw_os_error(c_int::try_from(-helper).unwrap_or(libc::EAGAIN)));
    }
    let helper = libc::pid_t::try_from(helper).map_err(io::Error::other)?;
    // Only a wait that asks for it sees a process that sends no signal at its end.
    // SAFETY: waits for the helper; the status is not needed.
    while unsafe { libc::waitpid(helper, std::ptr::null_mut(), libc::__WCLONE) } < 0 {
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            break;
        }
    }
    Ok(())
}

/// As `vfork`, but the end of the new process sends no signal, and it calls `work` on the free part of this stack.
/// This thread waits until it has ended.
///
/// # Safety
/// `work` must end the process.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
unsafe fn clone_and_call(work: extern "C" fn(*mut c_void), argument: *mut c_void) -> isize {
    let result: isize;
    // SAFETY: the new process keeps away from the red zone, and never leaves the call; this thread goes on after it,
    // with all registers but those named here as they were.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "lea rsp, [rsp - 512]",
            "and rsp, -16",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone as isize => result,
            in("rdi") (libc::CLONE_VM | libc::CLONE_VFORK) as isize,
            in("rsi") 0,
            in("rdx") 0,
            in("r10") 0,
            in("r8") 0,
            in("r12") work,
            in("r13") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// As for x86-64.
///
/// # Safety
/// `work` must end the process.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
unsafe fn clone_and_call(work: extern "C" fn(*mut c_void), argument: *mut c_void) -> isize {
    let result: isize;
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "sub sp, sp, #512",
            "mov x29, xzr",
            "mov x0, x21",
            "blr x20",
            "brk #1",
            "2:",
            inlateout("x0") (libc::CLONE_VM | libc::CLONE_VFORK) as isize => result,
            in("x1") 0,
            in("x2") 0,
            in("x3") 0,
            in("x4") 0,
            in("x8") libc::SYS_clone,
            in("x20") work,
            in("x21") argument,
        );
    }
    result
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn in_helper(_: extern "C" fn(*mut c_void), _: *mut c_void) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_child_has_the_memory_of_its_parent_which_need_not_wait_for_it() -> io::Result<()> {
        let (mut from_child, mut to_parent) = io::pipe()?;
        let text = "memory".repeat(3);
        let parent = std::process::id();
        let process = fork(&mut |mask| {
            mask.restore();
            let _ = writeln!(to_parent, "{text} {} {}", std::process::id(), parent == std::process::id());
            exit_now(0);
        })?;
        drop(to_parent);
        let mut found = String::new();
        from_child.read_to_string(&mut found)?;
        assert_eq!(found, format!("{text} {process} false\n"));
        // SAFETY: looks for a child; there is none.
        let waited = unsafe { libc::waitpid(process, std::ptr::null_mut(), libc::WNOHANG) };
        assert_eq!((waited, io::Error::last_os_error().raw_os_error()), (-1, Some(libc::ECHILD)));
        Ok(())
    }
}
