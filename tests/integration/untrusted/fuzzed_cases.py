"""Prints a JSON object: for each case, whether an untrusted load equals `pickle.loads`, is refused, or how it differs."""

import copyreg
import datetime
import json
import os
import pickle
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
    state = dict(made.__reduce__()[2])
    if isinstance(steps, dict):
        state["_offset"] = new(made._offset, vars(made._offset) | steps)
    elif steps is not None:
        state["_offset"] = steps
    return Call(pandas.DateOffset, (), state)


def flagged_offset(flag):
    state = dict(pandas.DateOffset(months=1).__reduce__()[2], _use_relativedelta=flag)
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
        return [facts(value.array), facts(value.to_numpy())]
    if isinstance(value, pandas.DateOffset):
        return [repr(value), value.n, repr(value._offset), getattr(value._offset, "leapdays", 0)]
    if isinstance(value, (list, tuple)):
        return [facts(item) for item in value]
    if isinstance(value, dict):
        return [[facts(item) for item in pair] for pair in value.items()]
    if hasattr(value, "get_params"):
        return [repr(value), facts(vars(value))]
    return [type(value).__name__, repr(value)]


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
    except (OSError, pickle.UnpicklingError):
        imported = sorted(set(sys.modules) - before)
        return f"refused after importing {imported}" if imported else "refused"
    try:
        with open(path, "rb") as file:
            expected = facts(pickle.load(file))
    except (ValueError, AttributeError, ImportError) as error:
        return f"loaded, but pickle.load says {error}"
    return "same" if found == expected else f"{found} instead of {expected}"


# The first load imports what any load needs.
answer([1])
print(json.dumps({name: answer(value) for name, value in (cases() | PICKLES).items()}))
