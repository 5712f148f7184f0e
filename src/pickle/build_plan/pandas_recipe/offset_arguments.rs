//! The arguments of offsets. pandas' constructors refuse other ones, so the plan does, too: a file is only plain data
//! if its objects can be made.

use super::pandas_parts::{bool_of, is_none, sequence, text, unexpected_arguments};
use super::{PandasArgument, PlanContext, Refused};
use crate::pickle::build_plan::value_recipe::time_of_day;
use crate::pickle::build_plan::{ArrayMake, Make};
use crate::pickle::machine::value::Ref;

/// The offsets of a fixed length. Up to pandas 2, `Day` is one of them.
const TICKS: [&str; 7] = ["Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano"];
/// The offsets whose number of steps is not 0.
const MOVING: [&str; 3] = ["LastWeekOfMonth", "FY5253", "FY5253Quarter"];
/// The most steps of an offset that is not of a fixed length.
const MOST_STEPS: i64 = i32::MAX as i64;
/// The most holidays or times of a day.
const MOST_ITEMS: usize = 100_000;
const LONGEST_WEEK: usize = 64;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MINUTES_OF_A_DAY: i64 = 24 * 60;
/// When business hours begin and end unless the arguments say otherwise.
const OPENING: [i64; 1] = [9 * 60];
const CLOSING: [i64; 1] = [17 * 60];

/// An argument after the number of steps and whether times are normalized.
#[derive(Clone, Copy)]
enum Detail {
    /// A number from a range.
    Number(i64, i64),
    /// A day of the week, which may be missing.
    Weekday,
    /// One of some words.
    Word(&'static [&'static str]),
    /// The business days of a week, as names or as bits.
    Week,
    /// Days, as scalars of numpy.
    Holidays,
    /// A calendar. pandas imports more of itself to read one, and writes none.
    Calendar,
    /// The times at which business hours begin or end.
    Times,
    /// A `datetime.timedelta`.
    Shift,
}

const VARIATIONS: Detail = Detail::Word(&["nearest", "last"]);
const DAY: Detail = Detail::Number(0, 6);
const MONTH: Detail = Detail::Number(1, 12);

/// The arguments of a class of offsets.
fn details(class: &str) -> &'static [Detail] {
    use Detail::{Calendar, Holidays, Number, Shift, Times, Week, Weekday};
    match class {
        "BusinessDay" | "BDay" => &[Shift],
        "BusinessHour" => &[Times, Times, Shift],
        "CustomBusinessDay" | "CustomBusinessMonthBegin" | "CustomBusinessMonthEnd" => {
            &[Week, Holidays, Calendar, Shift]
        }
        "CustomBusinessHour" => &[Week, Holidays, Calendar, Times, Times, Shift],
        "Week" => &[Weekday],
        "WeekOfMonth" => &[Number(0, 3), DAY],
        "LastWeekOfMonth" => &[DAY],
        "SemiMonthBegin" => &[Number(2, 27)],
        "SemiMonthEnd" => &[Number(1, 27)],
        "QuarterBegin" | "QuarterEnd" | "BQuarterBegin" | "BQuarterEnd" | "HalfYearBegin" | "HalfYearEnd"
        | "BHalfYearBegin" | "BHalfYearEnd" | "YearBegin" | "YearEnd" | "BYearBegin" | "BYearEnd" => &[MONTH],
        "Easter" => &[Number(1, 3)],
        "FY5253" => &[DAY, MONTH, VARIATIONS],
        "FY5253Quarter" => &[DAY, MONTH, Number(1, 4), VARIATIONS],
        _ => &[],
    }
}

/// The checked arguments of an offset of a class.
pub(super) fn arguments<'a>(
    context: &PlanContext<'_, 'a>,
    class: &str,
    arguments: &[Ref],
) -> Result<Vec<PandasArgument<'a>>, Refused> {
    let (steps, rest) = arguments.split_first().ok_or_else(unexpected_arguments)?;
    let mut found = vec![PandasArgument::Int(number_of_steps(context, class, *steps)?)];
    let Some((normalize, rest)) = rest.split_first() else { return Ok(found) };
    let normalize = bool_of(context, *normalize).filter(|normalize| !normalize || !TICKS.contains(&class));
    found.push(PandasArgument::Bool(normalize.ok_or_else(unexpected_arguments)?));
    let known = details(class);
    if rest.len() > known.len() {
        return Err(unexpected_arguments());
    }
    let mut hours = Vec::new();
    for (argument, detail) in rest.iter().zip(known) {
        found.push(checked(context, *argument, *detail)?);
        if let Detail::Times = detail {
            hours.push(times_of_day(context, *argument)?);
        }
    }
    if let Some((opening, closing)) = hours.split_first() {
        let closing = closing.first().map_or(&CLOSING[..], Vec::as_slice);
        check_hours(if opening.is_empty() { &OPENING } else { opening }, closing)?;
    }
    Ok(found)
}

