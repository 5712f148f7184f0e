//! What a list, dict or set has in it, noted so that a later change is seen: constants by their values, containers by
//! what they have in them, and other objects by their addresses. A note keeps no object of the script alive.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyTuple};

use super::definition_changes::is_constant;
use super::module_source::is_unchanged;
use crate::python::deferred_signals::Tolerated as _;

/// How deep containers are followed.
const MAX_DEPTH: usize = 8;
/// How many items are noted. What a longer container has after them is not compared, only its length.
const MAX_ITEMS: usize = 10_000;

/// What a container has in it.
pub(super) struct ContainerContents {
    /// The address of the container's class.
    class: usize,
    len: usize,
    items: Vec<NotedItem>,
}

enum NotedItem {
    Constant(Py<PyAny>),
    Container(ContainerContents),
    Object(usize),
}

impl ContainerContents {
    /// `None` if the value is no container of the built-in types or of `collections`.
    pub(super) fn of(value: &Bound<'_, PyAny>) -> Option<Self> {
        Self::within(value, 0, &mut MAX_ITEMS.clone())
    }

    fn within(value: &Bound<'_, PyAny>, depth: usize, left: &mut usize) -> Option<Self> {
        let items = items_of(value, depth)?;
        let mut noted = Vec::new();
        for item in items {
            if *left == 0 {
                break;
            }
            *left -= 1;
            noted.push(match is_constant(&item, 0) {
                true => NotedItem::Constant(item.unbind()),
                false => match Self::within(&item, depth + 1, left) {
                    Some(contents) => NotedItem::Container(contents),
                    None => NotedItem::Object(item.as_ptr() as usize),
                },
            });
        }
        Some(Self { class: value.get_type().as_ptr() as usize, len: value.len().tolerated()?, items: noted })
    }

    /// Whether a container has the same in it.
    pub(super) fn is_that_of(&self, value: &Bound<'_, PyAny>) -> bool {
        self.is_within(value, 0)
    }

    fn is_within(&self, value: &Bound<'_, PyAny>, depth: usize) -> bool {
        let is_same_kind =
            value.get_type().as_ptr() as usize == self.class && value.len().tolerated() == Some(self.len);
        let Some(items) = items_of(value, depth).filter(|_| is_same_kind) else { return false };
        self.items.iter().zip(items).all(|(noted, item)| match noted {
            NotedItem::Constant(constant) => is_unchanged(&item, constant.bind(item.py()), &|_| false),
            NotedItem::Container(contents) => contents.is_within(&item, depth + 1),
            NotedItem::Object(address) => item.as_ptr() as usize == *address,
        })
    }
}

/// The items of a container; keys and values in turn for a dict.
fn items_of<'py>(value: &Bound<'py, PyAny>, depth: usize) -> Option<Vec<Bound<'py, PyAny>>> {
    if depth > MAX_DEPTH {
        return None;
    }
    if let Ok(dict) = value.cast::<PyDict>()
        && is_known(value, &["dict"], &["OrderedDict", "defaultdict", "Counter"])
    {
        return Some(dict.iter().take(MAX_ITEMS).flat_map(|(key, value)| [key, value]).collect());
    }
    let is_sequence = value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PySet>()
        || is_known(value, &[], &["deque"]);
    let items = value.try_iter().tolerated().filter(|_| is_sequence)?;
    Some(items.take(MAX_ITEMS).map_while(|item| item.tolerated()).collect())
}

/// Whether the class of a value is one of these, of `builtins` or of `collections`.
fn is_known(value: &Bound<'_, PyAny>, built_in: &[&str], of_collections: &[&str]) -> bool {
    let class = value.get_type();
    let (Some(module), Some(name)) = (class.module().tolerated(), class.name().tolerated()) else { return false };
    let known = if module == "builtins" { built_in } else { of_collections };
    (module == "builtins" || module == "collections") && known.iter().any(|known| name == *known)
}
