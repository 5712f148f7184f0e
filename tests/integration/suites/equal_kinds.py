# A session with many kinds of objects. `verified_is_equal` checks that what `--verify` calls the same is the same.
import abc
import argparse
import array
import ast
import bisect
import collections
import contextlib
import contextvars
import copy
import ctypes
import dataclasses
import datetime
import decimal
import difflib
import email.message
import enum
import fractions
import functools
import graphlib
import hashlib
import heapq
import html.parser
import http.cookies
import inspect
import io
import ipaddress
import itertools
import logging
import operator
import os
import pathlib
import pickle
import queue
import random
import re
import sched
import string
import struct
import textwrap
import threading
import time
import types
import typing
import unittest
import urllib.parse
import uuid
import warnings
import weakref
import zoneinfo

# Exceptions: chained, with notes, with slots, with an initializer of their own.


class Failed(Exception):
    __slots__ = ("code",)

    def __init__(self, text, code):
        super().__init__(text)
        self.code = code


class KeywordOnly(ValueError):
    def __init__(self, *, code):
        super().__init__(f"code {code}")
        self.code = code


def caught(function):
    try:
        function()
    except BaseException as error:
        return error.with_traceback(None)


def chained():
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise Failed("chained", 7) from error


def in_handler():
    try:
        {}["missing"]
    except KeyError:
        raise ValueError("while handling")


def hidden():
    try:
        {}["missing"]
    except KeyError:
        raise ValueError("hides it") from None


chain, context, suppressed = caught(chained), caught(in_handler), caught(hidden)
noted = ValueError("noted")
noted.__notes__ = ["first", "second"]
failed, keyword = Failed("alone", 3), KeywordOnly(code=5)
os_error, unicode_error = OSError(2, "missing", "file"), UnicodeDecodeError("utf-8", b"x", 0, 1, "why")
stop, exits = StopIteration(9), SystemExit(3)
errors = {"a": chain, "b": [chain, noted]}

# Functions


def documented(a, b: int = 2, *rest, c: "str" = "three", **others) -> list:
    """Has everything a function can have."""
    return [a, b, rest, c, others]


documented.attribute = ["shared"]
shared_attribute = documented.attribute
default = [0]


def with_default(items=default, *, table={}):
    items.append(len(items))
    return items


def counter():
    count = 0

    def step():
        nonlocal count
        count += 1
        return count

    def read():
        return count

    return step, read


step, read = counter()
step()
lambdas = [lambda n, k=k: n * k for k in range(3)]
namespace = {"factor": 3}
exec("def executed(n): return n * factor", namespace)
executed = namespace["executed"]
renamed = lambda: 1
renamed.__name__, renamed.__qualname__, renamed.__doc__ = "other", "Some.other", "renamed"


def decorated(function):
    @functools.wraps(function)
    def wrapper(*arguments, **named):
        return function(*arguments, **named)

    wrapper.calls = []
    return wrapper


@decorated
def wrapped(n):
    "wrapped"
    return n


@functools.lru_cache(maxsize=8)
def cached(n):
    return [n]


cached(1), cached(2)


@functools.lru_cache
def never_called(n):
    return n


@functools.cache
def singleton():
    return {"settings": 1}


settings = singleton()


@functools.singledispatch
def dispatched(value):
    return "object"


@dispatched.register
def _(value: int):
    return "int"


@contextlib.contextmanager
def managed():
    yield 1


partial = functools.partial(documented, 1, c="four")
partial.attribute = 3
partial_of_builtin = functools.partial(int, base=2)
partial_method = functools.partial(str.split, maxsplit=1)
placeholder = operator.attrgetter("a.b"), operator.itemgetter(1, 2), operator.methodcaller("m", 1, k=2)
bound_builtin = [].append
compared = functools.cmp_to_key(lambda a, b: a - b)

# Generators


def generate(n):
    for item in range(n):
        yield item


exhausted = generate(2)
list(exhausted)

# Classes


