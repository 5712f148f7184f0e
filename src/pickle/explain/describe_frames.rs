//! The shape, columns and dtypes of pandas' data frames, series and indexes.
//!
//! A data frame has a `BlockManager` in its state, which has the axes (the columns, then the rows) and blocks of
//! arrays. How pandas pickles them differs between its versions 1 to 3; [`pandas`] lists the names.

use super::describe_value::{Describer, MAX_DEPTH, ValueFacts};
use super::lengths::range_steps;
use super::value_preview::MAX_ELEMENTS;
use crate::pickle::known::{Makes, pandas};
use crate::pickle::machine::value::{Node, NodeKind, Ref};

/// The label of a column.
pub(super) enum ColumnLabel {
    Value(Ref),
    /// A number of a range.
    Number(i64),
}

impl<'m> Describer<'_, 'm, '_> {
    /// The first labels of the columns of a data frame, and whether there are more; `None` if it is no frame, or has
    /// other labels than an array of objects or a range.
    pub(super) fn column_labels(&self, value: Ref) -> Option<(Vec<ColumnLabel>, bool)> {
        if self.labels.type_name(value).as_ref() != "pandas.DataFrame" {
            return None;
        }
        let (_, &[columns, _]) = self.axes(self.labels.machine().node(value)?)? else { return None };
        let dict = self.labels.argument(self.labels.machine().node(columns)?, 1)?;
        let number = |key| self.labels.under(dict, key).and_then(|number| self.labels.int(number));
        if let (Some(start), Some(stop), Some(step)) = (number("start"), number("stop"), number("step")) {
            let count = range_steps(start, stop, step)?;
            let shown = (0..count).take(MAX_ELEMENTS);
            let label = |index| start.checked_add(i64::try_from(index).ok()?.checked_mul(step)?);
            let labels = shown.map(|index| label(index).map(ColumnLabel::Number)).collect::<Option<_>>()?;
            return Some((labels, count > MAX_ELEMENTS as u64));
        }
        let names = self.objects(self.labels.under(dict, "data")?, MAX_DEPTH);
        let labels = names.iter().take(MAX_ELEMENTS).map(|name| ColumnLabel::Value(*name)).collect();
        (!names.is_empty()).then_some((labels, names.len() > MAX_ELEMENTS))
    }

    /// The manager that holds the arrays of a data frame or a series, and its axes.
    fn axes(&self, node: &Node) -> Option<(&'m Node, &'m [Ref])> {
        let manager = self.labels.machine().node(self.labels.under(node.state()?, "_mgr")?)?;
        // A `SingleBlockManager` has the axes in its state; a `BlockManager`, in recent versions, in its arguments.
        let axes = match manager.state() {
            Some(state) => *self.items(state).first()?,
            None => self.labels.argument(manager, 1)?,
        };
        Some((manager, self.items(axes)))
    }

    pub(super) fn frame(&self, node: &Node) -> ValueFacts {
        // The first axis of the manager are the columns, although the shape begins with the rows.
        let Some((_, &[columns, index])) = self.axes(node) else { return ValueFacts::default() };
        let (rows, width) = (self.rows(index, MAX_DEPTH), self.rows(columns, MAX_DEPTH));
        let columns = self.labels(columns);
        let shape = rows.zip(width).map(|(rows, width)| vec![rows, width]);
        let names = columns.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let preview = if columns.is_empty() { String::new() } else { format!("columns [{names}]") };
        ValueFacts { len: rows, shape, columns, preview, ..ValueFacts::default() }
    }

    pub(super) fn series(&self, node: &Node) -> ValueFacts {
        let Some((manager, &[index])) = self.axes(node) else { return ValueFacts::default() };
        let rows = self.rows(index, MAX_DEPTH);
        let values = match manager.state() {
            Some(state) => self.items(state).get(1).and_then(|blocks| self.items(*blocks).first().copied()),
            None => None,
        };
        let dtype = values.and_then(|values| self.dtype_of_values(values));
        ValueFacts { len: rows, shape: rows.map(|rows| vec![rows]), dtype, ..ValueFacts::default() }
    }

    /// The dtype of the values of a series: an array of numpy's or of pandas' own.
    fn dtype_of_values(&self, values: Ref) -> Option<String> {
        let node = self.labels.machine().node(values)?;
        if let Some((_, dtype)) = self.array(node) {
            return self.dtype(dtype, MAX_DEPTH);
        }
        let class = self.labels.type_name(values);
        let inner = |key| {
            let (_, dtype) = self.array(self.labels.machine().node(self.labels.under(node.state()?, key)?)?)?;
            self.dtype(dtype, MAX_DEPTH)
        };
        match pandas::array_dtype(&class)? {
            pandas::ArrayDtype::Always(name) => Some(name.to_owned()),
            // Where values may be missing, `int64` becomes `Int64` and `uint8` becomes `UInt8`.
            pandas::ArrayDtype::Masked => {
                let name = inner("_data")?;
                let letters = if name.starts_with("uint") { 2 } else { 1 };
                let (first, rest) = name.split_at_checked(letters)?;
                Some(format!("{}{rest}", first.to_ascii_uppercase()))
            }
            pandas::ArrayDtype::Backed => self.backed(*self.items(node.state()?).first()?),
        }
    }

