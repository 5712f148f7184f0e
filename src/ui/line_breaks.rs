//! Breaks a line that is wider than the terminal, between words only.
//!
//! Widths are columns: a CJK character takes two, an accent none. A word that is wider than the terminal, such as a
//! path, stays whole, so that it can be copied. Output that is not a terminal has no width, and its lines stay whole,
//! so that `grep` finds them.

use std::ops::Range;

use console::Term;
use textwrap::WordSeparator;
use textwrap::core::{Fragment, Word};
use textwrap::wrap_algorithms::wrap_first_fit;

/// A terminal with fewer columns is not one that people read.
const NARROWEST: u16 = 20;
/// Columns by which lines that continue another one are indented further.
const HANG: usize = 2;

/// The width of a terminal in columns; `None` for a file or a pipe.
pub(crate) fn terminal_width(terminal: &Term) -> Option<usize> {
    let (_, columns) = terminal.is_term().then(|| terminal.size_checked()).flatten()?;
    (columns >= NARROWEST).then_some(usize::from(columns))
}

/// The column at which a line goes on below, if nothing else is said: a little to the right of its first word.
pub(super) fn hanging_column(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len() + HANG
}

/// The parts of `line` that fit into `width` columns each, if all but the first are indented to column `hang`. The
/// spaces at which it breaks are in none of them.
pub(super) fn break_line(line: &str, width: usize, hang: usize) -> Vec<Range<usize>> {
    let start = line.len() - line.trim_start_matches(' ').len();
    let words: Vec<Word<'_>> = WordSeparator::AsciiSpace.find_words(line.get(start..).unwrap_or_default()).collect();
    let columns = |used: usize| width.saturating_sub(used) as f64;
    let mut parts = Vec::new();
    let mut at = start;
    for words in wrap_first_fit(&words, &[columns(start), columns(capped_hang(width, hang))]) {
        let whole: usize = words.iter().map(|word| word.word.len() + word.whitespace.len()).sum();
        let space = words.last().map_or(0, |word| word.whitespace.len());
        // The first part has the indentation of the line.
        let from = if parts.is_empty() { 0 } else { at };
        parts.push(from..at + whole - space);
        at += whole;
    }
    // Spaces at the end of the line stay where they are, unless it was broken.
    match parts.as_mut_slice() {
        [only] => only.end = line.len(),
        [] => parts.push(0..line.len()),
        _ => {}
    }
    parts
}

/// On a narrow terminal, deeply indented lines keep half of its width.
pub(super) fn capped_hang(width: usize, hang: usize) -> usize {
    hang.min(width / 2)
}

/// Whether a string fits into a number of columns.
pub(super) fn fits(text: &str, width: usize) -> bool {
    // The most common case needs no measuring.
    text.len() <= width || Word::from(text).width() <= width as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(line: &str, width: usize, hang: usize) -> Vec<&str> {
        break_line(line, width, hang).into_iter().map(|part| &line[part]).collect()
    }

    #[test]
    fn lines_break_between_words_only() {
        let line = "cannot keep a log file: it is open --max-size";
        assert_eq!(broken(line, 20, 2), ["cannot keep a log", "file: it is open", "--max-size"]);
        assert_eq!(broken(line, 200, 2), [line]);
        assert_eq!(broken("  a  b c", 6, 4), ["  a  b", "c"]);
        assert_eq!(broken("", 20, 2), [""]);
        assert_eq!(broken("    ", 2, 2), ["    "]);
    }

    #[test]
    fn a_word_wider_than_the_terminal_stays_whole() {
        assert_eq!(broken("to /a/very/long/path/x.pkl now", 10, 2), ["to", "/a/very/long/path/x.pkl", "now"]);
    }

    #[test]
    fn widths_are_columns() {
        // Two columns each, and none for the accent.
        assert_eq!(broken("名前 名前 e\u{301}e\u{301}", 9, 0), ["名前 名前", "e\u{301}e\u{301}"]);
        assert!(fits("e\u{301}e\u{301}", 2) && !fits("名前", 3) && fits("名前", 4));
    }

    #[test]
    fn every_part_fits_and_nothing_is_lost() {
        let line = "  x (a.b.C, line 3): TypeError: cannot pickle 'C' object\u{a0}here 日本 語 and so on ☎\u{fe0f} ok";
        for width in 20..120 {
            for hang in [0, 4, 30] {
                let parts = broken(line, width, hang);
                let hang = capped_hang(width, hang);
                for (number, part) in parts.iter().enumerate() {
                    let indent = if number == 0 { 0 } else { hang };
                    assert!(fits(part, width - indent) || !part.trim().contains(' '), "{part:?} at {width}");
                }
                assert_eq!(parts.join(" "), line);
            }
        }
    }
}
