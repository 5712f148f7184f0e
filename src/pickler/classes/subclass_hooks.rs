//! The `__init_subclass__` methods of base classes, which Python calls when a load creates a class.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString, PyType};

use super::super::global_names::standard_modules;
use super::super::pickle_context::PickleContext;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// An `__init_subclass__` that must not run while the class is created.
pub(super) struct SubclassHook<'py> {
    pub(super) base: Bound<'py, PyType>,
    pub(super) name: Bound<'py, PyString>,
    /// `object.__init_subclass__`, which does nothing.
    pub(super) disabled: Bound<'py, PyAny>,
    pub(super) original: Bound<'py, PyAny>,
}

/// The hooks of the script's own base classes: they have run, and the globals that they use may not exist yet at load.
/// Hooks of libraries run again, as they may register the class somewhere, unless they need things that the skeleton
/// does not have: the attributes that a library's metaclass has made (`of_libraries`), or arguments of the class
/// statement.
pub(super) fn hooks_to_disable<'py>(
    context: &PickleContext,
    class: &Bound<'py, PyType>,
    of_libraries: bool,
) -> PyResult<Vec<SubclassHook<'py>>> {
    let py = class.py();
    let name = PyString::intern(py, "__init_subclass__");
    let disabled = py.get_type::<PyAny>().getattr(&name)?;
    let mut found = Vec::new();
    for base in class.order().iter().skip(1) {
        let original = base.getattr("__dict__")?.call_method1("get", (&name,))?;
        if original.is_none() {
            continue;
        }
        let unwanted = || Ok::<_, PyErr>(!is_standard(&base)? && (of_libraries || needs_arguments(&original)?));
        if context.is_local(&base)? || unwanted()? {
            let base = base.cast_into::<PyType>()?;
            found.push(SubclassHook { base, name: name.clone(), disabled: disabled.clone(), original });
        }
    }
    Ok(found)
}

/// Whether a hook cannot be called without keyword arguments.
fn needs_arguments(hook: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(function) = hook.getattr("__func__").tolerated() else { return Ok(false) };
    let Some(code) = function.getattr_opt("__code__")? else { return Ok(false) };
    let count = |name: &str| code.getattr(name)?.extract::<usize>();
    let given = |name: &str| {
        let defaults = function.getattr(name)?;
        if defaults.is_none() { Ok(0) } else { defaults.len() }
    };
    // The first argument is the class.
    Ok(count("co_argcount")? > 1 + given("__defaults__")? || count("co_kwonlyargcount")? > given("__kwdefaults__")?)
}

/// Whether a class is of the standard library.
fn is_standard(class: &Bound<'_, PyAny>) -> PyResult<bool> {
    let module = class.getattr("__module__")?.str()?.to_string_lossy().into_owned();
    standard_modules(class.py())?.contains(module.split('.').next().unwrap_or_default())
}

/// Whether the `__init_subclass__` of a library runs when the class is created. scikit-learn's base classes wrap
/// methods in it, and would wrap a wrapped method again at each load. So the methods are set again afterwards.
pub(super) fn library_changes_class(context: &PickleContext, class: &Bound<'_, PyType>) -> PyResult<bool> {
    for base in class.order().iter().skip(1) {
        let has_hook = base.getattr("__dict__")?.contains("__init_subclass__")?;
        if has_hook && !context.is_local(&base)? && !is_standard(&base)? {
            return Ok(true);
        }
    }
    Ok(false)
}
