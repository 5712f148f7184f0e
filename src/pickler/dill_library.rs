//! The parts of dill that the pickler uses: its function for a type, and its search for imported names. dill decides
//! how everything beyond the built-in types is pickled. `dill_adapter` has the other direction: the methods of the
//! pickler that dill calls.

use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool, PyModule, PyType};

use super::global_names::{loaded_modules, standard_modules};
use super::without_dill;

/// Imports dill at the first need.
pub(crate) type DillImporter = Box<dyn Fn(Python<'_>) -> PyResult<Py<PyModule>> + Send + Sync>;

/// The types that dill 0.3.6 to 0.4.1 registers and that our pickler has no rule for.
const REGISTERED: [(&str, &[&str]); 7] = [
    (
        "builtins",
        &[
            "NotImplementedType",
            "PyCapsule",
            "classmethod_descriptor",
            "dict_items",
            "dict_keys",
            "dict_values",
            "ellipsis",
            "getset_descriptor",
            "mappingproxy",
            "member_descriptor",
            "method_descriptor",
            "module",
            "odict_items",
            "odict_keys",
            "odict_values",
            "slice",
            "super",
            "wrapper_descriptor",
        ],
    ),
    ("_contextvars", &["Context"]),
    ("_io", &["BufferedRandom", "BufferedReader", "BufferedWriter", "FileIO", "TextIOWrapper"]),
    ("_pyio", &["BufferedRandom", "BufferedReader", "BufferedWriter", "TextIOWrapper"]),
    ("_thread", &["RLock", "_ThreadHandle", "lock"]),
    ("dataclasses", &["_FIELD_BASE", "_HAS_DEFAULT_FACTORY_CLASS", "_KW_ONLY_TYPE", "_MISSING_TYPE"]),
    ("weakref", &["CallableProxyType", "ProxyType", "ReferenceType"]),
];

pub(super) struct DillLibrary {
    importer: DillImporter,
    /// Set once dill was looked for and is not installed.
    missing: OnceLock<()>,
}

impl DillLibrary {
    pub(super) fn new(importer: DillImporter) -> Self {
        Self { importer, missing: OnceLock::new() }
    }

    pub(super) fn import<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyModule>> {
        Ok((self.importer)(py)?.into_bound(py))
    }

    /// Whether dill may have a function for a type.
    ///
    /// dill itself registers only the types in [`REGISTERED`]. Others count only if dill has been imported already,
    /// because then a user may have registered more.
    pub(super) fn may_know(&self, py: Python<'_>, module: &str, name: &str) -> PyResult<bool> {
        let is_registered = REGISTERED.iter().any(|(home, names)| *home == module && names.contains(&name));
        Ok(is_registered || loaded_modules(py)?.contains("dill")?)
    }

    /// Whether dill may have a function for a type that could not be pickled without it: a later dill may register more
    /// types of the standard library.
    pub(super) fn is_last_resort(&self, kind: &Bound<'_, PyType>) -> PyResult<bool> {
        let module = kind.module()?.to_string_lossy().into_owned();
        let top = module.split('.').next().unwrap_or_default();
        standard_modules(kind.py())?.contains(top)
    }

    /// Whether dill was looked for and is not installed.
    pub(super) fn is_missing(&self) -> bool {
        self.missing.get().is_some()
    }

    /// dill, unless it is not installed.
    fn installed<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyModule>>> {
        if self.is_missing() {
            return Ok(None);
        }
        match self.import(py) {
            Err(error) if without_dill::is_missing(py, &error) => {
                let _ = self.missing.set(());
                Ok(None)
            }
            imported => imported.map(Some),
        }
    }

    /// A function of `dill._dill`; `None` if dill is not installed.
    pub(super) fn helper<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.installed(py)?.map(|dill| dill.getattr("_dill")?.getattr(name)).transpose()
    }

    /// dill's function for the objects of a type.
    pub(super) fn function(&self, kind: &Bound<'_, PyType>) -> PyResult<Option<Py<PyAny>>> {
        let Some(dill) = self.installed(kind.py())? else { return Ok(None) };
        let table = dill.getattr("Pickler")?.getattr("dispatch")?;
        let function = table.call_method1("get", (kind,))?;
        Ok((!function.is_none()).then(|| function.unbind()))
    }

    /// Calls dill's own `save`, which registers some types only when it meets them.
    pub(super) fn save_whole(&self, pickler: &Bound<'_, PyAny>, object: &Bound<'_, PyAny>) -> PyResult<()> {
        self.import(pickler.py())?.getattr("Pickler")?.call_method1("save", (pickler, object)).map(drop)
    }
}

/// dill's map of everything that the loaded modules hold, for `--refimported`. It is made once for a save.
pub(crate) struct ImportedNames<'py> {
    session: Bound<'py, PyModule>,
    map: Bound<'py, PyAny>,
    look_up: Bound<'py, PyAny>,
}

impl<'py> ImportedNames<'py> {
    /// `session` is the module whose variables will be looked up.
    pub(crate) fn new(dill: &Bound<'py, PyModule>, session: &Bound<'py, PyModule>) -> PyResult<Self> {
        let functions = dill.getattr("session")?;
        Ok(Self {
            session: session.clone(),
            map: functions.getattr("_module_map")?.call0()?,
            look_up: functions.getattr("_lookup_module")?,
        })
    }

    /// The module and the name from which a variable was imported. None if it was not imported.
    pub(crate) fn origin(&self, name: &str, value: &Bound<'py, PyAny>) -> PyResult<Option<(String, String)>> {
        // Many modules hold None, True and False by chance, and modules are written by name anyway.
        if value.is_none() || value.is_instance_of::<PyBool>() || value.is_instance_of::<PyModule>() {
            return Ok(None);
        }
        let found = self.look_up.call1((&self.map, name, value, &self.session))?;
        let (module, attribute): (Option<String>, Option<String>) = found.extract()?;
        Ok(module.zip(attribute))
    }
}
