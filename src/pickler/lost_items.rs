//! Objects that cannot be saved, and the markers that replace them.
//!
//! The table is empty unless a variable has failed once: only then does the engine check containers. A container with a
//! lost object in it is written from a copy that holds the marker, under the memo slot of the original.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyList, PyTuple};
use rustc_hash::FxHashMap;

use super::plan::WorkItem;
use super::replaceable::takes_marker;

/// Markers by the addresses of the objects that they replace.
#[derive(Default)]
pub(crate) struct LostItems {
    /// The objects are kept alive, so that no other one gets their addresses.
    markers: FxHashMap<usize, (Py<PyAny>, Py<PyAny>)>,
}

impl LostItems {
    /// Adds an object and its marker. Returns false if the object has one.
    pub(crate) fn add(&mut self, object: &Bound<'_, PyAny>, marker: Bound<'_, PyAny>) -> bool {
        let address = object.as_ptr() as usize;
        let is_new = !self.markers.contains_key(&address);
        if is_new {
            self.markers.insert(address, (object.clone().unbind(), marker.unbind()));
        }
        is_new
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.markers.is_empty()
    }

    /// The marker of an object.
    pub(crate) fn marker<'py>(&self, object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let (_, marker) = self.markers.get(&(object.as_ptr() as usize))?;
        Some(marker.bind(object.py()).clone())
    }

    fn contains(&self, object: &Bound<'_, PyAny>) -> bool {
        self.markers.contains_key(&(object.as_ptr() as usize))
    }
}

/// Replaces the last item of the work list, which has just begun, by a copy without the lost objects in it.
pub(super) fn replace_in_last(lost: &LostItems, work: &mut [WorkItem<'_>], is_session: bool) -> PyResult<()> {
    let Some(index) = work.len().checked_sub(1) else { return Ok(()) };
    let has_lost = match &work[index] {
        WorkItem::List { list, .. } => list.iter().any(|item| lost.contains(&item)),
        WorkItem::Tuple { tuple, .. } => tuple.iter().any(|item| lost.contains(&item)),
        WorkItem::Dict { dict, .. } => dict.iter().any(|(_, value)| lost.contains(&value)),
        _ => false,
    };
    if has_lost
        && takes_marker(work, index, is_session)
        && let Some(item) = work.last_mut()
    {
        replace(lost, item)?;
    }
    Ok(())
}

fn replace<'py>(lost: &LostItems, item: &mut WorkItem<'py>) -> PyResult<()> {
    let kept = |object: Bound<'py, PyAny>| lost.marker(&object).unwrap_or(object);
    match item {
        WorkItem::List { list, .. } => *list = PyList::new(list.py(), list.iter().map(kept))?,
        WorkItem::Dict { dict, .. } => {
            let copy = dict.copy()?;
            for (key, value) in dict.iter() {
                if let Some(marker) = lost.marker(&value) {
                    copy.set_item(key, marker)?;
                }
            }
            *dict = copy;
        }
        WorkItem::Tuple { tuple, original, .. } => {
            // A tuple gets its slot after its items. Lists and dicts have theirs by now.
            let copy = PyTuple::new(tuple.py(), tuple.iter().map(kept))?;
            *original = Some(std::mem::replace(tuple, copy));
        }
        _ => {}
    }
    Ok(())
}
