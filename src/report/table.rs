//! The table of `inspect`: a row for each variable, with a bar for its size, then one for each name that was left out.
//!
//! A terminal gets lines that fit it: long names and types lose their middles, values their ends. What goes to a file or
//! a program is not cut.

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use console::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{plain, size};
use crate::snapshot::index::{Index, LeftOut, Reason, Variable};

/// How a table is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The columns of the terminal, if it is one.
    pub width: Option<usize>,
    /// Whether colours are wanted.
    pub colour: bool,
    /// Whether more than ASCII can be shown.
    pub unicode: bool,
}

/// The widest a column gets. Where nothing is cut, what is longer pushes its own row only.
const COLUMN: usize = 40;
/// What a column of names or types is not cut below.
const LEAST: usize = 6;
/// What a column of shapes is not cut below: `1000×3000 float64`.
const SHAPE: usize = 18;
/// Room for a value that is worth the loss of no name.
const VALUE: usize = 24;
/// Room for a value where names have to be cut.
const VALUE_LEAST: usize = 10;
/// The length of the longest bar.
const BAR: usize = 8;
/// Terminals that are narrower than this have no bars and no shapes.
const NARROW: usize = 72;
/// The marker in front of a name, and the gaps: name, type, size, bar, shape, value.
const GAPS: usize = 2 + 2 + 2 + 1 + 2 + 2;

/// A row before it is drawn.
enum Row<'a> {
    Variable { cells: [String; 4], bytes: u64, value: String },
    LeftOut { name: String, kind: String, item: &'a LeftOut },
}

/// The widths of the columns.
struct Columns {
    name: usize,
    kind: usize,
    size: usize,
    bar: usize,
    shape: usize,
}

/// Writes the table of a session.
pub fn table(out: &mut dyn Write, index: &Index, look: Look) -> io::Result<()> {
    let rows: Vec<Row> = index
        .variables
        .iter()
        .map(|variable| of_variable(variable, look))
        .chain(index.left_out.iter().map(of_left_out))
        .collect();
    let columns = Columns::of(&rows, look);
    let largest = index.variables.iter().map(|variable| variable.length).max().unwrap_or(0);
    let paint = Paint::new(look);
    if !index.variables.is_empty() {
        head(&columns, &paint).write(out, look)?;
    }
    rows.iter().try_for_each(|row| line(row, &columns, largest, look, &paint).write(out, look))
}

fn of_variable(variable: &Variable, look: Look) -> Row<'_> {
    let (name, kind) = (plain(&variable.name).into_owned(), plain(&variable.type_name).into_owned());
    let cells = [name, kind, size(variable.length), shape(variable, look)];
    Row::Variable { cells, bytes: variable.length, value: plain(&variable.preview).into_owned() }
}

fn of_left_out(item: &LeftOut) -> Row<'_> {
    Row::LeftOut { name: plain(&item.name).into_owned(), kind: plain(&item.type_name).into_owned(), item }
}

/// The shape with the dtype, or the length.
fn shape(variable: &Variable, look: Look) -> String {
    let Some(shape) = &variable.shape else {
        return variable.len.map(|length| length.to_string()).unwrap_or_default();
    };
    let by = if look.unicode { "×" } else { "x" };
    let shape = shape.iter().map(u64::to_string).collect::<Vec<_>>().join(by);
    variable.dtype.as_ref().map_or(shape.clone(), |dtype| format!("{shape} {}", plain(dtype)))
}

impl Columns {
    fn of(rows: &[Row], look: Look) -> Self {
        let mut found: [Vec<usize>; 5] = Default::default();
        for (column, title) in found.iter_mut().zip(TITLES) {
            column.push(title.width());
        }
        for row in rows {
            let cells: &[&str] = match row {
                Row::Variable { cells: [name, kind, size, shape], value, .. } => &[name, kind, size, shape, value],
                Row::LeftOut { name, kind, .. } => &[name, kind],
            };
            for (column, cell) in found.iter_mut().zip(cells) {
                column.push(cell.width());
            }
        }
        for column in &mut found {
            column.sort_unstable();
        }
        Self::fit(&found, look.width)
    }

