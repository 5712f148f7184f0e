//! Recognizes a state of `random` that was looked at before. `random.getstate()` makes 625 objects, which takes longer
//! than the rest of a small save; here, the memory of the generator is compared with a copy.
//!
//! `_random.Random` keeps its state in the object itself: an `int` index, and 624 words. That is not documented, so a
//! copy counts only if it was found to contain the state that `getstate` returned.
#![allow(unsafe_code)]

use std::sync::{Mutex, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule, PyType};

use super::Found;
use super::twister::TwisterState;

/// The last state that was looked at.
static LAST: Mutex<Option<SeenState>> = Mutex::new(None);

struct SeenState {
    memory: Vec<u8>,
    found: Found,
}

/// The memory of the generator behind the functions of `random`, without its reference count and type; `None` if it is
/// of another class, or has a second half of `gauss` in store, which is not in its memory.
pub(super) fn memory_of(random: &Bound<'_, PyModule>) -> PyResult<Option<Vec<u8>>> {
    let py = random.py();
    let getstate = random.getattr(intern!(py, "getstate"))?;
    let Some(generator) = getstate.getattr_opt(intern!(py, "__self__"))? else { return Ok(None) };
    let kind = generator.get_type();
    let is_known = kind.is(random.getattr(intern!(py, "Random"))?) && kind.get_type().is(py.get_type::<PyType>());
    if !is_known || !generator.getattr(intern!(py, "gauss_next"))?.is_none() {
        return Ok(None);
    }
    // The metaclass is `type`: nothing can stand in for these.
    let size = |kind: &Bound<'_, PyType>| kind.getattr(intern!(py, "__basicsize__"))?.extract::<usize>();
    let (start, end) = (size(&py.get_type::<PyAny>())?, size(&kind)?);
    let Some(length) = end.checked_sub(start) else { return Ok(None) };
    // SAFETY: an object has at least as many bytes as its type says, and `start` is not beyond them.
    let first = unsafe { generator.as_ptr().cast::<u8>().add(start) };
    // SAFETY: these bytes are initialized, since Python allocates objects of classes zeroed. The GIL is held until they
    // are copied, so nothing writes to them, and `generator` keeps them alive.
    Ok(Some(unsafe { std::slice::from_raw_parts(first, length) }.to_vec()))
}

/// What was found of the state with this memory, if it is the last one that was noted.
pub(super) fn known(memory: &[u8]) -> Option<Found> {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    last.as_ref().filter(|last| last.memory == memory).map(|last| last.found.clone())
}

/// Notes what was found of a state, if its memory contains all of it.
pub(super) fn note(memory: Vec<u8>, words: &TwisterState, index: u32, found: &Found) {
    let state: Vec<u8> = std::iter::once(&index).chain(words).flat_map(|word| word.to_ne_bytes()).collect();
    let contains_state = memory.windows(state.len()).any(|bytes| bytes == state);
    let seen = contains_state.then(|| SeenState { memory, found: found.clone() });
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = seen;
}
