//! Memory from the system, and what happens if it gives none: the program prints one line, removes its temporary files
//! and ends with [`exit::NO_MEMORY`]. Rust's own handler prints a backtrace, which needs memory itself and may wait
//! forever for a lock that it holds.
//!
//! In a process of the user that imports snapcli, nothing but that process may decide to end it, so there a failure is
//! what it is in every Rust library. What may be large is allocated so that it can fail, and raises MemoryError.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit;
use crate::snapshot::atomic::signals;
use crate::ui::terminal_signals;

/// Whether this process is the program `snapcli`.
static IS_PROGRAM: AtomicBool = AtomicBool::new(false);

/// If an allocation of this many bytes fails after a panic, the cause of the panic was a lack of memory: PyO3 panics
/// where Python cannot allocate an object.
const LITTLE: usize = 1 << 20;

/// From now on, the process ends if there is no memory.
pub(crate) fn end_without_memory() {
    IS_PROGRAM.store(true, Ordering::Relaxed);
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // The allocation ends the process if it fails.
        drop(std::hint::black_box(Vec::<u8>::with_capacity(LITTLE)));
        report(panic);
    }));
}

/// The allocator of the system, which ends the program rather than return null.
struct EndingAllocator;

#[global_allocator]
static ALLOCATOR: EndingAllocator = EndingAllocator;

// SAFETY: all calls go to the allocator of the system, with the arguments of the caller.
unsafe impl GlobalAlloc for EndingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract.
        checked(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract.
        checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract.
        checked(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[inline]
fn checked(pointer: *mut u8, size: usize) -> *mut u8 {
    if pointer.is_null() && IS_PROGRAM.load(Ordering::Relaxed) {
        end(size);
    }
    pointer
}

/// Ends the program. Allocates nothing.
#[cold]
fn end(size: usize) -> ! {
    terminal_signals::clear_bar();
    let mut line = [0; 100];
    let mut rest = &mut line[..];
    // The line has room for the largest number.
    let _ = writeln!(rest, "snapcli: out of memory: the system refused {size} bytes (see `ulimit -v`)");
    let length = line.len() - rest_of(&line);
    // SAFETY: writes bytes of an array on the stack.
    unsafe { libc::write(2, line.as_ptr().cast(), length) };
    signals::remove_files();
    // SAFETY: ends the process; `exit` would run functions that may need memory.
    unsafe { libc::_exit(exit::NO_MEMORY) }
}

/// How many bytes at the end of a line have not been written.
fn rest_of(line: &[u8]) -> usize {
    line.iter().rev().take_while(|byte| **byte == 0).count()
}
