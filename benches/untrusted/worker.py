"""Loads honest files as if others had sent them. Runs as a script of snapcli: `snapcli restore ANY worker.py OUT LIST`.

LIST has one line for each file: the path, and the variable to load or nothing. OUT receives one line of JSON for each:
whether the file was loaded without trust, and if so, the first difference from what a trusted load gives.
"""

import json
import math
import signal
import sys
import types
import warnings

import snapcli

# Seconds that one load may take.
TIMEOUT = 20
MAX_DEPTH = 200


class Comparison:
    """The first difference of two objects, by what they would pickle."""

    def __init__(self):
        self.pairs, self.keep = {}, []

    def difference(self, one, two, path="value", depth=0):
        if type(one) is not type(two):
            return f"{path}: {type(one).__name__} is not {type(two).__name__}"
        if isinstance(one, float):
            same = one == two and math.copysign(1, one) == math.copysign(1, two) or one != one and two != two
            return None if same else f"{path}: {one!r} is not {two!r}"
        if one is two or isinstance(one, (int, str, bytes, complex, type, types.ModuleType, types.BuiltinFunctionType)):
            return None if one is two or one == two else f"{path}: {one!r:.80} is not {two!r:.80}"
        # The same object twice must be the same object twice. Dtypes are constants.
        if type(one).__module__ == "numpy.dtypes":
            return self.of_parts(parts(one), parts(two), path, depth + 1)
        if id(one) in self.pairs or depth > MAX_DEPTH:
            same = depth > MAX_DEPTH or self.pairs[id(one)] == id(two)
            return None if same else f"{path}: is not shared in the same way"
        self.pairs[id(one)] = id(two)
        self.keep += [one, two]
        return self.of_parts(parts(one), parts(two), path, depth + 1)

    def of_parts(self, one, two, path, depth):
        if len(one) != len(two):
            return f"{path}: {len(one)} parts are not {len(two)}"
        for (name, first), (_, second) in zip(one, two):
            found = self.difference(first, second, f"{path}{name}", depth)
            if found:
                return found
        return None


def parts(value):
    """The parts of an object, each with its name."""
    if type(value) in (list, tuple):
        return [(f"[{index}]", item) for index, item in enumerate(value)]
    if type(value) is dict:
        # pandas keeps what it has computed in `_cache`.
        items = [(key, item) for key, item in value.items() if key != "_cache"]
        return [part for key, item in items for part in ((".key", key), (f"[{key!r:.40}]", item))]
    if type(value) in (set, frozenset):
        return [("{}", item) for item in sorted(value, key=lambda item: (str(type(item)), repr(item)))]
    if isinstance(value, (bytearray, memoryview)):
        return [("", bytes(value))]
    if type(value).__module__ == "numpy" and type(value).__name__ == "ndarray":
        facts = [value.dtype.str, value.dtype.descr, value.shape, value.flags.writeable, value.flags.f_contiguous]
        contents = value.ravel().tolist() if value.dtype.hasobject else value.tobytes()
        return [(".dtype", value.dtype), (".facts", str(facts)), (".contents", contents)]
    if type(value).__module__ == "numpy" and hasattr(value, "dtype"):
        return [(".dtype", value.dtype), ("", value.tobytes())]
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return [(".name", reduced)]
    names = ("made by", "arguments", "state", "items", "pairs")
    # Iterators of items are read.
    return [(f".{name}", list(part) if name in ("items", "pairs") and part else part)
            for name, part in zip(names, reduced)]


def outcome(path, only):
    wanted = {"only": [only]} if only else {}
    try:
        loaded = snapcli.load_dict(path, **wanted)
    except Exception as error:
        return {"loaded": False, "why": f"{type(error).__name__}: {error}"}
    if only and only not in loaded:
        return {"loaded": False, "why": "the variable is lost"}
    try:
        trusted = snapcli.load_dict(path, trust=True, **wanted)
        # A trusted load of a session brings the names of its module, too.
        trusted = {name: value for name, value in trusted.items() if not name.startswith("__")}
        differs = Comparison().difference(loaded, trusted)
    except Exception as error:
        differs = f"cannot be compared: {type(error).__name__}: {error}"
    return {"loaded": True, "differs": differs}


def timed_out(*_):
    raise TimeoutError(f"takes longer than {TIMEOUT} s")


def run(out, listed):
    signal.signal(signal.SIGALRM, timed_out)
    with open(listed) as file, open(out, "a") as answers:
        for line in file.read().splitlines():
            path, _, only = line.partition("\t")
            signal.alarm(TIMEOUT)
            answer = outcome(path, only)
            signal.alarm(0)
            answers.write(json.dumps({"file": line} | answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run(*sys.argv[1:])
