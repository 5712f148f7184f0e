//! The table of `inspect`: a row for each variable, with a bar for its size, then a row for each name that was left
//! out.
//!
//! On a terminal every line fits the width: long names and types are cut in the middle, values at the end. Output to a
//! file or a pipe is not cut.
//!
//! Widths are columns of a terminal as `console` measures them. Cutting is done here, because `console::truncate_str`
//! adds up the widths of single characters, and a variation selector makes the character before it wider.

#[cfg(test)]
mod tests;

use std::io;

use console::{Alignment, Style, measure_text_width, pad_str};

use crate::snapshot::index::{Index, LeftOut, LeftOutReason, Variable};
use crate::ui::{Lines, escape, format_size};

/// How a table is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableStyle {
    /// The width of the terminal in columns; `None` for a file or a pipe.
    pub width: Option<usize>,
    /// Whether to use colours.
    pub colour: bool,
    /// Whether characters beyond ASCII can be shown.
    pub unicode: bool,
}

/// The largest width of a column. Without a terminal, a longer cell moves the rest of its own row only.
const COLUMN_MAX: usize = 40;
/// Names and types are not cut below this width.
const NAME_MIN: usize = 6;
/// Shapes are not cut below this width: `1000×3000 float64`.
const SHAPE_MIN: usize = 18;
/// Width the value column may take before names are cut.
const VALUE_WIDTH: usize = 24;
/// Width the value column keeps when names have to be cut.
const VALUE_MIN: usize = 10;
const BAR_MAX: usize = 8;
/// Narrower terminals get no bars and no shapes.
const NARROW: usize = 72;
/// The marker before the name, and the gaps after name, type, size, bar and shape.
const GAPS: usize = 2 + 2 + 2 + 1 + 2 + 2;

/// A row before it is drawn. Its strings are escaped, so that their widths are those of what is shown.
enum TableRow<'a> {
    /// Name, type, size and shape, and what the bar and the value need.
    Variable {
        cells: [String; 4],
        bytes: u64,
        value: String,
    },
    LeftOut {
        name: String,
        type_name: String,
        item: &'a LeftOut,
    },
}

const TITLES: [&str; 5] = ["name", "type", "size", "shape", "value"];

/// The widths of the columns. The value takes what is left of the line.
struct ColumnWidths {
    name: usize,
    type_name: usize,
    size: usize,
    bar: usize,
    shape: usize,
}

/// Writes the table of a session.
pub(crate) fn write_table(out: &mut Lines<'_>, index: &Index, style: TableStyle) -> io::Result<()> {
    let variables = index.variables.iter().map(|variable| variable_row(variable, style));
    let rows: Vec<TableRow> = variables.chain(index.left_out.iter().map(left_out_row)).collect();
    let widths = ColumnWidths::of(&rows, style);
    let largest = index.variables.iter().map(|variable| variable.length).max().unwrap_or(0);
    let palette = Palette::new(style.colour);
    // Rows of names left out have no columns that need titles.
    if !index.variables.is_empty() {
        title_line(&widths, &palette).write(out, style)?;
    }
    rows.iter().try_for_each(|row| row_line(row, &widths, largest, style, &palette).write(out, style))
}

fn variable_row(variable: &Variable, style: TableStyle) -> TableRow<'_> {
    let (name, type_name) = (escape(&variable.name).into_owned(), escape(&variable.type_name).into_owned());
    let cells = [name, type_name, format_size(variable.length), shape_cell(variable, style)];
    TableRow::Variable { cells, bytes: variable.length, value: escape(&variable.preview).into_owned() }
}

fn left_out_row(item: &LeftOut) -> TableRow<'_> {
    TableRow::LeftOut { name: escape(&item.name).into_owned(), type_name: escape(&item.type_name).into_owned(), item }
}

/// The shape with the dtype, or the length.
fn shape_cell(variable: &Variable, style: TableStyle) -> String {
    let Some(shape) = &variable.shape else {
        return variable.len.map(|length| length.to_string()).unwrap_or_default();
    };
    let by = if style.unicode { "×" } else { "x" };
    let shape = shape.iter().map(u64::to_string).collect::<Vec<_>>().join(by);
    variable.dtype.as_ref().map_or(shape.clone(), |dtype| format!("{shape} {}", escape(dtype)))
}

