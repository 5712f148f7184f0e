//! Recipes for the records that functions of `os` and `time` return, such as `os.stat_result`: tuples whose items have
//! names.
//!
//! CPython writes `class(tuple, dict)`: the items of the tuple, and those that have only a name.

use super::value_arguments::{is_simple, pairs, short_text};
use super::value_make::{called, reading};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused};
use crate::pickle::machine::value::NodeKind;

/// The most items of a record, and the longest name of one.
const MAX_ITEMS: usize = 64;
const MAX_NAME: u64 = 64;

pub(super) fn recipe<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let (items, named) = match *call.arguments.as_slice() {
        [items] => (items, None),
        [items, named] => (items, Some(named)),
        _ => return Err("with these arguments".into()),
    };
    let of_items = context.items(items, NodeKind::Tuple).ok_or("of anything but a tuple")?;
    let of_named = named.map_or(Some(&[][..]), |named| pairs(context, named)).ok_or("with anything but a dict")?;
    context.spend(of_items.len() + of_named.len())?;
    checked(of_items.len() <= MAX_ITEMS && of_named.len() <= 2 * MAX_ITEMS, "with so many items")?;
    let (of_named, _) = of_named.as_chunks::<2>();
    let has_names = of_named.iter().all(|[name, _]| short_text(context, *name, MAX_NAME).is_some());
    checked(has_names, "with a name that is no string")?;
    let values = of_items.iter().chain(of_named.iter().map(|[_, value]| value));
    checked(values.into_iter().all(|value| is_simple(context, *value)), "with items that are no numbers or strings")?;
    Ok(reading(called(call.module.to_string(), call.name.to_string(), call.arguments.clone())))
}
