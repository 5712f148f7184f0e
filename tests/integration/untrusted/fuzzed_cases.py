"""Prints a JSON object: for each case, whether an untrusted load equals `pickle.loads`, is refused, or how it differs."""

import copyreg
import datetime
import json
import os
import pickle
import re
import sys
import tempfile

import numpy
import pandas
import snapcli
from sklearn.preprocessing import StandardScaler


class Call:
    """Is pickled as a call with a state."""

    def __init__(self, function, arguments, state=None):
        self.call = (function, arguments, state) if state is not None else (function, arguments)

    def __reduce__(self):
        return self.call


def state_of(value, protocol=4):
    """What `BUILD` gets for an object."""
    return value.__reduce_ex__(protocol)[2]


def new(value, state):
    return Call(copyreg._reconstructor, (type(value), object, None), state)


def offset(steps=None, **parts):
    """A DateOffset, whose computed steps are changed."""
    made = pandas.DateOffset(**parts)
    state = dict(made.__reduce_ex__(4)[2])
    if isinstance(steps, dict):
        state["_offset"] = new(made._offset, vars(made._offset) | steps)
    elif steps is not None:
        state["_offset"] = steps
    return Call(pandas.DateOffset, (), state)


def flagged_offset(flag):
    state = dict(pandas.DateOffset(months=1).__reduce_ex__(4)[2], _use_relativedelta=flag)
    return Call(pandas.DateOffset, (), state)


def index_call():
    function, arguments, *_ = pandas.Index([1, 2]).__reduce__()
    return Call(function, arguments), arguments


def frame_call():
    frame = pandas.DataFrame({"a": [1, 2]})
    state = state_of(frame)
    return new(frame, state), state


def masked_twice():
    made = pandas.array([1, None], "Int64")
    state = dict(vars(made))
    return [new(made, state), new(made, state)]


def estimator_call():
    state = StandardScaler().fit([[1.0], [2.0]]).__getstate__()
    return [{"model": new(StandardScaler(), state)}, {"state": state}]


def text(codes, order="<"):
    """An array of strings of two characters with these codes."""
    return numpy.array(codes, order + "u4").view(order + "U2")


def dtype_with(dtype, position, number):
    """A dtype whose state has another number at this position."""
    function, arguments, state = dtype.__reduce__()
    return Call(function, arguments, (*state[:position], number, *state[position + 1:]))


def with_codes(dtype, categories=("a", "b")):
    """A Categorical whose codes have a dtype that its constructor does not choose."""
    made = pandas.Categorical([], categories=categories, ordered=True)
    made.__setstate__((made.dtype, numpy.array([1, 0, 1], dtype), {}))
    return made


def index_of_codes(dtype):
    function, (kind, parts), *_ = pandas.CategoricalIndex(["a", "b"]).__reduce__()
    return Call(function, (kind, parts | {"data": with_codes(dtype)}))


def with_missing(missing):
    """An array of strings with a missing value that its constructor would replace."""
    made = pandas.array(["a", "b"], pandas.StringDtype("python"))
    state = state_of(made)
    values = numpy.array(["a", missing], object)
    if isinstance(state, dict):
        state = state | {"_ndarray": values}
    else:
        state = tuple(values if isinstance(part, numpy.ndarray) else part for part in state)
    return Call(*made.__reduce_ex__(4)[:2], state)


def categorical_categories():
    made = pandas.CategoricalDtype(["a", "b"])
    return new(made, state_of(made) | {"categories": pandas.CategoricalIndex(["a", "b"])})


def multi_index(dtype):
    made = pandas.MultiIndex.from_product([["a", "b"], [1, 2]])
    function, (kind, parts), *_ = made.__reduce__()
    return Call(function, (kind, parts | {"codes": [numpy.array(codes, dtype) for codes in parts["codes"]]}))


def with_calendar(calendar):
    """An offset of business days, with a calendar that is pickled as it is."""
    arguments = list(pandas.offsets.CustomBusinessDay(2).__reduce__()[1])
    arguments[4] = calendar
    return Call(pandas.offsets.CustomBusinessDay, tuple(arguments))


def intervals(left, right, kind=pandas.Index):
    function, (index, parts), *_ = pandas.interval_range(0, 2).__reduce__()
    return Call(function, (index, parts | {"left": kind(left), "right": kind(right)}))


def array_of_intervals(left, right):
    made = pandas.arrays.IntervalArray.from_breaks([0, 1, 2])
    parts = {"_left": pandas.Index(left), "_right": pandas.Index(right), "_dtype": made.dtype}
    return new(made, parts)