impl ColumnWidths {
    fn of(rows: &[TableRow], style: TableStyle) -> Self {
        let mut found: [Vec<usize>; 5] = TITLES.map(|title| vec![measure_text_width(title)]);
        for row in rows {
            let cells: &[&str] = match row {
                TableRow::Variable { cells: [name, type_name, size, shape], value, .. } => {
                    &[name, type_name, size, shape, value]
                }
                TableRow::LeftOut { name, type_name, .. } => &[name, type_name],
            };
            for (column, cell) in found.iter_mut().zip(cells) {
                column.push(measure_text_width(cell));
            }
        }
        // Sorted, so that `fit` can read the largest width and the 90th percentile.
        for column in &mut found {
            column.sort_unstable();
        }
        Self::fit(&found, style.width)
    }

    /// Fits the columns, given by the sorted widths of their cells, into the width of the terminal.
    fn fit([names, types, sizes, shapes, values]: &[Vec<usize>; 5], width: Option<usize>) -> Self {
        let widest = |column: &[usize]| column.last().copied().unwrap_or(0).min(COLUMN_MAX);
        // The width that 90 % of the cells need: a few long names must not cost all others their space.
        let common =
            |column: &[usize]| column.get((column.len() * 9).div_ceil(10).saturating_sub(1)).copied().unwrap_or(0);
        let narrow = width.is_some_and(|width| width < NARROW);
        let (size, bar) = (widest(sizes), if narrow { 0 } else { BAR_MAX });
        let shape = if narrow { 0 } else { widest(shapes) };
        let (longest_name, longest_type) = (widest(names), widest(types));
        // First choice: nothing is cut. On a terminal this holds if the value column keeps a reasonable width.
        let uncut = Self { name: longest_name, type_name: longest_type, size, bar, shape };
        let Some(width) = width else { return uncut };
        let room = width.saturating_sub(GAPS + size + bar);
        let value = values.last().copied().unwrap_or(0);
        if longest_name + longest_type + shape + value.min(VALUE_WIDTH) <= room {
            return uncut;
        }
        // Second choice: names and types share the width that is left after the other columns.
        let shape = shape.min(SHAPE_MIN);
        let room = room.saturating_sub(shape + value.min(VALUE_MIN));
        let (name, type_name) = (common(names), common(types));
        // The largest limit, the same for both columns, with which they fit.
        let fits = |limit: &usize| name.min(*limit) + type_name.min(*limit) <= room;
        let limit = (NAME_MIN..=COLUMN_MAX).rev().find(fits).unwrap_or(NAME_MIN);
        let (name, type_name) = (name.min(limit), type_name.min(limit));
        // Width that is left over goes to cells beyond the common width: first to names, then to types.
        let spare = room.saturating_sub(name + type_name);
        let for_names = spare.min(longest_name.saturating_sub(name));
        let for_types = (spare - for_names).min(longest_type.saturating_sub(type_name));
        Self { name: name + for_names, type_name: type_name + for_types, size, bar, shape }
    }
}

/// The styles of the parts, from the sixteen colours that are legible on light and on dark backgrounds.
struct Palette {
    title: Style,
    name: Style,
    bar: Style,
    left_out: Style,
    failed: Style,
    none: Style,
}

impl Palette {
    fn new(colour: bool) -> Self {
        let style = Style::new().force_styling(colour);
        Self {
            title: style.clone().bold(),
            name: style.clone().bold(),
            bar: style.clone().cyan(),
            left_out: style.clone().dim(),
            failed: style.clone().red(),
            none: style,
        }
    }
}

/// A line of styled strings, cut at the width of the terminal when it is written.
#[derive(Default)]
struct StyledLine<'a> {
    parts: Vec<(String, &'a Style)>,
}

impl<'a> StyledLine<'a> {
    fn push(&mut self, text: impl Into<String>, paint: &'a Style) {
        self.parts.push((text.into(), paint));
    }

    /// Adds a cell, cut in the middle on a terminal, and the gap after it.
    fn push_cell(&mut self, text: &str, width: usize, style: TableStyle, paint: &'a Style) {
        const GAP: &str = "  ";
        let text = if style.width.is_some() { cut_middle(text, width, style) } else { text.to_owned() };
        let padding = " ".repeat(width.saturating_sub(measure_text_width(&text)));
        self.push(text, paint);
        self.push(padding + GAP, paint);
    }

