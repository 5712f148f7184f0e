# Random object graphs, the same for the same seed. Existing objects are used again (sharing), and mutable ones are
# changed at the end (cycles). `things` is the namespace that provides classes and functions (things.py): that of the
# module or that of a script, in the script itself and after its session was restored.
import collections
import functools
import math
import operator
import pickle
import random
import sys

try:
    import numpy
except ImportError:
    numpy = None

Point = collections.namedtuple("Point", ["x", "y"])


class Graph:
    """`size` objects, some of them nested in others, and objects that they need. `roots` holds all of them."""

    def __init__(self, seed, size, things):
        # A string, because the seed from any other object is its hash, which may depend on the process.
        self.random = random.Random(f"graph {seed}")
        self.things = things
        self.roots = []
        self.tags = 0
        makers = [make for makers, weight in KINDS for make in makers for _ in range(weight)]
        for _ in range(size):
            self.roots.append(self.random.choice(makers)(self))
        for _ in range(size // 2):
            self.grow(self.random.choice(self.roots), self.any())

    def any(self):
        """An existing object, or an atom."""
        if self.roots and self.random.random() < 0.7:
            return self.random.choice(self.roots)
        return self.atom()

    def some(self, most=4):
        return [self.any() for _ in range(self.random.randrange(most))]

    def atom(self):
        return self.random.choice(ATOMS)(self.random)

    def hashable(self, depth=0):
        """A key or member, whose hash does not change when later objects are made."""
        choice = self.random.random()
        if choice < 0.15 and depth < 3:
            return tuple(self.hashable(depth + 1) for _ in range(self.random.randrange(4)))
        if choice < 0.25 and depth < 3:
            return frozenset(self.hashable(depth + 1) for _ in range(self.random.randrange(3)))
        if choice < 0.4:
            return self.tagged()
        if choice < 0.45:
            return self.random.choice([self.things["Plain"], self.things["function"], Point, len, int])
        return self.atom()

    def tagged(self):
        """An instance that is compared by identity."""
        made = self.things["Tagged"](self.tags)
        self.tags += 1
        # A root, so that it may refer to the container that holds it.
        self.roots.append(made)
        return made

    def grow(self, into, value):
        """Puts a value into an object, if possible."""
        kind = type(into)
        if isinstance(into, (list, collections.deque)) and kind.__name__ != "Frozen":
            into.append(value)
        elif isinstance(into, collections.Counter):
            into[self.hashable()] = self.random.randrange(9)
        elif isinstance(into, dict):
            into[self.hashable()] = value
        elif isinstance(into, set):
            into.add(self.hashable())
        elif kind in (self.things["Plain"], self.things["Tagged"], self.things["Both"]):
            setattr(into, self.random.choice("abcde"), value)
        elif kind is self.things["Slotted"]:
            setattr(into, self.random.choice(["left", "right"]), value)
        elif kind is self.things["Record"]:
            into.second = value
        elif numpy is not None and kind is numpy.ndarray and into.dtype == object and into.size and into.flags.writeable:
            into.flat[self.random.randrange(into.size)] = value


def session(seed, count, things):
    """The variables of a session: separate small graphs, and a large one that many variables share."""
    variables = {f"own_{number}": Graph(number, size_of(number), things).roots for number in range(seed, seed + count)}
    variables.update((f"shared_{number}", root) for number, root in enumerate(Graph(seed, 150, things).roots))
    return variables


def size_of(seed):
    """Many small graphs, which are easy to debug, and some large ones."""
    return [3, 6, 10, 30][seed // 2 % 4]


def integer(random):
    bits = random.choice([1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200, 2039, 2040, 2041, 40_000])
    value = random.choice([2**bits, 2**bits - 1, random.getrandbits(bits)])
    return random.choice([value, -value, -value - 1])


def real(random):
    odd = [math.nan, math.inf, -math.inf, 0.0, -0.0, sys.float_info.min, 5e-324, sys.float_info.max]
    return random.choice([*odd, random.random(), random.gauss(0, 1e100)])


def a_complex(random):
    return complex(real(random), real(random))


def text(random):
    characters = random.choice(["ab", "é\u0301ß", "\u4e2d\u20ac", "\U0001f600\U00010000", "\ud800\udfff", "\0\n\r'\"\\"])
    return "".join(random.choice(characters) for _ in range(random.choice([0, 1, 2, 20, 255, 256, 300])))


def some_bytes(random):
    return random.randbytes(random.choice([0, 1, 2, 20, 255, 256, 300, 70_000]))


ATOMS = [
    lambda random: None,
    lambda random: random.choice([True, False]),
    lambda random: random.choice([..., NotImplemented]),
    lambda random: random.randrange(-300, 300),
    integer,
    integer,
    real,
    real,
    a_complex,
    text,
    text,
    some_bytes,
]


def a_tagged(graph):
    return graph.tagged()


def a_bytearray(graph):
    return bytearray(some_bytes(graph.random))


def a_list(graph):
    return graph.some(graph.random.choice([2, 5, 5, 1200]))


def a_tuple(graph):
    return tuple(graph.some(6))


def a_dict(graph):
    return {graph.hashable(): value for value in graph.some(6)}


def a_set(graph):
    return {graph.hashable() for _ in range(graph.random.randrange(6))}


def a_frozenset(graph):
    return frozenset(graph.hashable() for _ in range(graph.random.randrange(6)))


def a_range(graph):
    return range(integer(graph.random), integer(graph.random), graph.random.choice([1, -1, 7, 2**70]))


def a_slice(graph):
    return slice(graph.any(), graph.any(), graph.any())


def a_point(graph):
    return Point(graph.any(), graph.any())


def a_deque(graph):
    return collections.deque(graph.some(), graph.random.choice([None, 0, 3, 100]))


def an_ordered_dict(graph):
    made = collections.OrderedDict((graph.hashable(), value) for value in graph.some())
    if len(made) > 1:
        made.move_to_end(next(iter(made)))
    return made


def a_defaultdict(graph):
    factory = graph.random.choice([None, list, int, graph.things["function"], graph.things["Plain"]])
    return collections.defaultdict(factory, {graph.hashable(): value for value in graph.some()})


def a_counter(graph):
    return collections.Counter(graph.hashable() for _ in range(graph.random.randrange(5)))


def a_plain(graph):
    made = graph.things[graph.random.choice(["Plain", "Both"])]()
    for value in graph.some():
        graph.grow(made, value)
    return made


def a_slotted(graph):
    made = graph.things["Slotted"]()
    if graph.random.random() < 0.7:
        made.left = graph.any()
    return made


def a_record(graph):
    return graph.things["Record"](graph.any(), graph.any())


def a_stateful(graph):
    return graph.things[graph.random.choice(["Stateful", "Reduced", "Filled", "Keyworded"])](graph.any())


def an_heir(graph):
    name = graph.random.choice(["Row", "Table", "Group", "Pair", "Word", "Number"])
    kind = graph.things[name]
    if name == "Pair":
        made = kind(graph.some())
    elif name in ("Word", "Number"):
        made = kind(graph.random.randrange(1000))
    else:
        made = kind()
        graph.grow(made, graph.any())
    made.note = graph.any()
    return made


def a_script_name(graph):
    return graph.things[graph.random.choice(["Plain", "Slotted", "Record", "Tagged", "function", "Row"])]


def an_imported_name(graph):
    return graph.random.choice([len, int, Point, math.sin, operator.itemgetter, Graph, math, collections, sys])


def a_closure(graph):
    return graph.things["closure"](graph.any(), (graph.atom(), graph.atom()))


def a_method(graph):
    return graph.things["Tagged"].method.__get__(graph.tagged())


def a_builtin_method(graph):
    owners = [root for root in graph.roots if type(root) in (list, dict, set, bytearray)]
    return graph.random.choice(owners or [[]]).copy


def a_partial(graph):
    called = graph.random.choice([int, graph.things["function"], graph.things["Plain"], operator.add])
    return functools.partial(called, *graph.some(3), **{name: value for name, value in zip("pq", graph.some(3))})


def a_buffer(graph):
    owner = b"two" + some_bytes(graph.random)
    return pickle.PickleBuffer(graph.random.choice([owner, bytearray(owner)]))


DTYPES = ["f8", ">f8", "f4", "i1", "u2", ">i4", "i8", "?", "c16", "S5", "U3", "M8[ns]", "m8[D]", "V7"]
STRUCTURES = [[("a", "i4"), ("b", "f8", (2,))], [("n", [("x", "u1"), ("y", "S2")])], [("o", "O"), ("i", "i2")]]


def an_array(graph):
    random = graph.random
    shape = random.choice([(), (0,), (1,), (7,), (3, 4), (2, 0, 3), (2, 3, 4), (5000,)])
    count = math.prod(shape)
    kind = random.random()
    if kind < 0.2:
        made = numpy.empty(shape, object)
        for place in range(min(count, 6)):
            made.flat[place] = graph.any()
    elif kind < 0.4:
        made = numpy.zeros(shape, random.choice(STRUCTURES))
        if made.dtype.hasobject:
            made["o"] = 0
    else:
        dtype = numpy.dtype(random.choice(DTYPES))
        raw = bytes(random.choice(b"01234567") for _ in range(dtype.itemsize))
        # Strings and booleans cannot be arbitrary bytes.
        made = numpy.zeros(shape, dtype) if dtype.kind in "U?" else numpy.full(shape, numpy.frombuffer(raw, dtype)[0])
    return arranged(random, made)


def arranged(random, made):
    """An array in one of the possible memory layouts."""
    kind = random.random()
    if kind < 0.2:
        made = numpy.asfortranarray(made)
    elif kind < 0.3:
        made = made.T
    elif kind < 0.45 and made.ndim:
        made = made[::2]
    elif kind < 0.5 and made.ndim:
        made = made[::-1]
    elif kind < 0.6:
        made = numpy.broadcast_to(made, (2, *made.shape))
    elif kind < 0.7:
        made.flags.writeable = False
    return made


def a_scalar(graph):
    random = graph.random
    dtype = numpy.dtype(random.choice([*DTYPES, STRUCTURES[0]]))
    return numpy.zeros((), dtype)[()] if dtype.kind in "U?V" else numpy.frombuffer(random.randbytes(dtype.itemsize), dtype)[0]


def a_dtype(graph):
    return numpy.dtype(graph.random.choice([*DTYPES, *STRUCTURES]))


# The kinds of objects, and how often each is made.
KINDS = [
    ([a_list, a_tuple, a_dict], 6),
    ([a_set, a_frozenset, a_plain, a_slotted, a_record, a_tagged], 3),
    ([a_bytearray, a_range, a_slice, a_point, a_deque, an_ordered_dict, a_defaultdict, a_counter], 2),
    ([a_stateful, an_heir, a_script_name, an_imported_name, a_closure, a_method, a_builtin_method, a_partial, a_buffer], 2),
    ([an_array, an_array, an_array, a_scalar, a_dtype] if numpy else [], 2),
]
