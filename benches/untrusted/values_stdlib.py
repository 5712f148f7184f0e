"""Values of the standard library."""

import array
import calendar
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import http
import ipaddress
import itertools
import operator
import pathlib
import random
import re
import signal
import statistics
import string
import textwrap
import time
import types
import uuid
import zoneinfo

utc = datetime.timezone.utc
oslo = zoneinfo.ZoneInfo("Europe/Oslo")
chain_map = collections.ChainMap({"a": 1}, {"b": 2})
ordered = collections.OrderedDict([("b", 1), ("a", 2)])
nested_default = collections.defaultdict(list, {"x": [1, 2]})

VALUES = {
    "ordered": ordered,
    "ordered_nested": collections.OrderedDict(x=collections.OrderedDict(y=ordered)),
    "counter": collections.Counter("hello"),
    "default_of_list": nested_default,
    "default_of_int": collections.defaultdict(int, a=1),
    "default_of_set": collections.defaultdict(set, a={1}),
    "default_of_dict": collections.defaultdict(dict, a={"b": 1}),
    "default_of_nothing": collections.defaultdict(None, {"a": 1}),
    "deque": collections.deque([1, 2, 3]),
    "bounded_deque": collections.deque([1, 2], maxlen=5),
    "chain_map": chain_map,
    "user_dict": collections.UserDict(a=1),
    "user_list": collections.UserList([1, 2]),
    "user_string": collections.UserString("abc"),
    "namespace": types.SimpleNamespace(a=1, b=[2]),
    "mapping_proxy": types.MappingProxyType({"a": 1}),
    "date": datetime.date(2026, 11, 28),
    "times": [datetime.time(1, 2, 3, 4), datetime.time(1, 2, tzinfo=utc)],
    "moment": datetime.datetime(2026, 11, 28, 1, 2, 3, 4),
    "moment_in_utc": datetime.datetime(2026, 11, 28, tzinfo=utc),
    "moment_in_oslo": datetime.datetime(2026, 11, 28, tzinfo=oslo),
    "fold": datetime.datetime(2026, 10, 25, 2, 30, tzinfo=oslo, fold=1),
    "delta": datetime.timedelta(days=-1, seconds=5, microseconds=7),
    "zones": [utc, datetime.timezone(datetime.timedelta(hours=2), "X")],
    "zone": oslo,
    "decimal": [decimal.Decimal("1.10"), decimal.Decimal("NaN"), decimal.Decimal("-Infinity"), decimal.Decimal("1e50")],
    "fraction": fractions.Fraction(-3, 4),
    "uuid": uuid.UUID(int=5),
    "uuid_3": uuid.uuid3(uuid.NAMESPACE_DNS, "x"),
    "paths": [pathlib.PurePosixPath("/a/b"), pathlib.Path("c/d"), pathlib.PureWindowsPath("C:/x")],
    "pattern": re.compile("a+", re.I | re.S),
    "byte_pattern": re.compile(b"a+"),
    "flags": [re.I, re.I | re.M],
    "addresses": [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")],
    "networks": [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_interface("10.0.0.1/8"), ipaddress.ip_network("fe80::/10")],
    "enum_members": [http.HTTPStatus.OK, signal.SIGINT, calendar.MONDAY, http.HTTPStatus.NOT_FOUND],
    "struct_time": time.gmtime(0),
    "array_of_doubles": array.array("d", [1.5, 2.5]),
    "array_of_ints": array.array("q", range(100)),
    "array_of_text": array.array("u", "abc"),
    "random": random.Random(5),
    "random_state": random.Random(6).getstate(),
    "normal": statistics.NormalDist(1, 2),
    "iterators": [iter([1, 2, 3]), iter((1, 2)), iter(range(3)), iter({"a": 1}), enumerate([1, 2])],
    "counting": itertools.count(3),
    "repeating": itertools.repeat("x", 3),
    "mapping_iterator": zip([1, 2], [3, 4]),
    "reversed_list": reversed([1, 2, 3]),
    "item_getter": operator.itemgetter(1),
    "attribute_getter": operator.attrgetter("a.b"),
    "partial_int": functools.partial(int, base=2),
    "partial_sorted": functools.partial(sorted, reverse=True),
    "key_of_compare": types.SimpleNamespace(f=operator.add),
    "template": string.Template("$a"),
    "wrapper": textwrap.TextWrapper(width=40),
    "alias": list[int],
    "union": int | None,
    "missing_field": dataclasses.MISSING.__class__.__name__,
    "rounding": decimal.ROUND_HALF_UP,
    "context": decimal.Context(prec=5),
    "module": collections,
    "function_by_name": [operator.add, math_function] if (math_function := getattr(operator, "mul", None)) else [],
    "unique": enum.unique,
}
