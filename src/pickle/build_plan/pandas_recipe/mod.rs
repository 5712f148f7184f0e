//! Recipes for objects of pandas: by its public constructors, from checked parts.
//!
//! Compiled code of pandas uses numbers of a file as positions without checking them: the positions of blocks, the
//! codes of categories, the index of a sparse array. They are checked here as far as they are in the pickle. The
//! functions of `session/restore/builder/pandas_objects.py` carry the recipes out, and check numbers in buffers outside
//! of it.

mod arrow_recipe;
mod extension_recipe;
mod frame_recipe;
mod index_recipe;
mod interval_ends;
mod offset_arguments;
mod offset_recipe;
mod pandas_dtype_recipe;
mod pandas_parts;
mod pandas_scalar_recipe;
mod period_frequency;
mod relative_steps;
mod sparse_recipe;
mod zone_recipe;

use std::borrow::Cow;

use super::{Fill, Make, PlanContext, PlannedCall, Recipe, Refused};
use crate::pickle::machine::value::Ref;

/// Which recipe a row of the registry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum PandasBuilder {
    /// `DataFrame`, with a state that has a `BlockManager`.
    Frame,
    /// `Series`, with a state that has a `SingleBlockManager`.
    Series,
    /// `_new_Index(class, {…})` and its like.
    Index,
    /// `FrozenList([…])`.
    FrozenList,
    /// `__pyx_unpickle_NDArrayBacked(class, checksum, None)` or the class itself, with a state.
    Backed,
    /// An array with a mask.
    Masked,
    /// `__pyx_unpickle_IntervalMixin(class, checksum, None)`, with a state.
    IntervalArray,
    /// `SparseArray`.
    Sparse,
    /// An array that pyarrow stores.
    Arrow,
    /// `CategoricalDtype`.
    CategoricalDtype,
    /// `DatetimeTZDtype`.
    ZonedDtype,
    /// `PeriodDtype(freq)`.
    PeriodDtype,
    /// `IntervalDtype`.
    IntervalDtype,
    /// `StringDtype(storage, missing)`.
    StringDtype,
    /// `SparseDtype`.
    SparseDtype,
    /// `ArrowDtype`.
    ArrowDtype,
    /// The dtype of an array that wraps one of numpy.
    NumpyDtype,
    /// A dtype without parts, such as `Int64Dtype`.
    NamedDtype,
    /// `_unpickle_timestamp(value, freq, zone, unit)`.
    Timestamp,
    /// `_timedelta_unpickle(value, unit)`.
    Timedelta,
    /// `Period(None, freq, ordinal)`.
    Period,
    /// `Interval(left, right, closed)`.
    Interval,
    /// `_nat_unpickle(None)`.
    NoTime,
    /// An offset such as `MonthEnd(1, False)`.
    Offset,
    /// `DateOffset()`, with a state.
    DateOffset,
    /// A time zone of pytz.
    Zone,
    /// A class or a function that other recipes have as a part.
    Part,
}

/// How an object is made, with checked arguments.
#[derive(Debug)]
pub(crate) struct PandasMake<'a> {
    /// The function of `pandas_objects.py`.
    pub function: &'static str,
    /// Its arguments.
    pub arguments: Vec<PandasArgument<'a>>,
    made: Made,
}

/// An argument of a function of `pandas_objects.py`.
#[derive(Debug)]
pub(crate) enum PandasArgument<'a> {
    /// The next one of the objects that the recipe needs.
    Object(Ref),
    /// `None`.
    None,
    /// A bool.
    Bool(bool),
    /// An `int`.
    Int(i64),
    /// A `str`.
    Text(String),
    /// `bytes`.
    Bytes(Cow<'a, [u8]>),
    /// `range(start, stop, step)`.
    Range(i64, i64, i64),
    /// A tuple.
    Tuple(Vec<PandasArgument<'a>>),
}

/// The facts about the object of a recipe that other recipes need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// A frame, a series or a list of names.
    Whole,
    /// An index.
    Index { length: u64, has_levels: bool },
    /// An extension array of one dimension.
    Array { class: ArrayKind, length: u64, freq: Option<Ref> },
    /// A dtype.
    Dtype(DtypeMade),
    /// An offset.
    Offset,
    /// A time zone.
    Zone,
    /// A scalar: two of the same kind can be compared.
    Scalar(PandasBuilder),
}

/// The kinds of extension arrays that other recipes distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArrayKind {
    Datetime,
    Timedelta,
    Period,
    Categorical,
    Other,
}

