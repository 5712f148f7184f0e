"""One object of each kind that pandas has, by name; those that this version or environment does not have are left out."""

import datetime

import numpy
import pandas

def frames():
    range_ = pandas.date_range
    yield "mixed", pandas.DataFrame({"a": [1, 2], "b": [1.5, 2], "c": ["x", None], "d": [3, 4], "e": [True, False]})
    yield "one_block", pandas.DataFrame(numpy.arange(12.0).reshape(4, 3), columns=list("xyz"))
    yield "by_row", pandas.DataFrame(numpy.arange(12.0).reshape(4, 3, order="F"))
    yield "large", pandas.DataFrame({"a": numpy.arange(20_000), "b": numpy.arange(20_000) / 7, "c": 1})
    yield "narrow", pandas.DataFrame({t: numpy.array([1, 2], t) for t in ("i1", "u2", "f4", "f2", "c16", "?")})
    yield "objects", pandas.DataFrame({"a": [datetime.datetime(2020, 1, 1), 1], "b": ["x", (1, 2)]}, dtype=object)
    yield "dates_as_objects", pandas.DataFrame({"a": [datetime.datetime(2020, 1, 1)]}, dtype=object)
    yield "strings_as_objects", pandas.DataFrame({"a": ["p", "q"] * 40}, dtype=object)
    yield "times", pandas.DataFrame(
        {
            "day": range_("2020-03-27", periods=3),
            "zone": range_("2020-03-27", periods=3, tz="Europe/Berlin"),
            "utc": range_("2020", periods=3, tz="UTC"),
            "fixed": range_("2020", periods=3, tz=datetime.timezone(datetime.timedelta(hours=2))),
            "other": range_("2021", periods=3),
            "step": pandas.timedelta_range("1D", periods=3),
        }
    )
    yield "extensions", pandas.DataFrame(
        {
            "category": pandas.Categorical(["a", None, "b"], ordered=True),
            "integer": pandas.array([1, None, 3], dtype="Int64"),
            "period": pandas.period_range("2020", periods=3, freq="M"),
            "interval": pandas.interval_range(0, 3),
            "sparse": pandas.arrays.SparseArray([0, 0, 1]),
            "bool": pandas.array([True, None, False], dtype="boolean"),
            "float": pandas.array([1.5, None, 2], dtype="Float32"),
            "string": pandas.array(["x", None, "ü"], dtype="string[python]"),
            "number": [1, 2, 3],
        }
    )
    yield "empty", pandas.DataFrame()
    yield "no_rows", pandas.DataFrame({"a": [], "b": numpy.array([], int), "c": pandas.Categorical([])})
    yield "no_columns", pandas.DataFrame(index=[1, 2, 3])
    yield "same_names", pandas.DataFrame([[1, 2.5, "x", 3]], columns=["a", "a", "b", "a"])
    levels = pandas.MultiIndex.from_product([["a", "b"], [1, 2]], names=["l", None])
    yield "column_levels", pandas.DataFrame([[1, 2.5, "x", 3]], columns=levels)
    yield "row_levels", pandas.DataFrame({"a": range(4), "b": 1.5}, index=levels)
    yield "weeks", pandas.DataFrame({"a": range(4), "b": 1.5}, index=range_("2020", periods=4, freq="W", name="w"))
    yield "reordered", pandas.DataFrame(numpy.arange(8.0).reshape(2, 4))[[3, 1, 0, 2]]
    yield "turned", pandas.DataFrame({"a": [1, 2], "b": [1.5, 2], "c": ["x", None]}).T
    yield "alternating", pandas.DataFrame({i: numpy.arange(3) * (1.5 if i % 3 else 1) for i in range(100)})
    yield "big_endian", pandas.DataFrame(numpy.arange(4, dtype=">i4").reshape(2, 2))
    flagged = pandas.DataFrame({"a": [1], "b": 1.5})
    flagged.attrs["source"] = {"file": "x.csv", "rows": [1, 2]}
    yield "flagged", flagged.set_flags(allows_duplicate_labels=False)
    grown = pandas.DataFrame({"a": [1, 2]})
    grown["b"] = [1, 2]
    grown["c"] = ["x", "y"]
    del grown["a"]
    yield "grown", grown.copy()