/// The number of steps of an offset.
pub(super) fn number_of_steps(context: &PlanContext<'_, '_>, class: &str, steps: Ref) -> Result<i64, Refused> {
    let is_few = |steps: &i64| TICKS.contains(&class) || steps.abs_diff(0) <= MOST_STEPS.abs_diff(0);
    let steps = context.int(steps).filter(is_few).filter(|steps| *steps != 0 || !MOVING.contains(&class));
    steps.ok_or_else(|| "has a number of steps that pandas does not write".to_owned())
}

fn checked<'a>(context: &PlanContext<'_, 'a>, value: Ref, detail: Detail) -> Result<PandasArgument<'a>, Refused> {
    let found = match detail {
        Detail::Calendar if is_none(context, value) => Some(PandasArgument::None),
        Detail::Calendar => return Err("has a calendar, which pandas does not write".to_owned()),
        Detail::Weekday if is_none(context, value) => Some(PandasArgument::None),
        Detail::Weekday => return checked(context, value, DAY),
        Detail::Number(first, last) => {
            context.int(value).filter(|number| (first..=last).contains(number)).map(PandasArgument::Int)
        }
        Detail::Word(words) => text(context, value).filter(|word| words.contains(&&**word)).map(PandasArgument::Text),
        Detail::Week => text(context, value).filter(|week| is_week(week)).map(PandasArgument::Text),
        Detail::Holidays => items(context, value, &|item| is_day(context, item)),
        Detail::Times => items(context, value, &|item| time_of_day(context, item).is_some()),
        Detail::Shift => is_shift(context, value).then_some(PandasArgument::Object(value)),
    };
    found.ok_or_else(unexpected_arguments)
}

/// The items of a sequence, all of which must pass a test.
fn items<'a>(context: &PlanContext<'_, 'a>, value: Ref, is_known: &dyn Fn(Ref) -> bool) -> Option<PandasArgument<'a>> {
    let items = sequence(context, value)?;
    context.spend(items.len().saturating_mul(8)).ok()?;
    let are_known = items.len() <= MOST_ITEMS && items.iter().all(|item| is_known(*item));
    are_known.then(|| PandasArgument::Tuple(items.iter().map(|item| PandasArgument::Object(*item)).collect()))
}

/// Names of days, or a bit for each day.
fn is_week(week: &str) -> bool {
    let is_bits = week.len() == DAYS.len() && week.bytes().all(|byte| matches!(byte, b'0' | b'1'));
    let mut days = week.split(' ');
    week.len() <= LONGEST_WEEK && if is_bits { week.contains('1') } else { days.all(|day| DAYS.contains(&day)) }
}

fn is_day(context: &PlanContext<'_, '_>, value: Ref) -> bool {
    let recipe = context.recipe(value).map(|recipe| &*recipe.make);
    matches!(recipe, Some(Make::Array(ArrayMake::Scalar(dtype, _))) if dtype.code() == Some("M8[D]"))
}

fn is_shift(context: &PlanContext<'_, '_>, value: Ref) -> bool {
    let is_value = matches!(context.recipe(value).map(|recipe| &*recipe.make), Some(Make::Value(_)));
    is_value && context.call(value).is_some_and(|call| (&*call.module, &*call.name) == ("datetime", "timedelta"))
}

/// The minutes of the day at which business hours begin or end.
fn times_of_day(context: &PlanContext<'_, '_>, times: Ref) -> Result<Vec<i64>, Refused> {
    let times = sequence(context, times).filter(|times| !times.is_empty()).ok_or_else(unexpected_arguments)?;
    let minutes = times.iter().map(|time| time_of_day(context, *time).map(|[hour, minute]| hour * 60 + minute));
    minutes.collect::<Option<_>>().ok_or_else(unexpected_arguments)
}

/// Refuses business hours that overlap or touch, as pandas does: from each opening to its end, and on to the next
/// opening, it is one day in all.
fn check_hours(openings: &[i64], closings: &[i64]) -> Result<(), Refused> {
    let until = |from: i64, to: i64| if from < to { to - from } else { MINUTES_OF_A_DAY + to - from };
    let mut hours: Vec<_> = openings.iter().copied().zip(closings.iter().copied()).collect();
    hours.sort_unstable();
    let next = hours.iter().cycle().skip(1);
    let all: i64 =
        hours.iter().zip(next).map(|((open, close), (next, _))| until(*open, *close) + until(*close, *next)).sum();
    if openings.len() == closings.len() && all == MINUTES_OF_A_DAY {
        Ok(())
    } else {
        Err("has business hours that overlap or touch".to_owned())
    }
}
