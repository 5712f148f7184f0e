//! Loads the files of `joblib.dump`: pickles with the bytes of arrays between their opcodes.
//!
//! joblib's own unpickler is written in Python, and up to joblib 1.5 it loads arrays of objects with a plain unpickler
//! that finds any global. So CPython's unpickler reads these files as well, and joblib need not be installed. In place
//! of the bytes of each array, it reads a BINPERSID, which passes the object that describes the array to
//! [`ArrayLoader`]. Up to 0.9, joblib wrote each array to a file of its own ([`load_with_files`]).

use std::collections::VecDeque;
use std::ffi::CStr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple, PyType};

use super::buffer_memory;
use super::unpickler::{Unpickler, unpickler_class};
use super::unpickler_stream::{PickleSource, UnpicklerStream, file_range};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known;
use crate::pickle::machine::RawArray;
use crate::pickler::PyBufferView;
use crate::snapshot::reader::Snapshot;
use crate::snapshot::segment::InputPiece;

/// Loads the whole pickle. `arrays` are the ranges of array bytes in it, in order.
pub(super) fn load<'py>(
    unpickler: &Unpickler<'py>,
    snapshot: &Arc<Snapshot>,
    arrays: &[RawArray],
) -> PyResult<Bound<'py, PyAny>> {
    let object = unpickler.object();
    let py = object.py();
    let find_class = object.getattr("find_class")?.unbind();
    // A stand-in for the joblib class that describes an array. Only the attributes of its instances are needed.
    let wrapper = py.get_type::<PyType>().call1(("NumpyArrayWrapper", PyTuple::empty(py), PyDict::new(py)))?.unbind();
    let finder = WrapperFinder { find_class: find_class.clone_ref(py), wrapper: wrapper.clone_ref(py) };
    object.setattr("find_class", Bound::new(py, finder)?)?;
    // BINPERSID pops the description of the array and calls `persistent_load` with it.
    let waiting = Mutex::new(arrays.iter().copied().collect());
    let loader = ArrayLoader { snapshot: Arc::clone(snapshot), find_class, wrapper, waiting };
    object.setattr("persistent_load", Bound::new(py, loader)?)?;
    unpickler.load_pickle(opcodes_around(snapshot, arrays)?)
}

/// Loads a file of joblib up to 0.9, whose arrays are in files beside it, with an unpickler in Python: only that one
/// can replace an object after its BUILD.
pub(super) fn load_with_files<'py>(
    unpickler: &Unpickler<'py>,
    snapshot: &Arc<Snapshot>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let py = unpickler.object().py();
    let globals = PyDict::new(py);
    py.run(FILES_UNPICKLER, Some(&globals), None)?;
    let stream = Bound::new(py, UnpicklerStream::new(PickleSource::File(Arc::clone(snapshot))))?;
    let pieces = stream.get().whole_pickle()?;
    stream.get().set_input(pieces);
    let directory = (name != "-").then(|| Path::new(name).parent()).flatten();
    let arguments = (stream, unpickler.object().getattr("find_class")?, directory);
    globals.as_any().get_item("Unpickler")?.call1(arguments)?.call_method0("load")
}

/// The unpickler of [`load_with_files`].
const FILES_UNPICKLER: &CStr =
    match CStr::from_bytes_with_nul(concat!(include_str!("joblib_files.py"), "\0").as_bytes()) {
        Ok(source) => source,
        Err(_) => c"",
    };

/// The opcodes, with BINPERSID in place of the bytes of each array.
fn opcodes_around(snapshot: &Snapshot, arrays: &[RawArray]) -> PyResult<Vec<InputPiece>> {
    // The offset up to which the file is covered by `pieces`.
    let mut pieces = Vec::new();
    let mut from = 0;
    for array in arrays {
        pieces.push(InputPiece::File(file_range(from, array.from)?));
        pieces.push(InputPiece::Opcodes(vec![Opcode::BinPersId as u8]));
        from = array.end;
    }
    pieces.push(InputPiece::File(file_range(from, snapshot.stream_len())?));
    Ok(pieces)
}

/// A `find_class` that finds the stand-in for joblib's class, without importing joblib.
#[pyclass(frozen)]
struct WrapperFinder {
    find_class: Py<PyAny>,
    wrapper: Py<PyAny>,
}

#[pymethods]
impl WrapperFinder {
    fn __call__<'py>(&self, py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
        if known::is_array_wrapper(module, name) {
            return Ok(self.wrapper.bind(py).clone());
        }
        self.find_class.bind(py).call1((module, name))
    }
}

/// `persistent_load`: takes the description of an array, and returns the array.
#[pyclass(frozen)]
struct ArrayLoader {
    snapshot: Arc<Snapshot>,
    find_class: Py<PyAny>,
    wrapper: Py<PyAny>,
    /// The arrays that are still to be read, in order.
    waiting: Mutex<VecDeque<RawArray>>,
}

