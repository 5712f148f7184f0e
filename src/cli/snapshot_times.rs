//! The arguments that say when a running script is saved: a time such as `10m`, and the name of a signal.

use std::time::Duration;

/// The signals that a user may choose, by their names without `SIG`. The others end a process whatever it does, report
/// a fault of it, or are Python's.
const SIGNALS: [(&str, i32); 12] = [
    ("HUP", libc::SIGHUP),
    ("QUIT", libc::SIGQUIT),
    ("USR1", libc::SIGUSR1),
    ("USR2", libc::SIGUSR2),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
];
/// The shortest time between two snapshots.
const SHORTEST: Duration = Duration::from_millis(100);

/// The names of the signals that a user may choose.
pub(crate) fn signal_names() -> impl Iterator<Item = &'static str> {
    SIGNALS.iter().map(|(name, _)| *name)
}

/// The name of a signal, with `SIG`.
#[cfg(feature = "python")]
pub(crate) fn signal_name(number: i32) -> String {
    let known = SIGNALS.iter().find(|(_, signal)| *signal == number);
    known.map_or_else(|| format!("signal {number}"), |(name, _)| format!("SIG{name}"))
}

/// Parses the name or the number of a signal: `USR1`, `SIGUSR1`, `10`.
pub(super) fn parse_signal(text: &str) -> Result<i32, String> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let number = name.parse::<i32>().ok();
    let found = SIGNALS.iter().find(|(known, signal)| *known == name || Some(*signal) == number);
    found.map(|(_, signal)| *signal).ok_or_else(|| {
        let names: Vec<&str> = SIGNALS.iter().map(|(known, _)| *known).collect();
        format!("no signal that a script can be saved by: use one of {}", names.join(", "))
    })
}

/// Parses a time: `90s`, `10m`, `1h30m`, `0.5h`.
pub(super) fn parse_interval(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time in seconds, minutes or hours, such as 0.5s, 90s, 10m or 1h30m".to_owned();
    let (mut seconds, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(expected)?;
        let (number, after) = rest.split_at(end);
        let number: f64 = number.parse().map_err(|_| expected())?;
        let unit = after.chars().next().ok_or_else(expected)?;
        seconds += number
            * match unit {
                's' => 1.0,
                'm' => 60.0,
                'h' => 3600.0,
                'd' => 86400.0,
                _ => return Err(format!("unknown unit {unit}: use s, m, h or d")),
            };
        rest = after.get(unit.len_utf8()..).unwrap_or_default();
    }
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| "the time is too long".to_owned())?;
    if time < SHORTEST { Err("the time is too short: the least is 0.1s".to_owned()) } else { Ok(time) }
}

/// Parses a time that may be zero.
pub(super) fn parse_grace(text: &str) -> Result<Duration, String> {
    if text == "0s" { Ok(Duration::ZERO) } else { parse_interval(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let seconds = |text| parse_interval(text).map(|time| time.as_secs_f64());
        for (text, expected) in [("90s", 90.0), ("10m", 600.0), ("1h30m", 5400.0), ("0.5h", 1800.0), ("0.1s", 0.1)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "10", "m", "10x", "10m5", "-1s", "1..5s", "0s", "1e5s", "99999999999999999999999h", "10ü"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn signals_have_names_and_numbers() {
        for text in ["USR1", "SIGUSR1", "usr1", "10"] {
            assert_eq!(parse_signal(text), Ok(libc::SIGUSR1), "{text}");
        }
        for text in ["KILL", "9", "SEGV", "INT", "", "SIG", "0", "-1", "FOO"] {
            assert!(parse_signal(text).is_err(), "{text}");
        }
    }
}
