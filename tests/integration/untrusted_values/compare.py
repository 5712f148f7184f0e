"""Describes values so that two descriptions are equal if the values are the same: types, contents, sharing, order."""

import array
import collections
import datetime
import decimal
import enum
import io
import itertools
import random
import re
import string
import threading
import types
import weakref
import zoneinfo

FILES = (io.StringIO, io.BytesIO)
LOCKS = (type(threading.Lock()), type(threading.RLock()))
ITERATORS = tuple(type(iter(of)) for of in ([], (), "", "é", b"", range(1), range(2**70), {}, set(), reversed([])))
ITERATORS += (enumerate, zip, *(kind for kind in vars(itertools).values() if isinstance(kind, type)))
VIEWS = (type({}.keys()), type({}.values()), type({}.items()))
MEMBERS = ["args", "errno", "strerror", "filename", "filename2", "name", "path", "msg", "value", "code", "start", "end",
           "object", "encoding", "reason", "lineno", "offset", "text", "characters_written", "exceptions",
           "__cause__", "__context__", "__suppress_context__"]


class Describer:
    def __init__(self):
        self.seen, self.kept = {}, []

    def of(self, value):
        if value is None or isinstance(value, (bool, type, enum.Enum)) or value is Ellipsis:
            return repr(value)
        if value is NotImplemented or type(value) in (int, float, complex, str, bytes):
            return type(value).__name__, repr(value)
        if id(value) in self.seen:
            return "again", self.seen[id(value)]
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)
        return f"{type(value).__module__}.{type(value).__qualname__}", *self.parts(value)

    def all(self, values):
        return [self.of(value) for value in values]

    def attributes(self, value):
        return {name: self.of(attribute) for name, attribute in getattr(value, "__dict__", {}).items()}

    def parts(self, value):
        if isinstance(value, (set, frozenset, weakref.WeakSet)):
            return sorted(map(repr, self.all(sorted(value, key=repr)))),
        if isinstance(value, (dict, weakref.WeakValueDictionary, weakref.WeakKeyDictionary, types.MappingProxyType)):
            factory = self.of(getattr(value, "default_factory", None))
            return factory, [(self.of(key), self.of(item)) for key, item in value.items()]
        if isinstance(value, (list, tuple, *VIEWS)):
            return self.all(value),
        if isinstance(value, collections.deque):
            return value.maxlen, self.all(value)
        if isinstance(value, BaseException):
            found = {name: self.of(getattr(value, name)) for name in MEMBERS if hasattr(value, name)}
            return found, self.attributes(value), str(value)
        if isinstance(value, weakref.ref):
            return self.of(value()),
        if isinstance(value, FILES):
            position = value.tell()
            text, rest = value.getvalue(), value.read()
            value.write("\n" if isinstance(value, io.StringIO) else b"\n")
            return repr(text), position, repr(rest), repr(value.getvalue()), self.attributes(value)
        if isinstance(value, LOCKS):
            free = value.acquire(False)
            if free:
                value.release()
            return free,
        if isinstance(value, ITERATORS):
            return self.all(itertools.islice(value, 8)),
        if isinstance(value, zoneinfo.ZoneInfo):
            return value.key, value is zoneinfo.ZoneInfo(value.key)
        if isinstance(value, (datetime.datetime, datetime.time)):
            return repr(value), value.fold, self.of(value.tzinfo)
        if isinstance(value, datetime.timezone):
            return repr(value), value is datetime.timezone.utc
        if isinstance(value, decimal.Decimal):
            return str(value), value.as_tuple()
        if isinstance(value, random.Random):
            return value.getstate(), value.random()
        if isinstance(value, array.array):
            return value.typecode, value.tobytes()
        if isinstance(value, re.Pattern):
            return repr(value.pattern), value.flags
        if isinstance(value, (collections.ChainMap, collections.UserDict, collections.UserList, string.Template)):
            return self.attributes(value),
        if isinstance(value, (collections.UserString, types.SimpleNamespace)):
            return self.attributes(value),
        if type(value) is object:
            return ()
        return repr(value), str(value)


def described(values):
    describer = Describer()
    return {name: describer.of(value) for name, value in values.items()}


def first_difference(found, wanted):
    """The innermost parts at which two descriptions differ."""
    if type(found) is type(wanted) and isinstance(found, dict):
        found, wanted = list(found.items()), list(wanted.items())
    if type(found) is type(wanted) and isinstance(found, (list, tuple)) and len(found) == len(wanted):
        return next(first_difference(*pair) for pair in zip(found, wanted) if pair[0] != pair[1])
    return f"{str(found)[:300]} instead of {str(wanted)[:300]}"


def differences(found, wanted):
    found, wanted = described(found), described(wanted)
    for name in wanted.keys() | found.keys():
        if found.get(name) != wanted.get(name):
            yield f"{name}: {first_difference(found.get(name), wanted.get(name))}"
