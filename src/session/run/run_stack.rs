//! The loops and the calls of functions that a run is in, the outermost first, and what is done where a step ends.
//!
//! Only the main thread changes them. The lock is never held while Python runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::iterator_state::exchange;
use super::jump_switches::{Setter, set};
use super::loop_iterator::wrap;
use super::short_loops;
use super::step_program::StepProgram;
use super::step_sites::StepEnd;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::step_signals::{StepRequest, has_waited, is_due, repeat_later, requested};

/// Called at the ends of steps and at loops that are one step.
pub(crate) trait StepObserver: Send + Sync {
    /// A step has ended while a request is pending. The script raises the error.
    fn step_ended(&self, py: Python<'_>, end: StepEnd) -> PyResult<()>;

    /// A loop begins that is one step, because the position of its iterator cannot be saved.
    fn one_step(&self, line: u32, iterator: &str);

    /// A checkpoint has been due for some time, but this line has not ended.
    fn long_step(&self, line: u32, advice: &str);
}

/// The observer of a run, and the script whose steps it observes.
type ObservedProgram = (Arc<dyn StepObserver>, Arc<StepProgram>);

/// How the iterations of a loop are ends of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopKind {
    /// The jump to the next iteration leads elsewhere while something is asked for. Iterations cost nothing.
    Direct,
    /// The loop has an iterator that can be made to end early, such as that of a list. Iterations cost nothing.
    Exchanged,
    /// The loop has an iterator of ours around the real one.
    Wrapped,
    /// The loop is one step.
    OneStep,
}

/// A loop that is under way.
pub(super) struct StackedLoop {
    pub(super) id: u64,
    /// The number of its site.
    pub(super) site: usize,
    pub(super) kind: LoopKind,
    /// The real iterator.
    pub(super) iterator: Py<PyAny>,
    /// Our iterator, if the loop has one.
    pub(super) wrapper: Option<Py<PyAny>>,
    /// Whether `iterator` has the rest of the iterator that the loop has now.
    pub(super) is_exchanged: bool,
    /// How often the loop has got an iterator.
    pub(super) passes: u32,
    /// When it has begun.
    started: Instant,
}

/// A call that is under way.
pub(super) struct StackedCall {
    pub(super) site: usize,
    /// The name of the definition.
    pub(super) root: String,
    /// The function that the script has called.
    pub(super) function: Py<PyAny>,
    /// The cells of the variables that it shares with inner functions.
    pub(super) cells: Py<PyDict>,
    /// The code that runs.
    pub(super) code: Py<PyAny>,
}

pub(super) enum StackEntry {
    Loop(StackedLoop),
    Call(StackedCall),
}

static STACK: Mutex<Vec<StackEntry>> = Mutex::new(Vec::new());
static OBSERVED: Mutex<Option<ObservedProgram>> = Mutex::new(None);

pub(super) fn stack() -> MutexGuard<'static, Vec<StackEntry>> {
    STACK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the observer, and the script whose steps it observes.
pub(crate) fn observe(observer: Arc<dyn StepObserver>, program: Arc<StepProgram>) {
    *OBSERVED.lock().unwrap_or_else(PoisonError::into_inner) = Some((observer, program));
}

pub(super) fn observed() -> Option<ObservedProgram> {
    OBSERVED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Adds a loop. Returns its ID.
pub(super) fn push_loop(site: usize, kind: LoopKind, iterator: Py<PyAny>) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let entry = StackedLoop {
        id,
        site,
        kind,
        iterator,
        wrapper: None,
        is_exchanged: false,
        passes: 0,
        started: Instant::now(),
    };
    stack().push(StackEntry::Loop(entry));
    id
}

/// Removes a loop, with what is above it. The objects are dropped without the lock: that may run Python code.
pub(super) fn remove_loop(id: u64) {
    let removed = {
        let mut stack = stack();
        let found = stack.iter().rposition(|entry| matches!(entry, StackEntry::Loop(entry) if entry.id == id));
        found.map(|position| stack.split_off(position))
    };
    if let Some(StackEntry::Loop(entry)) = removed.as_ref().and_then(|removed| removed.first()) {
        short_loops::note(entry.site, entry.started.elapsed());
        if entry.kind == LoopKind::OneStep && is_due() {
            Python::attach(|py| set(py, Setter::Request, true));
        }
    }
    drop(removed);
}

/// Removes a call, with what is above it.
pub(super) fn remove_call(position: usize) {
    let removed = {
        let mut stack = stack();
        let position = position.min(stack.len());
        stack.split_off(position)
    };
    drop(removed);
}

/// Changes the jumps of loops, so that a pending request is handled before the next iteration. Where that is not
/// possible, the iterator of a loop is exhausted, and the loop then continues with the rest of it.
///
/// Called between two bytecodes.
pub(crate) fn pause_loops(py: Python<'_>) {
    if !is_due() {
        return;
    }
    set(py, Setter::Request, true);
    report_long_step(py);
    let ranges: Vec<(u64, Py<PyAny>)> = stack()
        .iter()
        .filter_map(|entry| match entry {
            StackEntry::Loop(entry) if entry.kind == LoopKind::Exchanged && !entry.is_exchanged => {
                Some((entry.id, entry.iterator.clone_ref(py)))
            }
            _ => None,
        })
        .collect();
    for (id, iterator) in ranges {
        // If the iterator cannot be exchanged, the loop continues with it.
        let Some(rest) = exchange(iterator.bind(py)).tolerated() else { continue };
        let mut stack = stack();
        let found = stack.iter_mut().find_map(|entry| match entry {
            StackEntry::Loop(entry) if entry.id == id => Some(entry),
            _ => None,
        });
        if let Some(entry) = found {
            entry.iterator = rest.unbind();
            entry.is_exchanged = true;
        }
    }
}

/// Whether the script, or a module of it, catches a `KeyboardInterrupt` that is raised now.
pub(crate) fn catches_interrupt(py: Python<'_>) -> bool {
    let Some((_, program)) = observed() else { return false };
    program.catches_interrupt(py).tolerated().unwrap_or(false)
}

/// Says which line does not end, once a checkpoint by the timer has been due for some time.
fn report_long_step(py: Python<'_>) {
    const LONG: Duration = Duration::from_secs(5);
    if requested() != Some(StepRequest::Timer) {
        return;
    }
    if !has_waited(LONG) {
        repeat_later(LONG);
    } else if let Some((observer, program)) = observed()
        && let Some((line, advice)) = program.step_under_way(py).tolerated().flatten()
    {
        observer.long_step(line, &advice);
    }
}

/// Our iterator for a loop.
pub(super) fn wrapped(py: Python<'_>, iterator: &Py<PyAny>) -> PyResult<Py<PyAny>> {
    wrap(iterator.bind(py)).map(Bound::unbind)
}
