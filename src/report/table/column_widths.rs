//! The widths of the columns of a table.
//!
//! A narrow terminal costs, in this order: the modules of types, the bars, the ends of long names and types, and the
//! shapes. The values keep enough to be read.

use console::measure_text_width;

use super::{TITLES, TableRow, TableStyle};

/// The largest width of a column. Without a terminal, a longer cell moves the rest of its own row only.
const COLUMN_MAX: usize = 40;
/// Names and types are not cut below this width.
const NAME_MIN: usize = 6;
/// Shapes are not cut below this width: `1000×3000 float64`.
const SHAPE_MIN: usize = 18;
/// Width the value column keeps, if there is a longer value, as long as there is something else to leave out.
const VALUE_WIDTH: usize = 28;
/// Width the value column keeps when names have to be cut.
const VALUE_MIN: usize = 20;
/// The same on a narrow terminal.
const VALUE_MIN_NARROW: usize = 12;
const BAR_MAX: usize = 8;
/// Narrower terminals get no bars and no shapes.
const NARROW: usize = 72;

/// The widths of the columns. The value takes what is left of the line.
#[derive(Clone, Copy)]
pub(super) struct ColumnWidths {
    pub(super) name: usize,
    pub(super) type_name: usize,
    pub(super) size: usize,
    /// 0 if there are no bars.
    pub(super) bar: usize,
    /// 0 if there are no shapes.
    pub(super) shape: usize,
    /// Whether types are shown without their modules.
    short_types: bool,
}

/// The sorted widths of the cells of each column, so that the last is the largest.
type CellWidths = [Vec<usize>; 5];

impl ColumnWidths {
    pub(super) fn of<'r>(rows: impl Iterator<Item = TableRow<'r>> + Clone, style: TableStyle) -> Self {
        let full = measured(rows.clone(), false);
        let Some(width) = style.width else { return Self::uncut(&full, BAR_MAX, false) };
        let short = measured(rows, true);
        let bar = if width < NARROW { 0 } else { BAR_MAX };
        let value = full[4].last().copied().unwrap_or(0).min(VALUE_WIDTH);
        let in_order = [(&full, bar, false), (&short, bar, true), (&short, 0, true)];
        let uncut = in_order.map(|(cells, bar, short_types)| {
            let widths = Self::uncut(cells, bar, short_types);
            if width < NARROW { Self { shape: 0, ..widths } } else { widths }
        });
        let fits = |widths: &&Self| widths.before_value() + value <= width;
        uncut.iter().find(fits).copied().unwrap_or_else(|| Self::cut(&short, width))
    }

    /// The type as it is shown: `DataFrame` for `pandas.core.frame.DataFrame` where there is little space.
    pub(super) fn shown_type<'t>(&self, type_name: &'t str) -> &'t str {
        if self.short_types { short(type_name) } else { type_name }
    }

    fn uncut([names, types, sizes, shapes, _]: &CellWidths, bar: usize, short_types: bool) -> Self {
        let widest = |column: &[usize]| column.last().copied().unwrap_or(0).min(COLUMN_MAX);
        let shape = if shapes.len() > 1 { widest(shapes) } else { 0 };
        Self { name: widest(names), type_name: widest(types), size: widest(sizes), bar, shape, short_types }
    }

    /// The columns before the value: the mark, the cells, and the gaps after them.
    fn before_value(&self) -> usize {
        let with_gap = |width: usize, gap: usize| if width > 0 { width + gap } else { 0 };
        2 + self.name + 2 + self.type_name + 2 + self.size + with_gap(self.bar, 1) + with_gap(self.shape, 2) + 2
    }

    /// Names and types share the width that the other columns leave.
    fn cut(cells: &CellWidths, width: usize) -> Self {
        let [names, types, _, _, values] = cells;
        // The width that 90 % of the cells need: a few long names must not cost all others their space.
        let common =
            |column: &[usize]| column.get((column.len() * 9).div_ceil(10).saturating_sub(1)).copied().unwrap_or(0);
        let uncut = Self::uncut(cells, 0, true);
        let shape = if width < NARROW { 0 } else { uncut.shape.min(SHAPE_MIN) };
        let value_min = if width < NARROW { VALUE_MIN_NARROW } else { VALUE_MIN };
        let value = values.last().copied().unwrap_or(0).min(value_min);
        let room = width.saturating_sub(Self { name: 0, type_name: 0, shape, ..uncut }.before_value() + value);
        let (name, type_name) = (common(names), common(types));
        // The largest limit, the same for both columns, with which they fit.
        let fits = |limit: &usize| name.min(*limit) + type_name.min(*limit) <= room;
        let limit = (NAME_MIN..=COLUMN_MAX).rev().find(fits).unwrap_or(NAME_MIN);
        let (name, type_name) = (name.min(limit), type_name.min(limit));
        // Width that is left over goes to cells beyond the common width: first to names, then to types.
        let spare = room.saturating_sub(name + type_name);
        let for_names = spare.min(uncut.name.saturating_sub(name));
        let for_types = (spare - for_names).min(uncut.type_name.saturating_sub(type_name));
        Self { name: name + for_names, type_name: type_name + for_types, shape, ..uncut }
    }
}

fn measured<'r>(rows: impl Iterator<Item = TableRow<'r>>, short_types: bool) -> CellWidths {
    let mut found: CellWidths = TITLES.map(|title| vec![measure_text_width(title)]);
    let [names, types, others @ ..] = &mut found;
    for row in rows {
        let (TableRow::Variable { cells: [name, type_name, ..], .. } | TableRow::LeftOut { name, type_name, .. }) =
            &row;
        names.push(measure_text_width(name));
        types.push(measure_text_width(if short_types { short(type_name) } else { type_name }));
        if let TableRow::Variable { cells: [_, _, size, shape], value, .. } = &row {
            for (column, cell) in others.iter_mut().zip([size, shape, value]) {
                column.push(measure_text_width(cell));
            }
        }
    }
    found.iter_mut().for_each(|column| column.sort_unstable());
    found
}

/// The name of a type without its module.
fn short(type_name: &str) -> &str {
    type_name.rsplit('.').next().filter(|name| !name.is_empty()).unwrap_or(type_name)
}
