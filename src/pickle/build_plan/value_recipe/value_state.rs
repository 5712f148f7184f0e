//! Recipes for the other values: instances of the standard library whose value is their state, locks, weak references,
//! getters of items, and records.

use super::value_arguments::{attributes, has_leaf_type, int_in, is_none, is_simple, is_str, truth};
use super::value_collections::can_be_referenced;
use super::value_make::{ValueMake, called, filled, made, reading};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::build_plan::Fill;
use crate::pickle::machine::KeyedDict;
use crate::pickle::machine::value::{NodeKind, Ref};

/// The classes that keep their value in one attribute: its name, and the kind of value.
const WRAPPERS: &[(&str, &str, &str, Option<NodeKind>)] = &[
    ("collections", "ChainMap", "maps", Some(NodeKind::List)),
    ("collections", "UserDict", "data", Some(NodeKind::Dict)),
    ("collections", "UserList", "data", Some(NodeKind::List)),
    ("collections", "UserString", "data", None),
    ("string", "Template", "template", None),
];
/// The version of the state of `random.Random`, and the numbers in it: 624 words of 32 bits, and an index.
const RANDOM_VERSION: i64 = 3;
const RANDOM_WORDS: usize = 624;
/// The most items of a record.
const MAX_RECORD: usize = 64;

pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    match builder {
        ValueBuilder::Random => random(context, call),
        ValueBuilder::SimpleNamespace => namespace(context, call),
        ValueBuilder::Wrapper => wrapper(context, call),
        ValueBuilder::Record => record(context, call),
        ValueBuilder::Object => {
            checked(call.arguments.is_empty() && call.state.is_none(), "with arguments")?;
            Ok(called("builtins", "object", Vec::new()))
        }
        ValueBuilder::Lock => {
            checked(call.arguments.is_empty(), "with arguments")?;
            Ok(called(call.module.to_string(), call.name.to_string(), Vec::new()))
        }
        ValueBuilder::LockByDill => lock_by_dill(context, call),
        ValueBuilder::WeakReference => match *call.arguments {
            // The object is gone, or is held by something else of the pickle. A callback would be code.
            [object] if is_gone(context, call, object) || can_be_referenced(context, object) => {
                Ok(made(ValueMake::WeakReference, vec![object]))
            }
            _ => Err("with these arguments".into()),
        },
        _ => item_getter(context, call),
    }
}

/// Whether dill writes a weak reference to an object that is gone.
fn is_gone(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>, object: Ref) -> bool {
    &*call.name == "_create_weakref" && is_none(context, object)
}

/// `Random()` with the state `(3, (624 words and the index), the next Gaussian number)`.
fn random<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    checked(call.arguments.is_empty(), "with arguments")?;
    let state = call.state.ok_or("without a state")?;
    let Some(&[version, words, gauss]) = context.items(state, NodeKind::Tuple) else {
        return Err("with an unknown state".into());
    };
    checked(int_in(context, version, RANDOM_VERSION..=RANDOM_VERSION).is_some(), "with a state of another version")?;
    checked(is_none(context, gauss) || has_leaf_type(context, gauss, "float"), "with an unknown state")?;
    let words = context.items(words, NodeKind::Tuple).unwrap_or_default();
    // Each generator has its own words.
    context.spend(words.len().saturating_mul(4))?;
    let Some((index, words)) = words.split_last().filter(|(_, words)| words.len() == RANDOM_WORDS) else {
        return Err("without 625 numbers".into());
    };
    let is_word = |word: &Ref| int_in(context, *word, 0..=i64::from(u32::MAX)).is_some();
    let is_index = int_in(context, *index, 0..=RANDOM_WORDS as i64).is_some();
    checked(is_index && words.iter().all(is_word), "with numbers out of range")?;
    Ok(made(ValueMake::Random, vec![state]))
}

/// `SimpleNamespace()` with a dict of attributes, whose names may be any strings.
fn namespace<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    checked(call.arguments.is_empty(), "with arguments")?;
    let fill = match call.state {
        Some(state) => Fill::Attributes(attributes(context, state)?),
        None => Fill::Nothing,
    };
    Ok(filled(called("types", "SimpleNamespace", Vec::new()), fill))
}

fn wrapper<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let listed = WRAPPERS.iter().find(|(_, class, ..)| *class == &*call.name);
    let &(module, class, attribute, kind) = listed.ok_or("of another class")?;
    // `UserString` gets its string as an argument, too.
    let has_arguments = call.arguments.len() <= 1 && call.arguments.iter().all(|text| is_str(context, *text));
    checked(call.is_new && has_arguments, "with arguments")?;
    let attributes = attributes(context, call.state.ok_or("without a state")?)?;
    let value = attributes.iter().find(|(name, _)| name == attribute).map(|(_, value)| *value);
    let holds = |value: Ref| match kind {
        Some(kind) => context.kind(value) == Some(kind),
        None => is_str(context, value),
    };
    checked(value.is_some_and(holds), "with a value of another type")?;
    Ok(filled(made(ValueMake::New(module, class), Vec::new()), Fill::Attributes(attributes)))
}

/// `_create_lock(is held)` and `_create_rlock(count, owner)`. The owner of a held `RLock` was a thread of another
/// process.
fn lock_by_dill<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    match (&*call.name, call.arguments) {
        ("_create_lock", [held]) => {
            let held = truth(context, *held).ok_or("with these arguments")?;
            Ok(made(ValueMake::Lock { held }, Vec::new()))
        }
        ("_create_rlock", [count, owner]) => {
            let is_free = truth(context, *count) == Some(false);
            let has_no_owner = is_none(context, *owner) || truth(context, *owner) == Some(false);
            checked(is_free && has_no_owner, "that is held")?;
            Ok(called("_thread", "RLock", Vec::new()))
        }
        _ => Err("with these arguments".into()),
    }
}

/// `itemgetter(1, 'a')`. Getters within getters would be deleted one within the other, without a bound.
fn item_getter<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let is_slice = |reference: Ref| {
        let callee = context.called(reference).and_then(|(callee, _)| context.found_global(callee));
        callee.is_some_and(|(module, name)| (&*module, &*name) == ("builtins", "slice"))
    };
    let is_item = |item: &Ref| is_simple(context, *item) || is_slice(*item);
    let are_items = !call.arguments.is_empty() && call.arguments.iter().all(is_item);
    checked(are_items, "of anything but numbers, strings and slices")?;
    Ok(called("operator", "itemgetter", call.arguments.to_vec()))
}

/// A record that a function of `os` or `time` returns, such as `os.stat_result`: a tuple whose items have names.
/// CPython writes `class(tuple, dict)`: the items of the tuple, and the items that have only a name.
fn record<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let (items, named) = match *call.arguments {
        [items] => (items, None),
        [items, named] => (items, Some(named)),
        _ => return Err("with these arguments".into()),
    };
    let of_items = context.items(items, NodeKind::Tuple).ok_or("of anything but a tuple")?;
    checked(of_items.len() <= MAX_RECORD, "with too many items")?;
    let of_named = named.map_or(Ok(KeyedDict::default()), |named| context.keyed(named, MAX_RECORD))?.into_pairs();
    let values = of_items.iter().chain(of_named.iter().map(|(_, value)| value));
    checked(values.into_iter().all(|value| is_simple(context, *value)), "with items that are no numbers or strings")?;
    Ok(reading(called(call.module.to_string(), call.name.to_string(), call.arguments.to_vec())))
}
