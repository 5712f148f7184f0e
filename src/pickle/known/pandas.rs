//! The rows of pandas 1 to 3 and of pyarrow, whose arrays pandas holds, and how pandas pickles the arrays of a frame.
//!
//! pyarrow has compiled code that trusts the numbers in a file: of it, only arrays whose buffers are checked are built.

use super::registry_row::{CanonicalCall, Effect, KnownGlobal, Makes, Trait, data, known};
use crate::pickle::build_plan::{Builder, PandasBuilder};

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    known(&["pandas.core.frame", "pandas"], &["DataFrame"])
        .exported_by("pandas")
        .builds(pandas(PandasBuilder::Frame)),
    known(&["pandas.core.series", "pandas"], &["Series"])
        .exported_by("pandas")
        .builds(pandas(PandasBuilder::Series)),
    data(&["pandas.core.internals.managers", "pandas.core.internals"], &["BlockManager", "SingleBlockManager"])
        .builds(PART),
    data(&["pandas._libs.internals"], &["BlockManager"]).builds(PART),
    data(&["pandas._libs.internals"], &["_unpickle_block"])
        .makes(Makes::Type("pandas._libs.internals.Block"))
        .builds(PART),

    // Indexes.
    known(
        &[
            "pandas.core.indexes.base", "pandas.core.indexes.datetimes", "pandas.core.indexes.interval",
            "pandas.core.indexes.timedeltas", "pandas.core.indexes.period",
        ],
        &["_new_Index", "_new_DatetimeIndex", "_new_IntervalIndex", "_new_TimedeltaIndex", "_new_PeriodIndex"],
    )
        .makes(Makes::InstanceOf(0))
        .effect(Effect::New(0))
        .builds(pandas(PandasBuilder::Index))
        // Its labels never change, and pandas makes another index of the same labels when it loads some objects.
        .canonical(CanonicalCall::Constant),
    known(&["pandas.core.indexes.base", "pandas"], &["Index"]).exported_by("pandas").builds(PART),
    known(&["pandas.core.indexes.range", "pandas"], &["RangeIndex"]).exported_by("pandas").builds(PART),
    known(&["pandas.core.indexes.multi", "pandas"], &["MultiIndex"]).exported_by("pandas").builds(PART),
    known(&["pandas.core.indexes.datetimes", "pandas"], &["DatetimeIndex"]).exported_by("pandas").builds(PART),
    known(&["pandas.core.indexes.category", "pandas"], &["CategoricalIndex"]).builds(PART),
    known(&["pandas.core.indexes.interval", "pandas"], &["IntervalIndex"]).builds(PART),
    known(&["pandas.core.indexes.timedeltas", "pandas"], &["TimedeltaIndex"]).builds(PART),
    known(&["pandas.core.indexes.period", "pandas"], &["PeriodIndex"]).builds(PART),
    known(&["pandas.core.indexes.numeric"], &["Int64Index", "UInt64Index", "Float64Index", "NumericIndex"])
        .builds(PART),
    known(&["pandas.core.indexes.frozen", "pandas.api.typing"], &["FrozenList"])
        .builds(pandas(PandasBuilder::FrozenList)),

    // Arrays.
    known(&["pandas._libs.arrays"], &["__pyx_unpickle_NDArrayBacked"])
        .makes(Makes::InstanceOf(0))
        .effect(Effect::New(0))
        .builds(pandas(PandasBuilder::Backed)),
    known(&["pandas._libs.interval"], &["__pyx_unpickle_IntervalMixin"])
        .makes(Makes::InstanceOf(0))
        .effect(Effect::New(0))
        .builds(pandas(PandasBuilder::IntervalArray)),
    data(&["pandas._libs.sparse"], &["IntIndex", "BlockIndex"]).builds(PART),
    known(&["pandas.core.arrays.categorical", "pandas"], &["Categorical"])
        .exported_by("pandas")
        .builds(pandas(PandasBuilder::Backed)),
    known(&["pandas.arrays"], &[
        "StringArray", "Categorical", "DatetimeArray", "TimedeltaArray", "PeriodArray", "NumpyExtensionArray",
    ])
        .builds(pandas(PandasBuilder::Backed)),
    known(&["pandas.core.arrays.datetimes"], &["DatetimeArray"]).builds(pandas(PandasBuilder::Backed)),
    known(&["pandas.core.arrays.timedeltas"], &["TimedeltaArray"]).builds(pandas(PandasBuilder::Backed)),
    known(&["pandas.core.arrays.period"], &["PeriodArray"]).builds(pandas(PandasBuilder::Backed)),
    known(&["pandas.core.arrays.numpy_"], &["PandasArray", "NumpyExtensionArray"])
        .builds(pandas(PandasBuilder::Backed)),
    known(&["pandas.core.arrays.string_"], &["StringArray", "StringArrayNumpySemantics"])
        .builds(pandas(PandasBuilder::Backed)),
    known(&["pandas.core.arrays.interval", "pandas.arrays"], &["IntervalArray"])
        .builds(pandas(PandasBuilder::IntervalArray)),
    known(&["pandas.core.arrays.integer", "pandas.arrays"], &["IntegerArray"])
        .builds(pandas(PandasBuilder::Masked)),
    known(&["pandas.core.arrays.floating", "pandas.arrays"], &["FloatingArray"])
        .builds(pandas(PandasBuilder::Masked)),
    known(&["pandas.core.arrays.boolean", "pandas.arrays"], &["BooleanArray"])
        .builds(pandas(PandasBuilder::Masked)),
    known(&["pandas.core.arrays.sparse.array", "pandas.arrays"], &["SparseArray"])
        .builds(pandas(PandasBuilder::Sparse)),
    known(
        &["pandas.core.arrays.string_arrow", "pandas.arrays"],
        &["ArrowStringArray", "ArrowStringArrayNumpySemantics"],
    )
        .builds(pandas(PandasBuilder::Arrow)),
    known(&["pandas.core.arrays.arrow.array", "pandas.arrays"], &["ArrowExtensionArray"])
        .builds(pandas(PandasBuilder::Arrow)),

    // Dtypes.
    data(&["pandas", "pandas.core.dtypes.dtypes"], &["PeriodDtype"]).builds(pandas(PandasBuilder::PeriodDtype)),
    data(&["pandas", "pandas.core.dtypes.dtypes"], &["CategoricalDtype"])
        .builds(pandas(PandasBuilder::CategoricalDtype)),
    data(&["pandas", "pandas.core.dtypes.dtypes"], &["IntervalDtype"]).builds(pandas(PandasBuilder::IntervalDtype)),
    data(&["pandas", "pandas.core.dtypes.dtypes"], &["DatetimeTZDtype"]).builds(pandas(PandasBuilder::ZonedDtype)),
    data(&["pandas", "pandas.core.arrays.string_"], &["StringDtype"]).builds(pandas(PandasBuilder::StringDtype)),
    known(&["pandas", "pandas.core.dtypes.dtypes", "pandas.core.arrays.sparse.dtype"], &["SparseDtype"])
        .builds(pandas(PandasBuilder::SparseDtype)),
    known(&["pandas", "pandas.core.dtypes.dtypes", "pandas.core.arrays.arrow.dtype"], &["ArrowDtype"])
        .builds(pandas(PandasBuilder::ArrowDtype)),
    known(&["pandas.core.dtypes.dtypes"], &["NumpyEADtype", "PandasDtype"])
        .builds(pandas(PandasBuilder::NumpyDtype)),
    known(&["pandas", "pandas.core.arrays.integer"], &[
        "Int8Dtype", "Int16Dtype", "Int32Dtype", "Int64Dtype", "UInt8Dtype", "UInt16Dtype", "UInt32Dtype",
        "UInt64Dtype",
    ])
        .builds(pandas(PandasBuilder::NamedDtype)),
    known(&["pandas", "pandas.core.arrays.floating"], &["Float32Dtype", "Float64Dtype"])
        .builds(pandas(PandasBuilder::NamedDtype)),
    known(&["pandas", "pandas.core.arrays.boolean"], &["BooleanDtype"]).builds(pandas(PandasBuilder::NamedDtype)),

    // Scalars.
    data(&["pandas", "pandas._libs.interval"], &["Interval"]).builds(pandas(PandasBuilder::Interval)),
    data(&["pandas", "pandas._libs.tslibs.period"], &["Period"]).builds(pandas(PandasBuilder::Period)),
    data(&["pandas._libs.tslibs.period"], &["_unpickle_period"])
        .makes(Makes::Type("pandas.Period"))
        .builds(pandas(PandasBuilder::Period)),
    known(&["pandas._libs.tslibs.timestamps", "pandas"], &["Timestamp"]).builds(PART),
    data(&["pandas._libs.tslibs.timestamps"], &["_unpickle_timestamp"])
        .makes(Makes::Type("pandas.Timestamp"))
        .builds(pandas(PandasBuilder::Timestamp)),
    known(&["pandas._libs.tslibs.timedeltas", "pandas"], &["Timedelta"]).builds(PART),
    data(&["pandas._libs.tslibs.timedeltas"], &["_timedelta_unpickle"])
        .makes(Makes::Type("pandas.Timedelta"))
        .builds(pandas(PandasBuilder::Timedelta)),
    data(&["pandas._libs.tslibs.nattype"], &["_nat_unpickle", "__nat_unpickle"])
        .makes(Makes::Type("pandas.api.typing.NaTType"))
        .builds(pandas(PandasBuilder::NoTime)),
    known(&["pandas._libs.missing", "pandas"], &["NA"]).singleton("pandas.api.typing.NAType").builds(PART),

    // Offsets.
    known(&["pandas._libs.tslibs.offsets"], &[
        "Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano", "BusinessDay", "BDay", "BusinessHour", "Week",
        "WeekOfMonth", "LastWeekOfMonth", "SemiMonthBegin", "SemiMonthEnd", "MonthBegin", "MonthEnd",
        "BusinessMonthBegin", "BusinessMonthEnd", "QuarterBegin", "QuarterEnd", "BQuarterBegin", "BQuarterEnd",
        "HalfYearBegin", "HalfYearEnd", "BHalfYearBegin", "BHalfYearEnd", "YearBegin", "YearEnd", "BYearBegin",
        "BYearEnd", "CustomBusinessDay", "CustomBusinessHour", "CustomBusinessMonthBegin", "CustomBusinessMonthEnd",
        "Easter", "FY5253", "FY5253Quarter",
    ])
        .effect(Effect::Data)
        .builds(pandas(PandasBuilder::Offset)),
    data(&["pandas._libs.tslibs.offsets", "pandas"], &["DateOffset"]).builds(pandas(PandasBuilder::DateOffset)),

    known(&["pyarrow.lib"], &["_restore_array", "chunked_array", "py_buffer", "type_for_alias"])
        .effect(Effect::Data)
        .builds(PART)
        .traits(&[Trait::OnlyCalled]),
    known(&["pyarrow.lib"], &["_reconstruct_table", "schema", "field"]).effect(Effect::Data),
    known(&["pytz"], &["_p", "_UTC", "FixedOffset"]).effect(Effect::Data).builds(pandas(PandasBuilder::Zone)),
    known(&["dateutil.relativedelta"], &["relativedelta"]).builds(PART),
];

