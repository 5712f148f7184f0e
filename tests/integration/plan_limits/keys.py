"""Writes dicts and sets: `refused_…` have thousands of keys with one hash, `plain_…` as many keys of the same kinds."""

import datetime
import decimal
import fractions
import ipaddress
import itertools
import pathlib
import pickle
import re
import sys
import types
import uuid

COUNT = 3_000
# More than may have one hash, for keys that are slow to make.
FEW = 1_100
MODULUS = 2**61 - 1
UTC = datetime.timezone.utc
DAY = datetime.datetime(2020, 1, 1, 12)


def colliding():
    large = [5 + number * MODULUS for number in range(1, COUNT)]
    yield "uuids", [uuid.UUID(int=number) for number in large]
    yield "decimals", [decimal.Decimal(f"{number}.50") for number in large]
    yield "fractions", [fractions.Fraction(-number, 11) for number in large]
    yield "complex", [complex(-1000003 * number, number) for number in range(1, COUNT)]
    yield "ranges", [range(number, number + 10, 2) for number in large]
    yield "tuples", [(number, "x") for number in large]
    yield "with_none", [(None, number) for number in large]
    yield "with_text", [("abc" * 100, number) for number in large]
    yield "with_uuids", [(uuid.UUID(int=number), 1) for number in large]
    yield "with_paths", [(pathlib.PurePosixPath("a/b"), number) for number in large]
    yield "with_dates", [(datetime.date(2020, 1, 1), number) for number in large]
    zones = [datetime.timezone(datetime.timedelta(minutes=minutes)) for minutes in range(-300, 300)]
    moment = DAY.replace(tzinfo=UTC)
    yield "with_zones", [(moment.astimezone(zones[at % len(zones)]), number) for at, number in enumerate(large)]
    yield "with_floats", [(0.5 * 2.0 ** (61 * (at % 16)), number) for at, number in enumerate(large)]
    yield "frozensets", [frozenset([number, "a"]) for number in large]
    yield "nested", [((frozenset([number]),), 0) for number in large]
    yield "addresses", [ipaddress.IPv6Address(number) for number in large]
    yield "networks", [ipaddress.IPv6Network(number) for number in large]
    yield "interfaces", [ipaddress.IPv6Interface((number, 0)) for number in large]
    yield "aliases", [types.GenericAlias(list, (number,)) for number in large]
    masks = [ipaddress.IPv4Network((((2**32 - 1) << (32 - length)) % 2**32, length)) for length in range(33)]
    yield "masks", [key for key in itertools.product(masks, repeat=3)][:FEW]
    yield "text_and_bytes", [frozenset([f"\xe9{at}", f"\xe9{at}".encode("latin-1")]) for at in range(FEW)]
    yield "wide_and_bytes", [frozenset([f"\u0101{at}", f"\u0101{at}".encode("utf-16-le")]) for at in range(FEW)]
    snakes = [f"\U0001f40d{at}" for at in range(FEW)]
    yield "wider_and_bytes", [frozenset([snake, snake.encode("utf-32-le")]) for snake in snakes]
    yield "none_or_zero", [frozenset([("", at), (0, at)]) for at in range(FEW)]
    yield "hexadecimal", [frozenset([ipaddress.IPv4Address(at), hex(at)]) for at in range(FEW)]
    yield "hosts", [frozenset([ipaddress.IPv4Network((at, 32)), at ^ 0xFFFFFFFF]) for at in range(FEW)]
    path = pathlib.PurePosixPath
    parts = (lambda at: f"d/p{at}") if sys.version_info >= (3, 12) else (lambda at: ("d", f"p{at}"))
    yield "paths_and_parts", [frozenset([path(f"d/p{at}"), parts(at)]) for at in range(FEW)]
    days = [datetime.date(1, 1, 1) + datetime.timedelta(at) for at in range(FEW)]
    yield "dates_and_bytes", [frozenset([day, day.__reduce__()[1][0]]) for day in days]
    moments = [DAY.replace(tzinfo=UTC) + datetime.timedelta(minutes=at) for at in range(FEW)]
    first = datetime.datetime(1, 1, 1, tzinfo=UTC)
    yield "moments_and_spans", [frozenset([moment, moment - first + datetime.timedelta(1)]) for moment in moments]
    spans = [datetime.timedelta(at, 5, 6) for at in range(FEW)]
    yield "spans_and_tuples", [frozenset([span, (span.days, 5, 6)]) for span in spans]
    yield "mixed", [decimal.Decimal(number) if number % 2 else number for number in large]


def different(count):
    yield "uuids", [uuid.UUID(int=number**9 * 7919 % 2**128) for number in range(count)]
    yield "decimals", [decimal.Decimal(number).scaleb(-2) for number in range(count)]
    yield "fractions", [fractions.Fraction(number, 7) for number in range(count)]
    yield "complex", [complex(number, number % 7) for number in range(count)]
    yield "ranges", [range(number, number + 5) for number in range(count)]
    yield "datetimes", [DAY + datetime.timedelta(minutes=number) for number in range(count)]
    yield "moments", [DAY.replace(tzinfo=UTC) + datetime.timedelta(minutes=number) for number in range(count)]
    yield "dates", [datetime.date(1, 1, 1) + datetime.timedelta(number) for number in range(count)]
    yield "spans", [datetime.timedelta(seconds=number) for number in range(count)]
    yield "paths", [pathlib.PurePosixPath("a", str(number)) for number in range(count)]
    yield "with_paths", [(pathlib.PurePosixPath("a", str(number)), 1) for number in range(count)]
    yield "with_dates", [(DAY + datetime.timedelta(minutes=number), "a") for number in range(count)]
    yield "bytes", [b"%d" % number for number in range(count)]
    yield "frozensets", [frozenset([number, number + 1, str(number)]) for number in range(count)]
    yield "addresses", [ipaddress.IPv4Address(number) for number in range(count)]
    yield "networks", [ipaddress.IPv4Network((number << 8, 24)) for number in range(count)]
    yield "frozensets_of_paths", [frozenset(map(pathlib.PurePosixPath, ["a", str(number)])) for number in range(count)]
    yield "frozensets_of_dates", [frozenset([DAY, DAY + datetime.timedelta(number + 1)]) for number in range(count)]
    yield "frozensets_of_text", [frozenset([f"\xe9{number}", b"%d" % number, None]) for number in range(count)]
    yield "patterns", [re.compile(f"a{number}+") for number in range(count)]


for prefix, groups in (("refused", colliding()), ("plain", different(COUNT))):
    for number, (name, keys) in enumerate(groups):
        if prefix == "refused":
            assert len(set(map(hash, keys))) == 1, name
        # Keys of a dict and members of a set go through the same check.
        protocol, value = (4, set(keys)) if number % 2 else (2, dict.fromkeys(keys, 0))
        with open(f"{sys.argv[1]}/{prefix}_{name}_{protocol}.pkl", "wb") as file:
            pickle.dump({"x": value}, file, protocol)
