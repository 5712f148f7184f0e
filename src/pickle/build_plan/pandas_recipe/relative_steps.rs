//! What pandas computes of the arguments of a `DateOffset`: a `relativedelta` of dateutil, which brings its numbers
//! into order, or a `timedelta`.

/// The arguments of a `DateOffset`, which are numbers.
pub(super) const PARTS: [&str; 19] = [
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
/// The numbers of a `relativedelta` that set a part of a time.
const SET: [&str; 8] = ["year", "month", "day", "weekday", "hour", "minute", "second", "microsecond"];
/// Those of them that belong to the time of a day.
const SET_CLOCK: [&str; 4] = ["hour", "minute", "second", "microsecond"];
/// Of how many of the smaller unit the larger one is made.
const CARRIES: [(&str, &str, i64); 5] = [
    ("microseconds", "seconds", 1_000_000),
    ("seconds", "minutes", 60),
    ("minutes", "hours", 60),
    ("hours", "days", 24),
    ("months", "years", 12),
];
/// The parts that a `timedelta` can have, in microseconds.
const LENGTHS: [(&str, i64); 7] = [
    ("weeks", 604_800_000_000),
    ("days", 86_400_000_000),
    ("hours", 3_600_000_000),
    ("minutes", 60_000_000),
    ("seconds", 1_000_000),
    ("milliseconds", 1000),
    ("microseconds", 1),
];
const DAY: i64 = 86_400_000_000;

fn part(parts: &[(String, i64)], name: &str) -> Option<i64> {
    parts.iter().find(|(found, _)| found == name).map(|(_, number)| *number)
}

/// The attributes of `relativedelta(**parts)`, or of a day if there are no parts.
pub(super) fn relative_steps(parts: &[(String, i64)]) -> Vec<(&'static str, Option<i64>)> {
    let number = |name| part(parts, name).unwrap_or(0);
    let mut steps = [
        ("years", number("years")),
        ("months", number("months")),
        ("days", if parts.is_empty() { 1 } else { number("days") + 7 * number("weeks") }),
        ("hours", number("hours")),
        ("minutes", number("minutes")),
        ("seconds", number("seconds")),
        ("microseconds", number("microseconds") + 1000 * number("milliseconds")),
    ];
    for (small, large, count) in CARRIES {
        let found = steps.iter_mut().find(|(name, _)| *name == small).map(|(_, number)| number);
        // As in dateutil, all numbers keep their sign.
        let carried = found.map_or(0, |number| {
            let carried = *number / count;
            *number %= count;
            carried
        });
        steps.iter_mut().filter(|(name, _)| *name == large).for_each(|(_, number)| *number += carried);
    }
    let moves_clock = steps.iter().skip(3).any(|(_, number)| *number != 0);
    let sets_clock = SET_CLOCK.iter().any(|name| part(parts, name).is_some());
    let set = SET.iter().map(|name| (*name, part(parts, name)));
    let computed = [("leapdays", Some(0)), ("_has_time", Some((moves_clock || sets_clock).into()))];
    steps.iter().map(|(name, number)| (*name, Some(*number))).chain(set).chain(computed).collect()
}

/// The days, seconds and microseconds of `timedelta(**parts)`; of a day if there are no parts.
pub(super) fn time_steps(parts: &[(String, i64)]) -> Option<[i64; 3]> {
    let mut all = if parts.is_empty() { DAY } else { 0 };
    for (name, number) in parts {
        // Nanoseconds are added later.
        if !name.starts_with("nanosecond") {
            let (_, length) = LENGTHS.iter().find(|(known, _)| known == name)?;
            all = all.checked_add(number.checked_mul(*length)?)?;
        }
    }
    let of_day = all.rem_euclid(DAY);
    Some([all.div_euclid(DAY), of_day / 1_000_000, of_day % 1_000_000])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(parts: &[(&str, i64)]) -> Vec<(&'static str, i64)> {
        let parts: Vec<_> = parts.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        let steps = relative_steps(&parts).into_iter().filter_map(|(name, number)| Some((name, number?)));
        steps.filter(|(_, number)| *number != 0).collect()
    }

    /// As dateutil 2.9 computes them.
    #[test]
    fn numbers_are_brought_into_order() {
        assert_eq!(steps(&[("months", 14), ("days", 2)]), [("years", 1), ("months", 2), ("days", 2)]);
        assert_eq!(steps(&[("hours", -50)]), [("days", -2), ("hours", -2), ("_has_time", 1)]);
        assert_eq!(steps(&[("weeks", 2), ("days", -1)]), [("days", 13)]);
        assert_eq!(
            steps(&[("milliseconds", 61_001)]),
            [("minutes", 1), ("seconds", 1), ("microseconds", 1000), ("_has_time", 1)]
        );
        assert_eq!(steps(&[("hour", 3)]), [("hour", 3), ("_has_time", 1)]);
        assert_eq!(time_steps(&[("hours".to_owned(), -1)]), Some([-1, 82_800, 0]));
        assert_eq!(time_steps(&[]), Some([1, 0, 0]));
        assert_eq!(time_steps(&[("months".to_owned(), 1)]), None);
    }
}
