"""Makes objects of pandas for a file that is not trusted: by its public constructors, from checked parts.

Rust runs this file with `pandas`, `numpy` and `importer` in its globals, and
calls the functions with the arguments of the recipes in `src/pickle/build_plan/pandas_recipe.rs`. These have checked
what they could see of the file. Here the numbers that compiled code uses as positions are checked again, as they may
come from memory that another program can change.
"""

from contextlib import nullcontext

VERSION = tuple(int(part) for part in pandas.__version__.split(".")[:2])  # noqa: F821


# Frames and series.


def frame(blocks, columns, index, attrs, allows_duplicates):
    """Each block is (values, places, dtype): an array with one row for each of its columns, or one column. The dtype is
    that of times with a zone or of periods, if the array is one of numpy."""
    # With copy-on-write, joining and reordering blocks copies nothing.
    without_copies = nullcontext()
    if (1, 5) <= VERSION < (3, 0):
        without_copies = pandas.option_context("mode.copy_on_write", True)
    with without_copies:
        made = joined(blocks, len(columns), index)
    made.columns = columns
    made.index = index
    return finished(made, attrs, allows_duplicates)


def joined(blocks, width, index):
    parts, order, extension = [], [], {}
    for values, places, dtype in blocks:
        places = numpy.array(places, dtype=numpy.intp)
        if isinstance(values, numpy.ndarray):
            if values.shape != (len(places), len(index)):
                raise ValueError("a block has another shape than its axes")
        if dtype is not None:
            extension.update((place, of_dtype(row, dtype)) for place, row in zip(places, values))
        elif isinstance(values, numpy.ndarray):
            dtype = object if values.dtype == object else None
            parts.append(pandas.DataFrame(values.T, index=index, dtype=dtype, copy=False))
            order.append(places)
        else:
            if len(places) != 1 or len(values) != len(index):
                raise ValueError("a block has another shape than its axes")
            extension[places[0]] = values
    if extension:
        parts.append(pandas.DataFrame(dict(enumerate(extension.values())), index=index, copy=False))
        order.append(numpy.fromiter(extension, dtype=numpy.intp))
    order = numpy.concatenate(order) if order else numpy.empty(0, dtype=numpy.intp)
    if len(order) != width or not numpy.array_equal(numpy.sort(order), numpy.arange(width)):
        raise ValueError("the blocks are not the columns of the frame")
    if not parts:
        return pandas.DataFrame(index=index)
    made = parts[0]
    if len(parts) > 1:
        options = {"copy": False} if VERSION < (3, 0) else {}
        made = pandas.concat(parts, axis=1, ignore_index=True, **options)
    if not numpy.array_equal(order, numpy.arange(width)):
        made = made.take(numpy.argsort(order), axis=1)
    return made


def of_dtype(values, dtype):
    if isinstance(dtype, pandas.PeriodDtype):
        return period_array(values, dtype, False)
    return zoned(values, dtype)


def series(values, index, name, attrs, allows_duplicates):
    dtype = object if values.dtype == object else None
    made = pandas.Series(values, index=index, name=name, dtype=dtype, copy=False)
    return finished(made, attrs, allows_duplicates)


def finished(made, attrs, allows_duplicates):
    if attrs:
        made.attrs = attrs
    if not allows_duplicates:
        # As unpickling does: the setter of `flags` would hash the labels.
        object.__setattr__(made, "_flags", pandas.Flags(made, allows_duplicate_labels=False))
    return made


# Indexes.


def index(data, name):
    return pandas.Index(data, dtype=data.dtype, name=name, copy=False, tupleize_cols=False)


def range_index(start, stop, step, name):
    return pandas.RangeIndex(start, stop, step, name=name)


def categorical_index(data, name):
    return pandas.CategoricalIndex(data, name=name)


def datetime_index(data, dtype, freq, name):
    return time_index(pandas.DatetimeIndex, zoned(data, dtype), freq, name)


def timedelta_index(data, freq, name):
    return time_index(pandas.TimedeltaIndex, data, freq, name)


def time_index(kind, data, freq, name):
    made = kind(data, name=name, copy=False)
    if freq is not None:
        # As unpickling does: the setter of `freq` would compute all times of the frequency.
        (made if VERSION >= (3, 1) else made._data)._freq = freq
    return made


