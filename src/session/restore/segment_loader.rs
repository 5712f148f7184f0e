//! Loads the variables of our own snapshots one at a time, so that a failure loses one variable and not the session.
//!
//! One unpickler keeps its memo between loads, so objects that variables share are shared again.
//! [`crate::snapshot::segment`] defines its input. When a load fails, a new unpickler replaces it and takes over its
//! memo. Variables that need an object of the failed one are then lost as well, unless that object is intact.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use pyo3::exceptions::{PyKeyboardInterrupt, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::buffer_memory::BufferMemory;
use super::restore_context::RestoreContext;
use super::unpickler::Unpickler;
use crate::pickle::passes::recover::intact_memo_slots;
use crate::pickle::passes::scan::scan_segment;
use crate::python::discover;
use crate::session::failure_path::error_text;
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::reader::Snapshot;
use crate::snapshot::segment::{LoadSequence, UnpicklerInput, VariableSegment};

/// A variable that was skipped, or whose load failed.
struct FailedVariable<'a> {
    name: &'a str,
    /// The memo slots of its segment.
    memo: Range<u64>,
}

/// Loads the segments of a snapshot, in their order.
pub(super) struct SegmentLoader<'a, 'py> {
    snapshot: &'a Arc<Snapshot>,
    context: &'a RestoreContext<'py>,
    unpickler: Unpickler<'py>,
    sequence: LoadSequence,
    failed: Vec<FailedVariable<'a>>,
    /// Slots of failed variables that hold complete objects nevertheless.
    intact_slots: HashSet<u64>,
    /// Set if another minor version of Python saved the file: the reason why variables with code are not loaded.
    other_python: Option<String>,
}

impl<'a, 'py> SegmentLoader<'a, 'py> {
    pub(super) fn new(
        py: Python<'py>,
        snapshot: &'a Arc<Snapshot>,
        index: &Index,
        context: &'a RestoreContext<'py>,
    ) -> PyResult<Self> {
        let unpickler = Unpickler::new(py, snapshot, context)?;
        let version = py.version_info();
        let (running, saved) = (format!("{}.{}", version.major, version.minor), minor_of(&index.python.version));
        // Bytecode differs between minor versions. Searching for the other Python takes time: only if there is any
        // code.
        let has_code = index.variables.iter().any(|variable| variable.has_code);
        let other_python = (has_code && running != saved).then(|| other_python(&saved));
        // Slot 0 holds the module of the session. The module is passed in as an out-of-band buffer.
        let (sequence, module_slot) = LoadSequence::start(context.guarded);
        unpickler.load(module_slot, [context.module.clone().into_any()])?;
        let (failed, intact_slots) = Default::default();
        Ok(Self { snapshot, context, unpickler, sequence, failed, intact_slots, other_python })
    }

    /// Whether a variable contains code that this Python cannot run. Such a variable is not even read.
    pub(super) fn is_foreign_code(&self, variable: &Variable) -> bool {
        variable.has_code && self.other_python.is_some()
    }

    /// Skips a variable. Its memo slots are filled before the next load.
    pub(super) fn skip(&mut self, variable: &'a Variable) {
        self.failed.push(FailedVariable { name: &variable.name, memo: variable.memo.0..variable.memo.1 });
    }

