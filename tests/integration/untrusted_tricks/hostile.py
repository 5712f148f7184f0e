"""Writes pickles that try to show a reader another value than CPython's unpickler sees, or to make it work for hours.

`key_*`: a dict with a key that only Python can compute. `late_*`: a container that changes after an opcode has read it.
`slow_*`: a short file that stands for a great deal of work. `fine_*`: honest files that look like those.
"""

import collections
import decimal
import io
import pickle
import struct
import types
import uuid

import joblib
import numpy
import pandas


def text(string):
    data = string.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module, attribute):
    return text(module) + text(attribute) + b"\x93"


def call(module, attribute, arguments):
    return name(module, attribute) + b"(" + arguments + b"tR"


def new(module, attribute):
    return name(module, attribute) + b")\x81"


def number(value):
    return b"J" + struct.pack("<i", value)


def dtype(code, flags=0, order="<"):
    simple = call("numpy", "dtype", text(code) + b"\x89\x88")
    return simple + b"(K\x03" + text(order) + b"NNN" + number(-1) * 2 + b"K" + bytes([flags]) + b"tb"


def save(file, opcodes):
    with open(file + ".pkl", "wb") as output:
        output.write(b"\x80\x04" + opcodes + b".")


# A key that is a string for Python, and the result of a call for everybody else.


def computed(string):
    """Three ways."""
    yield call("builtins", "str", text(string))
    yield call("numpy.core.multiarray", "scalar", dtype(f"U{len(string)}") + utf_32(string))
    yield call("builtins", "str", b"V" + string.encode() + b"\n")


def utf_32(string):
    data = string.encode("utf-32-le")
    return b"B" + struct.pack("<I", len(data)) + data


SYSTEM = b"0" + name("posix", "system") + text("echo > canary") + b"\x85R."


def wrapper(state):
    return new("joblib.numpy_pickle", "NumpyArrayWrapper") + state + b"b"


def described(shape, order=text("C"), more=b""):
    return (
        b"}("
        + (text("subclass") + name("numpy", "ndarray") + text("shape") + shape + text("order") + order)
        + (text("dtype") + dtype("u1", order="|") + text("allow_mmap") + b"\x88")
        + (text("numpy_array_alignment_bytes") + b"K\x10" + more + b"u")
    )


def mersenne(entries, more=b""):
    """A RandomState whose inner state has these additional entries."""
    made = call("numpy.core.multiarray", "_reconstruct", name("numpy", "ndarray") + b"K\x00\x85C\x01b")
    made += b"(K\x01" + number(624) + b"\x85" + dtype("u4") + b"\x89B" + struct.pack("<I", 2496) + b"1" * 2496 + b"tb"
    inner = b"}(" + text("key") + made + text("pos") + b"K\x05" + entries + b"u"
    outer = b"}(" + text("bit_generator") + text("MT19937") + text("state") + inner + text("has_gauss") + b"K\x00"
    outer += text("gauss") + b"G" + bytes(8) + more + b"u"
    return call("numpy.random._pickle", "__randomstate_ctor", text("MT19937")) + outer + b"b"


def session(names):
    return call("dill._dill", "_import_module", text("__main__")) + b"}(" + names + b"ub"


def imports(key):
    rows = b"](" + text("evil") + text("evil") + b"\x86e"
    return key("__dill_imported_top_level") + rows + key("__dill_imported") + b"]" + key("__dill_imported_as") + b"]"


for way in range(3):

    def key(string, way=way):
        return list(computed(string))[way]

    padded = b"\x01\xff" + SYSTEM
    shape = b"K" + bytes([len(SYSTEM)]) + b"\x85"
    save(f"key_joblib_{way}", b"]" + wrapper(described(shape, more=key("shape") + b"K\x00\x85")) + padded + b"a")
    save(f"key_session_{way}", session(imports(key)))
    save(f"key_random_{way}", mersenne(key("pos") + number(1 << 30)))
    save(f"key_gauss_{way}", mersenne(b"", key("has_gauss") + b"K\x07"))
    save(f"key_uuid_{way}", new("uuid", "UUID") + b"}(" + text("int") + b"K\x01" + key("int") + b"K\x02ub")
    save(f"key_space_{way}", call("types", "SimpleNamespace", b"") + b"}(" + text("a") + b"K\x01" + key("a") + b"K\x02ub")
    save(f"key_error_{way}", call("builtins", "ValueError", b"") + b"}(" + text("a") + b"K\x01" + key("a") + b"K\x02ub")
    kwargs = b"}(" + key("a") + b"K\x01u"
    save(f"key_keyword_{way}", name("types", "SimpleNamespace") + b")" + kwargs + b"\x92")
    i4 = dtype("i4") + b"K\x00\x86"
    record = call("numpy", "dtype", text("V8") + b"\x89\x88") + b"(K\x03" + text("|") + b"N" + text("a") + b"\x85}("
    record += text("a") + i4 + key("a") + i4 + b"u" + b"K\x08K\x01K\x10tb"
    save(f"key_record_{way}", record)