def with_times(index, numbers):
    """An index with other times, which do not fit its frequency."""
    times = numpy.array(numbers, "i8").view(index.asi8.dtype)
    index._data._ndarray[:] = times.view(index._data._ndarray.dtype)
    return index


def times_of(count, freq):
    """Equal times, which are none of a frequency."""
    function, (index, parts), *_ = pandas.DatetimeIndex(numpy.zeros(count, "M8[s]")).__reduce__()
    return Call(function, (index, parts | {"freq": freq}))


def openings(count):
    start, end = ([f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(first, 2 * count, 2)] for first in (0, 1))
    return pandas.offsets.CustomBusinessHour(start=start, end=end)


def masked(fill_value):
    function, arguments, state = numpy.ma.array([1, 2], mask=[0, 1]).__reduce__()
    return Call(function, arguments, (*state[:-1], fill_value))


def sparse(fill_value, values=(1, 2)):
    made = pandas.arrays.SparseArray(values)
    dtype = new(made.dtype, vars(made.dtype) | {"_fill_value": fill_value})
    return new(made, vars(made) | {"_dtype": dtype})


def step(name, *arguments):
    return Call(getattr(pandas.offsets, name), arguments)


def opening(start, end):
    shift = datetime.timedelta(0)
    times = [tuple(datetime.time(*time) for time in times) for times in (start, end)]
    return step("BusinessHour", 1, False, *times, shift)


def business_days(week, holidays=()):
    return step("CustomBusinessDay", 1, False, week, holidays, None, datetime.timedelta(0))


def repeated_labels():
    made = pandas.Series([1, 2], index=["a", "b"]).set_flags(allows_duplicate_labels=False)
    made.index._data[:] = "a"
    return made


def repeated_categories():
    made = pandas.CategoricalDtype([1.5, 2.5])
    made.categories._data[:] = [2.5, 2.5]
    return pandas.Categorical.from_codes([0, 1, 0], dtype=made)


def steps_and_periods():
    days = pandas.offsets.Day
    return {
        "hours that are normalized": step("Hour", 1, True),
        "months of a year": step("YearEnd", 1, False, 12),
        "a month that no year has": step("BYearEnd", 1, False, 13),
        "a way to find Easter": step("Easter", 1, False, 2),
        "an unknown way to find Easter": step("Easter", 1, False, 4),
        "a day of a month": step("SemiMonthBegin", 1, False, 2),
        "a first day of a month that is its beginning": step("SemiMonthBegin", 1, False, 1),
        "a day that no week has": step("Week", 1, False, 7),
        "a week that no month has": step("WeekOfMonth", 1, False, 4, 0),
        "no week of a month": step("LastWeekOfMonth", 0, False, 1),
        "a variation of a year of weeks": step("FY5253", 1, False, 0, 1, "last"),
        "an unknown variation of a year of weeks": step("FY5253", 1, False, 0, 1, "lst"),
        "a step with more arguments": step("MonthEnd", 1, False, 1),
        "opening hours": opening([(9, 0), (13, 0)], [(12, 0), (17, 0)]),
        "opening hours over midnight": opening([(22, 0)], [(6, 0)]),
        "opening hours that overlap": opening([(9, 0), (11, 0)], [(12, 0), (17, 0)]),
        "opening hours that touch": opening([(9, 0), (12, 0)], [(12, 0), (17, 0)]),
        "opening hours with seconds": opening([(9, 0, 1)], [(12, 0)]),
        "opening hours without an end": opening([(9, 0), (13, 0)], [(12, 0)]),
        "days of a week": business_days("Mon Sat"),
        "days of a week as bits": business_days("1100000"),
        "days that no week has": business_days("Mon Tu9e"),
        "a week without days": business_days("0000000"),
        "holidays": business_days("Mon", (numpy.datetime64("2020-01-01"),)),
        "holidays that are no days": business_days("Mon", (numpy.float64(1),)),
        "a period of days": Call(pandas.Period, (None, days(2), 5)),
        "a period that is no time": Call(pandas.Period, (None, days(0), 5)),
        "a period of Easters": Call(pandas.Period, (None, pandas.offsets.Easter(), 5)),
        "a period of weeks without a last day": Call(pandas.Period, (None, pandas.offsets.Week(), 5)),
        "a dtype of quarters": Call(pandas.PeriodDtype, ("period[2Q-MAR]",)),
        "a dtype of unknown quarters": Call(pandas.PeriodDtype, ("period[Q-MRA]",)),
        "a dtype of no days": Call(pandas.PeriodDtype, ("period[0D]",)),
    }


