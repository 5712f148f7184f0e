//! Describes one object and its parts. Reads attributes without running code of their classes. Built-in types are here,
//! classes and functions in `definition_parts`, and other instances in `instance_parts`.

use std::ops::Range;
use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCFunction, PyDict, PyFunction, PyModule, PyString, PyTuple, PyType};
use rustc_hash::FxHashMap;

use super::definition_parts::a_builtin;
use super::type_facts::TypeFacts;
use super::walk::StructureStep;
use crate::pickler::{is_scalar, module_dicts};
use crate::python::deferred_signals::{Tolerated as _, shown};

/// Attributes that `staticmethod` and `classmethod` copy from the function, but not in a class statement.
const COPIED: [&str; 5] = ["__module__", "__name__", "__qualname__", "__doc__", "__annotations__"];
/// Types in C that another object describes, or that are made anew by each access.
const DESCRIPTORS: [&str; 6] = [
    "getset_descriptor",
    "member_descriptor",
    "wrapper_descriptor",
    "method_descriptor",
    "classmethod_descriptor",
    "method-wrapper",
];
/// Containers of weak references, described by the number of their members, not by order or callbacks.
const WEAK_CONTAINERS: [&str; 3] = ["weakref.WeakValueDictionary", "weakref.WeakKeyDictionary", "_weakrefset.WeakSet"];

pub(super) type Parts<'py> = Vec<(StructureStep, Bound<'py, PyAny>)>;

/// Whether it matters that two references lead to one object.
#[derive(Clone, Debug)]
pub(super) enum Identity {
    None,
    Own,
    /// It does, and so does its memory, which has these addresses.
    Memory(Range<usize>),
}

/// The description of one object.
pub(super) struct ObjectParts<'py> {
    pub(super) text: String,
    pub(super) parts: Parts<'py>,
    pub(super) identity: Identity,
    /// The method of a class of the script that decides what is pickled.
    pub(super) decides: Option<String>,
}

impl<'py> ObjectParts<'py> {
    pub(super) fn new(text: impl Into<String>, parts: Parts<'py>, identity: Identity) -> Self {
        Self { text: text.into(), parts, identity, decides: None }
    }

    pub(super) fn leaf(text: impl Into<String>) -> Self {
        Self::new(text, Vec::new(), Identity::None)
    }
}

/// Describes objects, and remembers the facts about their types.
pub(super) struct ObjectDescriber<'py> {
    pub(super) main: Bound<'py, PyAny>,
    /// The namespaces of the modules, by address.
    pub(super) namespaces: FxHashMap<usize, String>,
    types: FxHashMap<usize, (Bound<'py, PyType>, Rc<TypeFacts<'py>>)>,
    /// `object.__getattribute__`.
    get_attribute: Bound<'py, PyAny>,
    /// `functools.partial`.
    pub(super) partial: Bound<'py, PyAny>,
    pub(super) ndarray: Option<Bound<'py, PyAny>>,
}

impl<'py> ObjectDescriber<'py> {
    pub(super) fn new(module: &Bound<'py, PyModule>) -> PyResult<Self> {
        let py = module.py();
        let mut namespaces: FxHashMap<usize, String> = module_dicts(py)?.into_iter().collect();
        namespaces.insert(module.dict().as_ptr() as usize, "__main__".to_owned());
        let modules = py.import("sys")?.getattr("modules")?;
        let ndarray = modules.get_item("numpy").tolerated().and_then(|numpy| numpy.getattr("ndarray").tolerated());
        let get_attribute = py.get_type::<PyAny>().getattr("__getattribute__")?;
        // `functools` has it from this built-in module. The script may have emptied `sys.path`.
        let partial = py.import("_functools")?.getattr("partial")?;
        let main = module.clone().into_any();
        Ok(Self { main, namespaces, types: FxHashMap::default(), get_attribute, partial, ndarray })
    }

