//! Finds variables that look like credentials: by their names, by the keys, attributes and parameters within them, and
//! by their strings. [`credentials`](crate::pickle::credentials) decides what looks like one.
//!
//! No code of the session runs: attributes are read from the `__dict__` and the slots of an object, and items only from
//! built-in containers. The search is bounded, whatever a variable holds, so that it does not slow a save.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyAny, PyBool, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyFunction, PyInt, PyList, PyModule, PySet,
    PySlice, PyString, PyTuple, PyType,
};

use super::attribute_places::{AttributePlaces, KnownType};
use super::process_environment::ProcessEnvironment;
use crate::pickle::credentials::{self, is_plain_word};
use crate::pickler::class_attributes::ClassOrder as _;
use crate::pickler::class_attributes::{instance_dict, namespace};
use crate::python::deferred_signals::Tolerated as _;

/// How many characters of a string are searched.
const MAX_CHARS: usize = 4096;
/// How many characters of all strings of a variable are searched.
const MAX_ALL_CHARS: usize = 1 << 17;
/// How many items of a variable are searched, and how many of a container within one. Of a longer dict, the values of
/// keys that are named like credentials are searched as well.
const MAX_ITEMS: usize = 200;
const MAX_INNER_ITEMS: usize = 50;
/// How many keys of a dict are looked at.
pub(super) const MAX_KEYS: usize = 1000;
/// How many objects of a variable are looked at.
const MAX_VISITS: usize = 2000;
/// How deep containers and attributes are searched.
const MAX_DEPTH: usize = 6;
/// The most reasons that are given for one variable.
const MAX_REASONS: usize = 8;

/// Finds credentials in the variables of a session.
#[derive(Default)]
pub(super) struct SecretFinder<'py> {
    /// The name of the module whose classes and functions are saved by value.
    session: String,
    environment: ProcessEnvironment<'py>,
    /// What is known about types, by their addresses.
    types: RefCell<HashMap<usize, Rc<AttributePlaces<'py>>>>,
}

impl<'py> SecretFinder<'py> {
    /// A finder for the variables of a module.
    pub(super) fn new(session: &str) -> Self {
        Self { session: session.to_owned(), ..Self::default() }
    }

    /// Why a variable looks like a credential; empty if it does not.
    pub(super) fn reasons(&self, name: &str, value: &Bound<'py, PyAny>) -> Vec<String> {
        self.search(Vec::new(), name, value)
    }

    /// Why an attribute of a class or function looks like a credential. `path` leads to it: `C.password`.
    pub(super) fn reasons_of_attribute(&self, path: &str, value: &Bound<'py, PyAny>) -> Vec<String> {
        self.search(vec![SecretStep::Attribute(path.to_owned())], path, value)
    }

    fn search(&self, path: Vec<SecretStep>, name: &str, value: &Bound<'py, PyAny>) -> Vec<String> {
        let (found, around, classes) = Default::default();
        let mut search = SecretSearch { finder: self, found, path, visits: 0, chars: 0, around, classes };
        search.object(Some(name), value);
        // A list of keys would otherwise repeat the same reason for each item.
        search.found.sort();
        search.found.dedup();
        search.found.truncate(MAX_REASONS);
        search.found
    }

    fn places(&self, kind: &Bound<'py, PyType>) -> PyResult<Rc<AttributePlaces<'py>>> {
        let address = kind.as_ptr() as usize;
        if let Some(known) = self.types.borrow().get(&address) {
            return Ok(Rc::clone(known));
        }
        let places = Rc::new(AttributePlaces::of(kind, &self.session)?);
        self.types.borrow_mut().insert(address, Rc::clone(&places));
        Ok(places)
    }
}

/// A step from a variable to an object within it.
enum SecretStep {
    Key(String),
    Item(usize),
    Attribute(String),
}

/// The search of one variable.
struct SecretSearch<'s, 'py> {
    finder: &'s SecretFinder<'py>,
    found: Vec<String>,
    path: Vec<SecretStep>,
    visits: usize,
    chars: usize,
    /// The addresses of the containers and instances on the way, which may contain themselves.
    around: HashSet<usize>,
    /// The addresses of the classes that were searched.
    classes: HashSet<usize>,
}

impl<'py> SecretSearch<'_, 'py> {
    /// Searches an object. `name` is the name of the variable, key, attribute or parameter that holds it.
    fn object(&mut self, name: Option<&str>, value: &Bound<'py, PyAny>) {
        self.visits += 1;
        if self.visits > MAX_VISITS || self.found.len() > MAX_REASONS {
            return;
        }
        if is_simple(value) {
            let reason = self.reason(name, value);
            self.add(reason);
        } else if self.path.len() < MAX_DEPTH {
            let address = value.as_ptr() as usize;
            if self.around.insert(address) {
                // What cannot be read is not searched.
                self.parts(value).tolerated();
                self.around.remove(&address);
            }
        }
    }

