//! What names in a pickle stand for: the one place where a load looks anything up.
//!
//! Names of the session lead to the namespace that is being restored, renamed modules to their new names, and dill's own
//! functions to dill, which is imported for them and for nothing else. Three of those are ours, as dill's would do what
//! nobody asked for: import by way of dill, make a class a second time, empty a file.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyAttributeError, PyFileNotFoundError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyTuple};

use super::classes::{CreateType, Reconstruct};
use super::foreign::RUNTIME;
use super::guard;
use crate::pickle::rules::plain;
use crate::python::dill::LazyDill;

/// Where a load looks names up.
pub(super) struct Home<'py> {
    /// The module whose session it is.
    pub(super) module: Bound<'py, PyModule>,
    /// What the session's names become names of.
    pub(super) namespace: Bound<'py, PyDict>,
    /// Modules with other names now: the old one, the new one.
    pub(super) renames: Vec<(String, String)>,
    /// dill, once it is needed.
    pub(super) dill: LazyDill,
    /// Whether only what makes plain data is found, as nobody vouches for the file.
    pub(super) guarded: bool,
}

/// `find_class` of an unpickler.
#[pyclass(frozen)]
pub(super) struct Names {
    module: Py<PyModule>,
    module_name: String,
    namespace: Py<PyDict>,
    renames: Vec<(String, String)>,
    dill: LazyDill,
    guarded: bool,
    found: Mutex<HashMap<(String, String), Py<PyAny>>>,
}

impl Names {
    pub(super) fn new(home: &Home<'_>) -> Self {
        Self {
            module: home.module.clone().unbind(),
            module_name: home.module.name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            namespace: home.namespace.clone().unbind(),
            renames: home.renames.clone(),
            dill: home.dill.clone(),
            guarded: home.guarded,
            found: Mutex::default(),
        }
    }

    fn look_up<'py>(&self, py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
        if self.guarded {
            return self.plain(py, module, name);
        }
        match (module, name) {
            ("__builtin__", "__main__") => return Ok(self.namespace.bind(py).clone().into_any()),
            ("__builtin__", "NoneType") => return Ok(py.None().bind(py).get_type().into_any()),
            ("dill.dill" | "dill._dill", _) => return self.of_dill(py, name),
            ("builtins", "type.__new__") | ("abc", "ABCMeta.__new__") => {
                let new = attribute(py.import(module)?.as_any(), name)?.unbind();
                return self.create_type(py, Some(new));
            }
            ("copyreg", "_reconstructor") => return Bound::new(py, Reconstruct {}).map(Bound::into_any),
            _ => {}
        }
        if module == self.module_name {
            if name == "__dict__" {
                return Ok(self.namespace.bind(py).clone().into_any());
            }
            if let Some(found) = self.namespace.bind(py).get_item(name)? {
                return Ok(found);
            }
        }
        let renamed = self.renamed(module);
        match py.import(renamed.as_str()) {
            Ok(found) => attribute(&found, name),
            Err(error) => of_python_2(py, module, name)?.ok_or(error),
        }
    }

    /// What makes plain data, and nothing else: the allow list of files that nobody vouches for. Nothing that is in the
    /// session's module already is given to them.
    fn plain<'py>(&self, py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let (now, name_now) = plain::canonical(module, name);
        if (now, name_now) == ("builtins", "NoneType") {
            return Ok(py.None().bind(py).get_type().into_any());
        }
        if plain::imports_module(module, name) {
            return self.of_dill(py, "_import_module");
        }
        if !plain::may_load(now, name_now) {
            return Err(guard::refusal(py, &format!("{module}.{name}")));
        }
        if matches!(now, "dill.dill" | "dill._dill") {
            return self.of_dill(py, name_now);
        }
        attribute(guard::import(py, &self.renamed(now))?.as_any(), name_now)
    }

    /// A module's name now; what is renamed takes its parts along.
    fn renamed(&self, module: &str) -> String {
        let new = |(old, new): &(String, String)| {
            let rest = module.strip_prefix(old.as_str())?;
            (rest.is_empty() || rest.starts_with('.')).then(|| format!("{new}{rest}"))
        };
        self.renames.iter().find_map(new).unwrap_or_else(|| module.to_owned())
    }

    fn of_dill<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        match name {
            "_import_module" => {
                let (module, renames) = (self.module.clone_ref(py), self.renames.clone());
                let import = ImportModule { own: self.module_name.clone(), module, renames, guarded: self.guarded };
                return Bound::new(py, import).map(Bound::into_any);
            }
            "_create_type" => return self.create_type(py, None),
            "_create_filehandle" => return Bound::new(py, OpenForReading {}).map(Bound::into_any),
            _ => {}
        }
        attribute(&self.dill.import(py)?.getattr("_dill")?, name)
    }

    fn create_type<'py>(&self, py: Python<'py>, new: Option<Py<PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        Bound::new(py, CreateType { namespace: self.namespace.clone_ref(py), new }).map(Bound::into_any)
    }
}