/// A global that other objects are made with, and that makes none alone.
const PART: Builder = pandas(PandasBuilder::Part);

const fn pandas(builder: PandasBuilder) -> Builder {
    Builder::Pandas(builder)
}

/// The keys under which an index or an extension array has its data, in the order in which they are searched for its
/// length.
pub(in crate::pickle) const DATA_KEYS: &[&str] =
    &["data", "codes", "left", "values", "_data", "_ndarray", "_codes", "_left", "_sparse_index", "_mask"];

/// How to find the dtype of one of pandas' extension arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum ArrayDtype {
    /// It is always this one.
    Always(&'static str),
    /// The name of its data's dtype, with a capital.
    Masked,
    /// The first item of its state.
    Backed,
}

const ARRAY_DTYPES: &[(&[&str], ArrayDtype)] = &[
    (&["Categorical"], ArrayDtype::Always("category")),
    (&["BooleanArray"], ArrayDtype::Always("boolean")),
    (&["IntegerArray", "FloatingArray"], ArrayDtype::Masked),
    (&["DatetimeArray", "TimedeltaArray", "PeriodArray", "StringArray"], ArrayDtype::Backed),
];

/// How to find the dtype of an array of this class, which is given by its public name.
pub(in crate::pickle) fn array_dtype(class: &str) -> Option<ArrayDtype> {
    let name = class.strip_prefix("pandas.")?.rsplit('.').next()?;
    ARRAY_DTYPES.iter().find(|(names, _)| names.contains(&name)).map(|(_, dtype)| *dtype)
}
