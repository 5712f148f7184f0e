//! What people and programs read: answers are structs first, and text and JSON are small functions from them
//! into any `Write`. Talk, which goes to standard error, is in [`say`].

use std::borrow::Cow;
use std::io::{self, Write};

pub mod answer;
pub mod changes;
#[cfg(feature = "python")]
pub mod doctor;
pub mod github;
pub mod html;
pub mod say;
pub mod table;
pub mod text;
pub mod trace;
pub mod verdict;
pub mod verify;

/// A text from a file or a script, made safe for a terminal: control characters are escaped.
pub fn plain(text: &str) -> Cow<'_, str> {
    // The bidirectional overrides can make a name read as another one.
    let unsafe_char = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(unsafe_char) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if unsafe_char(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// A number of bytes for people: `0 B`, `12.3 kB`, `512 MB`, in powers of 1000.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// `1 variable`, `2 variables`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Writes an answer as JSON, with a newline behind it.
pub fn json(out: &mut dyn Write, answer: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer)?;
    writeln!(out)
}
