//! Saves and loads of one process take turns: they change settings of the interpreter, such as warning filters, and two
//! threads that put back what they found would leave the settings of one another.
//!
//! A thread that waits lets all others run. The lock has no state that a fork could tear: a child process takes it from
//! a thread that it does not have.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::python::deferred_signals::check_signals;

/// The process and the number of the thread whose turn it is; 0 if there is none.
static OWNER: AtomicU64 = AtomicU64::new(0);
/// The number of threads that have one.
static THREADS: AtomicU32 = AtomicU32::new(0);
/// How often a thread that waits looks.
const PAUSE: Duration = Duration::from_millis(1);
/// How often it lets Python handle signals.
const SIGNAL_PAUSE: Duration = Duration::from_millis(100);

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// The turn of this thread, until it is dropped.
pub(in crate::session) struct Turn {
    /// Whether the thread had the turn already: a reducer may save another session.
    is_nested: bool,
}

impl Turn {
    /// The name of this thread, in all processes.
    pub(super) fn own_name() -> u64 {
        own_name()
    }

    /// Whether this thread has the turn.
    pub(in crate::session) fn is_own() -> bool {
        OWNER.load(Ordering::Acquire) == own_name()
    }

    /// Waits for the turn.
    ///
    /// # Errors
    /// Ctrl-C.
    pub(in crate::session) fn wait(py: Python<'_>) -> PyResult<Self> {
        let own = own_name();
        if OWNER.load(Ordering::Acquire) == own {
            return Ok(Self { is_nested: true });
        }
        while !take(own) {
            let taken = py.detach(|| {
                let started = Instant::now();
                while started.elapsed() < SIGNAL_PAUSE {
                    std::thread::sleep(PAUSE);
                    if take(own) {
                        return true;
                    }
                }
                false
            });
            if taken {
                break;
            }
            check_signals(py)?;
        }
        Ok(Self { is_nested: false })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_nested {
            // Not by a child process that was forked meanwhile: it has a name of its own.
            let _ = OWNER.compare_exchange(own_name(), 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// Takes the turn if no thread of this process has it.
fn take(own: u64) -> bool {
    let owner = OWNER.load(Ordering::Acquire);
    let is_free = owner == 0 || owner >> 32 != own >> 32;
    is_free && OWNER.compare_exchange(owner, own, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// The process and the number of this thread.
fn own_name() -> u64 {
    let number = NUMBER.get();
    let number = if number == 0 { THREADS.fetch_add(1, Ordering::Relaxed) + 1 } else { number };
    NUMBER.set(number);
    u64::from(std::process::id()) << 32 | u64::from(number)
}
