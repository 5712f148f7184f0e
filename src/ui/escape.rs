//! Makes strings from files and scripts safe to print: a name in a pickle could hold escape sequences that rewrite the
//! terminal, or bidirectional overrides that make it read as another name.

use std::borrow::Cow;

/// Replaces control characters and bidirectional overrides with escapes such as `\u{1b}`.
pub fn escape(text: &str) -> Cow<'_, str> {
    // U+202A to U+202E and U+2066 to U+2069 change the direction of the text that follows.
    let is_unsafe = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if is_unsafe(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}