class Plain:
    "A class."
    shared = [1]
    __hash__ = None

    def __init__(self, **values):
        self.__dict__.update(values)

    def method(self):
        return self

    @classmethod
    def made(cls):
        return cls()

    @staticmethod
    def static(n=default):
        return n

    @property
    def doubled(self):
        "The documentation."
        return 2

    @functools.cached_property
    def computed(self):
        return [self]


class Derived(Plain):
    def method(self):
        return super().method()


class Slotted:
    __slots__ = ("a", "b", "__weakref__")


class SlottedAndMore(Slotted):
    pass


class Meta(type):
    def __new__(meta, name, bases, body, **options):
        made = super().__new__(meta, name, bases, body)
        made.options = options
        return made

    def __init__(cls, name, bases, body, **options):
        super().__init__(name, bases, body)


class WithMeta(metaclass=Meta, option=[1]):
    pass


class Abstract(abc.ABC):
    @abc.abstractmethod
    def method(self): ...


class Concrete(Abstract):
    def method(self):
        return 1


@Abstract.register
class Registered:
    pass


class AbstractMeta(abc.ABCMeta):
    pass


class Third(metaclass=AbstractMeta):
    pass


class Descriptor:
    def __set_name__(self, owner, name):
        self.name, self.sets = name, getattr(self, "sets", 0) + 1

    def __get__(self, instance, owner=None):
        return self if instance is None else instance.__dict__.get(self.name)


class Described:
    field = Descriptor()


class Tracked:
    subclasses = []

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        Tracked.subclasses.append(cls.__name__)


class FirstTracked(Tracked):
    pass


class Color(enum.Enum):
    RED = 1
    GREEN = [2]
    CRIMSON = RED

    def describe(self):
        return self.name


class Bits(enum.Flag):
    A = 1
    B = 2


class Number(enum.IntEnum):
    ONE = 1


Point = collections.namedtuple("Point", "x y", defaults=[0])


class Typed(typing.NamedTuple):
    a: int
    b: str = "b"


Documented = collections.namedtuple("Documented", "first second")
Documented.first.__doc__ = "The first field."


@dataclasses.dataclass(order=True)
class Record:
    name: str
    tags: list = dataclasses.field(default_factory=list, compare=False, metadata={"unit": "m"})


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: int


class TypedKeys(typing.TypedDict, total=False):
    a: int


class Speaks(typing.Protocol):
    def speak(self) -> str: ...


T = typing.TypeVar("T", bound=int)
P = typing.ParamSpec("P")


class Box(typing.Generic[T]):
    def __init__(self, item: T):
        self.item = item


alias, box = Box[int], Box[int](3)
hints = [list[int], dict[str, typing.Any], typing.Optional[int], typing.Union[int, str], typing.Callable[[int], str]]
hints += [int | None, typing.Literal["a"], typing.Annotated[int, "meta"], typing.ForwardRef("Plain")]
UserId = typing.NewType("UserId", int)


class Grown(list):
    label = None


class Named(dict):
    def __missing__(self, key):
        return key


class Text(str):
    pass


class Whole(int):
    pass


class Pair(tuple):
    pass


class Members(set):
    pass


class AttrDict(dict):
    def __init__(self, **values):
        super().__init__(**values)
        self.__dict__ = self


class Borg:
    state = {}

    def __init__(self):
        self.__dict__ = self.state


class DropsState:
    def __init__(self):
        self.kept, self.dropped = 1, [2]

    def __getstate__(self):
        return {"kept": self.kept}


class Reopens:
    def __init__(self):
        self.value, self.lock = 1, threading.Lock()

    def __getstate__(self):
        return {"value": self.value}

    def __setstate__(self, state):
        self.__init__()
        self.__dict__.update(state)


class Proxy:
    def __init__(self, target):
        object.__setattr__(self, "target", target)

    def __getattr__(self, name):
        return getattr(self.target, name)

    def __setattr__(self, name, value):
        setattr(self.target, name, value)


class NewWithArgument:
    def __new__(cls, value):
        made = super().__new__(cls)
        made.value = value
        return made

    def __getnewargs__(self):
        return (self.value,)


class Cleared:
    pass


