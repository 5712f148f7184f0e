//! Finds the variables of other modules that belong to a session: those of the project's own modules, which lie beside
//! the script, unless an import makes them again as they are.
//!
//! As `dill.dump_module` does, and only for modules that the saved variables lead to. What is certainly unchanged is
//! left out: definitions, names whose value is still the literal in the source, and objects without state.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCFunction, PyDict, PyFunction, PyModule, PyString, PyType};

use super::container_contents::ContainerContents;
use super::definition_changes::changed_attributes;
use super::module_source::{Assignment, ModuleSource, is_unchanged};
use super::select::NamedValue;
use crate::pickler::{ChangedAttribute, SessionPickler, loaded_modules};
use crate::python::deferred_signals::Tolerated as _;

/// Names that the import of a module sets.
const OF_IMPORT: [&str; 13] = [
    "__builtins__",
    "__loader__",
    "__spec__",
    "__file__",
    "__cached__",
    "__name__",
    "__package__",
    "__path__",
    "__doc__",
    "__all__",
    "__annotations__",
    "__conditional_annotations__",
    "__warningregistry__",
];
/// Objects that a module makes when it is imported, and that no session changes.
const REMADE: [(&str, &str); 6] = [
    ("logging", "Logger"),
    ("re", "Pattern"),
    ("typing", "TypeVar"),
    ("typing", "ParamSpec"),
    ("typing", "NewType"),
    ("typing", "TypeVarTuple"),
];

/// The modules of the project that are loaded, by name.
#[derive(Default)]
pub(super) struct ProjectModules<'py> {
    /// In the order of `sys.modules`.
    modules: Vec<(String, Bound<'py, PyModule>)>,
}

/// Says of names whether they are those of modules of the project. Finding all of these takes longer than a small save,
/// and few variables lead to any.
pub(super) struct ProjectNames<'py> {
    main: Bound<'py, PyModule>,
    library: OnceCell<Option<String>>,
    known: RefCell<HashMap<String, bool>>,
}

impl<'py> ProjectNames<'py> {
    /// `main` is the module that is saved.
    pub(super) fn new(main: &Bound<'py, PyModule>) -> Self {
        let (library, known) = Default::default();
        Self { main: main.clone(), library, known }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        if let Some(known) = self.known.borrow().get(name) {
            return *known;
        }
        let py = self.main.py();
        let library = self.library.get_or_init(|| library_folder(py).tolerated().flatten());
        let found = loaded_modules(py).tolerated().and_then(|modules| modules.cast_into::<PyDict>().ok());
        let found = found.and_then(|modules| modules.get_item(name).tolerated().flatten()?.cast_into().ok());
        let is_one = found.is_some_and(|module| is_project_module(name, &module, &self.main, library.as_deref()));
        self.known.borrow_mut().insert(name.to_owned(), is_one);
        is_one
    }

    /// The modules of the project that imports (`module name`) and names of modules lead to.
    pub(super) fn among(&self, imports: &[String], modules: &[String]) -> Vec<String> {
        let of_imports = imports.iter().filter_map(|import| import.split(' ').next());
        let all = of_imports.chain(modules.iter().map(String::as_str));
        let mut found: Vec<String> = all.filter(|name| self.contains(name)).map(str::to_owned).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Whether a loaded module is neither installed nor part of Python, nor `main`.
pub(super) fn is_project_module(
    name: &str,
    module: &Bound<'_, PyModule>,
    main: &Bound<'_, PyModule>,
    library: Option<&str>,
) -> bool {
    let names = module.dict();
    let file = names.get_item(intern!(module.py(), "__file__")).tolerated().flatten();
    let file = file.as_ref().and_then(|file| file.cast::<PyString>().ok()?.to_str().tolerated());
    // Nearly all modules are installed.
    if !file.is_some_and(|file| is_of_project(file, library)) {
        return false;
    }
    let own_name = names.get_item("__name__").tolerated().flatten();
    let is_own = own_name.is_some_and(|found| found.eq(name).tolerated().unwrap_or(false));
    let has_spec = || names.get_item("__spec__").tolerated().flatten().is_some_and(|spec| !spec.is_none());
    // snapcli has its own copy of dill for environments that have none.
    let is_ours = name == "dill" || name.starts_with("dill.");
    let is_alias = module.is(main) || name == "__mp_main__" || !is_own;
    !is_alias && !is_ours && has_spec()
}

/// A variable of a module of the project.
pub(super) struct ModuleItem<'py> {
    /// Its name is `module.name`.
    pub(super) named: NamedValue<'py>,
    /// Whether it is certain that an import does not make it.
    pub(super) is_changed: bool,
    /// Attributes to set, if it is a class or function that an import makes.
    pub(super) attributes: Vec<ChangedAttribute<'py>>,
}

impl<'py> ProjectModules<'py> {
    /// The loaded modules that are neither installed nor part of Python, without `main`.
    pub(super) fn loaded(py: Python<'py>, main: &Bound<'py, PyModule>) -> PyResult<Self> {
        let library = library_folder(py)?;
        let mut modules = Vec::new();
        for (name, module) in loaded_modules(py)?.cast::<PyDict>()?.copy()?.iter() {
            let Ok(module) = module.cast_into::<PyModule>() else { continue };
            let Some(name) = name.extract::<String>().tolerated() else { continue };
            if is_project_module(&name, &module, main, library.as_deref()) {
                modules.push((name, module));
            }
        }
        Ok(Self { modules })
    }

