"""Compares an untrusted load with `pickle.load`, for random pickles and for mutated real ones.

Runs under `snapcli save`, which has the module `snapcli`: differential.py SEED COUNT. For each pickle,
* no unpickler runs during the untrusted load, whatever becomes of it: CPython would raise `pickle.find_class` events;
* a refused pickle has imported, opened and executed nothing;
* a loaded one equals what `pickle.load` makes of it, if that loads it at all.
Prints a JSON summary; the last key, `wrong`, lists what is not so.
"""

import collections
import datetime
import decimal
import fractions
import ipaddress
import json
import os
import pathlib
import pickle
import pickletools
import random
import resource
import struct
import sys
import tempfile
import types
import uuid
import warnings

# No files beside the sources.
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "suites"))
import equal_walk
import snapcli

try:
    import numpy
except ImportError:
    numpy = None
try:
    import pandas
except ImportError:
    pandas = None

# Anything that a load might do besides building objects.
WATCHED = ("pickle.find_class", "import", "exec", "open", "compile", "os.", "subprocess.", "socket.", "ctypes.", "shutil.")
seen = None


def hook(event, arguments):
    if seen is not None and event.startswith(WATCHED):
        seen.append((event, repr(arguments)[:200]))


def describe(value):
    lines = equal_walk.Walk(equal_walk.namespaces()).run(value, "value").lines
    # A note of pandas for itself, which its constructors make and its pickles leave out.
    return [line.replace("['_readonly']", "[]") for line in lines if "._readonly:" not in line]


def load_untrusted(path):
    """The value and the events of an untrusted load, or the error and the events."""
    global seen
    seen = []
    try:
        result = snapcli.load_dict(path)
    except BaseException as error:
        result = error
    events, seen = seen, None
    # The program itself reads the file that it was told to, and its own source directories.
    return result, [event for event in events if event[1][:len(repr(path)) + 1] != "(" + repr(path)]


def expected(value):
    """What `load_dict` makes of the value of a pickle that has no index."""
    names = isinstance(value, dict) and type(value) is dict and value
    if names and all(type(key) is str and key.isidentifier() and not key.startswith("__") for key in value):
        # The names are put into a new dict.
        return dict(value)
    return {"obj": value}


def samples():
    """Honest values, for real files to mutate."""
    shared = [1, 2, "three"]
    cyclic = [1]
    cyclic.append({"self": cyclic, "shared": shared})
    error = ValueError("bad", 3)
    error.detail = {"a": 1}
    values = [
        None, True, 0, -1, 2**70, -(2**100), 1.5, float("nan"), "text", "ümläut\udc80", b"bytes", bytearray(b"array"),
        (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], {}, set(), frozenset(), {1, 2, 3}, frozenset([1, (2, 3)]),
        [shared, shared], cyclic, {"a": shared, "b": (shared,)}, [i for i in range(100)], {str(i): i for i in range(50)},
        1j, range(3, 10, 2), slice(1, None, 2), Ellipsis, NotImplemented, error, KeyError("k"),
        collections.OrderedDict([("a", 1), ("b", shared)]), collections.defaultdict(list, {"x": [1]}),
        collections.deque([1, 2, shared], 5), collections.Counter("hello"),
        datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4, 5, 6), datetime.time(1, 2, 3),
        datetime.timedelta(1, 2, 3), datetime.timezone(datetime.timedelta(hours=2), "X"), datetime.timezone.utc,
        decimal.Decimal("1.50"), fractions.Fraction(3, 7), uuid.UUID(int=5), pathlib.PurePosixPath("/a/b"),
        ipaddress.ip_address("1.2.3.4"), ipaddress.ip_network("10.0.0.0/8"), types.SimpleNamespace(a=1, b=[2]),
        int, float, str, [int, dict, collections.OrderedDict], random.Random(3),
    ]
    if numpy is not None:
        grid = numpy.arange(12.0).reshape(3, 4)
        record = numpy.zeros(3, [("a", "i4"), ("b", "f8"), ("c", "S3")])
        values += [
            grid, grid.T, grid.astype("i2"), grid > 3, numpy.array(5), numpy.float64(1.5), numpy.int8(3), record, record[0],
            numpy.array(["a", "bc"]), numpy.array([b"a", b"bc"]), numpy.array([1, "x", None], object),
            numpy.array(["2020-01-01"], "M8[D]"), numpy.array([5], "m8[ms]"), numpy.dtype("f4"), record.dtype,
            numpy.ma.array([1, 2, 3], mask=[0, 1, 0]), numpy.random.default_rng(3), numpy.random.RandomState(3),
            [grid, grid], numpy.asfortranarray(grid), numpy.zeros((0, 3)), numpy.complex64(1j),
        ]
    if pandas is not None:
        index = pandas.date_range("2020", periods=3, freq="D", tz="UTC", name="when")
        frame = pandas.DataFrame({"a": [1, 2, 3], "b": [1.0, None, 3.0], "c": ["x", "y", None]}, index=index)
        values += [
            frame, frame["a"], index, pandas.Index(["a", "b"]), pandas.RangeIndex(4), pandas.Timestamp("2020"),
            pandas.Timedelta(1, "s"), pandas.Categorical(["a", "b", "a"]), pandas.array([1, None], "Int64"),
            pandas.MultiIndex.from_product([[1, 2], ["a", "b"]]), pandas.period_range("2020", periods=2, freq="M"),
            frame.set_index("a", append=True), pandas.DataFrame({"k": pandas.Categorical(["u", "v"])}),
        ]
    return values


