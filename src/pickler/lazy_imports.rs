//! Lazy imports (PEP 810, Python 3.15): `lazy import json` binds an object that the first use of the name replaces by
//! the module. A save does not use it, and a load gets such an object again.
//!
//! Only an import statement at the level of a module makes one. So the pickle has the statement as a string, and a call
//! of `exec` that runs it in a new dict.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString, PyTuple, PyType};

use super::pickle_context::{PickleContext, pickling_error};
use super::plan::{Action, ObjectPlan};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known::{is_dotted_name, is_identifier};
use crate::python::deferred_signals::{Tolerated as _, shown};

/// The most statements for the submodules of one package.
const MOST_SUBMODULES: usize = 64;

/// Whether instances of a type are lazy imports.
pub(crate) fn is_lazy_import(kind: &Bound<'_, PyType>) -> bool {
    kind.name().tolerated().is_some_and(|name| name == "lazy_import")
        && kind.module().tolerated().is_some_and(|module| module == "builtins")
}

/// The plan for a lazy import that has no slot.
pub(super) fn plan<'py>(context: &PickleContext, object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let py = object.py();
    let Some(import) = LazyImport::of(object)? else {
        return Err(pickling_error(
            py,
            &format!("cannot pickle {}: its statement is not known", shown(&object.repr()?)),
        ));
    };
    let getter = py.import("operator")?.getattr("getitem")?;
    let namespace = PyDict::new(py).into_any();
    let mut actions = vec![Action::BeginBuilding(object.clone())];
    for statement in import.statements(&other_lazy_modules(context, py)?) {
        actions.push(Action::Global { module: "builtins", name: "exec", object: None });
        actions.extend([PyString::new(py, &statement).into_any(), namespace.clone()].map(Action::Save));
        actions.extend([Opcode::Tuple2, Opcode::Reduce, Opcode::Pop].map(Action::Write));
    }
    actions.extend([Action::Save(getter), Action::Save(namespace)]);
    actions.push(Action::Save(PyString::new(py, import.bound_name()).into_any()));
    actions.extend([Opcode::Tuple2, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(object.clone()));
    Ok(ObjectPlan::actions(object, actions))
}

/// The modules with dotted names that the script imports, or that any lazy import of the process names: a session that
/// was restored has no script.
fn other_lazy_modules(context: &PickleContext, py: Python<'_>) -> PyResult<Vec<String>> {
    let mut names = context.imports.imported.clone();
    if let Some(modules) = py.import("sys")?.getattr_opt("lazy_modules")? {
        names.extend(modules.try_iter()?.filter_map(|name| name.tolerated()?.extract::<String>().tolerated()));
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The statement as people write it: `lazy import json`.
pub(crate) fn shown_statement(object: &Bound<'_, PyAny>) -> Option<String> {
    let import = LazyImport::of(object).tolerated().flatten()?;
    Some(import.statement().trim_end_matches(" as value").to_owned())
}

/// The target of a lazy import. All names are identifiers; a module's name may have dots.
enum LazyImport {
    /// `lazy import a.b`, which binds `a`.
    Module(String),
    /// `lazy import a.b as name`.
    Submodule(String),
    /// `lazy from a import b as name`.
    Attribute(String, String),
}

impl LazyImport {
    /// The garbage collector knows the parts of a lazy import: the module's name, and for a `from` import the names
    /// after `import`; or the lazy import that it is an attribute of, and the name of the attribute.
    fn of(object: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let Some(parts) = ImportParts::of(object)? else { return Ok(None) };
        Ok(match (parts.parent, parts.name, parts.from_list) {
            (None, name, None) if is_dotted_name(&name) => Some(Self::Module(name)),
            (Some(parent), attribute, None) => match Self::root(&parent)? {
                Some((module, true)) => Some(Self::Attribute(module, attribute)),
                Some((module, false)) => Some(Self::Submodule(module)),
                None => None,
            },
            _ => None,
        }
        .filter(|import| match import {
            Self::Attribute(module, attribute) => is_dotted_name(module) && is_identifier(attribute),
            Self::Module(module) | Self::Submodule(module) => is_dotted_name(module),
        }))
    }

    /// The module of the statement, and whether it is a `from` import.
    fn root(parent: &Bound<'_, PyAny>) -> PyResult<Option<(String, bool)>> {
        let mut parent = parent.clone();
        // Each level is one part of a dotted name.
        for _ in 0..64 {
            let Some(parts) = ImportParts::of(&parent)? else { return Ok(None) };
            match parts.parent {
                None => return Ok(Some((parts.name, parts.from_list.is_some()))),
                Some(next) => parent = next,
            }
        }
        Ok(None)
    }

    fn statement(&self) -> String {
        match self {
            Self::Module(module) => format!("lazy import {module}"),
            Self::Submodule(module) => format!("lazy import {module} as value"),
            Self::Attribute(module, name) => format!("lazy from {module} import {name} as value"),
        }
    }

    /// The statement, after the statements for submodules of the same package that the script imports: these bind the
    /// same name, and a use of it must find them all.
    fn statements(&self, imported: &[String]) -> Vec<String> {
        let mut statements = Vec::new();
        if matches!(self, Self::Module(_)) {
            let prefix = format!("{}.", self.bound_name());
            let others = imported.iter().filter(|name| name.starts_with(&prefix) && is_dotted_name(name));
            statements.extend(others.take(MOST_SUBMODULES).map(|name| format!("lazy import {name}")));
        }
        let own = self.statement();
        statements.retain(|statement| *statement != own);
        statements.push(own);
        statements
    }

    fn bound_name(&self) -> &str {
        match self {
            Self::Module(module) => module.split('.').next().unwrap_or(module),
            Self::Submodule(_) | Self::Attribute(..) => "value",
        }
    }
}

/// The objects that a lazy import refers to.
struct ImportParts<'py> {
    parent: Option<Bound<'py, PyAny>>,
    name: String,
    from_list: Option<Bound<'py, PyAny>>,
}

impl<'py> ImportParts<'py> {
    fn of(object: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let py = object.py();
        if !is_lazy_import(&object.get_type()) {
            return Ok(None);
        }
        let held = py.import(intern!(py, "gc"))?.call_method1(intern!(py, "get_referents"), (object,))?;
        let (mut parent, mut name, mut from_list) = (None, None, None);
        for part in held.try_iter()? {
            let part = part?;
            if is_lazy_import(&part.get_type()) {
                parent = Some(part);
            } else if part.is_exact_instance_of::<PyString>() && name.is_none() {
                name = Some(part.extract::<String>()?);
            } else if part.is_exact_instance_of::<PyString>() || part.is_exact_instance_of::<PyTuple>() {
                from_list = Some(part);
            }
        }
        Ok(name.map(|name| Self { parent, name, from_list }))
    }
}
