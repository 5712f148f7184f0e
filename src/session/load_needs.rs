//! What a session needs while it is loaded: the globals of code that a load runs, such as a `__setstate__`.
//!
//! A load binds variables in the order of the file, and plain dill binds all of them at its end. So what such code
//! needs comes first, if it can be made without running anything, and the pickle binds classes and functions when it
//! makes them.

use std::collections::{BTreeSet, HashMap};

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCFunction, PyDict, PyFunction, PyModule, PyTuple, PyType};

use super::code_objects::CodeReader;
use super::code_search::is_constant;
use super::select::NamedValue;
use crate::pickler::{EarlyBindings, load_may_fail};
use crate::python::deferred_signals::Tolerated as _;

/// Puts variables in front that a load needs before others, and returns the names that the pickle is to bind early.
pub(super) fn arrange(
    kept: &mut Vec<NamedValue<'_>>,
    globals: &Bound<'_, PyDict>,
    code_reader: &CodeReader,
) -> PyResult<EarlyBindings> {
    let mut bindings = EarlyBindings::default();
    let mut needed = BTreeSet::new();
    let mut uses = Uses::new(kept, globals, code_reader);
    for index in 0..kept.len() {
        let Some(class) = class_with_code(kept, index, globals)? else { continue };
        let needs = uses.of(index);
        for other in needs.iter().filter_map(|need| kept.get(*need)) {
            // Not a module: if it is missing, the class would be lost as well.
            if is_constant(&other.value) {
                bindings.add(&class, &other.name, &other.value);
            }
        }
        needed.extend(needs);
    }
    let is_made = |named: &NamedValue<'_>| {
        named.value.is_exact_instance_of::<PyFunction>() || named.value.is_instance_of::<PyType>()
    };
    for named in needed.iter().filter_map(|index| kept.get(*index)).filter(|named| is_made(named)) {
        bindings.add(&named.value, &named.name, &named.value);
    }
    let first = kept.iter().position(|named| !is_simple(&named.value)).unwrap_or(kept.len());
    let is_moved =
        |index: usize, named: &NamedValue<'_>| index > first && needed.contains(&index) && is_simple(&named.value);
    let numbered = std::mem::take(kept).into_iter().enumerate();
    let (moved, mut others): (Vec<_>, Vec<_>) = numbered.partition(|(index, named)| is_moved(*index, named));
    others.splice(first..first, moved);
    kept.extend(others.into_iter().map(|(_, named)| named));
    Ok(bindings)
}

/// A class of the script whose instances run code when they are loaded.
fn class_with_code<'py>(
    kept: &[NamedValue<'py>],
    index: usize,
    globals: &Bound<'py, PyDict>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(value) = kept.get(index).map(|named| &named.value) else { return Ok(None) };
    let Ok(class) = value.cast::<PyType>() else { return Ok(None) };
    let session = globals.get_item("__name__")?;
    let is_own = class.module().tolerated().is_some_and(|module| match session {
        Some(name) => name.eq(module).tolerated().unwrap_or(false),
        // What `exec` runs in a dict without a name.
        None => module == "builtins",
    });
    // A metaclass may raise anything: then its class only has to wait for what it needs.
    Ok((is_own && load_may_fail(class, true).tolerated().unwrap_or(true)).then(|| value.clone()))
}

/// Which variables use which others, by their numbers. Code is read once.
struct Uses<'a, 'py> {
    kept: &'a [NamedValue<'py>],
    globals: &'a Bound<'py, PyDict>,
    reader: &'a CodeReader,
    numbers: HashMap<&'a str, usize>,
    known: HashMap<usize, Vec<usize>>,
}

impl<'a, 'py> Uses<'a, 'py> {
    fn new(kept: &'a [NamedValue<'py>], globals: &'a Bound<'py, PyDict>, reader: &'a CodeReader) -> Self {
        let numbers = kept.iter().enumerate().map(|(number, named)| (named.name.as_str(), number)).collect();
        Self { kept, globals, reader, numbers, known: HashMap::new() }
    }

    /// The variables that the code of one uses, directly or through others, among them itself.
    fn of(&mut self, number: usize) -> BTreeSet<usize> {
        let (mut found, mut waiting) = (BTreeSet::from([number]), vec![number]);
        while let Some(number) = waiting.pop() {
            waiting.extend(self.direct(number).iter().filter(|used| found.insert(**used)));
        }
        found
    }

    fn direct(&mut self, number: usize) -> &[usize] {
        self.known.entry(number).or_insert_with(|| {
            let Some(named) = self.kept.get(number) else { return Vec::new() };
            let used = self.reader.globals_used(&named.value, self.globals);
            used.iter().filter_map(|name| self.numbers.get(name.as_str()).copied()).collect()
        })
    }
}

/// Whether making an object runs no code of the session.
fn is_simple(value: &Bound<'_, PyAny>) -> bool {
    if is_constant(value) || value.is_instance_of::<PyModule>() || value.is_exact_instance_of::<PyCFunction>() {
        return true;
    }
    let is_plain = |name: &str| match value.getattr(name).tolerated() {
        Some(part) if part.is_none() => true,
        Some(part) => part.cast_exact::<PyTuple>().is_ok_and(|items| items.iter().all(|item| is_constant(&item))),
        None => false,
    };
    value.is_exact_instance_of::<PyFunction>()
        && is_plain("__defaults__")
        && ["__closure__", "__kwdefaults__"]
            .iter()
            .all(|name| value.getattr(*name).tolerated().is_some_and(|part| part.is_none()))
        && value
            .getattr("__dict__")
            .tolerated()
            .is_some_and(|dict| dict.len().tolerated().is_some_and(|length| length == 0))
}