def series():
    yield "numbers", pandas.Series([1, 2], name="n", index=[4, 9])
    yield "objects", pandas.Series(["a", 1, None])
    yield "strings", pandas.Series(["a", None, "ü"])
    yield "many_strings", pandas.Series([f"text {i}" for i in range(200)], dtype=object)
    yield "times", pandas.Series(pandas.date_range("2020", periods=3))
    yield "zone", pandas.Series(pandas.date_range("2020", periods=3, tz="Asia/Tokyo"))
    yield "steps", pandas.Series(pandas.timedelta_range("1D", periods=3))
    yield "category", pandas.Series(pandas.Categorical(["a", None, "b"]))
    yield "intervals", pandas.Series(pandas.interval_range(0, 3))
    yield "periods", pandas.Series(pandas.period_range("2020", periods=2, freq="Q-MAR"))
    yield "sparse", pandas.Series(pandas.arrays.SparseArray([0, 1, 0]))
    yield "empty", pandas.Series([], dtype=float)
    yield "tuple_name", pandas.Series([1], name=("a", 1))
    yield "number_name", pandas.Series([1.5], name=7)
    yield "bools", pandas.Series([True, False], index=pandas.date_range("2020", periods=2))


def indexes():
    yield "range", pandas.RangeIndex(1, 9, 3, name="x")
    yield "numbers", pandas.Index([3, 1, 2])
    yield "floats", pandas.Index([1.5, 2.5], name="f")
    yield "strings", pandas.Index(["a", "b", "b"], name="s")
    yield "objects", pandas.Index(["a", 1, None], dtype=object)
    yield "dates", pandas.Index([datetime.date(2020, 1, 1)], dtype=object)
    yield "tuples", pandas.Index([(1, 2), (3, 4)], tupleize_cols=False)
    yield "bools", pandas.Index([True, False])
    yield "levels", pandas.MultiIndex.from_product([["a", "b"], [1, 2]], names=["l", "r"])
    yield "missing_level", pandas.MultiIndex.from_arrays([["a", None], [1, 2]])
    times = pandas.date_range("2020", periods=2, tz="UTC")
    yield "many_levels", pandas.MultiIndex.from_arrays([times, pandas.Categorical(["a", "b"]), [1.5, 2]])
    yield "days", pandas.date_range("2020", periods=4, name="d")
    yield "zone", pandas.date_range("2020-03-28", periods=40, freq="h", tz="Europe/Berlin")
    yield "backwards", pandas.date_range("2020", periods=9)[::-2]
    yield "no_freq", pandas.date_range("2020", periods=9)[[0, 2, 3]]
    yield "missing_time", pandas.DatetimeIndex(["2020", None])
    yield "business", pandas.date_range("2020", periods=4, freq="B")
    yield "custom", pandas.bdate_range("2020", periods=4, freq="C")
    yield "quarters", pandas.date_range("2020", periods=4, freq="QS-FEB", tz="US/Eastern")
    yield "months", pandas.date_range("2020", periods=4, freq=pandas.DateOffset(months=2))
    yield "steps", pandas.timedelta_range("1D", periods=3, freq="2h")
    yield "periods", pandas.period_range("2020", periods=2, freq="M", name="p")
    yield "category", pandas.CategoricalIndex(["a", "b"], ordered=True, name="c")
    yield "intervals", pandas.interval_range(0, 3, closed="left")
    yield "time_intervals", pandas.interval_range(pandas.Timestamp("2020", tz="UTC"), periods=3)
    yield "missing_interval", pandas.IntervalIndex.from_tuples([(0.5, 1), None])
    yield "masked", pandas.Index(pandas.array([1, None], dtype="Int64"))


def arrays():
    yield "category", pandas.Categorical(["a", None], ordered=True)
    yield "numbers", pandas.Categorical([3, 1, 3])
    yield "times", pandas.date_range("2020", periods=2).array
    yield "zone", pandas.Series(pandas.date_range("2020", periods=2, tz="Asia/Tokyo")).array
    yield "steps", pandas.timedelta_range("1D", periods=2).array
    yield "periods", pandas.period_range("2020", periods=2, freq="M").array
    yield "intervals", pandas.interval_range(0, 3).array
    yield "time_intervals", pandas.interval_range(pandas.Timestamp("2020"), periods=3).array
    for dtype, values in ("Int8", [1, None]), ("UInt64", [1, None]), ("Float64", [1.5, None]), ("boolean", [True, None]):
        yield dtype, pandas.array(values, dtype=dtype)
    yield "string", pandas.array(["a", None], dtype="string[python]")
    yield "no_strings", pandas.array([], dtype="string[python]")
    yield "numpy", pandas.Series([1, 2]).array
    yield "numpy_objects", pandas.Series([1, "a"]).array
    yield "sparse", pandas.arrays.SparseArray([0, 0, 1])
    yield "blocks", pandas.arrays.SparseArray([0, 0, 1, 2, 0, 3], kind="block")
    yield "sparse_floats", pandas.arrays.SparseArray([numpy.nan, 1.5])


