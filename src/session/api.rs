//! The module that scripts import as `snapcli` when they run under snapcli: `save` and `restore` from within a
//! script, and the pickler under the names of dill's functions.
//!
//! It is compiled into the program. [`add_to_inittab`] makes it known to Python, before Python starts. The doc
//! comments of the functions are what Python's `help()` shows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use glob::Pattern;
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyString};

use super::provenance::Origin;
use super::restore::{self as session_restore, AmbientChoice, RestoreRequest, Restored, Signer, Untrusted};
use super::save::{SaveRequest, SaveSource, save_namespace, signing_key};
use super::select::SelectionRules;
use crate::pickler;
use crate::python::context;
use crate::snapshot::atomic::AtomicFile;
use crate::snapshot::index::{Index, LeftOutReason, ScriptEnd};
use crate::snapshot::reader::Snapshot;
use crate::ui::escape;

/// Adds the module to the table of built-in modules. Call it before Python is initialized.
pub(crate) fn add_to_inittab() {
    pyo3::append_to_inittab!(snapcli);
}

/// Saves and restores sessions from within a script that runs under snapcli, and pickles objects as `snapcli save`
/// does, with functions that have the names and the meaning of dill's.
#[pymodule]
pub mod snapcli {
    #[pymodule_export]
    use super::{dump, dumps, load, load_dict, loads, restore, save};
    #[pymodule_export]
    use crate::session::ipython_extension::{load_ipython_extension, unload_ipython_extension};
}

/// The same functions as an extension module, for the package `snapcli` of the wheel.
#[cfg(feature = "extension")]
#[pymodule]
pub mod _engine {
    #[pymodule_export]
    use super::{_run, dump, dumps, load, load_dict, loads, restore, save};
}

/// Runs the program with the arguments that the launcher gave to Python. For `snapcli/__main__.py`.
#[cfg(feature = "extension")]
#[pyfunction]
fn _run(arguments: Vec<std::ffi::OsString>) -> u8 {
    crate::python::injected::run_in_python(&arguments)
}

/// Pickles an object and returns the bytes, as `dill.dumps` does. Protocols other than 5 are written by dill itself.
#[pyfunction]
#[pyo3(signature = (obj, protocol = None, byref = None, fmode = None, recurse = None, *, buffer_callback = None))]
fn dumps<'py>(
    obj: &Bound<'py, PyAny>,
    protocol: Option<i32>,
    byref: Option<Bound<'py, PyAny>>,
    fmode: Option<Bound<'py, PyAny>>,
    recurse: Option<Bound<'py, PyAny>>,
    buffer_callback: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = obj.py();
    let options = PyDict::new(py);
    for (name, value) in [("byref", byref), ("fmode", fmode), ("recurse", recurse)] {
        options.set_item(name, value)?;
    }
    // A negative protocol means the highest one, as in pickle.
    if protocol.is_some_and(|protocol| !(protocol < 0 || protocol == 5)) {
        if buffer_callback.is_some() {
            return Err(PyValueError::new_err("buffer_callback needs protocol >= 5"));
        }
        options.set_item("protocol", protocol)?;
        return py.import("dill")?.getattr("dumps")?.call((obj,), Some(&options));
    }
    let import = Box::new(|py: Python<'_>| Ok(py.import("dill")?.unbind()));
    Ok(pickler::dumps(obj, import, options.unbind(), buffer_callback)?.into_any())
}

/// Pickles an object into a file, as `dill.dump` does.
#[pyfunction]
#[pyo3(signature = (obj, file, protocol = None, byref = None, fmode = None, recurse = None, *, buffer_callback = None))]
fn dump<'py>(
    obj: &Bound<'py, PyAny>,
    file: &Bound<'py, PyAny>,
    protocol: Option<i32>,
    byref: Option<Bound<'py, PyAny>>,
    fmode: Option<Bound<'py, PyAny>>,
    recurse: Option<Bound<'py, PyAny>>,
    buffer_callback: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let bytes = dumps(obj, protocol, byref, fmode, recurse, buffer_callback)?;
    file.call_method1("write", (bytes,)).map(drop)
}

