//! Explains why a variable could not be saved: the path to the object at fault, its type, and what to do about it.
//!
//! The pickler reports the chain of objects that it was pickling, from the variable down to the object at fault. This
//! file writes the chain as a Python expression; it does not search.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFrozenSet, PyFunction, PyList, PySet, PyString, PyTuple, PyType};

use super::object_description::type_name;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::pickler::{Annotations, CannotLoad, SaveFailure};
use crate::python::deferred_signals::{Tolerated as _, shown};

/// The most steps of a path; a longer one ends in an ellipsis.
const MAX_STEPS: usize = 40;

/// The most characters of an error message.
const MAX_MESSAGE: usize = 500;

/// Why a variable could not be saved, as in [`LeftOut`](crate::snapshot::index::LeftOut).
pub(super) struct FailureExplanation {
    /// `TypeError: cannot pickle 'socket' object`.
    pub(super) error: String,
    /// `cfg['db'].conn`; `None` if the variable itself is at fault.
    pub(super) path: Option<String>,
    /// The type of the object at fault, if it is not the variable itself.
    pub(super) fault_type: Option<String>,
    /// What to do about it, for well-known types.
    pub(super) hint: Option<String>,
}

/// Explains the failure to save the variable `name`.
pub(super) fn explain_failure(
    py: Python<'_>,
    name: &str,
    value: &Bound<'_, PyAny>,
    failure: &SaveFailure<'_>,
) -> FailureExplanation {
    let (error, chain) = (&failure.error, &failure.chain);
    // The chain is empty if the variable itself fails at once.
    let culprit = chain.last().unwrap_or(value);
    let kind = type_name(&culprit.get_type());
    let nested = !culprit.is(value);
    let path = if nested { Some(path_expression(name, value, chain)) } else { None };
    FailureExplanation {
        error: error_text(py, error),
        path,
        // A class is not what the module of its metaclass is about.
        hint: hint(if culprit.is_instance_of::<PyType>() { "type" } else { &kind }, Recursion::of(py, error))
            .map(str::to_owned),
        fault_type: nested.then_some(kind),
    }
}

/// An exception on one line, as in the last line of its traceback.
pub(super) fn error_text(py: Python<'_>, error: &PyErr) -> String {
    let is_ours = error.is_instance_of::<CannotLoad>(py);
    let kind = if is_ours { String::new() } else { type_name(&error.get_type(py)) };
    let message =
        error.value(py).str().map(|string| string.to_string_lossy().into_owned()).tolerated().unwrap_or_default();
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return kind;
    }
    // An error message can contain the repr of a large object.
    let mut shown: String = line.chars().take(MAX_MESSAGE).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    if is_ours { shown } else { format!("{kind}: {shown}") }
}

/// The path from the variable `name` through the objects of `chain`, as a Python expression where possible.
fn path_expression(name: &str, value: &Bound<'_, PyAny>, chain: &[Bound<'_, PyAny>]) -> String {
    let mut path = name.to_owned();
    let mut owner = value.clone();
    // Objects after `owner` that have no name in Python: the tuple of a reducer, a state dict.
    let mut between: Vec<Bound<'_, PyAny>> = Vec::new();
    let mut steps = 0;
    for child in chain {
        if child.is(&owner) {
            // The chain begins with the variable itself.
            continue;
        }
        let Some(step) = find_step(&owner, &between, child) else {
            // No expression leads to this object. A later one may be reachable through it.
            between.push(child.clone());
            continue;
        };
        steps += 1;
        if steps > MAX_STEPS {
            path.push('…');
            return path;
        }
        path = match step {
            Step::Attribute(step) => path + &step,
            Step::OfType(step) => format!("type({path}){step}"),
        };
        owner = child.clone();
        between.clear();
    }
    path
}

/// How an expression goes on.
enum Step {
    /// `path[3]`, `path.conn`.
    Attribute(String),
    /// `type(path)`, `type(path).conn`.
    OfType(String),
}

/// The step from `owner` to `child`, with the objects that were pickled between them and have no name.
fn find_step(owner: &Bound<'_, PyAny>, between: &[Bound<'_, PyAny>], child: &Bound<'_, PyAny>) -> Option<Step> {
    if let Some(step) = step_to(owner, child) {
        return Some(Step::Attribute(step));
    }
    let class = owner.get_type();
    if child.is(&class) {
        return Some(Step::OfType(String::new()));
    }
    if let Ok(class) = owner.cast::<PyType>()
        && let Some(index) = class.direct_bases().iter().position(|base| base.is(child))
    {
        return Some(Step::Attribute(format!(".__bases__[{index}]")));
    }
    if let Some(step) = between.iter().rev().find_map(|parent| step_through(owner, parent, child)) {
        return Some(Step::Attribute(step));
    }
    // An attribute of the class, if that was not pickled by itself.
    attribute(class.as_any(), child).map(Step::OfType)
}

