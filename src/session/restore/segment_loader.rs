//! Feeds the segments of our own snapshots to one unpickler, so that objects that variables share are shared again.
//!
//! [`crate::snapshot::segment`] defines the input. When a load fails, a new unpickler replaces the old one and takes
//! over its memo, without the slots of the variable that failed. [`load_variables`](super::load_variables) decides what
//! is loaded.

use std::path::Path;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

use super::fault_log::FaultLog;
use super::loss_reason::LossReason;
use super::restore_context::RestoreContext;
use super::unpickler::Unpickler;
use super::unpickler_stream::PickleSource;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::deferred_signals::ends_call;
use crate::python::discover;
use crate::python::probe::probe;
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::reader::OpcodeImage;
use crate::snapshot::segment::{Load, LoadSequence, SegmentObjects, UnpicklerInput, VariableSegment};

/// Loads the segments of a snapshot, in their order.
pub(super) struct SegmentLoader<'a, 'py> {
    source: PickleSource,
    context: &'a RestoreContext<'py>,
    unpickler: Unpickler<'py>,
    sequence: LoadSequence,
}

impl<'a, 'py> SegmentLoader<'a, 'py> {
    pub(super) fn new(py: Python<'py>, opcodes: &Arc<OpcodeImage>, context: &'a RestoreContext<'py>) -> PyResult<Self> {
        let source = PickleSource::Checked(Arc::clone(opcodes));
        let unpickler = Unpickler::new(py, &source, context)?;
        // Slot 0 holds the module of the session. The module is passed in as an out-of-band buffer.
        let (sequence, module_slot) = LoadSequence::start(false);
        unpickler.load(module_slot, [context.module.clone().into_any()])?;
        Ok(Self { source, context, unpickler, sequence })
    }

    /// Loads a variable, or returns the reason why it cannot be loaded. `memory` holds the contents of its raw buffers.
    ///
    /// # Errors
    /// Only errors that end the whole restore, such as Ctrl-C.
    pub(super) fn load(
        &mut self,
        segment: &VariableSegment<'_>,
        memory: &[Bound<'py, PyAny>],
    ) -> PyResult<Result<Bound<'py, PyAny>, LossReason>> {
        let loaded = self.feed(segment, &Load::Whole, memory.to_vec())?;
        if loaded.is_ok() {
            self.sequence.filled_by(segment.variable());
        }
        Ok(loaded)
    }

    /// Loads objects of a variable into their slots, or returns the reason why they cannot be loaded.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub(super) fn load_objects(
        &mut self,
        segment: &VariableSegment<'_>,
        objects: SegmentObjects,
        memory: &[Bound<'py, PyAny>],
    ) -> PyResult<Result<(), LossReason>> {
        let memory = objects.buffers.iter().filter_map(|number| memory.get(*number)).cloned().collect();
        Ok(self.feed(segment, &Load::Objects(objects), memory)?.map(drop))
    }