    /// From the sorted widths of the cells in each column.
    fn fit([names, kinds, sizes, shapes, values]: &[Vec<usize>; 5], width: Option<usize>) -> Self {
        let widest = |column: &[usize]| column.last().copied().unwrap_or(0).min(COLUMN);
        // A few long names are not to make all others suffer.
        let common =
            |column: &[usize]| column.get((column.len() * 9).div_ceil(10).saturating_sub(1)).copied().unwrap_or(0);
        let narrow = width.is_some_and(|width| width < NARROW);
        let (size, bar) = (widest(sizes), if narrow { 0 } else { BAR });
        let most = Self {
            name: widest(names),
            kind: widest(kinds),
            size,
            bar,
            shape: if narrow { 0 } else { widest(shapes) },
        };
        let Some(width) = width else { return most };
        let room = width.saturating_sub(GAPS + size + bar);
        let value = values.last().copied().unwrap_or(0);
        if most.name + most.kind + most.shape + value.min(VALUE) <= room {
            return most;
        }
        let (name, kind) = (common(names), common(kinds));
        let shape = most.shape.min(SHAPE);
        let room = room.saturating_sub(shape + value.min(VALUE_LEAST));
        let fits = |most: &usize| name.min(*most) + kind.min(*most) <= room;
        let most = (LEAST..=COLUMN).rev().find(fits).unwrap_or(LEAST);
        // What the shorter one leaves, the longer one may have.
        let (name, kind) = (name.min(most), kind.min(most));
        let spare = room.saturating_sub(name + kind);
        let (longest_name, longest_kind) = (widest(names), widest(kinds));
        let more = spare.min(longest_name.saturating_sub(name));
        let kind = kind + (spare - more).min(longest_kind.saturating_sub(kind));
        Self { name: name + more, kind, size, bar, shape }
    }
}

const TITLES: [&str; 5] = ["name", "type", "size", "shape", "value"];

/// The styles of a table's parts: those of the sixteen colours that can be read on light and on dark ground.
struct Paint {
    head: Style,
    name: Style,
    bar: Style,
    left_out: Style,
    failed: Style,
    none: Style,
}

impl Paint {
    fn new(look: Look) -> Self {
        let style = Style::new().force_styling(look.colour);
        Self {
            head: style.clone().bold(),
            name: style.clone().bold(),
            bar: style.clone().cyan(),
            left_out: style.clone().dim(),
            failed: style.clone().red(),
            none: style,
        }
    }
}

/// A line of styled pieces, which is cut at its end.
#[derive(Default)]
struct Line<'a> {
    pieces: Vec<(String, &'a Style)>,
}

impl<'a> Line<'a> {
    fn push(&mut self, text: impl Into<String>, style: &'a Style) {
        self.pieces.push((text.into(), style));
    }

    /// Adds a cell, cut in its middle where a terminal asks for that, and the gap behind it.
    fn cell(&mut self, text: &str, width: usize, gap: usize, look: Look, style: &'a Style) {
        let text = if look.width.is_some() { cut_middle(text, width, look) } else { text.to_owned() };
        let pad = " ".repeat(width.saturating_sub(text.width()) + gap);
        self.push(text, style);
        self.push(pad, style);
    }

    fn write(mut self, out: &mut dyn Write, look: Look) -> io::Result<()> {
        while let Some((last, _)) = self.pieces.last_mut() {
            last.truncate(last.trim_end_matches(' ').len());
            if !last.is_empty() {
                break;
            }
            self.pieces.pop();
        }
        let mut room = look.width.unwrap_or(usize::MAX);
        for (text, style) in &self.pieces {
            let shown = cut_end(text, room, look);
            room = room.saturating_sub(shown.width());
            // Blanks need no colour.
            if shown.trim().is_empty() {
                write!(out, "{shown}")?
            } else {
                write!(out, "{}", style.apply_to(&shown))?
            }
            if room == 0 {
                break;
            }
        }
        writeln!(out)
    }
}