/// The expression that leads from `owner` to `child`: `[3]`, `.conn`.
fn step_to(owner: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(dict) = owner.cast::<PyDict>() {
        return in_dict(dict, child);
    }
    if owner.is_instance_of::<PyList>() || owner.is_instance_of::<PyTuple>() {
        return in_sequence(owner, child).or_else(|| attribute(owner, child));
    }
    if owner.is_instance_of::<PySet>() || owner.is_instance_of::<PyFrozenSet>() {
        return in_sequence(owner, child).map(|_| "{member}".to_owned());
    }
    if owner.is_instance_of::<PyFunction>() {
        return in_function(owner, child);
    }
    if type_name(&owner.get_type()) == "collections.deque" {
        return in_sequence(owner, child).or_else(|| attribute(owner, child));
    }
    if owner.get_type().name().tolerated().is_some_and(|name| name == "generator") {
        return in_generator(owner, child);
    }
    attribute(owner, child)
}

/// As [`step_to`], if the object between them, such as a state dict, exists only while pickling.
fn step_through(owner: &Bound<'_, PyAny>, between: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> Option<String> {
    let dict = between.cast::<PyDict>().ok()?;
    let step = in_dict(dict, child)?;
    // If the owner is no dict, this is the state of an instance or the namespace of a class: its keys are attributes.
    if owner.is_instance_of::<PyDict>() {
        return Some(step);
    }
    let key = dict.iter().find(|(_, value)| value.is(child)).and_then(|(key, _)| key.extract::<String>().tolerated());
    Some(key.map_or(step, |key| format!(".{key}")))
}

fn in_dict(dict: &Bound<'_, PyDict>, child: &Bound<'_, PyAny>) -> Option<String> {
    for (key, value) in dict.iter() {
        if value.is(child) {
            return Some(format!("[{}]", key_repr(&key)));
        }
        if key.is(child) {
            return Some(format!(".key({})", key_repr(&key)));
        }
    }
    None
}

/// A dict key as a string, without running the code of a script's own class.
fn key_repr(key: &Bound<'_, PyAny>) -> String {
    let plain = key.is_exact_instance_of::<PyString>() || type_name(&key.get_type()) == "int";
    let repr = if plain { key.repr().tolerated().map(|string| string.to_string_lossy().into_owned()) } else { None };
    repr.unwrap_or_else(|| format!("<{}>", type_name(&key.get_type())))
}

