//! Cuts the cells of a table to a width, with an ellipsis.
//!
//! Widths are columns of a terminal as `console` measures them. `console::truncate_str` does not fit: it adds up the
//! widths of single characters, and a variation selector makes the character before it wider.

use console::measure_text_width;

use super::TableStyle;

fn ellipsis(style: TableStyle) -> &'static str {
    if style.unicode { "…" } else { ".." }
}

pub(super) fn cut_middle(text: &str, width: usize, style: TableStyle) -> String {
    without_middle(text, width, ellipsis(style))
}

fn without_middle(text: &str, width: usize, ellipsis: &str) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    // A column that is left out has no space for the ellipsis either.
    let Some(room) = width.checked_sub(measure_text_width(ellipsis)) else { return String::new() };
    // The last part of a type is its own name, and names that begin alike differ at their ends.
    format!("{}{ellipsis}{}", first_columns(text, room.div_ceil(2)), last_columns(text, room / 2))
}

/// A line whose words are no wider than `width`: longer ones are without their middle.
pub(in crate::report) fn cut_words(line: &str, width: usize) -> String {
    line.split(' ').map(|word| without_middle(word, width, "…")).collect::<Vec<_>>().join(" ")
}

/// A path that is no wider than `width`: folders in the middle are left out.
pub(in crate::report) fn cut_path(path: &str, width: usize) -> String {
    if measure_text_width(path) <= width {
        return path.to_owned();
    }
    let first = path.match_indices('/').map(|(at, _)| at).find(|at| *at > 0).unwrap_or(0);
    let (head, rest) = path.split_at(first);
    let ends = rest.match_indices('/').map(|(at, _)| format!("{head}/…{}", rest.get(at..).unwrap_or_default()));
    ends.into_iter().find(|cut| measure_text_width(cut) <= width).unwrap_or_else(|| without_middle(path, width, "…"))
}

pub(super) fn cut_end(text: &str, width: usize, style: TableStyle) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let room = width.checked_sub(measure_text_width(ellipsis(style)));
    room.map_or(String::new(), |room| format!("{}{}", first_columns(text, room), ellipsis(style)))
}

/// The longest start of a string that is no wider than `width`.
fn first_columns(text: &str, width: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += max_columns(*c);
        used > width
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// The longest end of a string that is no wider than `width`.
fn last_columns(text: &str, width: usize) -> &str {
    let mut used = 0;
    let before = text.char_indices().rev().find(|(_, c)| {
        used += max_columns(*c);
        used > width
    });
    before.and_then(|(at, c)| text.get(at + c.len_utf8()..)).unwrap_or(text)
}

/// The most columns that a character can add. A terminal may not join it with the characters before it.
fn max_columns(c: char) -> usize {
    // VARIATION SELECTOR-16 has no width of its own, but makes the symbol before it an emoji, one column wider.
    if c == '\u{fe0f}' { 1 } else { measure_text_width(c.encode_utf8(&mut [0; 4])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_paths_fit() {
        assert_eq!(cut_words("x: str = 'aaaaaaaaaaaaaaaa' ok", 9), "x: str = 'aaa…aaa' ok");
        assert_eq!(cut_path("/home/me/projects/deep/train.py", 24), "/home/…/deep/train.py");
        assert_eq!(cut_path("/home/me/x.py", 24), "/home/me/x.py");
        assert_eq!(cut_path("/home/aVeryLongNameOfAFile.py", 12), "/home/…le.py");
    }
}