def contradictions():
    """Numbers that the constructors of pandas refuse, or that `pickle.load` does not check."""
    beyond = pandas.date_range("2020", periods=3, tz="Europe/Berlin", unit="s")
    return {
        "intervals": intervals([1, 2], [2, 2]),
        "intervals that end before they begin": intervals([1, 9], [2, 3]),
        "intervals of floats that end before they begin": intervals([1.5, 9.5], [2, 3]),
        "intervals of unsigned numbers": intervals(numpy.array([1, 2], "u8"), numpy.array([2, 2**64 - 1], "u8")),
        "intervals of which an end is missing": intervals([1.5, float("nan")], [2.5, 3.5]),
        "intervals that are missing": intervals([1.5, float("nan")], [2.5, float("nan")]),
        "intervals of times": intervals([1, 2], [2, 3], pandas.DatetimeIndex),
        "intervals of times that end before they begin": intervals([1, 9], [2, 3], pandas.DatetimeIndex),
        "an array of intervals that end before they begin": array_of_intervals([1, 9], [2, 3]),
        "intervals from times to time differences": Call(*intervals([1], [2], pandas.TimedeltaIndex).call[:1], (
            pandas.IntervalIndex,
            {"left": pandas.DatetimeIndex([1]), "right": pandas.TimedeltaIndex([2]), "closed": "left", "name": None},
        )),
        "times that do not fit their frequency": with_times(pandas.date_range("2020", periods=3), [5, 1, 7]),
        "time differences that do not fit their frequency": with_times(pandas.timedelta_range("1s", periods=3), [5, 1, 7]),
        "times beyond the year 9999 with a zone and a frequency": with_times(beyond, [10**12, 10**12 + 1, 2]),
        "times of a frequency that takes long to compute": times_of(70_000, openings(70)),
        "times of Easter": times_of(70_000, pandas.offsets.Easter()),
        "an interval of times": Call(pandas.Interval, (pandas.Timestamp(0), pandas.Timestamp("1970").as_unit("s"), "left")),
        "an interval of times that ends before it begins": Call(
            pandas.Interval, (pandas.Timestamp("2020-01-02").as_unit("s"), pandas.Timestamp("2020"), "left")
        ),
        "an interval of times of one unit that ends before it begins": Call(
            pandas.Interval, (pandas.Timestamp("2021"), pandas.Timestamp("2020"), "left")
        ),
        "an interval of time differences that ends before it begins": Call(
            pandas.Interval, (pandas.Timedelta(5), pandas.Timedelta(4), "left")
        ),
        "an interval of scalars of numpy": Call(pandas.Interval, (numpy.float64(1), numpy.float64(1), "left")),
        "an interval of scalars of numpy that ends before it begins": Call(
            pandas.Interval, (numpy.float64(1.5), numpy.int8(1), "left")
        ),
        "an interval that ends at no time": Call(pandas.Interval, (pandas.NaT, pandas.NaT, "left")),
        "a fill value of a masked array": masked(numpy.array(7)),
        "a fill value of a masked array that is a number": masked(7),
        "a fill value of a masked array that is none": masked(float("nan")),
        "a fill value of a masked array that is a string": masked("x"),
        "a fill value of a masked array of another dtype": masked(numpy.array("x")),
        "a SparseArray": sparse(0),
        "a SparseArray whose fill value is missing": sparse(float("nan"), (1.5, 2.5)),
        "a SparseArray whose fill value is a string": sparse("x"),
        "a SparseArray whose fill value is a list": sparse([]),
        "a SparseArray whose fill value is too large": sparse(2**70),
        "labels that repeat, where none may": repeated_labels(),
        "categories that repeat": repeated_categories(),
        "a pattern": Call(re._compile, ("a+", 2)),
        "a pattern of templates": Call(re._compile, ("a+", 1)),
    }


