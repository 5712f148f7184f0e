//! Whether standard output can be written to: a shell closes it with `>&-`.
//!
//! Rust's standard library opens `/dev/null` in place of a standard stream that is closed, before `main` begins, and
//! takes a stream that cannot be written to for one that swallows everything. So the check runs before that: the
//! dynamic loader calls the functions of `.init_array` first.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

static IS_CLOSED: AtomicBool = AtomicBool::new(false);

#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static CHECK: extern "C" fn() = check;

extern "C" fn check() {
    // SAFETY: asks for the flags of a descriptor, which fails if it is closed.
    let flags = unsafe { libc::fcntl(1, libc::F_GETFL) };
    IS_CLOSED.store(flags < 0 || flags & libc::O_ACCMODE == libc::O_RDONLY, Ordering::Relaxed);
}

/// Whether standard output was closed, or open only for reading, when this process started. Not even Python has run.
pub(crate) fn is_stdout_closed() -> bool {
    IS_CLOSED.load(Ordering::Relaxed)
}
