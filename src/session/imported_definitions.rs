//! Notes the attributes that the classes and functions of a module of the project have when its code has just run: what
//! differs from them later is what the session has changed.
//!
//! Python calls `exec_module` of a loader for each module that it imports from a file. A wrapper in C, so that no
//! traceback shows it, calls the original and then takes the notes. A module that was imported before has none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyMappingProxy, PyModule, PyString, PyType};

use super::container_contents::ContainerContents;
use super::definition_changes::{is_constant, is_dunder};
use super::module_state::{is_of_project, library_folder};
use crate::pickler::class_attributes::{instance_dict, namespace};
use crate::python::deferred_signals::Tolerated as _;

/// How deep classes may nest in classes.
const MAX_NESTING: usize = 8;
/// The attributes of each class and function of a module, by its path within the module: `Config.Inner`.
type NotedDefinitions = HashMap<String, Arc<NotedAttributes>>;
/// The attributes of a class or function, by their names.
pub(super) type NotedAttributes = HashMap<String, NotedValue>;

static NOTED: Mutex<Option<HashMap<String, NotedDefinitions>>> = Mutex::new(None);

/// What is noted of an attribute.
pub(super) enum NotedValue {
    /// An immutable constant.
    Constant(Py<PyAny>),
    /// What a list, dict or set had in it.
    Contents(ContainerContents),
    /// Another object, by its address.
    Object(usize),
}

impl NotedValue {
    fn of(value: &Bound<'_, PyAny>) -> Self {
        if is_constant(value, 0) {
            return Self::Constant(value.clone().unbind());
        }
        match ContainerContents::of(value) {
            Some(contents) => Self::Contents(contents),
            None => Self::Object(value.as_ptr() as usize),
        }
    }
}

/// A class or function that the code of a module defines, with its path within the module.
pub(super) struct Definition<'py> {
    pub(super) path: String,
    pub(super) object: Bound<'py, PyAny>,
    /// The attributes that it has itself.
    pub(super) attributes: Bound<'py, PyDict>,
}

/// Takes notes of all modules that are imported from now on. Calling it again does nothing.
pub(crate) fn note_imported_definitions(py: Python<'_>) {
    static STARTED: OnceLock<()> = OnceLock::new();
    if STARTED.set(()).is_ok() {
        // Without notes, the source of a module says less about it.
        wrap_loader(py).tolerated();
    }
}

fn wrap_loader(py: Python<'_>) -> PyResult<()> {
    let loader = py.import("_frozen_importlib_external")?.getattr("_LoaderBasics")?;
    let original = loader.getattr("exec_module")?;
    let wrapper = NotingExec { original: original.unbind(), library: library_folder(py)? };
    loader.setattr("exec_module", Bound::new(py, wrapper)?)
}

/// What the notes say of a module. `None` if it was not seen, and else the attributes of the definition with this path,
/// which is empty if the module did not have it.
pub(super) fn noted(module: &str, path: &str) -> Option<Option<Arc<NotedAttributes>>> {
    let noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    noted.as_ref()?.get(module).map(|definitions| definitions.get(path).cloned())
}

/// The class or function `name` of a module, if the module's code defines it, and the definitions within the class.
pub(super) fn definitions<'py>(module: &str, name: &str, object: &Bound<'py, PyAny>) -> PyResult<Vec<Definition<'py>>> {
    let mut found = Vec::new();
    add_definitions(module, name.to_owned(), object, 0, &mut found)?;
    Ok(found)
}