/// A dtype of pandas, as far as the recipes of its arrays must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DtypeMade {
    /// Its number of categories, if it has any.
    Categorical(Option<u64>),
    /// Its unit.
    Zoned(&'static str),
    Period,
    /// `left`, `right`, `both` or `neither`, if it is known.
    Interval(Option<&'static str>),
    /// Whether pyarrow stores the strings, and whether missing ones are NaN.
    String {
        by_arrow: bool,
        is_nan: bool,
    },
    /// The fill value.
    Sparse(Ref),
    /// pyarrow's name of the type.
    Arrow(&'static str),
    Other,
}

/// The recipe for a call.
pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: PandasBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    if call.added.is_some() || !call.keywords.is_empty() || call.base.is_some() {
        return Err("is used in a way that pandas does not write".to_owned());
    }
    let make = match builder {
        PandasBuilder::Frame => frame_recipe::frame(context, call),
        PandasBuilder::Series => frame_recipe::series(context, call),
        PandasBuilder::Index => index_recipe::index(context, call),
        PandasBuilder::FrozenList => index_recipe::frozen_list(context, call),
        PandasBuilder::Backed => extension_recipe::backed(context, call),
        PandasBuilder::Masked => extension_recipe::masked(context, call),
        PandasBuilder::IntervalArray => extension_recipe::interval(context, call),
        PandasBuilder::Sparse => sparse_recipe::sparse(context, call),
        PandasBuilder::Arrow => arrow_recipe::array(context, call),
        PandasBuilder::CategoricalDtype
        | PandasBuilder::ZonedDtype
        | PandasBuilder::PeriodDtype
        | PandasBuilder::IntervalDtype
        | PandasBuilder::StringDtype
        | PandasBuilder::SparseDtype
        | PandasBuilder::ArrowDtype
        | PandasBuilder::NumpyDtype
        | PandasBuilder::NamedDtype => pandas_dtype_recipe::dtype(context, builder, call),
        PandasBuilder::Timestamp
        | PandasBuilder::Timedelta
        | PandasBuilder::Period
        | PandasBuilder::Interval
        | PandasBuilder::NoTime => pandas_scalar_recipe::scalar(context, builder, call),
        PandasBuilder::Offset => offset_recipe::offset(context, call),
        PandasBuilder::DateOffset => offset_recipe::date_offset(context, call),
        PandasBuilder::Zone => zone_recipe::zone(context, call),
        PandasBuilder::Part => Err("is no part of a frame, an index or an array".to_owned()),
    }?;
    let mut needs = Vec::new();
    make.arguments.iter().for_each(|argument| argument.collect(&mut needs));
    Ok(Recipe { make: Make::Pandas(Box::new(make)), needs, reads: true, fill: Fill::Nothing })
}

impl PandasMake<'_> {
    /// Whether it makes a frame, a series, an index or an array.
    pub(in crate::pickle::build_plan) fn is_container(&self) -> bool {
        matches!(self.made, Made::Whole | Made::Index { .. } | Made::Array { .. })
    }

    /// Whether both make a scalar in the same way, as far as that is easy to see.
    pub(in crate::pickle::build_plan) fn is_same_scalar(&self, other: &Self) -> bool {
        let are_same = |pair: (&PandasArgument<'_>, &PandasArgument<'_>)| match pair {
            // The recipe's needs decide which objects they are.
            (PandasArgument::Object(_), PandasArgument::Object(_)) | (PandasArgument::None, PandasArgument::None) => {
                true
            }
            (PandasArgument::Text(one), PandasArgument::Text(other)) => one == other,
            _ => false,
        };
        matches!(self.made, Made::Scalar(_))
            && self.made == other.made
            && self.function == other.function
            && self.arguments.len() == other.arguments.len()
            && self.arguments.iter().zip(&other.arguments).all(are_same)
    }

    /// Whether it makes a time zone.
    pub(in crate::pickle::build_plan) fn is_zone(&self) -> bool {
        self.made == Made::Zone
    }
}

impl PandasArgument<'_> {
    /// Appends the objects in this argument, in the order in which [`PandasMake`] uses them.
    fn collect(&self, needs: &mut Vec<Ref>) {
        match self {
            Self::Object(reference) => needs.push(*reference),
            // Recipes nest their arguments three deep at most.
            Self::Tuple(items) => items.iter().for_each(|item| item.collect(needs)),
            _ => {}
        }
    }

    /// An object, or `None`.
    fn optional(reference: Option<Ref>) -> Self {
        reference.map_or(Self::None, Self::Object)
    }
}

/// A call of a function of `pandas_objects.py`.
fn call_of<'a>(function: &'static str, arguments: Vec<PandasArgument<'a>>, made: Made) -> PandasMake<'a> {
    PandasMake { function, arguments, made }
}

/// The facts about the object that a recipe of pandas makes; `None` for any other object.
fn made(context: &PlanContext<'_, '_>, reference: Ref) -> Option<Made> {
    match &*context.recipe(reference)?.make {
        Make::Pandas(make) => Some(make.made),
        _ => None,
    }
}
