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
    }


def facts(value):
    """What must be equal, in a form that can be compared."""
    if isinstance(value, numpy.ma.MaskedArray):
        return [repr(value), repr(value.dtype), value._sharedmask, repr(value.mask), repr(value.fill_value)]
    if isinstance(value, numpy.ndarray):
        return [facts(value.dtype), value.shape, value.tobytes().hex()]
    if isinstance(value, numpy.dtype):
        return [repr(value), value.alignment, value.isalignedstruct]
    if isinstance(value, pandas.DateOffset):
        return [repr(value), value.n, repr(value._offset), getattr(value._offset, "leapdays", 0)]
    if isinstance(value, (list, tuple)):
        return [facts(item) for item in value]
    if isinstance(value, dict):
        return [[facts(item) for item in pair] for pair in value.items()]
    if hasattr(value, "get_params"):
        return [repr(value), facts(vars(value))]
    return [type(value).__name__, repr(value)]


def answer(value):
    path = os.path.join(tempfile.mkdtemp(), "case.pkl")
    with open(path, "wb") as file:
        pickle.dump(value, file, 4)
    before = set(sys.modules)
    try:
        found = facts(snapcli.load_dict(path)["obj"])
    except (OSError, pickle.UnpicklingError):
        imported = sorted(set(sys.modules) - before)
        return f"refused after importing {imported}" if imported else "refused"
    with open(path, "rb") as file:
        expected = facts(pickle.load(file))
    return "same" if found == expected else f"{found} instead of {expected}"


# The first load imports what any load needs.
answer([1])
print(json.dumps({name: answer(value) for name, value in cases().items()}))
