//! The parts of a pickle that the recipes for pandas read: states, names, and the numbers in arrays of numpy.

use std::borrow::Cow;

use super::super::array_recipe::{ArrayClass, ArrayDescription};
use super::{PandasArgument, PlanContext, PlannedCall, Refused};
use crate::pickle::build_plan::{ArrayMake, Make, NestedPickle};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::machine::KeyedDict;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The longest string that a recipe reads, in bytes of the pickle.
const MAX_TEXT: usize = 256;
/// How deep the name of an index may nest tuples.
const MAX_NAME_DEPTH: usize = 4;

/// The state of an object: a dict whose keys are strings.
#[derive(Debug, Default)]
pub(super) struct StateDict<'a>(KeyedDict<'a>);

impl<'a> StateDict<'a> {
    /// A dict that no opcode has changed in another way.
    pub(super) fn of(context: &PlanContext<'_, 'a>, dict: Option<Ref>) -> Result<Self, Refused> {
        context.state_dict(dict.ok_or_else(unexpected_state)?).map(Self)
    }

    /// Takes the value of a key.
    pub(super) fn take(&mut self, key: &str) -> Option<Ref> {
        self.0.take(key)
    }

    /// Takes the value of a key that has had another name.
    pub(super) fn take_either(&mut self, key: &str, old: &str) -> Option<Ref> {
        self.take(key).or_else(|| self.take(old))
    }

    /// Takes the value of a key that must be there.
    pub(super) fn need(&mut self, key: &str) -> Result<Ref, Refused> {
        self.take(key).ok_or_else(|| format!("has no {key} in its state"))
    }

    /// All that was not taken.
    pub(super) fn rest(self) -> Vec<(Cow<'a, str>, Ref)> {
        self.0.into_pairs()
    }

    /// Refuses a state with a key that was not taken.
    pub(super) fn end(self) -> Result<(), Refused> {
        match self.0.into_pairs().first() {
            None => Ok(()),
            Some((key, _)) => Err(format!("has {key} in its state, which pandas does not write")),
        }
    }
}

pub(super) fn unexpected_state() -> Refused {
    "has a state that pandas does not write".to_owned()
}

pub(super) fn unexpected_arguments() -> Refused {
    "has arguments that pandas does not write".to_owned()
}

/// The state of an instance that is made without arguments.
pub(super) fn instance_state<'a>(
    context: &PlanContext<'_, 'a>,
    call: &PlannedCall<'_>,
) -> Result<StateDict<'a>, Refused> {
    if !call.is_new || !call.arguments.is_empty() {
        return Err(unexpected_arguments());
    }
    StateDict::of(context, call.state)
}

/// A short string. Longer ones are not decoded, as one can be referred to many times.
pub(super) fn text(context: &PlanContext<'_, '_>, reference: Ref) -> Option<String> {
    context.short_text(reference, MAX_TEXT)
}

pub(super) fn is_none(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    context.opcode(reference) == Some(Opcode::None)
}

/// The object, unless it is `None`.
pub(super) fn unless_none(context: &PlanContext<'_, '_>, reference: Option<Ref>) -> Option<Ref> {
    reference.filter(|reference| !is_none(context, *reference))
}

pub(super) fn bool_of(context: &PlanContext<'_, '_>, reference: Ref) -> Option<bool> {
    match context.leaf(reference) {
        Some(Leaf::Bool(value)) => Some(value),
        _ => None,
    }
}

/// The items of a tuple or a list.
pub(super) fn sequence<'m>(context: &PlanContext<'m, '_>, reference: Ref) -> Option<&'m [Ref]> {
    context.items(reference, NodeKind::Tuple).or_else(|| context.items(reference, NodeKind::List))
}

