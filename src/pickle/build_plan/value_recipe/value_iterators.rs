//! Recipes for iterators, in the forms that pickles have before Python 3.14: over a list, a tuple, a string or a range,
//! and the classes of `itertools` before their first item. No recipe reads from an iterator: some have no end.

use super::value_arguments::{
    arguments_of, called_global, copied, has_leaf_type, int_in, is_bytes, is_int, is_link, is_none, is_sequence,
    is_simple, sequence, short_text, size, truth,
};
use super::value_make::{ValueMake, called, made, reading};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused};
use crate::pickle::machine::value::{NodeKind, Ref};

/// How many more items a combination may have than its pool, as it may repeat some.
const MAX_REPEATED: i64 = 64;

pub(super) fn recipe<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    match (&*call.module, &*call.name, call.arguments) {
        ("builtins", "iter", [of]) => over(context, *of, call.state),
        ("builtins", "reversed", [of]) => reversed(context, *of, call.state),
        ("builtins", "enumerate", [of, start]) if is_iter(context, *of) && is_int(context, *start) => of_all(call),
        ("builtins", "zip", of) if of.iter().all(|of| is_iter(context, *of)) => of_all(call),
        ("itertools", "count", numbers) if numbers.len() <= 2 => {
            let are_numbers = numbers.iter().all(|number| is_number(context, *number));
            checked(are_numbers, "of anything but numbers")?;
            of_all(call)
        }
        ("itertools", "repeat", [of, ..]) if is_link(context, *of) => Err("of an iterator".into()),
        ("itertools", "repeat", [_]) => of_all(call),
        ("itertools", "repeat", [_, times]) if int_in(context, *times, 0..=i64::MAX).is_some() => of_all(call),
        ("itertools", "cycle", [of]) if is_iter(context, *of) => cycle(context, call),
        ("itertools", "islice", [of, bounds @ ..]) if is_iter(context, *of) && (1..=3).contains(&bounds.len()) => {
            let is_bound = |bound: &Ref| is_none(context, *bound) || int_in(context, *bound, 0..=i64::MAX).is_some();
            let is_step = bounds.get(2).is_none_or(|step| int_in(context, *step, 0..=0).is_none());
            checked(is_step && bounds.iter().all(is_bound), "with bounds that are no numbers")?;
            let is_fresh = call.state.is_none_or(|count| int_in(context, count, 0..=0).is_some());
            checked(is_fresh, "after its first item")?;
            Ok(called("itertools", "islice", call.arguments.to_vec()))
        }
        ("itertools", "chain", []) => chain(context, call),
        ("itertools", "product", pools) if pools.iter().all(|pool| is_tuple(context, *pool)) => {
            pools.iter().try_for_each(|pool| copied(context, *pool, 16))?;
            of_all(call)
        }
        ("itertools", "combinations" | "combinations_with_replacement" | "permutations", [pool, length]) => {
            let pool_length = context.items(*pool, NodeKind::Tuple).ok_or("with these arguments")?.len();
            let longest = i64::try_from(pool_length).unwrap_or(i64::MAX).saturating_add(MAX_REPEATED);
            checked(int_in(context, *length, 0..=longest).is_some(), "with these arguments")?;
            // The iterator has two arrays of this length, also if it has no items.
            context.spend(pool_length.saturating_add(MAX_REPEATED as usize).saturating_mul(16))?;
            copied(context, *pool, 16)?;
            of_all(call)
        }
        ("itertools", "compress", [_, _]) | ("itertools", "pairwise", [_]) | ("itertools", "zip_longest", _)
            if call.arguments.iter().all(|of| is_iter(context, *of)) =>
        {
            of_all(call)
        }
        _ => Err("with these arguments".into()),
    }
}

/// The call as it is, without a state.
fn of_all<'a>(call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    checked(call.state.is_none(), "after its first item")?;
    Ok(called(call.module.to_string(), call.name.to_string(), call.arguments.to_vec()))
}

fn is_number(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    has_leaf_type(context, reference, "int") || has_leaf_type(context, reference, "float")
}

fn is_tuple(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    context.is_plain(reference, NodeKind::Tuple)
}

/// Whether this is an iterator over a container. Iterators over iterators would be deleted one within the other,
/// without a bound.
fn is_iter(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    let callee = context.called(reference).and_then(|(callee, _)| context.found_global(callee));
    callee.is_some_and(|(module, name)| (&*module, &*name) == ("builtins", "iter"))
}

