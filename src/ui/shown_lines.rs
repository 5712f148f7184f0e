//! The only way for text to reach a terminal or the log of a CI job: a line at a time, escaped as a whole.
//!
//! Strings from files are hostile. A report gets [`Lines`] instead of a writer, so nothing in it can print a control
//! character, end a line early, or print what a CI service takes for a command, whatever the strings in it are.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};
use std::ops::Range;

use console::Style;

use super::display::{escape, escape_sequence};
use super::line_breaks::{break_line, capped_hang, fits, hanging_column};

/// Writes lines of text, with every character that must not be shown escaped.
pub(crate) struct Lines<'w> {
    out: &'w mut dyn Write,
    /// The width of the terminal, if it is one.
    width: Option<usize>,
    /// Whether parts of lines have colours.
    colour: bool,
}

impl<'w> Lines<'w> {
    /// Lines that go to `out`, and stay whole however long they are.
    pub(crate) fn new(out: &'w mut dyn Write) -> Self {
        Self { out, width: None, colour: false }
    }

    /// Lines that go to a terminal with this many columns, where they break between words; `None` for a file or a
    /// pipe.
    pub(crate) fn in_columns(out: &'w mut dyn Write, width: Option<usize>) -> Self {
        Self { out, width, colour: false }
    }

    /// The same lines, with or without colours.
    pub(crate) fn coloured(self, colour: bool) -> Self {
        Self { colour, ..self }
    }

    /// The width of the terminal in columns, if it is one.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    pub(super) fn is_coloured(&self) -> bool {
        self.colour
    }

    /// Writes a line. A line break within `text` is escaped.
    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        let text = text.to_string();
        self.hanging(hanging_column(&text), text)
    }

    /// Writes a line that goes on below at column `hang`, if it is too wide for the terminal.
    pub(crate) fn hanging(&mut self, hang: usize, text: impl Display) -> io::Result<()> {
        let text = text.to_string();
        let text = printable(&text);
        let Some(width) = self.width.filter(|width| !fits(&text, *width)) else {
            return writeln!(self.out, "{text}");
        };
        for (number, part) in break_line(&text, width, hang).into_iter().enumerate() {
            let part = text.get(part).unwrap_or_default();
            match number {
                0 => writeln!(self.out, "{part}")?,
                // What was in the middle of a line may be a command at its beginning.
                _ => writeln!(self.out, "{:indent$}{}", "", printable(part), indent = capped_hang(width, hang))?,
            }
        }
        Ok(())
    }

    /// Writes an empty line.
    pub(crate) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// Writes a line of strings in styles, which add escape sequences of their own. It breaks as others do.
    pub(crate) fn styled(&mut self, parts: &[(String, &Style)]) -> io::Result<()> {
        let whole: String = parts.iter().map(|(text, _)| text.as_str()).collect();
        self.styled_hanging(hanging_column(&whole), parts)
    }

    /// Writes a line of strings in styles that goes on below at column `hang`, if it is too wide for the terminal.
    pub(super) fn styled_hanging(&mut self, hang: usize, parts: &[(String, &Style)]) -> io::Result<()> {
        let parts: Vec<(Cow<'_, str>, &Style)> = parts.iter().map(|(text, style)| (escape(text), *style)).collect();
        let whole: String = parts.iter().map(|(text, _)| text.as_ref()).collect();
        let Some(width) = self.width.filter(|width| !fits(&whole, *width)) else {
            return self.write_styled(&whole, &parts, 0..whole.len());
        };
        let hang = capped_hang(width, hang);
        for (number, part) in break_line(&whole, width, hang).into_iter().enumerate() {
            if number > 0 {
                write!(self.out, "{:hang$}", "")?;
            }
            self.write_styled(&whole, &parts, part)?;
        }
        Ok(())
    }

    /// Writes a line as [`styled`](Self::styled) does, but never breaks it: the row of a table, which fits already.
    pub(crate) fn row(&mut self, parts: &[(String, &Style)]) -> io::Result<()> {
        let width = self.width.take();
        let done = self.styled(parts);
        self.width = width;
        done
    }

    /// Writes a range of the strings, which are escaped and make up `whole`, as a line.
    fn write_styled(&mut self, whole: &str, parts: &[(Cow<'_, str>, &Style)], range: Range<usize>) -> io::Result<()> {
        let line = whole.get(range.clone()).unwrap_or_default();
        if starts_command(line) {
            return writeln!(self.out, "{}", printable(line));
        }
        let mut at = 0;
        for (text, style) in parts {
            let (from, to) = (range.start.max(at), range.end.min(at + text.len()));
            let shown = if from < to { text.get(from - at..to - at).unwrap_or_default() } else { "" };
            at += text.len();
            // Spaces need no escape sequences around them.
            if shown.trim().is_empty() {
                write!(self.out, "{shown}")?
            } else {
                write!(self.out, "{}", style.apply_to(shown))?
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
            shown.push_str(&escape_sequence(c));
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
            ("::add-mask::x", "\\x3a:add-mask::x"),
            ("  \u{a0}::stop-commands::x", "  \u{a0}\\x3a:stop-commands::x"),
            ("a ##[add-mask]x", "a #\\x23[add-mask]x"),
            ("##vso[task.setvariable]x", "#\\x23vso[task.setvariable]x"),
            ("###[x]", "#\\x23\\x23[x]"),
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
        let expected = "a\\n::error::x\\x1b[31m\n\u{1b}[1mb\\x1b\u{1b}[0m  \n\\x3a:error::x\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        Ok(())
    }

    #[test]
    fn lines_break_at_the_width_and_stay_harmless() -> io::Result<()> {
        let (mut out, bold) = (Vec::new(), Style::new().force_styling(true).bold());
        let mut lines = Lines::in_columns(&mut out, Some(20));
        lines.line("  left out \u{1b}[2J and so ::error::x and ##[group] more")?;
        lines.hanging(8, "name    a value in several words")?;
        lines.styled(&[("verdict: ".to_owned(), &bold), ("it is ::add-mask:: x".to_owned(), &bold)])?;
        lines.row(&[("a row that is wider than that".to_owned(), &Style::new())])?;
        let expected = "  left out \\x1b[2J
    and so
    \\x3a:error::x and
    #\\x23[group]
    more
name    a value in
        several
        words
\u{1b}[1mverdict: \u{1b}[0m\u{1b}[1mit is\u{1b}[0m
  \\x3a:add-mask:: x
a row that is wider than that
";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        Ok(())
    }
}
