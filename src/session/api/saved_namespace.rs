//! Which namespace a call of `snapcli.save` is about, and which one `snapcli.restore` fills: what was given, or that of
//! the session that the caller belongs to.

use anyhow::{Context, Result};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyModule, PyString, PyType};

use crate::pickler::loaded_modules;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::ffi::module;

/// The names that are saved.
pub(super) struct SavedNamespace<'py> {
    /// The module that they are saved for.
    pub(super) module: Bound<'py, PyModule>,
    pub(super) names: Bound<'py, PyDict>,
    /// Where their code looks up names: the namespace of the module, or `names`.
    pub(super) globals: Bound<'py, PyDict>,
    /// Whether the program has chosen the names, from a session that has more.
    pub(super) is_part: bool,
}

impl<'py> SavedNamespace<'py> {
    pub(super) fn new(py: Python<'py>, given: Option<&Bound<'py, PyAny>>) -> Result<Self> {
        let main = main_module(py)?;
        let Some(given) = given else { return Self::of_caller(py, main) };
        if let Ok(module) = given.cast::<PyModule>() {
            return Ok(Self::of_module(module.clone()));
        }
        let names = given.cast::<PyDict>().map_err(PyErr::from).context("the namespace must be a dict or a module")?;
        // `globals()` is the session itself.
        if names.is(main.dict()) {
            return Ok(Self::of_module(main));
        }
        for key in names.keys() {
            if !key.is_instance_of::<PyString>() {
                let text = format!("cannot save the key {}: the names of variables are strings", key.repr()?);
                return Err(PyTypeError::new_err(text).into());
            }
        }
        let names = names.clone();
        if is_of_module(py, &names)? {
            // The `globals()` of another module.
            return Ok(Self { globals: main.dict(), module: main, names, is_part: false });
        }
        Ok(match is_whole(&names)? {
            true => Self { module: main, globals: names.clone(), names, is_part: false },
            false => Self { globals: main.dict(), module: main, names, is_part: true },
        })
    }

    /// The same, without the GIL.
    pub(super) fn keep(self) -> KeptNamespace {
        let Self { module, names, globals, is_part } = self;
        KeptNamespace { module: module.unbind(), names: names.unbind(), globals: globals.unbind(), is_part }
    }

    fn of_module(module: Bound<'py, PyModule>) -> Self {
        Self { names: module.dict(), globals: module.dict(), module, is_part: false }
    }

    /// The default: the namespace of the session that the caller belongs to.
    fn of_caller(py: Python<'py>, main: Bound<'py, PyModule>) -> Result<Self> {
        let Some(Caller { globals, locals }) = Caller::find(py)? else { return Ok(Self::of_module(main)) };
        let Some(locals) = locals else {
            return Ok(Self { module: main, names: globals.clone(), globals, is_part: false });
        };
        let names = globals.copy()?;
        names.update(locals.as_mapping())?;
        Ok(Self { module: main, names, globals, is_part: false })
    }

    /// Whether the whole session of the process is saved.
    pub(super) fn is_main_session(&self, py: Python<'py>) -> PyResult<bool> {
        Ok(!self.is_part && self.module.is(main_module(py)?))
    }
}

/// A [`SavedNamespace`] that is kept for later.
pub(super) struct KeptNamespace {
    module: Py<PyModule>,
    names: Py<PyDict>,
    globals: Py<PyDict>,
    is_part: bool,
}

impl KeptNamespace {
    pub(super) fn bind<'py>(&self, py: Python<'py>) -> SavedNamespace<'py> {
        SavedNamespace {
            module: self.module.bind(py).clone(),
            names: self.names.bind(py).clone(),
            globals: self.globals.bind(py).clone(),
            is_part: self.is_part,
        }
    }
}

/// The module `__main__`. IPython 8 with a namespace of its own puts an object there that is no module: then an empty
/// module stands for it.
fn main_module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    let found = loaded_modules(py)?.get_item("__main__")?;
    found.cast_into::<PyModule>().or_else(|_| PyModule::new(py, "__main__"))
}

/// The namespace that the caller's session has, if that is not the one of `__main__`.
pub(super) fn own_namespace(py: Python<'_>) -> PyResult<Option<Bound<'_, PyDict>>> {
    let own = Caller::find(py)?.map(|caller| caller.globals);
    let main = main_module(py)?.dict();
    Ok(own.filter(|globals| !globals.is(&main)))
}

/// Code that belongs to a session of its own: a prompt, or code that `exec` runs in a dict.
struct Caller<'py> {
    globals: Bound<'py, PyDict>,
    /// The local names, if they are not the global ones.
    locals: Option<Bound<'py, PyDict>>,
}

impl<'py> Caller<'py> {
    /// `None` if the session is that of `__main__`: for its own code, and for that of other modules, which may save on
    /// behalf of a script.
    fn find(py: Python<'py>) -> PyResult<Option<Self>> {
        // Without a Python frame, the caller is C code.
        let Some(frame) = module(intern!(py, "sys"))?.call_method0(intern!(py, "_getframe")).tolerated() else {
            return Ok(None);
        };
        // `IPython.embed` has a subclass of dict.
        let Ok(globals) = frame.getattr("f_globals")?.cast_into::<PyDict>() else { return Ok(None) };
        let code = frame.getattr("f_code")?;
        // The code of a module, a prompt or `exec`: its local names are those of a namespace, not of a function.
        let is_toplevel =
            code.getattr("co_name")?.eq("<module>")? || code.getattr("co_flags")?.extract::<u32>()? & 2 == 0;
        let locals = if is_toplevel { frame.getattr("f_locals")?.cast_into::<PyDict>().ok() } else { None };
        let locals = locals.filter(|locals| !locals.is(&globals));
        let is_main = globals.is(main_module(py)?.dict());
        if (is_main && locals.is_none()) || (!is_main && is_of_module(py, &globals)?) {
            return Ok(None);
        }
        Ok(Some(Self { globals, locals }))
    }
}

/// Whether a dict is the namespace of a loaded module.
fn is_of_module(py: Python<'_>, names: &Bound<'_, PyDict>) -> PyResult<bool> {
    let Some(name) = names.get_item("__name__")? else { return Ok(false) };
    let found = loaded_modules(py)?.get_item(name).tolerated().and_then(|found| found.cast_into::<PyModule>().ok());
    Ok(found.is_some_and(|module| module.dict().is(names)))
}

/// Whether a dict is a namespace of its own: `exec` has run code in it, or its functions look up names there, as those
/// of a session that was loaded into a dict do.
fn is_whole(names: &Bound<'_, PyDict>) -> PyResult<bool> {
    if names.contains("__builtins__")? {
        return Ok(true);
    }
    let is_own = |object: &Bound<'_, PyAny>| {
        object.is_exact_instance_of::<PyFunction>()
            && object.getattr("__globals__").tolerated().is_some_and(|globals| globals.is(names))
    };
    Ok(names.values().iter().any(|value| {
        let members =
            || value.cast::<PyType>().ok()?.getattr("__dict__").tolerated()?.call_method0("values").tolerated();
        let has_own = |members: Bound<'_, PyAny>| {
            members
                .try_iter()
                .tolerated()
                .is_some_and(|mut it| it.any(|it| it.tolerated().is_some_and(|it| is_own(&it))))
        };
        is_own(&value) || members().is_some_and(has_own)
    }))
}
