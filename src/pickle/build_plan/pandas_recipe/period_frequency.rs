//! The frequencies of periods: an offset such as `MonthEnd(2)`, or the name of one, such as `2M`.

use super::offset_arguments::number_of_steps;
use super::pandas_parts::{is_none, text};
use super::{Made, PandasArgument, PlanContext, Refused, made};
use crate::pickle::machine::value::Ref;

/// The most steps of a frequency.
const MOST_STEPS: i64 = i32::MAX as i64;
/// The names of frequencies without a suffix, and those that pandas has used up to 2.1.
const NAMES: [(&str, &str); 9] =
    [("M", "M"), ("B", "B"), ("D", "D"), ("h", "H"), ("min", "T"), ("s", "S"), ("ms", "L"), ("us", "U"), ("ns", "N")];
const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
/// The offsets that are frequencies of periods.
const OFFSETS: [&str; 13] = [
    "Day",
    "Hour",
    "Minute",
    "Second",
    "Milli",
    "Micro",
    "Nano",
    "BusinessDay",
    "BDay",
    "Week",
    "MonthEnd",
    "QuarterEnd",
    "YearEnd",
];

/// An offset, or a string that names one.
pub(super) fn frequency<'a>(context: &PlanContext<'_, 'a>, freq: Ref) -> Result<PandasArgument<'a>, Refused> {
    let found = match text(context, freq) {
        Some(text) => frequency_name(&text).map(PandasArgument::Text),
        None => is_frequency(context, freq).then_some(PandasArgument::Object(freq)),
    };
    found.ok_or_else(|| "has an unknown frequency".to_owned())
}

/// Whether a value is an offset that periods may have.
fn is_frequency(context: &PlanContext<'_, '_>, freq: Ref) -> bool {
    let Some(call) = context.call(freq).filter(|_| made(context, freq) == Some(Made::Offset)) else { return false };
    let steps = call.arguments.first().and_then(|steps| number_of_steps(context, &call.name, *steps).ok());
    let has_last_day = || call.arguments.get(2).is_some_and(|day| !is_none(context, *day));
    steps.is_some_and(|steps| (1..=MOST_STEPS).contains(&steps))
        && OFFSETS.contains(&&*call.name)
        && (&*call.name != "Week" || has_last_day())
}

/// The name of a frequency as pandas has it since 2.2, if this is one.
pub(super) fn frequency_name(text: &str) -> Option<String> {
    let name = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let steps = text.strip_suffix(name)?;
    let is_number = steps.is_empty() || steps.parse().is_ok_and(|steps: i64| (1..=MOST_STEPS).contains(&steps));
    let (name, suffix) = name.split_once('-').map_or((name, None), |(name, suffix)| (name, Some(suffix)));
    let (name, suffixes) = match name {
        "Y" | "A" => ("Y", MONTHS),
        "Q" => ("Q", MONTHS),
        "W" => ("W", DAYS),
        _ => (NAMES.iter().find(|(new, old)| *new == name || *old == name)?.0, &[][..]),
    };
    let suffix = match suffix {
        None => String::new(),
        Some(suffix) => format!("-{}", suffixes.iter().find(|known| **known == suffix)?),
    };
    is_number.then(|| format!("{steps}{name}{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_become_new_ones() {
        for (old, new) in
            [("2Q-MAR", "2Q-MAR"), ("A-DEC", "Y-DEC"), ("H", "h"), ("15T", "15min"), ("W", "W"), ("D", "D")]
        {
            assert_eq!(frequency_name(old).as_deref(), Some(new));
        }
        for unknown in ["", "2", "0D", "-D", "Q-MRA", "M-JAN", "9999999999D", "QE", "1D12h", "D-", "Ä", "W-SUN-SUN"] {
            assert_eq!(frequency_name(unknown), None, "{unknown}");
        }
    }
}
