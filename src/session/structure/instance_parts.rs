//! Describes instances by their items, attributes and slots, and the arrays of numpy by their memory.

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple};

use super::object_parts::{Identity, ObjectDescriber, ObjectParts, Parts, is_one_of, joined, step};
use super::type_facts::TypeFacts;
use super::walk::StructureStep;
use crate::pickle::known::property_caches;
use crate::pickler::CLASS_NAMES;
use crate::python::deferred_signals::Tolerated as _;

impl<'py> ObjectDescriber<'py> {
    pub(super) fn instance(&self, value: &Bound<'py, PyAny>, facts: &TypeFacts<'py>) -> PyResult<ObjectParts<'py>> {
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
        let (mut names, mut state) = self.state(value)?;
        if facts.is_imported {
            let (module, class) = facts.name.rsplit_once('.').unwrap_or_default();
            let caches = property_caches(module, class);
            let is_cache = |name: &str| caches.contains(&name);
            names.retain(|name| !is_cache(name));
            state.retain(
                |(step, _)| !matches!(step, StructureStep::Text(text) if text.strip_prefix('.').is_some_and(is_cache)),
            );
        }
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
    pub(super) fn state(&self, value: &Bound<'py, PyAny>) -> PyResult<(Vec<String>, Parts<'py>)> {
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
