//! Patterns of names: globs as shells have them. Options, files of settings and the arguments of `import snapcli` are
//! all parsed here.
//!
//! The glob crate excludes characters with `[!x]` only. Shells take `[^x]` as well, so it means the same here.

use glob::{Pattern, PatternError};

/// A pattern of an option. An empty one, as after a comma at the end, is a slip.
pub(crate) fn parse_glob(text: &str) -> Result<Pattern, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a pattern is empty: is there a comma too many?".to_owned());
    }
    glob_of(text).map_err(|error| error.to_string())
}

/// The pattern that a string stands for.
pub(crate) fn glob_of(text: &str) -> Result<Pattern, PatternError> {
    Pattern::new(&with_exclamation_marks(text))
}

/// The same pattern with `[!x]` for `[^x]`.
fn with_exclamation_marks(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        pattern.push(c);
        if c != '[' {
            continue;
        }
        if chars.next_if(|next| matches!(next, '^' | '!')).is_some() {
            pattern.push('!');
        }
        // The first character belongs to the set even if it is a bracket: `[]]`, `[[]`.
        pattern.extend(chars.next());
        for member in chars.by_ref() {
            pattern.push(member);
            if member == ']' {
                break;
            }
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_marks_exclude_characters() {
        for (typed, matched, other) in [
            ("[^_]*", "model", "_model"),
            ("[!_]*", "model", "_model"),
            ("a[^0-9]", "ab", "a1"),
            ("x[^]]", "xa", "x]"),
            ("[a^]", "^", "b"),
            ("[[]^", "[^", "[["),
            ("[^a][^b]", "ba", "ab"),
        ] {
            let pattern = glob_of(typed);
            assert!(pattern.as_ref().is_ok_and(|pattern| pattern.matches(matched)), "{typed} {matched}");
            assert!(pattern.is_ok_and(|pattern| !pattern.matches(other)), "{typed} {other}");
        }
        assert!(glob_of("[^").is_err() && glob_of("a[").is_err() && parse_glob(" ").is_err());
    }
}