fn in_sequence(sequence: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> Option<String> {
    // Identity, not equality: comparing would run code of the script.
    let mut items = sequence.try_iter().tolerated()?;
    items.position(|item| item.tolerated().is_some_and(|item| item.is(child))).map(|index| format!("[{index}]"))
}

fn in_function(function: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> Option<String> {
    let cells = function.getattr("__closure__").tolerated()?;
    let names: Vec<String> =
        function.getattr("__code__").tolerated()?.getattr("co_freevars").tolerated()?.extract().tolerated()?;
    if let Ok(cells) = cells.cast::<PyTuple>() {
        for (cell, name) in cells.iter().zip(names) {
            // An empty cell raises ValueError.
            if cell.is(child) || cell.getattr("cell_contents").tolerated().is_some_and(|content| content.is(child)) {
                return Some(format!(".__closure__['{name}']"));
            }
        }
    }
    let annotations = Annotations::of(function).tolerated().and_then(Annotations::attribute);
    let names = ["__defaults__", "__kwdefaults__", "__dict__"];
    let holders = names.into_iter().filter_map(|name| Some((name, function.getattr(name).tolerated()?)));
    for (name, holder) in holders.chain(annotations).filter(|(_, holder)| !holder.is_none()) {
        if holder.is(child) {
            return Some(format!(".{name}"));
        }
        if let Some(step) = step_to(&holder, child) {
            return Some(format!(".{name}{step}"));
        }
    }
    None
}

/// An argument of a generator that has not started.
fn in_generator(generator: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> Option<String> {
    let variables = generator.getattr("gi_frame").tolerated()?.getattr("f_locals").tolerated()?;
    let copy = PyDict::new(generator.py());
    // In 3.13 it is a mapping, not a dict.
    copy.call_method1("update", (variables,)).tolerated()?;
    in_dict(&copy, child).map(|step| format!(".gi_frame.f_locals{step}"))
}

fn attribute(owner: &Bound<'_, PyAny>, child: &Bound<'_, PyAny>) -> Option<String> {
    if let Some(dict) = owner.getattr("__dict__").tolerated() {
        let items = dict.call_method0("items").tolerated()?;
        for item in items.try_iter().tolerated()?.map_while(|item| item.tolerated()) {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract().tolerated()?;
            if value.is(child) {
                return Some(format!(".{}", shown(&name)));
            }
        }
    }
    // Attributes of built-in types that are in no `__dict__`. On other types they may be properties with code.
    let known = ["cell_contents", "__self__", "__func__", "func", "args", "keywords", "fget", "fset", "fdel"];
    let slots = slot_names(owner);
    let names = known.iter().map(|name| (*name).to_owned()).chain(slots);
    let builtin =
        owner.get_type().module().tolerated().is_some_and(|module| module == "builtins" || module == "functools");
    for name in names.filter(|name| builtin || !known.contains(&name.as_str())) {
        if owner.getattr(name.as_str()).tolerated().is_some_and(|value| value.is(child)) {
            // The step to the cell already names the variable of the closure.
            let cell = name == "cell_contents";
            return Some(if cell { String::new() } else { format!(".{name}") });
        }
    }
    None
}

/// The names in `__slots__` of the object's class and its bases.
fn slot_names(owner: &Bound<'_, PyAny>) -> Vec<String> {
    let mut names = Vec::new();
    for class in owner.get_type().order() {
        let slots = class.cast::<PyType>().ok().and_then(|class| class.getattr("__dict__").tolerated());
        let Some(slots) = slots.and_then(|dict| dict.get_item("__slots__").tolerated()) else { continue };
        if let Some(name) = slots.extract::<String>().tolerated() {
            names.push(name);
        } else if let Some(found) = slots.extract::<Vec<String>>().tolerated() {
            names.extend(found);
        }
    }
    names
}

/// Advice for well-known types: their names, or the modules that they are in, with a dot; and what to do.
const HINTS: [(&[&str], &str); 13] = [
    (&["socket.", "ssl."], "connect inside a function, and call it again after the restore"),
    (&["_io.", "tempfile."], "keep the path or the contents, and open the file again after the restore"),
    (
        &["sqlite3.", "psycopg.", "psycopg2.", "pymysql.", "MySQLdb.", "sqlalchemy."],
        "keep the path or URL, and connect again after the restore",
    ),
    (&["generator", "async_generator", "coroutine"], "turn it into a list (or await it) before the script ends"),
    (&["frame", "traceback"], "keep the string that traceback.format_exc() returns instead"),
    (&["threading.", "_thread."], "keep the data that it protects, and create it again after the restore"),
    (
        &["subprocess.", "multiprocessing.", "concurrent.", "_multiprocessing."],
        "keep its results, and start it again after the restore",
    ),
    (&["asyncio.", "_asyncio."], "keep the results: an event loop ends with its process"),
    (&["contextvars.", "_contextvars."], "keep its value, and create it again after the restore"),
    (&["cupy.", "numba.cuda.", "torch.cuda."], "copy it to main memory first"),
    (&["mmap.", "memoryview"], "copy it into bytes or an array"),
    (&["re.Scanner", "_csv.", "xml.", "lxml."], "keep the source string, and parse it again"),
    (&["select.", "selectors."], "create it again after the restore"),
];

/// What a RecursionError is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recursion {
    /// The error is another one.
    None,
    TooDeep,
    /// A tuple or an argument of a reduction leads back to the object.
    NeedsItself,
}

impl Recursion {
    fn of(py: Python<'_>, error: &PyErr) -> Self {
        if !error.is_instance_of::<pyo3::exceptions::PyRecursionError>(py) {
            return Self::None;
        }
        let message = error.value(py).str().map(|message| message.to_string_lossy().into_owned());
        let needs_itself = message.tolerated().is_some_and(|message| message.contains("needed to create itself"));
        if needs_itself { Self::NeedsItself } else { Self::TooDeep }
    }
}

fn hint(kind: &str, recursion: Recursion) -> Option<&'static str> {
    match recursion {
        Recursion::TooDeep => return Some("it is nested too deeply: use a flatter data structure"),
        Recursion::NeedsItself => {
            return Some("it holds itself in a tuple or an argument: use a list or an attribute that is set later");
        }
        Recursion::None => {}
    }
    let matches = |name: &str| if name.ends_with('.') { kind.starts_with(name) } else { kind == name };
    HINTS.iter().find(|(names, _)| names.iter().any(|name| matches(name))).map(|(_, hint)| *hint)
}
