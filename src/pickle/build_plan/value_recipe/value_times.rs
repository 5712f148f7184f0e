//! Recipes for dates, times and time zones. Dates are pickled as the bytes that CPython keeps them in
//! (`Modules/_datetimemodule.c`), which its own constructor hardly checks.

use super::value_arguments::{arguments_of, byte_string, called_global, int_in, is_none, is_str, short_text, truth};
use super::value_make::{Given, HarmlessCall, ValueMake, called, made};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::build_plan::object_abilities::is_zone;
use crate::pickle::machine::value::Ref;

const MAX_DAYS: i64 = 999_999_999;
const SECONDS_OF_A_DAY: i64 = 86_400;
const MICROSECONDS: i64 = 1_000_000;
/// The most bytes of the opcode of the key of a time zone.
const MAX_KEY: u64 = 128;

/// What a time zone that is not shared counts as: it takes some kilobytes.
const NEW_ZONE: usize = 1500;

pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    match builder {
        ValueBuilder::Date => match *call.arguments {
            [bytes] => {
                let bytes: [u8; 4] = state(context, bytes)?;
                Ok(numbers("date", date(bytes)?))
            }
            _ => Err("without the bytes of a date".into()),
        },
        ValueBuilder::DateTime => date_time(context, call),
        ValueBuilder::Time => time(context, call),
        ValueBuilder::TimeDelta => {
            let in_range = time_delta(context, call.arguments).is_some();
            checked(in_range, "with numbers out of range")?;
            Ok(called("datetime", "timedelta", call.arguments.to_vec()))
        }
        ValueBuilder::TimeZone => time_zone(context, call),
        _ => zone_info(context, call),
    }
}

/// The bytes in the first argument.
fn state<const LENGTH: usize>(context: &PlanContext<'_, '_>, bytes: Ref) -> Result<[u8; LENGTH], Refused> {
    let found = byte_string(context, bytes, 64).and_then(|bytes| <[u8; LENGTH]>::try_from(bytes.as_ref()).ok());
    found.ok_or_else(|| format!("without {LENGTH} bytes"))
}

fn numbers(class: &'static str, numbers: impl IntoIterator<Item = i64>) -> Recipe<'static> {
    made(ValueMake::Call(HarmlessCall::new("datetime", class).with(numbers.into_iter().map(Given::Int))), Vec::new())
}

fn date([high, low, month, day]: [u8; 4]) -> Result<[i64; 3], Refused> {
    let year = u16::from_be_bytes([high, low]);
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    };
    checked((1..=9999).contains(&year) && (1..=days).contains(&day), "with a date that does not exist")?;
    Ok([year.into(), month.into(), day.into()])
}

fn clock([hour, minute, second, high, middle, low]: [u8; 6]) -> Result<[i64; 4], Refused> {
    let microsecond = i64::from(u32::from_be_bytes([0, high, middle, low]));
    let exists = hour < 24 && minute < 60 && second < 60 && microsecond < MICROSECONDS;
    checked(exists, "with a time that does not exist")?;
    Ok([hour.into(), minute.into(), second.into(), microsecond])
}

/// The recipe with a time zone, and with `fold` if the time is the second of two equal ones.
fn with_zone<'a>(
    context: &PlanContext<'_, 'a>,
    class: &'static str,
    numbers: impl IntoIterator<Item = i64>,
    (zone, fold): (Option<Ref>, bool),
) -> Result<Recipe<'a>, Refused> {
    let mut call = HarmlessCall::new("datetime", class).with(numbers.into_iter().map(Given::Int));
    let zone = zone.filter(|zone| !is_none(context, *zone));
    if let Some(zone) = zone {
        checked(context.recipe(zone).is_some_and(is_zone), "with a time zone that is none")?;
        call = call.keyword("tzinfo", Given::Needed);
    }
    if fold {
        call = call.keyword("fold", Given::Int(1));
    }
    Ok(made(ValueMake::Call(call), zone.into_iter().collect()))
}

fn date_time<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let (bytes, zone) = match *call.arguments {
        [bytes] => (bytes, None),
        [bytes, zone] => (bytes, Some(zone)),
        _ => return Err("without the bytes of a date".into()),
    };
    let [y, year, month, day, rest @ ..]: [u8; 10] = state(context, bytes)?;
    // The highest bit of the month is `fold`.
    let numbers = date([y, year, month & 0x7f, day])?.into_iter().chain(clock(rest)?);
    with_zone(context, "datetime", numbers, (zone, month & 0x80 != 0))
}

fn time<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let (bytes, zone) = match *call.arguments {
        [bytes] => (bytes, None),
        [bytes, zone] => (bytes, Some(zone)),
        _ => return Err("without the bytes of a time".into()),
    };
    let [hour, rest @ ..]: [u8; 6] = state(context, bytes)?;
    let [minute, second, high, middle, low] = rest;
    let numbers = clock([hour & 0x7f, minute, second, high, middle, low])?;
    with_zone(context, "time", numbers, (zone, hour & 0x80 != 0))
}

/// Days, seconds and microseconds.
fn time_delta(context: &PlanContext<'_, '_>, arguments: &[Ref]) -> Option<[i64; 3]> {
    let ranges = [-MAX_DAYS..=MAX_DAYS, 0..=SECONDS_OF_A_DAY - 1, 0..=MICROSECONDS - 1];
    let mut found = [0; 3];
    for ((argument, range), found) in arguments.iter().zip(ranges).zip(&mut found) {
        *found = int_in(context, *argument, range)?;
    }
    (arguments.len() <= 3).then_some(found)
}

/// `timezone(timedelta(…))`, with or without a name.
fn time_zone<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let offset = match *call.arguments {
        [offset] => offset,
        [offset, name] if is_str(context, name) => offset,
        _ => return Err("with these arguments".into()),
    };
    let is_delta =
        called_global(context, offset).is_some_and(|(module, name)| (&*module, &*name) == ("datetime", "timedelta"));
    let delta = arguments_of(context, offset).filter(|_| is_delta);
    let delta = delta.and_then(|arguments| time_delta(context, arguments));
    let [days, seconds, microseconds] = delta.ok_or("with an offset that is no timedelta")?;
    // Strictly between minus one day and one day.
    let is_less_than_a_day = days == 0 || (days == -1 && (seconds, microseconds) > (0, 0));
    checked(is_less_than_a_day, "with an offset of a day or more")?;
    Ok(called("datetime", "timezone", call.arguments.to_vec()))
}

/// `ZoneInfo(key)`, or `ZoneInfo._unpickle(key, is from the cache)`.
fn zone_info<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let (key, cached) = match *call.arguments {
        [key] if &*call.name == "ZoneInfo" => (key, true),
        [key, cached] if &*call.name == "ZoneInfo._unpickle" => {
            (key, truth(context, cached).ok_or("with these arguments")?)
        }
        _ => return Err("with these arguments".into()),
    };
    if !cached {
        context.spend(NEW_ZONE)?;
    }
    let key = short_text(context, key, MAX_KEY).filter(|key| is_zone_key(key)).ok_or("with a key that is none")?;
    Ok(made(ValueMake::Zone { key: key.into_owned(), cached }, Vec::new()))
}

/// Whether this names a file within a directory of time zones: `America/Port-au-Prince`.
fn is_zone_key(key: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'_'))
    };
    !key.is_empty() && key.split('/').all(is_part)
}
