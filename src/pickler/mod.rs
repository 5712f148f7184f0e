//! Objects to pickle opcodes, protocol 5, one variable at a time, with one memo for the whole session.
//!
//! [`fast`] writes what its type alone explains, [`frame`] walks through containers without recursion, [`reduce`] asks
//! objects how they are made, [`by_value`] takes the script's classes apart, and [`dill`] has its say on all the rest by
//! way of [`native`]. [`walk`] holds them
//! together: it locks the state ([`core`]) while opcodes are written, and unlocks it while Python code runs.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyModule};

mod buffers;
mod by_value;
mod core;
mod dill;
mod fast;
mod faults;
mod frame;
mod imported;
mod live;
mod memo;
mod native;
mod nesting;
mod op;
mod output;
mod reduce;
mod texts;
mod types;
mod walk;

pub(crate) use buffers::Held;
pub use dill::Importer;
pub use faults::all_faults;
pub use imported::Imported;
pub use output::{Sink, Stopped};

use crate::pickle::scan::SegmentFacts;
use crate::snapshot::index::Buffer;
use native::Native;
use output::Output;

/// Pickles one object as a whole pickle, in frames, with the meaning of `dill.dumps`. `options` are dill's.
pub fn dumps<'py>(
    object: &Bound<'py, PyAny>,
    import: Importer,
    options: Py<PyDict>,
    buffer_callback: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = object.py();
    // A `__reduce__` may pickle the very object that it is asked about.
    let _nested = nesting::Nesting::enter()?;
    let main = py.import("__main__")?;
    let native = Native::new(&main, import, Output::whole(), Some(options), buffer_callback.map(Bound::unbind))?;
    let native = Bound::new(py, native)?;
    native.get().lock()?.out.slice(&[op::PROTO, 5]);
    let saved = walk::save(&native, object);
    native.get().release(py);
    saved?;
    let mut core = native.get().lock()?;
    core.out.between_opcodes()?;
    core.out.byte(op::STOP);
    core.out.close_frame();
    core.out.finish(py)
}

/// Pickles the variables of a session.
pub struct Pickler<'py> {
    native: Bound<'py, Native>,
}

/// A value whose opcodes the sink has got.
pub struct Saved {
    /// What they need.
    pub facts: SegmentFacts,
    /// The raw buffers among them.
    pub buffers: Vec<Buffer>,
    /// What will be otherwise after a load.
    pub notes: Vec<String>,
}

/// A variable that could not be pickled.
pub struct Failure<'py> {
    /// What was raised.
    pub error: PyErr,
    /// The objects that were being saved, from the variable to the one at fault.
    pub chain: Vec<Bound<'py, PyAny>>,
    /// Why no more was written, where that is the cause.
    pub stopped: Option<Stopped>,
}

impl<'py> From<PyErr> for Failure<'py> {
    fn from(error: PyErr) -> Self {
        Self { error, chain: Vec::new(), stopped: None }
    }
}

impl<'py> Pickler<'py> {
    /// A pickler for the session in `module`, which takes memo slot 0. `import` is called when dill is needed; `sink` gets
    /// the opcodes.
    pub fn new(module: &Bound<'py, PyModule>, import: Importer, sink: Box<dyn Sink>) -> PyResult<Self> {
        let native = Bound::new(module.py(), Native::new(module, import, Output::segments(sink), None, None)?)?;
        native.get().lock()?.memo.put(module.as_any());
        Ok(Self { native })
    }

    /// The number of memo slots in use.
    pub fn memo_len(&self) -> PyResult<usize> {
        Ok(self.native.get().lock()?.memo.len())
    }

    /// Pickles one value: the opcodes that push it and nothing else. The first one will be at `position` in the file, and
    /// it may take `most` bytes. When it fails, the pickler is as it was before; what the sink has got is the caller's to
    /// take back.
    pub fn save(&self, value: &Bound<'py, PyAny>, position: u64, most: u64) -> Result<Saved, Failure<'py>> {
        let before = self.begin(position, most)?;
        match walk::save(&self.native, value).and_then(|()| self.end(before)) {
            Ok(saved) => Ok(saved),
            Err(error) => {
                let chain = self.take_chain();
                // A roll back drops references to live objects and clears a dict: it cannot fail in a way that matters
                // more than the error at hand.
                let stopped = self.roll_back(before).ok().flatten();
                Err(Failure { error, chain, stopped })
            }
        }
    }

    fn begin(&self, position: u64, most: u64) -> PyResult<usize> {
        let mut core = self.native.get().lock()?;
        let before = core.memo.len();
        core.out.begin(position, most);
        core.facts = core::Facts { first_slot: before as u32, ..Default::default() };
        core.fault.clear();
        core.building.clear();
        Ok(before)
    }

    fn end(&self, before: usize) -> PyResult<Saved> {
        let mut core = self.native.get().lock()?;
        let buffers = core.out.end()?;
        let facts = std::mem::take(&mut core.facts);
        let mut takes: Vec<u64> = facts.takes.into_iter().map(u64::from).collect();
        takes.sort_unstable();
        takes.dedup();
        let memo = (before as u64, core.memo.len() as u64);
        let notes = facts.notes;
        let facts = SegmentFacts { memo, takes, imports: facts.imports, has_code: facts.has_code };
        Ok(Saved { facts, buffers, notes })
    }

    fn take_chain(&self) -> Vec<Bound<'py, PyAny>> {
        let Ok(mut core) = self.native.get().lock() else { return Vec::new() };
        let objects = std::mem::take(&mut core.fault);
        objects.into_iter().rev().map(|object| object.into_bound(self.native.py())).collect()
    }

    /// Forgets what was memoized from slot `length` on. Returns why no more was written, if that was so.
    pub fn roll_back(&self, length: usize) -> PyResult<Option<Stopped>> {
        let (stopped, gone) = {
            let mut core = self.native.get().lock()?;
            (core.out.abandon(), core.memo.cut(length))
        };
        // Freeing objects can run code, so the core is not locked here.
        drop(gone);
        self.native.get().forget_postponed(self.native.py())?;
        Ok(stopped)
    }
}

impl Drop for Pickler<'_> {
    fn drop(&mut self) {
        self.native.get().release(self.native.py());
    }
}
