//! The state of the iterator of a loop, in a form that can be pickled, and the iterator that goes on from there.
//!
//! An iterator that nothing else refers to is taken apart: a list iterator into the list and a number. That of a dict
//! or a set cannot be pickled by itself: pickle would make it one over a list of what is left, with old values. An
//! iterator that a variable refers to as well is pickled as it is, so that it is one object again.
#![allow(unsafe_code)]

use super::replayed_loop::{ReplayIterator, skip};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

/// The forms, as the first item of a tuple.
const OBJECT: u8 = 0;
const REDUCED: u8 = 1;
const OF_DICT: u8 = 2;
const OF_SET: u8 = 3;
const REPLAYED: u8 = 4;

/// Types whose `__reduce__` gives a callable, its arguments and a state, by which they are made again. Of those in the
/// second list, the arguments are iterators.
const SIMPLE: [&str; 15] = [
    "range_iterator",
    "longrange_iterator",
    "list_iterator",
    "list_reverseiterator",
    "tuple_iterator",
    "str_iterator",
    "str_ascii_iterator",
    "bytes_iterator",
    "bytearray_iterator",
    "iterator",
    "reversed",
    "_collections._deque_iterator",
    "array.arrayiterator",
    "itertools.count",
    "itertools.repeat",
];
const COMPOSED: [&str; 4] = ["zip", "enumerate", "map", "filter"];
const OF_DICTS: [&str; 6] = [
    "dict_keyiterator",
    "dict_valueiterator",
    "dict_itemiterator",
    "dict_reversekeyiterator",
    "dict_reversevalueiterator",
    "dict_reverseitemiterator",
];

/// Simple iterators whose rest can be moved to another one.
const EXCHANGEABLE: [&str; 6] =
    ["range_iterator", "list_iterator", "tuple_iterator", "str_iterator", "str_ascii_iterator", "bytes_iterator"];

/// The references to an iterator that its loop and this code have.
const OWN_REFERENCES: isize = 3;

/// Whether a loop over an iterator can be taken in steps, as far as its type tells.
pub(super) fn can_be_kept(iterator: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = iterator.get_type();
    if iterator.is_instance_of::<ReplayIterator>() || iterator.is_instance_of::<SetRest>() {
        return Ok(true);
    }
    let name = full_name(&kind)?;
    if SIMPLE.contains(&name.as_str()) || OF_DICTS.contains(&name.as_str()) || name == "set_iterator" {
        return Ok(true);
    }
    if COMPOSED.contains(&name.as_str()) {
        let parts = iterator.call_method0("__reduce__")?.get_item(1)?;
        for part in parts.try_iter()? {
            let part = part?;
            if part.hasattr("__next__")? && !can_be_kept(&part)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    is_plain_instance(&kind)
}

/// Whether objects of a type are instances of a Python class, which pickle takes apart by their attributes.
fn is_plain_instance(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    const HEAP_TYPE: u64 = 1 << 9;
    let flags: u64 = kind.getattr("__flags__")?.extract()?;
    let has_dict = kind.getattr("__dictoffset__")?.extract::<i64>()? != 0;
    Ok(flags & HEAP_TYPE != 0 && has_dict && kind.getattr("__module__")?.eq("__main__")?)
}

/// The name of a type, with its module unless that is `builtins`.
fn full_name(kind: &Bound<'_, PyType>) -> PyResult<String> {
    let name = kind.name()?.to_string_lossy().into_owned();
    let module = kind.module()?;
    let module = module.to_string_lossy();
    Ok(if module == "builtins" { name } else { format!("{module}.{name}") })
}

/// The state of an iterator; `None` if it cannot be kept.
pub(super) fn describe<'py>(iterator: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    describe_within(iterator, OWN_REFERENCES)
}

fn describe_within<'py>(iterator: &Bound<'py, PyAny>, references: isize) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = iterator.py();
    if let Ok(replay) = iterator.cast::<ReplayIterator>() {
        return tuple(py, (REPLAYED, replay.borrow().count)).map(Some);
    }
    if let Ok(rest) = iterator.cast::<SetRest>() {
        let rest = rest.borrow();
        let items = rest.items.bind(py).get_slice(rest.position, usize::MAX >> 1);
        return tuple(py, (OF_SET, items, rest.set.as_ref(), rest.size)).map(Some);
    }
    let name = full_name(&iterator.get_type())?;
    let is_composed = COMPOSED.contains(&name.as_str());
    let is_dict = OF_DICTS.contains(&name.as_str());
    if references_of(iterator) > references
        || !(is_composed || is_dict || name == "set_iterator" || SIMPLE.contains(&name.as_str()))
    {
        let is_kept = can_be_kept(iterator)? && !has_views(iterator)?;
        return if is_kept { tuple(py, (OBJECT, iterator)).map(Some) } else { Ok(None) };
    }
    if is_dict {
        return describe_dict(iterator, &name);
    }
    let reduced = iterator.call_method0("__reduce__")?;
    if name == "set_iterator" {
        let rest = reduced.get_item(1)?.get_item(0)?;
        let set = referent(iterator, "set")?.or(referent(iterator, "frozenset")?);
        let size = set.as_ref().map(|set| set.len()).transpose()?;
        return tuple(py, (OF_SET, rest, set, size)).map(Some);
    }
    let reduced = reduced.cast_into::<PyTuple>()?;
    let callable = reduced.get_item(0)?;
    let state = if reduced.len() > 2 { reduced.get_item(2)? } else { py.None().into_bound(py) };
    let arguments = PyList::empty(py);
    for argument in reduced.get_item(1)?.try_iter()? {
        let argument = argument?;
        if is_composed && argument.hasattr("__next__")? {
            // A zip gives its own tuple of iterators away, the others make a new one.
            let references = if name == "zip" { 2 } else { 3 };
            let Some(part) = describe_within(&argument, references)? else { return Ok(None) };
            arguments.append((true, part))?;
        } else {
            arguments.append((false, argument))?;
        }
    }
    tuple(py, (REDUCED, callable, arguments, state)).map(Some)
}

