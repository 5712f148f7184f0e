//! The objects that stand in the code of a script where steps end. `-site` and `site @ value` are what the code does
//! with them: no call, so that Python's own optimizer leaves them alone and `compile` has no warning for them.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFunction, PyTuple};

use super::iterator_state::{can_be_kept, is_shared, is_simple, rebuild, replayed};
use super::loop_iterator;
use super::replayed_loop::skip;
use super::run_stack::{
    LoopKind, StackEntry, StackedCall, StackedLoop, observed, push_loop, remove_call, remove_loop, stack, wrapped,
};
use crate::python::step_signals::{is_due, is_own_process};

/// What the code does with a site. The numbers are those of `step_code.py`.
const MARK: u8 = 0;
const LOOP: u8 = 1;
const WHILE: u8 = 2;
const CURRENT: u8 = 3;
const STOP: u8 = 4;
const RESUMED: u8 = 5;
const ONCE: u8 = 6;
const CALL: u8 = 7;
const ENTER: u8 = 8;
const IS_REPLAY: u8 = 10;

/// Deeper calls are part of a step: each takes some of the C stack.
const MOST_CALLS: usize = 100;
/// After this many calls at one site, short ones are no longer taken in steps.
const TRIED_CALLS: u32 = 16;
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
        return Ok(());
    }
    match observed() {
        Some((observer, _)) => observer.step_ended(py, StepEnd { site, kind }),
        None => Ok(()),
    }
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
    /// How many calls this site has made, and how long they took in microseconds.
    calls: AtomicU32,
    spent: AtomicU64,
    /// The address of the type of the loop's last iterator, and the kind of loop that it makes, as in `kind_of`.
    known_type: AtomicUsize,
    known_kind: AtomicU8,
}

#[pymethods]
impl StepSite {
    #[new]
    fn new(kind: u8, number: usize) -> Self {
        Self {
            kind,
            number,
            calls: AtomicU32::new(0),
            spent: AtomicU64::new(0),
            known_type: AtomicUsize::new(0),
            known_kind: AtomicU8::new(0),
        }
    }

    fn __neg__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.kind {
            MARK => step_ended(py, self.number, EndKind::Before).map(|()| py.None()),
            CURRENT => current_iterator(py),
            WHILE => {
                let wrapper = wrapped(py, None)?;
                self.passes(py, LoopKind::While, None, Some(wrapper))
            }
            STOP => {
                let wrapper = with_loop(|entry| entry.wrapper.as_ref().map(|wrapper| wrapper.clone_ref(py))).flatten();
                wrapper.map_or(Ok(()), |wrapper| loop_iterator::end(wrapper.bind(py)))?;
                Ok(py.None())
            }
            RESUMED => self.resumed_loop(py, None),
            IS_REPLAY => {
                let Some((_, program)) = observed() else { return Ok(py.None()) };
                let state = program.loop_state(py, calls_under_way(), self.number)?;
                Ok(PyBool::new(py, replayed(&state)?.is_some()).to_owned().into_any().unbind())
            }
            ONCE => {
                let is_first = with_loop(|entry| entry.passes == 1) == Some(true);
                let items = if is_first { PyTuple::new(py, [PyTuple::empty(py)])? } else { PyTuple::empty(py) };
                Ok(items.into_any().unbind())
            }
            _ => self.continued_call(py),
        }
    }

    fn __matmul__(this: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = this.py();
        match this.get().kind {
            LOOP => this.get().new_loop(py, value),
            CALL => stepped_call(this, value),
            RESUMED => this.get().resumed_loop(py, Some(value)),
            ENTER => enter(value).map(|()| py.None()),
            _ => Ok(py.NotImplemented()),
        }
    }
}

impl StepSite {
    /// The loop has been reached.
    fn new_loop(&self, py: Python<'_>, iterable: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let iterator = iterable.try_iter()?.into_any();
        let kind = self.kind_of(&iterator, iterator.is(iterable))?;
        if kind == LoopKind::OneStep
            && may_step()
            && let Some((observer, program)) = observed()
        {
            observer.one_step(program.line(py, self.number)?, &iterator.get_type().name()?.to_string_lossy());
        }
        self.passes(py, kind, Some(iterator.unbind()), None)
    }

    /// How the iterations of a loop over an iterator are ends of steps. `is_shared` says whether the script may have
    /// the iterator, too.
    fn kind_of(&self, iterator: &Bound<'_, PyAny>, is_shared: bool) -> PyResult<LoopKind> {
        const UNKNOWN: u8 = 0;
        const RANGE: u8 = 1;
        const WRAPPED: u8 = 2;
        // Most loops have an iterator of the same type each time.
        let kind = iterator.get_type();
        let address = kind.as_ptr() as usize;
        let known = match self.known_type.load(Ordering::Relaxed) == address {
            true => self.known_kind.load(Ordering::Relaxed),
            false => UNKNOWN,
        };
        match known {
            RANGE if !is_shared => return Ok(LoopKind::Range),
            WRAPPED => return Ok(LoopKind::Wrapped),
            _ => {}
        }
        let is_range = kind.name()? == "range_iterator" && !is_shared;
        if is_range || is_simple(&kind)? {
            self.known_kind.store(if is_range { RANGE } else { WRAPPED }, Ordering::Relaxed);
            self.known_type.store(address, Ordering::Relaxed);
        }
        Ok(match is_range {
            true => LoopKind::Range,
            false if can_be_kept(iterator)? => LoopKind::Wrapped,
            false => LoopKind::OneStep,
        })
    }

