//! Finds dill for the interpreter that runs: the environment's own, else snapcli's private copy.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::dill_home;
use crate::exit::{self, OrExit};

/// The oldest dill whose sessions we write: the first that has `load_module`.
const OLDEST: (u32, u32, u32) = (0, 3, 6);

/// Where dill will come from once it is needed.
#[derive(Clone)]
pub struct Dill {
    /// `sys.path` as it was before the script ran, without the script's own folder: a `logging.py` beside a script is not
    /// to be taken for the standard library's by dill. The private folder is the last one, where it is needed.
    path: Vec<OsString>,
}

impl Dill {
    /// Makes sure that dill is at hand before a script begins, without importing it: to learn after an hour of
    /// work that it is missing would be too late. `say` is told when dill has to be installed.
    pub fn find(py: Python<'_>, say: &dyn Fn(&str)) -> Result<Self> {
        let finder = py.import("_frozen_importlib_external")?.getattr("PathFinder")?;
        let sys = py.import("sys")?;
        let path: Vec<OsString> = sys.getattr("path")?.extract()?;
        // An empty entry is the working folder's, as `-c` has it.
        let mut path: Vec<OsString> = path.into_iter().filter(|entry| !entry.is_empty()).collect();
        if finder.call_method1("find_spec", ("dill", &path))?.is_none() {
            let text = |name: &str| sys.getattr(name).and_then(|path| path.extract::<PathBuf>());
            let version = (py.version_info().major, py.version_info().minor);
            let home = dill_home::ensure(version, &text("executable")?, &text("_base_executable")?, say);
            path.push(home.or_exit(exit::NO_PYTHON, || "no dill to pickle with".to_owned())?.into());
        }
        Ok(Self { path })
    }

    /// Imports it.
    pub fn import<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyModule>> {
        let sys = py.import("sys")?;
        if !sys.hasattr("excepthook")? {
            // A script may have deleted it; `threading`, which dill imports, cannot do without.
            sys.setattr("excepthook", sys.getattr("__excepthook__")?)?;
        }
        let scripts = sys.getattr_opt("path")?;
        sys.setattr("path", &self.path)?;
        let dill = py.import("dill");
        if let Some(scripts) = scripts {
            sys.setattr("path", scripts)?;
        }
        let dill = dill
            .or_exit(exit::NO_PYTHON, || "dill cannot be imported: install it anew in this environment".to_owned())?;
        let version = version(&dill);
        let parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
        if let [major, minor, patch] = parts[..]
            && (major, minor, patch) < OLDEST
        {
            let text = format!("dill {version} is too old for sessions: update it to 0.3.6 or later");
            return Err(exit::error(exit::NO_PYTHON, text));
        }
        dill.getattr("Pickler").context("the module named dill is not dill: rename the file that hides it")?;
        Ok(dill)
    }
}

/// dill, imported when it is first needed: that takes 50 to 100 ms, and plain data needs none.
#[derive(Clone)]
pub struct LazyDill {
    dill: Dill,
    module: Arc<OnceLock<Py<PyModule>>>,
}

impl LazyDill {
    /// Imports it, or gives it again.
    pub fn import<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyModule>> {
        if let Some(module) = self.module.get() {
            return Ok(module.bind(py).clone());
        }
        let module = self.dill.import(py).map_err(|error| PyImportError::new_err(format!("{error:#}")))?;
        Ok(self.module.get_or_init(|| module.unbind()).bind(py).clone())
    }

    /// Whether somebody needed it.
    pub fn is_imported(&self) -> bool {
        self.module.get().is_some()
    }

    /// Its version; empty where nobody needed it.
    pub fn version(&self, py: Python<'_>) -> String {
        self.module.get().map(|dill| version(dill.bind(py))).unwrap_or_default()
    }
}

impl Dill {
    /// Has dill at hand, and leaves it where it is: what a script itself calls may well be called again.
    pub fn at_hand<T>(&self, py: Python<'_>, action: impl FnOnce(&LazyDill) -> T) -> PyResult<T> {
        self.with_path(py, || action(&LazyDill { dill: self.clone(), module: Arc::default() }))
    }

    /// Does something while `sys.path` begins as it did before the script: what a save imports from the standard library
    /// is then not found beside the script.
    fn with_path<T>(&self, py: Python<'_>, action: impl FnOnce() -> T) -> PyResult<T> {
        let sys = py.import("sys")?;
        let scripts = sys.getattr_opt("path")?;
        let mut path = self.path.clone();
        let entries = scripts.as_ref().and_then(|scripts| scripts.extract::<Vec<OsString>>().ok());
        path.extend(entries.unwrap_or_default());
        sys.setattr("path", path)?;
        let result = action();
        if let Some(scripts) = scripts {
            sys.setattr("path", scripts)?;
        }
        Ok(result)
    }
}

/// Has dill at hand for a save and takes it away again, unless the script has imported it itself: `dill` keeps
/// `__main__` alive, and what the script left would be finalized in another order than under python.
pub fn with_dill<T>(py: Python<'_>, dill: &Dill, action: impl FnOnce(&LazyDill) -> Result<T>) -> Result<T> {
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>().map_err(PyErr::from)?;
    let names = |name: &str| modules.contains(name);
    let (had_dill, had_alias) = (names("dill")?, names(ALIAS)?);
    let result = dill.at_hand(py, action)?;
    if !had_dill {
        for name in ["dill._dill", "dill.session"] {
            if let Some(module) = modules.get_item(name)? {
                module.delattr("_main_module")?;
            }
        }
        for name in modules.keys() {
            let text = name.to_string();
            if text == "dill" || text.starts_with("dill.") || (text == ALIAS && !had_alias) {
                modules.del_item(name)?;
            }
        }
    }
    result
}

/// Another name of `__main__`, which `multiprocessing` makes when it is imported, as dill does.
const ALIAS: &str = "__mp_main__";

/// Its version, or an empty text.
pub fn version(dill: &Bound<'_, PyModule>) -> String {
    dill.getattr("__version__").and_then(|version| version.extract()).unwrap_or_default()
}
