//! Loads what `joblib.dump` writes: pickles with the bytes of arrays between their opcodes.
//!
//! joblib's own unpickler is in Python, and up to joblib 1.5 it loads arrays of objects with one that looks up whatever
//! it is told to. So CPython's reads the file here, as it does all others, and joblib need not be installed: in place of
//! the bytes of each array it finds BINPERSID, which hands over what describes the array and takes the array for it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple, PyType};

use super::memory;
use super::stream::{Part, Stream};
use super::unpickler::Unpickler;
use crate::pickle::machine::Raw;
use crate::pickle::opcode::Opcode;
use crate::pickle::rules;
use crate::pickler::Held;
use crate::snapshot::reader::Snapshot;

/// Loads the whole pickle, of which the reader has told where the bytes of arrays stand.
pub(super) fn load<'py>(
    unpickler: &Unpickler<'py>,
    snapshot: &Arc<Snapshot>,
    raw: &[Raw],
) -> PyResult<Bound<'py, PyAny>> {
    let object = unpickler.object();
    let py = object.py();
    let find_class = object.getattr("find_class")?.unbind();
    let class = py.get_type::<PyType>().call1(("NumpyArrayWrapper", PyTuple::empty(py), PyDict::new(py)))?.unbind();
    let known = Names { find_class: find_class.clone_ref(py), class: class.clone_ref(py) };
    object.setattr("find_class", Bound::new(py, known)?)?;
    let waiting = Mutex::new(raw.iter().copied().collect());
    let arrays = Arrays { snapshot: Arc::clone(snapshot), find_class, class, waiting };
    object.setattr("persistent_load", Bound::new(py, arrays)?)?;
    unpickler.load_whole(parts(snapshot, raw))
}

/// The opcodes, and BINPERSID in place of the bytes between them.
fn parts(snapshot: &Snapshot, raw: &[Raw]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut from = 0;
    for stretch in raw {
        parts.push(Part::File(range(from, stretch.from)));
        parts.push(Part::own([Opcode::BinPersId as u8]));
        from = stretch.end;
    }
    parts.push(Part::File(range(from, snapshot.stream_len())));
    parts
}

fn range(start: u64, end: u64) -> Range<usize> {
    let place = |at| usize::try_from(at).unwrap_or(usize::MAX);
    place(start)..place(end)
}

/// `find_class`, which knows the class that stands for arrays without importing joblib.
#[pyclass(frozen)]
struct Names {
    find_class: Py<PyAny>,
    class: Py<PyAny>,
}

#[pymethods]
impl Names {
    fn __call__<'py>(&self, py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
        match rules::is_array_wrapper(module, name) {
            true => Ok(self.class.bind(py).clone()),
            false => self.find_class.bind(py).call1((module, name)),
        }
    }
}

/// `persistent_load`: takes what describes an array, and gives the array.
#[pyclass(frozen)]
struct Arrays {
    snapshot: Arc<Snapshot>,
    find_class: Py<PyAny>,
    class: Py<PyAny>,
    /// The stretches of the file that are still to be read, in order.
    waiting: Mutex<VecDeque<Raw>>,
}

#[pymethods]
impl Arrays {
    fn __call__<'py>(&self, py: Python<'py>, wrapper: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let next = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let raw = if wrapper.get_type().is(self.class.bind(py)) { next() } else { None };
        match raw {
            None => Err(PyValueError::new_err("the pickle has a persistent id, which only its own program knows")),
            Some(raw) if raw.is_pickle => self.objects(py, &raw),
            Some(raw) => self.numbers(wrapper, &raw),
        }
    }
}

impl Arrays {
    /// An array of objects: a pickle of its own, with a memo of its own. What it looks up is guarded as all else is.
    fn objects<'py>(&self, py: Python<'py>, raw: &Raw) -> PyResult<Bound<'py, PyAny>> {
        let stream = Stream::new(Arc::clone(&self.snapshot), Box::new(|_| {}));
        stream.turn_to(vec![Part::File(range(raw.start, raw.end))]);
        let base = py.import("pickle")?.getattr("Unpickler")?;
        // The class of C itself has no room for a `find_class` of one's own.
        let class = py.get_type::<PyType>().call1(("Unpickler", (base,), PyDict::new(py)))?;
        let unpickler = class.call1((Bound::new(py, stream)?,))?;
        unpickler.setattr("find_class", &self.find_class)?;
        unpickler.call_method0("load")
    }

    /// An array of numbers or other plain items: its bytes are copied into memory of its own.
    fn numbers<'py>(&self, wrapper: &Bound<'py, PyAny>, raw: &Raw) -> PyResult<Bound<'py, PyAny>> {
        let py = wrapper.py();
        let numpy = py.import("numpy")?;
        let dtype = wrapper.getattr("dtype")?;
        if !dtype.is_instance(&numpy.getattr("dtype")?)? || dtype.getattr("hasobject")?.is_truthy()? {
            return Err(PyValueError::new_err("an array of the file has a dtype that does not fit its bytes"));
        }
        let bytes = self.snapshot.bytes().map_err(|error| PyValueError::new_err(error.to_string()))?;
        let bytes = bytes.get(range(raw.start, raw.end)).unwrap_or_default();
        let memory = memory::allocate(py, bytes.len() as u64)?;
        let mut held = Held::writable(&memory)?;
        let place = held.bytes_mut();
        py.detach(|| place.copy_from_slice(bytes));
        drop(held);
        let order = if wrapper.getattr("order")?.eq("F")? { "F" } else { "C" };
        let arguments = (wrapper.getattr("shape")?, dtype, memory, 0, py.None(), order);
        let array = numpy.getattr("ndarray")?.call1(arguments)?;
        if array.getattr("nbytes")?.extract::<usize>()? != bytes.len() {
            return Err(PyValueError::new_err("an array of the file has a shape that does not fit its bytes"));
        }
        let subclass = wrapper.getattr("subclass")?;
        // Of all classes of arrays, joblib writes those of this one and of maps so.
        if subclass.is(&numpy.getattr("matrix")?) { array.call_method1("view", (subclass,)) } else { Ok(array) }
    }
}
