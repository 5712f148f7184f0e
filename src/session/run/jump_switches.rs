//! The switches in the code of a script: bytes of its bytecode, the arguments of jumps, that are changed while it runs.
//! `step_jumps.py` finds them. Those of requests are set while something is asked for, those of inner loops when their
//! runs turn out to be short.
//!
//! Only the main thread runs such code and changes it, with the GIL, between two bytecodes or within one.
#![allow(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::short_loops::is_short;
use crate::python::deferred_signals::Tolerated as _;

/// What sets a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setter {
    /// Something is asked for.
    Request,
    /// The runs of the inner loop at this site are short.
    ShortLoop(usize),
}

struct Switch {
    setter: Setter,
    /// Its place in the bytecode.
    offset: usize,
    quiet: u8,
    set: u8,
}

struct SwitchedCode {
    code: Py<PyAny>,
    switches: Vec<Switch>,
}

#[derive(Default)]
struct Switches {
    codes: Vec<SwitchedCode>,
    /// Whether those of requests are set.
    is_requested: bool,
}

static SWITCHES: Mutex<Switches> = Mutex::new(Switches { codes: Vec::new(), is_requested: false });

fn switches() -> MutexGuard<'static, Switches> {
    SWITCHES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytecode that the interpreter reads: up to Python 3.10 an object of bytes, later the end of the code object.
struct Bytecode {
    first: *mut u8,
    length: usize,
}

impl Bytecode {
    fn of(code: &Bound<'_, PyAny>) -> PyResult<Self> {
        let kind = code.get_type();
        let unit: usize = kind.getattr("__itemsize__")?.extract()?;
        if unit == 0 {
            let bytes = code.getattr("co_code")?.cast_into::<PyBytes>()?;
            // SAFETY: an object of bytes, which the code keeps alive.
            let first = unsafe { ffi::PyBytes_AsString(bytes.as_ptr()) };
            return Ok(Self { first: first.cast(), length: bytes.as_bytes().len() });
        }
        let start: usize = kind.getattr("__basicsize__")?.extract()?;
        // SAFETY: the type has items, so its objects begin with their number.
        let items = unsafe { ffi::Py_SIZE(code.as_ptr()) };
        // SAFETY: the items of an object follow its fixed part.
        let first = unsafe { code.as_ptr().cast::<u8>().add(start) };
        Ok(Self { first, length: usize::try_from(items).unwrap_or(0) * unit })
    }

    fn get(&self, offset: usize) -> Option<u8> {
        if offset >= self.length {
            return None;
        }
        // SAFETY: within the bytecode.
        let place = unsafe { self.first.add(offset) };
        // SAFETY: the code is alive, and nothing else changes it while this thread has the GIL.
        Some(unsafe { place.read() })
    }

    /// Changes a byte that has one value to another one; another byte is left alone.
    fn change(&self, offset: usize, from: u8, to: u8) {
        if self.get(offset) != Some(from) {
            return;
        }
        // SAFETY: within the bytecode, as `get` has found something there.
        let place = unsafe { self.first.add(offset) };
        // SAFETY: as in `get`. The interpreter reads the byte with the next instruction.
        unsafe { place.write(to) };
    }
}

/// Whether the bytecode of new code objects is where it is expected.
#[pyfunction]
pub(super) fn is_changeable(code: &Bound<'_, PyAny>) -> PyResult<bool> {
    let expected = code.getattr("co_code")?.extract::<Vec<u8>>()?;
    let found = Bytecode::of(code)?;
    // The caches of instructions are shown as zeros.
    let is_same = |(offset, byte): (usize, &u8)| *byte == 0 || found.get(offset) == Some(*byte);
    Ok(found.length == expected.len() && expected.iter().enumerate().all(is_same))
}

/// Adds code with its switches: what sets each (`None` for a request, or the site of an inner loop), its offset, and
/// its two values, the first of which it has.
#[pyfunction]
pub(super) fn watch_code(code: &Bound<'_, PyAny>, found: Vec<(Option<usize>, usize, u8, u8)>) -> PyResult<()> {
    if found.is_empty() {
        return Ok(());
    }
    let bytecode = Bytecode::of(code)?;
    let mut all = switches();
    let added = found.into_iter().map(|(site, offset, quiet, set)| {
        let setter = site.map_or(Setter::Request, Setter::ShortLoop);
        let is_set = match setter {
            Setter::Request => all.is_requested,
            Setter::ShortLoop(site) => is_short(site),
        };
        if is_set {
            bytecode.change(offset, quiet, set);
        }
        Switch { setter, offset, quiet, set }
    });
    let switches = added.collect();
    all.codes.push(SwitchedCode { code: code.clone().unbind(), switches });
    Ok(())
}

/// Sets the switches of one kind, or puts them back.
pub(super) fn set(py: Python<'_>, setter: Setter, is_set: bool) {
    let mut all = switches();
    if setter == Setter::Request {
        if all.is_requested == is_set {
            return;
        }
        all.is_requested = is_set;
    }
    for SwitchedCode { code, switches } in &all.codes {
        let Some(bytecode) = Bytecode::of(code.bind(py)).tolerated() else { continue };
        for switch in switches.iter().filter(|switch| switch.setter == setter) {
            let (from, to) = if is_set { (switch.quiet, switch.set) } else { (switch.set, switch.quiet) };
            bytecode.change(switch.offset, from, to);
        }
    }
}
