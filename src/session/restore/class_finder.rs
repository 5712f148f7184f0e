//! Resolves the globals of a pickle. No other code of a restore does.
//!
//! Globals of the session's own module are items of the namespace that is being restored. Renamed modules are imported
//! by their new names. dill's functions come from dill, which is imported only for them, or from our own replacements
//! ([`dill_functions`](super::dill_functions)). Only trusted files get so far.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyAttributeError, PyLookupError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule};

use super::attribute_setter::{KeptAttributes, SetClassAttribute};
use super::dill_equivalents::{ClassAttribute, WeakReference};
use super::dill_functions::{CreateNamedTuple, CreateType, ImportModule, OpenForReading, Reconstruct};
use super::module_renames::ModuleRenames;
use super::restore_context::{ImportRecord, RestoreContext};
use crate::pickle::known;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::dill::LazyDill;

/// The message of the exception that stops a load because the arrays are in files beside the pickle.
const ARRAY_FILES: &str = "snapcli: arrays in files of their own";

/// The `find_class` of an unpickler.
#[pyclass(frozen)]
pub(super) struct ClassFinder {
    module: Py<PyModule>,
    module_name: String,
    namespace: Py<PyDict>,
    before: Py<PyDict>,
    renames: ModuleRenames,
    dill: LazyDill,
    array_files: Option<Arc<AtomicBool>>,
    imports: Arc<ImportRecord>,
    kept: Arc<KeptAttributes>,
    /// The globals found so far, by module and then by name.
    found: Mutex<HashMap<String, HashMap<String, Py<PyAny>>>>,
}

impl ClassFinder {
    pub(super) fn new(context: &RestoreContext<'_>) -> Self {
        Self {
            module: context.module.clone().unbind(),
            module_name: context
                .module
                .name()
                .map(|name| name.to_string_lossy().into_owned())
                .tolerated()
                .unwrap_or_default(),
            namespace: context.namespace.clone().unbind(),
            before: context.before.clone().unbind(),
            renames: context.renames.clone(),
            dill: context.dill.clone(),
            array_files: context.array_files.clone(),
            imports: Arc::clone(&context.imports),
            kept: Arc::clone(&context.kept),
            found: Mutex::default(),
        }
    }

    fn look_up<'py>(&self, py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
        if let Some(found) = self.array_files.as_ref().filter(|_| known::is_array_file(module, name)) {
            found.store(true, Ordering::Relaxed);
            return Err(PyLookupError::new_err(ARRAY_FILES));
        }
        match (module, name) {
            // dill writes the namespace of the session, and the type of None, under these Python 2 names.
            ("__builtin__", "__main__") => return Ok(self.namespace.bind(py).clone().into_any()),
            ("__builtin__", "NoneType") => return Ok(py.None().bind(py).get_type().into_any()),
            ("dill.dill" | "dill._dill", _) => return self.dill_function(py, name),
            // The pickler writes these two for classes whose own metaclass must not run.
            ("builtins", "type.__new__") | ("abc", "ABCMeta.__new__") => {
                let new = attribute(py.import(module)?.as_any(), name)?.unbind();
                return self.create_type(py, Some(new));
            }
            ("builtins", "type.__setattr__") => {
                let setter = attribute(py.import(module)?.as_any(), name)?.unbind();
                let kept = Arc::clone(&self.kept);
                return Bound::new(py, SetClassAttribute { setter, kept }).map(Bound::into_any);
            }
            ("copyreg", "_reconstructor") => return Bound::new(py, Reconstruct {}).map(Bound::into_any),
            _ => {}
        }
        if module == self.module_name {
            if name == "__dict__" {
                return Ok(self.namespace.bind(py).clone().into_any());
            }
            // Not `getattr`: with `load_dict` the namespace is a dict that belongs to no module.
            if let Some(found) = self.namespace.bind(py).get_item(name)? {
                return Ok(found);
            }
        }
        let renamed = self.renames.present(module);
        match self.imports.import(py, &renamed) {
            Ok(found) => attribute(&found, name),
            Err(error) => renamed_since_python_2(py, module, name)?.ok_or(error),
        }
    }

    /// A function of `dill._dill`, or our replacement for it.
    fn dill_function<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        match name {
            "_import_module" => {
                let (module, renames) = (self.module.clone_ref(py), self.renames.clone());
                let (module_name, imports) = (self.module_name.clone(), Arc::clone(&self.imports));
                let import = ImportModule { module_name, module, renames, imports };
                return Bound::new(py, import).map(Bound::into_any);
            }
            "_create_namedtuple" => {
                let (before, module_name) = (self.before.clone_ref(py), self.module_name.clone());
                return Bound::new(py, CreateNamedTuple { before, module_name }).map(Bound::into_any);
            }
            "_create_type" => return self.create_type(py, None),
            "_getattr" => return Bound::new(py, ClassAttribute {}).map(Bound::into_any),
            "_create_weakref" => return Bound::new(py, WeakReference {}).map(Bound::into_any),
            "_create_filehandle" => return Bound::new(py, OpenForReading {}).map(Bound::into_any),
            _ => {}
        }
        attribute(&self.dill.import(py)?.getattr("_dill")?, name)
    }

    fn create_type<'py>(&self, py: Python<'py>, new: Option<Py<PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        Bound::new(py, CreateType { before: self.before.clone_ref(py), new }).map(Bound::into_any)
    }
}

#[pymethods]
impl ClassFinder {
    fn __call__<'py>(&self, py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(module).and_then(|names| names.get(name)) {
            return Ok(found.bind(py).clone());
        }
        // A lookup can run code that comes back here.
        drop(known);
        let found = self.look_up(py, module, name)?;
        // Do not cache globals of the session itself: they can change while it is loaded.
        if module != self.module_name {
            let mut known = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(module.to_owned()).or_default().insert(name.to_owned(), found.clone().unbind());
        }
        Ok(found)
    }
}

/// Looks up a global by the name that it has in Python 3. Pickles of protocols 0 to 2 use the Python 2 names, even if
/// Python 3 wrote them (Lib/_compat_pickle.py).
fn renamed_since_python_2<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let table = py.import("_compat_pickle")?;
    let names = table.getattr("NAME_MAPPING")?.cast_into::<PyDict>()?;
    if let Some(new) = names.get_item((module, name))? {
        let (module, name): (String, String) = new.extract()?;
        return attribute(py.import(module.as_str())?.as_any(), &name).map(Some);
    }
    let modules = table.getattr("IMPORT_MAPPING")?.cast_into::<PyDict>()?;
    let Some(new) = modules.get_item(module)? else { return Ok(None) };
    attribute(py.import(new.extract::<String>()?.as_str())?.as_any(), name).map(Some)
}

/// An attribute of an object, by a name that may be dotted.
fn attribute<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let mut found = object.clone();
    for part in name.split('.') {
        found = found.getattr(part).map_err(|_| {
            let owner = object.repr().map(|text| text.to_string_lossy().into_owned()).tolerated().unwrap_or_default();
            let error = PyAttributeError::new_err(format!("{owner} has no attribute {name}"));
            // As the interpreter does it: whoever catches it can tell that a module lacks something.
            let value = error.value(object.py());
            value.setattr("obj", object).and_then(|()| value.setattr("name", name)).tolerated();
            error
        })?;
    }
    Ok(found)
}
