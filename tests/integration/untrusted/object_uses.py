"""Uses the objects that a load has made: prints, copies, sorts and computes with them.

An object may have been made of parts that do not fit. It then looks right until compiled code uses it, which can fail or
read memory that is not its own. `differential.py` compares what fails with the objects of `pickle.load`.
"""

import copy
import itertools
import re
import sys
import traceback

# Larger objects, and more of them, are left alone.
MOST_ITEMS = 2000
MOST_OBJECTS = 60
ADDRESS = re.compile(r"0x[0-9a-f]+")


def failures(value):
    """What fails when the objects in a value are used: class, use, and error."""
    found = []
    for item in objects(value):
        for name, use in uses_of(item):
            try:
                use(item)
            except Exception as error:
                kind = f"{type(item).__module__}.{type(item).__qualname__}"
                found.append(f"{kind} {name}: {type(error).__name__}: {ADDRESS.sub('', str(error))[:100]}")
    return found


def objects(value):
    """The value and what is in its containers and attributes."""
    waiting, found, known = [value], [], set()
    while waiting and len(found) < MOST_OBJECTS:
        item = waiting.pop()
        if id(item) in known or isinstance(item, (str, int, float, bytes, type(None))) and type(item).__module__ == "builtins":
            continue
        known.add(id(item))
        found.append(item)
        if type(item) in (list, tuple, set, frozenset):
            waiting += itertools.islice(item, MOST_OBJECTS)
        elif isinstance(item, dict):
            waiting += itertools.islice(itertools.chain(dict.keys(item), dict.values(item)), MOST_OBJECTS)
        elif isinstance(getattr(item, "__dict__", None), dict) and not isinstance(item, type):
            waiting += itertools.islice(vars(item).values(), MOST_OBJECTS)
    return found


def is_of(value, module, name):
    """Whether a value has a class of a module that is imported."""
    kind = sys.modules.get(module)
    for part in name.split("."):
        kind = getattr(kind, part, None)
    return isinstance(kind, type) and isinstance(value, kind)


def uses_of(value):
    if isinstance(value, type):
        return []
    for module, name, uses in KINDS:
        if is_of(value, module, name):
            return uses(value)
    return []


def is_small(value):
    return getattr(value, "size", 0) <= MOST_ITEMS


def uses_of_array(value):
    numpy = sys.modules["numpy"]
    yield "dtype", lambda array: (repr(array.dtype), hash(array.dtype), array.flags, array.strides)
    if not is_small(value) or value.dtype.itemsize > 1 << 20:
        return
    yield "repr", repr
    yield "copy", lambda array: array.copy()
    yield "list", lambda array: array.tolist()
    yield "bytes", lambda array: array.tobytes()
    yield "sorted", lambda array: numpy.sort(array, axis=None)
    yield "order", lambda array: numpy.argsort(array.ravel(), kind="stable")
    yield "sum", lambda array: array.sum()
    yield "extremes", lambda array: (array.max(), array.min())
    yield "objects", lambda array: array.astype(object)
    yield "text", lambda array: array.astype("U")
    yield "distinct", lambda array: numpy.unique(array)
    yield "nonzero", lambda array: (numpy.count_nonzero(array), array.nonzero())
    yield "taken", lambda array: array.ravel().take([0, -1])
    yield "turned", lambda array: array.T[::-1].copy()
    yield "equal", lambda array: array == array
    yield "fields", lambda array: [array[name].tolist() for name in array.dtype.names or ()]
    yield "stored", lambda array: array.copy().__setitem__(Ellipsis, array)


def uses_of_scalar(value):
    yield "repr", lambda scalar: (repr(scalar), str(scalar))
    yield "item", lambda scalar: (scalar.item(), hash(scalar))
    yield "equal", lambda scalar: scalar == scalar
    yield "array", lambda scalar: scalar.reshape(1).copy()


