//! CPython's own unpickler: it reads from an [`UnpicklerStream`], takes buffers from a [`BufferQueue`], and looks up
//! globals with a [`ClassFinder`].
//!
//! Its memo persists between loads, so variables that shared objects share them again.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyType};

use super::class_finder::ClassFinder;
use super::fault_log::ExactStream;
use super::restore_context::RestoreContext;
use super::unpickler_stream::{PickleSource, UnpicklerStream};
use crate::pickle::format::opcode::Opcode;
use crate::snapshot::segment::{InputPiece, UnpicklerInput};

/// An unpickler, and the Python objects that feed it.
pub(super) struct Unpickler<'py> {
    object: Bound<'py, PyAny>,
    stream: Bound<'py, UnpicklerStream>,
    buffers: Bound<'py, BufferQueue>,
    /// Whether nothing is read ahead.
    is_exact: bool,
    frames: Bound<'py, PyAny>,
}

impl<'py> Unpickler<'py> {
    /// An unpickler with an empty memo.
    pub(super) fn new(py: Python<'py>, source: &PickleSource, context: &RestoreContext<'py>) -> PyResult<Self> {
        // The queue is empty at first and is refilled before each load.
        let buffers = Bound::new(py, BufferQueue::default())?;
        let stream = Bound::new(py, UnpicklerStream::new(source.clone()))?;
        let options = PyDict::new(py);
        options.set_item("buffers", &buffers)?;
        let class = unpickler_class(py)?;
        let is_exact = context.fault_log.as_ref().is_some_and(|log| log.is_exact());
        let object = if is_exact {
            class.call((Bound::new(py, ExactStream::new(&stream))?,), Some(&options))?
        } else {
            class.call((&stream,), Some(&options))?
        };
        // The C code calls `find_class` as an attribute of the instance, so this takes precedence over the method.
        object.setattr("find_class", Bound::new(py, ClassFinder::new(context))?)?;
        Ok(Self { object, stream, buffers, is_exact, frames: context.frames.clone() })
    }

    /// The unpickler as a Python object.
    pub(super) fn object(&self) -> &Bound<'py, PyAny> {
        &self.object
    }

    /// Loads one object. NEXT_BUFFER pushes the next of `buffers`. They may be objects of any type, because the
    /// unpickler does not inspect them.
    pub(super) fn load(
        &self,
        input: UnpicklerInput,
        buffers: impl IntoIterator<Item = Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.buffers.get().fill(buffers);
        let mut pickle = input.into_pickle();
        if self.is_exact
            && let Some(head) = pickle.first_mut()
        {
            // A FRAME would be read as a whole.
            *head = InputPiece::Opcodes(vec![Opcode::Proto as u8, 5]);
        }
        self.load_pickle(pickle)
    }

    /// Loads a pickle that has its own PROTO and STOP.
    pub(super) fn load_pickle(&self, pickle: Vec<InputPiece>) -> PyResult<Bound<'py, PyAny>> {
        self.stream.get().set_input(pickle);
        self.frames.call1((&self.object,))
    }

    /// Loads the whole file as one pickle.
    pub(super) fn load_whole(&self) -> PyResult<Bound<'py, PyAny>> {
        let pickle = self.stream.get().whole_pickle()?;
        self.load_pickle(pickle)
    }

    /// The offset in the file of the last byte that was read. It is exact only with a fault log.
    pub(super) fn position(&self) -> Option<u64> {
        self.stream.get().position()
    }

    /// A copy of the memo: the objects by slot number.
    pub(super) fn memo(&self) -> PyResult<Bound<'py, PyDict>> {
        Ok(self.object.getattr("memo")?.call_method0("copy")?.cast_into::<PyDict>()?)
    }
}

/// Code that is called by a load may look at the frames of its callers, as statsmodels does to find the variables of a
/// formula. These are as many as below `dill.load_module`, and the outermost one has the globals of the session.
const FRAMES: &CStr = c"
def load(unpickler):
    return unpickler.load()

def load_module(unpickler, load=load):
    return load(unpickler)

def session(unpickler, load_module=load_module):
    return load_module(unpickler)
";

/// The Python function that calls the `load` method of its argument, for a session in this namespace.
pub(super) fn load_function<'py>(py: Python<'py>, namespace: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
    let globals = PyDict::new(py);
    globals.set_item("__name__", "snapcli")?;
    py.run(FRAMES, Some(&globals), None)?;
    let function = globals.as_any().get_item("session")?;
    // The same function, with other globals.
    let arguments = (function.getattr("__code__")?, namespace, "<module>", function.getattr("__defaults__")?);
    function.get_type().call1(arguments)
}

/// A new subclass of `pickle.Unpickler`. Instances of the C class itself have no `__dict__`, so `find_class` could not
/// be replaced.
pub(super) fn unpickler_class(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // `pickle` has the same class, but imports `re`, which takes some milliseconds.
    let base = py.import("_pickle")?.getattr("Unpickler")?;
    py.get_type::<PyType>().call1(("Unpickler", (base,), PyDict::new(py)))
}

/// An iterator over the objects that NEXT_BUFFER pushes, in order.
#[pyclass(frozen)]
#[derive(Default)]
struct BufferQueue(Mutex<VecDeque<Py<PyAny>>>);

impl BufferQueue {
    fn fill<'py>(&self, objects: impl IntoIterator<Item = Bound<'py, PyAny>>) {
        let objects = objects.into_iter().map(Bound::unbind).collect();
        let replaced = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), objects);
        // Freeing objects can run code that takes the lock, so drop them after it has been released.
        drop(replaced);
    }
}

#[pymethods]
impl BufferQueue {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self) -> Option<Py<PyAny>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
