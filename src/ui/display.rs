//! How strings, sizes and counts are shown to people.
//!
//! Strings from files and scripts pass [`escape`] on their way to a terminal: a name in a pickle could hold escape
//! sequences that rewrite the terminal, or bidirectional overrides that make it read as another name.
//! `report/html/words.js` formats sizes the same way as [`format_size`].

use std::borrow::Cow;

/// Replaces control characters and bidirectional overrides with escapes such as `\u{1b}`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    // U+202A to U+202E and U+2066 to U+2069 change the direction of the text that follows.
    let is_unsafe = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if is_unsafe(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
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

/// Formats `1 variable`, `2 variables`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
