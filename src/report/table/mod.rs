//! The table of `inspect`: a row for each variable, with a bar for its size, then one for each name that was left out.
//!
//! On a terminal every line fits the width: long names and types are cut in the middle, values at the end. Output to a
//! file or a pipe is not cut. Imports are a single line below the variables.

mod column_widths;
mod cut_text;
#[cfg(test)]
mod tests;

use std::io;

use console::{Alignment, Style, measure_text_width, pad_str};

use self::column_widths::ColumnWidths;
use self::cut_text::{cut_end, cut_middle};
pub(super) use self::cut_text::{cut_path, cut_words};
use super::imports::{import_line, is_import};
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

impl TableStyle {
    /// For a file or a pipe.
    pub const PLAIN: Self = Self { width: None, colour: false, unicode: true };
}

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

/// Writes the table of a session. With `all`, imports are variables as others are.
pub(crate) fn write_table(out: &mut Lines<'_>, index: &Index, style: TableStyle, all: bool) -> io::Result<()> {
    let shown = || index.variables.iter().filter(|variable| all || !is_import(variable));
    // Made twice, as there can be many: to measure them, and to write them.
    let variables = || shown().map(|variable| variable_row(variable, style));
    let left_out: Vec<TableRow> = index.left_out.iter().map(left_out_row).collect();
    let widths = ColumnWidths::of(variables().chain(index.left_out.iter().map(left_out_row)), style);
    let largest = shown().map(|variable| variable.length).max().unwrap_or(0);
    let palette = Palette::new(style.colour);
    let write =
        |out: &mut Lines<'_>, row: &TableRow| row_line(row, &widths, largest, style, &palette).write(out, style);
    // Rows of names left out have no columns that need titles.
    if shown().next().is_some() {
        title_line(&widths, &palette).write(out, style)?;
    }
    variables().try_for_each(|row| write(out, &row))?;
    if !all && let Some(imports) = import_line(&index.variables, style.width.map(|width| width.saturating_sub(2))) {
        let mut line = StyledLine::default();
        line.push("  ", &palette.none);
        line.push(imports, &palette.left_out);
        line.write(out, style)?;
    }
    left_out.iter().try_for_each(|row| write(out, row))
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

    /// Adds a cell and the gap after it.
    fn push_cell(&mut self, text: &str, width: usize, style: TableStyle, paint: &'a Style) {
        self.push_padded(text, width, style, paint);
        self.push("  ", paint);
    }

    /// Adds a cell, cut in the middle on a terminal.
    fn push_padded(&mut self, text: &str, width: usize, style: TableStyle, paint: &'a Style) {
        let text = if style.width.is_some() { cut_middle(text, width, style) } else { text.to_owned() };
        let padding = " ".repeat(width.saturating_sub(measure_text_width(&text)));
        self.push(text, paint);
        self.push(padding, paint);
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
        out.row(&fitting)
    }
}

fn title_line<'a>(widths: &ColumnWidths, palette: &'a Palette) -> StyledLine<'a> {
    let [name, type_name, size, shape, value] = TITLES;
    let padded = |title, width| pad_str(title, width, Alignment::Left, None);
    let mut line = StyledLine::default();
    line.push(format!("  {}  {}  ", padded(name, widths.name), padded(type_name, widths.type_name)), &palette.title);
    line.push(format!("{size:>width$}", width = widths.size), &palette.title);
    for (title, width, gap) in [("", widths.bar, " "), (shape, widths.shape, "  ")] {
        if width > 0 {
            line.push(format!("{gap}{}", padded(title, width)), &palette.title);
        }
    }
    line.push(format!("  {value}"), &palette.title);
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
            line.push_cell(widths.shown_type(type_name), widths.type_name, style, &palette.none);
            line.push(format!("{size:>width$}", width = widths.size), &palette.none);
            let bar = size_bar(*bytes, largest, widths.bar, style);
            for (gap, cell, width, paint) in
                [(" ", &bar, widths.bar, &palette.bar), ("  ", shape, widths.shape, &palette.none)]
            {
                if width > 0 {
                    line.push(gap, &palette.none);
                    line.push_padded(cell, width, style, paint);
                }
            }
            line.push("  ", &palette.none);
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
            line.push_cell(widths.shown_type(type_name), widths.type_name, style, &palette.left_out);
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
