//! Inner loops whose runs are so short that it is not worth taking their iterations as steps: the script then runs the
//! copy that is as it has written it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

use super::jump_switches::{Setter, set};

/// After this many runs, short loops are no longer taken in steps.
const TRIED_RUNS: u32 = 16;
/// The least time that a run must take on average.
const SHORT_RUN: Duration = Duration::from_millis(2);

/// The runs of an inner loop so far.
#[derive(Default)]
struct InnerLoop {
    runs: u32,
    spent: Duration,
    is_short: bool,
}

static LOOPS: Mutex<Option<HashMap<usize, InnerLoop>>> = Mutex::new(None);

fn loops() -> MutexGuard<'static, Option<HashMap<usize, InnerLoop>>> {
    LOOPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the runs of the loop at a site are short.
pub(super) fn is_short(site: usize) -> bool {
    loops().as_ref().and_then(|loops| loops.get(&site)).is_some_and(|entry| entry.is_short)
}

/// Notes a run of the loop at a site.
pub(super) fn note(site: usize, spent: Duration) {
    {
        let mut loops = loops();
        let entry = loops.get_or_insert_default().entry(site).or_default();
        entry.runs += 1;
        entry.spent += spent;
        if entry.runs < TRIED_RUNS || entry.is_short || entry.spent >= SHORT_RUN * entry.runs {
            return;
        }
        entry.is_short = true;
    }
    Python::attach(|py| set(py, Setter::ShortLoop(site), true));
}

/// Takes the iterations of all loops as steps again: a request has waited long for the end of one.
pub(super) fn forget(py: Python<'_>) {
    let known: Vec<usize> = loops().take().unwrap_or_default().into_keys().collect();
    for site in known {
        set(py, Setter::ShortLoop(site), false);
    }
}
