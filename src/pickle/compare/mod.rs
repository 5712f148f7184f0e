//! Compares the values of two pickles: whether they are equal, and where they first differ.
//!
//! Both are walked at the same time, on an explicit work list. Each list, dict or object of one side is paired with one
//! of the other side, and must be paired with the same one wherever it appears: so sharing must be the same on both
//! sides, and cycles end. Numbers, strings and bytes are compared by value; sets and dicts without order (Python
//! ignores the insertion order of dicts), an `OrderedDict` in order. Not compared: where in a file a function was
//! written, what properties keep in a cache, and the functions and classes that a value refers to and that the session
//! has under the same name.

mod array_element;
mod buffer_array;
mod canonical;
mod canonical_calls;
mod code_positions;
mod difference_path;
mod digest;
mod large_integer;
mod masked_fill;
mod pairing;
mod special_dicts;
mod string_lists;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::slice;

use self::canonical::{Canonical, Canonicalizer, Compound, PartRole};
use self::difference_path::{PathStep, difference};
use self::digest::Digests;
use self::pairing::{PairedValues, is_long, last_values, same_atoms};
use super::explain::labels::Labels;
use super::explain::named_previews::PlaceName;
use super::machine::Machine;
use super::machine::value::Ref;
use super::work_budget::{OverBudget, WorkBudget, table_entry};

/// One of the two pickles.
#[derive(Debug)]
pub(crate) struct Side<'m, 'a> {
    labels: Labels<'m, 'a>,
    canonicalizer: Canonicalizer<'m, 'a>,
    /// The functions and classes of the session, and their names.
    definitions: HashMap<Ref, String>,
}

impl<'m, 'a> Side<'m, 'a> {
    /// A machine, with the names that its values have in the session.
    pub(crate) fn new(
        machine: &'m Machine<'a>,
        names: impl Iterator<Item = (String, Ref)>,
        budget: &Rc<WorkBudget>,
    ) -> Self {
        let labels = Labels::new(machine);
        let is_definition = |value: Ref| {
            machine.node(value).is_some() && matches!(labels.type_name(value).as_ref(), "function" | "type")
        };
        let definitions =
            names.filter(|(_, value)| is_definition(*value)).map(|(name, value)| (machine.resolve(value), name));
        let definitions = definitions.collect();
        Self { canonicalizer: Canonicalizer::new(machine, budget), labels, definitions }
    }

    pub(crate) fn labels(&self) -> &Labels<'m, 'a> {
        &self.labels
    }

    /// The dtype and the shape of an array.
    pub(crate) fn array(&self, value: Ref) -> Option<(String, Vec<u64>)> {
        let (dtype, shape) = self.canonicalizer.dtype_and_shape(value)?;
        Some((self.labels.string(dtype)?.as_ref().to_owned(), shape))
    }

    /// Whether a value is made of others, and not of one opcode.
    fn is_node(&self, value: Ref) -> bool {
        self.canonicalizer.machine.node(value).is_some()
    }
}

/// Where two values first differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The path from the variable, as far as it can be written in Python: `['lr']`, `.weights[3]`.
    pub path: String,
    /// The value on the left; `None` if there is none, or if the path ends before it.
    pub left: Option<String>,
    /// The value on the right, likewise.
    pub right: Option<String>,
}

pub(crate) struct Comparer<'f, 'm, 'a> {
    left: &'f Side<'m, 'a>,
    right: &'f Side<'m, 'a>,
    digests: [Digests<'f, 'm, 'a>; 2],
    /// Values that were found equal in earlier comparisons.
    equal: HashMap<Ref, Ref>,
    /// Long strings that were found equal: a pickle can refer to one a million times.
    equal_strings: HashSet<(Ref, Ref)>,
    has_doubts: Cell<bool>,
    /// The name of the values that are compared.
    variable: Option<PlaceName>,
    budget: Rc<WorkBudget>,
}

/// How deeply nested values are compared.
const MAX_NESTING: usize = 1 << 20;

