//! The objects that stand in the code of a script where steps end. `-site` and `site @ value` are what the code does
//! with them: no call, so that Python's own optimizer leaves them alone and `compile` has no warning for them.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple};

use super::iterator_state::{
    can_be_exchanged, can_be_kept, has_replay, is_exchangeable, is_shared, is_simple, rebuild, references_of,
};
use super::jump_switches::{Setter, set};
use super::loop_iterator::multiplies;
use super::run_stack::{
    LoopKind, StackEntry, StackedCall, StackedLoop, observed, push_loop, remove_loop, stack, wrapped,
};
use super::short_loops::{self, is_short};
use super::stepped_call::{calls_under_way, enter, may_step, stepped_call, within};
use crate::python::deferred_signals::Tolerated as _;
use crate::python::step_signals::{has_waited, is_due, is_own_process, set_line};

/// What the code does with a site. The numbers are those of `step_code.py`.
const MARK: u8 = 0;
const LOOP: u8 = 1;
const CALLED_LOOP: u8 = 2;
const CURRENT: u8 = 3;
const SHORT: u8 = 4;
const RESUMED: u8 = 5;
const ONCE: u8 = 6;
const CALL: u8 = 7;
const ENTER: u8 = 8;
const IS_REPLAY: u8 = 10;
const NOTE: u8 = 11;
const DUE: u8 = 12;
const BEGIN: u8 = 13;

/// After this many calls at one site, short ones are no longer taken in steps.
const TRIED_CALLS: u32 = 16;
/// If a request has waited this long for the end of a step, short loops are taken in steps again.
const LONG_WAIT: Duration = Duration::from_millis(500);
/// The least time that a call must take on average, in microseconds.
const SHORT_CALL: u64 = 2000;

/// Where a step has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepEnd {
    /// The number of the site.
    pub(crate) site: usize,
    pub(crate) kind: EndKind,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndKind {
    /// A statement.
    Before,
    /// An iteration of a loop.
    Next,
}

impl EndKind {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Next => "next",
        }
    }
}

/// A step has ended: tells the observer, if a request is pending.
fn step_ended(py: Python<'_>, site: usize, kind: EndKind) -> PyResult<()> {
    if !is_due() || !is_own_process() {
        set(py, Setter::Request, false);
        return Ok(());
    }
    if has_waited(LONG_WAIT) {
        short_loops::forget(py);
    }
    let done = match observed() {
        Some((observer, _)) => observer.step_ended(py, StepEnd { site, kind }),
        None => Ok(()),
    };
    if !is_due() {
        set(py, Setter::Request, false);
    }
    done
}

/// An iteration of the innermost loop has ended.
pub(super) fn iteration_ended(py: Python<'_>) -> PyResult<()> {
    let site = match stack().last() {
        Some(StackEntry::Loop(entry)) => entry.site,
        _ => return Ok(()),
    };
    step_ended(py, site, EndKind::Next)
}

/// A constant of the code.
#[pyclass(frozen, module = "snapcli")]
pub(super) struct StepSite {
    kind: u8,
    number: usize,
    line: u32,
    /// How many calls this site has made, and how long they took in microseconds.
    calls: AtomicU32,
    spent: AtomicU64,
    /// The address of the type of the loop's last iterator, and the kind of loop that it makes, as in `kind_of`.
    known_type: AtomicUsize,
    known_kind: AtomicU8,
    /// Whether the jumps of the loop can be changed.
    is_direct: AtomicBool,
}

#[pymethods]
impl StepSite {
    #[new]
    fn new(kind: u8, number: usize, line: u32) -> Self {
        Self {
            kind,
            number,
            line,
            calls: AtomicU32::new(0),
            spent: AtomicU64::new(0),
            known_type: AtomicUsize::new(0),
            known_kind: AtomicU8::new(0),
            is_direct: AtomicBool::new(false),
        }
    }

    #[getter]
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The jumps of the loop can be changed.
    fn go_direct(&self) {
        self.is_direct.store(true, Ordering::Relaxed);
    }

    fn __neg__(this: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let (site, py) = (this.get(), this.py());
        match site.kind {
            MARK => {
                step_ended(py, site.number, EndKind::Before)?;
                set_line(site.line);
                Ok(py.None())
            }
            // Where the bytecode is not as expected, there are two of these in a row.
            BEGIN => step_ended(py, site.number, EndKind::Before).map(|()| this.clone().into_any().unbind()),
            SHORT => Ok(PyBool::new(py, is_short(site.number)).to_owned().into_any().unbind()),
            DUE => Ok(PyBool::new(py, is_due()).to_owned().into_any().unbind()),
            _ => site.negated(py),
        }
    }

