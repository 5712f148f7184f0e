"""Honest values, whose pickles `differential.py` mutates: what an untrusted load builds, in small sizes."""

import array
import collections
import contextlib
import datetime
import decimal
import fractions
import io
import ipaddress
import itertools
import operator
import pathlib
import random
import re
import types
import uuid
import warnings

numpy = pandas = sklearn = None
with contextlib.suppress(ImportError):
    import numpy
with contextlib.suppress(ImportError):
    import pandas
with contextlib.suppress(ImportError):
    import sklearn


def samples():
    return [*plain(), *of_library(), *(arrays() if numpy else []), *(frames() if pandas else []), *(models() if sklearn else [])]


def plain():
    shared = [1, 2, "three"]
    cyclic = [1]
    cyclic.append({"self": cyclic, "shared": shared})
    return [
        None, True, 0, -1, 2**70, -(2**100), 1.5, float("nan"), "text", "ümläut\udc80", b"bytes", bytearray(b"array"),
        (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], {}, set(), frozenset(), {1, 2, 3}, frozenset([1, (2, 3)]),
        [shared, shared], cyclic, {"a": shared, "b": (shared,)}, list(range(100)), {str(i): i for i in range(50)},
        1j, range(3, 10, 2), slice(1, None, 2), Ellipsis, NotImplemented,
        int, float, str, [int, dict, collections.OrderedDict],
    ]


def of_library():
    error = ValueError("bad", 3)
    error.detail = {"a": 1}
    members = [1, "two", (3,)]
    return [
        error, KeyError("k"), OSError(2, "missing", "file"), UnicodeDecodeError("utf-8", b"a\xff", 1, 2, "bad"),
        UnicodeEncodeError("ascii", "aü", 1, 2, "bad"), SyntaxError("bad", ("file", 1, 2, "text", 1, 3)), StopIteration(5),
        collections.OrderedDict([("a", 1), ("b", members)]), collections.defaultdict(list, {"x": [1]}),
        collections.deque([1, 2, members], 5), collections.Counter("hello"), collections.ChainMap({"a": 1}),
        collections.UserDict({"a": 1}),
        datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4, 5, 6), datetime.time(1, 2, 3),
        datetime.timedelta(1, 2, 3), datetime.timezone(datetime.timedelta(hours=2), "X"), datetime.timezone.utc,
        datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc),
        decimal.Decimal("1.50"), fractions.Fraction(3, 7), uuid.UUID(int=5), pathlib.PurePosixPath("/a/b"),
        ipaddress.ip_address("1.2.3.4"), ipaddress.ip_network("10.0.0.0/8"), types.SimpleNamespace(a=1, b=[2]),
        random.Random(3), array.array("i", [1, 2]), array.array("d", [1.5]), array.array("u", "ab"), io.BytesIO(b"abc"),
        io.StringIO("a\nb"), re.compile("a+(b)", re.IGNORECASE), operator.itemgetter(1), itertools.count(3, 2),
        itertools.repeat("a", 3), iter([1, 2, 3]), iter("abc"), reversed([1, 2]), itertools.islice(iter([1, 2]), 1),
        itertools.permutations((1, 2, 3), 2), itertools.product((1, 2), (3,)), zip(iter([1]), iter([2])),
    ]


def arrays():
    grid = numpy.arange(12.0).reshape(3, 4)
    record = numpy.zeros(3, [("a", "i4"), ("b", "f8"), ("c", "S3")])
    nested = numpy.zeros(2, numpy.dtype([("x", "u1"), ("y", [("z", "f4", (2, 2))])], align=True))
    of_objects = numpy.array([(1, [2]), (3, "x")], [("n", "i8"), ("o", "O")])
    values = [
        grid, grid.T, grid.astype("i2"), grid > 3, numpy.array(5), numpy.float64(1.5), numpy.int8(3), record, record[0],
        numpy.array(["a", "bc"]), numpy.array([b"a", b"bc"]), numpy.array([1, "x", None], object), grid.astype(">i4"),
        numpy.array(["2020-01-01"], "M8[D]"), numpy.array([5], "m8[25ms]"), numpy.dtype("f4"), record.dtype, nested,
        nested.dtype, of_objects, numpy.ma.array([1, 2, 3], mask=[0, 1, 0]), numpy.ma.array(record, mask=[0, 1, 0]),
        numpy.random.default_rng(3), numpy.random.RandomState(3), numpy.random.Generator(numpy.random.Philox(1)),
        numpy.random.Generator(numpy.random.SFC64(1)), numpy.random.Generator(numpy.random.MT19937(1)),
        [grid, grid], numpy.asfortranarray(grid), numpy.zeros((0, 3)), numpy.complex64(1j), numpy.zeros(3, "V5"),
        numpy.rec.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), numpy.zeros(2, "S0"), numpy.datetime64("2020", "M"),
        numpy.str_("text"), numpy.void(b"abc"), numpy.zeros(2, {"names": ["a", "b"], "formats": ["i4", "u1"], "offsets": [0, 2]}),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values.append(numpy.matrix([[1, 2], [3, 4]]))
    if hasattr(numpy, "dtypes") and hasattr(numpy.dtypes, "StringDType"):
        values.append(numpy.array(["a", "a string that is longer than that"], numpy.dtypes.StringDType()))
    return values


