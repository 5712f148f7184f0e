//! Finds variables that look like credentials: by their names, by the keys, attributes and parameters within them, and
//! by their strings. [`credentials`](crate::pickle::credentials) decides what looks like one.
//!
//! No code of the session runs: attributes are read from the `__dict__` and the slots of an object, and items only from
//! built-in containers. The search is bounded, whatever a variable holds, so that it does not slow a save.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{
    PyAny, PyByteArray, PyDict, PyFrozenSet, PyFunction, PyList, PyModule, PySet, PyString, PyTuple, PyType,
};

use super::attribute_places::AttributePlaces;
use super::process_environment::ProcessEnvironment;
use super::secret_strings::{MAX_CHARS, is_simple, key_name, label_name, short_text, string_head, valid_text};
use crate::pickle::credentials::{self, PairedName, PasswordOption, is_plain_word};
use crate::pickler::class_attributes::ClassOrder as _;
use crate::pickler::class_attributes::{instance_dict, namespace};
use crate::python::deferred_signals::Tolerated as _;

/// How many characters of all strings of a variable are searched.
const MAX_ALL_CHARS: usize = 1 << 17;
/// How many items of a variable are searched, and how many of a container within one. Of a longer dict, the values of
/// keys that are named like credentials are searched as well.
pub(super) const MAX_ITEMS: usize = 200;
pub(super) const MAX_INNER_ITEMS: usize = 50;
/// How many keys of a dict are looked at.
pub(super) const MAX_KEYS: usize = 1000;
/// How many objects of a variable are looked at.
const MAX_VISITS: usize = 2000;
/// How deep containers and attributes are searched.
const MAX_DEPTH: usize = 6;
/// The most reasons that are given for one variable.
const MAX_REASONS: usize = 8;
/// The longest option.
const MAX_OPTION: usize = 64;
/// Attributes in which an object keeps the value that the name of the object is about: those of fields and of enums.
const VALUE_ATTRIBUTES: [&str; 4] = ["default", "value", "_value", "_value_"];

/// Finds credentials in the variables of a session.
#[derive(Default)]
pub(super) struct SecretFinder<'py> {
    /// The name of the module whose classes and functions are saved by value.
    pub(super) session: String,
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
pub(super) enum SecretStep {
    Key(String),
    Item(usize),
    Attribute(String),
}

/// The search of one variable.
pub(super) struct SecretSearch<'s, 'py> {
    pub(super) finder: &'s SecretFinder<'py>,
    found: Vec<String>,
    path: Vec<SecretStep>,
    visits: usize,
    chars: usize,
    /// The addresses of the containers and instances on the way, which may contain themselves.
    around: HashSet<usize>,
    /// The addresses of the classes that were searched.
    pub(super) classes: HashSet<usize>,
}

