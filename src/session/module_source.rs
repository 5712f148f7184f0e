//! Reads from the source of a module what importing it defines, without running anything: which names are definitions,
//! which are imported, and which have a literal as their value. So a save can tell what the session has changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyList, PySet, PyString, PyTuple};

use super::interpreter_guards::WarningFilters;
use crate::python::deferred_signals::Tolerated as _;

/// Larger files are not read: parsing takes some 10 ms for each 100 kB.
const MAX_SOURCE: u64 = 1 << 20;
/// `ast.PyCF_ONLY_AST`.
const ONLY_AST: i32 = 0x400;
/// How deep blocks and literals may nest.
const MAX_DEPTH: usize = 40;

/// What the code of a module does with a name.
pub(super) enum Assignment {
    /// A function or a class.
    Definition,
    /// `import` or `from … import`.
    Import,
    /// A literal: a number, a string, a list of such.
    Literal(Py<PyAny>),
    /// A call of this dotted name.
    Call(String),
    /// Anything else, or several of these.
    Computed,
}

/// The names, and the attributes of names (`Config.debug`), that the code of a module assigns outside of functions.
#[derive(Default)]
pub(super) struct ModuleSource {
    names: HashMap<String, Assignment>,
    /// What the bodies of its classes assign. `None` for a class that is defined twice.
    classes: HashMap<String, Option<Self>>,
    /// Whether there is a `from … import *`, which assigns names that the source does not show.
    has_star_import: bool,
}

