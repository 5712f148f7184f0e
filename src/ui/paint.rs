//! The role of a part of a line, and the colour of each role: the same in all commands.

use std::io;

use console::Style;

use super::shown_lines::Lines;

/// The role of a part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Ordinary text.
    Plain,
    /// A heading, or the name that a line is about.
    Name,
    /// Something new or intact.
    Good,
    /// Something removed, damaged or wrong.
    Bad,
    /// Something changed, or the number of a snapshot.
    Changed,
    /// A label or a detail.
    Faint,
}

impl Paint {
    fn style(self) -> Style {
        let style = Style::new().force_styling(true);
        match self {
            Self::Plain => Style::new(),
            Self::Name => style.bold(),
            Self::Good => style.green(),
            Self::Bad => style.red(),
            Self::Changed => style.yellow(),
            Self::Faint => style.dim(),
        }
    }
}

impl Lines<'_> {
    /// Writes a line of parts, in colour if the lines are coloured. It is wrapped like any other line.
    pub(crate) fn painted(&mut self, parts: &[(Paint, &str)]) -> io::Result<()> {
        if !self.is_coloured() {
            return self.line(parts.iter().map(|(_, text)| *text).collect::<String>());
        }
        let styled = with_styles(parts);
        self.styled(&styled.iter().map(|(text, style)| (text.clone(), style)).collect::<Vec<_>>())
    }

    /// The same for a line that goes on below at column `hang`, if it is too wide for the terminal.
    pub(crate) fn painted_hanging(&mut self, hang: usize, parts: &[(Paint, &str)]) -> io::Result<()> {
        if !self.is_coloured() {
            return self.hanging(hang, parts.iter().map(|(_, text)| *text).collect::<String>());
        }
        let styled = with_styles(parts);
        self.styled_hanging(hang, &styled.iter().map(|(text, style)| (text.clone(), style)).collect::<Vec<_>>())
    }
}

fn with_styles(parts: &[(Paint, &str)]) -> Vec<(String, Style)> {
    parts.iter().map(|(paint, text)| ((*text).to_owned(), paint.style())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_add_nothing_but_escape_sequences() -> io::Result<()> {
        let parts = [(Paint::Bad, "- x"), (Paint::Plain, ": int \u{1b}[2J1"), (Paint::Faint, " (a note)")];
        let written = |colour: bool| -> io::Result<String> {
            let mut out = Vec::new();
            Lines::new(&mut out).coloured(colour).painted(&parts)?;
            Ok(String::from_utf8_lossy(&out).into_owned())
        };
        assert_eq!(written(false)?, "- x: int \\x1b[2J1 (a note)\n");
        assert_eq!(written(true)?, "\u{1b}[31m- x\u{1b}[0m: int \\x1b[2J1\u{1b}[2m (a note)\u{1b}[0m\n");
        Ok(())
    }
}
