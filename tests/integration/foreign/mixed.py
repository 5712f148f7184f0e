"""A session with all kinds of values that dill can save: of the language, the standard library and numpy."""

import array
import collections
import collections.abc as shapes
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import itertools
import math
import operator
import os.path
import pathlib
import random
import re
import types
import typing
import uuid
import zoneinfo
from collections import OrderedDict
from math import pi, sin

import numpy
import numpy as np

# Constants, numbers and strings.
nothing, yes, dots, not_done = None, True, Ellipsis, NotImplemented
small, large, negative, ratio, imaginary = 7, 2**80, -5, 0.25, 2 - 3j
text, wide, raw, buffer = "text", "naïve ☃ 𝒳", b"\x00raw", bytearray(b"buffer")
span, window = range(3, 20, 4), slice(1, 2)
exact, third = decimal.Decimal("1.50"), fractions.Fraction(1, 3)

# Containers.
pair, items, table = (1, "b"), [1, [2, 3], None], {"a": 1, 2: "b"}
unique, frozen, no_items, no_table, no_tuple, no_set = {1, 2}, frozenset({3}), [], {}, (), set()
long_list = list(range(3000))
ring = [1]
ring.append(ring)
same = items
ordered = OrderedDict(a=1, b=2)
grouped = collections.defaultdict(list, {"a": [1]})
no_group = collections.defaultdict(int)
queue, ends = collections.deque([1, 2, 3]), collections.deque([1], 5)
counted = collections.Counter("hello")
chained = collections.ChainMap({"a": 1}, {"b": 2})
numbers = array.array("d", [1.0, 2.0])
space = types.SimpleNamespace(a=1, b="c")

# Data types of the standard library.
moment = datetime.datetime(2024, 5, 17, 9, 30, tzinfo=datetime.timezone.utc)
day, hour, delta = datetime.date(2024, 5, 17), datetime.time(9, 30), datetime.timedelta(hours=3)
zone, named_zone = datetime.timezone(datetime.timedelta(hours=2)), zoneinfo.ZoneInfo("Europe/Vienna")
folder, pure = pathlib.Path("runs/7"), pathlib.PurePosixPath("/data")
identity, pattern = uuid.UUID(int=7), re.compile(r"a+\d", re.IGNORECASE)
address, network = ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("10.0.0.0/8")
dice = random.Random(7)
failure, nested_failure = ValueError("wrong"), KeyError("missing")
no_file = FileNotFoundError(2, "no such file", "x")
counter = itertools.count(5)
first_of, name_of, caller = operator.itemgetter(0), operator.attrgetter("name"), operator.methodcaller("upper")

# Imported functions and classes.
length, joined, biggest, upper = len, os.path.join, np.max, str.upper
kind, error_kind, array_kind, path_kind = dict, ValueError, np.ndarray, pathlib.Path


# Functions and classes of the script.
def scaled(x, y=2, *rest, factor=1.0, **options):
    """Scales."""
    return math.fsum([x, y, *rest]) * factor


def made_by(step):
    def advance(x):
        return x + step

    return advance


advance = made_by(3)
square = lambda x: x * x  # noqa: E731
halved = functools.partial(scaled, factor=0.5)
power = functools.partial(pow, 2)


@functools.lru_cache(maxsize=10)
def remembered(x):
    return x + 1


def stepped():
    yield 1


async def awaited():
    return 1


class Point:
    kind = "point"

    def __init__(self, x, y):
        self.x, self.y = x, y

    def norm(self):
        return math.hypot(self.x, self.y)


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self):
        self.left, self.right = 1, [2]


class Box(dict):
    pass


class Row(list):
    pass


class Failed(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


@dataclasses.dataclass
class Record:
    name: str
    values: list = dataclasses.field(default_factory=list)


class Holder(typing.Generic[typing.AnyStr]):
    def __init__(self, held):
        self.held = held


Pair = collections.namedtuple("Pair", "left right")


class Typed(typing.NamedTuple):
    name: str
    count: int = 0


point, slotted, record, holder = Point(3, 4), Slotted(), Record("a", [1]), Holder(5)
empty_object = types.SimpleNamespace()
box, row, failed = Box(a=1), Row([1, 2]), Failed(3)
two, typed = Pair(1, 2), Typed("n")
points = [Point(n, -n) for n in range(500)]
by_name = {f"p{n}": Point(n, n) for n in range(5)}
norm = point.norm
alias, optional, sequence = list[int], typing.Optional[int], shapes.Sequence

# numpy.
doubles, halves = np.arange(12.0).reshape(3, 4), np.zeros((2, 3, 4), dtype="float16")
integers, unsigned, flags = np.arange(5, dtype="int16"), np.arange(3, dtype="uint32"), np.array([True, False])
swapped, complexes = np.zeros(4, dtype=">f8"), np.zeros(2, dtype="complex64")
words, octets, voids = np.array(["ab", "cde"]), np.array([b"ab"]), np.zeros(2, dtype="V3")
objects = np.array([1, "a", None], dtype=object)
dates, spans = np.array(["2024-05-17"], dtype="datetime64[D]"), np.zeros(3, dtype="timedelta64[25s]")
fields = np.zeros(3, dtype=[("a", "i4"), ("b", "f8", (2,)), ("c", "U3")])
padded = np.zeros(2, dtype=np.dtype([("a", "u1"), ("b", "i4")], align=True))
fortran, scalar_array, no_array = np.asfortranarray(np.ones((3, 4))), np.array(5), np.zeros((0, 3))
long_doubles = np.zeros(2, dtype="longdouble")
masked, matrix = np.ma.masked_array([1, 2], mask=[True, False]), np.matrix([[1, 2]])
records = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
float64, float32, int8, boolean = np.float64(1.5), np.float32(2), np.int8(3), np.bool_(True)
date64, delta64, string_scalar, bytes_scalar = np.datetime64("2024-05-17"), np.timedelta64(3, "s"), np.str_("a"), np.bytes_(b"b")
complex128, void_scalar, unsigned8 = np.complex128(1j), np.void(b"abc"), np.uint8(3)
dtype, structured = np.dtype("f8"), np.dtype([("a", "i4")])
generator, old_generator, bits = np.random.default_rng(7), np.random.RandomState(7), np.random.PCG64(7)
polynomial = np.polynomial.Polynomial([1, 2])
slice_of_array = doubles[1:, ::2]
