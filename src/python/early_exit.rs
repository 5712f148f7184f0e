//! A script that ends its own process, so that nothing of ours runs after it: `os._exit`, the `exit` of the C library,
//! or `os.exec…`, which puts another program in its place. Without a message, an old snapshot would pass for a new one.
//!
//! CPython calls these functions through the dynamic loader, which takes them from here: this library is part of the
//! program, or is preloaded. They do what those of the C library do, and print a line first if the process is the one
//! that runs the script, and not a fork of it. Nothing runs in between, so a script is not slowed down.
//!
//! A signal such as SIGKILL ends the process without a message; a shell reports it.
#![allow(unsafe_code)]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "other systems bind these functions to the C library"))]

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The process that runs the script; 0 before and after that.
static SCRIPT_PROCESS: AtomicU32 = AtomicU32::new(0);
static MESSAGES: OnceLock<Messages> = OnceLock::new();

/// The lines that are printed, made in advance: a signal handler may call `_exit`.
struct Messages {
    exited: String,
    replaced: String,
    answer: Option<EarlyAnswer>,
}

/// The answer of a command in place of the one that it cannot give any more: JSON before and after the exit code.
pub(crate) struct EarlyAnswer {
    /// The text, up to the exit code.
    pub(crate) before: String,
    /// The text behind it.
    pub(crate) after: String,
    /// Where it goes.
    pub(crate) target: EarlyTarget,
}

/// Where an [`EarlyAnswer`] goes.
pub(crate) enum EarlyTarget {
    /// A file descriptor that stays open.
    Stream(c_int),
    /// A file, which is replaced.
    File(CString),
}

/// What has happened, in a message: `lost` says what the end of the script has not done.
pub(crate) fn message(lost: &str) -> String {
    format!("the script ended its process before its end (os._exit or the like): {lost}")
}

/// The script begins. `lost` says what its end will not do: `nothing was saved to session.pkl`.
pub(crate) fn watch(lost: &str, answer: Option<EarlyAnswer>) {
    let lost = crate::ui::escape(lost);
    let _ = MESSAGES.set(Messages {
        exited: format!("snapcli: {}\n", message(&lost)),
        replaced: format!("snapcli: the script has another program run in its place (os.exec…): {lost}\n"),
        answer,
    });
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    linux::watch_exit();
    SCRIPT_PROCESS.store(std::process::id(), Ordering::Relaxed);
}

/// The script has ended.
pub(crate) fn ended() {
    SCRIPT_PROCESS.store(0, Ordering::Relaxed);
}

/// Whether this process runs the script.
fn is_running() -> bool {
    let process = SCRIPT_PROCESS.load(Ordering::Relaxed);
    // SAFETY: has no preconditions.
    process != 0 && process == unsafe { libc::getpid() }.cast_unsigned()
}

/// Prints a line, and returns the exit code: a script that did not come to its end has failed.
fn report_exit(code: c_int) -> c_int {
    if !is_running() {
        return code;
    }
    ended();
    print(|messages| &messages.exited);
    // The system takes eight bits of it.
    let code = if code & 0xff == 0 { crate::exit::FAILED } else { code };
    if let Some(answer) = MESSAGES.get().and_then(|messages| messages.answer.as_ref()) {
        answer.write(code & 0xff);
    }
    code
}

impl EarlyAnswer {
    /// Writes the answer, without a lock and without memory.
    pub(super) fn write(&self, code: c_int) {
        let stream = match &self.target {
            EarlyTarget::Stream(stream) => *stream,
            EarlyTarget::File(path) => {
                let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
                // SAFETY: the path is a C string.
                unsafe { libc::open(path.as_ptr(), flags, 0o600) }
            }
        };
        let digits = [code / 100, code / 10 % 10, code % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or(0));
        let zeros = digits.iter().take(2).take_while(|digit| **digit == b'0').count();
        for part in [self.before.as_bytes(), digits.get(zeros..).unwrap_or_default(), self.after.as_bytes()] {
            // SAFETY: the buffer has as many bytes.
            unsafe { libc::write(stream, part.as_ptr().cast::<c_void>(), part.len()) };
        }
    }
}

