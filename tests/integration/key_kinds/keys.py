"""Writes dicts and sets of keys of many kinds: `refused_…` have thousands with one hash, `plain_…` have as many of the
same kinds with different hashes."""

import datetime
import decimal
import fractions
import itertools
import pickle
import sys
import uuid
import zoneinfo

COUNT = 2_500
MODULUS = 2**61 - 1
ZONES = "Paris Berlin Rome Madrid Vienna Brussels Amsterdam Prague Warsaw Budapest Zurich Oslo Stockholm Copenhagen"


def folded():
    """The hour that clocks repeat: such times of two zones are never equal, and have one hash if they are one moment."""
    zones = [zoneinfo.ZoneInfo("Europe/" + name) for name in ZONES.split()]
    return [datetime.datetime(2020, 10, 25, 2, 30, tzinfo=zone) for zone in zones]


def cross_kinds():
    makers = [
        int,
        decimal.Decimal,
        lambda number: fractions.Fraction(number, 3),
        lambda number: uuid.UUID(int=number),
    ]
    for number in range(1, COUNT):
        yield makers[number % 4](number * MODULUS)
        yield complex(-1000003 * number, number)


def colliding():
    zoned = list(itertools.product(folded(), repeat=3))
    yield "zones", zoned
    yield "zones_and_numbers", [(moments[:2], number * MODULUS) for number, moments in enumerate(zoned, 1)]
    yield "zones_in_sets", [frozenset([number * MODULUS, zoned[0][0]]) for number in range(1, COUNT)]
    yield "cross_kinds", list(cross_kinds())
    yield "cross_kinds_in_tuples", [(key, "a") for key in cross_kinds()]
    yield "times_of_day", [(datetime.time(2, 30, tzinfo=datetime.timezone.utc), n * MODULUS) for n in range(1, COUNT)]


def of_libraries():
    import numpy
    import pandas

    numbers = [number * MODULUS for number in range(1, COUNT)]
    yield "timestamps", [(pandas.Timestamp(2020, 1, 1), number) for number in numbers]
    yield "zoned_timestamps", [(pandas.Timestamp(2020, 1, 1, tz="Europe/Rome"), number) for number in numbers]
    yield "timedeltas", [(pandas.Timedelta(1, "s"), number) for number in numbers]
    yield "periods", [(pandas.Period("2020-01", "M"), number) for number in numbers]
    yield "intervals", [(pandas.Interval(1, 2), number) for number in numbers]
    yield "numpy_complex", [numpy.complex128(complex(-1000003 * number, number)) for number in range(1, COUNT)]
    yield "numpy_numbers", [(numpy.int64(7), numpy.float32(0.5), number) for number in numbers]
    yield "numpy_text", [(numpy.str_("abc"), number) for number in numbers]


def different():
    zoned = [moment.replace(month=1) for moment in folded()]
    moments = [zoned[hour % len(zoned)] + datetime.timedelta(hours=7 * hour) for hour in range(COUNT)]
    yield "zones", moments
    yield "cross_kinds", [make(number) for number in range(1, COUNT) for make in (str, decimal.Decimal)]
    yield "times_of_day", [datetime.time(n // 60 % 24, n % 60, n // 1440) for n in range(COUNT)]


def different_of_libraries():
    import numpy
    import pandas

    yield "timestamps", list(pandas.date_range("2020-01-01", periods=COUNT, freq="h"))
    yield "zoned_timestamps", list(pandas.date_range("2020-01-01", periods=COUNT, freq="h", tz="Europe/Rome"))
    yield "intervals", [pandas.Interval(number, number + 1) for number in range(COUNT)]
    yield "numpy_numbers", [numpy.int64(number) for number in range(COUNT)]


GROUPS = {"dill": (colliding, different), "full": (of_libraries, different_of_libraries)}
for prefix, groups in zip(("refused", "plain"), GROUPS[sys.argv[1]]):
    for name, keys in groups():
        if prefix == "refused":
            assert len(set(map(hash, keys))) == 1, name
            assert keys[0] != keys[1] and len(keys) > 2_000, name
        for protocol in (2, 4):
            with open(f"{prefix}_{name}_{protocol}.pkl", "wb") as file:
                pickle.dump({"x": dict.fromkeys(keys, 0)}, file, protocol)
