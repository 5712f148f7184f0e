//! The rows of pandas 1 to 3 and of pyarrow, whose arrays pandas holds, and how pandas pickles the arrays of a frame.
//!
//! pyarrow has compiled code that trusts the numbers in a file, so nothing of it is loaded from untrusted files.

use super::registry_row::{Effect, KnownGlobal, Makes, data, data_class, known};

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    data_class(&["pandas.core.frame", "pandas"], &["DataFrame"]).exported_by("pandas"),
    data_class(&["pandas.core.series", "pandas"], &["Series"]).exported_by("pandas"),
    data_class(&["pandas.core.flags"], &["Flags"]),
    data(&["pandas.core.internals.managers", "pandas.core.internals"], &["BlockManager", "SingleBlockManager"]),
    data(&["pandas._libs.internals"], &["BlockManager"]),
    data(&["pandas._libs.internals"], &["_unpickle_block"]).makes(Makes::Type("pandas._libs.internals.Block")),

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
        .loaded_untrusted(),
    data_class(&["pandas.core.indexes.base", "pandas"], &["Index"]).exported_by("pandas"),
    data_class(&["pandas.core.indexes.range", "pandas"], &["RangeIndex"]).exported_by("pandas"),
    data_class(&["pandas.core.indexes.multi", "pandas"], &["MultiIndex"]).exported_by("pandas"),
    data_class(&["pandas.core.indexes.datetimes", "pandas"], &["DatetimeIndex"]).exported_by("pandas"),
    data_class(&["pandas.core.indexes.category", "pandas"], &["CategoricalIndex"]),
    data_class(&["pandas.core.indexes.interval", "pandas"], &["IntervalIndex"]),
    data_class(&["pandas.core.indexes.timedeltas", "pandas"], &["TimedeltaIndex"]),
    data_class(&["pandas.core.indexes.period", "pandas"], &["PeriodIndex"]),
    data_class(&["pandas.core.indexes.numeric"], &["Int64Index", "UInt64Index", "Float64Index"]),
    data_class(&["pandas.core.indexes.frozen"], &["FrozenList"]),

    // Arrays.
    known(&["pandas._libs.arrays"], &["__pyx_unpickle_NDArrayBacked"])
        .makes(Makes::InstanceOf(0))
        .effect(Effect::New(0))
        .loaded_untrusted(),
    data(&["pandas._libs.sparse"], &["IntIndex", "BlockIndex"]),
    data_class(&["pandas.core.arrays.categorical", "pandas"], &["Categorical"]).exported_by("pandas"),
    data_class(&["pandas.arrays"], &[
        "StringArray", "Categorical", "DatetimeArray", "TimedeltaArray", "PeriodArray", "IntervalArray", "IntegerArray",
        "FloatingArray", "BooleanArray", "NumpyExtensionArray",
    ]),
    data_class(&["pandas.core.arrays.datetimes"], &["DatetimeArray"]),
    data_class(&["pandas.core.arrays.timedeltas"], &["TimedeltaArray"]),
    data_class(&["pandas.core.arrays.period"], &["PeriodArray"]),
    data_class(&["pandas.core.arrays.interval"], &["IntervalArray"]),
    data_class(&["pandas.core.arrays.integer"], &["IntegerArray"]),
    data_class(&["pandas.core.arrays.floating"], &["FloatingArray"]),
    data_class(&["pandas.core.arrays.boolean"], &["BooleanArray"]),
    data_class(&["pandas.core.arrays.string_"], &["StringArray"]),

    // Dtypes and scalars.
    data(&["pandas"], &["PeriodDtype", "StringDtype", "CategoricalDtype", "IntervalDtype", "DatetimeTZDtype"]),
    data(
        &["pandas.core.dtypes.dtypes"],
        &["PeriodDtype", "CategoricalDtype", "IntervalDtype", "DatetimeTZDtype"],
    ),
    data(&["pandas.core.arrays.string_"], &["StringDtype"]),
    data_class(&["pandas.core.dtypes.dtypes"], &["NumpyEADtype"]),
    data(&["pandas", "pandas._libs.interval"], &["Interval"]),
    data(&["pandas", "pandas._libs.tslibs.period"], &["Period"]),
    data(&["pandas._libs.tslibs.period"], &["_unpickle_period"]).makes(Makes::Type("pandas.Period")),
    data_class(&["pandas._libs.tslibs.timestamps", "pandas"], &["Timestamp"]),
    data(&["pandas._libs.tslibs.timestamps"], &["_unpickle_timestamp"]).makes(Makes::Type("pandas.Timestamp")),
    data_class(&["pandas._libs.tslibs.timedeltas", "pandas"], &["Timedelta"]),
    data(&["pandas._libs.tslibs.timedeltas"], &["_timedelta_unpickle"]).makes(Makes::Type("pandas.Timedelta")),
    data(&["pandas._libs.tslibs.nattype"], &["_nat_unpickle"]).makes(Makes::Type("pandas.api.typing.NaTType")),
    known(&["pandas._libs.missing"], &["NA"]).singleton("pandas.api.typing.NAType"),
    data(&["pandas._libs.tslibs.offsets"], &[
        "BusinessDay", "MonthEnd", "MonthBegin", "BusinessMonthEnd", "BusinessMonthBegin", "QuarterEnd",
        "QuarterBegin", "YearEnd", "YearBegin", "Week", "Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano",
        "DateOffset", "BDay", "_offsets",
    ]),

    known(
        &["pyarrow.lib"],
        &["_restore_array", "_reconstruct_table", "chunked_array", "py_buffer", "type_for_alias", "schema", "field"],
    )
        .effect(Effect::Data),
];

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
