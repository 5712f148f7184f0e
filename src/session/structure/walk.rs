//! Walks through the objects below a variable, in an order that is the same in every process, and numbers the ones that
//! can change, so that the descriptions show which parts are shared.

use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule, PyTuple};
use rustc_hash::FxHashMap;

use super::object_parts::{Identity, ObjectDescriber, ObjectParts};
use crate::python::deferred_signals::Tolerated as _;

/// The maximum number of arrays whose memory is compared with that of later ones.
const MAX_RANGES: usize = 1_000;
/// The most objects of a session that are described. The variables after that are compared by their pickles alone.
const MAX_OBJECTS: usize = 500_000;
/// The same for one variable, so that one large graph leaves room for the others.
const MAX_OF_VARIABLE: usize = 50_000;

/// How a path continues from an object to one of its parts.
#[derive(Clone, Debug)]
pub(super) enum StructureStep {
    Index(usize),
    /// As it stands in the path: `.name`, `['key']`.
    Text(String),
}

/// One object on the walk.
struct VisitedObject {
    parent: usize,
    step: StructureStep,
    text: String,
    /// The position of another object of the variable, at which the text ends.
    other: Option<usize>,
    /// The other variable that it is an object of, or whose memory it has.
    of_variable: Option<String>,
    /// The method of a class of the script that decides what is pickled of this object.
    decides: Option<String>,
}

/// The objects of one variable.
pub(super) struct WalkedVariable<'py> {
    pub(super) name: String,
    objects: Vec<VisitedObject>,
    /// Whether all objects are in it.
    pub(super) is_whole: bool,
    /// Keeps the objects that the walk itself made alive, so that their addresses are not used again.
    _kept: Vec<Bound<'py, PyAny>>,
}

/// The walk through all variables of a session.
pub(super) struct StructureWalk<'py> {
    describer: ObjectDescriber<'py>,
    /// The variable and the position of each object with an identity, by its address.
    seen: FxHashMap<usize, (usize, usize)>,
    /// The memory of arrays, which does not overlap, with the same.
    memory: Vec<(Range<usize>, (usize, usize))>,
    names: Vec<String>,
    visited: usize,
}

impl WalkedVariable<'_> {
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// The facts that two processes compare.
    pub(super) fn facts(&self, position: usize) -> Option<(&str, Option<usize>)> {
        self.objects.get(position).map(|object| (object.text.as_str(), object.other))
    }

    /// The description of an object, for the user.
    pub(super) fn shown(&self, position: usize) -> Option<String> {
        let object = self.objects.get(position)?;
        let other = object.other.map(|other| self.path(other)).unwrap_or_default();
        Some(format!("{}{other}", object.text))
    }

    /// The other variable that the description of an object refers to.
    pub(super) fn of_variable(&self, position: usize) -> Option<&str> {
        self.objects.get(position)?.of_variable.as_deref()
    }

    /// The path of an object, which begins with the name of the variable.
    pub(super) fn path(&self, position: usize) -> String {
        let mut steps = Vec::new();
        let mut at = position;
        while let Some(object) = self.objects.get(at).filter(|_| at != 0) {
            steps.push(match &object.step {
                StructureStep::Index(index) => format!("[{index}]"),
                StructureStep::Text(text) => text.clone(),
            });
            at = object.parent;
        }
        steps.push(self.name.clone());
        steps.reverse();
        steps.concat()
    }

    /// The class of the script, at an object or above it, that decides what is pickled.
    pub(super) fn class_that_decides(&self, position: usize) -> Option<String> {
        let mut at = position.min(self.objects.len().saturating_sub(1));
        loop {
            let object = self.objects.get(at)?;
            if object.decides.is_some() || at == 0 {
                return object.decides.clone();
            }
            at = object.parent;
        }
    }
}

impl<'py> StructureWalk<'py> {
    pub(super) fn new(module: &Bound<'py, PyModule>) -> PyResult<Self> {
        Ok(Self {
            describer: ObjectDescriber::new(module)?,
            seen: FxHashMap::default(),
            memory: Vec::new(),
            names: Vec::new(),
            visited: 0,
        })
    }

    /// Describes the objects of one variable that earlier variables do not have.
    pub(super) fn walk(&mut self, name: &str, value: Bound<'py, PyAny>) -> PyResult<WalkedVariable<'py>> {
        let number = self.names.len();
        self.names.push(name.to_owned());
        let (mut objects, mut kept) = (Vec::new(), Vec::new());
        let mut waiting = vec![(0, StructureStep::Index(0), value)];
        while let Some((parent, step, value)) = waiting.pop() {
            if self.describer.is_atom(&value) {
                continue;
            }
            if self.visited >= MAX_OBJECTS || objects.len() >= MAX_OF_VARIABLE {
                return Ok(WalkedVariable { name: name.to_owned(), objects, is_whole: false, _kept: kept });
            }
            self.visited += 1;
            let position = objects.len();
            let known = self.seen.get(&(value.as_ptr() as usize)).copied();
            // A tuple counts by value between variables.
            let known = known.filter(|(owner, _)| *owner == number || !value.is_exact_instance_of::<PyTuple>());
            if let Some(known) = known {
                let text = if known.0 == number { "the same object as " } else { "a part of " };
                let mut object = VisitedObject::new(parent, step, text);
                self.refer(&mut object, known, number);
                objects.push(object);
                continue;
            }
            // Code of the script can raise anything where an attribute is read.
            let Some(ObjectParts { text, parts, identity, decides }) = self.describer.describe(&value).tolerated()
            else {
                return Ok(WalkedVariable { name: name.to_owned(), objects, is_whole: false, _kept: kept });
            };
            let mut object = VisitedObject { decides, ..VisitedObject::new(parent, step, text) };
            if !matches!(identity, Identity::None) {
                self.seen.insert(value.as_ptr() as usize, (number, position));
            }
            if let Identity::Memory(range) = identity {
                let overlaps = |other: &Range<usize>| other.start < range.end && range.start < other.end;
                if let Some((_, known)) = self.memory.iter().find(|(other, _)| overlaps(other)).cloned() {
                    object.text.push_str(", in the memory of ");
                    self.refer(&mut object, known, number);
                } else if self.memory.len() < MAX_RANGES {
                    self.memory.push((range, (number, position)));
                }
            }
            objects.push(object);
            // The last one is popped first.
            waiting.extend(parts.into_iter().rev().map(|(step, part)| (position, step, part)));
            kept.push(value);
        }
        Ok(WalkedVariable { name: name.to_owned(), objects, is_whole: true, _kept: kept })
    }

    /// Adds to a description that it refers to an object that was met before.
    fn refer(&self, object: &mut VisitedObject, (owner, position): (usize, usize), number: usize) {
        if owner == number {
            object.other = Some(position);
            return;
        }
        let name = self.names.get(owner).cloned().unwrap_or_default();
        object.text.push_str(&name);
        object.of_variable = Some(name);
    }
}

impl VisitedObject {
    fn new(parent: usize, step: StructureStep, text: impl Into<String>) -> Self {
        Self { parent, step, text: text.into(), other: None, of_variable: None, decides: None }
    }
}