    /// A loop that was under way at the checkpoint.
    fn resumed_loop(&self, py: Python<'_>, iterable: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let Some((_, program)) = observed() else { return Ok(py.None()) };
        let state = program.loop_state(py, calls_under_way(), self.number)?;
        if state.is_none() {
            let wrapper = wrapped(py, None)?;
            return self.passes(py, LoopKind::While, None, Some(wrapper));
        }
        let iterator = match (iterable, replayed(&state)?) {
            (Some(iterable), Some(count)) => skip(iterable, count)?,
            _ => rebuild(&state)?,
        };
        // One that a variable refers to as well must not be exchanged.
        let is_range = iterator.get_type().name()? == "range_iterator" && !is_shared(&state)?;
        let kind = if is_range { LoopKind::Range } else { LoopKind::Wrapped };
        self.passes(py, kind, Some(iterator.unbind()), None)
    }

    fn passes(
        &self,
        py: Python<'_>,
        kind: LoopKind,
        iterator: Option<Py<PyAny>>,
        wrapper: Option<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let id = push_loop(self.number, kind, iterator, wrapper);
        Ok(Py::new(py, LoopPasses { id })?.into_any())
    }

    /// Whether the calls at this site are too short to be taken in steps.
    fn has_short_calls(&self) -> bool {
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

/// Runs a function while the call is on the stack.
fn within<T>(entry: StackedCall, run: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let position = {
        let mut stack = stack();
        stack.push(StackEntry::Call(entry));
        stack.len() - 1
    };
    let result = run();
    remove_call(position);
    result
}

fn calls_under_way() -> usize {
    stack().iter().filter(|entry| matches!(entry, StackEntry::Call(_))).count()
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
        if entry.kind == LoopKind::Range && is_due() {
            entry.kind = LoopKind::Wrapped;
        }
        let iterator = entry.iterator.as_ref().map(|iterator| iterator.clone_ref(py));
        (entry.kind, iterator, entry.wrapper.as_ref().map(|wrapper| wrapper.clone_ref(py)))
    });
    match found {
        Some((LoopKind::Range | LoopKind::OneStep, Some(iterator), _)) => Ok(iterator),
        Some((_, _, Some(wrapper))) => Ok(wrapper),
        Some((_, iterator, None)) => wrapped(py, iterator.as_ref()),
        None => Ok(PyTuple::empty(py).into_any().unbind()),
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

/// The function that a statement calls, or what calls it in steps.
fn stepped_call(site: &Bound<'_, StepSite>, called: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = site.py();
    let plain = || Ok(called.clone().unbind());
    if site.get().has_short_calls() {
        return plain();
    }
    let is_function = called.is_exact_instance_of::<PyFunction>();
    let is_method = !is_function && called.get_type().name()? == "method";
    if !(is_function || is_method) || !may_step() {
        return plain();
    }
    let function = if is_method { called.getattr("__func__")? } else { called.clone() };
    if !function.is_exact_instance_of::<PyFunction>() {
        return plain();
    }
    let Some((_, program)) = observed() else { return plain() };
    let Some((stepped, root, code)) = program.stepped(&function)? else { return plain() };
    let first = if is_method { Some(called.getattr("__self__")?.unbind()) } else { None };
    let call = SteppedCall {
        site: site.clone().unbind(),
        root,
        original: function.unbind(),
        stepped: stepped.unbind(),
        code: code.unbind(),
        first,
    };
    Ok(Py::new(py, call)?.into_any())
}

/// Whether a call may be taken in steps here.
fn may_step() -> bool {
    let is_one_step = |entry: &StackEntry| matches!(entry, StackEntry::Loop(entry) if entry.kind == LoopKind::OneStep);
    calls_under_way() < MOST_CALLS && !stack().iter().any(is_one_step)
}

/// A function of the script, to be called in steps.
#[pyclass(frozen, module = "snapcli")]
struct SteppedCall {
    site: Py<StepSite>,
    root: String,
    original: Py<PyAny>,
    stepped: Py<PyAny>,
    code: Py<PyAny>,
    /// The object whose method it is.
    first: Option<Py<PyAny>>,
}

#[pymethods]
impl SteppedCall {
    #[pyo3(signature = (*arguments, **keywords))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let site = self.site.get();
        let entry = StackedCall {
            site: site.number,
            root: self.root.clone(),
            function: self.original.clone_ref(py),
            cells: PyDict::new(py).unbind(),
            code: self.code.clone_ref(py),
        };
        let started = Instant::now();
        let stepped = self.stepped.bind(py);
        let result = match &self.first {
            Some(first) => {
                let mut all = vec![first.bind(py).clone()];
                all.extend(arguments.iter());
                let all = PyTuple::new(py, all)?;
                within(entry, || stepped.call(all, keywords))
            }
            None => within(entry, || stepped.call(arguments, keywords)),
        };
        site.calls.fetch_add(1, Ordering::Relaxed);
        let spent = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        site.spent.fetch_add(spent, Ordering::Relaxed);
        result
    }
}

/// A function has begun: notes the cells of the variables that it shares, which are those of a lambda.
fn enter(function: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = function.py();
    let cells = match stack().last() {
        Some(StackEntry::Call(call)) => call.cells.clone_ref(py),
        _ => return Ok(()),
    };
    let names = function.getattr("__code__")?.getattr("co_freevars")?;
    let closure = function.getattr("__closure__")?;
    for (name, cell) in names.try_iter()?.zip(closure.try_iter()?) {
        cells.bind(py).set_item(name?, cell?)?;
    }
    Ok(())
}