def real_files():
    files = []
    for value in samples():
        for protocol in range(6):
            try:
                files.append(pickle.dumps(value, protocol))
            except Exception:
                pass
    return files


def pieces(data):
    """A pickle cut into its opcodes."""
    places = [place for *_, place in pickletools.genops(data)] + [len(data)]
    return [data[start:end] for start, end in zip(places, places[1:])]


class Mutator:
    def __init__(self, files, rng):
        self.rng = rng
        self.files = files
        self.cut = []
        for data in files:
            try:
                self.cut.append(pieces(data))
            except Exception:
                pass

    def __call__(self):
        rng = self.rng
        if rng.random() < 0.3:
            data = bytearray(rng.choice(self.files))
            for _ in range(rng.choice((1, 1, 2, 4))):
                data[rng.randrange(len(data))] = rng.choice((rng.randrange(256), 0, 1, 255))
            return bytes(data)
        ops = [op for op in rng.choice(self.cut) if op[:1] != b"\x95"]
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            at = rng.randrange(len(ops))
            other = rng.choice(self.cut)
            change = rng.randrange(6)
            if change == 0:
                del ops[at]
            elif change == 1:
                ops.insert(at, rng.choice(ops))
            elif change == 2:
                ops[at] = rng.choice(other)
            elif change == 3:
                to = rng.randrange(len(ops))
                ops[at], ops[to] = ops[to], ops[at]
            elif change == 4:
                start = rng.randrange(len(other))
                ops[at:at] = other[start:start + rng.randrange(1, 6)]
            else:
                ops.insert(at, b"h" + bytes([rng.randrange(8)]))
            if not ops:
                ops = [b"N"]
        return b"".join(ops)


NAMES = [
    ("builtins", name) for name in "list dict set tuple frozenset bytearray bytes int float complex str range slice".split()
] + [
    ("collections", "OrderedDict"), ("collections", "deque"), ("collections", "defaultdict"), ("collections", "Counter"),
    ("datetime", "timedelta"), ("datetime", "date"), ("decimal", "Decimal"), ("fractions", "Fraction"),
    ("types", "SimpleNamespace"), ("builtins", "ValueError"), ("uuid", "UUID"), ("copyreg", "_reconstructor"),
    ("builtins", "object"), ("_codecs", "encode"), ("pathlib", "PurePosixPath"), ("itertools", "count"),
    # These must be refused.
    ("os", "getcwd"), ("builtins", "eval"), ("builtins", "getattr"), ("subprocess", "Popen"), ("builtins", "type"),
]


