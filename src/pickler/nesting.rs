//! How deep saves are nested in each other by way of Python code: dill's functions save what they are given with the
//! same pickler, and a `__reduce__` may pickle something itself. Each level lies on the C stack, so they are counted
//! before the stack is full.

use std::cell::Cell;

use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;

/// The most levels. Each costs some five C frames, a few kilobytes: they fit into the 8 MiB stack of a main thread many
/// times, also in a debug build.
const DEEPEST: usize = 250;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// One level, for as long as it lives.
pub(super) struct Nesting(());

impl Nesting {
    /// Goes one level deeper, or fails with Python's RecursionError.
    pub(super) fn enter() -> PyResult<Self> {
        DEPTH.with(|depth| {
            if depth.get() >= DEEPEST {
                return Err(PyRecursionError::new_err("maximum recursion depth exceeded while pickling"));
            }
            depth.set(depth.get() + 1);
            Ok(Self(()))
        })
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}
