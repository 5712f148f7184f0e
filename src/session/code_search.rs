//! Finds the code objects within an object: in functions, classes, containers, instances, generators and the wrappers
//! of the standard library.
//!
//! No code of the session runs. Only built-in types are taken apart. For an instance of a script's own class, only the
//! class and the `__dict__` are read.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyAny, PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyFunction, PyInt, PyList, PyModule, PySet, PyString,
    PyTuple, PyType,
};
use rustc_hash::FxHashSet;

use super::object_description::genuine_module;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::pickler::{Annotations, CLASS_NAMES};
use crate::python::deferred_signals::Tolerated as _;

/// The most objects that are searched for code within one object. Searching a table of a million numbers would only
/// waste time.
const MAX_OBJECTS: usize = 4_000;
/// The most items of one container that are searched.
const MAX_ITEMS: usize = 500;

/// The code objects within `object` whose globals are `namespace`.
pub(super) fn code_within<'py>(object: &Bound<'py, PyAny>, namespace: &Bound<'py, PyDict>) -> Vec<Bound<'py, PyAny>> {
    // Most variables of most sessions.
    if is_constant(object) || object.is_exact_instance_of::<PyModule>() {
        return Vec::new();
    }
    let mut search = CodeSearch::new(object, namespace);
    // By address; the search and the namespace keep the objects alive. Guards against cycles, and bounds the search.
    let mut seen = FxHashSet::default();
    while let Some(object) = search.pending.pop() {
        // The values of most default arguments.
        if is_constant(&object) {
            continue;
        }
        if seen.len() < MAX_OBJECTS && seen.insert(object.as_ptr() as usize) {
            search.visit(&object);
        }
    }
    search.found
}

struct CodeSearch<'n, 'py> {
    namespace: &'n Bound<'py, PyDict>,
    /// The `__module__` of the classes of the session.
    session: Bound<'py, PyAny>,
    found: Vec<Bound<'py, PyAny>>,
    pending: Vec<Bound<'py, PyAny>>,
}

impl<'n, 'py> CodeSearch<'n, 'py> {
    fn new(object: &Bound<'py, PyAny>, namespace: &'n Bound<'py, PyDict>) -> Self {
        let session = namespace.get_item(intern!(namespace.py(), "__name__")).tolerated().flatten();
        // Code that `exec` runs in a dict without a name takes the name of the built-in functions.
        let session = session.unwrap_or_else(|| intern!(namespace.py(), "builtins").clone().into_any());
        Self { namespace, session, found: Vec::new(), pending: vec![object.clone()] }
    }

    /// Notes the code of an object, and the objects that it leads to.
    fn visit(&mut self, object: &Bound<'py, PyAny>) {
        if object.is_exact_instance_of::<PyFunction>() {
            // A function of another module looks its names up elsewhere, but may wrap one of this module.
            let py = object.py();
            if self.is_namespace(object.getattr(intern!(py, "__globals__")).tolerated()) {
                self.found.extend(object.getattr(intern!(py, "__code__")));
            }
            self.pending.extend(function_parts(object));
        } else if let Some(parts) = items(object) {
            self.pending.extend(parts);
        } else if let Ok(class) = object.cast::<PyType>() {
            if is_of(class, &self.session) {
                self.pending.extend(members(class));
                // A private base may have no other user.
                self.pending.extend(class.direct_bases().iter().chain([class.get_type().into_any()]));
            }
        } else if let Some(parts) = wrapped_parts(object) {
            self.pending.extend(parts);
        } else if let Some(frame) = suspended_frame(object) {
            if self.is_namespace(frame.getattr("f_globals").tolerated()) {
                self.found.extend(frame.getattr("f_code"));
            }
            self.pending.extend(frame.getattr("f_locals"));
        } else if is_of(&object.get_type(), &self.session) {
            // An instance keeps its methods in its class.
            self.pending.extend(attributes(object));
            self.pending.push(object.get_type().into_any());
        }
    }

    fn is_namespace(&self, globals: Option<Bound<'py, PyAny>>) -> bool {
        globals.is_some_and(|globals| globals.is(self.namespace))
    }
}

/// The frame of a generator, a coroutine or an async generator that has not ended.
fn suspended_frame<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let attribute = match object.get_type().name().tolerated()?.to_str().tolerated()? {
        "generator" => "gi_frame",
        "coroutine" => "cr_frame",
        "async_generator" => "ag_frame",
        _ => return None,
    };
    object.getattr(attribute).tolerated().filter(|frame| !frame.is_none())
}

/// The objects that a function holds besides its code.
fn function_parts<'py>(function: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    let py = function.py();
    let mut parts = Vec::new();
    // An empty cell raises ValueError.
    parts.extend(named_cells(function).filter_map(|(_, cell)| cell.getattr("cell_contents").tolerated()));
    if let Some(Annotations::Lazy(annotate)) = Annotations::of(function).tolerated() {
        parts.push(annotate);
    }
    for name in [intern!(py, "__defaults__"), intern!(py, "__kwdefaults__")] {
        parts.extend(function.getattr(name));
    }
    // Not by `getattr`: raising AttributeError for most functions would take longer than all the rest.
    if let Some(dict) = function.getattr(intern!(py, "__dict__")).tolerated()
        && let Ok(dict) = dict.cast_exact::<PyDict>()
    {
        parts.extend(dict.get_item(intern!(py, "__wrapped__")).tolerated().flatten());
    }
    parts
}