def random_program(rng):
    """Opcodes that keep the stack balanced, most of the time."""
    out = [b"\x80\x04"]
    depth, memo = 0, 0

    def push(data):
        nonlocal depth
        out.append(data)
        depth += 1

    def atom():
        kind = rng.randrange(12)
        if kind < 3:
            push(b"K" + bytes([rng.randrange(5)]))
        elif kind < 5:
            text = rng.choice((b"a", b"b", b"self", b"args", b"x1", b"1.5", b"latin1", b"__class__"))
            push(b"\x8c" + bytes([len(text)]) + text)
        elif kind == 5:
            push(b"]")
        elif kind == 6:
            push(b"}")
        elif kind == 7:
            push(b")")
        elif kind == 8:
            push(b"\x8f")
        elif kind == 9:
            push(rng.choice((b"N", b"\x88", b"\x89", b"G" + struct.pack(">d", 1.5))))
        elif kind == 10 and memo:
            push(b"h" + bytes([rng.randrange(memo)]))
        else:
            module, name = rng.choice(NAMES)
            push(f"c{module}\n{name}\n".encode())

    def call():
        nonlocal depth
        module, name = rng.choice(NAMES)
        push(f"c{module}\n{name}\n".encode())
        count = rng.randrange(4)
        for _ in range(count):
            atom()
        out.append([b")", b"\x85", b"\x86", b"\x87"][count])
        depth -= count - 1
        out.append(rng.choice((b"R", b"R", b"\x81")))
        depth -= 1

    for _ in range(rng.randrange(3, 25)):
        step = rng.randrange(14)
        if step < 4 or depth == 0:
            atom()
        elif step < 6:
            call()
        elif step == 6:
            out.append(b"\x94")
            memo += 1
        elif step == 7 and depth >= 2:
            out.append(b"a")
            depth -= 1
        elif step == 8 and depth >= 3:
            out.append(b"s")
            depth -= 2
        elif step == 9:
            out.append(b"(")
            before = depth
            for _ in range(rng.choice((0, 2, 2, 4))):
                atom()
            out.append(rng.choice((b"t", b"l", b"d", b"e", b"u", b"\x90", b"\x91")))
            ends_in_value = out[-1] in (b"t", b"l", b"d", b"\x91")
            depth = before + (1 if ends_in_value else 0)
        elif step == 10 and depth >= 2:
            out.append(b"b")
            depth -= 1
        elif step == 11 and depth >= 2:
            count = rng.randrange(1, min(3, depth) + 1)
            out.append([b"\x85", b"\x86", b"\x87"][count - 1])
            depth -= count - 1
        elif step == 12 and depth >= 2:
            out.append(b"0")
            depth -= 1
        elif step == 13 and depth:
            out.append(b"2")
            depth += 1
    while depth > 1:
        out.append(b"\x86")
        depth -= 1
    return b"".join(out) + b"."


def load_nothing():
    path = os.path.join(tempfile.mkdtemp(), "none.pkl")
    with open(path, "wb") as file:
        file.write(pickle.dumps(None))
    snapcli.load_dict(path)


def main(seed, count):
    rng = random.Random(seed)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    # What the program imports at its first load, whatever the file is.
    load_nothing()
    sys.addaudithook(hook)
    files = real_files()
    mutate = Mutator(files, rng)
    path = os.path.join(tempfile.mkdtemp(), "input.pkl")
    counts = collections.Counter()
    reasons = collections.Counter()
    wrong = []
    inputs = [(data, "honest") for data in files] if seed == 0 else []
    inputs += [(random_program(rng), "random") if rng.random() < 0.4 else (mutate(), "mutated") for _ in range(count)]
    for data, kind in inputs:
        with open(path, "wb") as file:
            file.write(data)
        result, events = load_untrusted(path)
        counts[kind] += 1
        if any(event == "pickle.find_class" for event, _ in events):
            wrong.append(("an unpickler ran", data.hex(), events[:3]))
        if isinstance(result, BaseException):
            counts[kind + " refused"] += 1
            if type(result).__name__ not in ("RuntimeError", "OSError", "UnpicklingError", "EOFError", "ValueError", "SnapcliError"):
                wrong.append(("an odd exception", data.hex(), f"{type(result).__name__}: {result}"[:300]))
            if events:
                wrong.append(("refused, but it did something", data.hex(), events[:3]))
            if kind == "honest":
                reasons[str(result)[:300]] += 1
            continue
        counts[kind + " loaded"] += 1
        try:
            peer = pickle.loads(data)
        except BaseException as error:
            counts["only we load it"] += 1
            reasons["pickle: " + str(error)[:80]] += 1
            continue
        try:
            left, right = describe(expected(peer)), describe(result)
        except BaseException as error:
            wrong.append(("cannot be described", data.hex(), f"{type(error).__name__}: {error}"[:200]))
            continue
        if left != right:
            wrong.append(("differs", data.hex(), equal_walk.first_difference(left, right)))
    print(json.dumps({"counts": counts, "reasons": reasons.most_common(40), "wrong": wrong[:40], "found": len(wrong)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
