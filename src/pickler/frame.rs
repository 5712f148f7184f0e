//! The work list: what is being walked through. Containers nest on this list, not on the C stack, so a list nested a
//! million deep is one like any other.
//!
//! Frames hold references to what they walk through and look sizes up again at each step: code that runs in between
//! may change anything.
#![allow(unsafe_code)]

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};

use super::core::Core;
use super::fast::{Saved, save_fast, save_simple};
use super::native::Native;
use super::op;

/// The most items between a MARK and its APPENDS, SETITEMS or ADDITEMS, as in CPython.
pub(super) const BATCH: u32 = 1000;

/// Something that is being walked through.
pub(super) enum Frame<'py> {
    List {
        list: Bound<'py, PyList>,
        next: isize,
        batch: Batch,
    },
    /// A dict, or the state of a plain instance: `owner` is that instance.
    Dict {
        dict: Bound<'py, PyDict>,
        walk: DictWalk,
        batch: Batch,
        owner: Option<Bound<'py, PyAny>>,
    },
    Tuple {
        tuple: Bound<'py, PyTuple>,
        next: isize,
    },
    /// The iterator of an exact set.
    Set {
        set: Bound<'py, PyAny>,
        items: Bound<'py, PyIterator>,
        batch: Batch,
    },
    /// The iterator of an exact frozenset.
    FrozenSet {
        set: Bound<'py, PyAny>,
        items: Bound<'py, PyIterator>,
    },
    /// What is left of a reduction, last step first.
    Steps {
        object: Option<Bound<'py, PyAny>>,
        steps: Vec<Do<'py>>,
    },
    /// List items that a reduction's iterator gives.
    Appends {
        object: Option<Bound<'py, PyAny>>,
        items: Bound<'py, PyIterator>,
        batch: Batch,
    },
    /// Dict items that a reduction's iterator gives, and the value of the pair that is under way.
    SetItems {
        object: Option<Bound<'py, PyAny>>,
        items: Bound<'py, PyIterator>,
        value: Option<Bound<'py, PyAny>>,
        batch: Batch,
    },
}

