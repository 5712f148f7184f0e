//! Reports as JSON for a terminal, a log or a page: the strings in it are those of a hostile file.
//!
//! JSON can write any character as `\u202e`, which is the same string to a parser and harmless to a terminal. In a page
//! the strings themselves are escaped, because the page shows them.
#![allow(clippy::disallowed_macros, reason = "this is what makes JSON safe to print")]

use std::io::{self, Write};

use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter};

use crate::ui::display::{escape_sequence, split_hidden};

/// Where the JSON goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// To a terminal, a log or a program.
    AsJson,
    /// Into an HTML page, which shows the strings.
    InPage,
}

/// Writes JSON in the layout of `L`, with strings that are safe to show.
pub(super) struct JsonText<L> {
    layout: L,
    shown: Shown,
}

impl JsonText<PrettyFormatter<'static>> {
    /// Indented JSON.
    pub(super) fn indented() -> Self {
        Self { layout: PrettyFormatter::new(), shown: Shown::AsJson }
    }
}

impl JsonText<CompactFormatter> {
    /// JSON for a `script` element: nothing in it can end the element or begin a comment.
    pub(super) fn in_page() -> Self {
        Self { layout: CompactFormatter, shown: Shown::InPage }
    }
}

impl<L> JsonText<L> {
    fn write_hidden<W: Write + ?Sized>(&self, out: &mut W, c: char) -> io::Result<()> {
        match self.shown {
            // The backslash is escaped for JSON: the string is what `escape` makes of it.
            Shown::InPage => write!(out, "\\{}", escape_sequence(c)),
            Shown::AsJson => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}")),
        }
    }

    /// Writes text without hidden characters. In JSON, `<`, `>`, `&` and `#` only occur in strings.
    fn write_visible<W: Write + ?Sized>(&self, out: &mut W, text: &str) -> io::Result<()> {
        let mut before = None;
        for piece in text.split_inclusive(['<', '>', '&', '#']) {
            let last = piece.chars().next_back();
            let must_escape = match (last, self.shown) {
                (Some('<' | '>' | '&'), Shown::InPage) => true,
                // `##[` would be a command of a CI service.
                (Some('#'), Shown::AsJson) => piece == "#" && before == Some('#'),
                _ => false,
            };
            match last.filter(|_| must_escape) {
                Some(c) => {
                    out.write_all(piece.strip_suffix(c).unwrap_or(piece).as_bytes())?;
                    write!(out, "\\u{:04x}", u32::from(c))?;
                }
                None => out.write_all(piece.as_bytes())?,
            }
            before = last;
        }
        Ok(())
    }
}

impl<L: Formatter> Formatter for JsonText<L> {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        for (visible, hidden) in split_hidden(fragment) {
            self.write_visible(out, visible)?;
            hidden.map_or(Ok(()), |c| self.write_hidden(out, c))?;
        }
        Ok(())
    }

    fn write_char_escape<W: Write + ?Sized>(&mut self, out: &mut W, escape: CharEscape) -> io::Result<()> {
        let control = match escape {
            CharEscape::Tab => Some('\t'),
            CharEscape::CarriageReturn => Some('\r'),
            CharEscape::Backspace => Some('\u{8}'),
            CharEscape::FormFeed => Some('\u{c}'),
            CharEscape::AsciiControl(byte) => Some(char::from(byte)),
            // The page shows some strings in lines.
            CharEscape::LineFeed => None,
            CharEscape::Quote | CharEscape::ReverseSolidus | CharEscape::Solidus => None,
        };
        match control.filter(|_| self.shown == Shown::InPage) {
            Some(c) => self.write_hidden(out, c),
            None => self.layout.write_char_escape(out, escape),
        }
    }

    fn begin_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.layout.begin_array(out)
    }

    fn end_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.layout.end_array(out)
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.layout.begin_array_value(out, first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.layout.end_array_value(out)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.layout.begin_object(out)
    }

    fn end_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.layout.end_object(out)
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.layout.begin_object_key(out, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.layout.begin_object_value(out)
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.layout.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::ser::Serializer;

    use super::*;

    const HOSTILE: &str = "a\"\\\n\t\u{1b}[31m\u{7f}\u{9b}\u{202e}\u{e0041}é##[x]###</script>";

    fn written<L: Formatter>(format: JsonText<L>) -> String {
        let mut json = Vec::new();
        let done = [HOSTILE].serialize(&mut Serializer::with_formatter(&mut json, format));
        assert!(done.is_ok());
        String::from_utf8_lossy(&json).into_owned()
    }

    #[test]
    fn json_for_a_log_means_the_same_and_hides_nothing() {
        let json = written(JsonText::indented());
        assert_eq!(serde_json::from_str::<[String; 1]>(&json).ok(), Some([HOSTILE.to_owned()]));
        assert!(json.contains(r"\u001b[31m\u007f\u009b\u202e\udb40\udc41é#\u0023[x]#\u0023\u0023</script>"), "{json}");
        assert_eq!(json.lines().count(), 3);
    }

    #[test]
    fn json_in_a_page_holds_strings_that_can_be_shown() {
        let json = written(JsonText::in_page());
        let [shown] = serde_json::from_str::<[String; 1]>(&json).unwrap_or_default();
        assert_eq!(shown, "a\"\\\n\\t\\x1b[31m\\x7f\\x9b\\u202e\\U000e0041é##[x]###</script>");
        assert!(!json.contains(['<', '>', '&']), "{json}");
    }
}
