//! Loads the segments of our own snapshots one at a time, so that one that cannot be loaded costs only itself.
//!
//! One unpickler keeps its memo between loads, so objects that variables share are shared again. It is fed a segment at
//! a time, as a pickle of its own: the opcodes of the value and a STOP. A segment that is skipped, or fails half-way,
//! still has to fill its memo slots, as later ones are counted from there: NONE, a MEMOIZE for each slot, POP.

use std::collections::HashSet;

use pyo3::exceptions::{PyKeyboardInterrupt, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::memory::Buffers;
use super::names::Home;
use super::stream::{Part, Stream};
use super::unpickler::Unpickler;
use crate::pickle::opcode::Opcode;
use crate::pickle::scan::scan_segment;
use crate::pickle::whole::whole_slots;
use crate::python::discover;
use crate::session::fault::error_text;
use crate::snapshot::index::{Buffer, Index, Variable};
use crate::snapshot::layout::RAW_HEADER;
use crate::snapshot::reader::Snapshot;

/// A variable that was asked for and did not come back.
pub struct Lost {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_name: String,
    /// Why.
    pub why: String,
}

/// A variable that did not come back: the memo slots that are its own.
struct Wreck<'a> {
    name: &'a str,
    memo: std::ops::Range<u64>,
}

/// Loads the segments of a snapshot, in their order.
pub(super) struct Loader<'a, 'py> {
    snapshot: &'a Snapshot,
    home: &'a Home<'py>,
    wrecks: Vec<Wreck<'a>>,
    /// Slots of wrecks whose objects are whole all the same.
    whole: HashSet<u64>,
    stream: Bound<'py, Stream>,
    base: Bound<'py, PyAny>,
    unpickler: Unpickler<'py>,
    /// The slots that are filled.
    filled: u64,
    /// What is said of a variable with code, where the file is of another Python than the one that runs.
    other_python: Option<String>,
}

