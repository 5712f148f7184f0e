//! Pickles a session's variables with dill's own pickler, set up as `dill.dump_module` sets it up, but driven
//! one variable at a time: when one fails, its bytes and its memo entries are cut away and the next one goes on.
//!
//! Three of dill's ways are changed. Modules are kept by name, never with their contents. Exact numpy arrays
//! go through protocol 5, not through dill's copy of the bytes. File objects are refused: dill would open them
//! again at load, and so empty a file that was open for writing.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyCFunction, PyDict, PyModule, PyTuple};

/// The files that dill keeps by name, without opening anything.
const STANDARD_STREAMS: [&str; 3] = ["<stdin>", "<stdout>", "<stderr>"];

/// A pickler and the memory file that it writes to.
pub struct Pickler<'py> {
    pickler: Bound<'py, PyAny>,
    output: Bound<'py, PyAny>,
    memo: Bound<'py, PyDict>,
}

impl<'py> Pickler<'py> {
    /// A pickler for the session in `module`, which takes memo slot 0. `dill` is the imported package.
    pub fn new(dill: &Bound<'py, PyModule>, module: &Bound<'py, PyModule>) -> PyResult<Self> {
        let py = dill.py();
        let output = py.import("io")?.getattr("BytesIO")?.call0()?;
        let pickler = dill.getattr("Pickler")?.call1((&output, 5))?;
        // As `dill.dump_module` does, once the module itself has been written (hence no first pass).
        pickler.setattr("_original_main", module)?;
        pickler.setattr("_main", module)?;
        pickler.setattr("_main_modified", false)?;
        pickler.setattr("_byref", false)?;
        pickler.setattr("_recurse", false)?;
        pickler.setattr("_session", true)?;
        pickler.setattr("_first_pass", false)?;
        pickler.setattr("dispatch", dispatch(&pickler)?)?;
        let memo = PyDict::new(py);
        memo.set_item(module.as_ptr() as usize, (0, module))?;
        pickler.setattr("memo", &memo)?;
        Ok(Self { pickler, output, memo })
    }

    /// The number of memo slots in use.
    pub fn memo_len(&self) -> usize {
        self.memo.len()
    }

    /// Pickles one value: the opcodes that push it, and nothing else. When it fails, the pickler is as it was.
    pub fn save(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let before = self.memo_len();
        let saved = self.pickler.call_method1("save", (value,));
        let bytes = saved.and_then(|_| Ok(self.output.call_method0("getvalue")?.cast_into::<PyBytes>()?));
        self.output.call_method1("seek", (0,))?;
        self.output.call_method1("truncate", (0,))?;
        if bytes.is_err() {
            self.roll_back(before)?;
        }
        bytes
    }

    /// Forgets what was memoized from slot `length` on.
    pub fn roll_back(&self, length: usize) -> PyResult<()> {
        while self.memo.len() > length {
            self.memo.call_method0("popitem")?;
        }
        self.pickler.getattr("_postproc")?.call_method0("clear").map(drop)
    }
}

/// dill's dispatch table, in which types that it learns during the save show up too, with ours in front.
fn dispatch<'py>(pickler: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = pickler.py();
    let theirs = pickler.getattr("dispatch")?;
    let ours = PyDict::new(py);
    let original = |kind: &Bound<'py, PyAny>| theirs.call_method1("get", (kind,)).map(Bound::unbind);
    let module_type = py.import("types")?.getattr("ModuleType")?;
    let save_dills_way = original(&module_type)?;
    ours.set_item(&module_type, saver(py, move |pickler, module| save_module(pickler, module, &save_dills_way))?)?;
    let io = py.import("io")?;
    for name in ["TextIOWrapper", "FileIO", "BufferedReader", "BufferedWriter", "BufferedRandom"] {
        let kind = io.getattr(name)?;
        let save_dills_way = original(&kind)?;
        ours.set_item(&kind, saver(py, move |pickler, file| save_file(pickler, file, &save_dills_way))?)?;
    }
    if let Ok(numpy) = py.import("sys")?.getattr("modules")?.get_item("numpy") {
        ours.set_item(numpy.getattr("ndarray")?, saver(py, save_array)?)?;
    }
    Ok(Bound::new(py, Dispatch { ours: ours.unbind(), theirs: theirs.unbind() })?.into_any())
}

/// Two dispatch tables as one, by the only question that picklers ask.
#[pyclass(frozen)]
struct Dispatch {
    ours: Py<PyDict>,
    /// dill's own, which also finds the classes of metaclasses.
    theirs: Py<PyAny>,
}

#[pymethods]
impl Dispatch {
    fn get<'py>(&self, py: Python<'py>, kind: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self.ours.bind(py).get_item(kind)? {
            Some(function) => Ok(function),
            None => self.theirs.bind(py).call_method1("get", (kind,)),
        }
    }
}

/// A dispatch function `(pickler, object)`.
fn saver<'py, F>(py: Python<'py>, save: F) -> PyResult<Bound<'py, PyCFunction>>
where
    F: Fn(&Bound<'_, PyAny>, &Bound<'_, PyAny>) -> PyResult<()> + Send + Sync + 'static,
{
    PyCFunction::new_closure(py, None, None, move |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
        save(&arguments.get_item(0)?, &arguments.get_item(1)?)
    })
}

/// By name where an import finds it; a module that only lives in memory goes dill's way.
fn save_module(pickler: &Bound<'_, PyAny>, module: &Bound<'_, PyAny>, dills_way: &Py<PyAny>) -> PyResult<()> {
    let py = pickler.py();
    let name = module.getattr("__name__")?;
    let found = py.import("sys")?.getattr("modules")?.call_method1("get", (&name,))?;
    if !found.is(module) {
        return dills_way.call1(py, (pickler, module)).map(drop);
    }
    let import = py.import("dill._dill")?.getattr("_import_module")?;
    reduce(pickler, (import, (name,)).into_pyobject(py)?.as_any(), module)
}

fn save_array(pickler: &Bound<'_, PyAny>, array: &Bound<'_, PyAny>) -> PyResult<()> {
    reduce(pickler, &array.call_method1("__reduce_ex__", (5,))?, array)
}

/// `pickler.save_reduce(*reduction, obj=object)`.
fn reduce(pickler: &Bound<'_, PyAny>, reduction: &Bound<'_, PyAny>, object: &Bound<'_, PyAny>) -> PyResult<()> {
    let options = PyDict::new(pickler.py());
    options.set_item("obj", object)?;
    pickler.getattr("save_reduce")?.call(reduction.cast::<PyTuple>()?, Some(&options)).map(drop)
}

fn save_file(pickler: &Bound<'_, PyAny>, file: &Bound<'_, PyAny>, dills_way: &Py<PyAny>) -> PyResult<()> {
    let name = file.getattr_opt("name")?.map(|name| name.str()).transpose()?;
    let name = name.map_or_else(|| "without a name".to_owned(), |name| name.to_string_lossy().into_owned());
    if STANDARD_STREAMS.contains(&name.as_str()) {
        return dills_way.call1(pickler.py(), (pickler, file)).map(drop);
    }
    let mode = file.getattr_opt("mode")?.map(|mode| mode.to_string()).unwrap_or_default();
    let state = if file.getattr("closed")?.is_truthy()? { "closed" } else { "open" };
    let error = pickler.py().import("pickle")?.getattr("PicklingError")?;
    let text =
        format!("cannot keep a file object ({name}, {state}, mode '{mode}'): loading it would open the file again");
    Err(error.call1((text,)).map_or_else(|error| error, PyErr::from_value))
}