/// Loads an object from a pickle in memory, as `dill.loads` does.
#[pyfunction]
#[pyo3(signature = (data, **options))]
fn loads<'py>(data: &Bound<'py, PyAny>, options: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
    data.py().import("dill")?.getattr("loads")?.call((data,), options)
}

/// Loads an object from a file that contains a pickle, as `dill.load` does.
#[pyfunction]
#[pyo3(signature = (file, **options))]
fn load<'py>(file: &Bound<'py, PyAny>, options: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
    file.py().import("dill")?.getattr("load")?.call((file,), options)
}

/// Saves the session as `snapcli save` does, from within a script or at the prompt. Returns a dict of the names that
/// could not be saved, each with the reason; an object within a variable is named by its path: `results['job7']`.
///
/// `namespace` is a module, or a dict whose items are saved as variables of `__main__`, with the globals that their
/// code uses. The default is `__main__`, or at the prompt of IPython the namespace of that prompt. With `sync=False`,
/// the file may reach the disk half a minute later: that is faster, but a power cut can lose it. With `whole=True`, a
/// variable is left out as a whole if an object in it cannot be saved.
#[pyfunction]
#[pyo3(signature = (path, namespace = None, *, sync = true, whole = false))]
fn save<'py>(
    py: Python<'py>,
    path: PathBuf,
    namespace: Option<Bound<'py, PyAny>>,
    sync: bool,
    whole: bool,
) -> PyResult<Bound<'py, PyDict>> {
    // Names that rules leave out are not failures: the dict has only those that could not be pickled.
    let saved = save_session(py, &path, namespace.as_ref(), sync, whole);
    let index = saved.map_err(|error| to_exception(error, "save to", &path))?;
    let failed = PyDict::new(py);
    for item in index.left_out.iter().filter(|item| item.reason == LeftOutReason::Failed) {
        failed.set_item(&item.name, &item.error)?;
    }
    for item in index.variables.iter().flat_map(|variable| &variable.lost) {
        failed.set_item(&item.path, &item.error)?;
    }
    Ok(failed)
}

/// Restores a snapshot into the module that it was saved from, as `snapcli restore` does. Returns a dict of the
/// variables that could not be restored, each with the reason.
///
/// `only` and `exclude` take a pattern or a list of patterns. With `mmap=True`, arrays are memory-mapped. From a file
/// that is not signed with your key, only plain data is restored; if the file needs more, `pickle.UnpicklingError` is
/// raised, unless `trust=True`. With `ambient=False`, the state of random generators, the environment and the like
/// stay as they are; the working directory does in any case.
#[pyfunction]
#[pyo3(signature = (path, only = None, *, exclude = None, mmap = false, trust = false, ambient = true))]
fn restore<'py>(
    py: Python<'py>,
    path: PathBuf,
    only: Option<Bound<'py, PyAny>>,
    exclude: Option<Bound<'py, PyAny>>,
    mmap: bool,
    trust: bool,
    ambient: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let (only, exclude) = (patterns(only)?, patterns(exclude)?);
    LoadOptions { path, only, exclude, mmap, trust, ambient, into: None }.load(py)
}

/// Returns the variables of a snapshot as a dict, as `dill.load_module_asdict` does, and changes no module. Variables
/// that cannot be restored are missing from the dict.
#[pyfunction]
#[pyo3(signature = (path, only = None, *, exclude = None, mmap = false, trust = false))]
fn load_dict<'py>(
    py: Python<'py>,
    path: PathBuf,
    only: Option<Bound<'py, PyAny>>,
    exclude: Option<Bound<'py, PyAny>>,
    mmap: bool,
    trust: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let names = PyDict::new(py);
    let into = Some(names.clone());
    let (only, exclude) = (patterns(only)?, patterns(exclude)?);
    LoadOptions { path, only, exclude, mmap, trust, ambient: false, into }.load(py)?;
    Ok(names)
}