# The same key twice: readers that look from the front see another value than Python.
save("key_twice_random", mersenne(text("pos") + number(6)))
save("key_twice_uuid", new("uuid", "UUID") + b"}(" + text("int") + b"K\x01" + b"U\x03int" + b"K\x02ub")

# A dict, put into slot 9, that an object reads, and what is added to it afterwards.


def late(container, build, change):
    return b"(" + container + b"q\x090" + build + b"h\x09" + change + b"0t"


one = b"}" + text("a") + b"K\x01s"
two = text("a") + b"K\x02s"
data = bytes(range(16))
objects = {
    "space": (one, call("types", "SimpleNamespace", b"") + b"h\x09b", two),
    "error": (one, call("builtins", "ValueError", b"") + b"h\x09b", two),
    "file": (one, new("_io", "BytesIO") + b"(C\x01xK\x00h\x09tb", two),
    "uuid": (b"}" + text("int") + b"K\x01s", new("uuid", "UUID") + b"h\x09b", text("int") + b"K\x02s"),
    "user": (b"}" + text("data") + b"}s", new("collections", "UserDict") + b"h\x09b", text("data") + b"}K\x02K\x02ss"),
    "group": (
        b"](" + call("builtins", "ValueError", b"") + b"e",
        call("builtins", "ExceptionGroup", text("m") + b"h\x09"),
        call("builtins", "KeyError", b"") + b"a",
    ),
    "numbers": (b"](K\x01K\x02e", call("array", "array", text("i") + b"h\x09"), b"K\x03a"),
    "record": (
        b"}" + text("a") + dtype("i4") + b"K\x00\x86s",
        call("numpy", "dtype", text("V8") + b"\x89\x88")
        + (b"(K\x03" + text("|") + b"N" + text("a") + b"\x85h\x09K\x08K\x01K\x10tb"),
        text("a") + dtype("f4") + b"K\x04\x86s",
    ),
    "array_order": (
        described(b"K\x02K\x02\x86", text("C")),
        wrapper(b"h\x09") + b"\x01\xff" + data[:4],
        text("order") + text("F") + b"s",
    ),
    "array_shape": (
        described(b"K\x10\x85"),
        wrapper(b"h\x09") + b"\x01\xff" + data,
        text("shape") + b"K\x04K\x04\x86s",
    ),
}
for what, (container, build, change) in objects.items():
    save(f"late_{what}", late(container, build, change))
# Between REDUCE and BUILD: the call has read the list, and BUILD reads only the state.
list_of_errors = b"](" + call("builtins", "ValueError", b"") + b"e"
group = call("builtins", "ExceptionGroup", text("m") + b"h\x09") + b"h\x09" + call("builtins", "KeyError", b"") + b"a0"
save("late_before_state", b"(" + list_of_errors + b"q\x090" + group + b"}" + text("a") + b"K\x01sbt")
# Between REDUCE and PUT.
members = b"](K\x01e" + b"q\x090" + call("builtins", "set", b"h\x09") + b"h\x09K\x02a0" + b"q\x0a"
save("late_before_put_of_call", b"(" + members + b"t")
# Between BUILD and PUT, which is the last opcode of an object.
space = call("types", "SimpleNamespace", b"") + b"h\x09b" + b"h\x09" + two + b"0" + b"q\x0a"
save("late_before_put", b"(" + one + b"q\x090" + space + b"t")
save("late_session", session(text("x") + b"K\x01")[:-2] + b"uq\x07" + b"b" + b"h\x07" + text("y") + b"K\x02s0")

# Long arguments that many calls share.
MEGA = 1_000_000


def many(count, first, second, more=b""):
    """A list of `count` calls of the same callee with the same arguments."""
    return b"](" + first + b"q\x000" + second + b"q\x010" + (b"h\x00h\x01R" + more) * count + b"e"