    /// Why a string looks like a credential, as far as the search has not read too much. Numbers never do: they are the
    /// counts and indexes of words.
    fn reason(&mut self, name: Option<&str>, value: &Bound<'py, PyAny>) -> Option<String> {
        let whole = value.cast_exact::<PyString>().ok().filter(|_| self.chars < MAX_ALL_CHARS);
        if let Some(string) = whole.filter(|string| string.len().tolerated().is_some_and(|length| length <= MAX_CHARS))
        {
            let string = string.to_string_lossy();
            self.chars += string.len();
            return credentials::reason(name, &string);
        }
        let head = if self.chars < MAX_ALL_CHARS { string_head(value)? } else { return None };
        self.chars += head.len();
        credentials::reason(name, &head)
    }

    fn add(&mut self, reason: Option<String>) {
        let Some(reason) = reason else { return };
        self.found.push(match self.path.as_slice() {
            [] | [SecretStep::Item(_)] => reason,
            [SecretStep::Key(key)] => format!("{reason}, under key {key:?}"),
            path => format!("{reason}, at {}", path.iter().map(shown).collect::<String>()),
        });
    }

    /// Searches an object within another one. `step` makes the step to it, which most objects do not need.
    fn inside(&mut self, step: impl FnOnce() -> SecretStep, name: Option<&str>, value: &Bound<'py, PyAny>) {
        if !is_simple(value) {
            self.path.push(step());
            self.object(name, value);
            self.path.pop();
            return;
        }
        self.visits += 1;
        if self.visits <= MAX_VISITS
            && self.found.len() <= MAX_REASONS
            && let Some(reason) = self.reason(name, value)
        {
            self.path.push(step());
            self.add(Some(reason));
            self.path.pop();
        }
    }

    fn named(&mut self, name: &str, value: &Bound<'py, PyAny>) {
        self.inside(|| SecretStep::Attribute(name.to_owned()), Some(name), value);
    }

    fn parts(&mut self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        let most = if self.path.is_empty() { MAX_ITEMS } else { MAX_INNER_ITEMS };
        if let Ok(dict) = value.cast::<PyDict>() {
            self.dict(dict, most);
        } else if let Ok(list) = value.cast::<PyList>() {
            self.items(list.iter(), most);
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.tuple(tuple, most);
        } else if let Ok(set) = value.cast_exact::<PySet>() {
            self.items(set.iter(), most);
        } else if let Ok(set) = value.cast_exact::<PyFrozenSet>() {
            self.items(set.iter(), most);
        } else if value.is_instance_of::<PyFunction>() {
            return self.function(value);
        } else if let Ok(class) = value.cast::<PyType>() {
            return self.class(class);
        } else if value.is_instance_of::<PyModule>() {
            return Ok(());
        }
        // Built-in containers have no attributes.
        let is_container = value.is_exact_instance_of::<PyDict>()
            || value.is_exact_instance_of::<PyList>()
            || value.is_exact_instance_of::<PyTuple>()
            || value.is_exact_instance_of::<PySet>()
            || value.is_exact_instance_of::<PyFrozenSet>();
        if is_container { Ok(()) } else { self.attributes(value, &value.get_type()) }
    }

    fn dict(&mut self, dict: &Bound<'py, PyDict>, most: usize) {
        if self.finder.environment.is_in(dict).tolerated().unwrap_or(false) {
            // One reason is enough: the environment usually contains several credentials.
            return self.add(Some("a copy of the environment".to_owned()));
        }
        for (number, (key, item)) in dict.iter().take(MAX_KEYS).enumerate() {
            match key.cast_exact::<PyString>().ok().and_then(|key| key.to_str().tolerated()) {
                Some(name) if name.len() <= MAX_CHARS && (number < most || credentials::may_name_credential(name)) => {
                    self.inside(|| SecretStep::Key(name.to_owned()), Some(name), &item);
                }
                _ if number < most => self.inside(|| SecretStep::Item(number), None, &item),
                _ => {}
            }
        }
    }

