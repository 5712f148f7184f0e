//! Whether two pickles' values are equal, and where they first differ.
//!
//! Both are walked at the same time, on an explicit work list. Each list, dict or object of one side must meet the
//! same one of the other side whenever it is met, so what is shared must be shared alike, and cycles end. Numbers,
//! texts and bytes are compared by value; sets and dicts without order (two dicts with other insertion orders are
//! equal in Python), an `OrderedDict` in order. What does not belong to a value does not count: where in a file a
//! function was written, and how the functions and classes that have a name of their own in the session have changed.

mod element;
mod texts;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use super::digest::{Digests, digest_of_text};
use super::form::{Form, Forms, Parts, Role, Whole};
use super::machine::Machine;
use super::naming::Naming;
use super::node::Ref;

/// One of the two pickles.
#[derive(Debug)]
pub struct Side<'m, 'a> {
    naming: Naming<'m, 'a>,
    forms: Forms<'m, 'a>,
    /// The session's functions and classes, and their names.
    definitions: HashMap<Ref, String>,
}

impl<'m, 'a> Side<'m, 'a> {
    /// The side of a machine, in which values have these names.
    pub fn new(machine: &'m Machine<'a>, names: impl Iterator<Item = (String, Ref)>) -> Self {
        let naming = Naming::new(machine);
        let is_definition = |value: Ref| {
            machine.node(value).is_some() && matches!(naming.type_name(value).as_ref(), "function" | "type")
        };
        let definitions =
            names.filter(|(_, value)| is_definition(*value)).map(|(name, value)| (machine.resolve(value), name));
        let definitions = definitions.collect();
        Self { forms: Forms::new(machine), naming, definitions }
    }

    /// What its values are called.
    pub fn naming(&self) -> &Naming<'m, 'a> {
        &self.naming
    }

    /// An array's dtype and shape.
    pub fn array(&self, value: Ref) -> Option<(String, Vec<u64>)> {
        let (dtype, shape) = self.forms.array_facts(value)?;
        Some((self.naming.text(dtype)?.as_ref().to_owned(), shape))
    }
}

/// Where two values first differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path below the variable, as far as Python has words for it: `['lr']`, `.weights[3]`.
    pub path: String,
    /// What is there on the left; `None` where there is nothing, or where the path has no words for it.
    pub left: Option<String>,
    /// What is there on the right.
    pub right: Option<String>,
}

/// The most characters of a path.
const MAX_PATH: usize = 120;
/// From how many bytes on texts that were found equal are remembered, as a pickle can refer to one again and again.
const LONG: usize = 64;
/// A name that is in the dict of every class.
const CLASS: &[u8] = b"__module__";
/// Names in a class that say where it was written, or that CPython 3.13 makes from a set.
const UNTOLD: [&[u8]; 2] = [b"__firstlineno__", b"__static_attributes__"];

/// Compares values of two sides.
pub struct Comparer<'f, 'm, 'a> {
    left: &'f Side<'m, 'a>,
    right: &'f Side<'m, 'a>,
    digests: [Digests<'f, 'm, 'a>; 2],
    /// What was found equal, for the variables to come.
    equal: HashMap<Ref, Ref>,
    equal_texts: HashSet<(Ref, Ref)>,
    has_doubts: Cell<bool>,
}

/// The pairs of parts of a pair of values, and how far they were walked.
struct Frame {
    parts: std::vec::IntoIter<(Step, Ref, Ref)>,
    step: Step,
    values: (Ref, Ref),
}

/// A step down from a value.
#[derive(Clone, Copy, Debug)]
enum Step {
    Root,
    Part(Role),
    Key(Ref),
    Member,
}

/// What differs at a place: nothing is on a side that has no value.
type Differs = (Option<Step>, Option<Ref>, Option<Ref>);

/// Whom each value of a walk has met on the other side.
#[derive(Default)]
struct Met {
    right_of: HashMap<Ref, Ref>,
    left_of: HashMap<Ref, Ref>,
    alike: Alike,
}

/// Tuples and other values without identity that were taken for equal, in classes: Hopcroft's and Karp's way to
/// compare automata. What is in one class is not walked again, so a walk takes no more steps than there are values.
#[derive(Default)]
struct Alike {
    parents: HashMap<Place, Place>,
}

