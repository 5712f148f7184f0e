"""Frames, series, indexes and scalars of pandas."""

import datetime

import numpy as np
import pandas as pd

days = pd.date_range("2024-02-28", periods=4, tz="Europe/Oslo", name="day")
numbers = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, np.nan, 1.5]})
mixed = pd.DataFrame({
    "n": [1, 2, 3, 4], "s": ["x", None, "y", "z"], "f": [0.5, np.nan, 1.5, 2.0], "b": [True, False, True, True],
    "t": pd.date_range("2024-01-01", periods=4), "c": pd.Categorical(["a", "b", "a", "c"]),
    "i": pd.array([1, None, 3, 4], dtype="Int64"), "o": [[1], {"x": 2}, None, (3,)],
})
with_attributes = numbers.copy()
with_attributes.attrs["source"] = "made up"
multi = mixed.drop(columns="o").assign(half=["p", "p", "q", "q"]).set_index(["half", "n"])

VALUES = {
    "frame_of_numbers": numbers,
    "frame_of_strings": pd.DataFrame({"s": ["x", None, "y"], "t": ["a", "b", "c"]}),
    "mixed": mixed,
    "multi": multi,
    "attributes": with_attributes,
    "empty_frame": pd.DataFrame(),
    "frame_without_rows": mixed.iloc[:0],
    "frame_of_one_dtype": pd.DataFrame(np.arange(20.0).reshape(4, 5)),
    "frame_with_days": pd.DataFrame({"v": [1, 2, 3, 4]}, index=days),
    "wide": pd.DataFrame({f"c{number}": range(5) for number in range(60)}),
    "long": pd.DataFrame({"v": np.arange(20_000.0), "k": np.arange(20_000) % 7}),
    "columns_of_tuples": pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])),
    "duplicate_columns": pd.DataFrame([[1, 2.0]], columns=["a", "a"]),
    "integer_columns": pd.DataFrame([[1, 2.0]], columns=[10, 20]),
    "split_frame": pd.DataFrame({"a": [1]}).assign(b=[2.0]).assign(c=[3]),
    "object_frame": pd.DataFrame({"o": [1, "a", None]}),
    "frame_subset": mixed[["n", "f"]].iloc[1:3],
    "pair_of_frames": {"train": numbers, "test": numbers.iloc[:1]},
    "series": pd.Series([1.0, 2.0, 3.0], name="x"),
    "series_of_strings": pd.Series(["a", "b", None], index=["x", "y", "z"]),
    "series_of_ints": pd.Series([1, None, 3], dtype="Int64", name="counts"),
    "series_of_bools": pd.Series([True, None], dtype="boolean"),
    "series_of_floats": pd.Series([1.5, None], dtype="Float32"),
    "series_of_days": pd.Series(days),
    "series_of_deltas": pd.Series(pd.to_timedelta([1, 2], unit="h")),
    "series_of_periods": pd.Series(pd.period_range("2024Q1", periods=3, freq="Q")),
    "series_of_intervals": pd.Series(pd.interval_range(0, 3)),
    "series_of_objects": pd.Series([1, "a", [2]], dtype=object),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1, 0, 2])),
    "ordered_categories": pd.Series(pd.Categorical(["lo", "hi"], ["lo", "mid", "hi"], ordered=True)),
    "categories_of_ints": pd.Series([3, 1, 3], dtype="category"),
    "string_series": pd.Series(["a", None], dtype="string"),
    "empty_series": pd.Series([], dtype=float),
    "index": pd.Index(["a", "b"], name="k"),
    "index_of_ints": pd.Index([3, 1, 2]),
    "index_of_floats": pd.Index([0.5, 1.5]),
    "range_index": pd.RangeIndex(2, 10, 3, name="r"),
    "days": days,
    "naive_days": pd.DatetimeIndex(["2024-01-01", "2024-03-01"]),
    "days_with_frequency": pd.date_range("2024-01-31", periods=3, freq="ME"),
    "deltas": pd.timedelta_range("1h", periods=3, freq="h"),
    "periods": pd.period_range("2024-01", periods=3, freq="M"),
    "intervals": pd.interval_range(0, 3, closed="left"),
    "category_index": pd.CategoricalIndex(["a", "b", "a"]),
    "multi_index": multi.index,
    "multi_of_days": pd.MultiIndex.from_product([days[:2], [1, 2]], names=["d", None]),
    "timestamp": pd.Timestamp("2024-02-28 01:02:03.004005006"),
    "timestamp_in_zone": pd.Timestamp("2024-02-28", tz="Europe/Oslo"),
    "timestamp_in_utc": pd.Timestamp("2024-02-28", tz="UTC"),
    "timedelta": pd.Timedelta("1 days 02:03:04"),
    "period": pd.Period("2024Q1", freq="Q"),
    "interval": pd.Interval(0, 1, closed="both"),
    "not_available": pd.NA,
    "not_a_time": pd.NaT,
    "offsets": [pd.offsets.Day(2), pd.offsets.MonthEnd(), pd.offsets.BusinessDay(), pd.DateOffset(months=1)],
    "business_offset": pd.offsets.CustomBusinessDay(weekmask="Sun Mon"),
    "dtypes": [pd.Int64Dtype(), pd.CategoricalDtype(["a"]), pd.DatetimeTZDtype("ns", "UTC"), pd.StringDtype(),
               pd.PeriodDtype("M"), pd.IntervalDtype("int64", "right"), pd.SparseDtype(float)],
    "arrays": [pd.array([1, None]), pd.array(["a", None]), pd.array([datetime.date(2024, 1, 1)], dtype=object)],
    "categorical": pd.Categorical(["a", "b", None]),
    "group_by": numbers.groupby("a"),
    "rolling": numbers.b.rolling(2),
    "records": numbers.to_dict("records"),
    "nested": [{"frame": numbers, "when": pd.Timestamp(0)}],
}
try:
    import pyarrow  # noqa: F401
except ImportError:
    pass
else:
    VALUES |= {
        "arrow_strings": pd.Series(["a", None], dtype="string[pyarrow]"),
        "arrow_ints": pd.Series([1, None], dtype="int64[pyarrow]"),
        "arrow_frame": mixed.drop(columns=["o", "c"]).convert_dtypes(dtype_backend="pyarrow"),
    }
