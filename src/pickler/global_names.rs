//! Which module and name leads to an object, and whether another process would find the object there.
//!
//! pickle writes classes, functions and modules by name. As `save_global` of CPython's Lib/pickle.py does, these
//! functions trust a name only after they have looked it up.

use std::borrow::Cow;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyString};
use rustc_hash::FxHashSet;

use crate::python::deferred_signals::Tolerated as _;
pub(crate) use crate::python::ffi::loaded_modules;
use crate::python::ffi::sys_attribute;

/// `sys.stdlib_module_names`.
pub(super) fn standard_modules(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    sys_attribute(py, c"stdlib_module_names")
}

/// The module and the qualified name by which an import finds a class or function. None if it belongs to the script,
/// whose module is `main`.
pub(crate) fn global_name(object: &Bound<'_, PyAny>, main: &Bound<'_, PyAny>) -> PyResult<Option<(String, String)>> {
    let py = object.py();
    let Some(Some(module)) = object.getattr_opt(intern!(py, "__module__")).tolerated() else { return Ok(None) };
    let Ok(module) = module.cast_into::<PyString>() else { return Ok(None) };
    let Ok(module) = module.to_str() else { return Ok(None) };
    if module == "__main__" {
        return Ok(None);
    }
    let Some(Some(name)) = object.getattr_opt(intern!(py, "__qualname__")).tolerated() else { return Ok(None) };
    let Ok(name) = name.cast_into::<PyString>() else { return Ok(None) };
    let Ok(name) = name.to_str() else { return Ok(None) };
    let Some(mut found) = module_named(object.py(), module)? else { return Ok(None) };
    // The script may have set its `__name__`, and so the `__module__` of its classes.
    if found.is(main) {
        return Ok(None);
    }
    let name = attribute_path(name);
    for part in name.split('.') {
        match found.getattr_opt(part) {
            Ok(Some(next)) => found = next,
            _ => return Ok(None),
        }
    }
    Ok(found.is(object).then(|| (module.to_owned(), name.into_owned())))
}

/// The attributes that a qualified name means: `A.__b` is the attribute `_A__b` of `A`, as in `save_global` of
/// CPython's Lib/pickle.py since 3.15.
fn attribute_path(qualified: &str) -> Cow<'_, str> {
    if !qualified.contains(".__") {
        return Cow::Borrowed(qualified);
    }
    let (mut path, mut class) = (String::new(), "");
    for part in qualified.split('.') {
        if !path.is_empty() {
            path.push('.');
            if part.starts_with("__") && !part.ends_with("__") && !class.is_empty() {
                path.push('_');
                path.push_str(class);
            }
        }
        path.push_str(part);
        class = part.trim_start_matches('_');
    }
    Cow::Owned(path)
}

/// Modules of the standard library that classes of modules in C say they are from, such as `deque` of `_collections`.
const OF_C_MODULES: [&str; 7] = ["collections", "functools", "operator", "datetime", "re", "decimal", "contextvars"];

/// A module that is loaded, or a part of a loaded package of the standard library: the classes of `_collections_abc`
/// say that they are from `collections.abc`, which may not be loaded. Nor may be one of [`OF_C_MODULES`].
fn module_named<'py>(py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let modules = loaded_modules(py)?;
    if let Some(found) = modules.get_item(name).tolerated() {
        return Ok(Some(found));
    }
    let standard = standard_modules(py)?;
    let is_standard = match name.rsplit_once('.') {
        Some((package, _)) => {
            modules.contains(package)? && standard.contains(name.split('.').next().unwrap_or(name))?
        }
        None => OF_C_MODULES.contains(&name),
    };
    Ok(if is_standard { py.import(name).tolerated().map(Bound::into_any) } else { None })
}

