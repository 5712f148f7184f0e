//! Compares what a command printed with what a page shows. Sizes, times, dates, versions and hashes differ between
//! machines and Pythons: the page shows real ones, and the comparison ignores them.

use snapbox::Data;
use snapbox::filter::NormalizeToExpected;

use crate::integration::env::line_diff;

/// Units after which a number counts as a size or a time.
const UNITS: [&str; 9] = ["B", "kB", "MB", "GB", "KiB", "MiB", "s", "bytes", "ms"];
/// What `platform.machine()` may say.
const MACHINES: [&str; 3] = ["x86_64", "aarch64", "arm64"];
/// Words before a number that depends on sizes.
const BEFORE: &[&str] =
    &["byte", "bytes", "to", "at", "offset", "length", "size", "seconds", "start", "end", "prelude"];

/// The difference, as lines; `None` where there is none.
pub(crate) fn difference(expected: &str, actual: &str) -> Option<String> {
    let (folded_expected, folded_actual) = (fold(expected), fold(actual));
    if with_wildcards(&folded_expected, &folded_actual) == folded_expected {
        return None;
    }
    Some(line_diff("page", expected, "printed", &with_wildcards(expected, actual)))
}

/// What was printed, with the wildcards of the page where they match.
pub(crate) fn with_wildcards(expected: &str, actual: &str) -> String {
    let (expected, actual) = (Data::text(expected), Data::text(actual));
    NormalizeToExpected::new().redact().normalize(actual, &expected).to_string()
}

/// Each line with its indentation and single spaces between its words, without bars, and with `#` in place of what
/// differs between machines.
fn fold(output: &str) -> String {
    output.lines().flat_map(|line| [fold_line(line), "\n".to_owned()]).collect()
}

/// As `fold`, of one line.
pub(crate) fn fold_line(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().filter(|word| !is_bar(word)).collect();
    // The indentation tells the end of a JSON object from the end of one within it.
    let indent = line.len() - line.trim_start().len();
    let mut folded = Vec::new();
    for (number, word) in words.iter().enumerate() {
        let (bare, before) = (bare(word), number.checked_sub(1).map_or("", |before| self::bare(words[before])));
        let unit = words.get(number + 1).is_some_and(|after| UNITS.contains(&self::bare(after)));
        // A line of its own: a memo slot in a JSON list. The exit status that `echo $?` prints is not indented.
        let alone = words.len() == 1 && indent > 0;
        if is_number(bare) && (unit || alone || BEFORE.contains(&before)) || is_volatile(word, bare) {
            folded.push(word.replace(bare, "#"));
        } else if is_number(before) && UNITS.contains(&bare) {
            // The unit goes with the number: 1.0 kB here is 990 B there.
            folded.push(word.replace(bare, ""));
        } else {
            folded.push((*word).to_owned());
        }
    }
    let starts_with_size = words.first().is_some_and(|word| is_number(word));
    " ".repeat(if starts_with_size { 0 } else { indent }) + &folded.join(" ")
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
}

/// A version, a date, a time of day, a hash, a machine, or the number of a memo slot (`#12`).
fn is_volatile(whole: &str, word: &str) -> bool {
    if MACHINES.contains(&word) || whole.starts_with('#') {
        return true;
    }
    let digits_and = |other: &[char]| word.chars().all(|c| c.is_ascii_digit() || other.contains(&c));
    let count = |c: char| word.matches(c).count();
    (digits_and(&['.']) && count('.') == 2)
        || (digits_and(&['-', ':', 'T', 'Z', '.']) && (count('-') == 2 || count(':') == 2))
        || (word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit()))
}

fn is_bar(word: &str) -> bool {
    word.chars().all(|c| ('█'..='▏').contains(&c))
}

#[test]
fn sizes_and_dates_are_not_compared_and_everything_else_is() {
    let shown =
        "saved 2 variables to a.pkl (14 kB)\nat 2026-11-28 16:28:28 UTC by Python 3.11.7\nmean float 16 B ▏ 19.9\n";
    let printed =
        "saved 2 variables to a.pkl (1.4 MB)\nat 2027-01-02 03:04:05 UTC by Python 3.12.1\nmean float  9 B █▏ 19.9\n";
    assert_eq!(difference(shown, printed), None);
    assert!(difference(shown, &printed.replace("2 variables", "3 variables")).is_some());
    assert!(difference(shown, &printed.replace("19.9", "19.8")).is_some());
    assert!(difference("3\n", "4\n").is_some());
    assert_eq!(difference("a [..] c\n...\nend\n", "a b c\nmore\nlines\nend\n"), None);
}
