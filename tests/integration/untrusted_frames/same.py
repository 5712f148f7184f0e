"""Compares the variables of the restored session with what CPython's unpickler makes of the same file, or of the same
objects if snapcli saved them."""

import os
import pickle
import sys

import numpy
import pandas
import pandas.testing

sys.path.insert(0, ".")
import objects


def layout(made):
    """The dtypes and the columns of the blocks. pandas 1 joins them."""
    blocks = made._mgr.blocks
    return sorted((str(block.dtype), type(block.values).__name__, sorted(block.mgr_locs.as_array)) for block in blocks)


def check(made, expected):
    assert type(made) is type(expected), (type(made), type(expected))
    if isinstance(expected, pandas.DataFrame):
        pandas.testing.assert_frame_equal(made, expected, check_exact=True, check_freq=True, check_flags=True)
        assert made.attrs == expected.attrs
        assert layout(made) == layout(expected), (layout(made), layout(expected))
        check(made.index, expected.index)
        check(made.columns, expected.columns)
    elif isinstance(expected, pandas.Series):
        pandas.testing.assert_series_equal(made, expected, check_exact=True, check_freq=True, check_flags=True)
        assert made.name == expected.name and layout(made) == layout(expected)
    elif isinstance(expected, pandas.Index):
        pandas.testing.assert_index_equal(made, expected, exact=True)
        assert made.dtype == expected.dtype and list(made.names) == list(expected.names)
        assert getattr(made, "freq", None) == getattr(expected, "freq", None)
        for left, right in zip(getattr(made, "levels", []), getattr(expected, "levels", []), strict=True):
            check(left, right)
    elif isinstance(expected, pandas.api.extensions.ExtensionArray):
        pandas.testing.assert_extension_array_equal(made, expected)
        assert getattr(made, "_readonly", None) == getattr(expected, "_readonly", None)
        assert getattr(made, "_freq", None) == getattr(expected, "_freq", None)
        if hasattr(expected, "_pa_array"):
            assert made._pa_array.type == expected._pa_array.type
    elif isinstance(expected, list) and not hasattr(expected, "union"):
        assert len(made) == len(expected)
        for left, right in zip(made, expected):
            check(left, right)
    elif expected is pandas.NA or expected is pandas.NaT:
        assert made is expected
    else:
        assert made == expected and repr(made) == repr(expected)
        assert getattr(made, "unit", None) == getattr(expected, "unit", None)
        assert getattr(made, "fold", None) == getattr(expected, "fold", None)


def loaded():
    if not os.path.exists("writer.txt"):
        return pickle.loads(pickle.dumps(objects.everything(), 5))
    with open("writer.txt") as file:
        writer = file.read()
    with open("objects.pkl", "rb") as file:
        return __import__("joblib").load(file) if writer == "joblib" else pickle.load(file)


found = 0
for name, value in loaded().items():
    if name not in globals():
        print("missing", name)
        continue
    found += 1
    try:
        check(globals()[name], value)
    except Exception as error:
        print("different", name, repr(error)[:300])
if "shared_index" in globals():
    index, frame, series = shared_index
    assert frame.index is index and series.index is index
print("same" if found > 100 else found)