    /// `None @ CURRENT` is what a loop iterates over. `iterator @ CURRENT` ends an iteration.
    fn __rmatmul__<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        if self.kind != CURRENT {
            return Ok(py.NotImplemented().into_bound(py));
        }
        if value.is_none() {
            return current_iterator(py).map(|iterator| iterator.into_bound(py));
        }
        match with_loop(|entry| entry.kind) {
            // These end it when they are asked for the next item.
            Some(LoopKind::Exchanged | LoopKind::Wrapped) if is_due() => {}
            // The request waits until the loop has ended.
            Some(LoopKind::OneStep) => set(py, Setter::Request, false),
            _ => step_ended(py, self.number, EndKind::Next)?,
        }
        Ok(value.clone())
    }

    fn __matmul__(this: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        match this.get().kind {
            LOOP | CALLED_LOOP => {
                set_line(this.get().line);
                this.get().new_loop(py, value)
            }
            CALL => stepped_call(this, value),
            RESUMED => this.get().resumed_loop(py, Some(value)),
            ENTER => enter(value).map(|()| py.None()),
            _ => Ok(py.NotImplemented()),
        }
    }
}

impl StepSite {
    /// `-site`, for those that are not in loops.
    fn negated(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.kind {
            RESUMED => self.resumed_loop(py, None),
            NOTE => {
                if let Some((_, program)) = observed().filter(|_| may_step()) {
                    // What cannot be described is not compared.
                    program.note_inputs(py, calls_under_way(), self.number).tolerated();
                }
                Ok(py.None())
            }
            IS_REPLAY => {
                let Some((_, program)) = observed() else { return Ok(py.None()) };
                let state = program.loop_state(py, calls_under_way(), self.number)?;
                Ok(PyBool::new(py, has_replay(&state)?).to_owned().into_any().unbind())
            }
            ONCE => {
                let is_first = with_loop(|entry| entry.passes == 1) == Some(true);
                let items = if is_first { PyTuple::new(py, [PyTuple::empty(py)])? } else { PyTuple::empty(py) };
                Ok(items.into_any().unbind())
            }
            _ => self.continued_call(py),
        }
    }

    /// The loop has been reached.
    fn new_loop(&self, py: Python<'_>, iterable: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let iterator = iterable.try_iter()?.into_any();
        // What a call returns, and nothing refers to but the code and this function, is not known to the script.
        let own = if iterator.is(iterable) { 2 } else { 1 };
        let is_named = iterator.is(iterable) && self.kind != CALLED_LOOP;
        let is_shared = is_named || references_of(&iterator) > own;
        let kind = self.kind_of(&iterator, is_shared)?;
        if kind == LoopKind::OneStep
            && may_step()
            && let Some((observer, program)) = observed()
        {
            observer.one_step(program.line(py, self.number)?, &iterator.get_type().name()?.to_string_lossy());
        }
        self.passes(py, kind, iterator.unbind())
    }

    /// How the iterations of a loop over an iterator are ends of steps. `is_shared` says whether the script may have
    /// the iterator, too.
    fn kind_of(&self, iterator: &Bound<'_, PyAny>, is_shared: bool) -> PyResult<LoopKind> {
        const UNKNOWN: u8 = 0;
        const EXCHANGED: u8 = 1;
        const WRAPPED: u8 = 2;
        let is_direct = self.is_direct.load(Ordering::Relaxed);
        // Most loops have an iterator of the same type each time.
        let kind = iterator.get_type();
        let address = kind.as_ptr() as usize;
        let known = match self.known_type.load(Ordering::Relaxed) == address {
            true => self.known_kind.load(Ordering::Relaxed),
            false => UNKNOWN,
        };
        match known {
            EXCHANGED | WRAPPED if is_direct => return Ok(LoopKind::Direct),
            EXCHANGED if !is_shared => return Ok(LoopKind::Exchanged),
            EXCHANGED | WRAPPED => return Ok(LoopKind::Wrapped),
            _ => {}
        }
        if is_simple(&kind)? {
            let known = if is_exchangeable(&kind)? { EXCHANGED } else { WRAPPED };
            self.known_kind.store(known, Ordering::Relaxed);
            self.known_type.store(address, Ordering::Relaxed);
        }
        Ok(match !is_shared && !is_direct && can_be_exchanged(iterator)? {
            true => LoopKind::Exchanged,
            false if !can_be_kept(iterator)? => LoopKind::OneStep,
            false if is_direct && !multiplies(iterator) => LoopKind::Direct,
            false => LoopKind::Wrapped,
        })
    }

