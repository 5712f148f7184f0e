"""Writes harmless files into the folder of the first argument: sessions, functions, classes, models, frames, arrays.

Each item is pickled by the usual library: dill for sessions and code, cloudpickle for functions, pickle for data.
"""

import abc
import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import itertools
import logging
import operator
import os
import pathlib
import pickle
import random
import re
import subprocess
import sys
import threading
import types
import typing
import uuid
import weakref
import zoneinfo

import cloudpickle
import dill
import joblib
import numpy as np
import pandas as pd
from sklearn import cluster, decomposition, ensemble, linear_model, neighbors, pipeline, preprocessing, svm, tree

FOLDER = pathlib.Path(sys.argv[1])
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4))
Y = (X[:, 0] > 0).astype(int)


def double(x, *, by=2):
    """A plain function."""
    return x * by


def fact(n):
    return 1 if n < 2 else n * fact(n - 1)


def counter():
    count = 0

    def add():
        nonlocal count
        count += 1
        return count

    return add


@functools.lru_cache(maxsize=10)
def cached(x):
    return x + 1


def decorated(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    inner.calls = 0
    return inner


@decorated
def wrapped(x):
    return x


class Plain:
    kind = "plain"

    def __init__(self, x=1):
        self.x = x

    @property
    def twice(self):
        return 2 * self.x

    @classmethod
    def make(cls):
        return cls(3)

    @staticmethod
    def add(a, b):
        return a + b


class Slots:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a, self.b = 1, [2]


class Keeps:
    def __init__(self):
        self.x, self.lock = 1, None

    def __getstate__(self):
        return {"x": self.x}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lock = threading.Lock()


class Child(Plain):
    def __repr__(self):
        return f"Child({super().__repr__()})"


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


class Square(Shape):
    def area(self):
        return 1


class Meta(type):
    def __new__(mcs, name, bases, namespace):
        namespace["tag"] = name.lower()
        return super().__new__(mcs, name, bases, namespace)


class Tagged(metaclass=Meta):
    pass


class Color(enum.Enum):
    RED = 1
    BLUE = "blue"


class Failure(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Names(dict):
    pass


class Hashed:
    def __init__(self, n):
        self.n = n

    def __hash__(self):
        return hash(self.n)

    def __eq__(self, other):
        return self.n == other.n


@dataclasses.dataclass
class Record:
    name: str
    values: list = dataclasses.field(default_factory=list)


Point = collections.namedtuple("Point", "x y", defaults=[0])


class Typed(typing.NamedTuple):
    a: int
    b: str = "b"


class Holder(typing.Generic[typing.AnyStr]):
    def __init__(self, held):
        self.held = held


class Tree:
    def __init__(self, depth):
        self.parent = None
        self.children = [Tree(depth - 1) for _ in range(2)] if depth else []
        for child in self.children:
            child.parent = self


def data():
    shared = [1, 2]
    loop = []
    loop.append(loop)
    return {
        "scalars": [None, True, 1, 2**80, 1.5, 2j, "text", b"bytes", bytearray(b"ba"), Ellipsis, NotImplemented],
        "containers": [(1,), [2], {3: 4}, {5}, frozenset([6]), range(3), slice(1, 2, 3), shared, shared, loop],
        "collections": [collections.OrderedDict(a=1), collections.defaultdict(list, a=[1]), collections.deque([1], 5),
                        collections.Counter("aab"), collections.ChainMap({1: 2})],
        "times": [datetime.datetime(2020, 1, 1), datetime.date(2020, 1, 1), datetime.time(1, 2), datetime.timedelta(1),
                  datetime.timezone.utc, datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Vienna"))],
        "numbers": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), decimal.Context(prec=5)],
        "names": [uuid.UUID(int=5), pathlib.PurePosixPath("/a"), pathlib.Path("b"), re.compile("a+", re.I),
                  ipaddress.ip_address("127.0.0.1"), ipaddress.ip_network("10.0.0.0/8")],
        "random": [random.Random(1)],
        "namespace": types.SimpleNamespace(a=1, b=[2]),
        "errors": [ValueError("x"), KeyError(1), OSError(2, "no"), UnicodeDecodeError("utf8", b"x", 0, 1, "bad")],
        "iterators": [iter([1, 2]), enumerate("ab"), zip([1], [2]), itertools.count(3), itertools.chain([1], [2])],
        "getters": [operator.itemgetter(1), operator.attrgetter("a.b"), operator.methodcaller("upper")],
        "references": [len, print, os.path.join, np.sum, dict, Exception, subprocess.run, os.system, math_functions()],
        "partials": [functools.partial(max, 1), functools.partial(os.path.join, "a")],
        "flags": [re.I | re.M, logging.getLogger("a.b")],
    }


def math_functions():
    import math

    return [math.sin, math.pi, operator.add, str.upper, [].append]


def code():
    numbers = Plain(4)
    return {
        "function": double, "recursive": fact, "closure": counter(), "lambda": lambda x: x + 1, "cached": cached,
        "wrapped": wrapped, "class": Plain, "instance": numbers, "method": numbers.make, "slots": Slots(),
        "setstate": Keeps(), "child": Child(2), "abstract": Square(), "metaclass": Tagged(), "enum": list(Color),
        "error": Failure(3), "dictlike": Names(a=1), "hashed": {Hashed(1): 2}, "dataclass": Record("a", [1]),
        "namedtuple": Point(1), "typed": Typed(1), "tree": Tree(3), "bound": Plain.add, "partial":
        functools.partial(double, by=3), "property": Plain.__dict__["twice"], "generator_function": gen,
        "coroutine_function": co, "class_with_init_subclass": Registered, "typevar": typing.TypeVar("T"),
        "annotated": typing.Optional[int], "weak": weakref.ref(numbers), "lock": threading.Lock(),
        "rlock": threading.RLock(), "stringio": io.StringIO("abc"), "module": types, "code_object": double.__code__,
        "generic": Holder, "generic_instance": Holder(1), "cell": counter().__closure__[0], "mappingproxy": types.MappingProxyType({1: 2}),
    }


def gen():
    yield 1


async def co():
    return 1


class Registry:
    known: dict = {}

    def __init_subclass__(cls):
        Registry.known[cls.__name__] = cls.__name__


class Registered(Registry):
    pass


def arrays():
    kinds = ["bool", "int8", "int16", "int64", "uint8", "uint32", "float16", "float32", "float64", "complex64",
             "complex128", "longdouble", "datetime64[ns]", "timedelta64[s]", "S5", "U7", "V3", ">f8", ">i4"]
    made = {f"array_{kind}": np.zeros((3, 2), dtype=kind) for kind in kinds}
    made["array_object"] = np.array([1, "a", None], dtype=object)
    made["array_structured"] = np.zeros(3, dtype=[("a", "i4"), ("b", "f8", (2,))])
    made["array_records"] = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    made["array_of_objects_in_fields"] = np.zeros(2, dtype=[("a", "i4"), ("b", "O"), ("c", [("d", "O")])])
    made["array_dtypes_of_all_kinds"] = [
        np.dtype(("i4", (2, 3))), np.dtype([("a", "u1"), ("b", "i4")], align=True), np.dtype("f8", metadata={"a": 1}),
        np.dtype([("a", "O", (2,))]), np.dtype({"names": ["a"], "formats": ["i4"], "offsets": [4], "itemsize": 12}),
        np.dtype(("O", (2,))), np.dtype("V0"), np.dtype("S0"), np.dtype([]), np.dtype([("a", [("b", "M8[ns]")], (3,))]),
    ]
    made["array_classes"] = [np.ndarray, (np.ndarray, int, str, dict), {"a": np.ndarray}, [np.dtype, np.matrix]]
    made["array_fortran"] = np.asfortranarray(np.ones((3, 4)))
    made["array_masked"] = np.ma.masked_array([1, 2], mask=[True, False])
    made["array_matrix"] = np.matrix([[1, 2]])
    made["array_scalars"] = [np.float64(1), np.int8(2), np.bool_(True), np.datetime64("2020-01-01"), np.str_("a")]
    made["array_dtypes"] = [np.dtype("f8"), np.dtype([("a", "i4")]), np.float32]
    made["random_generators"] = [np.random.default_rng(1), np.random.RandomState(1), np.random.MT19937(1)]
    made["polynomial"] = np.polynomial.Polynomial([1, 2])
    return made


def frames():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.to_datetime(["2020-01-01", "2021-01-01"])})
    return {
        "frame": frame, "series": frame["a"], "index": frame.set_index("b"),
        "categorical": frame.astype({"b": "category"}), "multi": frame.set_index(["a", "b"]),
        "nullable": pd.array([1, None], dtype="Int64"), "strings": pd.array(["a", None], dtype="string"),
        "periods": pd.period_range("2020", periods=3, freq="M"), "intervals": pd.interval_range(0, 3),
        "times": [pd.Timestamp("2020-01-01", tz="UTC"), pd.Timedelta(1, "h"), pd.NaT, pd.NA, pd.Interval(0, 1), pd.Period("2024", "M")],
        "deltas": pd.to_timedelta([1, 2], unit="h"),
        "zoned": pd.Series(pd.date_range("2020", periods=2, tz="Europe/Vienna")),
        "sparse": pd.arrays.SparseArray([0, 0, 1]), "offset": [pd.offsets.MonthEnd(2), pd.offsets.BDay()],
    }


