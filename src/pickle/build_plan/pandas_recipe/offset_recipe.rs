//! Recipes for offsets: steps of calendars, such as `MonthEnd(1, False)`, and `DateOffset`, whose arguments are in its
//! state.

use std::borrow::Cow;

use super::offset_arguments::{arguments, number_of_steps};
use super::pandas_parts::{StateDict, bool_of, is_none, unexpected_arguments, unexpected_state};
use super::relative_steps::{PARTS, relative_steps, time_steps};
use super::{Made, PandasArgument, PandasMake, PlanContext, PlannedCall, Refused, call_of};
use crate::pickle::machine::value::Ref;

/// The largest number in the state of a `DateOffset`.
const MOST_STEPS: i64 = i32::MAX as i64;
/// The attributes of a `relativedelta` that are no arguments of a `DateOffset`.
const COMPUTED: [&str; 2] = ["leapdays", "_has_time"];

/// Names, and numbers or `None`.
type NamedNumbers<'a> = Vec<(Cow<'a, str>, Option<i64>)>;

/// An offset with its own class.
pub(super) fn offset<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    if call.is_new || call.state.is_some() {
        return Err(unexpected_arguments());
    }
    let class = PandasArgument::Text(call.name.to_string());
    let arguments = arguments(context, &call.name, call.arguments)?;
    Ok(call_of("offset", std::iter::once(class).chain(arguments).collect(), Made::Offset))
}

/// `DateOffset()` with its arguments in its state.
pub(super) fn date_offset<'a>(
    context: &PlanContext<'_, 'a>,
    call: &PlannedCall<'_>,
) -> Result<PandasMake<'a>, Refused> {
    if !call.arguments.is_empty() {
        return offset(context, call);
    }
    let mut state = StateDict::of(context, call.state)?;
    let steps = state.take_either("n", "_n").ok_or_else(unexpected_state)?;
    let steps = number_of_steps(context, &call.name, steps)?;
    let normalize = state.need("normalize")?;
    let normalize = bool_of(context, normalize).ok_or_else(unexpected_state)?;
    // The value that pandas computed of the parts when it wrote the file, and whether that is a `relativedelta`.
    let is_relative = state.take("_use_relativedelta");
    let is_relative = is_relative.map(|flag| bool_of(context, flag).ok_or_else(unexpected_state)).transpose()?;
    let computed = state.take("_offset");
    let mut parts = Vec::new();
    for (name, number) in numbers(context, state)? {
        let number = number.filter(|_| PARTS.contains(&&*name)).ok_or_else(unexpected_state)?;
        parts.push((name.into_owned(), number));
    }
    if let Some(computed) = computed {
        check_computed(context, computed, is_relative, &parts)?;
    }
    let pair = |(name, number)| PandasArgument::Tuple(vec![PandasArgument::Text(name), PandasArgument::Int(number)]);
    let parts = PandasArgument::Tuple(parts.into_iter().map(pair).collect());
    let arguments = vec![PandasArgument::Int(steps), PandasArgument::Bool(normalize), parts];
    Ok(call_of("date_offset", arguments, Made::Offset))
}

/// Refuses a `relativedelta` or a `timedelta` that pandas would not compute of these parts: it computes it again.
fn check_computed(
    context: &PlanContext<'_, '_>,
    computed: Ref,
    is_relative: Option<bool>,
    parts: &[(String, i64)],
) -> Result<(), Refused> {
    let call = context.call(computed).ok_or_else(unexpected_state)?;
    let is_same = match (&*call.module, &*call.name) {
        ("datetime", "timedelta") if is_relative != Some(true) => {
            let numbers = call.arguments.iter().map(|number| context.int(*number)).collect::<Option<Vec<_>>>();
            numbers.is_some_and(|numbers| time_steps(parts).is_some_and(|steps| numbers == steps))
        }
        ("dateutil.relativedelta", "relativedelta")
            if call.added.is_none() && call.arguments.is_empty() && is_relative != Some(false) =>
        {
            context.consume(computed);
            let mut found = numbers(context, StateDict::of(context, call.state)?)?;
            let known = |name: &str| PARTS.contains(&name) || COMPUTED.contains(&name);
            let mut expected = relative_steps(parts);
            found.sort_unstable();
            expected.sort_unstable();
            found.iter().all(|(name, _)| known(name))
                && found.iter().map(|(name, number)| (&**name, *number)).eq(expected)
        }
        _ => return Err(unexpected_state()),
    };
    if is_same { Ok(()) } else { Err("has steps that do not fit its parts".to_owned()) }
}

/// The names and numbers of a state, or `None` in place of a number.
fn numbers<'a>(context: &PlanContext<'_, 'a>, state: StateDict<'a>) -> Result<NamedNumbers<'a>, Refused> {
    let pair = |(name, value): (Cow<'a, str>, Ref)| {
        let number = context.int(value).filter(|number| number.abs_diff(0) <= MOST_STEPS.abs_diff(0));
        let is_known = number.is_some() || is_none(context, value);
        is_known.then_some((name, number)).ok_or_else(unexpected_state)
    };
    state.rest().into_iter().map(pair).collect()
}
