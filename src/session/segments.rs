//! Brings the variables of a snapshot back one at a time, so that one that cannot be loaded costs only itself.
//!
//! One unpickler keeps its memo between loads, so objects that variables share are shared again. It is fed a segment at
//! a time, as a pickle of its own: the opcodes of the value and a STOP. A segment that is skipped, or fails half-way,
//! still has to fill its memo slots, as later ones are counted from there: NONE, a MEMOIZE for each slot, POP.

use std::collections::HashSet;
use std::sync::Arc;

use pyo3::exceptions::{PyKeyboardInterrupt, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyCFunction, PyDict, PyFunction, PyList, PyModule, PyString, PyType};

use super::fault::error_text;
use super::stream::Stream;
use crate::pickle::opcode::Opcode;
use crate::pickle::scan::scan_segment;
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::reader::Snapshot;

/// A variable that did not come back.
pub struct Lost {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_name: String,
    /// Why.
    pub why: String,
}

/// PROTO 5, with which every pickle of ours begins.
const PROTO: [u8; 2] = [Opcode::Proto as u8, 5];
const STOP: [u8; 1] = [Opcode::Stop as u8];

/// Loads all variables into the module's namespace. Returns the names that are there, and what was lost. An error is one
/// that ends the whole load.
pub(super) fn load<'py>(
    dill: &Bound<'py, PyModule>,
    snapshot: &Arc<Snapshot>,
    index: &Index,
    module: &Bound<'py, PyModule>,
    progress: Box<dyn Fn(u64) + Send + Sync>,
) -> PyResult<(Vec<String>, Vec<Lost>)> {
    let mut loader = Loader::new(dill, snapshot, index, module, progress)?;
    let (mut names, mut lost): (Vec<String>, Vec<Lost>) = (Vec::new(), Vec::new());
    for variable in &index.variables {
        match loader.variable(variable)? {
            Ok(value) => {
                module.dict().set_item(&variable.name, value)?;
                names.push(variable.name.clone());
            }
            Err(why) => {
                loader.wrecks.push(Wreck { name: &variable.name, memo: variable.memo.0..variable.memo.1 });
                lost.push(Lost { name: variable.name.clone(), type_name: variable.type_name.clone(), why });
            }
        }
    }
    Ok((names, lost))
}

/// A variable that did not come back: the memo slots that are its own.
struct Wreck<'a> {
    name: &'a str,
    memo: std::ops::Range<u64>,
}

struct Loader<'a, 'py> {
    snapshot: &'a Snapshot,
    wrecks: Vec<Wreck<'a>>,
    /// Slots of wrecks whose objects are whole all the same: what was imported, and texts.
    whole: HashSet<u64>,
    stream: Bound<'py, Stream>,
    class: Bound<'py, PyAny>,
    module: Bound<'py, PyModule>,
    unpickler: Bound<'py, PyAny>,
    /// `pickle.Unpickler.load`: dill's own `load` puts a name's class in place of the object's.
    load: Bound<'py, PyAny>,
    /// The minor version whose code objects the file holds, where it is another than the one that runs.
    other_python: Option<String>,
}

impl<'a, 'py> Loader<'a, 'py> {
    fn new(
        dill: &Bound<'py, PyModule>,
        snapshot: &'a Arc<Snapshot>,
        index: &Index,
        module: &Bound<'py, PyModule>,
        progress: Box<dyn Fn(u64) + Send + Sync>,
    ) -> PyResult<Self> {
        let py = dill.py();
        let stream = Bound::new(py, Stream::new(Arc::clone(snapshot), progress))?;
        let class = dill.getattr("Unpickler")?;
        let unpickler = unpickler(&class, &stream, module, None)?;
        let version = py.version_info();
        let (running, saved) = (format!("{}.{}", version.major, version.minor), minor_of(&index.python.version));
        let load = py.import("pickle")?.getattr("Unpickler")?.getattr("load")?;
        let other_python = (running != saved).then_some(saved);
        let (wrecks, whole, module) = (Vec::new(), HashSet::new(), module.clone());
        let loader = Self { snapshot, wrecks, whole, stream, class, module, unpickler, load, other_python };
        // The prelude without its last opcode, the empty dict: that leaves the module, in slot 0.
        let end = usize::try_from(index.stream.prelude).unwrap_or(usize::MAX).saturating_sub(1);
        loader.load(&[], 0..end, &STOP)?;
        Ok(loader)
    }