/// A value of the left side (`false`) or the right one.
type Place = (bool, Ref);

impl Alike {
    /// Puts two values into one class. Returns whether they were in two before.
    fn join(&mut self, left: Ref, right: Ref) -> bool {
        let (left, right) = (self.class((false, left)), self.class((true, right)));
        left != right && self.parents.insert(left, right).is_none()
    }

    fn class(&mut self, mut place: Place) -> Place {
        while let Some(parent) = self.parents.get(&place).copied() {
            // Shortens the way for the next time.
            if let Some(next) = self.parents.get(&parent).copied() {
                self.parents.insert(place, next);
            }
            place = parent;
        }
        place
    }
}

impl<'f, 'm, 'a> Comparer<'f, 'm, 'a> {
    /// Nothing is compared yet.
    pub fn new(left: &'f Side<'m, 'a>, right: &'f Side<'m, 'a>) -> Self {
        let digests = [Digests::new(&left.forms), Digests::new(&right.forms)];
        Self { left, right, digests, equal: HashMap::new(), equal_texts: HashSet::new(), has_doubts: Cell::new(false) }
    }

    /// Where two values first differ; `None` where they are equal.
    pub fn compare(&mut self, left: Ref, right: Ref) -> Option<Difference> {
        self.has_doubts.set(false);
        let mut met = Met::default();
        let root = (Step::Root, left, right);
        let mut frames = vec![Frame { parts: vec![root].into_iter(), step: Step::Root, values: (left, right) }];
        while let Some(frame) = frames.last_mut() {
            let Some((step, left, right)) = frame.parts.next() else {
                frames.pop();
                continue;
            };
            match self.pair(step, left, right, &mut met) {
                Ok(parts) if parts.is_empty() => {}
                Ok(parts) => frames.push(Frame { parts: parts.into_iter(), step, values: (left, right) }),
                Err((last, left, right)) => {
                    let steps = frames.iter().skip(1).map(|frame| frame.step).chain([step]).chain(last);
                    let (mut difference, reached) = self.difference(steps, left, right);
                    if let (true, Step::Part(Role::Data), Some(Frame { values, .. })) = (reached, step, frames.last()) {
                        difference.path.extend(element::first_that_differs(self.left, self.right, *values));
                    }
                    return Some(difference);
                }
            }
        }
        self.equal.extend(met.right_of);
        None
    }

    /// Whether what the last comparison found to differ may only have been paired wrongly: members of a set, or keys,
    /// that are objects and look the same as far as digests look, or of which digests see how they were pickled (cells
    /// of functions are filled where a walk ends, and that begins where the set's order says).
    pub fn has_doubts(&self) -> bool {
        self.has_doubts.get()
    }

    /// Compares two values, but for their parts, which are returned.
    fn pair(&mut self, step: Step, left: Ref, right: Ref, met: &mut Met) -> Result<Vec<(Step, Ref, Ref)>, Differs> {
        let here = (None, Some(left), Some(right));
        let (left, right) = (self.left.forms.machine().resolve(left), self.right.forms.machine().resolve(right));
        if self.equal.get(&left) == Some(&right) || self.equal_texts.contains(&(left, right)) {
            return Ok(Vec::new());
        }
        let definitions = (self.left.definitions.get(&left), self.right.definitions.get(&right));
        if let (Some(left), Some(right)) = definitions
            && left == right
            && !matches!(step, Step::Root)
        {
            return Ok(Vec::new());
        }
        match (self.left.forms.form(left), self.right.forms.form(right)) {
            (Form::Whole(a), Form::Whole(b)) => {
                if !same(&a, &b, step) {
                    return Err(here);
                }
                if length(&a) > LONG {
                    self.equal_texts.insert((left, right));
                }
                Ok(Vec::new())
            }
            (Form::Parts(a), Form::Parts(b)) => {
                if a.tag != b.tag {
                    return Err(here);
                }
                if a.tag.has_identity() {
                    match (met.right_of.insert(left, right), met.left_of.insert(right, left)) {
                        (None, None) => {}
                        (Some(before), Some(_)) if before == right => return Ok(Vec::new()),
                        _ => return Err(here),
                    }
                } else if !met.alike.join(left, right) {
                    return Ok(Vec::new());
                }
                self.parts(&a, &b).map_err(|differs| differs.unwrap_or(here))
            }
            _ => Err(here),
        }
    }

