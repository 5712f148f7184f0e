//! How pandas 1 to 3 pickles what it holds its data in. Data only, and the look-ups in it.

/// The keys under which an index, or an array of pandas' own, has what it is made of, in the order in which they tell its
/// length.
pub(in crate::pickle) const HELD: &[&str] =
    &["data", "codes", "left", "values", "_data", "_ndarray", "_codes", "_left", "_sparse_index", "_mask"];

/// How the dtype of an array is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum Values {
    /// It is always the same.
    Always(&'static str),
    /// By that of its data, whose name has a capital here.
    Masked,
    /// By the first item of its state.
    Backed,
}

const VALUES: &[(&[&str], Values)] = &[
    (&["Categorical"], Values::Always("category")),
    (&["BooleanArray"], Values::Always("boolean")),
    (&["IntegerArray", "FloatingArray"], Values::Masked),
    (&["DatetimeArray", "TimedeltaArray", "PeriodArray", "StringArray"], Values::Backed),
];

/// How the dtype is told of an array of this class.
pub(in crate::pickle) fn values(class: &str) -> Option<Values> {
    let name = class.strip_prefix("pandas.")?.rsplit('.').next()?;
    VALUES.iter().find(|(names, _)| names.contains(&name)).map(|(_, values)| *values)
}