    /// Whether an object is a value that the pickles compare, without parts.
    pub(super) fn is_atom(&self, value: &Bound<'py, PyAny>) -> bool {
        if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            return tuple.iter().all(|item| is_scalar(&item));
        }
        is_scalar(value)
    }

    pub(super) fn describe(&mut self, value: &Bound<'py, PyAny>) -> PyResult<ObjectParts<'py>> {
        if let Some(name) = self.namespaces.get(&(value.as_ptr() as usize)) {
            return Ok(ObjectParts::leaf(format!("the namespace of {name}")));
        }
        if let Ok(class) = value.cast::<PyType>() {
            return self.a_class(class);
        }
        if let Ok(module) = value.cast::<PyModule>() {
            return Ok(ObjectParts::leaf(format!("module {}", shown(&module.name()?))));
        }
        if value.is_exact_instance_of::<PyFunction>() {
            return self.a_function(value);
        }
        if value.is_exact_instance_of::<PyCFunction>() {
            return a_builtin(value);
        }
        let kind = value.get_type();
        let facts = self.facts(&kind)?;
        if let Some(described) = self.built_in(value, &facts.name)? {
            return Ok(described);
        }
        if WEAK_CONTAINERS.contains(&facts.name.as_str()) {
            let text = format!("{} ({})", facts.name, value.len()?);
            return Ok(ObjectParts::new(text, Vec::new(), Identity::Own));
        }
        self.instance(value, &facts)
    }

    pub(super) fn facts(&mut self, kind: &Bound<'py, PyType>) -> PyResult<Rc<TypeFacts<'py>>> {
        let address = kind.as_ptr() as usize;
        if let Some((_, facts)) = self.types.get(&address) {
            return Ok(Rc::clone(facts));
        }
        let facts = Rc::new(TypeFacts::new(kind, &self.main)?);
        self.types.insert(address, (kind.clone(), Rc::clone(&facts)));
        Ok(facts)
    }

    /// An attribute, as `object.__getattribute__` finds it. None if there is none.
    pub(super) fn attribute(&self, value: &Bound<'py, PyAny>, name: &str) -> Option<Bound<'py, PyAny>> {
        self.get_attribute.call1((value, name)).tolerated().filter(|found| !found.is_none())
    }

    pub(super) fn attributes(&self, value: &Bound<'py, PyAny>, names: &[&str]) -> Parts<'py> {
        let found = names.iter().filter_map(|name| Some((step(name), self.attribute(value, name)?)));
        found.collect()
    }

    /// The objects of built-in types that consist of a few known parts.
    fn built_in(&self, value: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<ObjectParts<'py>>> {
        let own = |text: &str, names: &[&str]| ObjectParts::new(text, self.attributes(value, names), Identity::Own);
        Ok(Some(match name {
            "method" => own("method", &["__func__", "__self__"]),
            "property" => own("property", &["fget", "fset", "fdel"]),
            "staticmethod" | "classmethod" => {
                let mut described = own(name, &["__func__"]);
                described.parts.extend(self.own_attributes_of_method(value)?);
                described
            }
            "cell" => match value.getattr("cell_contents").tolerated() {
                Some(contents) => ObjectParts::new(name, vec![(step("cell_contents"), contents)], Identity::Own),
                None => ObjectParts::new("empty cell", Vec::new(), Identity::Own),
            },
            "functools.partial" => {
                let mut described = own(name, &["func", "args", "keywords"]);
                described.parts.extend(self.state(value)?.1);
                described
            }
            "functools._lru_cache_wrapper" => self.function_cache(value)?,
            // A field of a named tuple, whose documentation can be set.
            "_collections._tuplegetter" | "collections._tuplegetter" => {
                ObjectParts::leaf(format!("field: {}", shown(&value.getattr("__doc__")?)))
            }
            "logging.Logger" | "logging.RootLogger" => self.logger(value),
            "weakref.ReferenceType" | "weakref" | "weakref.ref" => {
                let target = value.call0()?;
                let text = if target.is_none() { "dead weak reference" } else { "weak reference" };
                ObjectParts::new(text, vec![(StructureStep::Text("()".to_owned()), target)], Identity::None)
            }
            "code" => ObjectParts::leaf("code"),
            name if DESCRIPTORS.contains(&name) => ObjectParts::leaf(name),
            _ => return Ok(None),
        }))
    }

    /// The attributes of a static or class method that it does not copy from its function.
    fn own_attributes_of_method(&self, value: &Bound<'py, PyAny>) -> PyResult<Parts<'py>> {
        let state = self.attribute(value, "__dict__").and_then(|state| state.cast_into::<PyDict>().ok());
        let own = state.iter().flatten().filter(|(name, _)| !is_one_of(name, &COPIED));
        own.map(|(name, item)| Ok((step(&name.str()?.to_string_lossy()), item))).collect()
    }

    fn function_cache(&self, value: &Bound<'py, PyAny>) -> PyResult<ObjectParts<'py>> {
        let info = value.call_method0("cache_info")?;
        let (size, limit) = (info.getattr("currsize")?, info.getattr("maxsize")?);
        let text = format!("cache with {} of {} results", shown(&size), shown(&limit));
        let mut state = self.state(value)?.1;
        // A function that the decorator makes anew.
        state.retain(|(step, _)| !matches!(step, StructureStep::Text(text) if text == ".cache_parameters"));
        Ok(ObjectParts::new(text, state, Identity::Own))
    }

    fn logger(&self, value: &Bound<'py, PyAny>) -> ObjectParts<'py> {
        let handlers = self.attribute(value, "handlers").and_then(|list| list.len().tolerated()).unwrap_or(0);
        let facts = ["name", "level", "propagate", "disabled"].map(|name| self.attribute(value, name));
        let facts: Vec<_> = facts.iter().map(|fact| fact.as_ref().map_or(String::new(), shown)).collect();
        ObjectParts::leaf(format!("logger {} with {handlers} handlers", facts.join(" ")))
    }
}

pub(super) fn step(name: &str) -> StructureStep {
    StructureStep::Text(format!(".{name}"))
}

pub(super) fn is_one_of(name: &Bound<'_, PyAny>, names: &[&str]) -> bool {
    name.cast::<PyString>().is_ok_and(|name| names.iter().any(|known| name == known))
}

pub(super) fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