/// The parts of a pair of values that are still to be compared.
struct PendingParts<'m> {
    /// The items of both, in order, as many on either side; they come first.
    items: std::iter::Enumerate<std::iter::Zip<slice::Iter<'m, Ref>, slice::Iter<'m, Ref>>>,
    others: std::vec::IntoIter<PairedPart>,
    step: PathStep,
    values: (Ref, Ref),
}

impl PendingParts<'_> {
    /// The memory that it takes, in bytes.
    fn memory(&self) -> usize {
        size_of::<Self>() + size_of_val(self.others.as_slice())
    }

    fn next(&mut self) -> Option<PairedPart> {
        let item = self.items.next();
        item.map(|(index, (left, right))| (PathStep::Part(PartRole::Item(index)), *left, *right))
            .or_else(|| self.others.next())
    }
}

/// The parts that two values have in common: items in order, and others.
#[derive(Default)]
struct CommonParts<'m> {
    items: (&'m [Ref], &'m [Ref]),
    others: Vec<PairedPart>,
}

impl<'m> CommonParts<'m> {
    fn pending(self, step: PathStep, values: (Ref, Ref)) -> PendingParts<'m> {
        let (left, right) = self.items;
        PendingParts { items: left.iter().zip(right).enumerate(), others: self.others.into_iter(), step, values }
    }

    fn is_empty(&self) -> bool {
        self.items.0.is_empty() && self.others.is_empty()
    }
}

/// The memory that a member, a key or a value of a dict takes while both sides are paired, in bytes.
const PAIRED_MEMBER: usize = 48;

/// The same part of two values.
type PairedPart = (PathStep, Ref, Ref);

/// The last step to a difference and the values there; `None` for a value that is missing on its side.
type Differs = (Option<PathStep>, Option<Ref>, Option<Ref>);

impl<'f, 'm, 'a> Comparer<'f, 'm, 'a> {
    pub(crate) fn new(left: &'f Side<'m, 'a>, right: &'f Side<'m, 'a>, budget: &Rc<WorkBudget>) -> Self {
        let digests = [Digests::new(&left.canonicalizer), Digests::new(&right.canonicalizer)];
        let has_doubts = Cell::new(false);
        let (equal, equal_strings, budget) = (HashMap::new(), HashSet::new(), Rc::clone(budget));
        Self { left, right, digests, equal, equal_strings, has_doubts, variable: None, budget }
    }

    /// Where the values of a variable first differ; `None` if they are equal.
    ///
    /// # Errors
    /// As for [`compare`](Self::compare).
    pub(crate) fn compare_variable(
        &mut self,
        name: PlaceName,
        left: Ref,
        right: Ref,
    ) -> Result<Option<Difference>, OverBudget> {
        self.variable = Some(name);
        self.compare(left, right)
    }

    /// Where two values first differ; `None` if they are equal.
    ///
    /// # Errors
    /// If that takes more than the budget.
    pub(crate) fn compare(&mut self, left: Ref, right: Ref) -> Result<Option<Difference>, OverBudget> {
        self.has_doubts.set(false);
        let mut paired = PairedValues::default();
        let root = CommonParts { others: vec![(PathStep::Root, left, right)], ..CommonParts::default() };
        let mut pending = vec![root.pending(PathStep::Root, (left, right))];
        while let Some(top) = pending.last_mut() {
            let Some((step, left, right)) = top.next() else {
                pending.pop().iter().for_each(|done| self.budget.release(size_of_val(done)));
                continue;
            };
            self.budget.steps(1);
            let found = self.pair(step, left, right, &mut paired);
            self.budget.check()?;
            match found {
                Ok(parts) if parts.is_empty() => {}
                Ok(parts) => {
                    let parts = parts.pending(step, (left, right));
                    self.budget.charge(parts.memory())?;
                    if pending.len() >= MAX_NESTING {
                        return Err(self.budget.exceed(MAX_NESTING as u64, "values within one another"));
                    }
                    pending.push(parts);
                }
                Err((last, differing_left, differing_right)) => {
                    let arrays = match (last, step, pending.last()) {
                        (Some(PathStep::Part(PartRole::Data)), ..) => Some((left, right)),
                        (_, PathStep::Part(PartRole::Data), Some(PendingParts { values, .. })) => Some(*values),
                        _ => None,
                    };
                    let reached = left;
                    let (left, right) = (differing_left, differing_right);
                    let steps = pending.iter().skip(1).map(|pending| pending.step).chain([step]).chain(last);
                    let from = pending.iter().map(|pending| pending.values.0).chain([reached]);
                    let (mut difference, is_complete) =
                        difference(self.left, self.right, steps.zip(from), (left, right), self.variable.clone());
                    // The path of a difference in the bytes of an array continues to the element.
                    if let Some(arrays) = arrays.filter(|_| is_complete) {
                        difference.path.extend(array_element::first_difference(self.left, self.right, arrays));
                    }
                    return Ok(Some(difference));
                }
            }
        }
        self.equal.extend(paired.into_equal());
        Ok(None)
    }