    /// The parts that have to be equal for two values to be. An error of `None` means that there are not as many.
    fn parts(&self, a: &Parts<'a>, b: &Parts<'a>) -> Result<Vec<(Step, Ref, Ref)>, Option<Differs>> {
        if a.texts.is_some() || b.texts.is_some() {
            return texts::compare(self.left, a, self.right, b).map(|()| Vec::new());
        }
        let roles_differ = a.ordered.iter().zip(&b.ordered).any(|((a, _), (b, _))| a != b);
        if roles_differ || a.ordered.len() != b.ordered.len() || a.members.len() != b.members.len() {
            return Err(None);
        }
        let both = a.ordered.iter().zip(&b.ordered);
        let mut parts: Vec<_> = both.map(|((role, a), (_, b))| (Step::Part(*role), *a, *b)).collect();
        self.members(a, b, &mut parts)?;
        self.keys(a, b, &mut parts)?;
        Ok(parts)
    }

    /// Two members or keys do not match.
    fn doubt(&self, left: Ref, right: Ref) {
        let machines = [(self.left, left), (self.right, right)];
        let is_object = machines.iter().any(|(side, value)| side.forms.machine().node(*value).is_some());
        self.has_doubts.set(self.has_doubts.get() || is_object);
    }

    fn members(&self, a: &Parts<'a>, b: &Parts<'a>, parts: &mut Vec<(Step, Ref, Ref)>) -> Result<(), Option<Differs>> {
        let sorted = |digests: &Digests<'_, '_, '_>, members: &[Ref]| {
            let mut members: Vec<(u64, Ref)> =
                members.iter().map(|member| (digests.digest(*member), *member)).collect();
            members.sort_by_key(|(digest, _)| *digest);
            let is_tie = members.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b));
            self.has_doubts.set(self.has_doubts.get() || is_tie);
            members
        };
        let [left, right] = &self.digests;
        for ((a_digest, a), (b_digest, b)) in sorted(left, &a.members).into_iter().zip(sorted(right, &b.members)) {
            if a_digest != b_digest {
                self.doubt(a, b);
                return Err(None);
            }
            parts.push((Step::Member, a, b));
        }
        Ok(())
    }

    fn keys(&self, a: &Parts<'a>, b: &Parts<'a>, parts: &mut Vec<(Step, Ref, Ref)>) -> Result<(), Option<Differs>> {
        let [left, right] = &self.digests;
        let (a, a_ties) = last_values(left, &a.pairs);
        let (b, b_ties) = last_values(right, &b.pairs);
        self.has_doubts.set(self.has_doubts.get() || a_ties || b_ties);
        let in_order = a.len() == b.len() && a.iter().zip(&b).all(|((a, ..), (b, ..))| a == b);
        let mut pair = |(_, key, value): &(u64, Ref, Ref), (_, other_key, other): &(u64, Ref, Ref)| {
            // Texts and numbers with the same digest are paired with others once in 2^64.
            if self.left.forms.machine().node(*key).is_some() {
                parts.push((Step::Member, *key, *other_key));
            }
            parts.push((Step::Key(*key), *value, *other));
        };
        if in_order {
            a.iter().zip(&b).for_each(|(a, b)| pair(a, b));
            return Ok(());
        }
        let there: HashMap<u64, &(u64, Ref, Ref)> = b.iter().map(|pair| (pair.0, pair)).collect();
        for item in &a {
            let Some(other) = there.get(&item.0) else {
                self.has_doubts.set(self.has_doubts.get() || self.left.forms.machine().node(item.1).is_some());
                return Err(Some((Some(Step::Key(item.1)), Some(item.2), None)));
            };
            pair(item, other);
        }
        let here: HashSet<u64> = a.iter().map(|(digest, ..)| *digest).collect();
        match b.iter().find(|(digest, ..)| !here.contains(digest)) {
            // The key is on the right here; its text is found there.
            Some((_, key, value)) => Err(Some((Some(Step::Key(*key)), None, Some(*value)))),
            None => Ok(()),
        }
    }

    /// The difference at the end of these steps, and whether the path leads to the last one or the one before.
    fn difference(
        &self,
        steps: impl Iterator<Item = Step>,
        left: Option<Ref>,
        right: Option<Ref>,
    ) -> (Difference, bool) {
        let mut path = String::new();
        let mut in_state = false;
        let mut steps = steps.peekable();
        while let Some(step) = steps.next() {
            let is_last = steps.peek().is_none();
            // A key that is on the right only is the last step.
            let side = if left.is_none() && is_last { self.right } else { self.left };
            let Some(words) = words(side, step, in_state) else {
                return (Difference { path, left: None, right: None }, is_last);
            };
            if path.len() + words.len() > MAX_PATH {
                path.push('…');
                return (Difference { path, left: None, right: None }, false);
            }
            path.push_str(&words);
            in_state = matches!(step, Step::Part(Role::State));
        }
        let shown = |side: &Side<'_, '_>, value: Option<Ref>| value.map(|value| shown(side, value));
        (Difference { path, left: shown(self.left, left), right: shown(self.right, right) }, true)
    }
}