/// The names that a script saves.
struct SavedNamespace<'py> {
    module: Bound<'py, PyModule>,
    names: Bound<'py, PyDict>,
    /// Whether the script has chosen the names.
    is_part: bool,
}

impl<'py> SavedNamespace<'py> {
    fn new(py: Python<'py>, given: Option<&Bound<'py, PyAny>>) -> Result<Self> {
        let main = py.import("__main__")?;
        let Some(given) = given else { return Self::of_caller(py, main) };
        if let Ok(module) = given.cast::<PyModule>() {
            return Ok(Self { module: module.clone(), names: module.dict(), is_part: false });
        }
        let names = given.cast::<PyDict>().map_err(PyErr::from).context("the namespace must be a dict or a module")?;
        // `globals()` is the session itself.
        if names.is(main.dict()) {
            return Ok(Self { names: main.dict(), module: main, is_part: false });
        }
        for key in names.keys() {
            if !key.is_instance_of::<PyString>() {
                let text = format!("cannot save the key {}: the names of variables are strings", key.repr()?);
                return Err(PyTypeError::new_err(text).into());
            }
        }
        // A whole namespace, such as the `globals()` of another module, has these names.
        let is_part = !names.contains("__builtins__")?;
        Ok(Self { module: main, names: names.clone(), is_part })
    }

    /// The default: `__main__`, or the namespace of an interactive prompt that calls itself `__main__`.
    fn of_caller(py: Python<'py>, main: Bound<'py, PyModule>) -> Result<Self> {
        let session = Self { names: main.dict(), module: main, is_part: false };
        // Without a Python frame, the caller is C code.
        let Ok(frame) = py.import("sys")?.call_method0("_getframe") else { return Ok(session) };
        let globals = frame.getattr("f_globals")?.cast_into::<PyDict>().map_err(PyErr::from)?;
        let code = frame.getattr("f_code")?;
        // The code of a module, a prompt or `exec`: its local names are those of a namespace, not of a function.
        let is_toplevel =
            code.getattr("co_name")?.eq("<module>")? || code.getattr("co_flags")?.extract::<u32>()? & 2 == 0;
        let locals = if is_toplevel { frame.getattr("f_locals")?.cast_into::<PyDict>().ok() } else { None };
        let locals = locals.filter(|locals| !locals.is(&globals));
        if locals.is_none() && (globals.is(&session.names) || !is_named_main(&globals)) {
            return Ok(session);
        }
        let names = globals.copy()?;
        for (name, value) in locals.iter().flatten() {
            names.set_item(name, value)?;
        }
        Ok(Self { names, ..session })
    }
}

fn is_named_main(globals: &Bound<'_, PyDict>) -> bool {
    globals.get_item("__name__").ok().flatten().is_some_and(|name| name.eq("__main__").unwrap_or(false))
}

fn save_session(
    py: Python<'_>,
    path: &Path,
    namespace: Option<&Bound<'_, PyAny>>,
    sync: bool,
    whole: bool,
) -> Result<Index> {
    let running = context::of_process(py)?;
    let SavedNamespace { module, names, is_part } = SavedNamespace::new(py, namespace)?;
    let is_main = module.is(&py.import("__main__")?);
    let origin = Origin {
        command: running.command.as_ref(),
        source: running.source.as_ref(),
        ended: ScriptEnd { how: "running".to_owned(), code: 0, traceback: None },
        seconds: running.started.elapsed().as_secs_f64(),
        interpreter: &running.interpreter,
    };
    let name = module.name()?.to_string_lossy().into_owned();
    let key = signing_key(running.verbosity);
    let request = SaveRequest {
        module: &name,
        rules: &SelectionRules { whole, ..SelectionRules::default() },
        check_load: true,
        all_faults: false,
        ambient: is_main && !is_part,
        key: key.as_ref(),
        progress: &|_, _, _| {},
    };
    let file = AtomicFile::create(path)?;
    let (file, index, _) = running.dill.at_hand(py, |dill| {
        let source = SaveSource { module: &module, namespace: &names, is_part, dill };
        save_namespace(py, &request, &source, &origin, file)
    })??;
    // Syncing a large file can take seconds, in which other threads of the script may run.
    py.detach(|| if sync { file.commit() } else { file.commit_without_sync() })?;
    Ok(index)
}