/// A step of a reduction.
pub(super) enum Do<'py> {
    Save(Bound<'py, PyAny>),
    Write(u8),
    Memoize(Bound<'py, PyAny>),
    Appends(Bound<'py, PyIterator>),
    SetItems(Bound<'py, PyIterator>),
    /// A reference by name, and the object that it leads to, where that is to have a slot.
    Global {
        module: &'static str,
        name: &'static str,
        object: Option<Bound<'py, PyAny>>,
    },
    /// What is to be found out only when all before it has been written.
    Then(Then<'py>),
}

/// Says, with the core unlocked, what comes next.
pub(super) type Then<'py> = Box<dyn FnOnce(&Bound<'py, Native>) -> PyResult<Option<Frame<'py>>> + 'py>;

/// Where a walk through a dict is.
#[derive(Default)]
pub(super) struct DictWalk {
    position: isize,
    size: isize,
    /// The value whose key has been written.
    value: Option<Py<PyAny>>,
}

/// How many items stand behind the last MARK.
#[derive(Default)]
pub(super) struct Batch {
    open: bool,
    /// One item only: it needs no MARK.
    single: bool,
    count: u32,
}

/// What the walk is to do next.
pub(super) enum Step<'py> {
    /// Walk through this first.
    Push(Frame<'py>),
    /// This frame is done.
    Pop,
    /// This object needs Python code to run.
    Slow(Bound<'py, PyAny>),
    /// This frame's iterator is Python code: its next item is needed.
    Advance,
    /// This has to run.
    Then(Then<'py>),
}

impl Batch {
    /// Called before an item is written, when `left` more are there.
    #[inline]
    fn before(&mut self, core: &mut Core, left: isize, first: bool) -> PyResult<()> {
        core.out.between_opcodes()?;
        if !self.open {
            if first && left == 1 {
                self.single = true;
            } else {
                core.out.byte(op::MARK);
            }
            self.open = true;
            self.count = 0;
        }
        self.count += 1;
        Ok(())
    }

    /// Counts an item that follows right behind another one; false where the batch is full.
    #[inline]
    fn goes_on(&mut self) -> bool {
        let room = !self.single && self.count < BATCH;
        self.count += u32::from(room);
        room
    }

    /// Called when an item has been written: ends the batch if it is full or the `last` item is in.
    #[inline]
    fn after(&mut self, core: &mut Core, [one, many]: [u8; 2], last: bool) {
        // A single item ends its batch even if more have come meanwhile: there is no MARK to gather them from.
        if self.open && (self.single || last || self.count == BATCH) {
            core.out.byte(if self.single { one } else { many });
            *self = Self::default();
        }
    }
}

const APPEND: [u8; 2] = [op::APPEND, op::APPENDS];
const SETITEM: [u8; 2] = [op::SETITEM, op::SETITEMS];
const ADDITEM: [u8; 2] = [op::ADDITEMS, op::ADDITEMS];

impl<'py> Frame<'py> {
    /// Goes on until Python code has to run, something has to be walked through first, or all is done.
    #[inline]
    pub(super) fn step(&mut self, py: Python<'py>, core: &mut Core) -> PyResult<Step<'py>> {
        match self {
            Self::List { list, next, batch } => step_list(py, core, list, next, batch),
            Self::Dict { dict, walk, batch, owner } => step_dict(py, core, dict, walk, batch, owner.is_some()),
            Self::Tuple { tuple, next } => step_tuple(py, core, tuple, next),
            Self::Set { items, batch, .. } => step_set(py, core, items, batch),
            Self::FrozenSet { set, items } => step_frozen_set(py, core, set, items),
            Self::Steps { object, steps } => step_steps(py, core, object.as_ref(), steps),
            Self::Appends { batch, .. } => {
                batch.after(core, APPEND, false);
                Ok(Step::Advance)
            }
            Self::SetItems { value, batch, .. } => {
                if let Some(value) = value.take()
                    && let Some(step) = item(py, core, value.as_ptr())?
                {
                    return Ok(step);
                }
                batch.after(core, SETITEM, false);
                Ok(Step::Advance)
            }
        }
    }

    /// Takes the next item of an iterator, with the core unlocked, as it is code of anybody's.
    pub(super) fn next_item(&mut self) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self {
            Self::Appends { items, .. } => items.next().transpose(),
            Self::SetItems { items, value, .. } => {
                let Some(pair) = items.next().transpose()? else { return Ok(None) };
                let (key, item): (Bound<'py, PyAny>, Bound<'py, PyAny>) = pair.extract()?;
                *value = Some(item);
                Ok(Some(key))
            }
            _ => Ok(None),
        }
    }

    /// Notes that an item of an iterator is about to be written, or that there was none.
    pub(super) fn item_taken(&mut self, core: &mut Core, found: bool) -> PyResult<()> {
        let (batch, opcodes) = match self {
            Self::Appends { batch, .. } => (batch, APPEND),
            Self::SetItems { batch, .. } => (batch, SETITEM),
            _ => return Ok(()),
        };
        if found {
            return batch.before(core, 0, false);
        }
        batch.after(core, opcodes, true);
        Ok(())
    }

    /// The object that is being walked through, for the path to one at fault.
    pub(super) fn object(&self) -> Option<Bound<'py, PyAny>> {
        match self {
            Self::List { list, .. } => Some(list.clone().into_any()),
            Self::Dict { dict, owner, .. } => Some(owner.clone().unwrap_or_else(|| dict.clone().into_any())),
            Self::Tuple { tuple, .. } => Some(tuple.clone().into_any()),
            Self::Set { set, .. } | Self::FrozenSet { set, .. } => Some(set.clone()),
            Self::Steps { object, .. } | Self::Appends { object, .. } | Self::SetItems { object, .. } => object.clone(),
        }
    }
}

/// Saves an item that a container holds; returns what has to happen before the next one.
#[inline(always)]
fn item<'py>(py: Python<'py>, core: &mut Core, item: *mut ffi::PyObject) -> PyResult<Option<Step<'py>>> {
    // Most items have no parts: for those nothing goes through memory.
    // SAFETY: the callers hand over a live object that a container of theirs holds.
    if unsafe { save_simple(py, core, item) } {
        return Ok(None);
    }
    item_with_parts(py, core, item)
}

fn item_with_parts<'py>(py: Python<'py>, core: &mut Core, item: *mut ffi::PyObject) -> PyResult<Option<Step<'py>>> {
    // SAFETY: as in `item`.
    match unsafe { save_fast(py, core, item) }? {
        Saved::Done => Ok(None),
        Saved::Open(frame) => Ok(Some(Step::Push(frame))),
        // SAFETY: as in `item`.
        Saved::Slow => Ok(Some(Step::Slow(unsafe { Bound::from_borrowed_ptr(py, item) }))),
    }
}

