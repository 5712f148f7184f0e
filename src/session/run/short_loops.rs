//! The flags that the code of a script tests: lists, which are empty or not. Testing one costs next to nothing, and
//! needs no call.
//!
//! One says that something is asked for. Each inner loop has another one, which says that its runs are short, so that
//! it is not worth taking its iterations as steps.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::python::deferred_signals::Tolerated as _;

/// After this many runs, short loops are no longer taken in steps.
const TRIED_RUNS: u32 = 16;
/// The least time that a run must take on average.
const SHORT_RUN: Duration = Duration::from_millis(2);

/// The runs of an inner loop so far.
#[derive(Default)]
struct InnerLoop {
    flag: Option<Py<PyList>>,
    runs: u32,
    spent: Duration,
    is_short: bool,
}

static LOOPS: Mutex<Option<HashMap<usize, InnerLoop>>> = Mutex::new(None);
static DUE: PyOnceLock<Py<PyList>> = PyOnceLock::new();

/// A new flag: a list whose hash and equality are those of its identity, as constants of code must have them.
fn new_flag(py: Python<'_>) -> PyResult<Py<PyList>> {
    static TYPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let kind = TYPE.get_or_try_init(py, || {
        let builtins = py.import("builtins")?;
        let object = builtins.getattr("object")?;
        let members = PyDict::new(py);
        for name in ["__hash__", "__eq__", "__ne__"] {
            members.set_item(name, object.getattr(name)?)?;
        }
        members.set_item("__slots__", PyTuple::empty(py))?;
        let bases = (py.get_type::<PyList>(),);
        builtins.getattr("type")?.call1(("Flag", bases, members)).map(Bound::unbind)
    })?;
    Ok(kind.bind(py).call0()?.cast_into::<PyList>()?.unbind())
}

fn loops() -> MutexGuard<'static, Option<HashMap<usize, InnerLoop>>> {
    LOOPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The flag that says that something is asked for.
pub(super) fn due_flag(py: Python<'_>) -> PyResult<&Bound<'_, PyList>> {
    DUE.get_or_try_init(py, || new_flag(py)).map(|flag| flag.bind(py))
}

/// Sets the flag, so that `while` loops end their step.
pub(super) fn set_due_flag(py: Python<'_>) {
    if let Some(flag) = due_flag(py).tolerated().filter(|flag| flag.is_empty()) {
        flag.append(true).tolerated();
    }
}

/// Nothing is asked for any more.
pub(super) fn clear_due_flag(py: Python<'_>) {
    if let Some(flag) = due_flag(py).tolerated() {
        clear(flag);
    }
}

fn clear(flag: &Bound<'_, PyList>) {
    flag.del_slice(0, flag.len()).tolerated();
}

/// The flag of the inner loop at a site.
pub(super) fn short_flag(py: Python<'_>, site: usize) -> PyResult<Py<PyList>> {
    let new = new_flag(py)?;
    let mut loops = loops();
    let entry = loops.get_or_insert_default().entry(site).or_default();
    Ok(entry.flag.get_or_insert(new).clone_ref(py))
}

/// Notes a run of the loop at a site.
pub(super) fn note(site: usize, spent: Duration) {
    let mut loops = loops();
    let Some(entry) = loops.as_mut().and_then(|loops| loops.get_mut(&site)) else { return };
    entry.runs += 1;
    entry.spent += spent;
    if entry.runs < TRIED_RUNS || entry.is_short || entry.spent >= SHORT_RUN * entry.runs {
        return;
    }
    entry.is_short = true;
    let Some(flag) = &entry.flag else { return };
    Python::attach(|py| {
        flag.bind(py).append(true).tolerated();
    });
}

/// Takes the iterations of all loops as steps again: a request has waited long for the end of one.
pub(super) fn forget(py: Python<'_>) {
    let mut loops = loops();
    for entry in loops.iter_mut().flat_map(HashMap::values_mut) {
        (entry.runs, entry.spent, entry.is_short) = (0, Duration::ZERO, false);
        if let Some(flag) = &entry.flag {
            clear(flag.bind(py));
        }
    }
}