    /// The dtype of an array of pandas' own that is backed by one of numpy's.
    fn backed(&self, dtype: Ref) -> Option<String> {
        if self.code(dtype).is_some() {
            return self.dtype(dtype, MAX_DEPTH);
        }
        let node = self.labels.machine().node(dtype)?;
        match self.labels.type_name(dtype).as_ref() {
            "pandas.StringDtype" => {
                // pandas 3 shows a `StringDtype` whose missing value is NaN as `str`, and one with `NA` as `string`.
                let missing = self.labels.argument(node, 1).map(|missing| self.labels.type_name(missing));
                Some(if missing.as_deref() == Some("float") { "str" } else { "string" }.to_owned())
            }
            "pandas.PeriodDtype" => self.string(self.labels.argument(node, 0)?),
            // Its state is a dict with the unit and a `zoneinfo.ZoneInfo`, or another time zone made by its name.
            "pandas.DatetimeTZDtype" => {
                let state = node.state()?;
                let unit = self.labels.string(self.labels.under(state, "unit")?)?;
                let zone = self.labels.machine().node(self.labels.under(state, "tz")?)?;
                let zone = self.labels.string(self.labels.argument(zone, 0)?)?;
                Some(format!("datetime64[{unit}, {zone}]"))
            }
            _ => None,
        }
    }

    /// The length of an index, or of the array in it.
    pub(super) fn rows(&self, value: Ref, depth: usize) -> Option<u64> {
        let depth = depth.checked_sub(1)?;
        let node = self.labels.machine().node(value)?;
        if let Some((shape, _)) = self.array(node) {
            return shape.first().copied();
        }
        if !matches!(node.kind, NodeKind::Call(_)) {
            return None;
        }
        // `_new_Index(class, {…})`, an instance with a dict, or a wrapper of an array of numpy's.
        let is_dict =
            |value: &Ref| matches!(self.labels.machine().node(*value), Some(Node { kind: NodeKind::Dict, .. }));
        let dict = self.labels.argument(node, 1).filter(is_dict).or_else(|| node.state().filter(is_dict));
        if let Some(dict) = dict {
            let number = |key| self.labels.under(dict, key).and_then(|number| self.labels.int(number));
            if let (Some(start), Some(stop), Some(step)) = (number("start"), number("stop"), number("step")) {
                return range_steps(start, stop, step);
            }
            // A container of several arrays, such as a `MultiIndex`, has a list: all are of the same length.
            let held = pandas::DATA_KEYS.iter().find_map(|key| self.labels.under(dict, key))?;
            return self.rows(self.items(held).first().copied().unwrap_or(held), depth);
        }
        // A sparse index is called with its length.
        if self.labels.type_name(value).starts_with("pandas._libs.sparse.") {
            return u64::try_from(self.labels.int(self.labels.argument(node, 0)?)?).ok();
        }
        self.items(node.state()?).iter().take(3).find_map(|item| self.rows(*item, depth))
    }

    /// The names in an index: strings, or the numbers of a range.
    fn labels(&self, index: Ref) -> Vec<String> {
        let Some(node) = self.labels.machine().node(index) else { return Vec::new() };
        let Some(dict) = self.labels.argument(node, 1) else { return Vec::new() };
        let number = |key| self.labels.under(dict, key).and_then(|number| self.labels.int(number));
        if let (Some(start), Some(stop), Some(step)) = (number("start"), number("stop"), number("step")) {
            let count = range_steps(start, stop, step).unwrap_or(0);
            let labels = (0..count).map_while(|index| start.checked_add(i64::try_from(index).ok()?.checked_mul(step)?));
            return self.limited(labels.map(|label| label.to_string()));
        }
        // `_new_Index(Index, {'data': array of objects, …})`.
        let names = self.labels.under(dict, "data").map_or(&[][..], |data| self.objects(data, MAX_DEPTH));
        let label = |name: &Ref| match self.labels.string(*name) {
            Some(string) => string.as_ref().to_owned(),
            None => self.labels.preview(*name).as_ref().to_owned(),
        };
        self.limited(names.iter().map(label))
    }

    /// The items of an array of objects, or of a wrapper of one.
    fn objects(&self, value: Ref, depth: usize) -> &'m [Ref] {
        let Some(depth) = depth.checked_sub(1) else { return &[] };
        let Some(node) = self.labels.machine().node(value) else { return &[] };
        // dill passes the state as the third argument of `_create_array`, everything else writes BUILD.
        let state = match self.labels.maker(node) {
            Some(Makes::Call) => self.labels.argument(node, 2),
            _ => node.state(),
        };
        let Some(state) = state else { return &[] };
        let items = self.items(state);
        if self.array(node).is_some() {
            return items.get(4).map_or(&[], |items| self.items(*items));
        }
        items.iter().take(3).map(|item| self.objects(*item, depth)).find(|found| !found.is_empty()).unwrap_or(&[])
    }
}