fn step_list<'py>(
    py: Python<'py>,
    core: &mut Core,
    list: &Bound<'py, PyList>,
    next: &mut isize,
    batch: &mut Batch,
) -> PyResult<Step<'py>> {
    // No Python code runs within this loop, so the list keeps its length until it is left.
    // SAFETY: a list, held by the frame.
    let length = unsafe { ffi::PyList_Size(list.as_ptr()) };
    loop {
        batch.after(core, APPEND, *next >= length);
        if *next >= length {
            return Ok(Step::Pop);
        }
        batch.before(core, length - *next, *next == 0)?;
        loop {
            // SAFETY: the index is within the list.
            let element = unsafe { ffi::PyList_GetItem(list.as_ptr(), *next) };
            if element.is_null() {
                // Only a finalizer, run by the collector in the middle of all this, can have shortened the list.
                return Err(PyErr::fetch(py));
            }
            *next += 1;
            if let Some(step) = item(py, core, element)? {
                return Ok(step);
            }
            if *next >= length || !batch.goes_on() {
                break;
            }
            core.out.between_opcodes()?;
        }
    }
}

fn step_tuple<'py>(
    py: Python<'py>,
    core: &mut Core,
    tuple: &Bound<'py, PyTuple>,
    next: &mut isize,
) -> PyResult<Step<'py>> {
    let length = tuple.len();
    while (*next as usize) < length {
        core.out.between_opcodes()?;
        // SAFETY: tuples do not change, and the index is within this one.
        let element = unsafe { ffi::PyTuple_GetItem(tuple.as_ptr(), *next) };
        *next += 1;
        if let Some(step) = item(py, core, element)? {
            return Ok(step);
        }
    }
    // A tuple that was reached through its own items has a slot by now: its items are dropped, and it is taken from
    // there.
    if let Some(slot) = core.memo.get(tuple.as_ptr() as usize) {
        match length {
            1..=3 => (0..length).for_each(|_| core.out.byte(op::POP)),
            _ => core.out.byte(op::POP_MARK),
        }
        core.get_slot(slot);
        return Ok(Step::Pop);
    }
    core.out.byte(match length {
        1 => op::TUPLE1,
        2 => op::TUPLE2,
        3 => op::TUPLE3,
        _ => op::TUPLE,
    });
    core.memoize(tuple.as_any());
    Ok(Step::Pop)
}

fn step_dict<'py>(
    py: Python<'py>,
    core: &mut Core,
    dict: &Bound<'py, PyDict>,
    walk: &mut DictWalk,
    batch: &mut Batch,
    build: bool,
) -> PyResult<Step<'py>> {
    if let Some(value) = walk.value.take()
        && let Some(step) = item(py, core, value.as_ptr())?
    {
        return Ok(step);
    }
    // No Python code runs within the loop below, so the dict keeps its size until it is left.
    // SAFETY: a dict, held by the frame.
    let size = unsafe { ffi::PyDict_Size(dict.as_ptr()) };
    if walk.position == 0 {
        walk.size = size;
    } else if walk.size != size {
        return Err(PyRuntimeError::new_err("dictionary changed size during iteration"));
    }
    loop {
        let first = walk.position == 0;
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the dict is held, the position is one that PyDict_Next gave, and the pointers are there to be set.
        let more = unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut walk.position, &raw mut key, &raw mut value) };
        batch.after(core, SETITEM, more == 0);
        if more == 0 {
            if build {
                core.out.byte(op::BUILD);
            }
            return Ok(Step::Pop);
        }
        batch.before(core, size, first)?;
        if let Some(step) = pair(py, core, walk, key, value)? {
            return Ok(step);
        }
    }
}