/// The arguments of `restore` and `load_dict`.
struct LoadOptions<'py> {
    path: PathBuf,
    only: Vec<Pattern>,
    exclude: Vec<Pattern>,
    mmap: bool,
    trust: bool,
    ambient: bool,
    /// The dict to load into; `None` for the module that the snapshot was saved from.
    into: Option<Bound<'py, PyDict>>,
}

impl<'py> LoadOptions<'py> {
    /// Returns the variables that could not be restored, each with the reason.
    fn load(self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let restored = self.restore(py).map_err(|error| match error.downcast_ref::<Untrusted>() {
            Some(_) => untrusted_error(py, &error.to_string()),
            None => to_exception(error, "restore", &self.path),
        })?;
        let lost = PyDict::new(py);
        for item in restored.lost {
            lost.set_item(item.name, item.why)?;
        }
        Ok(lost)
    }

    fn restore(&self, py: Python<'py>) -> Result<Restored> {
        let running = context::of_process(py)?;
        let snapshot = Snapshot::open(&self.path)?;
        // There is no question here, unlike in `snapcli restore`: a script cannot answer it.
        let trusted = self.trust || Signer::of(&snapshot) == Signer::User;
        // A trusted file is as large as it is.
        let snapshot = Arc::new(snapshot.with_max_memory(trusted.then_some(u64::MAX)));
        let name = self.path.display().to_string();
        running.dill.at_hand(py, |dill| {
            let request = RestoreRequest {
                name: &name,
                only: &self.only,
                exclude: &self.exclude,
                mapped: self.mmap,
                partial: false,
                renames: &[],
                into: self.into.clone(),
                trusted,
                finds_script_modules: false,
                fault_log: None,
                ambient: if self.ambient { AmbientChoice::All } else { AmbientChoice::None },
                dill,
            };
            session_restore::restore(py, &snapshot, &request, &|_| {})
        })?
    }
}

/// A refusal as `pickle.UnpicklingError`, with Python arguments in place of the options of the command line.
fn untrusted_error(py: Python<'_>, message: &str) -> PyErr {
    let message = message.replace("--trust", "trust=True").replace("--only", "only=");
    match py.import("pickle").and_then(|pickle| pickle.getattr("UnpicklingError")?.call1((message,))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// One pattern, or a list of patterns.
fn patterns(given: Option<Bound<'_, PyAny>>) -> PyResult<Vec<Pattern>> {
    let strings = match given {
        None => Vec::new(),
        Some(given) => match given.extract::<String>() {
            Ok(one) => vec![one],
            Err(_) => given.extract::<Vec<String>>()?,
        },
    };
    let parse =
        |string: &String| Pattern::new(string).map_err(|error| PyValueError::new_err(format!("{string}: {error}")));
    strings.iter().map(parse).collect()
}

/// The Python exception in an error, if there is one; otherwise an OSError with its message.
fn to_exception(error: anyhow::Error, action: &str, path: &Path) -> PyErr {
    match error.downcast::<PyErr>() {
        Ok(error) => error,
        Err(error) => {
            // Python prints the message as it is, and parts of it may come from a hostile file.
            let text = format!("cannot {action} {}: {error:#}", path.display());
            PyOSError::new_err(escape(&text).into_owned())
        }
    }
}
