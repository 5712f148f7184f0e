//! Recipes for containers, views of dicts, and lists of joined strings.
//!
//! A call such as `set([1, 2])`, which protocols 0 to 3 write, gets the list itself: it is not copied into the plan.

use super::value_arguments::{copied, int_in, is_none, is_sequence, is_str, sequence, short_leaf, short_text};
use super::value_make::{ValueFill, ValueMake, ViewOf, called, filled, made, reading};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::build_plan::object_abilities::takes_references;
use crate::pickle::build_plan::{Fill, Make, PlannedRecipe};
use crate::pickle::explain::labels::Labels;
use crate::pickle::machine::value::{Added, Leaf, NodeKind, Ref};

/// The classes that a `defaultdict` may call for a missing key.
pub(super) const FACTORIES: &[(&str, &str)] = &[
    ("builtins", "bool"),
    ("builtins", "bytearray"),
    ("builtins", "bytes"),
    ("builtins", "complex"),
    ("builtins", "dict"),
    ("builtins", "float"),
    ("builtins", "frozenset"),
    ("builtins", "int"),
    ("builtins", "list"),
    ("builtins", "object"),
    ("builtins", "set"),
    ("builtins", "str"),
    ("builtins", "tuple"),
    ("collections", "ChainMap"),
    ("collections", "Counter"),
    ("collections", "OrderedDict"),
    ("collections", "UserDict"),
    ("collections", "UserList"),
    ("collections", "defaultdict"),
    ("collections", "deque"),
];

/// How much larger than in a pickle a container is in memory.
const WEIGHT: usize = 8;

pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    let recipe = match builder {
        ValueBuilder::Sequence => of_sequence(context, call)?,
        ValueBuilder::Dict | ValueBuilder::Counter => of_dict(context, call)?,
        ValueBuilder::OrderedDict => ordered_dict(context, call)?,
        ValueBuilder::DefaultDict => default_dict(context, call)?,
        ValueBuilder::Deque => deque(context, call)?,
        ValueBuilder::DictView => return view(context, call),
        ValueBuilder::ViewByCloudpickle => return view_by_cloudpickle(context, call),
        ValueBuilder::FrozenDict => return frozen_dict(context, call),
        ValueBuilder::MappingProxy => return mapping_proxy(context, call),
        ValueBuilder::JoinedStrings => return joined_strings(context, call),
        _ => return weak_container(context, call),
    };
    let fill = match call.added {
        None => Fill::Nothing,
        Some(added) if holds_pairs(builder) && added.items.is_empty() => Fill::Pairs(added.pairs.to_vec()),
        Some(added) if is_open(builder, call, added) && added.pairs.is_empty() => Fill::Items(added.items.to_vec()),
        Some(_) => return Err("with items of another kind".into()),
    };
    Ok(filled(recipe, fill))
}

/// The keys that the object of a recipe hashes, from the containers that it needs.
pub(in crate::pickle::build_plan) fn hashed(labels: &Labels<'_, '_>, recipe: &PlannedRecipe<'_>) -> Vec<Ref> {
    let items = |reference: &Ref| labels.machine().node(*reference).map_or(&[][..], |node| &node.items[..]);
    match (&*recipe.make, &recipe.needs[..]) {
        (Make::Value(ValueMake::Call(call)), [items_of, pairs @ ..]) => match &*call.name {
            "set" | "frozenset" => items(items_of).to_vec(),
            "OrderedDict" => pairs.iter().filter_map(|pair| items(pair).first().copied()).collect(),
            _ => Vec::new(),
        },
        (Make::Value(ValueMake::DictView(ViewOf::Keys)), [keys]) => items(keys).to_vec(),
        _ => Vec::new(),
    }
}

fn holds_pairs(builder: ValueBuilder) -> bool {
    use ValueBuilder::{Counter, DefaultDict, Dict, OrderedDict};
    matches!(builder, Counter | DefaultDict | Dict | OrderedDict)
}

