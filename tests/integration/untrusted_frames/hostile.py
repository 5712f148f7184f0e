"""Writes pickles of objects that pandas would not have written: one file for each, with what the refusal must say."""

import copyreg
import json
import pickle
import sys

import numpy
import pandas
import pyarrow
from pandas._libs.internals import _unpickle_block
from pandas._libs.arrays import __pyx_unpickle_NDArrayBacked as unpickle_backed
from pandas._libs.sparse import BlockIndex, IntIndex
from pandas._libs.tslibs.timedeltas import _timedelta_unpickle
from pandas._libs.tslibs.timestamps import _unpickle_timestamp
from pandas.core.indexes.base import _new_Index
from pandas.core.indexes.datetimes import _new_DatetimeIndex
from pandas.core.indexes.interval import _new_IntervalIndex
from pandas.core.internals.managers import BlockManager, SingleBlockManager


class Call:
    """Is pickled as a call with a state."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments, state) if state is not None else (function, arguments)

    def __reduce__(self):
        return self.reduced


def new(kind, state):
    return Call(copyreg._reconstructor, kind, object, None, state=state)


def range_index(stop=2, **more):
    return Call(_new_Index, pandas.RangeIndex, {"name": None, "start": 0, "stop": stop, "step": 1, **more})


def numbers(*shape, dtype="f8"):
    return numpy.zeros(shape, dtype)


def frame(*blocks, columns=2, rows=2, dimensions=2, **more):
    """Each block is (values, places)."""
    blocks = tuple(Call(_unpickle_block, values, places, dimensions) for values, places in blocks)
    axes = [range_index(columns) if isinstance(columns, int) else columns, range_index(rows)]
    flags = {"allows_duplicate_labels": True}
    state = {"_mgr": Call(BlockManager, blocks, axes), "_typ": "dataframe", "_metadata": [], "attrs": {}, "_flags": flags}
    return new(pandas.DataFrame, {**state, **more})


def series(values, places, rows=2, **more):
    axes = [range_index(rows)]
    old = {"0.14.1": {"axes": axes, "blocks": [{"values": values, "mgr_locs": places}]}}
    manager = new(SingleBlockManager, (axes, [values], axes, old))
    return new(pandas.Series, {"_mgr": manager, "_typ": "series", "_metadata": ["_name"], "_name": None, **more})


def levels(codes, count=2, **more):
    level = pandas.Index([f"v{i}" for i in range(count)])
    state = {"levels": [level, level], "codes": codes, "sortorder": None, "names": [None, None]}
    return Call(_new_Index, pandas.MultiIndex, {**state, **more})


def categorical(codes, categories=2, dtype=None):
    dtype = dtype or pandas.CategoricalDtype(list(range(categories)))
    return Call(unpickle_backed, pandas.Categorical, 1, None, state=(dtype, codes))


def backed(kind, dtype, values, attributes=None):
    state = (dtype, values) if attributes is None else (dtype, values, attributes)
    return Call(unpickle_backed, kind, 1, None, state=state)


def zoned_columns(count):
    values = backed(pandas.arrays.DatetimeArray, pandas.DatetimeTZDtype("ns", "UTC"), numbers(count, 1, dtype="M8[ns]"))
    return frame((values, slice(0, count)), columns=count, rows=1)


def sparse(index, count=1):
    state = {"_sparse_index": index, "_sparse_values": numbers(count), "_dtype": pandas.SparseDtype("float64")}
    return new(pandas.arrays.SparseArray, state)


def int_index(length, *positions, dtype="i4"):
    return Call(IntIndex, length, numpy.array(positions, dtype))


def block_index(length, starts, lengths):
    return Call(BlockIndex, length, numpy.array(starts, "i4"), numpy.array(lengths, "i4"))


def masked(values, mask, kind=pandas.arrays.IntegerArray):
    return new(kind, {"_data": values, "_mask": mask})


def codes(*numbers, dtype="i1"):
    return numpy.array(numbers, dtype)


def buffer(data):
    return None if data is None else Call(pyarrow.lib.py_buffer, bytearray(data))


def offsets(*numbers):
    return numpy.array(numbers, "<i8").tobytes()


def arrow(length, *buffers, offset=0, kind="large_string", children=(), dictionary=None):
    """An array of strings, of this type of pyarrow."""
    buffers = [buffer(part) if part is None or isinstance(part, bytes) else part for part in buffers]
    kind = Call(pyarrow.lib.type_for_alias, kind)
    chunk = Call(pyarrow.lib._restore_array, (kind, length, 0, offset, buffers, list(children), dictionary))
    state = {"_pa_array": chunk, "_dtype": pandas.StringDtype("pyarrow"), "_cache": {}}
    return new(pandas.arrays.ArrowStringArray, state)


def arrow_numbers(length, *buffers, kind="int64"):
    kind = Call(pyarrow.lib.type_for_alias, kind)
    chunk = Call(pyarrow.lib._restore_array, (kind, length, 0, 0, [buffer(part) for part in buffers], [], None))
    return new(pandas.arrays.ArrowExtensionArray, {"_pa_array": chunk, "_dtype": pandas.ArrowDtype(pyarrow.int64())})


ADDRESS = 1 << 40
pair = (numbers(2, 2), slice(0, 2))
days = numpy.array([1, 2], "M8[ns]")
strings = pandas.StringDtype("python")
fits = codes(0, 1)
LONG_CODES = numpy.zeros(100_000, "i1")

CASES = {
    # Places of blocks.
    "place_beyond": (frame((numbers(2, 2), codes(0, ADDRESS, dtype="i8"))), "beyond its columns"),
    "place_before": (frame((numbers(2, 2), codes(0, -1, dtype="i8"))), "beyond its columns"),
    "place_twice": (frame((numbers(2, 2), codes(1, 1, dtype="i8"))), "two columns at place 1"),
    "slice_beyond": (frame((numbers(2, 2), slice(0, 2 * ADDRESS, ADDRESS))), "beyond its columns"),
    "slice_long": (frame((numbers(2, 2), slice(0, ADDRESS))), "has a block of shape"),
    "slice_negative": (frame((numbers(2, 2), slice(-2, 0))), "neither a slice nor an array"),
    "slice_of_strings": (frame((numbers(2, 2), slice("a", "b"))), "neither a slice nor an array"),
    "slice_step": (frame((numbers(2, 2), slice(0, 2, 0))), "neither a slice nor an array"),
    "too_few": (frame((numbers(1, 2), slice(0, 1))), "fewer columns"),
    "too_many": (frame(pair, (numbers(1, 2), slice(0, 1))), "more columns"),
    "places_of_floats": (frame((numbers(2, 2), numpy.array([0.0, 1.0]))), "another dtype"),
    "no_blocks": (frame(columns=ADDRESS), "more than"),
    # Shapes.
    "rows": (frame((numbers(2, 3), slice(0, 2))), "has a block of shape [2, 3]"),
    "columns": (frame((numbers(3, 2), slice(0, 2))), "has a block of shape [3, 2]"),
    "flat": (frame((numbers(4), slice(0, 2))), "has a block of shape [4]"),
    "deep": (frame((numbers(2, 2, 1), slice(0, 2))), "has a block of shape [2, 2, 1]"),
    "dimensions": (frame(pair, dimensions=1), "another number of dimensions"),
    "category_in_two": (frame((pandas.Categorical(["a", "b"]), slice(0, 2))), "has a block of shape"),
    "times_in_two": (frame((backed(pandas.arrays.DatetimeArray, days.dtype, days), slice(0, 2))), "has a block of shape"),
    "list": (frame(([1, 2], slice(0, 2))), "in place of an array"),
    "axis": (frame(pair, columns=[1, 2]), "not an index"),
    "records": (frame((numpy.zeros((2, 2), [("a", "i4")]), slice(0, 2))), "another dtype"),
    "series_rows": (series(numbers(3), slice(0, 3)), "has 3 values for 2 rows"),
    "series_places": (series(numbers(2), slice(0, 3)), "has 2 values for 2 rows"),
    "series_shape": (series(numbers(2, 1), slice(0, 2)), "another dtype or shape"),
    "series_name": (series(numbers(2), slice(0, 2), _name=[]), "without a hash"),
    # States.
    "no_manager": (new(pandas.DataFrame, {"_mgr": 7}), "no BlockManager"),
    "attribute": (frame(pair, _constructor=1), "_constructor in its state"),
    "metadata": (frame(pair, _metadata=["to_numpy"]), "attributes that pandas does not give"),
    "flags": (frame(pair, _flags={"allows_duplicate_labels": "no"}), "a state that pandas does not write"),
    "other_flags": (frame(pair, _flags={"_obj": 1}), "_obj in its state"),
    "kind": (frame(pair, _typ="series"), "a state that pandas does not write"),
    "manager_alone": (Call(BlockManager, (), [range_index(), range_index()]), "no part of a frame"),
    "block_alone": (Call(_unpickle_block, numbers(1, 2), slice(0, 1), 2), "no part of a frame"),
    # Indexes.
    "code_beyond": (levels([fits, codes(0, 2)]), "has the code 2 for 2 values"),
    "code_before": (levels([fits, codes(0, -2)]), "has the code -2"),
    "code_far": (levels([fits, codes(0, ADDRESS, dtype="i8")]), "has the code 1099511627776"),
    "code_of_nothing": (levels([fits, fits], count=0), "has the code 0 for 0 values"),
    "code_lengths": (levels([fits, codes(0)]), "of different lengths"),
    "code_floats": (levels([fits, numbers(2)]), "another dtype"),
    "code_count": (levels([fits]), "another number of codes"),
    "level": (levels([fits, fits], levels=[[1, 2], [3, 4]]), "not an index"),
    "sortorder": (levels([fits, fits], sortorder=9), "order of more levels"),
    "names": (levels([fits, fits], names=["a"]), "another number of names"),
    "step": (range_index(step=0), "a step of 0"),
    "huge_range": (range_index(start=-(2**63), stop=2**63 - 1), "a step of 0 or too many"),
    "range_of_strings": (range_index(start="a"), "not an integer"),
    "class": (Call(_new_Index, numpy.ndarray, {"shape": (1,), "dtype": numpy.dtype("O"), "buffer": b"A" * 8}), "numpy.ndarray"),
    "other_class": (Call(_new_Index, pandas.DataFrame, {"data": 1}), "pandas"),
    "buffer": (Call(_new_Index, pandas.Index, {"data": numbers(2), "name": None, "copy": 1}), "copy in its state"),
    "times_of_steps": (
        Call(_new_DatetimeIndex, pandas.DatetimeIndex, {"data": pandas.timedelta_range("1D", periods=2).array, "name": None}),
        "another kind than its class",
    ),
    "freq": (Call(_new_DatetimeIndex, pandas.DatetimeIndex, {"data": days, "name": None, "freq": "D", "tz": None}), "not an offset"),
    "zone_name": (
        Call(_new_DatetimeIndex, pandas.DatetimeIndex, {"data": days, "name": None, "freq": None, "tz": "dateutil//etc/passwd"}),
        "a zone beside its data",
    ),
    "intervals": (
        Call(_new_IntervalIndex, pandas.IntervalIndex, {"left": numbers(2), "right": numbers(3), "closed": "left", "name": None}),
        "2 left ends and 3 right ends",
    ),
    "closed": (
        Call(_new_IntervalIndex, pandas.IntervalIndex, {"left": numbers(2), "right": numbers(2), "closed": "up", "name": None}),
        "an unknown side",
    ),
    "zoned_columns": (zoned_columns(40000), "more than 32768 columns of periods"),
    # Arrays.
    "category_beyond": (categorical(codes(0, 2)), "has the code 2 for 2 values"),
    "category_before": (categorical(codes(0, -2)), "has the code -2"),
    "category_far": (categorical(codes(0, ADDRESS, dtype="i8")), "has the code 1099511627776"),
    "category_floats": (categorical(numbers(2)), "not integers"),
    "category_dtype": (categorical(fits, dtype=numpy.dtype("i1")), "without categories"),
    "no_categories": (categorical(fits, dtype=pandas.CategoricalDtype()), "without categories"),
    "big_endian": (categorical(codes(0, 1, dtype=">i4")), "not integers"),
    "unit": (backed(pandas.arrays.DatetimeArray, pandas.DatetimeTZDtype("us", "UTC"), days), "do not fit their dtype"),
    "unit_of_numpy": (backed(pandas.arrays.DatetimeArray, numpy.dtype("M8[s]"), days), "do not fit their dtype"),
    "odd_unit": (backed(pandas.arrays.DatetimeArray, numpy.dtype("M8[D]"), days.astype("M8[D]")), "do not fit their dtype"),
    "objects_as_times": (backed(pandas.arrays.DatetimeArray, days.dtype, numpy.array([1, 2], object)), "do not fit"),
    "float_periods": (backed(pandas.arrays.PeriodArray, pandas.PeriodDtype("M"), numbers(2)), "do not fit their dtype"),
    "period_dtype": (backed(pandas.arrays.PeriodArray, numpy.dtype("i8"), codes(1, dtype="i8")), "do not fit their dtype"),
    "two_dimensions": (backed(pandas.arrays.TimedeltaArray, numpy.dtype("m8[ns]"), numbers(2, 2, dtype="m8[ns]")), "one dimension"),
    "backed_attribute": (backed(pandas.arrays.DatetimeArray, days.dtype, days, {"dtype": 1}), "dtype in its state"),
    "backed_class": (backed(pandas.DataFrame, days.dtype, days), "the class DataFrame"),
    "string_numbers": (backed(pandas.arrays.StringArray, strings, numpy.array(["a", 1], object)), "not a string"),
    "string_floats": (backed(pandas.arrays.StringArray, strings, numbers(2)), "not one of objects"),
    "mask_length": (masked(codes(1, 2), numbers(3, dtype="?")), "a mask of another length"),
    "mask_dtype": (masked(codes(1, 2), codes(0, 1)), "another dtype"),
    "mask_shape": (masked(numbers(2, 2, dtype="i4"), numbers(2, 2, dtype="?")), "another dtype or shape"),
    "mask_values": (masked(numbers(2), numbers(2, dtype="?")), "another dtype"),
    "sparse_beyond": (sparse(int_index(3, 3)), "out of order or beyond"),
    "sparse_before": (sparse(int_index(3, -1)), "out of order or beyond"),
    "sparse_order": (sparse(int_index(3, 1, 1), 2), "out of order or beyond"),
    "sparse_count": (sparse(int_index(3, 1), 2), "does not fit its values"),
    "sparse_length": (sparse(int_index(-1)), "no index of a sparse array"),
    "sparse_huge": (sparse(int_index(2**31, 1)), "no index of a sparse array"),
    "sparse_floats": (sparse(int_index(3, 1, dtype="f4")), "another dtype"),
    "block_overlap": (sparse(block_index(9, [1, 2], [2, 2]), 4), "out of order or beyond"),
    "block_beyond": (sparse(block_index(3, [1], [3]), 3), "out of order or beyond"),
    "block_negative": (sparse(block_index(3, [1], [-1]), 1), "out of order or beyond"),
    "block_count": (sparse(block_index(3, [1], [1, 1]), 1), "does not fit its values"),
    "block_points": (sparse(block_index(9, [1], [2]), 3), "does not fit its values"),
    "string_end": (arrow(1, None, offsets(0, 9), b"abc"), "begins or ends outside"),
    "string_far": (arrow(1, None, offsets(ADDRESS, ADDRESS), b"abc"), "begins or ends outside"),
    "string_negative": (arrow(1, None, offsets(-1, 1), b"abc"), "begins or ends outside"),
    "string_order": (arrow(3, None, offsets(0, 3, 1, 3), b"abc"), "begins or ends outside"),
    "string_without_text": (arrow(1, None, offsets(0, 3), None), "begins or ends outside"),
    "string_offsets": (arrow(9, None, offsets(0, 1), b"abc"), "has a buffer of 16 bytes that needs 80"),
    "string_without_offsets": (arrow(1, None, None, b"abc"), "has no offsets"),
    "string_bits": (arrow(100, b"", offsets(*[0] * 101), b""), "has a buffer of 0 bytes that needs 13"),
    "string_utf8": (arrow(1, None, offsets(0, 2), b"\xff\xff"), "not UTF-8"),
    "string_half": (arrow(2, None, offsets(0, 1, 2), "é".encode()), "not UTF-8"),
    "string_length": (arrow(2**62, None, offsets(0, 1), b"abc"), "impossible length or offset"),
    "string_offset": (arrow(1, None, offsets(0, 1), b"abc", offset=2**62), "impossible length or offset"),
    "string_before": (arrow(1, None, offsets(0, 1), b"abc", offset=-1), "impossible length or offset"),
    "string_slice": (arrow(1, None, offsets(0, 1), b"abc", offset=1), "has a buffer of 16 bytes that needs 24"),
    "string_children": (arrow(1, None, offsets(0, 1), b"abc", children=[1]), "parts that its type does not have"),
    "string_dictionary": (arrow(1, None, offsets(0, 1), b"abc", dictionary=1), "parts that its type does not have"),
    "string_buffers": (arrow(1, None, offsets(0, 1)), "another number of buffers"),
    "string_address": (arrow(1, None, Call(pyarrow.lib.py_buffer, 7), b"abc"), "no bytes"),
    "string_foreign": (arrow(1, None, Call(pyarrow.lib.foreign_buffer, ADDRESS, 16), b"abc"), "foreign_buffer"),
    "string_type": (arrow(1, None, b"12345678", kind="int64"), "a dtype that does not fit its type"),
    "unknown_type": (arrow(1, None, offsets(0, 1), b"abc", kind="binary"), "type_for_alias"),
    "number_short": (arrow_numbers(2, None, b"12345678"), "has a buffer of 8 bytes that needs 16"),
    "number_without": (arrow_numbers(2, None, None), "has no values"),
    "number_kind": (arrow_numbers(1, None, b"12345678", kind="bool"), "a dtype that does not fit its type"),
    "arrow_alone": (Call(pyarrow.lib.py_buffer, b"abc"), "no part of a frame"),
    "same_hashes": (pandas.CategoricalDtype([i * (2**61 - 1) for i in range(1, 5000)]), "same hash"),
    "shared_codes": ([categorical(LONG_CODES) for _ in range(10_000)], "too many other calls"),
    # Dtypes and scalars.
    "zone": (new(pandas.DatetimeTZDtype, {"unit": "ns", "tz": "dateutil//etc/passwd"}), "something else as its zone"),
    "zone_call": (Call(pandas.DatetimeTZDtype, "ns", "Foo/Bar"), "arguments that pandas does not write"),
    "zone_number": (new(pandas.DatetimeTZDtype, {"unit": "ns", "tz": 5}), "something else as its zone"),
    "zone_unit": (new(pandas.DatetimeTZDtype, {"unit": "D", "tz": 5}), "an unknown unit"),
    "period_text": (Call(pandas.PeriodDtype, "period[M]" + "1" * 1000), "an unknown frequency"),
    "period_code": (Call(pandas.PeriodDtype, "period[__import__]"), "an unknown frequency"),
    "storage": (Call(pandas.StringDtype, "file"), "an unknown storage"),
    "categories": (new(pandas.CategoricalDtype, {"categories": [1, 2], "ordered": False}), "not an index"),
    "time_unit": (Call(_unpickle_timestamp, 1, None, None, 99), "an unknown unit"),
    "time_value": (Call(_unpickle_timestamp, 2**62, None, None, 7), "before the year 1 or after"),
    "time_zone": (Call(_unpickle_timestamp, 1, None, "dateutil//etc/passwd", 10), "something else as its zone"),
    "step_unit": (Call(_timedelta_unpickle, 1, 99), "an unknown unit"),
    "step_value": (Call(_timedelta_unpickle, 2**62, 7), "longer than"),
    "period_freq": (Call(pandas.Period, None, "x" * 100, 1), "an unknown frequency"),
    "period_value": (Call(pandas.Period, "2020", "M", 1), "arguments that pandas does not write"),
    "interval": (Call(pandas.Interval, "a", "b", "left"), "neither numbers nor times"),
    "interval_order": (Call(pandas.Interval, 2, 1, "left"), "ends before it begins"),
    "interval_kinds": (Call(pandas.Interval, 1, pandas.Timestamp("2020"), "left"), "neither numbers nor times"),
    "offset": (Call(pandas.offsets.MonthEnd, 2**40, False), "a number of steps"),
    "offset_detail": (Call(pandas.offsets.Week, 1, False, 2**40), "arguments that pandas does not write"),
    "offset_state": (Call(pandas.offsets.Day, 1, state={"n": 5}), "arguments that pandas does not write"),
    "date_offset": (Call(pandas.DateOffset, state={"n": 1, "normalize": False, "apply": 3}), "a state that pandas"),
}


def main(folder):
    expected = {}
    for name, (value, words) in CASES.items():
        if words is None:
            continue
        expected[name] = words
        with open(f"{folder}/{name}.pkl", "wb") as file:
            pickle.dump({"x": value}, file, 4)
    print(json.dumps(expected))


main(sys.argv[1])
