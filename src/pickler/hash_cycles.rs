//! Sets and dicts whose members lead back to an object that is still being written.
//!
//! A load hashes a member when it adds it, and a `__hash__` of the script reads attributes. If a node is in the set of
//! its own neighbour, the usual order adds it before it has attributes. So the pickler notes which objects are
//! unfinished, and whether a member was written with a reference to one of them. Such a member is taken from the
//! unpickler's stack again, and added after the object has got its attributes; of a dict, so is the rest, as the order
//! of the keys matters. `engine::postponed` does this. dill itself postpones cells in a similar way.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator};

use super::plan::DictWalk;

/// An item that is added to a container later.
pub(super) enum Postponed<'py> {
    /// Members of a set.
    Members { set: Bound<'py, PyAny>, members: Vec<Bound<'py, PyAny>> },
    /// The items of a dict from a position on.
    Items { dict: Bound<'py, PyDict>, walk: DictWalk },
    /// The items of a reduction: the first one, then the rest of the iterator.
    Reduced {
        object: Bound<'py, PyAny>,
        key: Bound<'py, PyAny>,
        value: Option<Bound<'py, PyAny>>,
        items: Bound<'py, PyIterator>,
    },
}

/// The level of an unfinished object: 0 for the outermost one.
pub(super) type UnfinishedLevel = usize;

/// The order in which things were postponed first. A member may have to wait for more than one object, and the key of a
/// dict may need that member for its `__hash__`: so the order is kept.
pub(super) type PostponedNumber = u64;

/// No unfinished object.
const NONE: UnfinishedLevel = usize::MAX;

/// An object whose class has a `__hash__` of its own, and that has no attributes yet.
struct Unfinished {
    slot: u32,
    /// In ascending order of the numbers.
    postponed: Vec<(PostponedNumber, PostponedPart)>,
}

/// As [`Postponed`], without the lifetime of the interpreter's lock.
enum PostponedPart {
    Members { set: Py<PyAny>, members: Vec<Py<PyAny>> },
    Items { dict: Py<PyDict>, walk: DictWalk },
    Reduced { object: Py<PyAny>, key: Py<PyAny>, value: Option<Py<PyAny>>, items: Py<PyIterator> },
}

/// The unfinished objects, and the references to them.
pub(super) struct HashCycles {
    open: Vec<Unfinished>,
    /// The outermost unfinished object that something refers to.
    lowest_used: UnfinishedLevel,
    /// The outermost unfinished object to which the member leads that is being written.
    reached: UnfinishedLevel,
    next_number: PostponedNumber,
    /// The number of the postponed item that is being added now.
    adding: Option<PostponedNumber>,
}

impl Default for HashCycles {
    fn default() -> Self {
        Self { open: Vec::new(), lowest_used: NONE, reached: NONE, next_number: 0, adding: None }
    }
}

impl HashCycles {
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The number of unfinished objects.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// The slot of the outermost unfinished object; `u32::MAX` if there is none.
    pub(super) fn first_slot(&self) -> u32 {
        self.open.first().map_or(u32::MAX, |first| first.slot)
    }

    /// Begins an object, which has just got this slot.
    pub(super) fn begin(&mut self, slot: u32) {
        self.open.push(Unfinished { slot, postponed: Vec::new() });
    }

    /// Ends the object with this slot, if it is the innermost one. Returns the items that were postponed until now.
    pub(super) fn end<'py>(&mut self, py: Python<'py>, slot: u32) -> Vec<(PostponedNumber, Postponed<'py>)> {
        let Some(last) = self.open.pop_if(|last| last.slot == slot) else { return Vec::new() };
        self.forget_from(self.open.len());
        last.postponed.into_iter().map(|(number, part)| (number, part.into_bound(py))).collect()
    }

    /// Forgets the objects from a level on, which were given up.
    pub(super) fn cut(&mut self, level: UnfinishedLevel) {
        self.open.truncate(level);
        self.forget_from(level);
        if level == 0 {
            self.adding = None;
        }
    }

    /// The levels from this one on mean nothing any more.
    fn forget_from(&mut self, level: UnfinishedLevel) {
        for noted in [&mut self.lowest_used, &mut self.reached] {
            if *noted >= level {
                *noted = NONE;
            }
        }
    }

    /// Notes a reference to a slot that is not older than the outermost unfinished object.
    #[cold]
    pub(super) fn note_reference(&mut self, slot: u32) {
        let level = match self.open.binary_search_by_key(&slot, |object| object.slot) {
            Ok(level) => {
                self.lowest_used = self.lowest_used.min(level);
                level
            }
            // Another object, which may refer to any that has been referred to.
            Err(_) => self.lowest_used,
        };
        self.reached = self.reached.min(level);
    }

    /// Begins a member. Returns the level that `end_member` must be given.
    pub(super) fn begin_member(&mut self) -> UnfinishedLevel {
        std::mem::replace(&mut self.reached, NONE)
    }

    /// Ends a member. Returns the outermost unfinished object that it leads to.
    pub(super) fn end_member(&mut self, outer: UnfinishedLevel) -> Option<UnfinishedLevel> {
        let reached = self.reached;
        self.reached = outer.min(reached);
        (reached < self.open.len()).then_some(reached)
    }

    /// Postpones something until the object of a level has its attributes.
    pub(super) fn postpone(&mut self, level: UnfinishedLevel, what: Postponed<'_>) {
        let number = self.adding.unwrap_or(self.next_number);
        self.next_number += u64::from(self.adding.is_none());
        let Some(object) = self.open.get_mut(level) else { return };
        let index = object.postponed.partition_point(|(other, _)| *other <= number);
        // Members of one set are added together.
        if let Postponed::Members { set, members } = &what
            && let Some((_, PostponedPart::Members { set: last, members: others })) =
                object.postponed[..index].last_mut()
            && last.is(set)
        {
            others.extend(members.iter().map(|member| member.clone().unbind()));
            return;
        }
        object.postponed.insert(index, (number, PostponedPart::of(what)));
    }

    /// From now on, postponed items replace the item with this number. Returns the number before.
    pub(super) fn add_again(&mut self, number: Option<PostponedNumber>) -> Option<PostponedNumber> {
        std::mem::replace(&mut self.adding, number)
    }
}

impl PostponedPart {
    fn of(what: Postponed<'_>) -> Self {
        match what {
            Postponed::Members { set, members } => {
                Self::Members { set: set.unbind(), members: members.into_iter().map(Bound::unbind).collect() }
            }
            Postponed::Items { dict, walk } => Self::Items { dict: dict.unbind(), walk },
            Postponed::Reduced { object, key, value, items } => Self::Reduced {
                object: object.unbind(),
                key: key.unbind(),
                value: value.map(Bound::unbind),
                items: items.unbind(),
            },
        }
    }

    fn into_bound(self, py: Python<'_>) -> Postponed<'_> {
        match self {
            Self::Members { set, members } => Postponed::Members {
                set: set.into_bound(py),
                members: members.into_iter().map(|member| member.into_bound(py)).collect(),
            },
            Self::Items { dict, walk } => Postponed::Items { dict: dict.into_bound(py), walk },
            Self::Reduced { object, key, value, items } => Postponed::Reduced {
                object: object.into_bound(py),
                key: key.into_bound(py),
                value: value.map(|value| value.into_bound(py)),
                items: items.into_bound(py),
            },
        }
    }
}
