//! The engine in a Python that the launcher has started: takes over before Python's `main`.
//!
//! A program begins in the C library's `__libc_start_main`, which calls `main`. The launcher has preloaded the engine,
//! so the dynamic loader takes the function of that name from here. It has the C library call [`run`] in place of
//! `main`: that parses the command line and does what comes before Python, as the program of a source build does in
//! its `main`. Then `launch` calls the real `main`, which is that of `python`.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;

use super::{preload, second_start};

/// `main` of a C program: the number of arguments, the arguments, and the environment.
pub(super) type Main = unsafe extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;

/// The signature of `__libc_start_main` in glibc and musl. Only `main` and the arguments matter here.
type StartMain =
    unsafe extern "C" fn(Main, c_int, *mut *mut c_char, *mut c_void, *mut c_void, *mut c_void, *mut c_void) -> c_int;

/// `main` of the executable, once [`run`] has been called in its place.
static PYTHON_MAIN: OnceLock<Main> = OnceLock::new();

/// `main` of the Python executable that the launcher has started; `None` in any other process.
pub(super) fn python_main() -> Option<Main> {
    PYTHON_MAIN.get().copied()
}

/// Called by the start code of every program that this library is preloaded into.
///
/// # Safety
/// The C library's own function has the same contract.
#[unsafe(no_mangle)]
#[allow(unreachable_pub, reason = "the dynamic loader calls it")]
pub unsafe extern "C" fn __libc_start_main(
    main: Main,
    count: c_int,
    arguments: *mut *mut c_char,
    init: *mut c_void,
    fini: *mut c_void,
    rtld_fini: *mut c_void,
    stack_end: *mut c_void,
) -> c_int {
    // SAFETY: the name is a C string; the next library that has the function is the C library.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"__libc_start_main".as_ptr()) };
    if next.is_null() {
        std::process::abort();
    }
    // SAFETY: that is the function of this name, which has this signature.
    let next = unsafe { std::mem::transmute::<*mut c_void, StartMain>(next) };
    let is_ours = second_start::is_expected() && PYTHON_MAIN.set(main).is_ok();
    let main = if is_ours { run } else { main };
    // SAFETY: passes on what the start code has passed; `run` is a `main`.
    unsafe { next(main, count, arguments, init, fini, rtld_fini, stack_end) }
}

/// Takes the place of `main`.
unsafe extern "C" fn run(count: c_int, arguments: *mut *mut c_char, _: *mut *mut c_char) -> c_int {
    // The runtime of Rust does this before a `main` of its own.
    // SAFETY: ignoring a signal is always valid.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let words = (0..usize::try_from(count).unwrap_or(0)).map(|index| {
        // SAFETY: `arguments` has `count` entries.
        let word = unsafe { arguments.add(index) };
        // SAFETY: the entry is within the array.
        let word = unsafe { *word };
        // SAFETY: each argument is a C string that lives until the process ends.
        let word = unsafe { CStr::from_ptr(word) };
        OsStr::from_bytes(word.to_bytes()).to_owned()
    });
    let words: Vec<OsString> = words.collect();
    c_int::from(crate::run_program(preload::own_arguments(&words)))
}

/// For `snapcli/__main__.py`, which Python runs if the engine could not be preloaded: Python runs already. If a wrapper
/// has started it, it is started once more, without the wrapper but with the environment that the wrapper has made.
pub(crate) fn run_in_python(arguments: Vec<OsString>, has_options: bool) -> u8 {
    if !has_options && let Some(interpreter) = second_start::take_wrapped() {
        // If that fails, the script can run here as well.
        let _ = preload::start_behind_wrapper(interpreter, &arguments);
    }
    crate::run_program(arguments)
}