fn add_definitions<'py>(
    module: &str,
    path: String,
    object: &Bound<'py, PyAny>,
    depth: usize,
    found: &mut Vec<Definition<'py>>,
) -> PyResult<()> {
    let py = object.py();
    if object.is_exact_instance_of::<PyFunction>() {
        let is_own =
            |name, expected: &str| object.getattr(name).and_then(|it| it.eq(expected)).tolerated().unwrap_or(false);
        if is_own("__module__", module)
            && is_own("__qualname__", &path)
            && let Some(attributes) = instance_dict(object)?
        {
            found.push(Definition { path, object: object.clone(), attributes });
        }
        return Ok(());
    }
    let Ok(class) = object.cast::<PyType>() else { return Ok(()) };
    let attributes = namespace(class)?.cast_into::<PyMappingProxy>()?.call_method0("copy")?.cast_into::<PyDict>()?;
    // The metaclass may have another idea of the name.
    let qualname = namespace(&py.get_type::<PyType>())?.get_item("__qualname__")?.call_method1("__get__", (class,))?;
    let home = attributes.get_item("__module__")?;
    if !home.is_some_and(|home| home.eq(module).tolerated().unwrap_or(false)) || !qualname.eq(&path)? {
        return Ok(());
    }
    found.push(Definition { path: path.clone(), object: object.clone(), attributes: attributes.clone() });
    if depth < MAX_NESTING {
        for (name, value) in attributes {
            let Some(name) = name.extract::<String>().tolerated() else { continue };
            if !is_dunder(&name) && (value.is_instance_of::<PyType>() || value.is_exact_instance_of::<PyFunction>()) {
                add_definitions(module, format!("{path}.{name}"), &value, depth + 1, found)?;
            }
        }
    }
    Ok(())
}

/// Replaces `exec_module` of the loaders of Python's own import.
#[pyclass(frozen)]
struct NotingExec {
    original: Py<PyAny>,
    /// The folder of the standard library.
    library: Option<String>,
}

#[pymethods]
impl NotingExec {
    fn __get__(
        slf: Bound<'_, Self>,
        loader: Option<Bound<'_, PyAny>>,
        _class: Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let Some(loader) = loader.filter(|loader| !loader.is_none()) else { return Ok(slf.into_any().unbind()) };
        let bound = BoundExec { exec: slf.clone().unbind(), loader: loader.unbind() };
        Ok(Bound::new(slf.py(), bound)?.into_any().unbind())
    }

    #[pyo3(signature = (loader, module))]
    fn __call__<'py>(&self, loader: &Bound<'py, PyAny>, module: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let result = self.original.bind(module.py()).call1((loader, module))?;
        if let Ok(module) = module.cast::<PyModule>() {
            // The import has succeeded, whatever can be noted of it.
            self.note(module).tolerated();
        }
        Ok(result)
    }

    /// `__name__`, `__doc__` and the like are those of the original.
    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.original.bind(name.py()).getattr(name)
    }
}

impl NotingExec {
    fn note(&self, module: &Bound<'_, PyModule>) -> PyResult<()> {
        let names = module.dict();
        let string =
            |name: &str| names.get_item(name).tolerated().flatten().and_then(|it| it.extract::<String>().tolerated());
        let (Some(file), Some(home)) = (string("__file__"), string("__name__")) else { return Ok(()) };
        if !is_of_project(&file, self.library.as_deref()) {
            return Ok(());
        }
        let mut noted = NotedDefinitions::new();
        for (name, object) in names.copy()?.iter() {
            let Some(name) = name.extract::<String>().tolerated() else { continue };
            for Definition { path, attributes, .. } in definitions(&home, &name, &object)? {
                let name_of = |name: Bound<'_, PyAny>| name.extract::<String>().tolerated();
                let values =
                    attributes.iter().filter_map(|(name, value)| Some((name_of(name)?, NotedValue::of(&value))));
                noted.insert(path, Arc::new(values.collect()));
            }
        }
        NOTED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(home, noted);
        Ok(())
    }
}

/// The method of one loader.
#[pyclass(frozen)]
struct BoundExec {
    exec: Py<NotingExec>,
    loader: Py<PyAny>,
}

#[pymethods]
impl BoundExec {
    #[pyo3(signature = (module))]
    fn __call__<'py>(&self, module: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = module.py();
        self.exec.get().__call__(self.loader.bind(py), module)
    }

    #[getter]
    fn __self__(&self, py: Python<'_>) -> Py<PyAny> {
        self.loader.clone_ref(py)
    }

    #[getter]
    fn __func__(&self, py: Python<'_>) -> Py<PyAny> {
        self.exec.clone_ref(py).into_any()
    }

    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.exec.get().original.bind(name.py()).getattr(name)
    }
}
