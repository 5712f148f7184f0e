"""Writes a file of many small objects, and checks what was restored from it."""

import datetime
import decimal
import fractions
import pickle
import sys
import types
import uuid

COUNT = 200_000
START = datetime.datetime(2000, 1, 31, 23, 59)


def dates(count=COUNT):
    return [datetime.date(1900, 1, 1) + datetime.timedelta(days=number % 60_000) for number in range(count)]


def times(count=COUNT):
    zone = datetime.timezone(datetime.timedelta(hours=2))
    made = [START + datetime.timedelta(seconds=77 * number, microseconds=number) for number in range(count)]
    made += [START.replace(tzinfo=zone), START.replace(fold=1), START.replace(tzinfo=zone, fold=1)]
    return made + [START.time(), START.time().replace(fold=1, tzinfo=zone)]


def frame():
    import pandas

    return pandas.DataFrame({"date": dates(150_000), "x": range(150_000)})


def scalars():
    import numpy

    return [numpy.int64(number) for number in range(COUNT)]


def arrays():
    import numpy

    return [numpy.array(number) for number in range(100_000)]


def tree():
    root = types.SimpleNamespace(parent=None, children=[])
    for number in range(3000):
        root.children.append(types.SimpleNamespace(parent=root, number=number, children=[]))
    return root


KINDS = {
    "dates": dates,
    "times": times,
    "decimals": lambda: [decimal.Decimal(number) / 7 for number in range(COUNT)],
    "fractions": lambda: [fractions.Fraction(number, 7919) for number in range(COUNT)],
    "scalars": scalars,
    "uuids": lambda: [uuid.UUID(int=(number + 1) * 0x1234_5678_9ABC_DEF0_1234_5678) for number in range(150_000)],
    "tuples": lambda: [()] * 1_000_000,
    "old_dates": dates,
    "lists": lambda: [[] for _ in range(1_000_000)],
    "dicts": lambda: [{} for _ in range(1_000_000)],
    "sets": lambda: [set() for _ in range(1_000_000)],
    "arrays": arrays,
    "frame": frame,
    "records": lambda: [
        {"id": number, "name": f"n{number}", "on": day, "at": START + datetime.timedelta(seconds=number)}
        for number, day in enumerate(dates(80_000))
    ],
    "tree": tree,
}


def check(kind, names):
    """Compares the restored variable with a new one."""
    restored, expected = names["value"], KINDS[kind]()
    if kind == "frame":
        assert restored.equals(expected) and type(restored["date"][0]) is datetime.date
    elif kind == "tree":
        assert all(one.parent is restored and one.number == at for at, one in enumerate(restored.children))
    else:
        assert restored == expected
        if kind in ("lists", "dicts", "sets"):
            assert len(set(map(id, restored))) == len(restored)
        folds = [[getattr(one, "fold", 0) for one in value[-5:]] for value in (restored, expected)]
        assert folds[0] == folds[1] and type(restored[0]) is type(expected[0])


if __name__ == "__main__":
    with open("many.pkl", "wb") as file:
        pickle.dump({"value": KINDS[sys.argv[1]]()}, file, protocol=2 if sys.argv[1] == "old_dates" else 4)