    fn items(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>, most: usize) {
        let mut option: Option<String> = None;
        for (number, item) in items.take(most).enumerate() {
            if self.visits > MAX_VISITS {
                return;
            }
            let string = item.cast_exact::<PyString>().ok().and_then(|item| item.to_str().tolerated());
            // As in `sys.argv`: an option, and then its argument.
            if let (Some(name), Some(argument)) = (option.take(), string)
                && !argument.starts_with('-')
            {
                self.add(Some(format!("contains the argument of {name}")));
            }
            option =
                string.filter(|name| name.starts_with("--") && credentials::is_secret_option(name)).map(str::to_owned);
            self.inside(|| SecretStep::Item(number), None, &item);
        }
    }

    /// A pair of a name and a value, as in headers; the fields of a named tuple; or any other items.
    fn tuple(&mut self, tuple: &Bound<'py, PyTuple>, most: usize) {
        let name =
            |value: &Bound<'py, PyAny>| Some(value.cast_exact::<PyString>().ok()?.to_str().tolerated()?.to_owned());
        if !tuple.is_exact_instance_of::<PyTuple>() {
            let fields = namespace(&tuple.get_type()).and_then(|names| names.get_item("_fields"));
            if let Ok(fields) = fields.and_then(|fields| Ok(fields.cast_into::<PyTuple>()?)) {
                for (field, item) in fields.iter().zip(tuple.iter()).take(most) {
                    name(&field).into_iter().for_each(|name| self.named(&name, &item));
                }
                return;
            }
        }
        if let (2, Ok(first), Ok(second)) = (tuple.len(), tuple.get_item(0), tuple.get_item(1))
            && let Some(name) = name(&first)
        {
            self.object(None, &first);
            return self.inside(|| SecretStep::Key(name.clone()), Some(&name), &second);
        }
        self.items(tuple.iter(), most);
    }

    fn attributes(&mut self, value: &Bound<'py, PyAny>, kind: &Bound<'py, PyType>) -> PyResult<()> {
        let finder = self.finder;
        let places = finder.places(kind)?;
        if places.has_dict && finder.environment.is_same(value) {
            self.add(Some("the environment".to_owned()));
            return Ok(());
        }
        if let Some(dict) = if places.has_dict { instance_dict(value)? } else { None } {
            for (name, item) in dict.iter().take(MAX_INNER_ITEMS) {
                if let Some(name) = name.cast_exact::<PyString>().ok().and_then(|name| name.to_str().tolerated()) {
                    self.named(name, &item);
                }
            }
        }
        // An instance is saved with its class.
        if let Some(class) = &places.session_class {
            self.class(class)?;
        }
        for (name, slot) in places.slots.iter().take(MAX_INNER_ITEMS) {
            // A descriptor in C: the code of the class does not run. An empty slot raises AttributeError.
            if let Some(item) = slot.call_method1("__get__", (value,)).tolerated() {
                self.named(name, &item);
            }
        }
        places.known.map_or(Ok(()), |known| self.known(known, value))
    }

    fn known(&mut self, known: KnownType, value: &Bound<'py, PyAny>) -> PyResult<()> {
        let head = PySlice::new(value.py(), 0, MAX_INNER_ITEMS as isize, 1);
        match known {
            KnownType::Partial => {
                if let Ok(keywords) = value.getattr("keywords")?.cast_into::<PyDict>() {
                    self.dict(&keywords, MAX_INNER_ITEMS);
                }
            }
            KnownType::Wrapper(parts) => {
                for part in parts {
                    self.object(None, &value.getattr(*part)?);
                }
            }
            KnownType::NumpyArray => {
                let kind: String = value.getattr("dtype")?.getattr("kind")?.extract()?;
                if ["U", "S", "O"].contains(&kind.as_str())
                    && let Ok(items) = value.getattr("flat")?.get_item(head)?.call_method0("tolist")?.cast::<PyList>()
                {
                    self.items(items.iter(), MAX_INNER_ITEMS);
                }
            }
            KnownType::DataFrame => {
                for name in value.getattr("columns")?.get_item(head)?.try_iter()? {
                    let name = name?;
                    let text = name.cast_exact::<PyString>().ok().and_then(|name| name.to_str().tolerated());
                    let Some(text) = text.filter(|text| credentials::may_name_credential(text)) else { continue };
                    if value.len()? > 0 {
                        let first = value.get_item(&name)?.getattr("iloc")?.get_item(0)?;
                        self.inside(|| SecretStep::Key(text.to_owned()), Some(text), &first);
                    }
                }
            }
        }
        Ok(())
    }