impl<'py> SecretSearch<'_, 'py> {
    /// Searches an object. `name` is the name of the variable, key, attribute or parameter that holds it.
    pub(super) fn object(&mut self, name: Option<&str>, value: &Bound<'py, PyAny>) {
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
                self.parts(name, value).tolerated();
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
            let string = valid_text(string)?;
            self.chars += string.len();
            return credentials::reason(name, &string);
        }
        let head = if self.chars < MAX_ALL_CHARS { string_head(value)? } else { return None };
        self.chars += head.len();
        credentials::reason(name, &head)
    }

    pub(super) fn add(&mut self, reason: Option<String>) {
        let Some(reason) = reason else { return };
        self.found.push(match self.path.as_slice() {
            [] | [SecretStep::Item(_)] => reason,
            [SecretStep::Key(key)] => format!("{reason}, under key {key:?}"),
            path => format!("{reason}, at {}", path.iter().map(shown).collect::<String>()),
        });
    }

    /// How many reasons were found so far.
    pub(super) fn reasons(&self) -> usize {
        self.found.len()
    }

    /// Searches an object within another one. `step` makes the step to it, which most objects do not need.
    pub(super) fn inside(&mut self, step: impl FnOnce() -> SecretStep, name: Option<&str>, value: &Bound<'py, PyAny>) {
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

    pub(super) fn named(&mut self, name: &str, value: &Bound<'py, PyAny>) {
        self.inside(|| SecretStep::Attribute(name.to_owned()), Some(name), value);
    }

    /// Searches an object with parts.
    fn parts(&mut self, name: Option<&str>, value: &Bound<'py, PyAny>) -> PyResult<()> {
        let most = if self.path.is_empty() { MAX_ITEMS } else { MAX_INNER_ITEMS };
        if let Ok(dict) = value.cast::<PyDict>() {
            self.dict(name, dict, most);
        } else if let Ok(list) = value.cast::<PyList>() {
            self.list(name, list, most);
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.tuple(name, tuple, most);
        } else if let Ok(set) = value.cast_exact::<PySet>() {
            self.items(name, set.iter(), most);
        } else if let Ok(set) = value.cast_exact::<PyFrozenSet>() {
            self.items(name, set.iter(), most);
        } else if value.is_instance_of::<PyFunction>() {
            return self.function(value);
        } else if let Ok(class) = value.cast::<PyType>() {
            return self.class(class);
        } else if value.is_instance_of::<PyModule>() {
            return Ok(());
        } else if value.is_instance_of::<PyString>() || value.is_exact_instance_of::<PyByteArray>() {
            // A subclass of `str` may have attributes, too.
            let reason = self.reason(name, value);
            self.add(reason);
        }
        // Built-in containers have no attributes.
        let is_container = value.is_exact_instance_of::<PyDict>()
            || value.is_exact_instance_of::<PyList>()
            || value.is_exact_instance_of::<PyTuple>()
            || value.is_exact_instance_of::<PySet>()
            || value.is_exact_instance_of::<PyFrozenSet>();
        if is_container { Ok(()) } else { self.attributes(name, value, &value.get_type()) }
    }

    pub(super) fn dict(&mut self, outer: Option<&str>, dict: &Bound<'py, PyDict>, most: usize) {
        if self.finder.environment.is_in(dict).tolerated().unwrap_or(false) {
            // One reason is enough: the environment usually contains several credentials.
            return self.add(Some("a copy of the environment".to_owned()));
        }
        for (number, (key, item)) in dict.iter().take(MAX_KEYS).enumerate() {
            // As of a `Counter` of lines.
            if number < most && is_simple(&key) {
                let reason = self.reason(None, &key).map(|reason| format!("a key {reason}"));
                self.add(reason);
            }
            let before = self.found.len();
            match label_name(&key, &item) {
                Some(name) if name.len() <= MAX_CHARS && (number < most || credentials::may_name_credential(&name)) => {
                    self.under_key(dict, &name, SecretStep::Key, &item);
                }
                _ if number < most => self.inside(|| SecretStep::Item(number), None, &item),
                _ => {}
            }
            // `api_keys = {'service': '…'}`
            if number < most
                && self.found.len() == before
                && let (Some(outer), Some(text)) = (outer, short_text(&item))
                && let Some(reason) = credentials::reason_of_item(outer, &text)
            {
                let step = key_name(&key).map_or(SecretStep::Item(number), SecretStep::Key);
                self.path.push(step);
                self.add(Some(reason));
                self.path.pop();
            }
        }
    }

    /// Searches the value of a key or of an attribute, whose name may be beside it.
    pub(super) fn under_key(
        &mut self,
        dict: &Bound<'py, PyDict>,
        name: &str,
        step: impl FnOnce(String) -> SecretStep,
        item: &Bound<'py, PyAny>,
    ) {
        let text = |key: &str| {
            let text = dict.get_item(key).tolerated().flatten()?;
            let text = text.cast_exact::<PyString>().ok()?;
            let is_short = text.len().tolerated()? <= MAX_CHARS;
            is_short.then(|| valid_text(text)).flatten().map(Cow::into_owned)
        };
        let paired = if credentials::may_be_paired(name) { credentials::paired_name(name, text) } else { None };
        match paired {
            Some(PairedName::Cookie) if text(name).is_some_and(|value| !value.is_empty()) => {
                self.path.push(step(name.to_owned()));
                self.add(Some("the value of a cookie".to_owned()));
                self.path.pop();
            }
            Some(PairedName::Named(paired)) => self.inside(|| step(name.to_owned()), Some(&paired), item),
            _ => self.inside(|| step(name.to_owned()), Some(name), item),
        }
    }

    /// The items of a list, which have its name. A list of a name and a value is as frequent as one of two words.
    fn list(&mut self, name: Option<&str>, list: &Bound<'py, PyList>, most: usize) {
        if let (2, Ok(first), Ok(second)) = (list.len(), list.get_item(0), list.get_item(1))
            && let (Some(first), Some(value)) = (short_text(&first), short_text(&second))
            && !is_plain_word(&value)
        {
            self.inside(|| SecretStep::Key(first.clone()), Some(&first), &second);
        }
        self.items(name, list.iter(), most);
    }

    pub(super) fn items(&mut self, name: Option<&str>, items: impl Iterator<Item = Bound<'py, PyAny>>, most: usize) {
        let mut before: Option<String> = None;
        let mut command = PasswordOption::default();
        for (number, item) in items.take(most).enumerate() {
            if self.visits > MAX_VISITS {
                return;
            }
            let string = item.cast_exact::<PyString>().ok().and_then(valid_text);
            let string = string.as_deref();
            // As in `sys.argv`: an option, and then its argument.
            if let (Some(option), Some(argument)) = (before.take(), string)
                && (credentials::is_login_argument(&option, argument)
                    || credentials::is_secret_option(&option) && !argument.starts_with('-'))
            {
                self.add(Some(format!("contains the argument of {option}")));
            } else if let Some((_, option)) = string.and_then(|word| command.in_word(word)) {
                self.add(Some(format!("contains the argument of {option}")));
            }
            before = string.filter(|option| option.starts_with('-') && option.len() <= MAX_OPTION).map(str::to_owned);
            self.inside(|| SecretStep::Item(number), name, &item);
        }
    }

    /// A pair of a name and a value, as in headers; a user and a password; the fields of a named tuple; or any items.
    fn tuple(&mut self, name: Option<&str>, tuple: &Bound<'py, PyTuple>, most: usize) {
        if !tuple.is_exact_instance_of::<PyTuple>() {
            let fields = |class: Bound<'py, PyAny>| {
                let names = namespace(&class.cast_into::<PyType>().ok()?).tolerated()?;
                names.get_item("_fields").tolerated()?.cast_into::<PyTuple>().ok()
            };
            if let Some(fields) = tuple.get_type().order().into_iter().find_map(fields) {
                for (field, item) in fields.iter().zip(tuple.iter()).take(most) {
                    short_text(&field).into_iter().for_each(|name| self.named(&name, &item));
                }
                return;
            }
        }
        if let (2, Ok(first), Ok(second)) = (tuple.len(), tuple.get_item(0), tuple.get_item(1))
            && let Some(pair) = short_text(&first)
        {
            self.object(None, &first);
            let is_password = |text: String| !is_plain_word(&text);
            if name.is_some_and(credentials::names_login) && short_text(&second).is_some_and(is_password) {
                self.add(Some("a user and a password".to_owned()));
            }
            self.inside(|| SecretStep::Key(pair.clone()), Some(&pair), &second);
            if !name.is_some_and(credentials::may_name_credential) {
                return;
            }
        }
        self.items(name, tuple.iter(), most);
    }

    fn attributes(
        &mut self,
        outer: Option<&str>,
        value: &Bound<'py, PyAny>,
        kind: &Bound<'py, PyType>,
    ) -> PyResult<()> {
        let finder = self.finder;
        let places = finder.places(kind)?;
        if places.has_dict && finder.environment.is_same(value) {
            self.add(Some("the environment".to_owned()));
            return Ok(());
        }
        let outer = outer.filter(|name| credentials::may_name_credential(name));
        if let Some(dict) = if places.has_dict { instance_dict(value)? } else { None } {
            for (name, item) in dict.iter().take(MAX_INNER_ITEMS) {
                let Some(name) = name.cast_exact::<PyString>().ok().and_then(|name| name.to_str().tolerated()) else {
                    continue;
                };
                match outer.filter(|_| VALUE_ATTRIBUTES.contains(&name)) {
                    Some(outer) => self.inside(|| SecretStep::Attribute(name.to_owned()), Some(outer), &item),
                    None => self.under_key(&dict, name, SecretStep::Attribute, &item),
                }
            }
        }
        if value.is_instance_of::<PyBaseException>() {
            let arguments = value.py().get_type::<PyBaseException>().getattr("args")?;
            self.object(None, &arguments.call_method1("__get__", (value,))?);
        }
        // An instance is saved with its class.
        if let Some(class) = &places.session_class {
            self.class(class)?;
        }
        for (name, slot) in places.slots.iter().take(MAX_INNER_ITEMS) {
            // A descriptor in C: the code of the class does not run. An empty slot raises AttributeError.
            if let Some(item) = slot.call_method1("__get__", (value,)).tolerated() {
                match outer.filter(|_| VALUE_ATTRIBUTES.contains(&name.as_str())) {
                    Some(outer) => self.inside(|| SecretStep::Attribute(name.clone()), Some(outer), &item),
                    None => self.named(name, &item),
                }
            }
        }
        places.known.map_or(Ok(()), |known| self.known(known, outer, value))
    }
}

/// The step as in a Python expression.
fn shown(step: &SecretStep) -> String {
    match step {
        SecretStep::Key(key) => format!("[{key:?}]"),
        SecretStep::Item(number) => format!("[{number}]"),
        SecretStep::Attribute(name) => format!(".{name}"),
    }
}