fn print(line: fn(&Messages) -> &String) {
    if let Some(messages) = MESSAGES.get() {
        let line = line(messages).as_bytes();
        // SAFETY: the buffer has as many bytes. Unlike a stream of the standard library, this takes no lock.
        unsafe { libc::write(2, line.as_ptr().cast::<c_void>(), line.len()) };
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;

    unsafe extern "C" {
        static mut environ: *const *const c_char;
        #[cfg(target_env = "gnu")]
        fn on_exit(handler: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }

    /// Has the C library call [`at_exit`] with the exit code, once.
    #[cfg(target_env = "gnu")]
    pub(super) fn watch_exit() {
        static WATCHED: std::sync::Once = std::sync::Once::new();
        WATCHED.call_once(|| {
            // SAFETY: the handler is a function, which lives forever, and takes no argument.
            unsafe { on_exit(at_exit, std::ptr::null_mut()) };
        });
    }

    #[cfg(target_env = "gnu")]
    extern "C" fn at_exit(code: c_int, _: *mut c_void) {
        let new = report_exit(code);
        if new != code {
            // The exit code is fixed by now, so the rest of `exit` is done here.
            // SAFETY: a null stream means all of them.
            unsafe { libc::fflush(std::ptr::null_mut()) };
            exit_now(new);
        }
    }

    fn exit_now(code: c_int) -> ! {
        loop {
            // SAFETY: ends the process.
            unsafe { libc::syscall(libc::SYS_exit_group, code) };
        }
    }

    /// As the function of the C library.
    #[unsafe(no_mangle)]
    #[allow(unreachable_pub, reason = "the dynamic loader calls it")]
    pub extern "C" fn _exit(code: c_int) -> ! {
        exit_now(report_exit(code))
    }

    /// As the function of the C library.
    #[unsafe(no_mangle)]
    #[allow(unreachable_pub, reason = "the dynamic loader calls it")]
    pub extern "C" fn _Exit(code: c_int) -> ! {
        exit_now(report_exit(code))
    }

    /// As the function of the C library.
    ///
    /// # Safety
    /// As for that function.
    #[unsafe(no_mangle)]
    #[allow(unreachable_pub, reason = "the dynamic loader calls it")]
    pub unsafe extern "C" fn execve(
        path: *const c_char,
        arguments: *const *const c_char,
        environment: *const *const c_char,
    ) -> c_int {
        // SAFETY: the arguments are those of the caller.
        unsafe { replace(path, arguments, environment) }
    }

    /// As the function of the C library.
    ///
    /// # Safety
    /// As for that function.
    #[unsafe(no_mangle)]
    #[allow(unreachable_pub, reason = "the dynamic loader calls it")]
    pub unsafe extern "C" fn execv(path: *const c_char, arguments: *const *const c_char) -> c_int {
        // SAFETY: the C library defines the variable.
        let environment = unsafe { environ };
        // SAFETY: the arguments are those of the caller.
        unsafe { replace(path, arguments, environment) }
    }

    /// Whether a C string is the path of a file that may be executed.
    fn is_program(path: *const c_char) -> bool {
        let mut found = std::mem::MaybeUninit::<libc::stat>::zeroed();
        // SAFETY: the path is a C string of the caller, and `found` has room for the result.
        let has_found = unsafe { libc::stat(path, found.as_mut_ptr()) } == 0;
        // SAFETY: zeros are valid for all of its fields.
        let mode = unsafe { found.assume_init() }.st_mode;
        // SAFETY: the path is a C string of the caller.
        has_found && mode & libc::S_IFMT == libc::S_IFREG && unsafe { libc::access(path, libc::X_OK) } == 0
    }

    /// Puts another program in place of this process, with a line before it if that is likely to succeed.
    unsafe fn replace(
        path: *const c_char,
        arguments: *const *const c_char,
        environment: *const *const c_char,
    ) -> c_int {
        if is_running() && is_program(path) {
            print(|messages| &messages.replaced);
        }
        // SAFETY: the arguments are those of the caller; this is what the function of the C library does.
        let failed = unsafe { libc::syscall(libc::SYS_execve, path, arguments, environment) };
        c_int::try_from(failed).unwrap_or(-1)
    }
}
