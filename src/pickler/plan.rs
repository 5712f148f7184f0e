//! The instructions of a handler to the engine: a [`ObjectPlan`] for an object, made of [`WorkItem`]s and [`Action`]s.
//!
//! Work items replace recursion: containers nest on the engine's work list, not on the C stack, so a list nested a
//! million levels deep is written like any other. An item holds references to the objects that it iterates over and
//! reads sizes again at each step, because code that runs in between may change anything.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PySet, PyString, PyTuple, PyType};

use super::buffer_view::PyBufferView;
use super::engine::{PendingKey, PendingMember};
use super::hash_cycles::{Postponed, PostponedNumber};
use super::pickle_context::PickleContext;
use super::pickler_state::PicklerState;
use crate::pickle::format::opcode::Opcode;

/// The most items between a MARK and its APPENDS, SETITEMS or ADDITEMS, as in CPython.
const BATCH_SIZE: u32 = 1000;

/// How one object is written. The engine carries a plan out.
pub(super) enum ObjectPlan<'py> {
    /// Opcodes that need no Python code.
    Write(DirectWrite),
    /// dill's function for the type writes the object; if there is none, dill's pickler does.
    Dill { function: Option<Py<PyAny>> },
    /// The actions that create the object.
    Work(WorkItem<'py>),
}

/// Opcodes for one object that can be written at once.
pub(super) enum DirectWrite {
    /// A reference to the object, which has a slot.
    Reference,
    /// A global, by which an import finds the object.
    Global { module: String, name: String },
    /// A global for one object, whose type says nothing about others. It takes no slot: it is written again.
    Singleton { module: String, name: String },
    /// A global that has a code in `copyreg._extension_registry`.
    Extension { module: String, name: String, code: u32 },
    /// A module, by its name.
    Module { name: String },
    /// A function of the module `snapcli`.
    OwnFunction { name: String },
    /// The contents of a `PickleBuffer`. `raw` as in `OpcodeOutput::buffer`.
    Buffer { view: PyBufferView, raw: bool },
    /// A `PickleBuffer` that the caller of `dumps` keeps.
    OutOfBandBuffer { read_only: bool },
}

/// An entry of the work list: an object that is partly written.
pub(super) enum WorkItem<'py> {
    List {
        list: Bound<'py, PyList>,
        next: isize,
        batch: ItemBatch,
    },
    /// A dict, or the state of a plain instance: `owner` is that instance.
    Dict {
        dict: Bound<'py, PyDict>,
        walk: DictWalk,
        batch: ItemBatch,
        owner: Option<Bound<'py, PyAny>>,
    },
    Tuple {
        tuple: Bound<'py, PyTuple>,
        next: isize,
        /// The tuple that gets the slot, if this one is a copy with markers for lost objects.
        original: Option<Bound<'py, PyTuple>>,
    },
    /// An exact set.
    Set {
        set: Bound<'py, PyAny>,
        items: Bound<'py, PyIterator>,
        batch: ItemBatch,
        pending: Option<PendingMember<'py>>,
    },
    /// An exact frozenset.
    FrozenSet {
        set: Bound<'py, PyAny>,
        items: Bound<'py, PyIterator>,
    },
    /// The rest of a handler's actions, last one first.
    Actions {
        object: Option<Bound<'py, PyAny>>,
        actions: Vec<Action<'py>>,
    },
    /// List items from a reduction's iterator, and the one that was fetched last until it is written.
    Appends {
        object: Option<Bound<'py, PyAny>>,
        items: Bound<'py, PyIterator>,
        fetched: Option<Bound<'py, PyAny>>,
        batch: ItemBatch,
    },
    /// Dict items from a reduction's iterator, and the pair that was fetched last until it is written.
    SetItems {
        object: Option<Bound<'py, PyAny>>,
        items: Bound<'py, PyIterator>,
        key: Option<Bound<'py, PyAny>>,
        value: Option<Bound<'py, PyAny>>,
        batch: ItemBatch,
        pending: Option<PendingMember<'py>>,
    },
    /// Items that had to wait until an object had its attributes, last one first.
    Postponed {
        waiting: Vec<(PostponedNumber, Postponed<'py>)>,
        /// While a container is filled: the number of the item that was being added before.
        outer: Option<Option<PostponedNumber>>,
    },
}