/// Whether items can be added to it by these opcodes: a set has no `append`, a list no `add`.
fn is_open(builder: ValueBuilder, call: &PlannedCall<'_>, added: &Added) -> bool {
    match &*call.name {
        "set" => added.by_add_items == added.items.len(),
        "list" => added.by_add_items == 0,
        _ => builder == ValueBuilder::Deque && added.by_add_items == 0,
    }
}

/// `set([…])`, or without an argument.
fn of_sequence<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let is_set = |items| context.is_plain(items, NodeKind::Set) || context.is_plain(items, NodeKind::FrozenSet);
    let is_known = match *call.arguments {
        [] => true,
        [items] => is_sequence(context, items) || is_set(items),
        _ => false,
    };
    checked(is_known, "of anything but a list, a tuple or a set")?;
    call.arguments.iter().try_for_each(|items| copied(context, *items, WEIGHT))?;
    Ok(reading(called("builtins", call.name.to_string(), call.arguments.to_vec())))
}

/// `dict({…})` or `Counter({…})`, or without an argument.
fn of_dict<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    match *call.arguments {
        [] => {}
        [items] if context.is_plain(items, NodeKind::Dict) => {}
        _ => return Err("of anything but a dict".into()),
    }
    call.arguments.iter().try_for_each(|items| copied(context, *items, WEIGHT))?;
    let module = if &*call.name == "Counter" { "collections" } else { "builtins" };
    Ok(reading(called(module, call.name.to_string(), call.arguments.to_vec())))
}

/// `OrderedDict()`; Python 2 gives it a list of pairs.
fn ordered_dict<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let &[items] = call.arguments else {
        checked(call.arguments.is_empty(), "with these arguments")?;
        return Ok(called("collections", "OrderedDict", Vec::new()));
    };
    copied(context, items, WEIGHT)?;
    let mut recipe = reading(called("collections", "OrderedDict", vec![items]));
    if !context.is_plain(items, NodeKind::Dict) {
        let list = sequence(context, items).ok_or("of anything but a dict or a list of pairs")?;
        context.spend(list.len())?;
        let is_pair = |item: &Ref| sequence(context, *item).is_some_and(|pair| pair.len() == 2);
        checked(list.iter().all(is_pair), "of anything but a dict or a list of pairs")?;
        // The pairs are read as well. They are needed, but are no arguments.
        recipe.needs.extend(list);
    }
    Ok(recipe)
}

fn default_dict<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let &[factory] = call.arguments else {
        checked(call.arguments.is_empty(), "with these arguments")?;
        return Ok(called("collections", "defaultdict", Vec::new()));
    };
    let found = context.found_global(factory);
    let is_harmless = found.is_some_and(|(module, name)| FACTORIES.contains(&(&*module, &*name)));
    checked(is_harmless || is_none(context, factory), "with a factory that may do anything")?;
    Ok(called("collections", "defaultdict", vec![factory]))
}

/// `deque()` or `deque((), maxlen)`; older versions give it the items as a list.
fn deque<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let arguments = call.arguments;
    checked(arguments.len() <= 2, "with these arguments")?;
    let is_sequence = arguments.first().is_none_or(|items| is_sequence(context, *items));
    checked(is_sequence, "of anything but a list or a tuple")?;
    arguments.first().map_or(Ok(()), |items| copied(context, *items, WEIGHT))?;
    let is_length = |length: Ref| int_in(context, length, 0..=i64::MAX).is_some() || is_none(context, length);
    checked(arguments.get(1).is_none_or(|length| is_length(*length)), "with a length that is none")?;
    Ok(reading(called("collections", "deque", call.arguments.to_vec())))
}

/// `dict.values({…})`.
fn view<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    match *call.arguments {
        [dict] if context.is_plain(dict, NodeKind::Dict) => Ok(called("builtins", call.name.to_string(), vec![dict])),
        _ => Err("of anything but a dict".into()),
    }
}