/// Whether the rest of all iterators of a type can be moved to another one.
pub(super) fn is_exchangeable(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    Ok(EXCHANGEABLE.contains(&full_name(kind)?.as_str()))
}

/// Whether the rest of an iterator can be moved to another one, which nothing but its loop refers to.
pub(super) fn can_be_exchanged(iterator: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = iterator.get_type();
    if is_exchangeable(&kind)? {
        return Ok(true);
    }
    if full_name(&kind)? != "enumerate" {
        return Ok(false);
    }
    let inner = iterator.call_method0("__reduce__")?.get_item(1)?.get_item(0)?;
    // That of the `enumerate`, and of this variable.
    Ok(references_of(&inner) <= 2 && is_exchangeable(&inner.get_type())?)
}

/// Moves the rest of an iterator to a new one. The old one is then exhausted.
pub(super) fn exchange<'py>(iterator: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let reduced = iterator.call_method0("__reduce__")?;
    let arguments = reduced.get_item(1)?;
    if full_name(&iterator.get_type())? == "enumerate" {
        let rest = exchange(&arguments.get_item(0)?)?;
        return reduced.get_item(0)?.call1((rest, arguments.get_item(1)?));
    }
    let rest = from_reduced(&reduced)?;
    iterator.call_method1("__setstate__", (i64::from(i32::MAX) * i64::from(i32::MAX),))?;
    // One that was at its end does not see what is appended to its list later.
    if iterator.try_iter()?.next().is_some() {
        return Err(PyRuntimeError::new_err("an iterator goes on after its end"));
    }
    Ok(rest)
}

/// How many references to an object there are.
pub(super) fn references_of(object: &Bound<'_, PyAny>) -> isize {
    // SAFETY: the object is alive.
    unsafe { pyo3::ffi::Py_REFCNT(object.as_ptr()) }
}

/// Whether all iterators of a type can be taken apart. The type is one of Python, so it is never freed.
pub(super) fn is_simple(kind: &Bound<'_, PyType>) -> PyResult<bool> {
    Ok(SIMPLE.contains(&full_name(kind)?.as_str()))
}

/// Whether an iterator is one over a dict or a set, or is composed of such iterators.
fn has_views(iterator: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = full_name(&iterator.get_type())?;
    if OF_DICTS.contains(&name.as_str()) || name == "set_iterator" {
        return Ok(true);
    }
    if COMPOSED.contains(&name.as_str()) {
        for part in iterator.call_method0("__reduce__")?.get_item(1)?.try_iter()? {
            let part = part?;
            if part.hasattr("__next__")? && has_views(&part)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The object of a type that an iterator refers to; `None` if it is at its end.
fn referent<'py>(iterator: &Bound<'py, PyAny>, kind: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = iterator.py();
    let kind = py.import("builtins")?.getattr(kind)?;
    for object in py.import("gc")?.call_method1("get_referents", (iterator,))?.try_iter()? {
        let object = object?;
        if object.is_instance(&kind)? {
            return Ok(Some(object));
        }
    }
    Ok(None)
}

/// The dict, which of its views, and how many items are left.
fn describe_dict<'py>(iterator: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = iterator.py();
    let left = iterator.call_method0("__length_hint__")?.extract::<usize>()?;
    let dict = referent(iterator, "dict")?;
    let dict = dict.unwrap_or_else(|| PyDict::new(py).into_any());
    // If the size of the dict has changed, the hint is 0: the next iteration would raise an error.
    tuple(py, (OF_DICT, dict, name, left)).map(Some)
}

fn tuple<'py, T>(py: Python<'py>, items: T) -> PyResult<Bound<'py, PyAny>>
where
    T: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
{
    Ok(items.into_pyobject(py)?.into_any())
}