    /// Whether the difference that the last comparison found may come from a wrong pairing of set members or keys: two
    /// objects may have the same digest, or a digest may depend on how they were pickled (a pickler fills the cells of
    /// functions in the order in which it reaches them, and that can depend on the order of a set).
    pub(crate) fn has_doubts(&self) -> bool {
        self.has_doubts.get()
    }

    fn add_doubt(&self, doubt: bool) {
        self.has_doubts.set(self.has_doubts.get() || doubt);
    }

    /// Compares two values without their parts, which are returned.
    fn pair(
        &mut self,
        step: PathStep,
        left: Ref,
        right: Ref,
        paired: &mut PairedValues,
    ) -> Result<CommonParts<'m>, Differs> {
        let here = (None, Some(left), Some(right));
        let (left_values, right_values) = (&self.left.canonicalizer, &self.right.canonicalizer);
        let (left, right) = (left_values.machine.resolve(left), right_values.machine.resolve(right));
        if self.equal.get(&left) == Some(&right) || self.equal_strings.contains(&(left, right)) {
            return Ok(CommonParts::default());
        }
        // A function or class with a name of its own is compared once, as that variable, and not at each reference.
        if let (Some(left), Some(right)) = (self.left.definitions.get(&left), self.right.definitions.get(&right))
            && left == right
            && !matches!(step, PathStep::Root)
        {
            return Ok(CommonParts::default());
        }
        match (left_values.canonical(left), right_values.canonical(right)) {
            (Canonical::Atom(a), Canonical::Atom(b)) => {
                if !same_atoms(&a, &b, step) {
                    return Err(here);
                }
                // A pickle can refer to a long string a million times: compare it only once.
                if is_long(&a) && self.budget.charge(table_entry::<(Ref, Ref), ()>()).is_ok() {
                    self.equal_strings.insert((left, right));
                }
                Ok(CommonParts::default())
            }
            (Canonical::Compound(a), Canonical::Compound(b)) if a.tag == b.tag => {
                match paired.pair(a.tag, left, right, &self.budget) {
                    Some(true) => self.parts(&a, &b).map_err(|differs| differs.unwrap_or(here)),
                    Some(false) => Ok(CommonParts::default()),
                    None => Err(here),
                }
            }
            _ => Err(here),
        }
    }

    /// The parts that must be equal for two values to be equal. An error of `None` means that the numbers of parts
    /// differ.
    fn parts(&self, a: &Compound<'m, 'a>, b: &Compound<'m, 'a>) -> Result<CommonParts<'m>, Option<Differs>> {
        if a.joined.is_some() || b.joined.is_some() {
            return string_lists::compare_lists(self.left, a, self.right, b).map(|()| CommonParts::default());
        }
        if a.contents.is_some() || b.contents.is_some() {
            let (left, right) = (array_element::contents(self.left, a), array_element::contents(self.right, b));
            if left.is_none() || left != right {
                return Err(Some((Some(PathStep::Part(PartRole::Data)), None, None)));
            }
            let is_other = |(role, _): &&(PartRole, Ref)| *role != PartRole::Data;
            let both = a.ordered.iter().filter(is_other).zip(b.ordered.iter().filter(is_other));
            let others = both.map(|((role, a), (_, b))| (PathStep::Part(*role), *a, *b)).collect();
            return Ok(CommonParts { others, ..CommonParts::default() });
        }
        // Two objects can have the same number of parts in different roles, such as a state and an argument.
        let roles_differ = a.ordered.iter().zip(&b.ordered).any(|((a, _), (b, _))| a != b);
        let lengths = |side: &Compound<'_, '_>| [side.items.len(), side.ordered.len(), side.members.len()];
        if roles_differ || lengths(a) != lengths(b) {
            return Err(None);
        }
        let both = a.ordered.iter().zip(&b.ordered);
        let mut parts: Vec<_> = both.map(|((role, a), (_, b))| (PathStep::Part(*role), *a, *b)).collect();
        // While they are paired, both sides are listed with their digests.
        let paid = (a.members.len() + a.pairs.len() + b.pairs.len()).saturating_mul(PAIRED_MEMBER);
        self.budget.charge(paid).map_err(|_| None)?;
        let paired = self.pair_members(a, b, &mut parts).and_then(|()| self.pair_keys(a, b, &mut parts));
        self.budget.release(paid);
        paired?;
        Ok(CommonParts { items: (a.items, b.items), others: parts })
    }

    /// Pairs the members of two sets by their digests.
    fn pair_members(
        &self,
        a: &Compound<'m, 'a>,
        b: &Compound<'m, 'a>,
        parts: &mut Vec<PairedPart>,
    ) -> Result<(), Option<Differs>> {
        let sorted = |digests: &Digests<'_, '_, '_>, members: &[Ref]| {
            let mut members: Vec<(u64, Ref)> =
                members.iter().map(|member| (digests.digest(*member), *member)).collect();
            // Neither set is ordered; sorted by digest, equal members are at the same index.
            members.sort_by_key(|(digest, _)| *digest);
            self.add_doubt(members.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b)));
            members
        };
        let [left, right] = &self.digests;
        for ((a_digest, a), (b_digest, b)) in sorted(left, a.members).into_iter().zip(sorted(right, b.members)) {
            if a_digest != b_digest {
                // Equal strings and numbers have equal digests, so only objects leave a doubt.
                self.add_doubt(self.left.is_node(a) || self.right.is_node(b));
                return Err(None);
            }
            parts.push((PathStep::Member, a, b));
        }
        Ok(())
    }

    /// Pairs the values of two dicts by the digests of their keys.
    fn pair_keys(
        &self,
        a: &Compound<'m, 'a>,
        b: &Compound<'m, 'a>,
        parts: &mut Vec<PairedPart>,
    ) -> Result<(), Option<Differs>> {
        let [left, right] = &self.digests;
        let (a, a_ties) = last_values(left, &a.pairs);
        let (b, b_ties) = last_values(right, &b.pairs);
        self.add_doubt(a_ties || b_ties);
        let in_order = a.len() == b.len() && a.iter().zip(&b).all(|((a, ..), (b, ..))| a == b);
        let mut pair = |(_, key, value): &(u64, Ref, Ref), (_, other_key, other): &(u64, Ref, Ref)| {
            // Keys that are objects must be compared. Strings and numbers have the digest of another once in 2^64.
            if self.left.is_node(*key) {
                parts.push((PathStep::Member, *key, *other_key));
            }
            parts.push((PathStep::Key(*key), *value, *other));
        };
        if in_order {
            a.iter().zip(&b).for_each(|(a, b)| pair(a, b));
            return Ok(());
        }
        // The keys come in another order, or some are missing.
        let right_items: HashMap<u64, &(u64, Ref, Ref)> = b.iter().map(|pair| (pair.0, pair)).collect();
        for item in &a {
            let Some(other) = right_items.get(&item.0) else {
                self.add_doubt(self.left.is_node(item.1));
                return Err(Some((Some(PathStep::Key(item.1)), Some(item.2), None)));
            };
            pair(item, other);
        }
        let left_digests: HashSet<u64> = a.iter().map(|(digest, ..)| *digest).collect();
        match b.iter().find(|(digest, ..)| !left_digests.contains(digest)) {
            // This key is a value of the right side, which `difference` knows because the left value is missing.
            Some((_, key, value)) => Err(Some((Some(PathStep::Key(*key)), None, Some(*value)))),
            None => Ok(()),
        }
    }
}
