//! The submodules that come with a package: `import a.b` binds `a` only, and another process that imports `a` may not
//! have `a.b`.
//!
//! A submodule is imported again if the script's own `import` statements name it, or if code of the session has all
//! parts of its name: `a.b` in a function where another one has imported it.

use std::sync::OnceLock;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool, PyCode, PyDict, PyModule, PyString, PyTuple, PyType};
use rustc_hash::FxHashSet;

use super::global_names::loaded_modules;
use super::pickle_context::PickleContext;
use super::plan::Action;
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// The facts about the session's imports.
#[derive(Default)]
pub(super) struct SessionImports {
    /// The modules with dotted names that the script imports.
    pub(super) imported: Vec<String>,
    /// The names in the code of the session, found when a package is first saved.
    used: OnceLock<FxHashSet<String>>,
}

/// The actions that import the submodules of a package and drop them. None if there are no such submodules.
pub(super) fn imports<'py>(
    context: &PickleContext,
    module: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<Option<Vec<Action<'py>>>> {
    let py = module.py();
    let needed = needed(context, module, name)?;
    if needed.is_empty() {
        return Ok(None);
    }
    let import = |name: &str| {
        let function = Action::Global { module: "dill._dill", name: "_import_module", object: None };
        [function, Action::Save(PyString::new(py, name).into_any())]
    };
    let mut actions = Vec::new();
    for submodule in needed {
        actions.extend(import(&submodule));
        // With `True`, a submodule that no longer exists costs nothing.
        actions.push(Action::Save(PyBool::new(py, true).to_owned().into_any()));
        actions.extend([Opcode::Tuple2, Opcode::Reduce, Opcode::Pop].map(Action::Write));
    }
    actions.extend(import(name));
    actions.extend([Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(module.clone()));
    Ok(Some(actions))
}

/// The names of the submodules, without submodules that the import of another one imports.
fn needed(context: &PickleContext, module: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<String>> {
    let names = module.cast::<PyModule>()?.dict();
    if !context.is_session() || !names.contains(intern!(module.py(), "__path__"))? {
        return Ok(Vec::new());
    }
    let prefix = format!("{name}.");
    let imports = &context.imports;
    let mut found = Vec::new();
    for (key, submodule) in loaded_modules(module.py())?.cast::<PyDict>()?.copy()? {
        let Some(full) = key.cast::<PyString>().ok().and_then(|name| name.to_str().tolerated()) else { continue };
        let Some(parts) = full.strip_prefix(&prefix) else { continue };
        let is_imported = || imports.imported.iter().any(|name| name == full);
        let is_used = || parts.split('.').all(|part| imports.used_names(context, module.py()).contains(part));
        if (is_imported() || is_used()) && is_attribute(&names, parts, &submodule)? {
            found.push(full.to_owned());
        }
    }
    found.sort_unstable();
    let all = found.clone();
    found.retain(|module| {
        !all.iter().any(|other| other.strip_prefix(module.as_str()).is_some_and(|rest| rest.starts_with('.')))
    });
    Ok(found)
}

/// Whether the attributes `parts` lead from a package to a submodule. Attributes that a package makes on demand do not
/// count.
fn is_attribute(package: &Bound<'_, PyDict>, parts: &str, submodule: &Bound<'_, PyAny>) -> PyResult<bool> {
    let mut names = package.clone();
    let mut found = None;
    for part in parts.split('.') {
        let Some(next) = names.get_item(part)? else { return Ok(false) };
        let Ok(module) = next.cast::<PyModule>() else { return Ok(false) };
        names = module.dict();
        found = Some(next);
    }
    Ok(found.is_some_and(|found| found.is(submodule)))
}

impl SessionImports {
    fn used_names(&self, context: &PickleContext, py: Python<'_>) -> &FxHashSet<String> {
        self.used.get_or_init(|| {
            let mut names = FxHashSet::default();
            for value in context.globals.bind(py).values() {
                // Reading code objects cannot fail. A class with a strange namespace uses no names.
                add_names_within(context, &value, &mut names).tolerated();
            }
            names
        })
    }
}

/// Adds the names in the code of a function, or of the methods of a class of the script.
fn add_names_within(context: &PickleContext, value: &Bound<'_, PyAny>, names: &mut FxHashSet<String>) -> PyResult<()> {
    if let Ok(class) = value.cast::<PyType>() {
        if context.is_script_class(class)? {
            for item in class.getattr("__dict__")?.call_method0("values")?.try_iter()? {
                add_names_of(&item?, names)?;
            }
        }
        return Ok(());
    }
    add_names_of(value, names)
}

fn add_names_of(function: &Bound<'_, PyAny>, names: &mut FxHashSet<String>) -> PyResult<()> {
    let py = function.py();
    let mut functions = vec![function.clone()];
    // Decorators keep the function under one of these names.
    for name in [intern!(py, "__func__"), intern!(py, "__wrapped__"), intern!(py, "fget"), intern!(py, "func")] {
        functions.extend(function.getattr_opt(name)?);
    }
    for function in functions {
        if let Some(code) = function.getattr_opt(intern!(py, "__code__"))?
            && code.is_instance_of::<PyCode>()
        {
            add_names(&code, names)?;
        }
    }
    Ok(())
}

/// Adds the names that a code object and the code objects in it look up, including names of attributes.
pub(super) fn add_names(code: &Bound<'_, PyAny>, names: &mut FxHashSet<String>) -> PyResult<()> {
    let py = code.py();
    let mut pending = vec![code.clone()];
    while let Some(code) = pending.pop() {
        for name in code.getattr(intern!(py, "co_names"))?.cast::<PyTuple>()?.iter() {
            names.insert(name.cast::<PyString>()?.to_string_lossy().into_owned());
        }
        let constants = code.getattr(intern!(py, "co_consts"))?.cast_into::<PyTuple>()?;
        pending.extend(constants.iter().filter(|constant| constant.is_instance_of::<PyCode>()));
    }
    Ok(())
}

/// The names that [`add_names`] finds in a code object, sorted.
pub(crate) fn names_in_code(code: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let mut names = FxHashSet::default();
    add_names(code, &mut names)?;
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    Ok(names)
}