#[pymethods]
impl ArrayLoader {
    fn __call__<'py>(&self, py: Python<'py>, wrapper: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        // The descriptions arrive in file order, as do the ranges of array bytes.
        let next = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let array = if wrapper.get_type().is(self.wrapper.bind(py)) { next() } else { None };
        match array {
            None => Err(PyValueError::new_err(
                "the pickle contains a persistent ID, which only the program that wrote it can resolve",
            )),
            Some(raw) if raw.is_pickle => self.load_objects(py, &raw),
            Some(raw) => self.load_numbers(wrapper, &raw),
        }
    }
}

impl ArrayLoader {
    /// An array of objects: a separate pickle with its own memo. Its globals are looked up like all others.
    fn load_objects<'py>(&self, py: Python<'py>, raw: &RawArray) -> PyResult<Bound<'py, PyAny>> {
        let stream = UnpicklerStream::new(PickleSource::File(Arc::clone(&self.snapshot)));
        stream.set_input(vec![InputPiece::File(file_range(raw.start, raw.end)?)]);
        let unpickler = unpickler_class(py)?.call1((Bound::new(py, stream)?,))?;
        unpickler.setattr("find_class", &self.find_class)?;
        unpickler.call_method0("load")
    }

    /// An array of numbers or other plain items, with its bytes copied into new memory.
    fn load_numbers<'py>(&self, wrapper: &Bound<'py, PyAny>, raw: &RawArray) -> PyResult<Bound<'py, PyAny>> {
        let py = wrapper.py();
        let numpy = py.import("numpy")?;
        let dtype = wrapper.getattr("dtype")?;
        // A dtype with objects would make numpy use bytes of the file as pointers.
        if !dtype.is_instance(&numpy.getattr("dtype")?)? || dtype.getattr("hasobject")?.is_truthy()? {
            return Err(PyValueError::new_err("an array in the file has a dtype that does not match its bytes"));
        }
        let bytes = self.snapshot.bytes().map_err(|error| PyValueError::new_err(error.to_string()))?;
        let bytes = bytes.get(file_range(raw.start, raw.end)?).unwrap_or_default();
        let memory = buffer_memory::allocate(py, bytes.len())?;
        let mut held = PyBufferView::writable(&memory)?;
        let target = held.bytes_mut();
        py.detach(|| target.copy_from_slice(bytes));
        drop(held);
        // joblib writes a Fortran array transposed: its bytes are in Fortran order.
        let order = if wrapper.getattr("order")?.eq("F")? { "F" } else { "C" };
        let arguments = (wrapper.getattr("shape")?, dtype, memory, 0, py.None(), order);
        let array = numpy.getattr("ndarray")?.call1(arguments)?;
        if array.getattr("nbytes")?.extract::<usize>()? != bytes.len() {
            return Err(PyValueError::new_err("an array in the file has a shape that does not match its bytes"));
        }
        let array = native_order(array)?;
        let subclass = wrapper.getattr("subclass")?;
        // joblib writes only two subclasses of ndarray in this way: matrix, and memmap, which is loaded as an ndarray.
        if subclass.is(&numpy.getattr("matrix")?) { array.call_method1("view", (subclass,)) } else { Ok(array) }
    }
}

/// The byte order of numbers that have the other order than this machine, as numpy writes it.
const SWAPPED: &str = if cfg!(target_endian = "big") { "<" } else { ">" };

/// The array with its bytes in the order of the machine, as joblib loads it: itself, unless all of its numbers have the
/// other order (`_ensure_native_byte_order` in joblib/numpy_pickle_utils.py).
pub(super) fn native_order(array: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let dtype = array.getattr("dtype")?;
    if !is_swapped(&dtype)? {
        return Ok(array);
    }
    array.call_method0("byteswap")?.call_method1("view", (dtype.call_method1("newbyteorder", ("=",))?,))
}

/// Whether a dtype has the other order, or all fields of it have.
fn is_swapped(dtype: &Bound<'_, PyAny>) -> PyResult<bool> {
    let order = |dtype: &Bound<'_, PyAny>| dtype.getattr("byteorder")?.extract::<String>();
    match order(dtype)?.as_str() {
        SWAPPED => return Ok(true),
        "|" => {}
        _ => return Ok(false),
    }
    let fields = dtype.getattr("fields")?;
    if fields.is_none() || fields.len()? == 0 {
        return Ok(false);
    }
    for field in fields.call_method0("values")?.try_iter()? {
        if order(&field?.get_item(0)?)? != SWAPPED {
            return Ok(false);
        }
    }
    Ok(true)
}
