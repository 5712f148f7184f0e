"""Writes pickles that must be refused: calls with arguments that never end, lead out of a directory, or run code."""

import codecs
import collections
import decimal
import fractions
import ipaddress
import itertools
import os
import pickle
import re
import types
import zoneinfo


class Reduce:
    """Is pickled as a call."""

    def __init__(self, function, *arguments, state=None):
        self.parts = function, arguments, state

    def __reduce__(self):
        return self.parts


def wide(depth):
    made = (1,)
    for _ in range(depth):
        made = made, made
    return made


HOSTILE = {
    "exponent": Reduce(decimal.Decimal, "1e99999999"),
    "fraction": Reduce(fractions.Fraction, "1e99999999"),
    "endless": Reduce(list, Reduce(itertools.count)),
    "network": Reduce(list, ipaddress.ip_network("::/0")),
    "factory": Reduce(collections.defaultdict, os.system),
    "attribute": Reduce(types.SimpleNamespace, state={"__class__": 1}),
    "traceback": Reduce(ValueError, state={"__traceback__": 1}),
    "debug": Reduce(re._compile, "a", 128),
    "zone": Reduce(zoneinfo.ZoneInfo, "../../etc/passwd"),
    "codec": Reduce(codecs.encode, b"x", "quopri"),
    "colliding": Reduce(set, [number * (2**61 - 1) for number in range(60_000)]),
    "wide": Reduce(OSError, wide(60), "x"),
    "deep": Reduce(slice, Reduce(slice, Reduce(slice, 1))),
    "getter": Reduce(getattr, dict, "fromkeys"),
}

for name, value in HOSTILE.items():
    for protocol in (0, 2, 4):
        with open(f"{name}-{protocol}.pkl", "wb") as file:
            file.write(pickle.dumps(value, protocol))