def cases():
    record = numpy.zeros(2, [("a", "i4"), ("b", "f8")])
    index, index_arguments = index_call()
    frame, frame_state = frame_call()
    rows = pandas.Index(["x", "y"])
    aligned = numpy.zeros(2, numpy.dtype([("a", "u1"), ("b", "f8"), ("c", "i2")], align=True))
    return {
        "a DateOffset": pandas.DateOffset(months=14, days=2),
        "a DateOffset of hours": pandas.DateOffset(hours=50),
        "a DateOffset without parts": pandas.DateOffset(3),
        "a DateOffset whose steps have other numbers than its parts": offset({"days": 5}, months=1, days=2),
        "a DateOffset whose steps were never brought into order": offset({"months": 14, "years": 0}, months=14),
        "a DateOffset whose steps have leap days": offset({"leapdays": 1}, months=1),
        "a DateOffset whose steps have a month without a number": offset({"month": 0}, months=1),
        "a DateOffset whose steps have an unknown name": offset({"decades": 1}, months=1),
        "a DateOffset whose steps are another timedelta": offset(datetime.timedelta(7)),
        "a DateOffset whose flag is a string": flagged_offset("leapdays"),
        "a DateOffset whose flag is that of other steps": flagged_offset(False),
        "the state of an index as a second value": [index, index_arguments[1]],
        "the arguments of an index as a second value": [index, index_arguments],
        "the state of a frame in a list": [[frame_state], frame],
        "one state for two arrays of pandas": masked_twice(),
        "the state of an estimator as a key's value": estimator_call(),
        "strings of characters that exist": [text([65, 0, 0x10FFFF, 66]), text([65, 0x10FFFF], ">")],
        "strings of characters that do not exist": text([65, 0, 0x110000, 66]),
        "strings of the other byte order whose characters do not exist": text([65, 2**31], ">"),
        "strings in a structure whose characters do not exist": text([65, 2**32 - 1]).view([("a", "i4"), ("b", "U1")]),
        "a string of numpy whose character does not exist": text([65, 2**31]).view("V8").view("U2")[0:1],
        "an offset with a calendar": with_calendar(datetime.timedelta(0)),
        "an offset without a calendar": with_calendar(None),
        "some fields of an aligned structure": [aligned[["a"]], aligned[["a", "c"]].dtype, aligned],
        "an alignment that nothing has": dtype_with(aligned.dtype, 6, 67),
        "an alignment that other fields would have": dtype_with(aligned.dtype, 6, 4),
        "an alignment of strings": dtype_with(numpy.dtype("S3"), 6, 4),
        "a dtype with a state that is not a copy": Call(numpy.dtype, ("i4", True), numpy.dtype(">i4").__reduce__()[2]),
        "a dtype with a state that is aligned": Call(numpy.dtype, ("i4", True, True), numpy.dtype(">i4").__reduce__()[2]),
        "a dtype in the form of numpy 1.0": Call(numpy.dtype, ("i4", 0, 1), numpy.dtype(">i4").__reduce__()[2]),
        "a number with the flag of aligned structures": dtype_with(numpy.dtype("f4"), 7, 128),
        "characters without their flag": dtype_with(numpy.dtype("U3"), 7, 0),
        "a structure without its flags": dtype_with(record.dtype, 7, 0),
        "an aligned structure without its flags": dtype_with(aligned.dtype, 7, 128),
        "one index in two frames": [pandas.DataFrame({"a": [1, 2]}, index=rows), pandas.Series([1, 2], index=rows)],
        "a masked array of structures": numpy.ma.array(record, mask=[(0, 1), (1, 0)]),
        "a masked array of structures without a mask": numpy.ma.array(record),
        "a masked array": numpy.ma.array([1, 2], mask=[0, 1]),
        "a masked array of objects": numpy.ma.array(numpy.array(["x", None], object), mask=[0, 1]),
        "codes of int64": with_codes("i8"),
        "codes of int32 in a series": pandas.Series(with_codes("i4")),
        "codes of int8 for more categories than they can name": with_codes("i1", range(500)),
        "codes of int64 in an index": index_of_codes("i8"),
        "codes of a MultiIndex of int64": multi_index("i8"),
        "unsigned codes": with_codes("u2"),
        "strings with missing values": with_missing(pandas.NA),
        "strings with missing values of another dtype": with_missing(None),
        "strings with numbers as missing values": with_missing(float("nan")),
        "categories that are categorical": categorical_categories(),
        "a dtype of version 5": dtype_with(numpy.dtype(">i4"), 0, 5),
        "a dtype of version -1": dtype_with(numpy.dtype(">i4"), 0, -1),
        "a structured dtype of version 9": dtype_with(record.dtype, 0, 9),
        "a dtype of version 3": dtype_with(record.dtype, 0, 3),
    }