/// The cells of a function with the names of their variables, except for [`CLASS_NAMES`].
pub(super) fn named_cells<'py>(
    function: &Bound<'py, PyAny>,
) -> impl Iterator<Item = (String, Bound<'py, PyAny>)> + use<'py> {
    let py = function.py();
    let cells =
        function.getattr(intern!(py, "__closure__")).tolerated().and_then(|cells| cells.cast_into::<PyTuple>().ok());
    let names = cells.as_ref().and_then(|_| function.getattr(intern!(py, "__code__")).tolerated());
    let names =
        names.and_then(|code| code.getattr(intern!(py, "co_freevars")).tolerated()?.cast_into::<PyTuple>().ok());
    let pairs = cells.zip(names).map(|(cells, names)| names.iter().zip(cells.iter()).collect::<Vec<_>>());
    let pairs = pairs
        .unwrap_or_default()
        .into_iter()
        .map(|(name, cell)| (name.extract().tolerated().unwrap_or_default(), cell));
    pairs.filter(|(name, _)| name != CLASS_NAMES)
}

/// Whether an object is None, a number, a string or bytes, which holds no code.
pub(super) fn is_constant(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyBytes>()
}

/// The first items of an exact built-in container.
fn items<'py>(object: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        return Some(dict.iter().take(MAX_ITEMS).map(|(_, value)| value).collect());
    }
    let sequence = object.is_exact_instance_of::<PyList>()
        || object.is_exact_instance_of::<PyTuple>()
        || object.is_exact_instance_of::<PySet>()
        || object.is_exact_instance_of::<PyFrozenSet>();
    sequence.then(|| {
        object
            .try_iter()
            .map(|items| items.take(MAX_ITEMS).map_while(|item| item.tolerated()).collect())
            .tolerated()
            .unwrap_or_default()
    })
}

/// The functions inside the wrappers of the standard library: `property`, `partial` and the like.
fn wrapped_parts<'py>(object: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    let kind = object.get_type();
    // The name alone proves nothing: the script may define a class with the same name.
    let names: &[&str] = match (genuine_module(&kind)?.as_str(), kind.name().tolerated()?.to_string_lossy().as_ref()) {
        ("builtins", "staticmethod" | "classmethod" | "method") => &["__func__"],
        ("builtins", "property") => &["fget", "fset", "fdel"],
        ("functools", "_lru_cache_wrapper") => &["__wrapped__"],
        ("functools", "partial") => &["func", "args", "keywords"],
        ("functools", "cached_property" | "partialmethod" | "singledispatchmethod") => &["func"],
        _ => return None,
    };
    Some(names.iter().filter_map(|name| object.getattr(*name).tolerated()).collect())
}

/// Whether the `__module__` of a class is the session's module.
fn is_of(class: &Bound<'_, PyType>, session: &Bound<'_, PyAny>) -> bool {
    let module = namespace_of(class).and_then(|names| names.get_item("__module__").tolerated());
    let Some(module) = module else { return false };
    let (Ok(module), Ok(session)) = (module.cast_exact::<PyString>(), session.cast_exact::<PyString>()) else {
        return false;
    };
    module.to_string_lossy() == session.to_string_lossy()
}

/// The values in the namespace of a class.
fn members<'py>(class: &Bound<'py, PyType>) -> Vec<Bound<'py, PyAny>> {
    let values = namespace_of(class).and_then(|names| names.call_method0("values").tolerated());
    values
        .and_then(|values| {
            Some(values.try_iter().tolerated()?.take(MAX_ITEMS).map_while(|item| item.tolerated()).collect())
        })
        .unwrap_or_default()
}

/// The values in the `__dict__` of an instance, unless its class overrides `__dict__`.
fn attributes<'py>(instance: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    // As CPython does, use the first class in the MRO that defines `__dict__`.
    for class in instance.get_type().order() {
        let Ok(class) = class.cast_into::<PyType>() else { break };
        let Some(getter) = namespace_of(&class).and_then(|names| names.get_item("__dict__").tolerated()) else {
            continue;
        };
        // Any other descriptor, such as a property, would run the script's code.
        if getter.get_type().name().tolerated().is_some_and(|name| name == "getset_descriptor") {
            let dict = getter.call_method1("__get__", (instance,)).tolerated();
            return dict.and_then(|dict| items(&dict)).unwrap_or_default();
        }
        break;
    }
    Vec::new()
}

/// The namespace of a class, from `type` itself: a metaclass may override `__dict__`.
fn namespace_of<'py>(class: &Bound<'py, PyType>) -> Option<Bound<'py, PyAny>> {
    let descriptor =
        class.py().get_type::<PyType>().getattr("__dict__").tolerated()?.get_item("__dict__").tolerated()?;
    descriptor.call_method1("__get__", (class,)).tolerated()
}