/// How Python would write a step. `None` where it has no words for it.
fn words(side: &Side<'_, '_>, step: Step, in_state: bool) -> Option<String> {
    match step {
        Step::Root | Step::Part(Role::State) => Some(String::new()),
        // The attributes in `__slots__` are a dict within a tuple.
        Step::Part(Role::Item(_)) if in_state => None,
        Step::Part(Role::Item(place)) => Some(format!("[{place}]")),
        Step::Key(key) => {
            let text = side.naming.text(key);
            match text.filter(|_| in_state) {
                Some(name) => Some(format!(".{name}")),
                None => Some(side.naming.preview(key)).filter(|key| !key.is_empty()).map(|key| format!("[{key}]")),
            }
        }
        Step::Member | Step::Part(_) => None,
    }
}

/// A value in a few words.
fn shown(side: &Side<'_, '_>, value: Ref) -> String {
    let (type_name, preview) = (side.naming.type_name(value), side.naming.preview(value));
    match (side.naming.length(value), preview.is_empty()) {
        (_, false) => preview.as_ref().to_owned(),
        (Some(length), true) => format!("{type_name} ({length})"),
        (None, true) if type_name.as_ref() == "NoneType" => "None".to_owned(),
        (None, true) => type_name.as_ref().to_owned(),
    }
}

/// Whether two values without parts are the same.
fn same(a: &Whole<'_>, b: &Whole<'_>, step: Step) -> bool {
    match (a, b, step) {
        (Whole::Bytes(a) | Whole::ByteArray(a), Whole::Bytes(b) | Whole::ByteArray(b), Step::Part(Role::Data)) => {
            a == b
        }
        _ => a == b,
    }
}

fn length(whole: &Whole<'_>) -> usize {
    match whole {
        Whole::Text(bytes) | Whole::Bytes(bytes) | Whole::ByteArray(bytes) | Whole::LargeInt(bytes) => bytes.len(),
        _ => 0,
    }
}

/// The items of a dict with the digests of their keys, in order, and whether two keys have the same one. A key that is
/// set twice has its last value.
fn last_values(digests: &Digests<'_, '_, '_>, pairs: &[(Ref, Ref)]) -> (Vec<(u64, Ref, Ref)>, bool) {
    // A map costs more than it saves where there are few.
    let few = pairs.len() <= 16;
    let mut places: HashMap<u64, usize> = HashMap::with_capacity(if few { 0 } else { pairs.len() });
    let mut items: Vec<(u64, Ref, Ref)> = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let digest = digests.digest(*key);
        let before = match few {
            true => items.iter().position(|(other, ..)| *other == digest),
            false => places.insert(digest, items.len()),
        };
        match before.and_then(|place| items.get_mut(place).map(|item| (place, item))) {
            Some((place, item)) => {
                *item = (digest, *key, *value);
                if !few {
                    places.insert(digest, place);
                }
            }
            None => items.push((digest, *key, *value)),
        }
    }
    let has_doubts = items.len() < pairs.len();
    let [module, untold @ ..] = [CLASS, UNTOLD[0], UNTOLD[1]].map(digest_of_text);
    if items.iter().any(|(digest, ..)| *digest == module) {
        items.retain(|(digest, ..)| !untold.contains(digest));
    }
    (items, has_doubts)
}

#[cfg(test)]
mod tests;
