"""Compiled functions, typed containers, and a compiled class."""

import numba
import numpy as np
from numba import types
from numba.experimental import jitclass
from numba.typed import Dict, List


@numba.njit
def total(a):
    s = 0.0
    for x in a:
        s += x
    return s


@numba.vectorize(["float64(float64, float64)"])
def hypot(a, b):
    return (a * a + b * b) ** 0.5


@numba.njit
def twice(a):
    return total(a) * 2


total(np.ones(3))
tl = List([1, 2, 3])
td = Dict.empty(types.unicode_type, types.float64)
td["pi"] = 3.14


@jitclass([("n", types.int64)])
class C:
    def __init__(self, n):
        self.n = n

    def more(self):
        return self.n + 1


inst = C(41)

CHECKS = {
    "total": "total(np.arange(4.0)), total.py_func([1, 2]), type(total).__name__",
    "hypot": "hypot(np.array([3.0]), np.array([4.0])).tolist(), hypot.types",
    "twice": "twice(np.arange(4.0))",
    "tl": "list(tl), str(tl._dtype)",
    "td": "dict(td), type(td).__name__",
    "C": "C(1).more(), C.__name__",
    "inst": "inst.n, inst.more()",
}