# Instances, and what they share

plain = Plain(a=[1], b={"k": "v"})
plain.self = plain
derived, slotted, more = Derived(items=plain.a), Slotted(), SlottedAndMore()
slotted.a = plain
more.a, more.other = [3], more
computed = Derived(n=1)
computed.computed
methods = plain.method, Derived.made, Plain.static, derived.method
points = [Point(1), Typed(1), Documented(1, 2)]
record, frozen = Record("r", ["t"]), Frozen(1)
colors, bits = [Color.RED, Color.GREEN, Number.ONE], Bits.A | Bits.B
grown, named, text, whole = Grown([1, 2]), Named(a=[1]), Text("text"), Whole(3)
grown.label, text.note, whole.unit = grown, ["n"], "m"
pair, members = Pair([[1], 2]), Members([1, (2, 3)])
attributes, borgs = AttrDict(a=1), [Borg(), Borg()]
borgs[0].common = [1]
drops, reopens, proxy = DropsState(), Reopens(), Proxy(Plain(a=1))
with_argument = NewWithArgument([1])
Cleared.later = 1
changed = Cleared()
changed.__class__ = Plain
simple = types.SimpleNamespace(a=1, b=[plain.a])

# Containers of the standard library

ordered = collections.OrderedDict([("z", 1), ("a", [2])])
ordered.move_to_end("z")
default_dict = collections.defaultdict(list, a=[1])
counted = collections.Counter("abracadabra")
deque = collections.deque([1, [2]], maxlen=5)
chain_map = collections.ChainMap({"a": 1}, {"b": [2]})
user_dict, user_list = collections.UserDict(a=1), collections.UserList([1])
proxied = types.MappingProxyType({"a": [1]})
heap = [(1, "a"), (2, "b")]
nested = {"list": [1, 2, {"deep": (1, [2], frozenset({3}))}], ("tuple", 1): {4, 5}}
loop = []
loop.append(loop)
ring = {}
ring["ring"] = ring
twice = [default, default, (default,)]
empty = [[], {}, set(), (), frozenset(), "", b"", bytearray()]
views = {"a": 1}.keys(), {"a": 1}.values(), {"a": 1}.items()
words = {"any", "order", "of", "words"}
objects = {Plain, Derived, Slotted, Color.RED}
arrays = array.array("d", [1.5, 2.5]), array.array("i")
buffers = bytearray(b"buffer"), b"bytes", memoryview(b"view").tobytes()
slices = slice(1, None, 2), range(3, 30, 4), Ellipsis, NotImplemented
numbers = [0, -1, 2**100, 1.5, float("inf"), -0.0, 1j, True, None]
dead = weakref.ref(Slotted())

# Weak references

weak = weakref.ref(plain)
weak_set = weakref.WeakSet([slotted, more])
weak_values = weakref.WeakValueDictionary({"a": slotted, "b": more})
weak_keys = weakref.WeakKeyDictionary({slotted: [1], more: [2]})
weak_method = weakref.WeakMethod(derived.method)
weak_proxy = weakref.proxy(slotted)

# Values of C types

moment = datetime.datetime(2026, 11, 28, 12, tzinfo=zoneinfo.ZoneInfo("UTC"))
times = [datetime.date(2026, 1, 2), datetime.time(3, 4), datetime.timedelta(5, 6), datetime.timezone.utc, moment]
exact = [decimal.Decimal("1.10"), fractions.Fraction(1, 3), decimal.Context(prec=5)]
identifiers = [uuid.UUID(int=5), ipaddress.ip_address("10.0.0.1"), pathlib.PurePosixPath("a/b")]
pattern, formatter = re.compile("a(b)", re.IGNORECASE), string.Formatter()
match = re.match("(a)(?P<n>b)?", "ab")
packed, template = struct.Struct("<ih"), string.Template("$a")
memory_file, byte_file = io.StringIO("text"), io.BytesIO(b"bytes")
memory_file.seek(2)
byte_file.read(3)
generator = random.Random(5)
generator.gauss(0, 1)
iterators = [iter([1, 2, 3]), iter((1, 2)), iter(range(3)), iter("abc"), iter({"a": 1}), reversed([1, 2]), enumerate("ab")]
next(iterators[0])
tools = [itertools.count(3), itertools.cycle([1, 2]), itertools.repeat(4, 2), itertools.chain([1], [2]), zip([1], [2])]
next(tools[0]), next(tools[1])
tools += [map(str, [1, 2]), filter(None, [0, 1]), itertools.islice([1, 2, 3], 2), itertools.accumulate([1, 2])]
code = compile("a + 1", "<made>", "eval")
cell = types.CellType([1])
signature, tree = inspect.signature(documented), ast.parse("a = [1]")
digest = hashlib.sha256(b"x").hexdigest()
variable = contextvars.ContextVar("variable", default=[1])
fields = [ctypes.c_int(5), (ctypes.c_int * 2)(1, 2)]


