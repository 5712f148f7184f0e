//! Recipes for offsets: steps of calendars, such as `MonthEnd(1, False)`.
//!
//! Their public constructors check their arguments, and take numbers, times of a day, and strings from a short list or
//! without a meaning of their own.

use super::pandas_parts::{
    StateDict, bool_of, is_none, sequence, text, unexpected_arguments, unexpected_state, unless_none,
};
use super::{Made, PandasArgument, PandasMake, PlanContext, PlannedCall, Refused, call_of};
use crate::pickle::build_plan::{ArrayMake, Make};
use crate::pickle::machine::value::Ref;

/// The most steps of an offset that is not of a fixed length.
const MOST_STEPS: i64 = i32::MAX as i64;
/// The most holidays or times of a day.
const MOST_ITEMS: usize = 100_000;
/// Which argument of the offsets whose name begins with `Custom` is a calendar.
const CALENDAR: usize = 4;
const LONGEST_TEXT: usize = 64;
/// The offsets of a fixed length.
const TICKS: [&str; 7] = ["Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano"];
/// The offsets that pandas never infers from times: it computes the times of such a frequency one by one.
const COMPUTED: [&str; 10] = [
    "CustomBusinessDay",
    "CustomBusinessHour",
    "CustomBusinessMonthBegin",
    "CustomBusinessMonthEnd",
    "DateOffset",
    "Easter",
    "FY5253",
    "FY5253Quarter",
    "SemiMonthBegin",
    "SemiMonthEnd",
];
/// The arguments of a `DateOffset`, which are numbers.
const PARTS: [&str; 19] = [
    "years",
    "months",
    "weeks",
    "days",
    "hours",
    "minutes",
    "seconds",
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "year",
    "month",
    "day",
    "weekday",
    "hour",
    "minute",
    "second",
    "microsecond",
    "nanosecond",
];

/// An offset with its own class.
pub(super) fn offset<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    if call.is_new || call.state.is_some() || call.arguments.len() > 8 {
        return Err(unexpected_arguments());
    }
    let mut arguments = vec![PandasArgument::Text(call.name.to_string())];
    let (steps, rest) = call.arguments.split_first().ok_or_else(unexpected_arguments)?;
    // pandas imports more of itself to read a calendar, and writes none.
    let calendar = call.arguments.get(CALENDAR).filter(|_| call.name.starts_with("Custom"));
    if unless_none(context, calendar.copied()).is_some() {
        return Err("has a calendar, which pandas does not write".to_owned());
    }
    arguments.push(PandasArgument::Int(number_of_steps(context, *steps, TICKS.contains(&&*call.name))?));
    for argument in rest {
        arguments.push(detail(context, *argument)?);
    }
    Ok(call_of("offset", arguments, Made::Offset))
}

/// How many steps it takes pandas to compute the next time of a frequency; 0 for those that take no time of their own.
pub(super) fn steps_for_a_time(context: &PlanContext<'_, '_>, offset: Ref) -> u64 {
    let Some(call) = context.call(offset) else { return 0 };
    // Business hours search all of their openings.
    let is_hour = call.name.ends_with("BusinessHour");
    let openings = call.arguments.iter().filter_map(|argument| sequence(context, *argument)).map(<[Ref]>::len);
    let openings = openings.filter(|_| is_hour).max().unwrap_or(0) as u64;
    if openings > 1 { openings } else { COMPUTED.contains(&&*call.name).into() }
}

fn number_of_steps(context: &PlanContext<'_, '_>, steps: Ref, is_tick: bool) -> Result<i64, Refused> {
    let steps = context.int(steps).filter(|steps| is_tick || steps.abs_diff(0) <= MOST_STEPS.abs_diff(0));
    steps.ok_or_else(|| "has a number of steps that pandas does not write".to_owned())
}