def period_index(data, freq, name):
    if isinstance(data, numpy.ndarray):
        data = period_array(data, period_dtype(freq), False)
    return pandas.PeriodIndex(data, name=name)


def interval_index(left, right, closed, name):
    return pandas.IntervalIndex.from_arrays(left, right, closed=closed, name=name)


def multi_index(levels, codes, sortorder, names):
    codes = [checked_codes(code, len(level)) for code, level in zip(codes, levels, strict=True)]
    if len({len(code) for code in codes}) > 1:
        raise ValueError("the codes of a MultiIndex differ in length")
    # The check of pandas would also replace codes of missing values.
    return pandas.MultiIndex(levels, codes, sortorder=sortorder, names=names, verify_integrity=False)


def checked_codes(codes, count):
    """A copy of codes, none of which is beyond the values that they stand for."""
    codes = numpy.array(codes)
    if codes.ndim != 1 or codes.dtype.kind not in "iu":
        raise TypeError("codes must be integers")
    if len(codes) and (codes.max() >= count or codes.min() < -1):
        raise ValueError("a code is beyond its values")
    return codes


def frozen_list(items):
    return type(pandas.MultiIndex.from_arrays([[]]).names)(items)


# Arrays.


def categorical(codes, dtype, readonly):
    codes = checked_codes(codes, len(dtype.categories))
    made = pandas.Categorical.from_codes(codes, dtype=dtype)
    if made.codes.dtype != codes.dtype:
        # The constructor chooses the smallest dtype.
        made = made._from_backing_data(codes)
    return shown(made, readonly)


def datetime_array(data, dtype, freq, readonly):
    return of_frequency(zoned(data, dtype), freq, readonly)


def zoned(data, dtype):
    """An array of times. If it is one of numpy and the dtype has a zone, its times are in UTC."""
    if not isinstance(data, numpy.ndarray):
        return data
    made = pandas.array(data, dtype=data.dtype, copy=False)
    if dtype is None:
        return made
    made = made.tz_localize("UTC").tz_convert(dtype.tz)
    if made.dtype != dtype:
        raise ValueError("times do not fit their dtype")
    return made


def timedelta_array(data, freq, readonly):
    made = pandas.array(data, dtype=data.dtype, copy=False)
    return of_frequency(made, freq, readonly)


def of_frequency(made, freq, readonly):
    made = shown(made, readonly)
    # Later, only an index has a frequency.
    if freq is not None and VERSION < (3, 1):
        made._freq = freq
    return made


def period_array(ordinals, dtype, readonly):
    return shown(pandas.arrays.PeriodArray(ordinals, dtype=dtype, copy=False), readonly)


def interval_array(left, right, closed, readonly):
    return shown(pandas.arrays.IntervalArray.from_arrays(left, right, closed=closed), readonly)


def masked_array(kind, values, mask, readonly):
    return shown(getattr(pandas.arrays, kind)(values, mask, copy=False), readonly)


def string_array(values, dtype, readonly):
    if pandas.api.types.infer_dtype(values, skipna=True) not in ("string", "empty"):
        raise TypeError("an array of strings holds something else")
    # pandas replaces other missing values.
    if any(type(value) is not type(dtype.na_value) for value in values[pandas.isna(values)]):
        raise TypeError("an array of strings has missing values of another dtype")
    return shown(pandas.array(values, dtype=dtype, copy=False), readonly)


def numpy_array(values, readonly):
    kind = getattr(pandas.arrays, "NumpyExtensionArray", None) or pandas.arrays.PandasArray
    return shown(kind(values), readonly)


def sparse_array(values, length, indices, lengths, fill_value, readonly):
    """`lengths` are those of the blocks that begin at the indices, or None."""
    kind = "integer" if lengths is None else "block"
    if lengths is not None:
        lengths = numpy.array(lengths, dtype=numpy.int64)
        if len(lengths) != len(indices) or (lengths < 0).any() or lengths.sum() != len(values):
            raise ValueError("the blocks of a SparseArray do not fit its values")
        within = numpy.arange(len(values)) - numpy.repeat(lengths.cumsum() - lengths, lengths)
        indices = numpy.repeat(numpy.array(indices, dtype=numpy.int64), lengths) + within
    indices = numpy.array(indices, dtype=numpy.int64)
    ends = (0 <= indices[:1]).all() and (indices[-1:] < length).all()
    if len(indices) != len(values) or not ends or (numpy.diff(indices) <= 0).any():
        raise ValueError("the index of a SparseArray does not fit its values")
    indices = indices.astype(numpy.int32)
    if hasattr(pandas.arrays.SparseArray, "from_indices"):
        options = {"kind": kind, "dtype": values.dtype}
        made = pandas.arrays.SparseArray.from_indices(values, indices, length, fill_value, **options)
    else:
        places = importer("pandas.core.arrays.sparse.array", "make_sparse_index")(length, indices, kind)
        made = pandas.arrays.SparseArray(values, sparse_index=places, fill_value=fill_value, dtype=values.dtype)
    return shown(made, readonly)


