"""Writes frames as pandas before 1.3 did: with a `BlockManager` that has a state."""

import copyreg
import pickle

import numpy
import pandas
from pandas.core.internals.managers import BlockManager


class New:
    """Is pickled as an instance of a class, with a state."""

    def __init__(self, kind, state):
        self.reduced = (copyreg.__newobj__, (kind,), state)

    # The pickler compares the class with the argument of `__newobj__`.
    __class__ = property(lambda self: self.reduced[1][0])

    def __reduce__(self):
        return self.reduced


def frame(*blocks, columns):
    axes = [pandas.Index(columns), pandas.RangeIndex(2)]
    values = [values for values, _ in blocks]
    blocks = [{"values": values, "mgr_locs": places} for values, places in blocks]
    manager = New(BlockManager, (axes, values, axes, {"0.14.1": {"axes": axes, "blocks": blocks}}))
    return New(pandas.DataFrame, {"_data": manager, "_typ": "dataframe", "_metadata": []})


objects = numpy.array([["p", None]], object)
frames = {
    "two_blocks": frame((numpy.arange(4.0).reshape(2, 2), slice(0, 4, 2)), (objects, slice(1, 2)), columns=list("abc")),
    "turned": frame((numpy.arange(4).reshape(2, 2), numpy.array([1, 0])), columns=[10, 20]),
    "backwards": frame((numpy.arange(4).reshape(2, 2), slice(1, None, -1)), columns=["x", "x"]),
}
with open("objects.pkl", "wb") as file:
    pickle.dump(frames, file, 4)
with open("writer.txt", "w") as file:
    file.write("4")