    /// A loop that was under way at the checkpoint.
    fn resumed_loop(&self, py: Python<'_>, iterable: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let Some((_, program)) = observed() else { return Ok(py.None()) };
        let state = program.loop_state(py, calls_under_way(), self.number)?;
        let iterator = rebuild(&state, iterable)?;
        // One that a variable refers to as well must not be exchanged.
        let kind = match self.is_direct.load(Ordering::Relaxed) {
            true if !multiplies(&iterator) => LoopKind::Direct,
            _ if !is_shared(&state)? && can_be_exchanged(&iterator)? => LoopKind::Exchanged,
            _ => LoopKind::Wrapped,
        };
        self.passes(py, kind, iterator.unbind())
    }

    fn passes(&self, py: Python<'_>, kind: LoopKind, iterator: Py<PyAny>) -> PyResult<Py<PyAny>> {
        let id = push_loop(self.number, kind, iterator);
        Ok(Py::new(py, LoopPasses { id })?.into_any())
    }

    /// Notes how long a call took.
    pub(super) fn note_call(&self, spent: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.spent.fetch_add(u64::try_from(spent.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether the calls at this site are too short to be taken in steps.
    pub(super) fn has_short_calls(&self) -> bool {
        let calls = self.calls.load(Ordering::Relaxed);
        calls >= TRIED_CALLS && self.spent.load(Ordering::Relaxed) < u64::from(calls) * SHORT_CALL
    }

    /// Goes on with a call that was under way at the checkpoint.
    fn continued_call(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some((_, program)) = observed() else { return Ok(py.None()) };
        let call = program.continued(py, calls_under_way() + 1)?;
        let entry = StackedCall {
            site: self.number,
            root: call.root,
            function: call.original.unbind(),
            cells: call.cells.unbind(),
            code: call.code.unbind(),
        };
        within(entry, || call.function.call1(call.arguments)).map(Bound::unbind)
    }
}

/// Calls a function with the innermost loop, if the innermost entry is one.
fn with_loop<T>(ask: impl FnOnce(&mut StackedLoop) -> T) -> Option<T> {
    match stack().last_mut() {
        Some(StackEntry::Loop(entry)) => Some(ask(entry)),
        _ => None,
    }
}

/// What the innermost loop iterates over.
fn current_iterator(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let found = with_loop(|entry| {
        if entry.kind == LoopKind::Exchanged && is_due() {
            entry.kind = LoopKind::Wrapped;
        }
        (entry.kind, entry.iterator.clone_ref(py), entry.wrapper.as_ref().map(|wrapper| wrapper.clone_ref(py)))
    });
    match found {
        Some((LoopKind::OneStep, iterator, _)) if multiplies(iterator.bind(py)) => wrapped(py, &iterator),
        Some((LoopKind::Direct | LoopKind::Exchanged | LoopKind::OneStep, iterator, _)) => Ok(iterator),
        Some((_, _, Some(wrapper))) => Ok(wrapper),
        Some((_, iterator, None)) => wrapped(py, &iterator),
        // The script has been left.
        None => Ok(PyTuple::empty(py).try_iter()?.into_any().unbind()),
    }
}

/// What the outer loop of each loop iterates over: it yields once, and again when the iterator was exchanged.
#[pyclass(frozen, module = "snapcli")]
struct LoopPasses {
    id: u64,
}

#[pymethods]
impl LoopPasses {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let next = with_loop(|entry| {
            entry.passes += 1;
            let is_exchanged = std::mem::take(&mut entry.is_exchanged);
            (entry.site, entry.passes == 1, is_exchanged)
        });
        match next {
            Some((_, true, _)) => Ok(Some(PyTuple::empty(py))),
            Some((site, false, true)) => {
                step_ended(py, site, EndKind::Next)?;
                Ok(Some(PyTuple::empty(py)))
            }
            _ => Ok(None),
        }
    }
}

impl Drop for LoopPasses {
    fn drop(&mut self) {
        remove_loop(self.id);
    }
}
