//! How strings, sizes and counts are shown to people.
//!
//! [`escape`] is the only function that makes a string safe to show. [`Lines`](super::Lines) and the messages apply it
//! to every line, so callers need it only to measure or compare what will be shown. `report/html/words.js` formats
//! sizes the same way as [`format_size`].

use std::borrow::Cow;
use std::time::Duration;

/// Replaces characters that do not show what they are with escapes such as `\x1b`, as Python does: control characters,
/// which can rewrite a terminal; line separators; and invisible characters, which make a name look like another one.
/// Applying it twice changes nothing more.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    // Most strings are names and numbers.
    if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for (visible, hidden) in split_hidden(text) {
        shown.push_str(visible);
        hidden.into_iter().for_each(|c| shown.push_str(&escape_sequence(c)));
    }
    Cow::Owned(shown)
}

/// The escape sequence of a character in a string literal of Python.
pub(crate) fn escape_sequence(c: char) -> String {
    match (c, u32::from(c)) {
        ('\n', _) => "\\n".to_owned(),
        ('\r', _) => "\\r".to_owned(),
        ('\t', _) => "\\t".to_owned(),
        (_, code @ ..0x100) => format!("\\x{code:02x}"),
        (_, code @ ..0x1_0000) => format!("\\u{code:04x}"),
        (_, code) => format!("\\U{code:08x}"),
    }
}

/// Splits a string into visible pieces, each with the hidden character that follows it.
pub(crate) fn split_hidden(text: &str) -> impl Iterator<Item = (&str, Option<char>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let piece = rest?;
        let mut before = None;
        let hidden = piece.char_indices().find(|(_, c)| is_hidden(*c, before.replace(*c)));
        rest = hidden.and_then(|(at, c)| piece.get(at + c.len_utf8()..));
        Some(hidden.map_or((piece, None), |(at, c)| (piece.get(..at).unwrap_or_default(), Some(c))))
    })
}

/// Whether a character must not be shown as it is.
fn is_hidden(c: char, before: Option<char>) -> bool {
    match c {
        ' '..='~' => false,
        // VARIATION SELECTOR-16 makes an emoji of a symbol. Anywhere else it only makes a difference that nobody sees.
        '\u{fe0f}' => before.is_none_or(|before| before.is_ascii() || before.is_alphanumeric()),
        // C0 and C1 control characters, and DELETE.
        _ if c.is_control() => true,
        // Unicode's Default_Ignorable_Code_Point: characters without a glyph, among them those that change the
        // direction of text (U+202A to U+202E, U+2066 to U+2069) and copies of ASCII (U+E0020 to U+E007E).
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0e}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        // LINE SEPARATOR and PARAGRAPH SEPARATOR, interlinear annotations, and the empty Braille pattern.
        '\u{2028}'..='\u{2029}' | '\u{fff9}'..='\u{fffb}' | '\u{2800}' => true,
        _ => false,
    }
}

/// Formats a number of bytes as `0 B`, `9.5 kB` or `512 MB`, in powers of 1000.
pub(crate) fn format_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    // 999.5 kB would round to `1000 kB`: write `1.0 MB`.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    // Two significant digits, and 9.95 already rounds to 10.
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// A time as snapshots have it, without its zone, which is UTC: `2026-11-24 01:56:08` for `2026-11-24T01:56:08Z`.
pub(crate) fn format_utc(created: &str) -> String {
    created.trim_end_matches('Z').replace('T', " ")
}

/// Formats a time as `12 ms`, `3.25 s`, `2 min 5 s` or `3 h 20 min`.
pub(crate) fn format_time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.2} s", time.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Formats `1 variable`, `2 variables`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_two_units_at_most() {
        for (milliseconds, expected) in
            [(0, "0 ms"), (12, "12 ms"), (3250, "3.25 s"), (125_000, "2 min 5 s"), (12_000_000, "3 h 20 min")]
        {
            assert_eq!(format_time(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn hidden_characters_are_escaped_once() {
        let hidden =
            "\u{1b}[31m\r\n\t\0\u{7f}\u{9b}\u{85}\u{202e}\u{2066}\u{200b}\u{2028}\u{feff}\u{e0041}\u{ad}\u{3164}";
        let shown = escape(hidden);
        assert!(shown.is_ascii() && !shown.contains(char::is_control), "{shown}");
        assert_eq!(escape(&shown), shown);
        assert!(shown.starts_with("\\x1b[31m\\r\\n\\t\\x00\\x7f\\x9b\\x85\\u202e"), "{shown}");
        assert!(shown.contains("\\ufeff\\U000e0041\\xad"), "{shown}");
    }

    #[test]
    fn visible_text_stays_as_it_is() {
        for text in ["", "plain", "名前 = 'é'", "☎\u{fe0f} ok", "\u{a0}1 234", "→ … ×", "\\x1b"] {
            assert_eq!(escape(text), text);
        }
        assert_eq!(escape("a\u{fe0f}"), "a\\ufe0f", "no emoji");
    }
}
