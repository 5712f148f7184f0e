//! Finds the objects without state that modules of the project make when they are imported and bind to a name, such as
//! `MISSING = object()` or, in a class, `DEFAULT = Unset()`.
//!
//! Code tells them by identity, and default arguments refer to them, so a restored session must have those of the
//! imported module. The pickler writes them as globals. Only the source of a module says that the import makes them: a
//! call of the class that the object has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyMappingProxy, PyModule, PyString, PyType};

use super::module_source::{Assignment, ModuleSource};
use super::module_state::{ProjectModules, file_of, is_project_module, library_folder};
use crate::pickler::class_attributes::{ClassOrder as _, instance_dict, is_python_class, namespace, slots};
use crate::pickler::{SingletonNames, loaded_modules};
use crate::python::deferred_signals::Tolerated as _;

/// An object, the module that makes it, and its path in that module.
struct Singleton {
    /// Keeps the address from being used again.
    _object: Py<PyAny>,
    module: String,
    path: String,
}

struct ModuleSingletons {
    main: Py<PyModule>,
    library: OnceLock<Option<String>>,
    /// Whether the objects of a class may be singletons, by the address of the class.
    classes: Mutex<HashMap<usize, bool>>,
    /// By address. `None` until the first object that may be one.
    found: Mutex<Option<Arc<HashMap<usize, Singleton>>>>,
}

/// Says of an object by which module and path an import finds it, for a session of `main`.
pub(super) fn singleton_names(main: &Bound<'_, PyModule>) -> SingletonNames {
    let (library, classes, found) = Default::default();
    let singletons = ModuleSingletons { main: main.clone().unbind(), library, classes, found };
    Box::new(move |object| singletons.name_of(object).tolerated().flatten())
}

impl ModuleSingletons {
    fn name_of(&self, object: &Bound<'_, PyAny>) -> PyResult<Option<(String, String)>> {
        if !self.may_have(&object.get_type())? || !is_stateless(object)? {
            return Ok(None);
        }
        let found = self.found(object.py())?;
        let singleton = found.get(&(object.as_ptr() as usize));
        Ok(singleton.map(|singleton| (singleton.module.clone(), singleton.path.clone())))
    }

    /// Whether a class is `object`, or a class of the project.
    fn may_have(&self, class: &Bound<'_, PyType>) -> PyResult<bool> {
        let known = || self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        let address = class.as_ptr() as usize;
        if let Some(may_have) = known().get(&address) {
            return Ok(*may_have);
        }
        // The lock is not held while Python code may run.
        let may_have = class.is(class.py().get_type::<PyAny>()) || self.is_of_project(class)?;
        known().insert(address, may_have);
        Ok(may_have)
    }

    fn is_of_project(&self, class: &Bound<'_, PyType>) -> PyResult<bool> {
        let py = class.py();
        if !is_python_class(class)? {
            return Ok(false);
        }
        let Some(Ok(home)) =
            namespace(class)?.get_item("__module__").tolerated().map(|home| home.cast_into::<PyString>())
        else {
            return Ok(false);
        };
        let module =
            loaded_modules(py)?.get_item(&home).tolerated().and_then(|module| module.cast_into::<PyModule>().ok());
        let library = self.library.get_or_init(|| library_folder(py).tolerated().flatten());
        Ok(module.is_some_and(|module| {
            is_project_module(&home.to_string_lossy(), &module, self.main.bind(py), library.as_deref())
        }))
    }

    fn found(&self, py: Python<'_>) -> PyResult<Arc<HashMap<usize, Singleton>>> {
        let known = || self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = &*known() {
            return Ok(Arc::clone(found));
        }
        let mut found = HashMap::new();
        for (name, module) in ProjectModules::loaded(py, self.main.bind(py))?.iter() {
            // What cannot be determined about one module says nothing about others.
            add_of_module(name, module, &mut found).tolerated();
        }
        let found = Arc::new(found);
        *known() = Some(Arc::clone(&found));
        Ok(found)
    }
}

fn add_of_module(name: &str, module: &Bound<'_, PyModule>, found: &mut HashMap<usize, Singleton>) -> PyResult<()> {
    let Some(source) = file_of(module).and_then(|file| ModuleSource::of_file(module.py(), &file)) else {
        return Ok(());
    };
    let names = module.dict();
    add_made(&source, name, "", &names, &names, found)?;
    for (key, value) in names.copy()?.iter() {
        let (Ok(class), Some(key)) = (value.cast::<PyType>(), key.extract::<String>().tolerated()) else { continue };
        let Some(body) = source.class_body(&key) else { continue };
        let attributes =
            namespace(class)?.cast_into::<PyMappingProxy>()?.call_method0("copy")?.cast_into::<PyDict>()?;
        // A class of another module, bound to the same name, has no such body.
        if attributes.get_item("__module__")?.is_some_and(|home| home.eq(name).tolerated().unwrap_or(false)) {
            add_made(body, name, &format!("{key}."), &attributes, &names, found)?;
        }
    }
    Ok(())
}

/// Adds the objects in `names` that a block of the source makes. `prefix` is the path of the block within the module,
/// which has the names `globals`.
fn add_made(
    block: &ModuleSource,
    module: &str,
    prefix: &str,
    names: &Bound<'_, PyDict>,
    globals: &Bound<'_, PyDict>,
    found: &mut HashMap<usize, Singleton>,
) -> PyResult<()> {
    for (key, value) in names.copy()?.iter() {
        let Some(key) = key.extract::<String>().tolerated() else { continue };
        let Some(Assignment::Call(class)) = block.assignment(&key) else { continue };
        let is_made = named(class, names, globals)?.is_some_and(|class| class.is(value.get_type()));
        if is_made && is_stateless(&value)? {
            let (address, path) = (value.as_ptr() as usize, format!("{prefix}{key}"));
            let singleton = Singleton { _object: value.unbind(), module: module.to_owned(), path };
            found.entry(address).or_insert(singleton);
        }
    }
    Ok(())
}

/// What a dotted name means in a block.
fn named<'py>(
    path: &str,
    names: &Bound<'py, PyDict>,
    globals: &Bound<'py, PyDict>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut parts = path.split('.');
    let Some(first) = parts.next() else { return Ok(None) };
    let mut object = match (names.get_item(first)?, globals.get_item(first)?) {
        (Some(own), _) => own,
        (None, Some(global)) => global,
        (None, None) => match names.py().import("builtins")?.dict().get_item(first)? {
            Some(builtin) => builtin,
            None => return Ok(None),
        },
    };
    for part in parts {
        let Some(next) = object.getattr_opt(part)? else { return Ok(None) };
        object = next;
    }
    Ok(Some(object))
}

/// Whether an object has nothing that could have changed since it was made.
fn is_stateless(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let (py, class) = (object.py(), object.get_type());
    let (base, exception) = (py.get_type::<PyAny>(), py.get_type::<PyBaseException>());
    if class.is(&base) {
        return Ok(true);
    }
    for part in class.order() {
        let part = part.cast_into::<PyType>()?;
        if !part.is(&base) && !part.is_subclass(&exception)? && !is_python_class(&part)? {
            return Ok(false);
        }
    }
    Ok(slots(&class)?.is_empty() && instance_dict(object)?.is_none_or(|own| own.is_empty()))
}
