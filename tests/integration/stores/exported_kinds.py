"""Saves sessions of many kinds: to a store, as its first snapshot and its third, and to a file."""

import collections, contextlib, dataclasses, datetime, enum, functools, sys, threading
import numpy as np
import pandas as pd
import snapcli


def functions():
    base = {"k": {1, 2}}
    def closure(n, more=base):
        def inner(x): return closure(x) if x else n + len(more)
        return inner
    inner = closure(4)
    lines = lambda *a, k={'p', 'q'}, **o: sorted(k)
    @functools.lru_cache
    def cached(n): return n
    partial = functools.partial(inner, 0)
    return locals()


def classes():
    class Base:
        limit: int = 3
        def method(self): return self.limit
        @property
        def half(self): return self.limit / 2
    class Heir(Base):
        __slots__ = ("left",)
        def method(self): return super().method()
    @dataclasses.dataclass
    class Record:
        first: int = 0
        second: list = dataclasses.field(default_factory=list)
    class Color(enum.Enum):
        RED = 1
    heir = Heir(); heir.left = heir
    records = [Record(n, [str(n)] * n) for n in range(20)]
    return locals()


def frames():
    df = pd.DataFrame({"a": range(1000), "b": list("xy") * 500, "c": pd.Timestamp("2020-01-01")})
    same = df
    view = df["a"]
    series = pd.Series([1.5, None], name="s")
    index = pd.MultiIndex.from_product([[1, 2], ["a", "b"]])
    big = pd.DataFrame(np.random.default_rng(0).random((50_000, 4)))
    return locals()


def arrays():
    large = np.arange(300_000.0)
    view = large[::2]
    other = np.full((1000, 300), 7, dtype="f4")
    fortran = np.asfortranarray(other)
    objects = np.array([1, "two", {3}], dtype=object)
    empty = np.zeros((0, 3))
    frozen = np.arange(200_000); frozen.flags.writeable = False
    raw = bytes(range(256)) * 5000
    mutable = bytearray(raw)
    small = np.arange(5)
    number = np.float32(1.5)
    return locals()


def shared():
    xs = [1, 2, 3]
    alias = xs
    table = {"xs": xs, "nested": {"xs": xs}}
    cycle = [table]; cycle.append(cycle)
    text = "the same text " * 1000
    again = [text, text]
    one = two = np.arange(200_000)
    pair = (one, xs)
    words = {f"word {n}" for n in range(50)}
    copy = set(words)
    return locals()


def generators():
    def count(n):
        for i in range(n): yield i
    running = count(5); next(running)
    fresh = count(3)
    comprehension = (m for n in range(3) for m in range(n))
    iterator = iter([1, 2, 3]); next(iterator)
    lock = threading.Lock()
    return locals()


def lost():
    import sqlite3
    connection = sqlite3.connect(":memory:")
    holder = {"connection": connection, "kept": [1, 2]}
    kept = holder["kept"]
    return locals()


def empty():
    return {}


def one(): return {"x": None}


def many():
    return {f"n{i}": [i, str(i), {"v": i}] for i in range(600)}


def odd():
    return {"é": "ü", "ﬁ": 2, "x" * 300: 1, "with space": 3, "a.b": 4, "": 5, "日本": datetime.datetime(2020, 1, 1)}


def modules():
    import math, os.path
    path = os.path
    join = os.path.join
    counts = collections.Counter("abc")
    return locals()

kinds = [functions, classes, frames, arrays, shared, generators, lost, empty, one, many, odd, modules]


def save_all(name, *given):
    store = f"{name}.snaps/"
    snapcli.save(store, *given, check=False)
    snapcli.save(store, {"between": given}, check=False)
    snapcli.save(store, *given, check=False, name="best")
    snapcli.save(f"{name}.pkl", *given, check=False)


for kind in kinds:
    names = kind()
    save_all(f"{kind.__name__}-part", names)
    # A namespace in which code has run is a session of its own.
    save_all(f"{kind.__name__}-whole", names | {"__builtins__": __builtins__})
save_all("main")