    /// Loads variables that follow one another in the file and have no raw buffers. Returns them by name, or None if
    /// that fails: then the loader is as it was before.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub(super) fn load_joined(&mut self, segments: &[&VariableSegment<'_>]) -> PyResult<Option<Bound<'py, PyDict>>> {
        let ([first, ..], [.., last]) = (segments, segments) else { return Ok(None) };
        let mut loaded = None;
        for input in self.sequence.joined_inputs(first, last) {
            loaded = Some(self.unpickler.load(input, []));
        }
        let py = self.context.module.py();
        match loaded {
            Some(Ok(values)) if has_all(&values, segments)? => {
                self.sequence.filled_by(last.variable());
                Ok(Some(values.cast_into()?))
            }
            Some(Err(error)) if ends_call(py, &error) => Err(error),
            _ => {
                let filled = first.variable().memo.0;
                let objects = slots_before(&self.unpickler.memo()?, filled)?;
                self.replace_unpickler(objects)?;
                self.sequence.cut(filled);
                Ok(None)
            }
        }
    }

    fn feed(
        &mut self,
        segment: &VariableSegment<'_>,
        load: &Load,
        memory: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Result<Bound<'py, PyAny>, LossReason>> {
        let py = self.context.module.py();
        let mut inputs = self.sequence.inputs(segment, load);
        let value = inputs.pop().unwrap_or_else(|| UnpicklerInput::filled_slots(0));
        for slots in inputs {
            self.unpickler.load(slots, [])?;
        }
        if self.context.fault_log.is_some() {
            FaultLog::start();
        }
        match self.unpickler.load(value, memory) {
            Ok(value) => Ok(Ok(value)),
            Err(error) if ends_call(py, &error) => Err(error),
            Err(error) => {
                if let Some(log) = &self.context.fault_log {
                    let text = LossReason::of(py, &error).text;
                    log.record(py, &segment.variable().name, &error, text, self.unpickler.position());
                }
                // The failed load has left the unpickler's stack and read position undefined.
                self.recover(segment.variable())?;
                Ok(Err(LossReason::of(py, &error)))
            }
        }
    }

    /// Replaces the unpickler after a failed load: the old one has read ahead. The new one gets the old memo, with None
    /// in the slots of the failed variable. The memo of a C unpickler cannot be set reliably from outside, so the
    /// objects are passed in as if they were out-of-band buffers.
    fn recover(&mut self, variable: &Variable) -> PyResult<()> {
        let py = self.context.module.py();
        let old_memo = self.unpickler.memo()?;
        if let Some(log) = &self.context.fault_log {
            log.keep(&old_memo);
        }
        let mut objects = slots_before(&old_memo, variable.memo.1)?;
        for object in objects.iter_mut().skip(usize::try_from(variable.memo.0).unwrap_or(usize::MAX)) {
            never_finalize(std::mem::replace(object, py.None().into_bound(py)));
        }
        self.replace_unpickler(objects)?;
        self.sequence.filled_by(variable);
        Ok(())
    }

    /// Begins a new unpickler with these objects in its slots.
    fn replace_unpickler(&mut self, objects: Vec<Bound<'py, PyAny>>) -> PyResult<()> {
        self.unpickler = Unpickler::new(self.context.module.py(), &self.source, self.context)?;
        self.unpickler.load(UnpicklerInput::filled_slots(objects.len()), objects).map(drop)
    }
}

/// Whether these are the variables that the index names.
fn has_all(values: &Bound<'_, PyAny>, segments: &[&VariableSegment<'_>]) -> PyResult<bool> {
    for segment in segments {
        if !values.contains(&segment.variable().name)? {
            return Ok(false);
        }
    }
    Ok(values.len()? == segments.len())
}

/// The objects in the first slots of a memo, with None in those that are not filled.
fn slots_before<'py>(memo: &Bound<'py, PyDict>, end: u64) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = memo.py();
    (0..end).map(|slot| Ok(memo.get_item(slot)?.unwrap_or_else(|| py.None().into_bound(py)))).collect()
}

/// Keeps an object of a failed load alive until the process ends, if its class has a `__del__`: that would run on an
/// object that may be half made, and could act on what its missing attributes should have told it to leave alone.
fn never_finalize(object: Bound<'_, PyAny>) {
    if object.get_type().hasattr("__del__").tolerated().unwrap_or(false) {
        std::mem::forget(object);
    }
}

/// If another minor version of Python saved the file: the reason why variables with code are not loaded. Bytecode
/// differs between minor versions.
pub(super) fn other_python(py: Python<'_>, index: &Index, trusted: bool) -> Option<String> {
    let version = py.version_info();
    let (running, saved) = (format!("{}.{}", version.major, version.minor), minor_of(&index.python.version));
    // Searching for the other Python takes time: only if there is any code.
    let has_code = index.segments().any(|(_, variable)| variable.has_code);
    // A file that is not trusted must not choose a program.
    let own = Path::new(&index.python.executable);
    let is_there = |own: &&Path| {
        // Another version may have taken its place.
        let has_version = || probe(own).is_ok_and(|found| minor_of(&found.version_text) == saved);
        trusted && own.is_absolute() && has_version()
    };
    (has_code && running != saved).then(|| advice_for(&saved, Some(own).filter(is_there)))
}

/// `3.11` of `3.11.7`.
fn minor_of(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// Why code for another version is not loaded, with an interpreter on this machine that can load it: that of the
/// snapshot, `own`, if it is still there.
fn advice_for(saved: &str, own: Option<&Path>) -> String {
    if let Some(own) = own {
        return format!("contains code for Python {saved}: restore it with --python {}", own.display());
    }
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
