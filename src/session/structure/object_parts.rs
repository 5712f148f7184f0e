//! Describes one object and its parts. Reads attributes without running code of their classes.

use std::ops::Range;

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{
    PyAny, PyCFunction, PyDict, PyFrozenSet, PyFunction, PyList, PyModule, PySet, PyString, PyTuple, PyType,
};
use rustc_hash::FxHashMap;

use super::type_facts::TypeFacts;
use super::walk::StructureStep;
use crate::pickler::{Annotations, CLASS_NAMES, global_name, is_scalar, module_dicts, names_in_code};
use crate::python::deferred_signals::{Tolerated as _, shown};
use crate::session::code_objects::named_cells;

/// Attributes of a class that are not from its body, or differ between equal classes: `copyreg` adds `__slotnames__`,
/// and reading `__annotations__` creates them.
const NOT_OF_THE_BODY: [&str; 13] = [
    "__dict__",
    "__weakref__",
    "__module__",
    "__doc__",
    "_abc_impl",
    "__abstractmethods__",
    "__slotnames__",
    "__annotations__",
    "__annotations_cache__",
    "__builtins__",
    // A named tuple keeps the cell that leads annotations to its namespace.
    "__classdictcell__",
    "__firstlineno__",
    "__static_attributes__",
];
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
/// Containers of weak references: how many members they have, and not their order or their callbacks.
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
    fn new(text: impl Into<String>, parts: Parts<'py>, identity: Identity) -> Self {
        Self { text: text.into(), parts, identity, decides: None }
    }

    fn leaf(text: impl Into<String>) -> Self {
        Self::new(text, Vec::new(), Identity::None)
    }
}