/// One step of creating an object.
pub(super) enum Action<'py> {
    /// Notes that the object's reduction begins, to detect infinite recursion.
    BeginBuilding(Bound<'py, PyAny>),
    /// The list at this address is a copy that `numpy.ndarray.__reduce__` has made.
    ExpectCopiedList(usize),
    /// Records that the opcodes of an object begin whose load may fail.
    BeginChecked(Bound<'py, PyAny>),
    /// Records that they end.
    EndChecked,
    Save(Bound<'py, PyAny>),
    /// Bytes, or a tuple of strings, that belong to one object and so need no slot.
    Constant(Bound<'py, PyAny>),
    Write(Opcode),
    /// The contents of a buffer that only the next call uses: it gets no slot, and its memory is free again.
    Contents(PyBufferView),
    /// Gives the object on top of the unpickler's stack a slot.
    Memoize(Bound<'py, PyAny>),
    Appends(Bound<'py, PyIterator>),
    SetItems(Bound<'py, PyIterator>),
    /// Adds the members of a set to the object on top of the unpickler's stack.
    AddItems(Bound<'py, PySet>),
    /// The object on top of the unpickler's stack has no attributes yet, and its class has a `__hash__` of its own.
    BeginHashed(Bound<'py, PyAny>),
    /// That object has its attributes now.
    EndHashed(Bound<'py, PyAny>),
    /// A global, and the object that it names if that is memoized.
    Global {
        module: &'static str,
        name: &'static str,
        object: Option<Bound<'py, PyAny>>,
    },
    /// Works through this item, whose object is a separate step on the path to an object at fault.
    Nested(Box<WorkItem<'py>>),
    /// Continues with actions that can be determined only after everything before has been written.
    Then(NextActions<'py>),
    /// Like `Then`, but if saving the needs of the object has saved the object itself, writes a reference instead.
    UnlessSaved(Bound<'py, PyAny>, NextActions<'py>),
}

/// Determines further actions. Called with the state unlocked, so it may run Python code.
pub(super) type NextActions<'py> = Box<dyn FnOnce(&Arc<PickleContext>) -> PyResult<Vec<Action<'py>>> + 'py>;

/// The task of the engine before the topmost work item can continue.
pub(super) enum Next<'py> {
    /// Work through this item first.
    Push(WorkItem<'py>),
    /// The item is finished, except for this one.
    Replace(WorkItem<'py>),
    /// Continue with the item.
    Again,
    /// The item is finished.
    Done,
    /// Save this object first, which needs Python code.
    Dispatch(Bound<'py, PyAny>),
    /// Fetch the next element from the item's iterator, which is Python code.
    FetchElement,
    /// Call this and add its actions to the item.
    Then(NextActions<'py>),
}

/// The progress of an iteration over a dict.
#[derive(Default)]
pub(super) struct DictWalk {
    /// The position as `PyDict_Next` counts it.
    pub(super) position: isize,
    /// The size of the dict when the iteration began.
    pub(super) size: isize,
    /// The value whose key has been written.
    pub(super) value: Option<Py<PyAny>>,
    /// The key that is being written, if it may lead to an unfinished object.
    pub(super) pending: Option<Box<PendingKey>>,
}

/// The items since the last MARK.
#[derive(Default)]
pub(super) struct ItemBatch {
    open: bool,
    /// A single item needs no MARK.
    single: bool,
    count: u32,
}

impl ItemBatch {
    /// Must be called before an item is written. `left` is the number of items that are left, this one included.
    #[inline]
    pub(super) fn before(&mut self, state: &mut PicklerState, left: isize, first: bool) -> PyResult<()> {
        state.out.between_opcodes()?;
        if !self.open {
            if first && left == 1 {
                self.single = true;
            } else {
                state.out.op(Opcode::Mark);
            }
            self.open = true;
            self.count = 0;
        }
        self.count += 1;
        Ok(())
    }

    /// Counts an item that follows another one directly. Returns false if the batch is full.
    #[inline]
    pub(super) fn continues(&mut self) -> bool {
        let room = !self.single && self.count < BATCH_SIZE;
        self.count += u32::from(room);
        room
    }

    /// Must be called after an item has been written: ends the batch if it is full or this was the `last` item.
    #[inline]
    pub(super) fn after(&mut self, state: &mut PicklerState, [one, many]: [Opcode; 2], last: bool) {
        // A single item ends its batch even if the container has grown since: there is no MARK for more items.
        if self.open && (self.single || last || self.count == BATCH_SIZE) {
            state.out.op(if self.single { one } else { many });
            *self = Self::default();
        }
    }
}

impl ItemBatch {
    /// Ends the batch after an item was taken from the stack again.
    pub(super) fn end_early(&mut self, state: &mut PicklerState, [_, many]: [Opcode; 2]) {
        if self.open && !self.single {
            state.out.op(many);
        }
        *self = Self::default();
    }
}

impl<'py> ObjectPlan<'py> {
    /// A plan of actions, in order. They create `object`.
    pub(super) fn actions(object: &Bound<'py, PyAny>, actions: Vec<Action<'py>>) -> Self {
        Self::Work(WorkItem::actions(Some(object), actions))
    }
}

impl<'py> WorkItem<'py> {
    /// As [`ObjectPlan::actions`].
    pub(super) fn actions(object: Option<&Bound<'py, PyAny>>, mut actions: Vec<Action<'py>>) -> Self {
        actions.reverse();
        Self::Actions { object: object.cloned(), actions }
    }

    /// Inserts actions before the remaining ones.
    pub(super) fn insert_actions<I>(&mut self, inserted: I)
    where
        I: IntoIterator<Item = Action<'py>, IntoIter: DoubleEndedIterator>,
    {
        if let Self::Actions { actions, .. } = self {
            actions.extend(inserted.into_iter().rev());
        }
    }

    /// How many items have been begun, and how many there are; `None` if that is not known.
    pub(super) fn position(&self) -> Option<(usize, usize)> {
        let begun = |next: isize| usize::try_from(next).unwrap_or(0);
        match self {
            Self::List { list, next, .. } => Some((begun(*next), list.len())),
            Self::Tuple { tuple, next, .. } => Some((begun(*next), tuple.len())),
            Self::Dict { walk, .. } => Some((begun(walk.position), begun(walk.size))),
            _ => None,
        }
    }

    /// Records where the opcodes of this object begin and end.
    pub(super) fn check(&mut self, object: &Bound<'py, PyAny>) {
        if let Self::Actions { actions, .. } = self {
            actions.insert(0, Action::EndChecked);
            actions.push(Action::BeginChecked(object.clone()));
        }
    }

    /// Marks the part of the actions in which the object exists without its attributes.
    pub(super) fn track_hash(&mut self, object: &Bound<'py, PyAny>) {
        let Self::Actions { actions, .. } = self else { return };
        let is_memoized = |action: &Action<'py>| matches!(action, Action::Memoize(made) if made.is(object));
        // The last action comes first. Without a state there is nothing to wait for.
        if let Some(index) = actions.iter().position(is_memoized).filter(|index| *index > 0) {
            actions.insert(index, Action::BeginHashed(object.clone()));
            actions.insert(0, Action::EndHashed(object.clone()));
        }
    }

    /// Appends actions to the remaining ones.
    pub(super) fn append_actions(&mut self, mut appended: Vec<Action<'py>>) {
        if let Self::Actions { actions, .. } = self {
            appended.reverse();
            actions.splice(0..0, appended);
        }
    }

    /// Takes the state back that the last action would give to the object by BUILD.
    pub(super) fn take_final_state(&mut self) -> Option<Bound<'py, PyAny>> {
        let Self::Actions { actions, .. } = self else { return None };
        // The last action comes first.
        let [Action::Write(Opcode::Build), Action::Save(state), ..] = actions.as_slice() else { return None };
        let state = state.clone();
        actions.drain(..2);
        Some(state)
    }

    /// The object that is being written, for the path to the object at fault.
    pub(super) fn object(&self) -> Option<Bound<'py, PyAny>> {
        match self {
            Self::List { list, .. } => Some(list.clone().into_any()),
            Self::Dict { dict, owner, .. } => Some(owner.clone().unwrap_or_else(|| dict.clone().into_any())),
            Self::Tuple { tuple, original, .. } => Some(original.as_ref().unwrap_or(tuple).clone().into_any()),
            Self::Set { set, .. } | Self::FrozenSet { set, .. } => Some(set.clone()),
            Self::Postponed { .. } => None,
            Self::Actions { object, .. } | Self::Appends { object, .. } | Self::SetItems { object, .. } => {
                object.clone()
            }
        }
    }
}

impl<'py> Action<'py> {
    /// Saves an object only to give it a slot, to which later actions refer.
    pub(super) fn save_and_pop(object: Bound<'py, PyAny>) -> [Self; 2] {
        [Self::Save(object), Self::Write(Opcode::Pop)]
    }

    /// As [`set_attribute`](Self::set_attribute), for any value. A dict or a list is set while it is empty, and filled
    /// afterwards: an item may be an instance that reads the attribute when it is created.
    pub(super) fn set_and_fill(
        class: &Bound<'py, PyType>,
        name: Bound<'py, PyString>,
        value: Bound<'py, PyAny>,
    ) -> Self {
        let class = class.clone();
        Self::Then(Box::new(move |context| {
            let is_namespace = value.cast_exact::<PyDict>().map_or(Ok(false), |dict| context.is_module_dict(dict))?;
            let is_new = !context.has_slot(&value)? && !is_namespace;
            let (empty, item) = if let Ok(dict) = value.cast_exact::<PyDict>().cloned()
                && !dict.contains(intern!(class.py(), "__builtins__"))?
            {
                let (walk, batch) = (DictWalk::default(), ItemBatch::default());
                (Opcode::EmptyDict, WorkItem::Dict { dict, walk, batch, owner: None })
            } else if let Ok(list) = value.cast_exact::<PyList>().cloned() {
                (Opcode::EmptyList, WorkItem::List { list, next: 0, batch: ItemBatch::default() })
            } else {
                return Self::set_attribute(&class, &name, value).map(Vec::from);
            };
            if !is_new || value.len()? == 0 {
                return Self::set_attribute(&class, &name, value).map(Vec::from);
            }
            let [setter, class, name, _, rest @ ..] = Self::set_attribute(&class, &name, value.clone())?;
            let mut actions = vec![setter, class, name, Self::Write(empty), Self::Memoize(value.clone())];
            actions.extend(rest);
            actions.extend([Self::Write(Opcode::Mark), Self::Save(value), Self::Nested(Box::new(item))]);
            actions.push(Self::Write(Opcode::PopMark));
            Ok(actions)
        }))
    }

    /// Sets an attribute of a class with `type.__setattr__`, which bypasses the `__setattr__` of a metaclass.
    pub(super) fn set_attribute(
        class: &Bound<'py, PyType>,
        name: &Bound<'py, PyString>,
        value: Bound<'py, PyAny>,
    ) -> PyResult<[Self; 7]> {
        let setter = class.py().get_type::<PyType>().getattr("__setattr__")?;
        Ok([
            Self::Global { module: "builtins", name: "type.__setattr__", object: Some(setter) },
            Self::Save(class.clone().into_any()),
            Self::Save(name.clone().into_any()),
            Self::Save(value),
            Self::Write(Opcode::Tuple3),
            Self::Write(Opcode::Reduce),
            Self::Write(Opcode::Pop),
        ])
    }
}