    /// The modules with their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Bound<'py, PyModule>)> {
        self.modules.iter().map(|(name, module)| (name.as_str(), module))
    }

    /// The variables to save of all modules that `roots` lead to; of all modules, with all of their state, for `None`.
    pub(super) fn items(
        &self,
        roots: Option<HashSet<String>>,
        pickler: &SessionPickler<'py>,
    ) -> PyResult<Vec<ModuleItem<'py>>> {
        let has_all = roots.is_none();
        let reached = match roots {
            Some(roots) => self.reached(roots),
            None => self.modules.iter().map(|(name, _)| name.clone()).collect(),
        };
        let mut items = Vec::new();
        for (name, module) in self.modules.iter().filter(|(name, _)| reached.contains(name)) {
            let source = file_of(module).and_then(|file| ModuleSource::of_file(module.py(), &file));
            for (key, value) in module.dict().copy()?.iter() {
                let Some(key) = key.extract::<String>().tolerated() else { continue };
                if key.is_empty() || key.contains('.') || OF_IMPORT.contains(&key.as_str()) {
                    continue;
                }
                let change = self.change(name, &key, &value, source.as_deref(), pickler)?;
                let attributes = match &change {
                    None => self.changed_attributes(source.as_deref(), (name, &key), &value, has_all, pickler)?,
                    Some(_) => Vec::new(),
                };
                let Some(is_changed) = change.or((!attributes.is_empty()).then_some(true)) else { continue };
                let named = NamedValue { name: format!("{name}.{key}"), value };
                items.push(ModuleItem { named, is_changed, attributes });
            }
        }
        Ok(items)
    }

    /// Whether a variable of a module is to be saved: `None` if not, else whether it certainly has changed.
    fn change(
        &self,
        module: &str,
        name: &str,
        value: &Bound<'py, PyAny>,
        source: Option<&ModuleSource>,
        pickler: &SessionPickler<'py>,
    ) -> PyResult<Option<bool>> {
        if value.is_instance_of::<PyModule>() {
            return Ok(None);
        }
        // Default arguments and other code of the module refer to the object that the import makes.
        if pickler.singleton_name(value).is_some_and(|(home, known)| home == module && known == name) {
            return Ok(None);
        }
        let by_reference = if is_definition(value) { pickler.global_name(value)? } else { None };
        let is_own = by_reference.as_ref().is_some_and(|(home, known)| home == module && known == name);
        let Some(source) = source else { return Ok(by_reference.is_none().then_some(false)) };
        let is_shared = |value: &Bound<'py, PyAny>| pickler.has_saved(value).tolerated().unwrap_or(true);
        Ok(match source.assignment(name) {
            Some(Assignment::Definition) if is_own => None,
            // A definition that is now another function.
            Some(Assignment::Definition) if is_definition(value) => Some(true),
            Some(Assignment::Import) if by_reference.is_some() => None,
            Some(Assignment::Literal(literal)) => {
                (!is_unchanged(value, literal.bind(value.py()), &is_shared)).then_some(true)
            }
            Some(_) => (is_shared(value) || !is_remade(value)).then_some(false),
            None if is_own => None,
            None => Some(true),
        })
    }

    /// What the session has set on a class or function of a module: constants and plain objects that mark something, or
    /// with `has_all` whatever can be set again.
    fn changed_attributes(
        &self,
        source: Option<&ModuleSource>,
        (module, name): (&str, &str),
        value: &Bound<'py, PyAny>,
        has_all: bool,
        pickler: &SessionPickler<'py>,
    ) -> PyResult<Vec<ChangedAttribute<'py>>> {
        if !is_definition(value) {
            return Ok(Vec::new());
        }
        let is_found = |object: &Bound<'py, PyAny>, path: &str| {
            let found = pickler.global_name(object)?;
            PyResult::Ok(found.is_some_and(|(home, known)| home == module && known == path))
        };
        if !is_found(value, name)? {
            return Ok(Vec::new());
        }
        let may_be_restored = |value: &Bound<'py, PyAny>| {
            value.get_type().is(value.py().get_type::<PyAny>())
                || has_all && (ContainerContents::of(value).is_some() || self.is_of_script(value))
        };
        let mut changed = Vec::new();
        for attribute in changed_attributes(source, module, name, value, &may_be_restored)? {
            let within = attribute.path.rsplit_once('.').map(|(within, _)| format!("{name}.{within}"));
            if within.map_or(Ok(true), |path| is_found(&attribute.owner, &path))? {
                changed.push(attribute);
            }
        }
        Ok(changed)
    }

    /// Whether a value is a function or class of the script or of the project, or an instance of such a class.
    fn is_of_script(&self, value: &Bound<'py, PyAny>) -> bool {
        let inner = match value.get_type().name().tolerated() {
            Some(name) if name == "staticmethod" || name == "classmethod" => value.getattr("__func__").tolerated(),
            _ => None,
        };
        let home = home_of(inner.as_ref().unwrap_or(value));
        home.is_some_and(|home| home == "__main__" || self.modules.iter().any(|(name, _)| *name == home))
    }

    /// The modules that others lead to: by what their variables are, and as their packages.
    fn reached(&self, roots: HashSet<String>) -> HashSet<String> {
        let by_name: HashMap<&str, &Bound<'py, PyModule>> =
            self.modules.iter().map(|(name, module)| (name.as_str(), module)).collect();
        let mut reached = HashSet::new();
        let mut waiting: Vec<String> = roots.into_iter().collect();
        while let Some(name) = waiting.pop() {
            if let Some((package, _)) = name.rsplit_once('.') {
                waiting.push(package.to_owned());
            }
            let Some(module) = by_name.get(name.as_str()) else { continue };
            if !reached.insert(name) {
                continue;
            }
            let homes = module.dict().values().iter().filter_map(|value| home_of(&value)).collect::<Vec<_>>();
            waiting.extend(homes.into_iter().filter(|home| !reached.contains(home)));
        }
        reached
    }
}

