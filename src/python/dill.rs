//! Finds dill for the running interpreter: the environment's own, or snapcli's private copy.
//!
//! dill is located before the script runs, but imported only when a value needs it, and removed from `sys.modules`
//! afterwards: the script must not notice it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};
use pyo3::exceptions::{PyImportError, PyModuleNotFoundError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::deferred_signals::shown;
use super::dill_install;
use super::ffi::module;
use crate::exit::{self, OrExit};

/// The oldest dill that can read our sessions: the first with `load_module`.
const OLDEST: (u32, u32, u32) = (0, 3, 6);

/// Where dill is, whether it has been imported or not.
#[derive(Clone)]
pub(crate) struct DillLocation {
    /// `sys.path` from before the script ran, without the folder of the script: dill must not import a `logging.py`
    /// from there instead of the standard library's. Ends with the private folder if that is needed. `None` in a
    /// process that snapcli has not started: its own `sys.path` is the right one, and other threads use it.
    path: Option<Vec<OsString>>,
    /// Why there is none, if there is none.
    absence: Option<Arc<str>>,
    /// Whether something has needed one where there was none.
    was_missed: Arc<AtomicBool>,
}

impl DillLocation {
    /// Makes sure, before the script begins, that dill is available, without importing it: after an hour of work it
    /// would be too late to discover that it is missing. `say` is called with a message if dill has to be installed. If
    /// it cannot be, only what needs it is lost: see [`absence`](Self::absence).
    pub(crate) fn find(py: Python<'_>, say: &dyn Fn(&str)) -> Result<Self> {
        let finder = py.import("_frozen_importlib_external")?.getattr("PathFinder")?;
        let sys = py.import("sys")?;
        let path: Vec<OsString> = sys.getattr("path")?.extract()?;
        // The empty entry that `-c` adds stands for the working directory.
        let mut path: Vec<OsString> = path.into_iter().filter(|entry| !entry.is_empty()).collect();
        let mut absence = None;
        if finder.call_method1("find_spec", ("dill", &path))?.is_none() {
            let text = |name: &str| sys.getattr(name).and_then(|path| path.extract::<PathBuf>());
            let version = (py.version_info().major, py.version_info().minor);
            match dill_install::ensure(version, &text("executable")?, &text("_base_executable")?, say) {
                Ok(home) => path.push(home.into()),
                // Most sessions need no dill. An object that does is named, and the rest is saved.
                Err(why) => absence = Some(format!("going on without dill: {why}").into()),
            }
        }
        Ok(Self { path: Some(path), absence, was_missed: Arc::default() })
    }

    /// The dill of a process that snapcli has not started: whatever its `sys.path` leads to. Nothing is installed.
    pub(crate) fn of_process() -> Self {
        Self { path: None, absence: None, was_missed: Arc::default() }
    }

    /// A message that there is no dill, for what may need one.
    pub(crate) fn absence(&self) -> Option<&str> {
        self.absence.as_deref()
    }

    /// The same, once something has needed it.
    pub(crate) fn missed_absence(&self) -> Option<&str> {
        self.absence().filter(|_| self.was_missed.load(Ordering::Relaxed))
    }

    /// A dill that is imported on first use.
    pub(crate) fn lazy(&self) -> LazyDill {
        LazyDill { dill: self.clone(), module: Arc::default() }
    }

    fn find_module<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyModule>> {
        let sys = py.import("sys")?;
        if !sys.hasattr("excepthook")? {
            // dill imports `threading`, which needs `sys.excepthook`. The script may have deleted it.
            sys.setattr("excepthook", sys.getattr("__excepthook__")?)?;
        }
        let Some(path) = &self.path else {
            return py.import("dill").or_exit(exit::NO_PYTHON, || "cannot import dill: reinstall it".to_owned());
        };
        // The script may have changed `sys.path`, or deleted it.
        let scripts = sys.getattr_opt("path")?;
        sys.setattr("path", path)?;
        let dill = py.import("dill");
        if let Some(scripts) = scripts {
            sys.setattr("path", scripts)?;
        }
        dill.or_exit(exit::NO_PYTHON, || "cannot import dill: reinstall it in this environment".to_owned())
    }

    /// Imports dill.
    ///
    /// # Errors
    /// With exit code 6, if it does not import, or is too old.
    pub(crate) fn import<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyModule>> {
        let dill = self.find_module(py)?;
        let version = version(&dill);
        let parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
        if let [major, minor, patch] = parts[..]
            && (major, minor, patch) < OLDEST
        {
            let text = format!("dill {version} is too old: update it to 0.3.6 or later");
            return Err(exit::error(exit::NO_PYTHON, text));
        }
        dill.getattr("Pickler").context("the module named dill is not dill: rename the file that shadows it")?;
        Ok(dill)
    }
}

/// dill, imported on first use: that takes 50 to 100 ms, and plain data does not need it.
#[derive(Clone)]
pub(crate) struct LazyDill {
    dill: DillLocation,
    module: Arc<OnceLock<Py<PyModule>>>,
}

impl LazyDill {
    /// Imports dill, or returns it if it has been imported.
    pub(crate) fn import<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyModule>> {
        if let Some(module) = self.module.get() {
            return Ok(module.bind(py).clone());
        }
        let module =
            self.dill.import(py).map_err(|error| match error.chain().find_map(|it| it.downcast_ref::<PyErr>()) {
                Some(error) if is_missing(py, error) => {
                    self.dill.was_missed.store(true, Ordering::Relaxed);
                    PyModuleNotFoundError::new_err("it needs dill: pip install dill")
                }
                _ => PyImportError::new_err(format!("{error:#}")),
            })?;
        Ok(self.module.get_or_init(|| module.unbind()).bind(py).clone())
    }

    /// Whether dill was needed.
    pub(crate) fn is_imported(&self) -> bool {
        self.module.get().is_some()
    }

    /// The version; empty if dill was not needed.
    pub(crate) fn version(&self, py: Python<'_>) -> String {
        self.module.get().map(|dill| version(dill.bind(py))).unwrap_or_default()
    }
}

/// Whether an error says that dill is not installed, not that it cannot be imported.
fn is_missing(py: Python<'_>, error: &PyErr) -> bool {
    let module = || error.value(py).getattr("name")?.extract::<String>();
    error.is_instance_of::<PyModuleNotFoundError>(py) && module().is_ok_and(|name| name == "dill")
}

impl DillLocation {
    /// Runs an action that may import dill, and leaves dill imported. For calls from the script, which may be repeated.
    pub(crate) fn at_hand<T>(&self, py: Python<'_>, action: impl FnOnce(&LazyDill) -> T) -> PyResult<T> {
        self.with_path(py, || action(&self.lazy()))
    }

    /// Runs an action while `sys.path` begins as it did before the script, so that modules of the standard library are
    /// not found in the folder of the script instead.
    fn with_path<T>(&self, py: Python<'_>, action: impl FnOnce() -> T) -> PyResult<T> {
        let Some(mut path) = self.path.clone() else { return Ok(action()) };
        let sys = module(intern!(py, "sys"))?;
        let scripts = sys.getattr_opt("path")?;
        // The entries of the script follow, because reducers of the script may import its modules.
        let entries = scripts.as_ref().and_then(|scripts| scripts.extract::<Vec<OsString>>().ok());
        let entries = entries.unwrap_or_default();
        path.extend(entries.iter().cloned());
        sys.setattr("path", path)?;
        let noted = NotedPath::new(entries);
        let result = action();
        drop(noted);
        if let Some(scripts) = scripts {
            sys.setattr("path", scripts)?;
        }
        Ok(result)
    }
}

/// `sys.path` as the script has it, while [`DillLocation::with_path`] has put other entries in front.
static PATH_OF_SCRIPT: Mutex<Option<Vec<OsString>>> = Mutex::new(None);

/// `sys.path` as the script has it, if it is another one now. Entries that are no Unicode are left out.
pub(crate) fn path_of_script() -> Option<Vec<String>> {
    let path = PATH_OF_SCRIPT.lock().unwrap_or_else(PoisonError::into_inner);
    path.as_ref().map(|path| path.iter().filter_map(|entry| entry.to_str().map(str::to_owned)).collect())
}

/// Notes the path until it is dropped, unless an outer action has noted it.
struct NotedPath {
    is_outer: bool,
}

impl NotedPath {
    fn new(entries: Vec<OsString>) -> Self {
        let mut path = PATH_OF_SCRIPT.lock().unwrap_or_else(PoisonError::into_inner);
        let is_outer = path.is_none();
        path.get_or_insert(entries);
        Self { is_outer }
    }
}

impl Drop for NotedPath {
    fn drop(&mut self) {
        if self.is_outer {
            *PATH_OF_SCRIPT.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

/// Runs an action that may import dill, and takes dill out of `sys.modules` again unless the script has imported it.
/// dill keeps `__main__` alive, so objects of the script would be finalized in another order than under `python`.
pub(crate) fn with_dill<T>(
    py: Python<'_>,
    dill: &DillLocation,
    action: impl FnOnce(&LazyDill) -> Result<T>,
) -> Result<T> {
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>().map_err(PyErr::from)?;
    let names = |name: &str| modules.contains(name);
    let (had_dill, had_alias) = (names("dill")?, names(ALIAS)?);
    let result = dill.at_hand(py, action)?;
    if !had_dill {
        // These modules hold a reference to `__main__`, and other modules may keep them alive.
        for name in ["dill._dill", "dill.session"] {
            if let Some(module) = modules.get_item(name)? {
                module.delattr("_main_module")?;
            }
        }
        // Removing entries while iterating is safe: `keys` returns a list.
        for name in modules.keys() {
            let text = shown(&name);
            if text == "dill" || text.starts_with("dill.") || (text == ALIAS && !had_alias) {
                modules.del_item(name)?;
            }
        }
    }
    result
}

/// Another name of `__main__`, which `multiprocessing` adds when dill imports it.
const ALIAS: &str = "__mp_main__";

/// The version of dill, or an empty string.
pub(crate) fn version(dill: &Bound<'_, PyModule>) -> String {
    dill.getattr("__version__").and_then(|version| version.extract()).unwrap_or_default()
}
