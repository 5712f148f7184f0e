//! What a restore is asked for, what it works with, and what it returns.

use anyhow::Context as _;
use glob::Pattern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use crate::python::dill::LazyDill;
use crate::snapshot::index::Index;

/// What to restore, and how.
pub(crate) struct RestoreRequest<'a, 'py> {
    /// The file, as messages call it.
    pub name: &'a str,
    /// Where it is not empty: restore only variables that match one of these, and what their code needs.
    pub only: &'a [Pattern],
    /// Do not restore variables that match one of these.
    pub exclude: &'a [Pattern],
    /// Whether raw buffers of arrays are mapped, so that they are read when they are used.
    pub mapped: bool,
    /// Whether variables that are intact are restored from a file in which others are damaged.
    pub partial: bool,
    /// Modules that were renamed since the save: the old name, the new name.
    pub renames: &'a [(String, String)],
    /// The dict whose items the variables become; `None` for the module they were saved from.
    pub into: Option<Bound<'py, PyDict>>,
    /// Whether the file may do anything, as this user signed it or vouches for it. Any other file gets plain data only.
    pub trusted: bool,
    /// Whether modules beside the saved script become importable, if the file is trusted. A script that restores a file
    /// keeps its own `sys.path`.
    pub finds_script_modules: bool,
    /// dill, which is imported where it is needed.
    pub dill: &'a LazyDill,
}

/// What was restored.
pub(crate) struct Restored {
    /// The names of the variables.
    pub names: Vec<String>,
    /// The variables that were asked for and were not restored.
    pub lost: Vec<LostVariable>,
    /// The module that holds the variables now.
    pub module: String,
}

/// A variable that was asked for and was not restored.
pub(crate) struct LostVariable {
    /// The name.
    pub name: String,
    /// The type, as in the index.
    pub type_name: String,
    /// The reason.
    pub why: String,
}

/// Where a load looks up globals, and how far it may go.
pub(super) struct RestoreContext<'py> {
    /// The module that the file is a session of.
    pub(super) module: Bound<'py, PyModule>,
    /// The dict that the variables of the session become items of.
    pub(super) namespace: Bound<'py, PyDict>,
    /// Modules that were renamed since the save: the old name, the new name.
    pub(super) renames: Vec<(String, String)>,
    pub(super) dill: LazyDill,
    /// Whether only globals that make plain data are found, as the file is not trusted.
    pub(super) guarded: bool,
}

impl<'py> RestoreContext<'py> {
    /// For variables that become items of `namespace`.
    pub(super) fn new(
        request: &RestoreRequest<'_, 'py>,
        module: Bound<'py, PyModule>,
        namespace: Bound<'py, PyDict>,
    ) -> Self {
        let (renames, dill, guarded) = (request.renames.to_vec(), request.dill.clone(), !request.trusted);
        Self { module, namespace, renames, dill, guarded }
    }
}

/// Makes a module reachable from `__main__`, where the prompt and scripts look up names.
pub(super) fn bind_module(py: Python<'_>, module: &Bound<'_, PyModule>) -> PyResult<()> {
    let main = py.import("__main__")?;
    if module.is(&main) {
        return Ok(());
    }
    let name = module.name()?.to_string_lossy().into_owned();
    // `import a.b` binds `a`.
    let top = name.split('.').next().unwrap_or(&name);
    let top_module = py.import("sys")?.getattr("modules")?.call_method1("get", (top, module))?;
    main.setattr(top, top_module)
}

/// Makes modules beside the saved script importable again, where its directory still exists.
pub(super) fn add_script_directory(py: Python<'_>, index: &Index) -> anyhow::Result<()> {
    if index.script.kind != "script" {
        return Ok(());
    }
    let directory = std::path::Path::new(&index.script.path).parent().filter(|directory| directory.is_dir());
    let Some(directory) = directory else { return Ok(()) };
    let path = py.import("sys")?.getattr("path")?;
    if !path.contains(directory.as_os_str())? {
        path.call_method1("append", (directory.as_os_str(),)).context("cannot extend sys.path")?;
    }
    Ok(())
}