    /// What is saved with a function of the session: the variables of its closure, its defaults, and its attributes.
    fn function(&mut self, function: &Bound<'py, PyAny>) -> PyResult<()> {
        let py = function.py();
        let closure = function.getattr(intern!(py, "__closure__"))?;
        let defaults = function.getattr(intern!(py, "__defaults__"))?;
        let keywords = function.getattr(intern!(py, "__kwdefaults__"))?;
        let attributes = function.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
        // Most functions have none of these.
        if closure.is_none() && defaults.is_none() && keywords.is_none() && attributes.is_empty()
            || !function.getattr(intern!(py, "__module__"))?.eq(self.finder.session.as_str())?
        {
            return Ok(());
        }
        for (name, value) in strings_and_values(&attributes) {
            self.named(&name, &value);
        }
        let code = function.getattr(intern!(py, "__code__"))?;
        if let Ok(cells) = closure.cast_into::<PyTuple>() {
            let names: Vec<String> = code.getattr("co_freevars")?.extract()?;
            for (name, cell) in names.iter().zip(cells.iter()) {
                // A cell that is empty raises ValueError.
                cell.getattr("cell_contents").tolerated().iter().for_each(|value| self.named(name, value));
            }
        }
        if let Ok(defaults) = defaults.cast_into::<PyTuple>() {
            let names: Vec<String> = code.getattr("co_varnames")?.extract()?;
            let arguments: usize = code.getattr("co_argcount")?.extract()?;
            let named = names.iter().take(arguments).skip(arguments.saturating_sub(defaults.len()));
            named.zip(defaults.iter()).for_each(|(name, value)| self.default(name, &value));
        }
        if let Ok(keywords) = keywords.cast_into::<PyDict>() {
            for (name, value) in strings_and_values(&keywords) {
                self.default(&name, &value);
            }
        }
        Ok(())
    }

    /// The default of a parameter. Many are just words: `password="postgres"`.
    fn default(&mut self, name: &str, value: &Bound<'py, PyAny>) {
        let string = value
            .cast_exact::<PyString>()
            .ok()
            .filter(|it| it.len().tolerated().is_some_and(|length| length <= MAX_CHARS));
        if !string.is_some_and(|string| is_plain_word(&string.to_string_lossy())) {
            self.named(name, value);
        }
    }

    /// The attributes of a class of the session, and those of its bases that are saved with it.
    fn class(&mut self, class: &Bound<'py, PyType>) -> PyResult<()> {
        for base in class.order() {
            let Ok(base) = base.cast_into::<PyType>() else { continue };
            let names = namespace(&base)?;
            let is_saved = names.contains("__module__")? && names.get_item("__module__")?.eq(&self.finder.session)?;
            if !is_saved || !self.classes.insert(base.as_ptr() as usize) {
                continue;
            }
            let names = names.call_method0(intern!(class.py(), "copy"))?.cast_into::<PyDict>()?;
            for (name, value) in names.iter().take(MAX_ITEMS) {
                let Some(name) = name.cast_exact::<PyString>().ok().and_then(|name| name.to_str().tolerated()) else {
                    continue;
                };
                self.named(name, &value);
                // A member of an enumeration has its value in an attribute.
                if value.get_type().is(&base)
                    && let Some(member) =
                        instance_dict(&value)?.and_then(|it| it.get_item("_value_").tolerated().flatten())
                {
                    self.named(name, &member);
                }
            }
        }
        Ok(())
    }
}

/// The first items of a dict whose keys are strings.
fn strings_and_values<'py>(dict: &Bound<'py, PyDict>) -> Vec<(String, Bound<'py, PyAny>)> {
    let items = dict.iter().take(MAX_INNER_ITEMS);
    items
        .filter_map(|(name, value)| Some((name.cast_exact::<PyString>().ok()?.to_str().tolerated()?.to_owned(), value)))
        .collect()
}

/// The step as in a Python expression.
fn shown(step: &SecretStep) -> String {
    match step {
        SecretStep::Key(key) => format!("[{key:?}]"),
        SecretStep::Item(number) => format!("[{number}]"),
        SecretStep::Attribute(name) => format!(".{name}"),
    }
}

/// Whether a value has no parts: strings, numbers, None and the like.
fn is_simple(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyComplex>()
}

/// The beginning of a long string, or of bytes.
fn string_head(value: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        let bytes = bytes.as_bytes();
        return Some(String::from_utf8_lossy(bytes.get(..MAX_CHARS).unwrap_or(bytes)).into_owned());
    }
    let string = value.cast_exact::<PyString>().ok()?;
    // Slicing first keeps a string of a gigabyte from being encoded as UTF-8.
    let head = string.get_item(PySlice::new(value.py(), 0, MAX_CHARS as isize, 1)).tolerated()?;
    Some(head.cast::<PyString>().ok()?.to_string_lossy().into_owned())
}