fn view_by_cloudpickle<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let &[of] = call.arguments else { return Err("with these arguments".into()) };
    let (kind, view) = match &*call.name {
        "_make_dict_keys" => (NodeKind::List, ViewOf::Keys),
        "_make_dict_values" => (NodeKind::List, ViewOf::Values),
        _ => (NodeKind::Dict, ViewOf::Items),
    };
    checked(context.is_plain(of, kind), "with these arguments")?;
    copied(context, of, WEIGHT)?;
    Ok(reading(made(ValueMake::DictView(view), vec![of])))
}

/// `frozendict({…})`, since 3.15.
fn frozen_dict<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let is_dict = matches!(*call.arguments, [items] if context.is_plain(items, NodeKind::Dict));
    checked(is_dict || call.arguments.is_empty(), "of anything but a dict")?;
    call.arguments.iter().try_for_each(|items| copied(context, *items, WEIGHT))?;
    Ok(reading(called("builtins", "frozendict", call.arguments.to_vec())))
}

/// A proxy of a dict. Proxies of proxies would be deleted one within the other, without a bound.
fn mapping_proxy<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let is_dict = |reference: Ref| {
        let callee = context.called(reference).and_then(|(callee, _)| context.found_global(callee));
        context.kind(reference) == Some(NodeKind::Dict)
            || callee.is_some_and(|(module, name)| {
                matches!((&*module, &*name), ("collections", "OrderedDict" | "defaultdict" | "Counter"))
            })
    };
    match *call.arguments {
        [dict] if is_dict(dict) => Ok(called("types", "MappingProxyType", vec![dict])),
        _ => Err("of anything but a dict".into()),
    }
}

/// A long list of strings, as our own pickler writes it.
fn joined_strings<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    match *call.arguments {
        [joined, separator] if is_str(context, joined) => {
            let separator_text = short_text(context, separator, 16).filter(|text| text.len() == 1);
            checked(separator_text.is_some(), "with a separator that is no single character")?;
            copied(context, joined, WEIGHT / 2)?;
            let count = strings_in(context, joined, separator_text.as_deref().unwrap_or_default());
            Ok(made(ValueMake::JoinedStrings { count }, vec![joined, separator]))
        }
        _ => Err("of anything but a string".into()),
    }
}

/// How many strings a separator of one byte divides.
fn strings_in(context: &PlanContext<'_, '_>, joined: Ref, separator: &str) -> u64 {
    let Some(Leaf::Str(joined)) = short_leaf(context, joined, u64::MAX) else { return 1 };
    let separators = joined.bytes().iter().filter(|byte| separator.as_bytes() == [**byte]);
    separators.count() as u64 + 1
}

/// An empty weak container, to which the pickle adds its items.
fn weak_container<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    checked(call.arguments.is_empty(), "with arguments")?;
    let is_set = &*call.name == "WeakSet";
    let fill = match call.added {
        None => Fill::Nothing,
        Some(added) if is_set && added.pairs.is_empty() && added.by_add_items == added.items.len() => {
            Fill::Value(ValueFill::WeakItems(added.items.to_vec()))
        }
        Some(added) if !is_set && added.items.is_empty() => Fill::Value(ValueFill::WeakPairs(added.pairs.to_vec())),
        Some(_) => return Err("with items of another kind".into()),
    };
    let referred: Vec<Ref> = match (&fill, &*call.name) {
        (Fill::Value(ValueFill::WeakPairs(pairs)), "WeakValueDictionary") => {
            pairs.iter().copied().skip(1).step_by(2).collect()
        }
        (Fill::Value(fill), _) => fill.keys().collect(),
        _ => Vec::new(),
    };
    context.spend(referred.len())?;
    let are_referred = referred.iter().all(|object| can_be_referenced(context, *object));
    checked(are_referred, "of objects that take no weak references")?;
    Ok(filled(called("weakref", call.name.to_string(), Vec::new()), fill))
}

/// Whether a weak reference to this may exist for longer than the load: an object that something else holds, too.
pub(super) fn can_be_referenced(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    let is_set = |kind| context.is_plain(reference, kind);
    context.recipe(reference).is_some_and(takes_references) || is_set(NodeKind::Set) || is_set(NodeKind::FrozenSet)
}