/// The iterator that goes on where the described one was. `fresh` is one that was evaluated again, of which only the
/// iterators of `snapcli.replay` are used.
pub(super) fn rebuild<'py>(
    state: &Bound<'py, PyAny>,
    fresh: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = state.py();
    let state = state.cast::<PyTuple>()?;
    match state.get_item(0)?.extract::<u8>()? {
        OBJECT => state.get_item(1),
        OF_DICT => {
            let name: String = state.get_item(2)?.extract()?;
            rebuild_dict(&state.get_item(1)?, &name, state.get_item(3)?.extract()?)
        }
        OF_SET => {
            let (items, set) = (state.get_item(1)?.cast_into::<PyList>()?.unbind(), state.get_item(2)?);
            let size = state.get_item(3)?.extract()?;
            let set = if set.is_none() { None } else { Some(set.unbind()) };
            Ok(Bound::new(py, SetRest { items, position: 0, set, size })?.into_any())
        }
        REPLAYED => {
            let fresh = fresh.ok_or_else(|| PyRuntimeError::new_err("the iterable of snapcli.replay is missing"))?;
            skip(fresh, state.get_item(1)?.extract()?)
        }
        _ => {
            let callable = state.get_item(1)?;
            let arguments = PyList::empty(py);
            for (number, argument) in state.get_item(2)?.try_iter()?.enumerate() {
                let (is_state, value): (bool, Bound<'py, PyAny>) = argument?.extract()?;
                let part = match fresh {
                    Some(fresh) if is_state && has_replay(&value)? => Some(part_of(fresh, &callable, number)?),
                    _ => None,
                };
                arguments.append(if is_state { rebuild(&value, part.as_ref())? } else { value })?;
            }
            made_again(&callable, arguments.to_tuple(), Some(state.get_item(3)?))
        }
    }
}

/// An iterator that another one, such as a `zip`, is composed of.
fn part_of<'py>(whole: &Bound<'py, PyAny>, kind: &Bound<'py, PyAny>, number: usize) -> PyResult<Bound<'py, PyAny>> {
    if !whole.get_type().is(kind) {
        let (now, before) = (whole.get_type().name()?, kind.getattr("__name__")?);
        let text = format!("the loop iterates over {now} objects now, and over {before} objects at the checkpoint");
        return Err(PyRuntimeError::new_err(text));
    }
    whole.call_method0("__reduce__")?.get_item(1)?.get_item(number)
}

fn rebuild_dict<'py>(dict: &Bound<'py, PyAny>, name: &str, left: usize) -> PyResult<Bound<'py, PyAny>> {
    // Not the methods that a subclass may have.
    let view = match name {
        _ if name.contains("value") => "values",
        _ if name.contains("item") => "items",
        _ => "keys",
    };
    let view = dict.py().get_type::<PyDict>().call_method1(view, (dict,))?;
    let is_reversed = name.contains("reverse");
    let iterator = match is_reversed {
        true => dict.py().import("builtins")?.getattr("reversed")?.call1((view,))?,
        false => view.try_iter()?.into_any(),
    };
    for _ in left..dict.len()? {
        iterator.call_method0("__next__")?;
    }
    Ok(iterator)
}

/// An iterator from what its `__reduce__` has returned.
pub(super) fn from_reduced<'py>(reduced: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let reduced = reduced.cast::<PyTuple>()?;
    let arguments = reduced.get_item(1)?.cast_into::<PyTuple>()?;
    let state = if reduced.len() > 2 { Some(reduced.get_item(2)?) } else { None };
    made_again(&reduced.get_item(0)?, arguments, state)
}

fn made_again<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: Bound<'py, PyTuple>,
    state: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let made = callable.call1(arguments)?;
    if let Some(state) = state.filter(|state| !state.is_none()) {
        made.call_method1("__setstate__", (state,))?;
    }
    Ok(made)
}

/// The rest of an iterator over a set, whose order another process does not have.
#[pyclass]
struct SetRest {
    items: Py<PyList>,
    position: usize,
    /// `None` if the iterator was at its end.
    set: Option<Py<PyAny>>,
    size: Option<usize>,
}

#[pymethods]
impl SetRest {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let (Some(set), Some(size)) = (&self.set, self.size)
            && set.bind(py).len()? != size
        {
            return Err(PyRuntimeError::new_err("Set changed size during iteration"));
        }
        let items = self.items.bind(py);
        if self.position >= items.len() {
            return Ok(None);
        }
        self.position += 1;
        items.get_item(self.position - 1).map(Some)
    }
}

/// Whether a variable may refer to the iterator with this state.
pub(super) fn is_shared(state: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(state.cast::<PyTuple>()?.get_item(0)?.extract::<u8>()? == OBJECT)
}

/// Whether the state is that of an iterator of `snapcli.replay`, or of one that is composed of such.
pub(super) fn has_replay(state: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Ok(state) = state.cast::<PyTuple>() else { return Ok(false) };
    match state.get_item(0)?.extract::<u8>()? {
        REPLAYED => Ok(true),
        REDUCED => {
            for argument in state.get_item(2)?.try_iter()? {
                let (is_state, value): (bool, Bound<'_, PyAny>) = argument?.extract()?;
                if is_state && has_replay(&value)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}
