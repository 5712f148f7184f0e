//! Lists, tuples, dicts and sets: makes them, and fills what holds other objects.
//!
//! Only the functions of the built-in types put something into an object, never methods that a subclass may override.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::frozenset::PyFrozenSetBuilder;
use pyo3::types::{PyAny, PyDict, PyList, PySet, PyString, PyTuple};

use super::build_context::HashCount;
use super::{Built, ObjectBuilder, array_objects, missing, value_objects};
use crate::pickle::build_plan::{FEW_SAME_HASH, Fill};
use crate::pickle::machine::value::{Node, NodeKind, Ref};

impl<'py> ObjectBuilder<'_, '_, 'py> {
    /// A container: empty, if it is filled later.
    pub(super) fn container(&mut self, node: &Node) -> Built<Bound<'py, PyAny>> {
        let py = self.context.py();
        Ok(match node.kind {
            NodeKind::Tuple => {
                let items = self.values(&node.items)?;
                let tuple = PyTuple::new(py, &items)?;
                self.keep(items);
                tuple.into_any()
            }
            NodeKind::FrozenSet => {
                let items = self.values(&node.items)?;
                self.check_members(&node.items, &items)?;
                let mut set = PyFrozenSetBuilder::new(py)?;
                for item in &items {
                    self.context.tick_key(item)?;
                    set.add(item)?;
                }
                self.keep(items);
                set.finalize().into_any()
            }
            NodeKind::List => {
                // With its length from the beginning, so that it need not grow.
                PyList::new(py, std::iter::repeat_n(py.None().into_bound(py), node.items.len()))?.into_any()
            }
            NodeKind::Dict => PyDict::new(py).into_any(),
            _ => PySet::empty(py)?.into_any(),
        })
    }

    /// Puts into an object what it holds.
    pub(super) fn fill(&mut self, index: usize) -> Built<()> {
        let (machine, plan) = (self.machine, self.plan);
        let node = machine.nodes().get(index).ok_or_else(missing)?;
        let object = self.objects.get(index).cloned().flatten().ok_or_else(missing)?;
        match node.kind {
            NodeKind::List => self.fill_list(object.cast::<PyList>().map_err(PyErr::from)?, &node.items),
            NodeKind::Dict => self.fill_dict(object.cast::<PyDict>().map_err(PyErr::from)?, &node.items),
            NodeKind::Set => self.fill_set(object.cast::<PySet>().map_err(PyErr::from)?, &node.items),
            _ => match plan.recipe(index).map(|recipe| recipe.fill()) {
                Some(Fill::Items(items)) => self.add_items(&object, items),
                Some(Fill::Pairs(pairs)) => self.add_pairs(&object, pairs),
                Some(Fill::Elements(items)) => self.set_elements(&object, items),
                Some(Fill::Attributes(attributes)) => self.set_attributes(&object, attributes),
                Some(Fill::Value(fill)) => {
                    let parts = self.values(&fill.parts())?;
                    value_objects::fill(self.context, &object, fill, &parts)?;
                    self.keep(parts);
                    Ok(())
                }
                Some(Fill::Nothing) | None => Ok(()),
            },
        }
    }

    /// The objects of references, in a vector that [`keep`](Self::keep) takes back.
    fn values(&mut self, items: &[Ref]) -> Built<Vec<Bound<'py, PyAny>>> {
        let mut values = std::mem::take(&mut self.spare);
        for item in items {
            self.context.tick(1)?;
            values.push(self.value(*item)?);
        }
        Ok(values)
    }

    fn keep(&mut self, mut values: Vec<Bound<'py, PyAny>>) {
        values.clear();
        self.spare = values;
    }

    fn fill_list(&mut self, list: &Bound<'py, PyList>, items: &[Ref]) -> Built<()> {
        for (position, item) in items.iter().enumerate() {
            self.context.tick(1)?;
            list.set_item(position, self.value(*item)?)?;
        }
        Ok(())
    }

    fn fill_dict(&mut self, dict: &Bound<'py, PyDict>, pairs: &[Ref]) -> Built<()> {
        let mut hashes = (pairs.len() / 2 > FEW_SAME_HASH).then(HashCount::default);
        for [key, value] in pairs.as_chunks::<2>().0 {
            self.context.tick(2)?;
            let (key, value) = (self.value(*key)?, self.value(*value)?);
            if let Some(hashes) = &mut hashes
                && !key.is_exact_instance_of::<PyString>()
            {
                hashes.count(&key)?;
            }
            self.context.tick_key(&key)?;
            dict.set_item(key, value)?;
        }
        Ok(())
    }

    fn fill_set(&mut self, set: &Bound<'py, PySet>, members: &[Ref]) -> Built<()> {
        let values = self.values(members)?;
        self.check_members(members, &values)?;
        self.add_members(set, &values)?;
        self.keep(values);
        Ok(())
    }

    fn add_members(&self, set: &Bound<'py, PySet>, members: &[Bound<'py, PyAny>]) -> Built<()> {
        members.iter().try_for_each(|member| {
            self.context.tick_key(member)?;
            Ok(set.add(member)?)
        })
    }

    /// Refuses too many members with the same hash.
    fn check_members(&self, members: &[Ref], values: &[Bound<'py, PyAny>]) -> PyResult<()> {
        if members.len() <= FEW_SAME_HASH || members.iter().all(|member| self.is_string(*member)) {
            return Ok(());
        }
        self.context.check_hashes(values.iter().cloned().map(Ok))
    }

    fn add_items(&mut self, object: &Bound<'py, PyAny>, items: &[Ref]) -> Built<()> {
        let py = self.context.py();
        let values = self.values(items)?;
        if let Ok(list) = object.cast::<PyList>() {
            values.iter().try_for_each(|value| list.append(value))?;
        } else if let Ok(set) = object.cast::<PySet>() {
            self.check_members(items, &values)?;
            self.add_members(set, &values)?;
        } else {
            let deque = self.context.global("collections", "deque")?;
            if !object.is_instance(&deque)? {
                return Err(PyTypeError::new_err("the object takes no items").into());
            }
            deque.getattr("extend")?.call1((object, PyList::new(py, &values)?))?;
        }
        self.keep(values);
        Ok(())
    }

    fn add_pairs(&mut self, object: &Bound<'py, PyAny>, pairs: &[Ref]) -> Built<()> {
        let dict = object.cast::<PyDict>().map_err(PyErr::from)?;
        let ordered = self.context.global("collections", "OrderedDict")?;
        if !object.is_instance(&ordered)? {
            return self.fill_dict(dict, pairs);
        }
        // It keeps the order of its keys itself.
        let set = ordered.getattr("__setitem__")?;
        let mut hashes = HashCount::default();
        for [key, value] in pairs.as_chunks::<2>().0 {
            self.context.tick(2)?;
            let (key, value) = (self.value(*key)?, self.value(*value)?);
            hashes.count(&key)?;
            self.context.tick_key(&key)?;
            set.call1((object, key, value))?;
        }
        Ok(())
    }

    fn set_attributes(&mut self, object: &Bound<'py, PyAny>, attributes: &[(String, Ref)]) -> Built<()> {
        let namespace = object.getattr("__dict__")?.cast_into::<PyDict>().map_err(PyErr::from)?;
        for (name, value) in attributes {
            let value = self.value(*value)?;
            // As CPython does, so that instances of one class share the strings.
            namespace.set_item(PyString::intern(self.context.py(), name), value)?;
        }
        Ok(())
    }

    fn set_elements(&mut self, array: &Bound<'py, PyAny>, items: &[Ref]) -> Built<()> {
        let values = self.values(items)?;
        array_objects::fill(self.context, array, &values)?;
        self.keep(values);
        Ok(())
    }
}
