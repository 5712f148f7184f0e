"""Writes files of joblib with arrays of objects: `plain_…` are honest, `refused_…` call `mylib.run` in a reader other
than today's joblib, which takes a part of an array for opcodes. Each of those is tried: `mylib` notes the call."""

import datetime
import decimal
import io
import os
import pickle
import pickletools
import sys

import joblib
import numpy

with open("mylib.py", "w") as module:
    module.write("import os\ndef run(*args): open(os.environ['CANARY'], 'a').write('x'); return args\ndtype = run\n")
sys.path.insert(0, ".")


def dumped(value):
    out = io.BytesIO()
    joblib.dump(value, out)
    return out.getvalue()


def slots_of(data, *strings):
    """The memo slots of some strings in the pickle before the first array."""
    slots, memo, last = {}, 0, None
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "MEMOIZE":
            if last in strings:
                slots.setdefault(last, memo)
            memo += 1
        if opcode.name == "BUILD":
            return [slots[string] for string in strings]
        last = argument if "UNICODE" in opcode.name else None


def text(string):
    return b"\x8c" + bytes([len(string)]) + string.encode()


def misread(value, changed, module="mylib", name="run"):
    """The file of a dict with these names as strings before an array of objects, whose `numpy.dtype` is found by GETs:
    in a memo of its own it is that, and in the memo of the file it is `mylib.run`."""
    data = dumped({"a": module, "b": name, "o": value})
    at, own = slots_of(data, module, name)
    nested = pickle.dumps(value, 5)
    start = data.index(nested[:2] + b"\x95", 20)
    body = nested[11:]
    filled = [b"x"] * (max(at, own) + 1)
    filled[at], filled[own] = b"numpy", b"dtype"
    head = b"".join(text(part.decode()) + b"\x940" for part in filled)
    # The GETs of the pickle itself move by the slots that are filled before.
    moved = b"".join(
        b"h" + bytes([argument + len(filled)]) if opcode.name == "BINGET" else body[position - 11 : end - 11]
        for opcode, argument, position, end in spans(nested)
        if position >= 11
    )
    found = b"h" + bytes([3 + len(filled)]) + text("dtype") + b"\x94\x93"
    assert moved.count(found) == 1
    moved = moved.replace(found, changed(at, own))
    return data[:start] + b"\x80\x05" + head + moved + data[end_of(data, start) :]


def spans(data):
    ops = list(pickletools.genops(data))
    ends = [position for _, _, position in ops[1:]] + [len(data)]
    return [(opcode, argument, position, end) for (opcode, argument, position), end in zip(ops, ends)]


def end_of(data, start):
    stream = io.BytesIO(data[start:])
    pickle.load(stream)
    return start + stream.tell()


value = numpy.array([1, "a", None, ("b", 2)], dtype=object)


def by_gets(at, own):
    # A string more, which the replaced name was in the memo.
    return b"h" + bytes([at]) + b"h" + bytes([own]) + b"\x93" + text("x") + b"\x940"


files = {"refused_gets.pkl": misread(value, by_gets)}
# joblib before 1.2 takes the last bytes of a padded array for opcodes, here after an array of objects.
tail = b"cmylib\nrun\n)R."
for length in range(40):
    array = numpy.frombuffer(b"N" * 50 + tail, "u1")
    data = dumped({"k" * (length + 1): value, "padded": array})
    start = data.index(array.tobytes())
    padding = len(data[:start]) - len(data[:start].rstrip(b"\xff"))
    if data[start - padding - 1] == padding and padding + 1 >= len(tail):
        files["refused_old.pkl"] = data
        break

for name, data in files.items():
    with open(name, "wb") as file:
        file.write(data)
    # Today's joblib loads it as it is.
    assert (joblib.load(name).get("o", joblib.load(name).get("k" * (length + 1))) == value).all(), name
    print(name)

# `pickle.load` calls it.
os.environ["CANARY"] = "canary"
try:
    pickle.load(open("refused_gets.pkl", "rb"))
except pickle.UnpicklingError:
    pass
assert open("canary").read()

honest = {
    "bare": value,
    "dict": {"city": value, "other": value},
    "named": {"numpy": "numpy", "dtype": "dtype", "a": value},
    "first": ["numpy", "os", "x", value],
    "nested": {"a": {"b": [value, {"c": value}]}},
    "dates": {"when": numpy.array([datetime.datetime(2020, 1, 1), decimal.Decimal("1.5")] * 9, dtype=object)},
    "mixed": [value, numpy.arange(9.0), value, numpy.arange(40, dtype="u1")],
    "arrays": {"of": numpy.array([numpy.arange(3), numpy.arange(4)], dtype=object)},
}
honest.update({f"strings_{n}": {f"key{i}": "word" for i in range(n)} | {"o": value} for n in range(1, 9)})
honest.update({f"list_{n}": [f"word{i}" for i in range(n)] + [value, value] for n in range(1, 9)})
for name, thing in honest.items():
    joblib.dump(thing, f"plain_{name}.pkl")