/// The folder of the standard library, with a slash.
pub(super) fn library_folder(py: Python<'_>) -> PyResult<Option<String>> {
    let file = py.import("os")?.dict().get_item("__file__")?.and_then(|file| file.extract::<String>().tolerated());
    Ok(file.as_deref().and_then(|file| file.rsplit_once('/')).map(|(folder, _)| format!("{folder}/")))
}

/// The `__file__` of a module.
pub(super) fn file_of(module: &Bound<'_, PyModule>) -> Option<String> {
    module.dict().get_item("__file__").tolerated()??.extract().tolerated()
}

/// Whether a source file is neither installed nor part of Python, which is in the folder `library`, with a slash.
pub(super) fn is_of_project(file: &str, library: Option<&str>) -> bool {
    let is_source = file.ends_with(".py") || file.ends_with(".pyc");
    let is_installed = |path: &str| {
        path.contains("/site-packages/")
            || path.contains("/dist-packages/")
            || library.is_some_and(|library| path.starts_with(library))
    };
    let real_is_installed = || {
        let real = std::fs::canonicalize(file).ok();
        real.and_then(|real| real.into_os_string().into_string().ok()).is_some_and(|real| is_installed(&real))
    };
    // Most modules are decided without asking the system for the real path.
    is_source && !is_installed(file) && !real_is_installed()
}

fn is_definition(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyType>()
        || value.is_exact_instance_of::<PyFunction>()
        || value.is_instance_of::<PyCFunction>()
}

/// The module that a value belongs to: itself, its own, or that of its class.
fn home_of(value: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(module) = value.cast::<PyModule>() {
        return module.dict().get_item("__name__").tolerated()??.extract().tolerated();
    }
    if value.is_exact_instance_of::<PyFunction>() {
        return value.getattr("__module__").tolerated()?.extract().tolerated();
    }
    let class = value.cast::<PyType>().cloned().unwrap_or_else(|_| value.get_type());
    class.module().tolerated().map(|name: Bound<'_, PyString>| name.to_string_lossy().into_owned())
}

fn is_remade(value: &Bound<'_, PyAny>) -> bool {
    let class = value.get_type();
    let (Some(module), Some(name)) = (class.module().tolerated(), class.name().tolerated()) else { return false };
    REMADE.iter().any(|(home, known)| module == *home && name == *known)
}
