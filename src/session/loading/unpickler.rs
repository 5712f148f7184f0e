//! CPython's own unpickler, fed with a [`Stream`] and with objects, and told by [`Names`] what names stand for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple, PyType};

use super::names::{Home, Names};
use super::stream::{Part, Stream};
use crate::pickle::opcode::Opcode;

/// PROTO 5, with which every pickle of ours begins.
pub(super) const PROTO: [u8; 2] = [Opcode::Proto as u8, 5];
pub(super) const STOP: [u8; 1] = [Opcode::Stop as u8];
/// Up to this many bytes of opcodes are handed over in one piece: the unpickler is fastest when it finds all in memory.
const ONE_PIECE: usize = 64 << 20;

/// One unpickler, whose memo stays from load to load.
pub(super) struct Unpickler<'py> {
    object: Bound<'py, PyAny>,
    stream: Bound<'py, Stream>,
    feed: Bound<'py, Feed>,
}

impl<'py> Unpickler<'py> {
    /// A new one, with an empty memo. `base` is the class to go by, `pickle.Unpickler` or dill's.
    pub(super) fn new(base: &Bound<'py, PyAny>, stream: &Bound<'py, Stream>, home: &Home<'py>) -> PyResult<Self> {
        let py = base.py();
        let feed = Bound::new(py, Feed::default())?;
        let options = PyDict::new(py);
        options.set_item("buffers", &feed)?;
        // The class of C itself has no room for a `find_class` of one's own.
        let class = py.get_type::<PyType>().call1(("Unpickler", PyTuple::new(py, [base])?, PyDict::new(py)))?;
        let object = class.call((stream,), Some(&options))?;
        object.setattr("find_class", Bound::new(py, Names::new(home))?)?;
        Ok(Self { object, stream: stream.clone(), feed })
    }

    /// The Python object.
    pub(super) fn object(&self) -> &Bound<'py, PyAny> {
        &self.object
    }

    /// Loads one pickle: `opcodes` between PROTO and STOP. NEXT_BUFFER takes `objects`.
    pub(super) fn load(
        &self,
        opcodes: Vec<Part>,
        objects: impl IntoIterator<Item = Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.feed.get().fill(objects);
        let mut parts = vec![Part::own(PROTO)];
        if let [Part::File(stretch)] = opcodes.as_slice()
            && (1..=ONE_PIECE).contains(&stretch.len())
        {
            let mut frame = vec![Opcode::Frame as u8];
            frame.extend((stretch.len() as u64).to_le_bytes());
            parts.push(Part::own(frame));
        }
        parts.extend(opcodes);
        parts.push(Part::own(STOP));
        self.stream.get().turn_to(parts);
        self.object.call_method0("load")
    }

    /// Loads one pickle that has its own PROTO and STOP.
    pub(super) fn load_whole(&self, pickle: Vec<Part>) -> PyResult<Bound<'py, PyAny>> {
        self.stream.get().turn_to(pickle);
        self.object.call_method0("load")
    }

    /// The memo: what is in which slot.
    pub(super) fn memo(&self) -> PyResult<Bound<'py, PyDict>> {
        Ok(self.object.getattr("memo")?.call_method0("copy")?.cast_into::<PyDict>()?)
    }
}

/// Objects that NEXT_BUFFER takes, one after the other.
#[pyclass(frozen)]
#[derive(Default)]
struct Feed(Mutex<VecDeque<Py<PyAny>>>);

impl Feed {
    fn fill<'py>(&self, objects: impl IntoIterator<Item = Bound<'py, PyAny>>) {
        let objects = objects.into_iter().map(Bound::unbind).collect();
        let gone = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), objects);
        // Freeing objects can run code: nothing is locked here.
        drop(gone);
    }
}

#[pymethods]
impl Feed {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self) -> Option<Py<PyAny>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// A stream for an unpickler.
pub(super) fn stream<'py>(
    py: Python<'py>,
    snapshot: &Arc<crate::snapshot::reader::Snapshot>,
    progress: Box<dyn Fn(u64) + Send + Sync>,
) -> PyResult<Bound<'py, Stream>> {
    Bound::new(py, Stream::new(Arc::clone(snapshot), progress))
}
