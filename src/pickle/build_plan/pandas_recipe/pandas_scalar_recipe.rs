//! Recipes for times, time differences, periods and intervals.

use super::extension_recipe::UNITS;
use super::index_recipe::SIDES;
use super::interval_ends::End;
use super::pandas_parts::{is_none, unexpected_arguments, unless_none, word};
use super::period_frequency::frequency;
use super::zone_recipe::check_zone;
use super::{Made, PandasArgument, PandasBuilder, PandasMake, PlanContext, PlannedCall, Refused, call_of, made};
use crate::pickle::build_plan::{ArrayMake, Make};
use crate::pickle::machine::value::{Leaf, Ref};

/// numpy's number of the unit `s`. The others follow.
const FIRST_UNIT: i64 = 7;
/// numpy's number for a time that is missing.
const NO_TIME: i64 = i64::MIN;
/// The seconds of the years 1 to 9999, from 1970 on.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// The most seconds of a `datetime.timedelta`.
const MOST_SECONDS: i64 = 86_400 * 1_000_000_000;

/// A scalar.
pub(super) fn scalar<'a>(
    context: &PlanContext<'_, 'a>,
    builder: PandasBuilder,
    call: &PlannedCall<'_>,
) -> Result<PandasMake<'a>, Refused> {
    if call.is_new || call.state.is_some() {
        return Err(unexpected_arguments());
    }
    let (function, arguments) = match builder {
        PandasBuilder::Timestamp => ("timestamp", timestamp(context, call.arguments)?),
        PandasBuilder::Timedelta => ("timedelta", timedelta(context, call.arguments)?),
        PandasBuilder::Period => ("period", period(context, call.arguments)?),
        PandasBuilder::Interval => ("interval", interval(context, call.arguments)?),
        _ => ("missing_time", missing_time(context, call.arguments)?),
    };
    Ok(call_of(function, arguments, Made::Scalar(builder)))
}

/// The unit with numpy's number, and how many of it a second has.
fn unit(context: &PlanContext<'_, '_>, number: Option<&Ref>) -> Result<(&'static str, i64), Refused> {
    // Up to pandas 1.4, the unit was always `ns`.
    let index = number.map_or(Some(3), |number| context.int(*number)?.checked_sub(FIRST_UNIT));
    let index =
        index.and_then(|index| u32::try_from(index).ok()).filter(|index| *index < 4).ok_or("has an unknown unit")?;
    let unit = UNITS.get(index as usize).copied().unwrap_or("ns");
    Ok((unit, 1000_i64.pow(index)))
}

/// `(value, freq, zone)`, and the unit.
fn timestamp<'a>(context: &PlanContext<'_, 'a>, arguments: &[Ref]) -> Result<Vec<PandasArgument<'a>>, Refused> {
    let ([value, _freq, zone], rest) = arguments.split_first_chunk().ok_or_else(unexpected_arguments)?;
    let (unit, per_second) = unit(context, rest.first().filter(|_| rest.len() == 1))?;
    if rest.len() > 1 {
        return Err(unexpected_arguments());
    }
    let number = *value;
    let value = context.int(number).ok_or_else(unexpected_arguments)?;
    if value != NO_TIME && !TIMES.contains(&value.div_euclid(per_second)) {
        return Err("is before the year 1 or after the year 9999".to_owned());
    }
    let zone = unless_none(context, Some(*zone));
    zone.map_or(Ok(()), |zone| check_zone(context, zone))?;
    Ok(vec![PandasArgument::Object(number), PandasArgument::Text(unit.to_owned()), PandasArgument::optional(zone)])
}

/// `(value)` or `(value, unit)`.
fn timedelta<'a>(context: &PlanContext<'_, 'a>, arguments: &[Ref]) -> Result<Vec<PandasArgument<'a>>, Refused> {
    let (&[value] | &[value, _]) = arguments else { return Err(unexpected_arguments()) };
    let (unit, per_second) = unit(context, arguments.get(1))?;
    let value = context.int(value).ok_or_else(unexpected_arguments)?;
    if value != NO_TIME && !(-MOST_SECONDS..MOST_SECONDS).contains(&value.div_euclid(per_second)) {
        return Err("is longer than 1000000000 days".to_owned());
    }
    Ok(vec![PandasArgument::Int(value), PandasArgument::Text(unit.to_owned())])
}