/// Describes objects, and remembers the facts about their types.
pub(super) struct ObjectDescriber<'py> {
    main: Bound<'py, PyAny>,
    /// The namespaces of the modules, by address.
    namespaces: FxHashMap<usize, String>,
    types: FxHashMap<usize, (Bound<'py, PyType>, std::rc::Rc<TypeFacts<'py>>)>,
    /// `object.__getattribute__`.
    get_attribute: Bound<'py, PyAny>,
    /// `functools.partial`.
    partial: Bound<'py, PyAny>,
    ndarray: Option<Bound<'py, PyAny>>,
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

    fn facts(&mut self, kind: &Bound<'py, PyType>) -> PyResult<std::rc::Rc<TypeFacts<'py>>> {
        let address = kind.as_ptr() as usize;
        if let Some((_, facts)) = self.types.get(&address) {
            return Ok(std::rc::Rc::clone(facts));
        }
        let facts = std::rc::Rc::new(TypeFacts::new(kind, &self.main)?);
        self.types.insert(address, (kind.clone(), std::rc::Rc::clone(&facts)));
        Ok(facts)
    }

    /// An attribute, as `object.__getattribute__` finds it. None if there is none.
    fn attribute(&self, value: &Bound<'py, PyAny>, name: &str) -> Option<Bound<'py, PyAny>> {
        self.get_attribute.call1((value, name)).tolerated().filter(|found| !found.is_none())
    }

    fn attributes(&self, value: &Bound<'py, PyAny>, names: &[&str]) -> Parts<'py> {
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

    fn a_class(&mut self, class: &Bound<'py, PyType>) -> PyResult<ObjectParts<'py>> {
        let facts = self.facts(class)?;
        if facts.is_imported {
            return Ok(ObjectParts::leaf(format!("class {}", facts.name)));
        }
        let mut parts = vec![(StructureStep::Text(".__class__".to_owned()), class.get_type().into_any())];
        let bases = class.getattr("__bases__")?.cast_into::<PyTuple>()?;
        parts.extend(bases.iter().enumerate().map(|(n, base)| (StructureStep::Text(format!(".__bases__[{n}]")), base)));
        let body = class.getattr("__dict__")?.call_method0("copy")?.cast_into::<PyDict>()?;
        let mut names = Vec::new();
        for (name, item) in body {
            if !is_one_of(&name, &NOT_OF_THE_BODY) {
                names.push((name.str()?.to_string_lossy().into_owned(), item));
            }
        }
        names.sort_by(|left, right| left.0.cmp(&right.0));
        let text = format!("class {} with {}", facts.name, joined(names.iter().map(|(name, _)| name.as_str())));
        parts.extend(names.iter().map(|(name, item)| (step(name), item.clone())));
        Ok(ObjectParts::new(text, parts, Identity::Own))
    }

    fn a_function(&self, value: &Bound<'py, PyAny>) -> PyResult<ObjectParts<'py>> {
        if let Some((module, name)) = global_name(value, &self.main)? {
            return Ok(ObjectParts::leaf(format!("function {module}.{name}")));
        }
        let facts = ["__module__", "__qualname__", "__name__"].map(|name| value.getattr(name));
        let facts: Vec<_> = facts.iter().flatten().map(shown).collect();
        // `namedtuple` makes it of the fields and their defaults, which are attributes of the class.
        if facts.first().is_some_and(|module| module.starts_with("namedtuple_")) {
            return Ok(ObjectParts::leaf("the __new__ of a named tuple".to_owned()));
        }
        let mut parts = self.attributes(value, &["__defaults__", "__kwdefaults__", "__type_params__"]);
        parts.extend(self.closure(value));
        parts.extend(self.globals_used(value)?);
        // Reading it creates it.
        let state = value.getattr("__dict__")?;
        if state.len().tolerated().is_some_and(|length| length > 0) {
            parts.push((step("__dict__"), state));
        }
        parts.extend(Annotations::of(value)?.attribute().map(|(name, value)| (step(name), value)));
        let names = joined(parts.iter().map(|(step, _)| match step {
            StructureStep::Text(text) => text.trim_start_matches('.'),
            StructureStep::Index(_) => "",
        }));
        Ok(ObjectParts::new(format!("function {} with {names}", facts.join(" ")), parts, Identity::Own))
    }

    /// The cells of a function, without that for the namespace of its class: a snapshot has the names that are used,
    /// and Python empties the namespace when it deletes a class that a decorator has replaced.
    fn closure(&self, function: &Bound<'py, PyAny>) -> Parts<'py> {
        let cell = |name: &str| StructureStep::Text(format!(".__closure__['{name}']"));
        named_cells(function).map(|(name, value)| (cell(&name), value)).collect()
    }

    /// The globals of a function: the namespace of a module as a whole. Of a dict in which `exec` made the function, a
    /// snapshot has the names that the code uses.
    fn globals_used(&self, function: &Bound<'py, PyAny>) -> PyResult<Parts<'py>> {
        let globals = function.getattr("__globals__")?;
        let address = globals.as_ptr() as usize;
        let Ok(own) = globals.cast_exact::<PyDict>() else { return Ok(vec![(step("__globals__"), globals)]) };
        if self.namespaces.contains_key(&address) {
            return Ok(vec![(step("__globals__"), globals)]);
        }
        let mut parts = Vec::new();
        for name in names_in_code(&function.getattr("__code__")?)? {
            if let Some(value) = own.get_item(&name)? {
                parts.push((StructureStep::Text(format!(".__globals__['{name}']")), value));
            }
        }
        Ok(parts)
    }

    fn instance(&self, value: &Bound<'py, PyAny>, facts: &TypeFacts<'py>) -> PyResult<ObjectParts<'py>> {
        let class = || (StructureStep::Text(".__class__".to_owned()), value.get_type().into_any());
        if let Some(array) = self.array(value, facts)? {
            return Ok(array);
        }
        if facts.is_opaque {
            let identity = if facts.is_hashable { Identity::None } else { Identity::Own };
            let parts = if facts.is_imported { Vec::new() } else { vec![class()] };
            return Ok(ObjectParts::new(facts.name.clone(), parts, identity));
        }
        let (items, mut parts) = items_of(value)?;
        let mut text = format!("{}{items}", facts.name);
        let (names, state) = self.state(value)?;
        let slots: Vec<_> =
            facts.slots.iter().filter_map(|(name, slot)| Some((name, slot_value(slot, value)?))).collect();
        let all: Vec<&str> =
            names.iter().map(String::as_str).chain(slots.iter().map(|(name, _)| name.as_str())).collect();
        if !all.is_empty() {
            text.push_str(&format!(" with {}", joined(all.into_iter())));
        }
        if value.is_instance_of::<PyBaseException>() {
            parts.extend(self.attributes(value, &["args", "__cause__", "__context__"]));
            let suppressed = self
                .attribute(value, "__suppress_context__")
                .is_some_and(|flag| flag.is_truthy().tolerated().unwrap_or(false));
            text.push_str(if suppressed { ", whose context is suppressed" } else { "" });
        }
        parts.extend((!facts.is_imported).then(class));
        parts.extend(slots.into_iter().map(|(name, item)| (step(name), item)));
        parts.extend(state);
        let decides = facts.decides.clone();
        Ok(ObjectParts { text, parts, identity: Identity::Own, decides })
    }

    /// The names and values in an instance's `__dict__`, sorted.
    fn state(&self, value: &Bound<'py, PyAny>) -> PyResult<(Vec<String>, Parts<'py>)> {
        let state = self.existing_dict(value)?.and_then(|state| state.cast_into::<PyDict>().ok());
        let Some(state) = state else { return Ok((Vec::new(), Vec::new())) };
        // A dict that is its own state is described by its items.
        if state.is(value) {
            return Ok((vec!["__dict__, which is itself".to_owned()], Vec::new()));
        }
        let text = |(name, item): (Bound<'py, PyAny>, _)| Ok((name.str()?.to_string_lossy().into_owned(), item));
        let mut found: Vec<(String, Bound<'py, PyAny>)> = state.iter().map(text).collect::<PyResult<_>>()?;
        found.sort_by(|left, right| left.0.cmp(&right.0));
        let names = found.iter().map(|(name, _)| name.clone()).collect();
        Ok((names, found.into_iter().map(|(name, item)| (step(&name), item)).collect()))
    }

    /// The `__dict__` of an instance, unless reading would create it and so change the next pickle: exceptions and
    /// partial functions reduce without one until they have one.
    fn existing_dict(&self, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = value.py();
        let (class, place): (Bound<'py, PyAny>, &[usize]) = if value.is_instance_of::<PyBaseException>() {
            (py.get_type::<PyBaseException>().into_any(), &[2])
        } else if value.is_instance(&self.partial)? {
            (self.partial.clone(), &[2, 3])
        } else {
            return Ok(self.attribute(value, "__dict__"));
        };
        let mut found = class.call_method1("__reduce__", (value,))?;
        for index in place {
            match found.cast::<PyTuple>()?.get_item(*index) {
                Ok(part) => found = part,
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(found).filter(|state| !state.is_none()))
    }

    /// An array of numpy: whether it can be written to, and whose memory it has.
    fn array(&self, value: &Bound<'py, PyAny>, facts: &TypeFacts<'py>) -> PyResult<Option<ObjectParts<'py>>> {
        let Some(ndarray) = self.ndarray.as_ref() else { return Ok(None) };
        if !value.is_instance(ndarray)? {
            return Ok(None);
        }
        let writable = value.getattr("flags")?.getattr("writeable")?.is_truthy()?;
        let text = format!("{}{}", facts.name, if writable { "" } else { ", read-only" });
        let contiguous = value.getattr("flags")?.getattr("forc")?.is_truthy()?;
        let mut identity = Identity::Own;
        // Sharing of read-only memory has no effect. The gaps of a strided array are not its memory.
        if writable && contiguous {
            let start: usize = value.getattr("__array_interface__")?.get_item("data")?.get_item(0)?.extract()?;
            identity = Identity::Memory(start..start.saturating_add(value.getattr("nbytes")?.extract()?));
        }
        // The classes of libraries have caches in their attributes.
        let mut parts = if facts.is_imported { Vec::new() } else { self.state(value)?.1 };
        if value.getattr("dtype")?.getattr("kind")?.extract::<String>()? == "O" {
            let items = value.getattr("flat")?.try_iter()?.enumerate();
            for (index, item) in items {
                parts.push((StructureStep::Text(format!(".flat[{index}]")), item?));
            }
        }
        Ok(Some(ObjectParts::new(text, parts, identity)))
    }
}

fn a_builtin<'py>(value: &Bound<'py, PyAny>) -> PyResult<ObjectParts<'py>> {
    let name = value.getattr("__qualname__")?;
    let owner = value.getattr("__self__")?;
    if owner.is_none() || owner.is_instance_of::<PyModule>() || owner.is_instance_of::<PyType>() {
        return Ok(ObjectParts::leaf(format!("built-in {}", shown(&name))));
    }
    Ok(ObjectParts::new(format!("built-in {name}"), vec![(step("__self__"), owner)], Identity::Own))
}

/// The number of items of a container, for the text, and the items.
fn items_of<'py>(value: &Bound<'py, PyAny>) -> PyResult<(String, Parts<'py>)> {
    let mut parts = Vec::new();
    if let Ok(dict) = value.cast::<PyDict>() {
        for (index, (key, item)) in dict.iter().enumerate() {
            let text = match key.cast_exact::<PyString>() {
                Ok(name) => format!("['{name}']"),
                Err(_) => format!("[{index}]"),
            };
            // A `ForwardRef` has the names of its class: a snapshot has the ones that are used.
            let is_class_names = is_one_of(&key, &[CLASS_NAMES]);
            parts.push((StructureStep::Text(format!(".keys[{index}]")), key));
            if !is_class_names {
                parts.push((StructureStep::Text(text), item));
            }
        }
        return Ok((format!(" ({})", dict.len()), parts));
    }
    let items: Vec<Bound<'py, PyAny>> = if let Ok(list) = value.cast::<PyList>() {
        list.iter().collect()
    } else if let Ok(tuple) = value.cast::<PyTuple>() {
        tuple.iter().collect()
    } else if let Ok(set) = value.cast::<PySet>() {
        return Ok((format!(" ({})", set.len()), parts));
    } else if let Ok(set) = value.cast::<PyFrozenSet>() {
        return Ok((format!(" ({})", set.len()), parts));
    } else {
        return Ok((String::new(), parts));
    };
    let text = format!(" ({})", items.len());
    parts.extend(items.into_iter().enumerate().map(|(index, item)| (StructureStep::Index(index), item)));
    Ok((text, parts))
}

/// The value in a slot, without `__getattr__`. None if it is empty.
fn slot_value<'py>(slot: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    slot.call_method1("__get__", (value, value.get_type())).tolerated()
}

fn step(name: &str) -> StructureStep {
    StructureStep::Text(format!(".{name}"))
}

fn is_one_of(name: &Bound<'_, PyAny>, names: &[&str]) -> bool {
    name.cast::<PyString>().is_ok_and(|name| names.iter().any(|known| name == known))
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
