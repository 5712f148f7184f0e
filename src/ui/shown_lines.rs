//! The only way for text to reach a terminal or the log of a CI job: a line at a time, escaped as a whole.
//!
//! Strings from files are hostile. A report gets [`Lines`] instead of a writer, so nothing in it can print a control
//! character, end a line early, or print what a CI service takes for a command, whatever the strings in it are.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};

use console::Style;

use super::display::escape;

/// Writes lines of text, with every character that must not be shown escaped.
pub(crate) struct Lines<'w> {
    out: &'w mut dyn Write,
}

impl<'w> Lines<'w> {
    /// Lines that go to `out`.
    pub(crate) fn new(out: &'w mut dyn Write) -> Self {
        Self { out }
    }

    /// Writes a line. A line break within `text` is escaped.
    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{}", printable(&text.to_string()))
    }

    /// Writes an empty line.
    pub(crate) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// Writes a line of strings in styles, which add escape sequences of their own.
    pub(crate) fn styled(&mut self, parts: &[(String, &Style)]) -> io::Result<()> {
        let whole: String = parts.iter().map(|(text, _)| text.as_str()).collect();
        if starts_command(&whole) {
            return self.line(whole);
        }
        for (text, style) in parts {
            let text = escape(text);
            // Spaces need no escape sequences around them.
            if text.trim().is_empty() {
                write!(self.out, "{text}")?
            } else {
                write!(self.out, "{}", style.apply_to(&text))?
            }
        }
        writeln!(self.out)
    }
}

/// A line as it may be printed.
pub(crate) fn printable(line: &str) -> Cow<'_, str> {
    let shown = escape(line);
    if starts_command(&shown) { Cow::Owned(without_commands(&shown)) } else { shown }
}

/// Whether a CI service would take a part of a line for a command: `::add-mask::` after nothing but spaces (GitHub), or
/// `##[group]`, `##vso[…]`, `##teamcity[…]` anywhere (GitHub, Azure, `TeamCity`).
fn starts_command(line: &str) -> bool {
    line.trim_start().starts_with("::") || line.match_indices('#').any(|(at, _)| is_bracketed(line, at))
}

/// Whether `##`, letters and a bracket begin at `at`.
fn is_bracketed(line: &str, at: usize) -> bool {
    let rest = line.get(at..).and_then(|rest| rest.strip_prefix("##")).unwrap_or_default();
    rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).starts_with('[')
}

/// Escapes one character of each command, so that it reads the same but is none.
fn without_commands(line: &str) -> String {
    let mut shown = String::with_capacity(line.len() + 8);
    let start = line.len() - line.trim_start().len();
    for (at, c) in line.char_indices() {
        let is_command = at == start && line.get(at..).is_some_and(|rest| rest.starts_with("::"))
            || c == '#' && at > 0 && line.get(at - 1..).is_some_and(|rest| rest.starts_with("##"));
        if is_command {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_a_command_of_a_ci_service() {
        for (line, expected) in [
            ("::add-mask::x", "\\u{3a}:add-mask::x"),
            ("  \u{a0}::stop-commands::x", "  \u{a0}\\u{3a}:stop-commands::x"),
            ("a ##[add-mask]x", "a #\\u{23}[add-mask]x"),
            ("##vso[task.setvariable]x", "#\\u{23}vso[task.setvariable]x"),
            ("###[x]", "#\\u{23}\\u{23}[x]"),
            ("a::b ## c #[x]", "a::b ## c #[x]"),
        ] {
            assert_eq!(printable(line), expected, "{line}");
        }
    }

    #[test]
    fn a_string_ends_no_line_and_adds_no_style() -> io::Result<()> {
        let (mut out, bold) = (Vec::new(), Style::new().force_styling(true).bold());
        let mut lines = Lines::new(&mut out);
        lines.line(format_args!("a{}", "\n::error::x\u{1b}[31m"))?;
        lines.styled(&[("b\u{1b}".to_owned(), &bold), ("  ".to_owned(), &bold)])?;
        lines.styled(&[("::error::x".to_owned(), &bold)])?;
        let expected = "a\\n::error::x\\u{1b}[31m\n\u{1b}[1mb\\u{1b}\u{1b}[0m  \n\\u{3a}:error::x\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        Ok(())
    }
}
