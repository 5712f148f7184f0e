//! A table for a terminal, with columns as wide as needed, and colors for figures that reached or missed their target.

use std::io::Write;

use console::{Style, measure_text_width};

/// How a cell is shown. Colors only appear on a terminal.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum CellStyle {
    #[default]
    Plain,
    Dim,
    Reached,
    Missed,
}

/// The text of a cell and its style.
#[derive(Clone, Default)]
pub(crate) struct Item {
    text: String,
    style: CellStyle,
    /// Names are aligned to the left of their column, figures to the right.
    is_name: bool,
}

impl Item {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(crate) fn name(text: impl Into<String>, style: CellStyle) -> Self {
        Self { text: text.into(), style, is_name: true }
    }

    pub(crate) fn dim(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: CellStyle::Dim, ..Self::default() }
    }

    /// A figure with its target, the most that it should be.
    pub(crate) fn figure(value: f64, target: Option<f64>, decimals: usize) -> Self {
        let scale = 10_f64.powi(decimals as i32);
        // Adding 0.0 turns a negative zero into zero, so that no sign is shown.
        let text = format!("{:.decimals$}", (value * scale).round() / scale + 0.0);
        match target {
            Some(target) => {
                let style = if value <= target { CellStyle::Reached } else { CellStyle::Missed };
                Self { text: format!("{text} (target {target:.decimals$})"), style, ..Self::default() }
            }
            None => Self::new(text),
        }
    }
}

/// Each row has as many items as there are heads.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) heads: Vec<String>,
    pub(crate) rows: Vec<Vec<Item>>,
    /// Whether the whole table is dimmed.
    pub(crate) dim: bool,
}

impl Table {
    pub(crate) fn new<S: AsRef<str>>(title: &str, heads: &[S]) -> Self {
        let heads = heads.iter().map(|head| head.as_ref().to_owned()).collect();
        Self { title: title.to_owned(), heads, rows: Vec::new(), dim: false }
    }

    /// Prints the table, unless it is empty.
    pub(crate) fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let title = if self.dim { Style::new().dim() } else { Style::new().bold() };
        writeln!(out, "{}", title.apply_to(&self.title))?;
        let heads: Vec<Item> = (0..self.heads.len()).map(|column| self.head(column)).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let cells = row.iter().zip(self.widths());
            let line: Vec<String> = cells.map(|(item, width)| self.cell(item, width)).collect();
            writeln!(out, "  {}", line.join("  ").trim_end())?;
        }
        writeln!(out)
    }

    /// A head is aligned like the first item in its column.
    fn head(&self, column: usize) -> Item {
        let first = self.rows.first().and_then(|row| row.get(column));
        let is_name = first.is_some_and(|item| item.is_name);
        Item { is_name, ..Item::dim(&self.heads[column]) }
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let items = self.rows.iter().filter_map(|row| row.get(column)).map(|item| measure_text_width(&item.text));
            items.chain([measure_text_width(&self.heads[column])]).max().unwrap_or_default()
        };
        (0..self.heads.len()).map(width).collect()
    }

    fn cell(&self, item: &Item, width: usize) -> String {
        let padded = if item.is_name { format!("{:<width$}", item.text) } else { format!("{:>width$}", item.text) };
        let style = match item.style {
            CellStyle::Dim => Style::new().dim(),
            CellStyle::Reached => Style::new().green(),
            CellStyle::Missed => Style::new().yellow(),
            CellStyle::Plain if self.dim => Style::new().dim(),
            CellStyle::Plain => Style::new(),
        };
        style.apply_to(padded).to_string()
    }
}