def frames():
    index = pandas.date_range("2020", periods=3, freq="D", tz="UTC", name="when")
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": [1.0, None, 3.0], "c": ["x", "y", None]}, index=index)
    mixed = pandas.DataFrame({
        "t": index.tz_localize(None), "d": pandas.to_timedelta([1, 2, None], "s"), "k": pandas.Categorical(["u", "v", "u"]),
        "n": pandas.array([1, None, 3], "Int64"), "p": pandas.period_range("2020", periods=3, freq="Q"), "o": [1, [2], None],
    })
    intervals = pandas.interval_range(0, 3)
    return [
        frame, frame["a"], index, pandas.Index(["a", "b"]), pandas.RangeIndex(4), pandas.Timestamp("2020"),
        pandas.Timestamp("2020", tz="UTC"), pandas.Timedelta(1, "s"), pandas.Categorical(["a", "b", "a"]),
        pandas.array([1, None], "Int64"), pandas.array([True, None], "boolean"), pandas.array([1.5, None], "Float32"),
        pandas.MultiIndex.from_product([[1, 2], ["a", "b"]]), pandas.period_range("2020", periods=2, freq="M"),
        frame.set_index("a", append=True), pandas.DataFrame({"k": pandas.Categorical(["u", "v"])}), mixed, mixed["p"],
        pandas.Period("2020", "D"), pandas.Interval(1, 2), intervals, intervals.array, pandas.NaT, pandas.NA,
        pandas.arrays.SparseArray([0, 0, 1, 2]), pandas.Series(pandas.arrays.SparseArray([0.0, 1.0, 0.0])),
        pandas.array(["a", None], pandas.StringDtype("python")), pandas.CategoricalIndex(["a", "b"], name="c"),
        pandas.timedelta_range("1s", periods=3, freq="s"), pandas.offsets.MonthEnd(2), pandas.offsets.Hour(3),
        pandas.offsets.CustomBusinessDay(holidays=["2020-01-01"]), pandas.DateOffset(months=1, days=2),
        pandas.IntervalDtype("int64", "left"), pandas.CategoricalDtype([1, 2], True), pandas.SparseDtype("f8"),
        pandas.Series([1, 2], index=["a", "b"], name=("x", 1)), pandas.Series(["u", "v"]), pandas.DataFrame(),
        pandas.DataFrame([[1, 2.5, "x"]] * 2, columns=pandas.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])),
    ]


def models():
    from sklearn import decomposition, feature_selection, impute, linear_model, model_selection, naive_bayes, pipeline
    from sklearn import preprocessing

    x, y = numpy.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0], [2.0, 1.0]]), numpy.array([0, 1, 1, 0])
    models = [
        preprocessing.StandardScaler(), preprocessing.OrdinalEncoder(), preprocessing.QuantileTransformer(n_quantiles=3),
        preprocessing.PolynomialFeatures(), impute.SimpleImputer(), decomposition.PCA(), linear_model.LinearRegression(),
        linear_model.LogisticRegression(), naive_bayes.GaussianNB(), feature_selection.SelectKBest(k=1),
        pipeline.make_pipeline(preprocessing.MinMaxScaler(), linear_model.Ridge()),
    ]
    return [*(model.fit(x, y) for model in models), preprocessing.LabelEncoder().fit(y), model_selection.KFold(3)]