fn head<'a>(columns: &Columns, paint: &'a Paint) -> Line<'a> {
    let [name, kind, size, shape, value] = TITLES;
    let shape = if columns.shape == 0 { "" } else { shape };
    let mut line = Line::default();
    line.push(format!("  {}  {}  ", pad(name, columns.name), pad(kind, columns.kind)), &paint.head);
    line.push(format!("{size:>width$} {:bar$}  ", "", width = columns.size, bar = columns.bar), &paint.head);
    line.push(format!("{}  {value}", pad(shape, columns.shape)), &paint.head);
    line
}

fn line<'a>(row: &Row, columns: &Columns, largest: u64, look: Look, paint: &'a Paint) -> Line<'a> {
    let mut line = Line::default();
    match row {
        Row::Variable { cells: [name, kind, size, shape], bytes, value } => {
            line.push("  ", &paint.none);
            line.cell(name, columns.name, 2, look, &paint.name);
            line.cell(kind, columns.kind, 2, look, &paint.none);
            line.push(format!("{size:>width$} ", width = columns.size), &paint.none);
            line.cell(&bar(*bytes, largest, columns.bar, look), columns.bar, 2, look, &paint.bar);
            line.cell(shape, columns.shape, 2, look, &paint.none);
            line.push(value, &paint.none);
        }
        Row::LeftOut { name, kind, item } => {
            let failed = item.reason == Reason::Failed;
            let mark = match (failed, look.unicode) {
                (true, true) => "✗ ",
                (true, false) => "x ",
                (false, _) => "- ",
            };
            line.push(mark, if failed { &paint.failed } else { &paint.left_out });
            line.cell(name, columns.name, 2, look, &paint.left_out);
            line.cell(kind, columns.kind, 2, look, &paint.left_out);
            line.push(format!("left out: {}", plain(&item.error)), &paint.left_out);
        }
    }
    line
}

/// A bar of eighths of a column, or of whole columns where there is only ASCII. What is too small for one has none.
fn bar(bytes: u64, largest: u64, width: usize, look: Look) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = bytes as f64 / largest.max(1) as f64;
    if !look.unicode {
        return "#".repeat((share * width as f64).round() as usize);
    }
    let eighths = (share * (width * 8) as f64).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS.get(eighths % 8).unwrap_or(&""))
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

fn ellipsis(look: Look) -> &'static str {
    if look.unicode { "…" } else { ".." }
}

/// As much of the beginning of a text as fits.
fn beginning(text: &str, width: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += columns(*c);
        used > width
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// As much of the end of a text as fits.
fn end(text: &str, width: usize) -> &str {
    let mut used = 0;
    let before = text.char_indices().rev().find(|(_, c)| {
        used += columns(*c);
        used > width
    });
    before.and_then(|(at, c)| text.get(at + c.len_utf8()..)).unwrap_or(text)
}

/// What a character takes at the most: a terminal may not join it with those before it.
fn columns(c: char) -> usize {
    // A variation selector makes a narrow picture a wide one.
    if c == '\u{fe0f}' { 1 } else { c.width().unwrap_or(0) }
}

fn cut_middle(text: &str, width: usize, look: Look) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    // A column that is left out has no room for the ellipsis either.
    let Some(room) = width.checked_sub(ellipsis(look).width()) else { return String::new() };
    // The end of a type is its own name, the end of a name is what tells it from its neighbour.
    format!("{}{}{}", beginning(text, room.div_ceil(2)), ellipsis(look), end(text, room / 2))
}

fn cut_end(text: &str, width: usize, look: Look) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.checked_sub(ellipsis(look).width());
    room.map_or(String::new(), |room| format!("{}{}", beginning(text, room), ellipsis(look)))
}