    /// Loads a variable, or returns the reason why it cannot be loaded. `memory` holds the contents of its raw buffers.
    ///
    /// # Errors
    /// Only errors that end the whole restore, such as Ctrl-C.
    pub(super) fn load(
        &mut self,
        segment: &VariableSegment<'a>,
        memory: Option<BufferMemory<'py>>,
    ) -> PyResult<Result<Bound<'py, PyAny>, String>> {
        let variable = segment.variable();
        if let Some(why) = self.reason_to_skip(segment) {
            self.skip(variable);
            return Ok(Err(why));
        }
        // MEMOIZE uses the next free slot, so the slots of skipped variables are filled with None first.
        if let Some(slots) = self.sequence.skipped_before(variable) {
            self.unpickler.load(slots, [])?;
        }
        let loaded = self.unpickler.load(segment.input(), memory.map(BufferMemory::into_objects).unwrap_or_default());
        let py = self.context.module.py();
        match loaded {
            Ok(value) => {
                self.sequence.filled_by(variable);
                Ok(Ok(value))
            }
            Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => Err(error),
            Err(error) => {
                if let Some(log) = &self.context.fault_log {
                    log.record(py, &variable.name, &error, reason_for_loss(py, &error), self.unpickler.position());
                }
                // The failed load has left the unpickler's stack and read position undefined.
                self.recover(segment)?;
                self.skip(variable);
                Ok(Err(reason_for_loss(py, &error)))
            }
        }
    }

    fn reason_to_skip(&self, segment: &VariableSegment<'_>) -> Option<String> {
        if let Some(name) = self.needed_failure(segment) {
            return Some(format!("needs {name}, which was not restored"));
        }
        self.other_python.clone().filter(|_| segment.variable().has_code)
    }

    /// The first failed variable from which this one takes an object that is not intact.
    fn needed_failure(&self, segment: &VariableSegment<'_>) -> Option<&'a str> {
        let variable = segment.variable();
        // The index says which variables this one shares objects with. Only then are the opcodes scanned for the slots;
        // in a guarded load always, because `uses` is as little trusted as the rest of the index.
        let guarded = self.context.guarded;
        let may_take = |failed: &FailedVariable<'_>| guarded || variable.uses.iter().any(|name| name == failed.name);
        if !self.failed.iter().any(may_take) {
            return None;
        }
        let opcodes = segment.as_loaded(self.snapshot.bytes().ok()?)?;
        let takes = scan_segment(&opcodes, variable.memo.0).map(|facts| facts.takes).unwrap_or_default();
        // The check judged objects as they are after the last opcode, not as they were when a load failed: in a guarded
        // load, none of them counts as intact.
        let mut missing = takes.iter().filter(|slot| guarded || !self.intact_slots.contains(slot));
        let owner = |slot: &u64| self.failed.iter().find(|failed| failed.memo.contains(slot));
        missing.find_map(owner).map(|failed| failed.name)
    }

    /// Replaces the unpickler after a failed load: the old one has read ahead. The new one gets the old memo, up to the
    /// last slot of the failed variable. The memo of a C unpickler cannot be set reliably from outside, so the objects
    /// are passed in as if they were out-of-band buffers.
    fn recover(&mut self, segment: &VariableSegment<'a>) -> PyResult<()> {
        let py = self.context.module.py();
        let variable = segment.variable();
        let old_memo = self.unpickler.memo()?;
        let filled = (old_memo.len() as u64).saturating_sub(variable.memo.0);
        let opcodes = self.snapshot.bytes().ok().and_then(|file| segment.as_loaded(file)).unwrap_or_default();
        // If the opcodes cannot be followed, no object counts as intact.
        self.intact_slots.extend(intact_memo_slots(&opcodes, variable.memo.0, filled).unwrap_or_default());
        let mut objects = Vec::new();
        // Slots that the failed segment never reached hold None.
        for slot in 0..variable.memo.1 {
            objects.push(old_memo.get_item(slot)?.unwrap_or_else(|| py.None().into_bound(py)));
        }
        self.unpickler = Unpickler::new(py, self.snapshot, self.context)?;
        self.unpickler.load(UnpicklerInput::filled_slots(objects.len()), objects)?;
        self.sequence.filled_by(variable);
        Ok(())
    }
}

/// `3.11` of `3.11.7`.
fn minor_of(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// Why code for another version is not loaded, with an interpreter on this machine that can load it.
fn other_python(saved: &str) -> String {
    match discover::find_version(saved) {
        Ok(found) => {
            format!(
                "contains code for Python {saved}: restore it with --python {saved} ({})",
                found.executable.display()
            )
        }
        Err(_) => {
            format!("contains code for Python {saved}, which was not found: install it, or pass its path with --python")
        }
    }
}

/// Describes the exception that made a variable fail, with advice if a module is missing.
fn reason_for_loss(py: Python<'_>, error: &PyErr) -> String {
    match missing_module(py, error) {
        None => error_text(py, error),
        Some((module, package)) => format!(
            "needs the module {module}: install {package}, select its environment with --python, or pass \
             --map {module}=NEW if it was renamed"
        ),
    }
}

/// The module that was not found, and the package that probably contains it.
pub(super) fn missing_module(py: Python<'_>, error: &PyErr) -> Option<(String, String)> {
    if !error.is_instance_of::<PyModuleNotFoundError>(py) {
        return None;
    }
    let name = error.value(py).getattr("name").and_then(|name| name.extract::<String>());
    let module = name.unwrap_or_default();
    let package = module.split('.').next().unwrap_or_default().to_owned();
    Some((module, package))
}
