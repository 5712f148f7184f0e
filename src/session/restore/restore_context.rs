//! What a restore is asked for, what it works with, and what it returns.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use glob::Pattern;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::attribute_setter::KeptAttributes;
use super::dill_functions::definitions;
use super::fault_log::FaultLog;
use super::loss_reason::{FailedImport, LossReason};
use super::module_renames::ModuleRenames;
use super::unpickler::load_function;
use crate::python::dill::LazyDill;
use crate::snapshot::index::{Index, Variable, split_local_name};
use crate::snapshot::segment::module_and_name;

/// What to restore, and how.
pub(crate) struct RestoreRequest<'a, 'py> {
    /// The name of the file in messages.
    pub name: &'a str,
    /// If not empty, only variables that match one of these are restored, with the globals that their code uses.
    pub only: &'a [Pattern],
    /// Variables that match one of these are not restored.
    pub exclude: &'a [Pattern],
    /// Whether the raw buffers of arrays are memory-mapped instead of read.
    pub mapped: bool,
    /// Whether to restore the intact variables of a damaged file, instead of failing.
    pub partial: bool,
    /// Modules that were renamed since the save: the old name, the new name.
    pub renames: ModuleRenames,
    /// The dict to restore into; `None` for the module that the variables were saved from.
    pub into: Option<Bound<'py, PyDict>>,
    /// Whether the file may run any code, because this user signed it or passed `--trust`. Only plain data is loaded
    /// from any other file.
    pub trusted: bool,
    /// Whether modules next to the saved script become importable, if the file is trusted. A script that restores a
    /// file keeps its own `sys.path`.
    pub finds_script_modules: bool,
    /// Collects the offsets at which loads fail.
    pub fault_log: Option<Rc<FaultLog>>,
    /// Whether to put back what the session changed besides its variables.
    pub ambient: AmbientChoice,
    /// The frames of a traceback whose local variables are loaded.
    pub frames: FrameChoice,
    /// Imports dill when it is needed.
    pub dill: &'a LazyDill,
}

impl<'a> RestoreRequest<'a, '_> {
    /// A request for all variables of a file that is not trusted, and for nothing besides them.
    pub(crate) fn new(name: &'a str, dill: &'a LazyDill) -> Self {
        Self {
            name,
            only: &[],
            exclude: &[],
            mapped: false,
            partial: false,
            renames: ModuleRenames::default(),
            into: None,
            trusted: false,
            finds_script_modules: false,
            fault_log: None,
            ambient: AmbientChoice::None,
            frames: FrameChoice::None,
            dill,
        }
    }
}

/// Which frames of a crash snapshot get their local variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameChoice {
    /// None: only the session is restored.
    None,
    /// All, for the prompt.
    All,
    /// That with this number.
    One(usize),
}

impl FrameChoice {
    /// Whether a local variable is wanted. Its frame must exist.
    pub(super) fn takes(self, variable: &Variable, frames: usize) -> bool {
        let frame = split_local_name(&variable.name).map(|(frame, _)| frame).filter(|frame| *frame < frames);
        match self {
            Self::None => false,
            Self::All => frame.is_some(),
            Self::One(number) => frame == Some(number),
        }
    }
}

/// The local variables of frames, by the number of the frame.
pub(crate) type LoadedFrames = BTreeMap<usize, Py<PyDict>>;

/// Puts a local variable, by its name in the index, into the dict of its frame.
pub(super) fn add_local(frames: &mut LoadedFrames, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let Some((frame, name)) = split_local_name(name) else { return Ok(()) };
    let py = value.py();
    frames.entry(frame).or_insert_with(|| PyDict::new(py).unbind()).bind(py).set_item(name, value)
}

/// What of the ambient state is put back, if the file is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AmbientChoice {
    /// Nothing.
    None,
    /// All but the working directory: paths in the arguments of a script are relative to the present one.
    All,
    /// All, for the prompt and for code.
    AllAndDirectory,
}

/// What was restored.
#[derive(Default)]
pub(crate) struct Restored {
    /// The names of the restored variables.
    pub names: Vec<String>,
    /// The requested variables that could not be restored.
    pub lost: Vec<LostVariable>,
    /// The module that holds the variables now.
    pub module: String,
    /// The entries of the ambient state that were put back.
    pub state: Vec<String>,
    /// What was not, and why.
    pub notes: Vec<String>,
    /// The local variables of frames.
    pub frames: LoadedFrames,
}

/// A requested variable that could not be restored.
pub(crate) struct LostVariable {
    /// The name.
    pub name: String,
    /// The type, as in the index.
    pub type_name: String,
    /// The reason.
    pub why: String,
    /// The import that failed, if that is the reason.
    pub import: Option<FailedImport>,
}