/// An argument after the number of steps: a bool, a day or a month, the days of a week, a time or times of a day, or
/// holidays.
fn detail<'a>(context: &PlanContext<'_, 'a>, value: Ref) -> Result<PandasArgument<'a>, Refused> {
    if let Some(items) = sequence(context, value) {
        context.spend(items.len().saturating_mul(8))?;
        let are_times = items.len() <= MOST_ITEMS && items.iter().all(|item| is_time(context, *item));
        let items = items.iter().map(|item| PandasArgument::Object(*item)).collect();
        return are_times.then_some(PandasArgument::Tuple(items)).ok_or_else(unexpected_arguments);
    }
    if let Some(text) = text(context, value) {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b' ';
        let is_known = text.len() <= LONGEST_TEXT && text.bytes().all(is_known);
        return is_known.then_some(PandasArgument::Text(text)).ok_or_else(unexpected_arguments);
    }
    match (context.int(value), bool_of(context, value)) {
        _ if is_none(context, value) => Ok(PandasArgument::None),
        (Some(number), _) if (-1..=366).contains(&number) => Ok(PandasArgument::Int(number)),
        (_, Some(value)) => Ok(PandasArgument::Bool(value)),
        _ if is_time(context, value) => Ok(PandasArgument::Object(value)),
        _ => Err(unexpected_arguments()),
    }
}

/// Whether a value is one of `datetime`, or a scalar of numpy.
fn is_time(context: &PlanContext<'_, '_>, value: Ref) -> bool {
    match context.recipe(value).map(|recipe| &*recipe.make) {
        Some(Make::Array(make)) => matches!(make, ArrayMake::Scalar(..)),
        Some(Make::Value(_)) => context.call(value).is_some_and(|call| &*call.module == "datetime"),
        _ => false,
    }
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
    let steps = number_of_steps(context, steps, false)?;
    let normalize = state.need("normalize")?;
    let normalize = bool_of(context, normalize).ok_or_else(unexpected_state)?;
    // The value that pandas computes of the parts, and whether that is a `relativedelta`.
    let is_relative = state.take("_use_relativedelta");
    let is_relative = is_relative.map(|flag| bool_of(context, flag).ok_or_else(unexpected_state)).transpose()?;
    let computed = match state.take("_offset") {
        Some(computed) => self::computed(context, computed)?,
        None => PandasArgument::None,
    };
    let is_other = match computed {
        PandasArgument::Tuple(_) => is_relative == Some(false),
        PandasArgument::Object(_) => is_relative == Some(true),
        _ => false,
    };
    if is_other {
        return Err(unexpected_state());
    }
    let parts = numbers(context, state, &|name| PARTS.contains(&name), false)?;
    let arguments = vec![PandasArgument::Int(steps), PandasArgument::Bool(normalize), parts, computed];
    Ok(call_of("date_offset", arguments, Made::Offset))
}

/// The value that pandas has computed of the parts: a `relativedelta`, which has these attributes, or a `timedelta`.
fn computed<'a>(context: &PlanContext<'_, 'a>, computed: Ref) -> Result<PandasArgument<'a>, Refused> {
    let call = context.call(computed).ok_or_else(unexpected_state)?;
    match (&*call.module, &*call.name) {
        ("datetime", "timedelta") => Ok(PandasArgument::Object(computed)),
        ("dateutil.relativedelta", "relativedelta") if call.added.is_none() && call.arguments.is_empty() => {
            context.consume(computed);
            let is_part = |name: &str| PARTS.contains(&name) || matches!(name, "leapdays" | "_has_time");
            numbers(context, StateDict::of(context, call.state)?, &is_part, true)
        }
        _ => Err(unexpected_state()),
    }
}

/// Pairs of names and numbers; `None` instead of a number only if it may mean that nothing is set.
fn numbers<'a>(
    context: &PlanContext<'_, 'a>,
    state: StateDict<'_>,
    is_known: &dyn Fn(&str) -> bool,
    may_be_unset: bool,
) -> Result<PandasArgument<'a>, Refused> {
    let pair = |(name, value): (std::borrow::Cow<'_, str>, Ref)| {
        let number = context.int(value).filter(|number| number.abs_diff(0) <= MOST_STEPS.abs_diff(0));
        let is_unset = may_be_unset && is_none(context, value);
        let number = number.map(PandasArgument::Int).or_else(|| is_unset.then_some(PandasArgument::None));
        let number = number.filter(|_| is_known(&name)).ok_or_else(unexpected_state)?;
        Ok(PandasArgument::Tuple(vec![PandasArgument::Text(name.into_owned()), number]))
    };
    state.rest().into_iter().map(pair).collect::<Result<_, Refused>>().map(PandasArgument::Tuple)
}