def models():
    made = {
        "logistic": linear_model.LogisticRegression(), "forest": ensemble.RandomForestClassifier(3),
        "boosting": ensemble.GradientBoostingClassifier(n_estimators=3), "svc": svm.SVC(),
        "neighbors": neighbors.KNeighborsClassifier(), "tree": tree.DecisionTreeClassifier(),
        "histogram": ensemble.HistGradientBoostingClassifier(max_iter=3), "ridge": linear_model.Ridge(),
        "pipeline": pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.SGDClassifier()),
        "kd": neighbors.KNeighborsClassifier(algorithm="kd_tree"),
    }
    made = {name: model.fit(X, Y) for name, model in made.items()}
    made["kmeans"] = cluster.KMeans(2, n_init=1).fit(X)
    made["pca"] = decomposition.PCA(2).fit(X)
    made["encoder"] = preprocessing.OneHotEncoder().fit([["a"], ["b"]])
    return made


def write(name, how, value, **options):
    try:
        dumped = how(value, **options)
    except Exception as error:  # Not every pickler can save every item.
        print("left out", name, type(error).__name__, str(error)[:60])
        return
    (FOLDER / f"{name}.pkl").write_bytes(dumped)


def main():
    for name, value in data().items():
        write(f"data-{name}-dill", dill.dumps, value)
        write(f"data-{name}-pickle", pickle.dumps, value, protocol=2)
    for name, value in code().items():
        write(f"code-{name}-dill", dill.dumps, value)
        write(f"code-{name}-dill-recurse", dill.dumps, value, recurse=True)
        write(f"code-{name}-cloudpickle", cloudpickle.dumps, value)
    for name, value in {**arrays(), **frames()}.items():
        write(f"{name}-dill", dill.dumps, value)
        write(f"{name}-pickle", pickle.dumps, value, protocol=5)
    for name, value in models().items():
        write(f"model-{name}-pickle", pickle.dumps, value)
        write(f"model-{name}-dill", dill.dumps, value)
    joblib.dump({"a": [1, 2], "text": "b"}, FOLDER / "joblib.pkl")
    write("nested", pickle.dumps, copy.deepcopy({"blob": pickle.dumps([1, 2])}))


if __name__ == "__main__":
    main()