impl<'a, 'py> Loader<'a, 'py> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        index: &Index,
        home: &'a Home<'py>,
        stream: Bound<'py, Stream>,
    ) -> PyResult<Self> {
        let py = stream.py();
        let base = py.import("pickle")?.getattr("Unpickler")?;
        let unpickler = Unpickler::new(&base, &stream, home)?;
        let version = py.version_info();
        let (running, saved) = (format!("{}.{}", version.major, version.minor), minor_of(&index.python.version));
        let has_code = index.variables.iter().any(|variable| variable.has_code);
        let other_python = (has_code && running != saved).then(|| other_python(&saved));
        let (wrecks, whole) = (Vec::new(), HashSet::new());
        let loader = Self { snapshot, home, wrecks, whole, stream, base, unpickler, filled: 1, other_python };
        // The module is in slot 0: what the prelude imports.
        let opcodes = vec![Opcode::NextBuffer as u8, Opcode::Memoize as u8];
        // A file that nobody vouches for does not get at it.
        let module = if home.guarded { py.None().into_bound(py) } else { home.module.clone().into_any() };
        loader.unpickler.load(vec![Part::own(opcodes)], [module])?;
        Ok(loader)
    }

    /// Whether a variable holds code that this Python could not run. It is not even read.
    pub(super) fn is_foreign_code(&self, variable: &Variable) -> bool {
        variable.has_code && self.other_python.is_some()
    }

    /// Passes over a variable. Its slots are filled later, when there is something to load behind them.
    pub(super) fn skip(&mut self, variable: &'a Variable) {
        self.wrecks.push(Wreck { name: &variable.name, memo: variable.memo.0..variable.memo.1 });
    }

    /// Loads a variable, or says why not.
    pub(super) fn variable(
        &mut self,
        variable: &'a Variable,
        buffers: Option<Buffers<'py>>,
    ) -> PyResult<Result<Bound<'py, PyAny>, String>> {
        let needed = self.needed_wreck(variable);
        let why = match (needed, &self.other_python) {
            (Some(name), _) => Some(format!("needs {name}, which did not come back")),
            (None, Some(other)) if variable.has_code => Some(other.clone()),
            _ => None,
        };
        if let Some(why) = why {
            self.skip(variable);
            return Ok(Err(why));
        }
        self.fill_up_to(variable.memo.0)?;
        let objects = buffers.map(Buffers::into_objects).unwrap_or_default();
        let error = match self.unpickler.load(self.opcodes(variable), objects) {
            Ok(value) => {
                self.filled = variable.memo.1;
                return Ok(Ok(value));
            }
            Err(error) => error,
        };
        let py = self.stream.py();
        if error.is_instance_of::<PyKeyboardInterrupt>(py) {
            return Err(error);
        }
        self.begin_anew(variable)?;
        self.skip(variable);
        Ok(Err(reason(py, &error)))
    }

    /// The opcodes of a value, with NEXT_BUFFER in place of each raw buffer.
    fn opcodes(&self, variable: &Variable) -> Vec<Part> {
        let value = value_of(variable);
        let mut parts = Vec::with_capacity(2 * variable.buffers.len() + 1);
        let mut from = value.start;
        for &Buffer { offset, length, writable } in &variable.buffers {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            parts.push(Part::File(from..place(offset.saturating_sub(RAW_HEADER))));
            let next = [Opcode::NextBuffer as u8, Opcode::ReadonlyBuffer as u8];
            parts.push(Part::own(if writable { &next[..1] } else { &next[..] }));
            from = place(offset.saturating_add(length));
        }
        parts.push(Part::File(from..value.end));
        parts
    }

    /// A wreck that the variable takes something from that is not whole.
    fn needed_wreck(&self, variable: &Variable) -> Option<String> {
        if !self.wrecks.iter().any(|wreck| variable.uses.iter().any(|name| name == wreck.name)) {
            return None;
        }
        let segment = self.snapshot.segment(variable).ok()?;
        let takes = scan_segment(segment, variable.memo.0).map(|facts| facts.takes).unwrap_or_default();
        let mut missing = takes.iter().filter(|slot| !self.whole.contains(slot));
        missing
            .find_map(|slot| self.wrecks.iter().find(|wreck| wreck.memo.contains(slot)))
            .map(|wreck| wreck.name.to_owned())
    }

    /// Goes on after a failure with a new unpickler, as the old one has read ahead, and with the old one's memo, filled
    /// up to the end of `memo`. An unpickler takes no memo from outside in a way that it could count on from there: so
    /// the objects go in as if they were out-of-band buffers, of which nothing is asked.
    fn begin_anew(&mut self, failed: &Variable) -> PyResult<()> {
        let py = self.stream.py();
        let memo = failed.memo;
        let old = self.unpickler.memo()?;
        let filled = (old.len() as u64).saturating_sub(memo.0);
        let segment = self.snapshot.segment(failed).unwrap_or_default();
        // What cannot be followed is lost.
        self.whole.extend(whole_slots(segment, memo.0, filled).unwrap_or_default());
        let mut objects = Vec::new();
        let mut opcodes = Vec::new();
        for slot in 0..memo.1 {
            let object = old.get_item(slot)?;
            objects.push(object.unwrap_or_else(|| py.None().into_bound(py)));
            opcodes.extend([Opcode::NextBuffer as u8, Opcode::Memoize as u8, Opcode::Pop as u8]);
        }
        opcodes.push(Opcode::None as u8);
        self.unpickler = Unpickler::new(&self.base, &self.stream, self.home)?;
        self.unpickler.load(vec![Part::own(opcodes)], objects)?;
        self.filled = memo.1;
        Ok(())
    }

    /// Fills memo slots that nobody will ask for.
    fn fill_up_to(&mut self, end: u64) -> PyResult<()> {
        let slots = usize::try_from(end.saturating_sub(self.filled)).unwrap_or(0);
        if slots > 0 {
            let mut opcodes = vec![Opcode::None as u8];
            opcodes.extend(std::iter::repeat_n(Opcode::Memoize as u8, slots));
            self.unpickler.load(vec![Part::own(opcodes)], [])?;
            self.filled = end;
        }
        Ok(())
    }
}

/// Where the opcodes of the value lie in the file: behind those of the name, before SETITEM.
fn value_of(variable: &Variable) -> std::ops::Range<usize> {
    // SHORT_BINUNICODE has a length of one byte, BINUNICODE one of four.
    let name = variable.name.len() + if variable.name.len() < 256 { 2 } else { 5 };
    let start = usize::try_from(variable.offset).unwrap_or(usize::MAX);
    let length = usize::try_from(variable.length).unwrap_or(usize::MAX);
    start.saturating_add(name)..start.saturating_add(length).saturating_sub(1)
}

fn minor_of(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// What to do about code of another version, with the interpreter of this machine that could load it.
fn other_python(saved: &str) -> String {
    match discover::choose(Some(saved)) {
        Ok(found) => {
            format!("holds code of Python {saved}: restore it with --python {saved} ({})", found.executable.display())
        }
        Err(_) => {
            format!("holds code of Python {saved}: install that, and name it with --python (none was found here)")
        }
    }
}

/// An error in words, with what to do about a missing module.
fn reason(py: Python<'_>, error: &PyErr) -> String {
    let text = error_text(py, error);
    if !error.is_instance_of::<PyModuleNotFoundError>(py) {
        return text;
    }
    let module = error.value(py).getattr("name").and_then(|name| name.extract::<String>()).unwrap_or_default();
    let package = module.split('.').next().unwrap_or_default();
    format!(
        "needs the module {module}: install {package}, choose its environment with --python, or tell what it is called \
         now with --map {module}=NEW"
    )
}