def arrow_array(chunks, alias, dtype, readonly):
    """Each chunk is (length, offset, buffers)."""
    arrow = importer("pyarrow", None)
    kind = arrow.type_for_alias(alias)
    made = [arrow_chunk(arrow, kind, *chunk) for chunk in chunks]
    chunked = arrow.chunked_array(made, type=kind)
    if dtype is None:
        return shown(pandas.arrays.ArrowExtensionArray(chunked), readonly)
    return shown(pandas.array(chunked, dtype=dtype), readonly)


def arrow_chunk(arrow, kind, length, offset, buffers):
    # A copy, which nobody else can change after the check.
    buffers = [None if part is None else arrow.py_buffer(bytes(part)) for part in buffers]
    made = arrow.Array.from_buffers(kind, length, buffers, offset=offset)
    made.validate(full=True)
    return made


def shown(made, readonly):
    """pandas marks the array of an index as read-only."""
    return pandas.Index(made, dtype=made.dtype, copy=False).array if readonly else made


# Dtypes.


def categorical_dtype(categories, ordered):
    if categories is None:
        return pandas.CategoricalDtype(None, ordered)
    # Without the check of pandas, which would hash them.
    return pandas.CategoricalDtype._from_fastpath(categories, ordered)


def datetime_dtype(unit, zone):
    # pandas would search for the file of a name.
    if not isinstance(zone, importer("datetime", "tzinfo")):
        raise TypeError("a time zone is no tzinfo")
    return pandas.DatetimeTZDtype(unit, zone)


def period_dtype(freq):
    return pandas.PeriodDtype(period_frequency(freq))


def period_frequency(freq):
    """Names are those of pandas 2.2 and later."""
    if VERSION < (2, 2) and isinstance(freq, str) and freq.lstrip("0123456789").startswith("Y"):
        return freq.replace("Y", "A", 1)
    return freq


def interval_dtype(subtype, closed):
    return pandas.IntervalDtype(subtype, closed)


def string_dtype(storage, missing):
    return pandas.StringDtype(storage, na_value=numpy.nan) if missing == "nan" else pandas.StringDtype(storage)


def sparse_dtype(subtype, fill_value):
    return pandas.SparseDtype(subtype, fill_value)


def arrow_dtype(alias):
    return pandas.ArrowDtype(importer("pyarrow", None).type_for_alias(alias))


def numpy_dtype(subtype):
    return numpy_array(numpy.empty(0, dtype=subtype), False).dtype


def named_dtype(name):
    return getattr(pandas, name)()


# Scalars.


def timestamp(value, unit, zone):
    value = numpy.datetime64(value, unit)
    if zone is None:
        return pandas.Timestamp(value)
    return pandas.DatetimeIndex(numpy.array([value])).tz_localize("UTC").tz_convert(zone)[0]


def timedelta(value, unit):
    return pandas.Timedelta(numpy.timedelta64(value, unit))


def period(ordinal, freq):
    return pandas.Period(ordinal=ordinal, freq=period_frequency(freq))


def interval(left, right, closed):
    return pandas.Interval(left, right, closed)


def missing_time():
    return pandas.NaT


def missing():
    return pandas.NA


def offset(name, *arguments):
    return getattr(pandas.offsets, name)(*arguments)


def date_offset(n, normalize, parts):
    return pandas.DateOffset(n, normalize, **dict(parts))


def named_zone(name, *part):
    zone = importer("pytz", "timezone")(name)
    if part:
        offset, dst, abbreviation = part
        step = importer("datetime", "timedelta")
        zone = zone._tzinfos.get((step(seconds=offset), step(seconds=dst), abbreviation), zone)
    return zone


def fixed_zone(minutes):
    return importer("pytz", "FixedOffset")(minutes)