class Struct(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int)]


structure = Struct(3)

# Live things

lock, rlock, event, condition = threading.Lock(), threading.RLock(), threading.Event(), threading.Condition()
event.set()
semaphore, barrier = threading.Semaphore(3), threading.Barrier(2)
local = threading.local()
messages = queue.Queue(5)
messages.put([1])
logger = logging.getLogger("session")
logger.setLevel(logging.DEBUG)
handler = logging.StreamHandler()
handler.setLevel(logging.ERROR)
handler.setFormatter(logging.Formatter("%(message)s"))
logger.addHandler(handler)
plain_logger = logging.getLogger("session.plain")

# Objects of libraries of Python

parser = argparse.ArgumentParser("program")
parser.add_argument("--count", type=int, default=3, help="how many")
arguments = parser.parse_args([])
letter = email.message.EmailMessage()
letter["Subject"] = "subject"
letter.set_content("content")
cookie = http.cookies.SimpleCookie({"a": "b"})
url = urllib.parse.urlsplit("http://example.org/a?b#c")
sorter = graphlib.TopologicalSorter({"a": ["b"]})
scheduler = sched.scheduler(time.monotonic, time.sleep)
matcher = difflib.SequenceMatcher(None, "abc", "abd")
wrapper = textwrap.TextWrapper(width=20)
exit_stack = contextlib.ExitStack()
exit_stack.callback(documented, 1)
suite = unittest.TestSuite()
completed = __import__("subprocess").CompletedProcess(["a"], 0, b"out", None)

try:
    import numpy as np
except ImportError:
    np = None
if np:
    grid = np.arange(24, dtype="f8").reshape(4, 6)
    transposed, row, every_second, as_bytes = grid.T, grid[1], grid[::2, ::3], grid.view("u1")
    over = {"grid": grid, "view": row}
    read_only = np.arange(3)
    read_only.flags.writeable = False
    broadcast = np.broadcast_to(np.array([1.0]), (1,))
    spread = np.broadcast_to(np.arange(3), (2, 3))
    fortran = np.asfortranarray(np.ones((2, 3)))
    things = np.array([plain, [1], None], dtype=object)
    structured = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    recorded = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    masked = np.ma.array([1, 2], mask=[0, 1], fill_value=9)
    scalars = [np.float64(1.5), np.int8(3), np.datetime64("2026-01-01"), np.str_("s"), np.bool_(True)]
    types_of = [np.dtype("f8"), np.dtype([("a", "i4")]), np.dtype("f8", metadata={"unit": "m"}), np.float32]
    dates = np.array(["2026-01-01"], dtype="M8[D]")
    zero_dimensional, nothing = np.array(5), np.empty((0, 3))
    big_endian = np.arange(3, dtype=">i4")
    rng, legacy = np.random.default_rng(5), np.random.RandomState(5)
    rng.random()
    poly = np.poly1d([1, 2])
    ufuncs = [np.sin, np.vectorize(len)]
    memmapped = np.frombuffer(bytearray(16), dtype="i4")

    class Quantity(np.ndarray):
        pass

    quantity = np.arange(3.0).view(Quantity)
    quantity.unit = ["m"]