/// One of some words.
pub(super) fn word(context: &PlanContext<'_, '_>, reference: Ref, words: &[&'static str]) -> Option<&'static str> {
    let text = text(context, reference)?;
    words.iter().copied().find(|word| *word == text)
}

/// Whether the state of an array says that pandas has marked it as read-only.
pub(super) fn take_readonly(context: &PlanContext<'_, '_>, state: &mut StateDict<'_>) -> Result<bool, Refused> {
    match state.take("_readonly") {
        None => Ok(false),
        Some(value) => bool_of(context, value).ok_or_else(unexpected_state),
    }
}

/// Refuses an object that surely has no hash, as the name of an index or a series.
pub(super) fn check_name(context: &PlanContext<'_, '_>, name: Ref) -> Result<(), Refused> {
    if has_hash(context, name, MAX_NAME_DEPTH) { Ok(()) } else { Err("has a name without a hash".to_owned()) }
}

fn has_hash(context: &PlanContext<'_, '_>, value: Ref, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    match context.kind(value) {
        None => {
            let opcode = context.opcode(value);
            !matches!(opcode, Some(Opcode::ByteArray8 | Opcode::NextBuffer) | None)
        }
        Some(NodeKind::Tuple) => {
            let items = context.items(value, NodeKind::Tuple);
            items.is_some_and(|items| items.iter().all(|item| has_hash(context, *item, depth)))
        }
        Some(NodeKind::List | NodeKind::Dict | NodeKind::Set) => false,
        Some(_) => true,
    }
}

/// An array of one dimension whose items have one of these kinds, as letters of numpy.
pub(super) fn vector<'m, 'a>(
    context: &PlanContext<'m, 'a>,
    reference: Ref,
    letters: &str,
) -> Result<&'m ArrayDescription<'a>, Refused> {
    let array = plain_array(context, reference)?;
    if array.shape.len() != 1 || !letters.contains(array.dtype.1.letter()) {
        return Err("has an array of another dtype or shape than pandas writes".to_owned());
    }
    Ok(array)
}

/// An array of numpy, and of none of its subclasses.
pub(super) fn plain_array<'m, 'a>(
    context: &PlanContext<'m, 'a>,
    reference: Ref,
) -> Result<&'m ArrayDescription<'a>, Refused> {
    let array = context.array_of(reference).or_else(|| nested_array(context, reference).map(|(_, array)| array));
    array.ok_or_else(|| "has something else in place of an array".to_owned())
}

/// The array that joblib has written as a nested pickle, as it does with arrays of objects. References to its items are
/// not valid in the pickle around it.
fn nested_array<'m, 'a>(
    context: &PlanContext<'m, 'a>,
    reference: Ref,
) -> Option<(&'m NestedPickle<'a>, &'m ArrayDescription<'a>)> {
    let Make::Pickle(nested) = &*context.recipe(reference)?.make else { return None };
    let value = nested.machine.resolve(nested.value).node_index()?;
    match &*nested.plan.recipe(value)?.make {
        Make::Array(ArrayMake::Objects(array)) if array.class == ArrayClass::Array => Some((nested, array)),
        _ => None,
    }
}

pub(super) fn length(array: &ArrayDescription<'_>) -> u64 {
    array.shape.first().copied().unwrap_or(0)
}

/// Accounts for reading or copying all of an array. Many objects may be made of one, each with a copy.
pub(super) fn spend(context: &PlanContext<'_, '_>, array: &ArrayDescription<'_>) -> Result<(), Refused> {
    context.spend(usize::try_from(array.length()).unwrap_or(usize::MAX))
}

/// Whether a value is an array of numpy.
pub(super) fn is_array(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    plain_array(context, reference).is_ok()
}

/// The integers in an array of one dimension; `None` if they are not in the pickle in one piece.
pub(super) fn integers<'x>(array: &'x ArrayDescription<'_>) -> Option<impl Iterator<Item = i64> + 'x> {
    let size = usize::try_from(array.dtype.1.size).ok().filter(|size| matches!(size, 1 | 2 | 4 | 8))?;
    let bytes = array.bytes().filter(|_| array.dtype.1.letter() == 'i' && !array.dtype.1.is_swapped())?;
    Some(bytes.chunks_exact(size).map(|item| match *item {
        [byte] => i64::from(i8::from_ne_bytes([byte])),
        [a, b] => i64::from(i16::from_ne_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_ne_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        _ => i64::MIN,
    }))
}

/// Refuses codes that are neither one of `count` values nor the missing value (-1).
pub(super) fn check_codes(
    context: &PlanContext<'_, '_>,
    codes: &ArrayDescription<'_>,
    count: u64,
) -> Result<(), Refused> {
    spend(context, codes)?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let mut all = integers(codes).into_iter().flatten();
    match all.find(|code| !(-1..count).contains(code)) {
        Some(code) => Err(format!("has the code {code} for {count} values")),
        None => Ok(()),
    }
}

/// Refuses an index of objects that would take too long to hash, when it is used.
pub(super) fn check_hashes(context: &PlanContext<'_, '_>, index: Ref) -> Result<(), Refused> {
    let Some(Make::Pandas(make)) = context.recipe(index).map(|recipe| &*recipe.make) else { return Ok(()) };
    let ("index", Some(PandasArgument::Object(data))) = (make.function, make.arguments.first()) else {
        return Ok(());
    };
    if let Some(items) = context.array_of(*data).and_then(ArrayDescription::objects) {
        context.spend(items.len())?;
        return context.key_limits().check(items.iter().copied());
    }
    let Some((nested, array)) = nested_array(context, *data) else { return Ok(()) };
    spend(context, array)?;
    let items = array.objects().unwrap_or_default();
    context.key_limits_within(nested).check(items.iter().copied())
}