#[pymethods]
impl Names {
    fn __call__<'py>(&self, py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let key = (module.to_owned(), name.to_owned());
        if let Some(found) = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(found.bind(py).clone());
        }
        let found = self.look_up(py, module, name)?;
        // What the session itself defines can come to be while it is loaded.
        if module != self.module_name {
            let mut known = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(key, found.clone().unbind());
        }
        Ok(found)
    }
}

/// What a name of Python 2 stands for now: pickles of the protocols 0 to 2 have those, whoever wrote them
/// (Lib/_compat_pickle.py).
fn of_python_2<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
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

/// What an object has under a name with dots in it.
fn attribute<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let mut found = object.clone();
    for part in name.split('.') {
        found = found.getattr(part).map_err(|_| {
            let place = object.repr().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
            PyAttributeError::new_err(format!("there is no {name} in {place}"))
        })?;
    }
    Ok(found)
}

/// `dill._dill._import_module`, without dill.
#[pyclass(frozen)]
struct ImportModule {
    own: String,
    module: Py<PyModule>,
    renames: Vec<(String, String)>,
    guarded: bool,
}

#[pymethods]
impl ImportModule {
    #[pyo3(signature = (import_name, safe = false))]
    fn __call__<'py>(&self, py: Python<'py>, import_name: &str, safe: bool) -> PyResult<Bound<'py, PyAny>> {
        if import_name.strip_prefix(RUNTIME).unwrap_or(import_name) == self.own {
            return Ok(self.module.bind(py).clone().into_any());
        }
        if self.guarded {
            let allowed = plain::may_import(import_name);
            let refused = || Err(guard::refusal(py, &format!("the module {import_name}")));
            return if allowed { guard::import(py, import_name).map(Bound::into_any) } else { refused() };
        }
        let new = self.renames.iter().find(|(old, _)| old == import_name).map_or(import_name, |(_, new)| new.as_str());
        let imported = py.import(new).map(Bound::into_any).or_else(|error| {
            // dill names a class in a module like a module in a package.
            let Some((module, name)) = new.rsplit_once('.') else { return Err(error) };
            py.import(module)?.getattr_opt(name)?.ok_or(error)
        });
        match imported {
            Err(_) if safe => Ok(py.None().into_bound(py)),
            imported => imported,
        }
    }
}

/// `dill._dill._create_filehandle`, but for reading only: nothing is made, and nothing emptied.
#[pyclass(frozen)]
struct OpenForReading {}

#[pymethods]
impl OpenForReading {
    #[pyo3(signature = (name, mode, position, closed, *_rest))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        name: Bound<'py, PyAny>,
        mode: &str,
        position: Bound<'py, PyAny>,
        closed: bool,
        _rest: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let standard = match name.extract::<String>().unwrap_or_default().as_str() {
            "<stdin>" => Some("__stdin__"),
            "<stdout>" => Some("__stdout__"),
            "<stderr>" => Some("__stderr__"),
            _ => None,
        };
        if let Some(stream) = standard {
            return py.import("sys")?.getattr(stream);
        }
        let mode = if mode.contains('b') { "rb" } else { "r" };
        let path = py.import("os.path")?;
        let is = |what: &str| path.call_method1(what, (&name,))?.is_truthy();
        // To open a pipe or a device can wait for ever, or do something.
        if is("exists")? && !is("isfile")? {
            return Err(PyOSError::new_err(format!("{name}, which was open, is not a regular file")));
        }
        let open = py.import("io")?.getattr("open")?;
        let file =
            open.call1((&name, mode)).map_err(|error| match error.is_instance_of::<PyFileNotFoundError>(py) {
                true => PyFileNotFoundError::new_err(format!("the file {name} that was open is gone")),
                false => error,
            })?;
        if closed {
            file.call_method0("close")?;
        } else {
            file.call_method1("seek", (position,))?;
        }
        Ok(file)
    }
}
