//! A table for a terminal: columns as wide as they must be, and marks for what reached its target and what did not.

use std::io::Write;

use console::{Style, measure_text_width};

/// How a cell is shown; without colours on anything but a terminal.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Look {
    #[default]
    Plain,
    Dim,
    Reached,
    Missed,
}

/// A text and its look.
#[derive(Clone, Default)]
pub(crate) struct Item {
    text: String,
    look: Look,
    /// Names stand at the left of their column, figures at its right.
    is_name: bool,
}

impl Item {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(crate) fn name(text: impl Into<String>, look: Look) -> Self {
        Self { text: text.into(), look, is_name: true }
    }

    pub(crate) fn dim(text: impl Into<String>) -> Self {
        Self { text: text.into(), look: Look::Dim, ..Self::default() }
    }

    /// A figure beside what it is to be at most.
    pub(crate) fn figure(value: f64, asked: Option<f64>, decimals: usize) -> Self {
        let scale = 10_f64.powi(decimals as i32);
        // What rounds to zero has no sign: adding takes it from a negative zero.
        let text = format!("{:.decimals$}", (value * scale).round() / scale + 0.0);
        match asked {
            Some(asked) => {
                let look = if value <= asked { Look::Reached } else { Look::Missed };
                Self { text: format!("{text} (asked {asked:.decimals$})"), look, ..Self::default() }
            }
            None => Self::new(text),
        }
    }
}

/// Rows of as many items as there are heads.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) heads: Vec<String>,
    pub(crate) rows: Vec<Vec<Item>>,
    /// Whether all of it stands back.
    pub(crate) dim: bool,
}

impl Table {
    pub(crate) fn new<S: AsRef<str>>(title: &str, heads: &[S]) -> Self {
        let heads = heads.iter().map(|head| head.as_ref().to_owned()).collect();
        Self { title: title.to_owned(), heads, rows: Vec::new(), dim: false }
    }

    /// Prints it, unless nothing was measured for it.
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

    /// A head stands above its column as the first item in it does.
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
        let style = match item.look {
            Look::Dim => Style::new().dim(),
            Look::Reached => Style::new().green(),
            Look::Missed => Style::new().yellow(),
            Look::Plain if self.dim => Style::new().dim(),
            Look::Plain => Style::new(),
        };
        style.apply_to(padded).to_string()
    }
}