impl ModuleSource {
    /// Parses the source file of a module, or returns what was found before. `None` if that is impossible.
    pub(super) fn of_file(py: Python<'_>, path: &str) -> Option<Arc<Self>> {
        type Parsed = HashMap<PathBuf, (SystemTime, Arc<ModuleSource>)>;
        static PARSED: Mutex<Option<Parsed>> = Mutex::new(None);
        let path = PathBuf::from(path);
        let metadata = std::fs::metadata(&path).ok().filter(|metadata| metadata.len() <= MAX_SOURCE)?;
        let modified = metadata.modified().ok()?;
        let known = || PARSED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, source)) = known().as_ref().and_then(|parsed| parsed.get(&path))
            && *when == modified
        {
            return Some(Arc::clone(source));
        }
        // The lock is not held while Python code may run.
        let source = Arc::new(Self::parse(py, &std::fs::read(&path).ok()?)?);
        known().get_or_insert_default().insert(path, (modified, Arc::clone(&source)));
        Some(source)
    }

    fn parse(py: Python<'_>, bytes: &[u8]) -> Option<Self> {
        // The import has given the warnings already.
        let quiet = WarningFilters::ignore_all(py);
        let compile = py.import("builtins").and_then(|builtins| builtins.getattr("compile"));
        let tree = compile.and_then(|it| it.call1((PyBytes::new(py, bytes), "<module>", "exec", ONLY_AST, true)));
        drop(quiet);
        let mut found = Self::default();
        found.add_block(&tree.tolerated()?, "body", 0).tolerated()?;
        Some(found)
    }

    /// What the module's code does with a name. `None` if the code does not mention it: something else has set it.
    pub(super) fn assignment(&self, name: &str) -> Option<&Assignment> {
        self.names.get(name).or(self.has_star_import.then_some(&Assignment::Import))
    }

    /// What the module's code does with an attribute of a name, as in `Config.debug = True`.
    pub(super) fn attribute_assignment(&self, name: &str, attribute: &str) -> Option<&Assignment> {
        self.names.get(&format!("{name}.{attribute}"))
    }

    /// What the body of a class assigns. `None` if that is not certain.
    pub(super) fn class_body(&self, name: &str) -> Option<&Self> {
        self.classes.get(name)?.as_ref()
    }

    fn add_block(&mut self, node: &Bound<'_, PyAny>, field: &str, depth: usize) -> PyResult<()> {
        if depth > MAX_DEPTH {
            return Ok(());
        }
        let Some(block) = node.getattr_opt(field)? else { return Ok(()) };
        let Ok(statements) = block.cast_into::<PyList>() else { return Ok(()) };
        statements.iter().try_for_each(|statement| self.add_statement(&statement, depth))
    }

    fn add_statement(&mut self, statement: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        let kind = statement.get_type().name()?.to_string_lossy().into_owned();
        match kind.as_str() {
            "FunctionDef" | "AsyncFunctionDef" => self.add(&statement.getattr("name")?, Assignment::Definition),
            "ClassDef" => {
                let name = statement.getattr("name")?;
                self.add(&name, Assignment::Definition);
                let mut body = Self::default();
                body.add_block(statement, "body", depth + 1)?;
                let name: String = name.extract()?;
                let known = self.classes.contains_key(&name);
                self.classes.insert(name, Some(body).filter(|_| !known));
            }
            "Import" | "ImportFrom" => {
                for alias in statement.getattr("names")?.try_iter()? {
                    self.add_import(&alias?)?;
                }
            }
            "Assign" => {
                let value = statement.getattr("value")?;
                for target in statement.getattr("targets")?.try_iter()? {
                    self.add_target(&target?, Some(&value))?;
                }
            }
            "AnnAssign" => {
                let value = statement.getattr("value")?;
                if !value.is_none() {
                    self.add_target(&statement.getattr("target")?, Some(&value))?;
                }
            }
            "AugAssign" | "For" | "AsyncFor" => self.add_target(&statement.getattr("target")?, None)?,
            "With" | "AsyncWith" => {
                for item in statement.getattr("items")?.try_iter()? {
                    self.add_target(&item?.getattr("optional_vars")?, None)?;
                }
            }
            _ => {}
        }
        if !matches!(kind.as_str(), "FunctionDef" | "AsyncFunctionDef" | "ClassDef") {
            for field in ["body", "orelse", "handlers", "finalbody", "cases"] {
                self.add_block(statement, field, depth + 1)?;
            }
        }
        Ok(())
    }

    fn add_import(&mut self, alias: &Bound<'_, PyAny>) -> PyResult<()> {
        let (name, alias) = (alias.getattr("name")?, alias.getattr("asname")?);
        if !alias.is_none() {
            self.add(&alias, Assignment::Import);
        } else {
            let name = name.extract::<String>()?;
            self.has_star_import |= name == "*";
            // `import a.b` binds `a`.
            let bound = name.split('.').next().unwrap_or(&name);
            self.add_named(bound.to_owned(), Assignment::Import);
        }
        Ok(())
    }

    fn add_target(&mut self, target: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        match target.get_type().name()?.to_string_lossy().as_ref() {
            "Name" => self.add(&target.getattr("id")?, assigned(value)?),
            "Attribute" => {
                let owner = target.getattr("value")?;
                if owner.get_type().name()? == "Name" {
                    let (name, attribute): (String, String) =
                        (owner.getattr("id")?.extract()?, target.getattr("attr")?.extract()?);
                    self.add_named(format!("{name}.{attribute}"), assigned(value)?);
                }
            }
            "Tuple" | "List" => {
                let targets: Vec<_> = target.getattr("elts")?.try_iter()?.collect::<PyResult<_>>()?;
                // `a, b = 1, 2`, and not `a, b = f()` or `a, *b = 1, 2, 3`.
                let values = match value.map(|value| value.getattr_opt("elts")).transpose()?.flatten() {
                    Some(values) => values.try_iter()?.collect::<PyResult<Vec<_>>>()?,
                    None => Vec::new(),
                };
                let is_starred =
                    |it: &Bound<'_, PyAny>| it.get_type().name().tolerated().is_some_and(|name| name == "Starred");
                let is_paired = values.len() == targets.len() && !targets.iter().chain(&values).any(is_starred);
                for (index, target) in targets.iter().enumerate() {
                    self.add_target(target, values.get(index).filter(|_| is_paired))?;
                }
            }
            "Starred" => self.add_target(&target.getattr("value")?, None)?,
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, name: &Bound<'_, PyAny>, assignment: Assignment) {
        if let Some(name) = name.extract::<String>().tolerated() {
            self.add_named(name, assignment);
        }
    }

    fn add_named(&mut self, name: String, assignment: Assignment) {
        use std::collections::hash_map::Entry;
        match self.names.entry(name) {
            Entry::Vacant(entry) => drop(entry.insert(assignment)),
            Entry::Occupied(mut known) => {
                // Two definitions in an `if` and its `else` are still definitions.
                let is_same = std::mem::discriminant(known.get()) == std::mem::discriminant(&assignment);
                if !is_same || matches!(assignment, Assignment::Literal(_) | Assignment::Call(_)) {
                    known.insert(Assignment::Computed);
                }
            }
        }
    }
}