/// The reason if it is certain that another process cannot import a module: it is the script itself, whose names do not
/// exist yet when a load looks them up, or it was made at run time.
pub(super) fn why_unimportable(py: Python<'_>, module: &str, main: &Bound<'_, PyAny>) -> Option<&'static str> {
    let found = loaded_modules(py).tolerated()?.get_item(module).tolerated()?;
    if found.is(main) {
        return Some("its module is the script itself, which another process cannot import");
    }
    let has =
        |name: &Bound<'_, PyString>| found.getattr_opt(name).tolerated().flatten().is_some_and(|it| !it.is_none());
    // Submodules may have neither attribute: their package creates them when it is imported.
    let importable = module.contains('.') || has(intern!(py, "__spec__")) || has(intern!(py, "__file__"));
    (!importable).then_some("its module was created at run time, so another process cannot import it")
}

/// The name by which an import finds a module: its `__name__`, the name in its spec (before 3.13 the `__name__` of
/// `_collections_abc` is `collections.abc`), or any other name in `sys.modules`.
pub(super) fn module_name(module: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let py = module.py();
    let modules = loaded_modules(py)?;
    let names = module.cast::<PyModule>()?.dict();
    let is_known = |name: &Bound<'_, PyAny>| modules.get_item(name).tolerated().is_some_and(|found| found.is(module));
    if let Some(own) = names.get_item(intern!(py, "__name__"))?
        && let Some(name) = own.extract::<String>().tolerated()
        && is_known(&own)
    {
        return Ok(Some(name));
    }
    if let Some(of_spec) = names.get_item(intern!(py, "__spec__"))?.and_then(|spec| spec.getattr("name").tolerated())
        && let Some(name) = of_spec.extract::<String>().tolerated()
        && is_known(&of_spec)
    {
        return Ok(Some(name));
    }
    for (name, found) in modules.cast::<PyDict>()? {
        if found.is(module) {
            return Ok(name.extract().tolerated());
        }
    }
    Ok(None)
}

/// As [`module_dicts`], but only the modules that another process may find.
pub(super) fn importable_module_dicts(main: &Bound<'_, PyAny>) -> PyResult<Vec<(usize, String)>> {
    let py = main.py();
    let has = |names: &Bound<'_, PyDict>, name: &Bound<'_, PyString>| {
        names.get_item(name).tolerated().is_some_and(|value| value.is_some_and(|value| !value.is_none()))
    };
    module_dicts_if(py, |module, name| {
        // Most modules are decided by their namespaces.
        (has(&module.dict(), intern!(py, "__spec__")) && !module.is(main)) || why_unimportable(py, name, main).is_none()
    })
}

/// The dicts of all loaded modules by address, with the modules' names.
pub(crate) fn module_dicts(py: Python<'_>) -> PyResult<Vec<(usize, String)>> {
    module_dicts_if(py, |_, _| true)
}

fn module_dicts_if(
    py: Python<'_>,
    is_wanted: impl Fn(&Bound<'_, PyModule>, &str) -> bool,
) -> PyResult<Vec<(usize, String)>> {
    let modules = loaded_modules(py)?.cast_into::<PyDict>()?.copy()?;
    let mut found = Vec::with_capacity(modules.len());
    let mut seen = FxHashSet::default();
    for (key, module) in modules {
        let Ok(module) = module.cast_into::<PyModule>() else { continue };
        // A module with several names is registered under each of them.
        if !seen.insert(module.as_ptr() as usize) {
            continue;
        }
        let names = module.dict();
        // Nearly all modules are registered under their own names.
        let name = match (names.get_item(intern!(py, "__name__"))?, key.cast::<PyString>()) {
            (Some(own), Ok(key)) if own.is_exact_instance_of::<PyString>() && own.eq(key)? => key.extract().tolerated(),
            _ => module_name(module.as_any())?,
        };
        // GLOBAL ends a name at the line's end, so a name with a line feed cannot be written.
        if let Some(name) = name.filter(|name: &String| !name.contains('\n') && is_wanted(&module, name)) {
            found.push((names.as_ptr() as usize, name));
        }
    }
    Ok(found)
}