/// `(None, freq, ordinal)`.
fn period<'a>(context: &PlanContext<'_, 'a>, arguments: &[Ref]) -> Result<Vec<PandasArgument<'a>>, Refused> {
    let &[value, freq, ordinal] = arguments else { return Err(unexpected_arguments()) };
    let ordinal = context.int(ordinal).filter(|_| is_none(context, value)).ok_or_else(unexpected_arguments)?;
    Ok(vec![PandasArgument::Int(ordinal), frequency(context, freq)?])
}

/// `(left, right, closed)`.
fn interval<'a>(context: &PlanContext<'_, 'a>, arguments: &[Ref]) -> Result<Vec<PandasArgument<'a>>, Refused> {
    let &[left, right, closed] = arguments else { return Err(unexpected_arguments()) };
    let kind = end_kind(context, left).filter(|kind| end_kind(context, right) == Some(*kind));
    kind.ok_or("has ends that are neither numbers nor times")?;
    let (start, stop) = (end(context, left), end(context, right));
    start.zip(stop).filter(|(start, stop)| start.is_before(*stop)).ok_or("ends before it begins")?;
    let closed = word(context, closed, SIDES).ok_or("is closed on an unknown side")?;
    Ok(vec![PandasArgument::Object(left), PandasArgument::Object(right), PandasArgument::Text(closed.to_owned())])
}

/// The end of an interval: a number, or a time in nanoseconds.
fn end(context: &PlanContext<'_, '_>, value: Ref) -> Option<End> {
    match context.leaf(value) {
        Some(Leaf::Int(number)) => return Some(End::Integer(number.into())),
        Some(Leaf::Float(number)) => return Some(End::Float(number)),
        _ => {}
    }
    let recipe = context.recipe(value)?;
    match &*recipe.make {
        Make::Array(ArrayMake::Scalar(dtype, Some(bytes))) => Some(End::of_item(dtype.letter(), bytes)),
        Make::Array(ArrayMake::Scalar(dtype, None)) => match context.leaf(*recipe.needs.last()?)? {
            Leaf::Bytes(bytes) => Some(End::of_item(dtype.letter(), bytes)),
            _ => None,
        },
        Make::Pandas(make) => {
            let [number, PandasArgument::Text(unit), ..] = &make.arguments[..] else { return None };
            let number = match number {
                PandasArgument::Int(number) => *number,
                // Equal recipes share their arguments, but not the objects that they need.
                PandasArgument::Object(_) => context.int(*recipe.needs.first()?)?,
                _ => return None,
            };
            let smaller =
                UNITS.iter().rev().position(|known| known == unit).and_then(|units| u32::try_from(units).ok())?;
            Some(End::Integer(i128::from(number) * 1000_i128.pow(smaller))).filter(|_| number != NO_TIME)
        }
        _ => None,
    }
}

/// The type of the end of an interval: a number, or a scalar of pandas.
fn end_kind(context: &PlanContext<'_, '_>, end: Ref) -> Option<Option<PandasBuilder>> {
    if let Some(Leaf::Int(_) | Leaf::Float(_)) = context.leaf(end) {
        return Some(None);
    }
    if let Make::Array(ArrayMake::Scalar(dtype, _)) = &*context.recipe(end)?.make {
        return (!dtype.is_swapped() && "iuf".contains(dtype.letter())).then_some(None);
    }
    match made(context, end) {
        Some(Made::Scalar(kind @ (PandasBuilder::Timestamp | PandasBuilder::Timedelta))) => Some(Some(kind)),
        _ => None,
    }
}

/// `(None)`.
fn missing_time<'a>(context: &PlanContext<'_, 'a>, arguments: &[Ref]) -> Result<Vec<PandasArgument<'a>>, Refused> {
    match arguments {
        &[value] if is_none(context, value) => Ok(Vec::new()),
        _ => Err(unexpected_arguments()),
    }
}