fn assigned(value: Option<&Bound<'_, PyAny>>) -> PyResult<Assignment> {
    if let Some(literal) = value.map(|value| literal(value, 0)).transpose()?.flatten() {
        return Ok(Assignment::Literal(literal.unbind()));
    }
    let Some(called) = value.map(|value| value.getattr_opt("func")).transpose()?.flatten() else {
        return Ok(Assignment::Computed);
    };
    Ok(dotted_name(&called, 0)?.map_or(Assignment::Computed, Assignment::Call))
}

/// The name in an expression such as `Thing` or `package.Thing`.
fn dotted_name(node: &Bound<'_, PyAny>, depth: usize) -> PyResult<Option<String>> {
    match node.get_type().name()?.to_string_lossy().as_ref() {
        "Name" => node.getattr("id")?.extract().map(Some),
        "Attribute" if depth < MAX_DEPTH => {
            let owner = dotted_name(&node.getattr("value")?, depth + 1)?;
            let name: String = node.getattr("attr")?.extract()?;
            Ok(owner.map(|owner| format!("{owner}.{name}")))
        }
        _ => Ok(None),
    }
}

/// The value of a literal. `None` if the expression is more than that.
fn literal<'py>(node: &Bound<'py, PyAny>, depth: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
    if depth > MAX_DEPTH {
        return Ok(None);
    }
    let py = node.py();
    let elements = |field: &str| -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        node.getattr(field)?.try_iter()?.map(|element| literal(&element?, depth + 1)).collect()
    };
    Ok(match node.get_type().name()?.to_string_lossy().as_ref() {
        "Constant" => Some(node.getattr("value")?),
        "UnaryOp" if node.getattr("op")?.get_type().name()? == "USub" => {
            literal(&node.getattr("operand")?, depth + 1)?.and_then(|number| number.neg().tolerated())
        }
        "List" => elements("elts")?.map(|items| PyList::new(py, items)).transpose()?.map(Bound::into_any),
        "Tuple" => elements("elts")?.map(|items| PyTuple::new(py, items)).transpose()?.map(Bound::into_any),
        "Set" => elements("elts")?.map(|items| PySet::new(py, items)).transpose()?.map(Bound::into_any),
        "Dict" => {
            // The key of `**other` is None, which is no literal.
            if node.getattr("keys")?.try_iter()?.any(|key| key.tolerated().is_some_and(|key| key.is_none())) {
                return Ok(None);
            }
            let Some((keys, values)) = elements("keys")?.zip(elements("values")?) else { return Ok(None) };
            let dict = PyDict::new(py);
            keys.into_iter().zip(values).try_for_each(|(key, value)| dict.set_item(key, value))?;
            Some(dict.into_any())
        }
        _ => None,
    })
}

/// Whether a value is still the literal that the source has. `is_shared` says of a container whether something else of
/// the session refers to it: then it counts as changed.
pub(super) fn is_unchanged<'py>(
    value: &Bound<'py, PyAny>,
    literal: &Bound<'py, PyAny>,
    is_shared: &dyn Fn(&Bound<'py, PyAny>) -> bool,
) -> bool {
    if !value.get_type().is(literal.get_type()) {
        return false;
    }
    let all = |value: &Bound<'py, PyAny>, literal: &Bound<'py, PyAny>| {
        let (left, right) = (value.try_iter().tolerated(), literal.try_iter().tolerated());
        let (Some(left), Some(right)) = (left, right) else { return false };
        let mut pairs = left.map_while(|item| item.tolerated()).zip(right.map_while(|item| item.tolerated()));
        value.len().tolerated() == literal.len().tolerated()
            && pairs.all(|(left, right)| is_unchanged(&left, &right, is_shared))
    };
    if value.is_exact_instance_of::<PyTuple>() {
        return all(value, literal);
    }
    if let (Ok(left), Ok(right)) = (value.cast_exact::<PyDict>(), literal.cast_exact::<PyDict>()) {
        return !is_shared(value)
            && all(left.keys().as_any(), right.keys().as_any())
            && all(left.values().as_any(), right.values().as_any());
    }
    if value.is_exact_instance_of::<PyList>() {
        return !is_shared(value) && all(value, literal);
    }
    if value.is_exact_instance_of::<PySet>() {
        return !is_shared(value) && value.eq(literal).tolerated().unwrap_or(false);
    }
    // The `repr` tells `0.0` and `-0.0` apart, and finds `nan` equal.
    if value.is(literal) || value.is_exact_instance_of::<PyString>() {
        return value.eq(literal).tolerated().unwrap_or(false);
    }
    let text = |value: &Bound<'_, PyAny>| value.repr().map(|text| text.to_string_lossy().into_owned()).tolerated();
    text(value) == text(literal)
}
