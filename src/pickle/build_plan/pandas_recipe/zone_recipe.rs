//! Recipes for the time zones of pytz, which pandas 1 and 2 use, and the check of a zone of any library.
//!
//! pytz pickles a zone as `_p(name)` or, with the part of its history that a time is in, `_p(name, offset, dst,
//! abbreviation)`; both offsets are in seconds.

use super::pandas_parts::{text, unexpected_arguments};
use super::{Made, PandasArgument, PandasMake, PlanContext, PlannedCall, Refused, call_of};
use crate::pickle::build_plan::object_abilities::is_zone;
use crate::pickle::known::is_time_zone;
use crate::pickle::machine::value::Ref;

/// The most seconds of an offset, and the most minutes of a zone without a name: less than a day.
const MOST_SECONDS: i64 = 86_399;
const MOST_MINUTES: i64 = 1_439;

/// Refuses a zone that is not an object. pandas would search for the file of a name.
pub(super) fn check_zone(context: &PlanContext<'_, '_>, zone: Ref) -> Result<(), Refused> {
    let is_zone = context.recipe(zone).is_some_and(is_zone);
    is_zone.then_some(()).ok_or_else(|| "has something else as its zone".to_owned())
}

/// A zone of pytz.
pub(super) fn zone<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    if call.is_new || call.state.is_some() {
        return Err(unexpected_arguments());
    }
    let arguments = match (&*call.name, call.arguments) {
        ("_UTC", []) => vec![PandasArgument::Text("UTC".to_owned())],
        ("FixedOffset", &[minutes]) => {
            let minutes = number(context, minutes, MOST_MINUTES)?;
            return Ok(call_of("fixed_zone", vec![PandasArgument::Int(minutes)], Made::Zone));
        }
        ("_p", &[name]) => vec![zone_name(context, name)?],
        ("_p", &[name, offset, dst, abbreviation]) => vec![
            zone_name(context, name)?,
            PandasArgument::Int(number(context, offset, MOST_SECONDS)?),
            PandasArgument::Int(number(context, dst, MOST_SECONDS)?),
            PandasArgument::Text(text(context, abbreviation).ok_or_else(unexpected_arguments)?),
        ],
        _ => return Err(unexpected_arguments()),
    };
    Ok(call_of("named_zone", arguments, Made::Zone))
}

fn number(context: &PlanContext<'_, '_>, value: Ref, most: i64) -> Result<i64, Refused> {
    let number = context.int(value).filter(|number| (-most..=most).contains(number));
    number.ok_or_else(|| "has an offset of a day or more".to_owned())
}

/// The name of a zone, such as `Etc/GMT+5`. pytz looks it up in its own list.
fn zone_name<'a>(context: &PlanContext<'_, '_>, name: Ref) -> Result<PandasArgument<'a>, Refused> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-' | b'/');
    let name = text(context, name).filter(|name| name.bytes().all(is_known) && is_time_zone(name));
    name.map(PandasArgument::Text).ok_or_else(|| "has a name that no zone has".to_owned())
}
