"""Values of builtins and of the standard library, by name: `python values.py FOLDER` writes them with each pickler."""

import array
import collections
import datetime
import decimal
import fractions
import http
import io
import ipaddress
import itertools
import json
import operator
import pathlib
import pickle
import random
import re
import signal
import socket
import string
import subprocess
import sys
import threading
import types
import urllib.error
import uuid
import warnings
import weakref
import zoneinfo

import dill

warnings.simplefilter("ignore")


def advanced(iterator, count):
    for _ in range(count):
        next(iterator)
    return iterator


def raised(error, notes=(), **attributes):
    for name, value in attributes.items():
        setattr(error, name, value)
    for note in notes:
        error.add_note(note)
    return error


def moved(file, position):
    file.seek(position)
    return file


def cycle_of_errors():
    first, second = ValueError("first"), KeyError("second")
    first.others, second.others = [second], [first]
    return first


def values():
    tz = datetime.timezone(datetime.timedelta(hours=-5, minutes=30), "EST")
    utc = datetime.timezone.utc
    dice = random.Random(7)
    dice.gauss(0, 1)
    ordered = collections.OrderedDict([("b", 1), ("a", [2])])
    shared, kept, held = [1, 2], uuid.UUID(int=9), threading.Lock()
    held.acquire()
    ring = [1]
    ring.append(ring)
    d = {
        "simple": [None, True, False, 0, -1, 255, 256, 65536, 2**31, -2**31, 2**63, -2**63, 2**80, -2**200, 10**300, 1.5, float("inf"), -0.0, 1e-300, "text", "naïve ☃ 𝒳 \ud800", "", b"", b"\x00\xff", bytearray(b"ab\xff"), bytearray()],
        "constants": [Ellipsis, NotImplemented, type(None), type(...), type(NotImplemented)],
        "complexes": [1j, complex("inf"), complex(-0.0, 2)],
        "ranges": [range(3), range(1, 10, 3), range(10, 0, -2), range(2**70)],
        "slices": [slice(1), slice(1, 2, 3), slice(None, None, -1), slice("a", "b")],
        "containers": [(), (1,), (1, 2, 3, 4), [], [1], {}, {1: 2}, set(), {1, 2}, frozenset(), frozenset([3, (4, "a")]), shared, shared, ring],
        "ordered": [ordered, collections.OrderedDict(), ordered],
        "defaultdict": [collections.defaultdict(list, {"a": [1]}), collections.defaultdict(None, {1: 2}), collections.defaultdict(int), collections.defaultdict(collections.OrderedDict)],
        "deque": [collections.deque(), collections.deque([1, 2, 3]), collections.deque([1, 2, 3], 2), collections.deque([], 5)],
        "counter": [collections.Counter(), collections.Counter("hello")],
        "wrappers": [collections.ChainMap({1: 2}, {3: 4}), collections.UserDict(a=1), collections.UserList([1, [2]]), collections.UserString("text"), string.Template("$a")],
        "sentinels": [object()],
        "dates": [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(2024, 2, 29)],
        "datetimes": [datetime.datetime(2024, 5, 17, 9, 30, 1, 999999), datetime.datetime(2024, 10, 27, 2, 30, fold=1), datetime.datetime(2024, 1, 1, tzinfo=utc), datetime.datetime(2024, 1, 1, tzinfo=tz), datetime.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Vienna"))],
        "times": [datetime.time(), datetime.time(23, 59, 59, 999999), datetime.time(2, 30, fold=1), datetime.time(1, tzinfo=utc)],
        "deltas": [datetime.timedelta(), datetime.timedelta(-1, 5, 7), datetime.timedelta.max, datetime.timedelta.min],
        "zones": [utc, tz, datetime.timezone(datetime.timedelta(seconds=-1)), zoneinfo.ZoneInfo("America/Port-au-Prince"), zoneinfo.ZoneInfo("Etc/GMT+1"), zoneinfo.ZoneInfo.no_cache("UTC")],
        "decimals": [decimal.Decimal("1.50"), decimal.Decimal("-1E+999"), decimal.Decimal("NaN"), decimal.Decimal("sNaN12"), decimal.Decimal("-Infinity"), decimal.Decimal(0), decimal.Decimal("0E-10"), decimal.Decimal(10) ** 400],
        "contexts": [decimal.Context(prec=5), decimal.Context(rounding=decimal.ROUND_UP, traps=[], flags=[decimal.Inexact]), decimal.ExtendedContext.copy()],
        "fractions": [fractions.Fraction(1, 3), fractions.Fraction(-7), fractions.Fraction(10**100, 3)],
        "uuids": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID(int=2**63), uuid.UUID(int=5, is_safe=uuid.SafeUUID.safe), uuid.UUID(int=5, is_safe=uuid.SafeUUID.unsafe)],
        "random": [random.Random(1), dice],
        "paths": [pathlib.Path("a/b"), pathlib.Path(), pathlib.PurePosixPath("/a"), pathlib.PureWindowsPath("c:\\a\\b"), pathlib.PurePath("x", "y")],
        "addresses": [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"), ipaddress.ip_address("fe80::1%eth0"), ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32"), ipaddress.ip_network("1.2.3.4/32"), ipaddress.ip_interface("10.1.2.3/8"), ipaddress.ip_interface("2001:db8::1/32"), ipaddress.ip_address("::ffff:1.2.3.4")],
        "patterns": [re.compile("a+"), re.compile(rb"b\d", re.I), re.compile("(?P<x>[a-z])", re.I | re.M | re.X), re.compile("(?i)x"), re.compile("a", re.A)],
        "arrays": [array.array(code, [1, 2, 3]) for code in "bBhHiIlLqQfd"] + [array.array("u", "añ☃"), array.array("d"), array.array("Q", [2**64 - 1]), array.array("b", [-128]), array.array("q", [-2**63])],
        "files": [io.StringIO("a\nb"), moved(io.StringIO("a\nb"), 2), io.BytesIO(b"abc"), moved(io.BytesIO(b"abc"), 1)],
        "newlines": [io.StringIO("a\nb", newline="\r\n"), io.StringIO("a\r\nb", newline=None), io.StringIO("a\r\nb", newline=""), io.StringIO("a\nb\n", newline="\r"), io.StringIO()],
        "errors": [ValueError("x"), KeyError(1), Exception(), OSError(2, "no"), FileNotFoundError(2, "no", "f"), OSError("one"), OSError(2, "no", "a", None, "b"), UnicodeDecodeError("utf8", b"x", 0, 1, "bad"), UnicodeEncodeError("ascii", "é", 0, 1, "bad"), UnicodeTranslateError("é", 0, 1, "bad"), SyntaxError("m", ("f", 1, 2, "t")), SyntaxError("m"), ImportError("m", name="n", path="p"), AttributeError("m", name="n"), StopIteration(5), SystemExit(3), KeyboardInterrupt(), BlockingIOError(11, "x"), DeprecationWarning("w")],
        "error_attributes": [raised(ValueError("x"), code=5, data=[1])],
        "library_errors": [subprocess.CalledProcessError(1, ["ls"], b"out", b"err"), subprocess.TimeoutExpired("ls", 5), urllib.error.URLError("why"), socket.gaierror(-2, "unknown"), json.JSONDecodeError("m", "doc\nument", 5)],
        "namespace": [types.SimpleNamespace(), types.SimpleNamespace(a=1, b=[2]), types.SimpleNamespace(lost="socket", reason="why")],
        "members": [re.I, re.I | re.M, uuid.SafeUUID.unknown, uuid.SafeUUID.safe, http.HTTPStatus.OK, signal.SIGINT, signal.SIG_DFL, socket.AF_INET, socket.SOCK_STREAM],
        "iterators": [iter([1, 2]), advanced(iter([1, 2, 3]), 1), advanced(iter((1, 2)), 2), iter("abc"), advanced(iter("añc"), 1), iter(b"ab"), iter(range(5)), advanced(iter(range(5)), 2), iter({1: 2}), iter({3}), enumerate("ab"), advanced(enumerate("ab"), 1), zip([1], [2]), reversed([1, 2, 3]), advanced(reversed([1, 2, 3]), 1)],
        "itertools": [itertools.count(3), itertools.count(1.5, 2), itertools.repeat(4), itertools.repeat(4, 2), itertools.cycle([1, 2]), itertools.islice([1, 2, 3], 2), itertools.islice([1, 2, 3], 1, None, 2), itertools.chain([1], [2]), itertools.product([1, 2], "ab"), itertools.combinations([1, 2, 3], 2), itertools.permutations([1, 2, 3], 2), itertools.compress("ab", [1, 0]), itertools.zip_longest([1], [2, 3])],
        "getters": [operator.itemgetter(1), operator.itemgetter("a", 2), operator.itemgetter(slice(1, 2))],
        "classes": [int, str, list, dict, object, ValueError, datetime.datetime, decimal.Decimal, pathlib.Path, collections.OrderedDict, collections.Counter, uuid.UUID, types.SimpleNamespace, decimal.Inexact],
        "locks": [threading.Lock()],
        "held_lock": [held],
        "references": [kept, weakref.ref(kept)],
        "dead_reference": [weakref.ref(frozenset([2]))],
        "weak_containers": [kept, weakref.WeakValueDictionary(a=kept), weakref.WeakKeyDictionary({kept: 1})],
        "proxies": [types.MappingProxyType({1: [2]}), types.MappingProxyType(ordered)],
        "views": [{1: 2}.keys(), {1: 2}.values(), {1: 2}.items()],
        "long_list": [[f"string {number}" for number in range(600)]],
        "error_cycle": [cycle_of_errors()],
        "aliases": [list[int], dict[str, list[int]], tuple[int, ...]],
    }
    if sys.version_info >= (3, 11):
        d["groups"] = [ExceptionGroup("m", [ValueError(1), ExceptionGroup("n", [KeyError(2)])])]
        d["notes"] = [raised(ValueError("x"), notes=["a", "b"])]
    return d


def dumps(value, pickler):
    return pickle.dumps(value, pickler) if isinstance(pickler, int) else pickler.dumps(value)


def main(folder):
    picklers = {f"protocol_{number}": number for number in range(6)} | {"dill": dill}
    try:
        import cloudpickle

        picklers["cloudpickle"] = cloudpickle
    except ImportError:
        pass
    for label, pickler in picklers.items():
        kept = {}
        for name, value in values().items():
            try:
                dumps(value, pickler)
            except (TypeError, pickle.PicklingError, AttributeError):
                continue  # `pickle` has no lock, no view, and in protocols 0 and 1 no file in memory.
            kept[name] = value
        (pathlib.Path(folder) / f"{label}.pkl").write_bytes(dumps(kept, pickler))


if __name__ == "__main__":
    main(sys.argv[1])
