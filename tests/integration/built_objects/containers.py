"""Writes pickles of containers and single values in all protocols into the directory in sys.argv[1]."""
import os
import pickle
import sys

import dill


def cycles():
    items = []
    pair = (items, "x")
    items.append(pair)
    items.append(items)
    table = {"list": items, "pair": pair}
    table["self"] = table
    items.append(table)
    return {"items": items, "pair": pair, "table": table}


def deep(depth):
    value = None
    for turn in range(depth):
        value = [value] if turn % 2 else (value, {"d": turn})
    return value


shared = ["shared"]
text = "text that is memoized"
OBJECTS = {
    "numbers": [0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, 2**63, -(2**63) - 1, 10**50],
    "floats": [0.0, -0.0, 1.5, 1e300, float("inf"), float("-inf"), 5e-324],
    "strings": ["", "a", "é", "\ud800", "x\udcffy", "\U0001f600", "a\nb\\", "n" * 300, "m" * 70000],
    "others": [None, True, False, (), [], {}, ...],
    "nested": {"a": [1, (2, {"b": [3, (4, 5, 6, 7)]})], 3: {(1, 2): "x", (): "y"}},
    "shared": [shared, shared, {"again": shared}, text, text, (text, shared)],
    "keys": {1: "int", 1.5: "float", None: "none", True: "replaces 1", (1, "a"): "tuple", "s": "str"},
    "cycles": cycles(),
    "pair": cycles()["pair"],
    "deep": deep(300),
    "records": [{"id": number, "name": f"name {number}", "pair": (number, number / 2)} for number in range(2000)],
    "wide": list(range(3000)),
    "modules": {"dill": None, "os": None},
}

directory = sys.argv[1]
sys.setrecursionlimit(10000)
for name, value in OBJECTS.items():
    for protocol in range(6):
        # In Python, as the C pickler of 3.10 cannot be told how deep it may recurse.
        with open(os.path.join(directory, f"{name}.{protocol}.pkl"), "wb") as file:
            pickle.dump(value, file, protocol)
    with open(os.path.join(directory, f"{name}.dill.pkl"), "wb") as file:
        dill.dump(value, file)
    if name != "modules":
        with open(os.path.join(directory, f"{name}.fast.pkl"), "wb") as file:
            pickler = pickle._Pickler(file, 4)
            pickler.dump(value)
