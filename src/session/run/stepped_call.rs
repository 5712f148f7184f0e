//! Calls of functions of the script that are taken in steps.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyTuple};

use super::run_stack::{LoopKind, StackEntry, StackedCall, observed, remove_call, stack};
use super::step_sites::StepSite;

/// Deeper calls are part of a step: each takes some of the C stack.
const MOST_CALLS: usize = 100;

/// Runs a function while the call is on the stack.
pub(super) fn within<T>(entry: StackedCall, run: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let position = {
        let mut stack = stack();
        stack.push(StackEntry::Call(entry));
        stack.len() - 1
    };
    let result = run();
    remove_call(position);
    result
}

pub(super) fn calls_under_way() -> usize {
    stack().iter().filter(|entry| matches!(entry, StackEntry::Call(_))).count()
}

/// The function that a statement calls, or what calls it in steps.
pub(super) fn stepped_call(site: &Bound<'_, StepSite>, called: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
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
pub(super) fn may_step() -> bool {
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
            site: site.number(),
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
        site.note_call(started.elapsed());
        result
    }
}

/// A function has begun: notes the cells of the variables that it shares, which are those of a lambda.
pub(super) fn enter(function: &Bound<'_, PyAny>) -> PyResult<()> {
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