    fn load(&self, before: &[u8], stretch: std::ops::Range<usize>, after: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        self.stream.get().turn_to(before, stretch, after);
        self.load.call1((&self.unpickler,))
    }

    /// Loads a variable, or says why not.
    fn variable(&mut self, variable: &Variable) -> PyResult<Result<Bound<'py, PyAny>, String>> {
        let needed = self.needed_wreck(variable);
        let why = match (needed, &self.other_python) {
            (Some(name), _) => Some(format!("needs {name}, which did not come back")),
            (None, Some(saved)) if variable.has_code => {
                Some(format!("holds code of Python {saved}: restore it with --python {saved}"))
            }
            _ => None,
        };
        if let Some(why) = why {
            self.fill(variable.memo.1.saturating_sub(variable.memo.0))?;
            return Ok(Err(why));
        }
        let error = match self.load(&PROTO, value_of(variable), &STOP) {
            Ok(value) => return Ok(Ok(value)),
            Err(error) => error,
        };
        let py = self.stream.py();
        if error.is_instance_of::<PyKeyboardInterrupt>(py) {
            return Err(error);
        }
        self.begin_anew(variable.memo)?;
        Ok(Err(reason(py, &error)))
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
    fn begin_anew(&mut self, memo: (u64, u64)) -> PyResult<()> {
        let py = self.stream.py();
        let old = self.unpickler.getattr("memo")?.call_method0("copy")?.cast_into::<PyDict>()?;
        let objects = PyList::empty(py);
        for slot in 0..memo.1 {
            let object = old.get_item(slot)?;
            if slot >= memo.0 && object.as_ref().is_some_and(|object| self.is_whole(object)) {
                self.whole.insert(slot);
            }
            objects.append(object)?;
        }
        self.unpickler = unpickler(&self.class, &self.stream, &self.module, Some(objects.try_iter()?.as_any()))?;
        let mut opcodes = PROTO.to_vec();
        for _ in 0..memo.1 {
            opcodes.extend([Opcode::NextBuffer as u8, Opcode::Memoize as u8, Opcode::Pop as u8]);
        }
        opcodes.push(Opcode::None as u8);
        self.load(&opcodes, 0..0, &STOP).map(drop)
    }

    /// Whether an object of a load that failed is certainly whole. Containers, instances, and the session's own classes
    /// and functions may have been under way.
    fn is_whole(&self, object: &Bound<'py, PyAny>) -> bool {
        if object.is_exact_instance_of::<PyString>() || object.is_exact_instance_of::<PyBytes>() {
            return true;
        }
        let named = object.is_instance_of::<PyType>()
            || object.is_exact_instance_of::<PyFunction>()
            || object.is_exact_instance_of::<PyCFunction>();
        let module = object.getattr_opt("__module__").ok().flatten();
        named && module.zip(self.module.name().ok()).is_some_and(|(module, own)| !module.eq(own).unwrap_or(true))
    }

    /// Fills memo slots that nobody will ask for.
    fn fill(&self, slots: u64) -> PyResult<()> {
        if slots == 0 {
            return Ok(());
        }
        let mut opcodes = PROTO.to_vec();
        opcodes.push(Opcode::None as u8);
        opcodes.extend(std::iter::repeat_n(Opcode::Memoize as u8, usize::try_from(slots).unwrap_or(0)));
        self.load(&opcodes, 0..0, &STOP).map(drop)
    }
}

/// An unpickler that takes dill's name for the session's namespace for that of `module`.
fn unpickler<'py>(
    class: &Bound<'py, PyAny>,
    stream: &Bound<'py, Stream>,
    module: &Bound<'py, PyModule>,
    buffers: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = PyDict::new(module.py());
    options.set_item("buffers", buffers)?;
    let unpickler = class.call((stream,), Some(&options))?;
    unpickler.setattr("_main", module)?;
    unpickler.setattr("_session", true)?;
    Ok(unpickler)
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

/// An error in words, with what to do about a missing module.
fn reason(py: Python<'_>, error: &PyErr) -> String {
    let text = error_text(py, error);
    if !error.is_instance_of::<PyModuleNotFoundError>(py) {
        return text;
    }
    let module = error.value(py).getattr("name").and_then(|name| name.extract::<String>()).unwrap_or_default();
    let package = module.split('.').next().unwrap_or_default();
    format!("needs the module {module}: install {package}, or choose its environment with --python")
}