bools = dtype("b1", order="|")
length = struct.pack("<I", MEGA)
frombuffer = name("numpy._core.numeric", "_frombuffer")
save("slow_bools", many(200_000, frombuffer, b"(B" + length + bytes(MEGA) + bools + number(MEGA) + b"\x85" + text("C") + b"t"))
pairs = call("numpy", "dtype", text("V2") + b"\x89\x88") + b"(K\x03" + text("|") + b"N(" + text("a") + text("b") + b"t}("
pairs += text("a") + bools + b"K\x00\x86" + text("b") + bools + b"K\x01\x86" + b"uK\x02K\x01K\x10tb"
save("slow_pairs", many(200_000, frombuffer, b"(B" + length + bytes(MEGA) + pairs + number(MEGA // 2) + b"\x85" + text("C") + b"t"))
shared = name("numpy", "ndarray") + b"q\x000(" + number(MEGA) + b"\x85" + bools + b"B" + length + bytes(MEGA) + b"K\x00K\x01\x85tq\x010"
save("slow_shared", b"](" + shared + b"h\x00h\x01\x81" * 100_000 + b"e")
for kind in ["combinations", "permutations", "combinations_with_replacement"]:
    save(f"slow_{kind}", many(20_000, name("itertools", kind), b"(K\x01\x85" + number(100_000) + b"t"))
save("slow_product", many(20_000, name("itertools", "product"), b"((" + b"N" * 100_000 + b"tt"))
long_key = b"\x8b" + struct.pack("<i", MEGA) + b"\x11" * MEGA
save("slow_key", b"](" + long_key + b"q\x000" + b"}h\x00Ns" * 200_000 + b"e")
short_key = b"\x8b" + struct.pack("<i", 400_000) + b"\x11" * 400_000
save("slow_short_key", b"](" + short_key + b"q\x000" + b"}h\x00Ns" * 200_000 + b"e")
save("slow_set_key", b"](" + long_key + b"q\x000" + b"(h\x00\x91" * 200_000 + b"e")
fields = range(20_000)
columns = b"(" + b"".join(text(f"f{field}") for field in fields) + b"t"
columns += b"}(" + b"".join(text(f"f{field}") + b"h\x05" + number(field) + b"\x86" for field in fields) + b"u"
structure = b"q\x050" + name("numpy", "dtype") + b"q\x000(" + text("V20000") + b"\x89\x88tq\x010(K\x03" + text("|") + b"N" + columns
structure += number(20_000) + b"K\x01K\x10tq\x020"
save("slow_structure", b"](" + dtype("i1", order="|") + structure + b"h\x00h\x01Rh\x02b" * 5000 + b"e")


def strings(joined, count, calls):
    """Arrays of the strings of one list."""
    first = name("numpy.core.multiarray", "_reconstruct") + b"q\x000(" + name("numpy", "ndarray") + b"K\x00\x85C\x01btq\x010"
    made = call("builtins", "str.split", text(joined) + text(","))
    state = b"(K\x01" + number(count) + b"\x85" + dtype("O8", 63, "|") + b"\x89" + made + b"tq\x020"
    return b"](" + first + state + b"h\x00h\x01Rh\x02b" * calls + b"e"


save("slow_strings", strings("," * (MEGA - 1), MEGA, 3000))
save("slow_wrong_strings", strings("," * (MEGA - 1), 999, 100_000))
save("slow_few_strings", strings("," * 99_999, 100_000, 12_000))
save("slow_arguments", many(100_000, name("builtins", "object"), b"(" + b"N" * MEGA + b"t"))
save("slow_error_arguments", many(20_000, name("builtins", "UnicodeDecodeError"), b"(" + b"N" * MEGA + b"t", b"}b"))
many_attributes = b"}(" + b"".join(text(f"a{field}") + b"N" for field in range(20_000)) + b"uq\x020"
save("slow_attributes", b"](" + many_attributes + name("types", "SimpleNamespace") + b"q\x000" + b"h\x00)Rh\x02b" * 20_000 + b"e")
# Lines, whose ends must be searched for.
line = b"V" + b"a" * 100_000 + b"\n"
save("slow_line_argument", many(100_000, name("numpy", "dtype"), b"(" + line + b"\x89\x88t"))
save("slow_line_key", b"](" + b"}" + line + b"Nsq\x020" + name("uuid", "UUID") + b"q\x000" + b"h\x00)\x81h\x02b" * 100_000 + b"e")
save("slow_line_number", b"](" + b"I" + b"0" * 100_000 + b"1\nq\x000" + b"}h\x00Ns" * 200_000 + b"e")
save("slow_enumeration", many(100_000, name("http", "HTTPStatus"), b"(I" + b"0" * 4000 + b"200\nt"))


def forged(count):
    """Hashes that fall into one place of a table with the hash function of rustc-hash."""
    inverse = pow(0xF1357AEA2E62A9C5, -1, 1 << 64)
    number = 0
    while count:
        target = (0x11 << 57) | (number << 26)
        number += 1
        rotated = ((target >> 26) | (target << 38)) & (2**64 - 1)
        found = (rotated * inverse) & (2**64 - 1)
        found -= (found >> 63) << 64
        if -(2**61 - 1) < found < 2**61 - 1 and found != -1:
            count -= 1
            yield b"\x8a\x08" + struct.pack("<q", found)


keys = list(forged(150_000))
save("slow_set", b"\x8f(" + b"".join(keys) + b"\x90")
save("slow_dict", b"}(" + b"".join(key + b"N" for key in keys) + b"u")
save("slow_frozenset", b"(" + b"".join(keys) + b"\x91")

# Numbers that collide in the hash tables of pandas, as categories and as labels.
low = numpy.arange(200_000, dtype=numpy.int64)
colliding = (((low ^ (low << 11)) & 0xFFFFFFFF) << 33) | low
mark = numpy.arange(200_000, dtype=numpy.int64) + 7_777_777


def forge(value, file):
    opcodes = pickle.dumps(value, 4)
    assert mark.tobytes() in opcodes, file
    with open(file + ".pkl", "wb") as output:
        output.write(opcodes.replace(mark.tobytes(), colliding.tobytes()))


codes = numpy.zeros(3, dtype="i4")
forge(pandas.Categorical.from_codes(codes, dtype=pandas.CategoricalDtype(pandas.Index(mark))), "slow_categories")
forge(pandas.CategoricalDtype(pandas.Index(mark.view("M8[ns]"))), "slow_category_times")
forge(pandas.Series(codes[:1].repeat(200_000), index=mark).set_flags(allows_duplicate_labels=False), "slow_labels")
forge(pandas.DataFrame({"a": 1}, index=mark).set_flags(allows_duplicate_labels=False), "slow_frame_labels")

# Honest files that look like those above.
loop = collections.UserList()
loop.data = [loop]
cause, effect = ValueError("a"), KeyError("b")
cause.__context__, effect.__context__ = effect, cause
itself = types.SimpleNamespace(a=1)
itself.me = itself
held = collections.UserDict({1: 2})
holder = [held, held.data]
holder.append(holder)
growing = []
growing.append(types.SimpleNamespace(all=growing, iterator=iter(growing)))
times = pandas.date_range("2020", periods=3, tz="UTC")
honest = {
    "loop": loop,
    "errors": [cause, effect],
    "itself": itself,
    "holder": holder,
    "growing": growing,
    "file": io.BytesIO(b"abc"),
    "uuid": uuid.uuid4(),
    "random": [numpy.random.RandomState(1), numpy.random.default_rng(1)],
    "records": numpy.zeros(3, dtype=[("a", "i4"), ("b", "?"), ("c", "U3")]),
    "bools": numpy.ones(1000, dtype=bool),
    "strings": numpy.array(["a", "b", None] * 100, dtype=object),
    "numbers": {decimal.Decimal(number): number for number in range(100)},
    "categories": pandas.DataFrame(
        {
            "numbers": pandas.Categorical([3, 1, 2], categories=[3, 2, 1], ordered=True),
            "times": pandas.Categorical(times),
            "words": pandas.Categorical(["a", None, "b"]),
            "floats": pandas.Categorical([0.5, 0.25, 0.5]),
            "bools": pandas.Categorical([True, False, True]),
            "ranges": pandas.cut([1, 5, 9], 3),
            "periods": pandas.Categorical(times.tz_localize(None).to_period("D")),
        }
    ),
    "flagged": [
        pandas.Series([1, 2], index=["a", "b"]).set_flags(allows_duplicate_labels=False),
        pandas.Series([1, 2]).set_flags(allows_duplicate_labels=False),
        pandas.DataFrame(
            {"a": [1, 2]}, index=pandas.MultiIndex.from_product([["x"], [1, 2]])
        ).set_flags(allows_duplicate_labels=False),
    ],
}
for what, value in honest.items():
    for protocol in (2, 4, 5):
        with open(f"fine_{what}_{protocol}.pkl", "wb") as output:
            pickle.dump(value, output, protocol)
joblib.dump({"a": numpy.arange(10), "b": numpy.asfortranarray(numpy.ones((2, 3)))}, "fine_joblib.pkl")