    fn write(mut self, out: &mut Lines<'_>, style: TableStyle) -> io::Result<()> {
        // No spaces at the end of the line.
        while let Some((last, _)) = self.parts.last_mut() {
            last.truncate(last.trim_end_matches(' ').len());
            if !last.is_empty() {
                break;
            }
            self.parts.pop();
        }
        // Styles add escape sequences without width, so only the plain strings are measured and cut.
        let mut room = style.width.unwrap_or(usize::MAX);
        let mut fitting = Vec::with_capacity(self.parts.len());
        for (text, paint) in self.parts {
            let shown = cut_end(&text, room, style);
            room = room.saturating_sub(measure_text_width(&shown));
            fitting.push((shown, paint));
            if room == 0 {
                break;
            }
        }
        out.styled(&fitting)
    }
}

fn title_line<'a>(widths: &ColumnWidths, palette: &'a Palette) -> StyledLine<'a> {
    let [name, type_name, size, shape, value] = TITLES;
    let shape = if widths.shape == 0 { "" } else { shape };
    let padded = |title, width| pad_str(title, width, Alignment::Left, None);
    let mut line = StyledLine::default();
    line.push(format!("  {}  {}  ", padded(name, widths.name), padded(type_name, widths.type_name)), &palette.title);
    line.push(format!("{size:>width$} {:bar$}  ", "", width = widths.size, bar = widths.bar), &palette.title);
    line.push(format!("{}  {value}", padded(shape, widths.shape)), &palette.title);
    line
}

fn row_line<'a>(
    row: &TableRow,
    widths: &ColumnWidths,
    largest: u64,
    style: TableStyle,
    palette: &'a Palette,
) -> StyledLine<'a> {
    let mut line = StyledLine::default();
    match row {
        TableRow::Variable { cells: [name, type_name, size, shape], bytes, value } => {
            line.push("  ", &palette.none);
            line.push_cell(name, widths.name, style, &palette.name);
            line.push_cell(type_name, widths.type_name, style, &palette.none);
            line.push(format!("{size:>width$} ", width = widths.size), &palette.none);
            line.push_cell(&size_bar(*bytes, largest, widths.bar, style), widths.bar, style, &palette.bar);
            line.push_cell(shape, widths.shape, style, &palette.none);
            line.push(value, &palette.none);
        }
        TableRow::LeftOut { name, type_name, item } => {
            let failed = item.reason == LeftOutReason::Failed;
            let mark = match (failed, style.unicode) {
                (true, true) => "✗ ",
                (true, false) => "x ",
                (false, _) => "- ",
            };
            line.push(mark, if failed { &palette.failed } else { &palette.left_out });
            line.push_cell(name, widths.name, style, &palette.left_out);
            line.push_cell(type_name, widths.type_name, style, &palette.left_out);
            line.push(format!("left out: {}", escape(&item.error)), &palette.left_out);
        }
    }
    line
}

/// A bar in eighths of a column, or in whole columns of ASCII. Empty if it would be shorter than that.
fn size_bar(bytes: u64, largest: u64, width: usize, style: TableStyle) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    // `max(1)` avoids a division by zero if all variables are empty.
    let share = bytes as f64 / largest.max(1) as f64;
    if !style.unicode {
        return "#".repeat((share * width as f64).round() as usize);
    }
    // Full blocks for whole columns, then one block for the remaining eighths.
    let eighths = (share * (width * 8) as f64).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS.get(eighths % 8).unwrap_or(&""))
}

fn ellipsis(style: TableStyle) -> &'static str {
    if style.unicode { "…" } else { ".." }
}

fn cut_middle(text: &str, width: usize, style: TableStyle) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    // A column that is left out has no space for the ellipsis either.
    let Some(room) = width.checked_sub(measure_text_width(ellipsis(style))) else { return String::new() };
    // The last part of a type is its own name, and names that begin alike differ at their ends.
    format!("{}{}{}", first_columns(text, room.div_ceil(2)), ellipsis(style), last_columns(text, room / 2))
}

fn cut_end(text: &str, width: usize, style: TableStyle) -> String {
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
