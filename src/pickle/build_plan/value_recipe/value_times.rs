//! Recipes for dates, times and time zones. Dates are pickled as the bytes that CPython keeps them in
//! (`Modules/_datetimemodule.c`), which its own constructor hardly checks.

use super::value_arguments::{
    arguments_of, byte_string, called_global, int_in, is_bytes, is_none, is_str, short_text, truth,
};
use super::value_make::{Given, HarmlessCall, ValueMake, called, made};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::build_plan::object_abilities::is_zone;
use crate::pickle::known::is_time_zone;
use crate::pickle::machine::value::Ref;

const MAX_DAYS: i64 = 999_999_999;
const SECONDS_OF_A_DAY: i64 = 86_400;
const MICROSECONDS: i64 = 1_000_000;
/// The most bytes of the opcode of the key of a time zone.
const MAX_KEY: u64 = 128;

/// The cost of a time zone that is not shared: it takes some kilobytes.
const NEW_ZONE: usize = 1500;

pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    match builder {
        ValueBuilder::Date => match *call.arguments {
            [bytes] => {
                let found = state(context, ClockClass::Date, bytes)?;
                with_zone(context, (ClockClass::Date, bytes), &found, None)
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

/// The classes whose objects are pickled as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockClass {
    Date,
    DateTime,
    Time,
}

impl ClockClass {
    /// The name of the class in `datetime`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Time => "time",
        }
    }
}

/// The arguments that make an object of one of these classes, as its bytes say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockNumbers {
    numbers: [i64; 7],
    count: usize,
    /// Whether the time is the second of two equal ones.
    pub fold: bool,
}

impl ClockNumbers {
    /// Reads the bytes. The plan calls this to check them, and the builder to make the object.
    ///
    /// # Errors
    /// If they are no date or no time.
    pub(crate) fn of(class: ClockClass, bytes: &[u8]) -> Result<Self, Refused> {
        let mut numbers = [0; 7];
        let mut fill =
            |found: &mut dyn Iterator<Item = i64>| numbers.iter_mut().zip(found).map(|(slot, n)| *slot = n).count();
        // The highest bit of the month or the hour is `fold`.
        let (count, fold) = match (class, bytes) {
            (ClockClass::Date, &[high, low, month, day]) => {
                (fill(&mut date([high, low, month, day])?.into_iter()), false)
            }
            (ClockClass::DateTime, &[high, low, month, day, hour, minute, second, a, b, c]) => {
                let (date, clock) = (date([high, low, month & 0x7f, day])?, clock([hour, minute, second, a, b, c])?);
                (fill(&mut date.into_iter().chain(clock)), month & 0x80 != 0)
            }
            (ClockClass::Time, &[hour, minute, second, a, b, c]) => {
                (fill(&mut clock([hour & 0x7f, minute, second, a, b, c])?.into_iter()), hour & 0x80 != 0)
            }
            (ClockClass::Date, _) => return Err("without 4 bytes".into()),
            (ClockClass::DateTime, _) => return Err("without 10 bytes".into()),
            (ClockClass::Time, _) => return Err("without 6 bytes".into()),
        };
        Ok(Self { numbers, count, fold })
    }

    /// The positional arguments.
    pub(crate) fn numbers(&self) -> &[i64] {
        self.numbers.get(..self.count).unwrap_or_default()
    }
}

/// The meaning of the bytes in the first argument.
fn state(context: &PlanContext<'_, '_>, class: ClockClass, bytes: Ref) -> Result<ClockNumbers, Refused> {
    let found = byte_string(context, bytes, 64);
    ClockNumbers::of(class, found.as_deref().unwrap_or_default())
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

/// The recipe for an object that is pickled as these bytes, with a time zone.
fn with_zone<'a>(
    context: &PlanContext<'_, 'a>,
    (class, bytes): (ClockClass, Ref),
    found: &ClockNumbers,
    zone: Option<Ref>,
) -> Result<Recipe<'a>, Refused> {
    let zone = zone.filter(|zone| !is_none(context, *zone));
    if let Some(zone) = zone {
        checked(context.recipe(zone).is_some_and(is_zone), "with a time zone that is none")?;
    }
    if is_bytes(context, bytes) {
        // The builder reads them once more, so that the plan need not hold the numbers.
        return Ok(made(ValueMake::Clock(class), std::iter::once(bytes).chain(zone).collect()));
    }
    let numbers = found.numbers().iter().copied().map(Given::Int);
    let mut call = HarmlessCall::new("datetime", class.name()).with(numbers);
    if zone.is_some() {
        call = call.keyword("tzinfo", Given::Needed);
    }
    if found.fold {
        call = call.keyword("fold", Given::Int(1));
    }
    Ok(made(ValueMake::Call(Box::new(call)), zone.into_iter().collect()))
}

fn date_time<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let (bytes, zone) = match *call.arguments {
        [bytes] => (bytes, None),
        [bytes, zone] => (bytes, Some(zone)),
        _ => return Err("without the bytes of a date".into()),
    };
    let found = state(context, ClockClass::DateTime, bytes)?;
    with_zone(context, (ClockClass::DateTime, bytes), &found, zone)
}

fn time<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let (bytes, zone) = match *call.arguments {
        [bytes] => (bytes, None),
        [bytes, zone] => (bytes, Some(zone)),
        _ => return Err("without the bytes of a time".into()),
    };
    let found = state(context, ClockClass::Time, bytes)?;
    with_zone(context, (ClockClass::Time, bytes), &found, zone)
}

/// The hour and the minute of a `datetime.time` that has neither a zone nor smaller parts.
pub(in crate::pickle::build_plan) fn time_of_day(context: &PlanContext<'_, '_>, value: Ref) -> Option<[i64; 2]> {
    let call = context.call(value).filter(|call| (&*call.module, &*call.name) == ("datetime", "time"))?;
    let &[bytes] = call.arguments else { return None };
    context.recipe(value)?;
    match *state(context, ClockClass::Time, bytes).ok()?.numbers() {
        [hour, minute, 0, 0] => Some([hour, minute]),
        _ => None,
    }
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
    if !is_time_zone(&key) {
        return Err(format!("of {key}, which is no time zone that snapcli knows"));
    }
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