def uses_of_frame(value):
    yield "axes", lambda frame: (frame.shape, frame.columns[:3], frame.index[:3], frame.dtypes)
    if not is_small(value):
        return
    yield "repr", repr
    yield "copy", lambda frame: frame.copy()
    yield "missing", lambda frame: frame.isna()
    yield "array", lambda frame: frame.to_numpy()
    yield "first", lambda frame: frame.iloc[[0, -1]]
    yield "sorted", lambda frame: frame.sort_index()
    yield "turned", lambda frame: frame[::-1].reset_index()
    yield "columns", lambda frame: [frame.iloc[:, n].tolist() for n in range(frame.shape[1])]
    yield "sum", lambda frame: frame.sum()
    yield "memory", lambda frame: frame.memory_usage(deep=True)
    yield "equal", lambda frame: frame.equals(frame.copy())
    yield "joined", lambda frame: sys.modules["pandas"].concat([frame, frame])
    yield "duplicates", lambda frame: frame.duplicated()


def uses_of_series(value):
    yield "dtype", lambda series: repr(series.dtype)
    if not is_small(value):
        return
    yield "repr", repr
    yield "copy", lambda series: series.copy()
    yield "list", lambda series: series.tolist()
    yield "array", lambda series: series.to_numpy()
    yield "missing", lambda series: series.isna()
    yield "codes", lambda series: series.factorize()
    yield "sorted", lambda series: series.sort_values()
    yield "by index", lambda series: series.sort_index()
    yield "first", lambda series: series.iloc[[0, -1]]
    yield "shifted", lambda series: series.shift(1)
    yield "equal", lambda series: series == series
    yield "extremes", lambda series: (series.max(), series.min())


def uses_of_index(value):
    yield "dtype", lambda index: (repr(index.dtype), index.names)
    if not is_small(value):
        return
    yield "repr", repr
    yield "list", lambda index: index.tolist()
    yield "array", lambda index: index.to_numpy()
    yield "is unique", lambda index: (index.is_unique, index.is_monotonic_increasing)
    yield "found", lambda index: index.get_indexer(index)
    yield "member", lambda index: index.get_loc(index[0])
    yield "sorted", lambda index: index.sort_values()
    yield "taken", lambda index: index.take([0, -1])
    yield "turned", lambda index: index[::-1]
    yield "joined", lambda index: index.append(index)
    yield "duplicates", lambda index: index.drop_duplicates()
    yield "missing", lambda index: index.isna()
    yield "year", lambda index: index.year
    yield "shifted", lambda index: index.shift(1)


def uses_of_extension(value):
    yield "dtype", lambda array: (repr(array.dtype), len(array))
    if len(value) > MOST_ITEMS:
        return
    yield "repr", repr
    yield "list", lambda array: array.tolist()
    yield "array", lambda array: array.to_numpy()
    yield "copy", lambda array: array.copy()
    yield "missing", lambda array: array.isna()
    yield "codes", lambda array: array.factorize()
    yield "sorted", lambda array: array.take(array.argsort())
    yield "taken", lambda array: array.take([0, -1], allow_fill=True)
    yield "equal", lambda array: array == array
    yield "series", lambda array: repr(sys.modules["pandas"].Series(array))
    yield "dense", lambda array: array.to_dense()
    yield "joined", lambda array: array._concat_same_type([array, array])


def uses_of_time(value):
    yield "repr", lambda time: (repr(time), str(time), hash(time))
    yield "parts", lambda time: (time.year, time.month, time.day, time.dayofweek, time.dayofyear, time.days_in_month)
    yield "ends", lambda time: (time.start_time, time.end_time)
    yield "python", lambda time: time.to_pydatetime()
    yield "next", lambda time: time + 1
    yield "text", lambda time: time.strftime("%Y-%m-%d %H:%M:%S.%f %q %F")
    yield "other frequency", lambda time: [time.asfreq(freq) for freq in ("Y", "Q", "M", "W", "D", "h", "s", "ns")]
    yield "zone", lambda time: (time.tz_convert("UTC"), time.normalize(), time.floor("D"))