/// How many items a container has that an iterator is over; `None` for others.
fn length_of(context: &PlanContext<'_, '_>, of: Ref) -> Option<u64> {
    let items = sequence(context, of);
    let items = items.or_else(|| context.items(of, NodeKind::Set)).or_else(|| context.items(of, NodeKind::Dict));
    if let Some(items) = items {
        return Some(items.len() as u64);
    }
    if has_leaf_type(context, of, "str") || has_leaf_type(context, of, "bytes") {
        return Some(size(context, of));
    }
    if let Some([text, _]) = arguments_of(context, of).filter(|_| is_bytes(context, of)) {
        return Some(size(context, *text));
    }
    let (module, name) = called_global(context, of)?;
    let arguments = arguments_of(context, of)?;
    let is_repr = |text: Ref| short_text(context, text, 256).is_some_and(|text| text.starts_with("range("));
    let is_range = match (&*module, &*name) {
        ("builtins", "range") => true,
        ("dill._dill" | "dill.dill", "_eval_repr") => arguments.iter().all(|text| is_repr(*text)),
        _ => false,
    };
    // The iterator over a range begins at any index without counting.
    let is_view = &*module == "builtins" && matches!(&*name, "dict.values" | "dict.items" | "dict.keys");
    is_range.then_some(u64::MAX).or_else(|| is_view.then_some(0))
}

/// `iter(container)`, with the index of the next item as its state.
fn over<'a>(context: &PlanContext<'_, 'a>, of: Ref, state: Option<Ref>) -> Result<Recipe<'a>, Refused> {
    let skipped = match state {
        None => 0,
        Some(index) => int_in(context, index, 0..=i64::MAX).ok_or("with an index that is no number")?.unsigned_abs(),
    };
    // An iterator over a dict or a set notes how many items that has, and one over a list does not.
    if skipped == 0 && is_sequence(context, of) {
        return Ok(made(ValueMake::Iterator { skipped }, vec![of]));
    }
    let length = length_of(context, of).ok_or("of anything but a list, a string, a range or a dict")?;
    let skipped = skipped.min(length);
    let recipe = made(ValueMake::Iterator { skipped }, vec![of]);
    if length != u64::MAX {
        context.spend(usize::try_from(skipped).unwrap_or(usize::MAX))?;
    }
    Ok(reading(recipe))
}

/// `reversed(list)`, with the index of the next item as its state.
fn reversed<'a>(context: &PlanContext<'_, 'a>, of: Ref, state: Option<Ref>) -> Result<Recipe<'a>, Refused> {
    let items = sequence(context, of).ok_or("of anything but a list or a tuple")?;
    let next = state.and_then(|index| int_in(context, index, 0..=i64::MAX)).map(i64::unsigned_abs);
    let next = next.filter(|next| *next < items.len() as u64).ok_or("with an index out of range")?;
    context.spend(items.len())?;
    Ok(reading(made(ValueMake::Reversed { next }, vec![of])))
}

/// A cycle before its first item: its state is an empty list of items, and whether it has begun again.
fn cycle<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let is_fresh = |state: Ref| match context.items(state, NodeKind::Tuple) {
        Some(&[saved, again]) => {
            sequence(context, saved).is_some_and(<[Ref]>::is_empty) && truth(context, again) == Some(false)
        }
        _ => false,
    };
    checked(call.state.is_none_or(is_fresh), "after its first item")?;
    Ok(called("itertools", "cycle", call.arguments.to_vec()))
}

/// A chain before its first item: its state is an iterator over a tuple of the chained iterables.
fn chain<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let Some(state) = call.state else { return Ok(called("itertools", "chain", Vec::new())) };
    let Some(&[links]) = context.items(state, NodeKind::Tuple) else { return Err("after its first item".into()) };
    checked(is_iter(context, links), "with an unknown state")?;
    let links_of = context.called(links).and_then(|(_, arguments)| context.items(arguments, NodeKind::Tuple));
    let chained = links_of.and_then(|of| sequence(context, *of.first()?)).ok_or("with an unknown state")?;
    context.spend(chained.len())?;
    let is_link = |link: &Ref| is_simple(context, *link) || is_sequence(context, *link) || is_iter(context, *link);
    checked(chained.iter().all(is_link), "of anything but lists")?;
    Ok(called("itertools", "chain.from_iterable", vec![links]))
}