def arrow():
    yield "strings", pandas.array(["a", None, "é"], dtype="string[pyarrow]")
    yield "slice", pandas.array(["a", None, "é", "bc"], dtype="string[pyarrow]")[1:3]
    yield "none", pandas.array([], dtype="string[pyarrow]")
    yield "many", pandas.array([f"text {i}" for i in range(20_000)], dtype="string[pyarrow]")
    yield "numbers", pandas.array([1, None], dtype="int64[pyarrow]")
    yield "bools", pandas.array([True, None], dtype="bool[pyarrow]")
    yield "frame", pandas.DataFrame({"s": pandas.array(["x", None], dtype="string[pyarrow]"), "i": [1, 2]})
    yield "two", pandas.concat([pandas.Series(["a"], dtype="string[pyarrow]")] * 2)


def dtypes():
    yield "category", pandas.CategoricalDtype(["a"], True)
    yield "no_categories", pandas.CategoricalDtype()
    yield "zone", pandas.DatetimeTZDtype("ns", "Europe/Berlin")
    yield "period", pandas.PeriodDtype("Q-MAR")
    yield "interval", pandas.IntervalDtype("int64", "left")
    yield "string", pandas.StringDtype("python")
    yield "sparse", pandas.SparseDtype("float64")
    yield "integer", pandas.Int8Dtype()
    yield "bool", pandas.BooleanDtype()
    yield "numpy", pandas.Series([1]).array.dtype


def scalars():
    yield "time", pandas.Timestamp("2020-10-25 00:30", tz="UTC").tz_convert("Europe/Berlin")
    yield "fold", pandas.Timestamp("2020-10-25 01:30", tz="UTC").tz_convert("Europe/Berlin")
    yield "nanoseconds", pandas.Timestamp("2020-01-01 00:00:00.123456789")
    yield "step", pandas.Timedelta("1D 2h 3ns")
    yield "period", pandas.Period("2020-01", "M")
    yield "interval", pandas.Interval(0, 1.5, "both")
    yield "time_interval", pandas.Interval(pandas.Timestamp("2020"), pandas.Timestamp("2021"))
    yield "no_time", pandas.NaT
    yield "missing", pandas.NA
    yield "names", pandas.MultiIndex.from_product([["a"], [1]], names=["l", "r"]).names


def offsets():
    made = pandas.offsets
    yield "all", [
        made.Day(2), made.Nano(10**12), made.MonthEnd(), made.BDay(3), made.Week(weekday=2), made.QuarterEnd(startingMonth=2),
        made.YearBegin(month=4), made.CustomBusinessDay(), made.BusinessHour(), made.Easter(), made.SemiMonthEnd(),
        made.FY5253(weekday=1, startingMonth=3, variation="last"), made.WeekOfMonth(week=1, weekday=2),
    ]
    yield "parts", pandas.DateOffset(months=2, days=1)


def units():
    yield "milliseconds", pandas.Timestamp("2020-01-01").as_unit("ms")
    yield "seconds", pandas.Timedelta("1D").as_unit("s")
    yield "index", pandas.date_range("2020", periods=3, unit="ms")
    yield "frame", pandas.DataFrame({"a": pandas.date_range("2020", periods=3, unit="s", tz="UTC"), "b": 1})


def shared():
    index = pandas.Index([5, 6])
    frame = pandas.DataFrame({"a": [1, 2]}, index=index)
    yield "index", [index, frame, pandas.Series([1, 2], index=index)]


def everything():
    found = {}
    for kind in (frames, series, indexes, arrays, arrow, dtypes, scalars, offsets, units, shared):
        try:
            for name, value in kind():
                found[f"{kind.__name__}_{name}"] = value
        except (ImportError, AttributeError, TypeError) as error:
            # An older pandas, or no pyarrow.
            if kind not in (arrow, units):
                raise AssertionError(kind) from error
    return found