/// Saves a key, and its value if nothing comes between.
#[inline]
fn pair<'py>(
    py: Python<'py>,
    core: &mut Core,
    walk: &mut DictWalk,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> PyResult<Option<Step<'py>>> {
    if let Some(step) = item(py, core, key)? {
        // SAFETY: the dict holds the value, and nothing has run since it gave it.
        walk.value = Some(unsafe { Bound::from_borrowed_ptr(py, value) }.unbind());
        return Ok(Some(step));
    }
    item(py, core, value)
}

fn step_set<'py>(
    py: Python<'py>,
    core: &mut Core,
    items: &mut Bound<'py, PyIterator>,
    batch: &mut Batch,
) -> PyResult<Step<'py>> {
    loop {
        batch.after(core, ADDITEM, false);
        // The iterator of an exact set runs no code, and notices a set that changes.
        let Some(member) = items.next().transpose()? else {
            batch.after(core, ADDITEM, true);
            return Ok(Step::Pop);
        };
        batch.before(core, 2, false)?;
        if let Some(step) = item(py, core, member.as_ptr())? {
            return Ok(step);
        }
    }
}

fn step_frozen_set<'py>(
    py: Python<'py>,
    core: &mut Core,
    set: &Bound<'py, PyAny>,
    items: &mut Bound<'py, PyIterator>,
) -> PyResult<Step<'py>> {
    loop {
        core.out.between_opcodes()?;
        let Some(member) = items.next().transpose()? else { break };
        if let Some(step) = item(py, core, member.as_ptr())? {
            return Ok(step);
        }
    }
    if let Some(slot) = core.memo.get(set.as_ptr() as usize) {
        core.out.byte(op::POP_MARK);
        core.get_slot(slot);
    } else {
        core.out.byte(op::FROZENSET);
        core.memoize(set);
    }
    Ok(Step::Pop)
}

fn step_steps<'py>(
    py: Python<'py>,
    core: &mut Core,
    object: Option<&Bound<'py, PyAny>>,
    steps: &mut Vec<Do<'py>>,
) -> PyResult<Step<'py>> {
    while let Some(step) = steps.pop() {
        core.out.between_opcodes()?;
        match step {
            Do::Save(object) => {
                if let Some(step) = item(py, core, object.as_ptr())? {
                    return Ok(step);
                }
            }
            Do::Write(opcode) => core.out.byte(opcode),
            // An object that was reached through its own arguments has a slot by now, and is taken from there.
            Do::Memoize(object) => {
                core.end_building(object.as_ptr() as usize);
                match core.memo.get(object.as_ptr() as usize) {
                    Some(slot) => {
                        core.out.byte(op::POP);
                        core.get_slot(slot);
                    }
                    None => core.memoize(&object),
                }
            }
            Do::Global { module, name, object: None } => core.global(module, name),
            Do::Global { module, name, object: Some(object) } => match core.memo.get(object.as_ptr() as usize) {
                Some(slot) if core.is_near(slot) => core.get_slot(slot),
                _ => {
                    core.global(module, name);
                    core.memoize_here(&object);
                }
            },
            Do::Then(then) => return Ok(Step::Then(then)),
            Do::Appends(items) => {
                return Ok(Step::Push(Frame::Appends { object: object.cloned(), items, batch: Batch::default() }));
            }
            Do::SetItems(items) => {
                let (object, batch) = (object.cloned(), Batch::default());
                return Ok(Step::Push(Frame::SetItems { object, items, value: None, batch }));
            }
        }
    }
    Ok(Step::Pop)
}