def uses_of_offset(value):
    pandas = sys.modules["pandas"]
    yield "repr", lambda offset: (repr(offset), hash(offset), offset == offset)
    yield "name", lambda offset: offset.freqstr
    yield "added", lambda offset: pandas.Timestamp("2020-02-29 12:00") + offset
    yield "subtracted", lambda offset: pandas.Timestamp("2020-02-29 12:00") - offset
    yield "array", lambda offset: pandas.DatetimeIndex(["2020-02-29", "1999-12-31"]) + offset
    yield "on offset", lambda offset: (offset.is_on_offset(pandas.Timestamp("2020-02-29")), offset * 2)


def uses_of_dtype(value):
    pandas = sys.modules["pandas"]
    yield "repr", lambda dtype: (repr(dtype), hash(dtype), dtype == dtype, dtype.name)
    yield "empty", lambda dtype: repr(pandas.array([], dtype=dtype))
    yield "series", lambda dtype: repr(pandas.Series([None, None], dtype=dtype))


def uses_of_random(value):
    yield "numbers", lambda random: [random.random() for _ in range(700)]
    yield "integers", lambda random: (random.randint(0, 5), random.getrandbits(40))
    yield "bytes", lambda random: random.bytes(50)
    yield "normal", lambda random: random.standard_normal(5)
    yield "small integers", lambda random: [random.integers(0, 200, dtype="u1") for _ in range(9)]
    yield "shuffled", lambda random: random.permutation(5)
    yield "copy", copy.copy


def uses_of_model(value):
    numpy = sys.modules["numpy"]
    yield "repr", repr
    yield "clone", lambda model: sys.modules["sklearn.base"].clone(model)
    count = getattr(value, "n_features_in_", 2)
    if not isinstance(count, int) or not 0 < count < 100:
        return
    for name in ("predict", "predict_proba", "transform", "inverse_transform", "partial_fit"):
        for rows in (numpy.ones((3, count)), numpy.arange(2.0 * count).reshape(2, count)):
            yield name, lambda model, name=name, rows=rows: getattr(copy.deepcopy(model), name)(rows)


def uses_of_error(value):
    yield "text", lambda error: (str(error), repr(error))
    yield "trace", lambda error: traceback.format_exception(error)


def uses_of_container(value):
    yield "size", len
    yield "copy", copy.copy
    yield "equal", lambda container: container == copy.copy(container)
    yield "shown", lambda container: repr(container)[:100]


def uses_of_iterator(value):
    yield "items", lambda iterator: [*itertools.islice(iterator, 5)]


def uses_of_other(value):
    yield "repr", lambda other: repr(other)[:1000]
    yield "hash", hash
    yield "equal", lambda other: other == other


KINDS = [
    ("numpy", "ndarray", uses_of_array),
    ("numpy", "generic", uses_of_scalar),
    ("pandas", "DataFrame", uses_of_frame),
    ("pandas", "Series", uses_of_series),
    ("pandas", "Index", uses_of_index),
    ("pandas.api.extensions", "ExtensionArray", uses_of_extension),
    ("pandas.api.extensions", "ExtensionDtype", uses_of_dtype),
    ("pandas", "Timestamp", uses_of_time),
    ("pandas", "Timedelta", uses_of_time),
    ("pandas", "Period", uses_of_time),
    ("pandas.tseries.offsets", "BaseOffset", uses_of_offset),
    ("numpy.random", "Generator", uses_of_random),
    ("numpy.random", "RandomState", uses_of_random),
    ("random", "Random", uses_of_random),
    ("sklearn.base", "BaseEstimator", uses_of_model),
    ("builtins", "BaseException", uses_of_error),
    ("collections", "deque", uses_of_container),
    ("builtins", "dict", uses_of_container),
    ("builtins", "list", uses_of_container),
    ("builtins", "set", uses_of_container),
    ("array", "array", uses_of_container),
    ("collections.abc", "Iterator", uses_of_iterator),
    ("builtins", "object", uses_of_other),
]