impl LostVariable {
    pub(super) fn new(name: &str, type_name: &str, why: LossReason) -> Self {
        let LossReason { text, import } = why;
        Self { name: name.to_owned(), type_name: type_name.to_owned(), why: text, import }
    }
}

/// Where a load looks up globals, and which ones it may find.
pub(super) struct RestoreContext<'py> {
    /// The module that the file is a session of.
    pub(super) module: Bound<'py, PyModule>,
    /// The dict that the variables are restored into.
    pub(super) namespace: Bound<'py, PyDict>,
    /// The classes and type variables that it held before the load.
    pub(super) before: Bound<'py, PyDict>,
    /// Modules that were renamed since the save: the old name, the new name.
    pub(super) renames: ModuleRenames,
    pub(super) dill: LazyDill,
    /// Set when a pickle without an index names a class of arrays in files of their own; `None` for other files.
    pub(super) array_files: Option<Arc<AtomicBool>>,
    /// As in the request.
    pub(super) fault_log: Option<Rc<FaultLog>>,
    pub(super) imports: Arc<ImportRecord>,
    pub(super) kept: Arc<KeptAttributes>,
    /// Calls the unpickler it is given, with Python frames below.
    pub(super) frames: Bound<'py, PyAny>,
}

/// The imports that failed during a restore. A module that raises an exception is not executed again for each variable
/// that needs it.
#[derive(Default)]
pub(super) struct ImportRecord(Mutex<HashMap<String, PyErr>>);

impl ImportRecord {
    /// Imports a module, unless that has failed before: then the same exception is returned.
    pub(super) fn import<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyModule>> {
        // The lock must not be held during an import, which can restore another file.
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).map(|error| error.clone_ref(py));
        if let Some(error) = known {
            return Err(error);
        }
        py.import(name).inspect_err(|error| {
            if !error.is_instance_of::<PyKeyboardInterrupt>(py) {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), error.clone_ref(py));
            }
        })
    }
}

impl<'py> RestoreContext<'py> {
    pub(super) fn new(
        request: &RestoreRequest<'_, 'py>,
        module: Bound<'py, PyModule>,
        namespace: Bound<'py, PyDict>,
    ) -> PyResult<Self> {
        let (renames, dill) = (request.renames.clone(), request.dill.clone());
        let fault_log = request.fault_log.clone();
        let frames = load_function(module.py(), &namespace)?;
        let before = definitions(&namespace)?;
        let (imports, kept) = Default::default();
        Ok(Self { module, namespace, before, renames, dill, array_files: None, fault_log, imports, kept, frames })
    }
}

/// Sets the variables of other modules: imports the module, and puts the value into its namespace, as BUILD does. Keeps
/// the modules, or why an import failed: a module that fails is not run again.
#[derive(Default)]
pub(super) struct ModuleItems<'py> {
    modules: HashMap<String, Result<Bound<'py, PyModule>, LossReason>>,
}

impl<'py> ModuleItems<'py> {
    /// Sets the variable `item`, which is `module.name`. Returns the reason if that is impossible.
    pub(super) fn set(
        &mut self,
        context: &RestoreContext<'py>,
        item: &str,
        value: &Bound<'py, PyAny>,
    ) -> Result<(), LossReason> {
        let (module, name) = module_and_name(item).ok_or_else(|| LossReason::from("it names no module"))?;
        let py = context.module.py();
        let import = || {
            let renamed = context.renames.present(module);
            py.import(renamed.as_str()).map_err(|error| LossReason::of(py, &error))
        };
        let module =
            self.modules.entry(module.to_owned()).or_insert_with(import).as_ref().map_err(LossReason::clone)?;
        // Not `setattr`: a module can have a class of its own.
        module.dict().set_item(name, value).map_err(|error| LossReason::of(py, &error))
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

/// Makes the modules next to the saved script importable again, if its directory still exists.
pub(super) fn add_script_directory(py: Python<'_>, index: &Index) -> anyhow::Result<()> {
    if index.script.kind != "script" {
        return Ok(());
    }
    let directory = std::path::Path::new(&index.script.path).parent().filter(|directory| directory.is_dir());
    let Some(directory) = directory else { return Ok(()) };
    let path = py.import("sys")?.getattr("path")?;
    // At the end of `sys.path`: these modules must not shadow those of the environment.
    if !path.contains(directory.as_os_str())? {
        path.call_method1("append", (directory.as_os_str(),)).context("cannot extend sys.path")?;
    }
    Ok(())
}