def facts(value):
    """What must be equal, in a form that can be compared."""
    if isinstance(value, numpy.ma.MaskedArray):
        return [repr(value), repr(value.dtype), value._sharedmask, repr(value.mask), repr(value.fill_value), repr(value._fill_value)]
    if isinstance(value, numpy.ndarray):
        return [facts(value.dtype), value.shape, value.tobytes().hex()]
    if isinstance(value, numpy.dtype):
        return [repr(value), value.alignment, value.isalignedstruct]
    if isinstance(value, (pandas.Categorical, pandas.CategoricalIndex)):
        return [type(value).__name__, facts(value.codes), facts(list(value.categories)), value.ordered]
    if isinstance(value, pandas.CategoricalDtype):
        return [repr(value), repr(value.categories)]
    if isinstance(value, pandas.arrays.StringArray):
        return [repr(value.dtype), facts(list(value.to_numpy()))]
    if isinstance(value, pandas.MultiIndex):
        return [facts(codes) for codes in value.codes]
    if isinstance(value, pandas.Series):
        return [facts(value.array), facts(value.to_numpy()), repr(value.flags)]
    if isinstance(value, (pandas.DatetimeIndex, pandas.TimedeltaIndex)):
        return [repr(value.dtype), repr(value.freq), value.asi8.tolist()]
    if type(value) is pandas.DateOffset:
        return [repr(value), value.n, repr(value._offset), getattr(value._offset, "leapdays", 0)]
    if isinstance(value, (list, tuple)):
        return [facts(item) for item in value]
    if isinstance(value, dict):
        return [[facts(item) for item in pair] for pair in value.items()]
    if hasattr(value, "get_params"):
        return [repr(value), facts(vars(value))]
    try:
        return [type(value).__name__, repr(value)]
    except ValueError as error:
        return [type(value).__name__, str(error)]


# Opcodes that no pickler writes.
PICKLES = {
    "an attribute of a class in protocol 2": b"\x80\x02cbuiltins\nstr.split\n\x8c\x03a,b\x8c\x01,\x86R.",
    "an attribute of a class in protocol 3": b"\x80\x03czoneinfo\nZoneInfo._unpickle\n\x8c\x03UTCK\x01\x86R.",
    "an attribute of a class in protocol 4": b"\x80\x04cbuiltins\nstr.split\n\x8c\x03a,b\x8c\x01,\x86R.",
    "a name of Python 2 in protocol 2": b"\x80\x02c__builtin__\nxrange\nK\x05\x85R.",
    "a name of Python 2 in protocol 3": b"\x80\x03c__builtin__\nset\n]\x85R.",
    "a name of Python 2 in protocol 4": b"\x80\x04\x8c\x08copy_reg\x8c\x0e_reconstructor\x93)R.",
    "a module of Python 2 after a second PROTO": b"\x80\x02\x80\x04c__builtin__\nset\n]\x85R.",
    "items that are appended to a set": b"cbuiltins\nset\n)RK\x01a.",
    "items that extend a set": b"\x80\x04cbuiltins\nset\n)R(K\x01K\x02e.",
    "items that are added to a set": b"\x80\x04cbuiltins\nset\n)R(K\x01K\x02\x90.",
    "items that are appended and added to a set": b"\x80\x04cbuiltins\nset\n)R(K\x01\x90K\x02a.",
    "items that are added to a list": b"\x80\x04cbuiltins\nlist\n)R(K\x01K\x02\x90.",
    "items that extend a list": b"\x80\x04cbuiltins\nlist\n)R(K\x01K\x02e.",
    "items that are added to a deque": b"\x80\x04ccollections\ndeque\n)R(K\x01K\x02\x90.",
    "items that are appended to a WeakSet": b"\x80\x04c_weakrefset\nWeakSet\n)R(c_weakrefset\nWeakSet\n)Re.",
    "a name of Python 2 without PROTO": b"c__builtin__\nset\n(lp0\n\x85R.",
}


def answer(value):
    path = os.path.join(tempfile.mkdtemp(), "case.pkl")
    with open(path, "wb") as file:
        file.write(value if isinstance(value, bytes) else pickle.dumps(value, 4))
    before = set(sys.modules)
    try:
        found = facts(snapcli.load_dict(path)["obj"])
    except (OSError, pickle.UnpicklingError) as error:
        if "cannot be built" in str(error):
            return f"plain, but not built: {error}"
        imported = sorted(set(sys.modules) - before)
        return f"refused after importing {imported}" if imported else "refused"
    try:
        with open(path, "rb") as file:
            expected = facts(pickle.load(file))
    except (ValueError, AttributeError, ImportError) as error:
        return f"loaded, but pickle.load says {error}"
    return "same" if found == expected else f"{found} instead of {expected}"


def answers():
    # The first load imports what any load needs.
    answer([1])
    every = cases() | steps_and_periods() | contradictions() | PICKLES
    return {name: answer(value) for name, value in every.items()}


print(json.dumps(answers()))
