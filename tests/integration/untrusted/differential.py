"""Compares an untrusted load with `pickle.load`, for random pickles and for mutated real ones.

Runs under `snapcli save`, which has the module `snapcli`: differential.py SEED COUNT [SECONDS]. For each pickle,
* no unpickler runs during the untrusted load, whatever becomes of it: CPython would raise `pickle.find_class` events;
* a refused pickle has imported, opened and executed nothing;
* a loaded one equals what `pickle.load` makes of it, if that loads it at all;
* its objects can be used: methods fail only where those of the objects of `pickle.load` fail, too.
Prints a JSON summary; the last key, `wrong`, lists what is not so. The current pickle is in a file that the first line
on stderr names, for the case that it crashes the program.
"""

import collections
import faulthandler
import json
import os
import pickle
import pickletools
import random
import re
import resource
import struct
import sys
import tempfile
import time
import warnings

# No files beside the sources.
sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "suites")]
import equal_walk
import honest_values
import object_uses
import peer_process
import snapcli

# Anything that a load might do besides building objects.
WATCHED = ("pickle.find_class", "import", "exec", "open", "compile", "os.", "subprocess.", "socket.", "ctypes.", "shutil.")
# The exceptions of a file that is refused.
REFUSALS = ("RuntimeError", "OSError", "UnpicklingError", "EOFError", "ValueError", "SnapcliError")
MOST_SHOWN = 40
PROTOCOLS = pickle.HIGHEST_PROTOCOL + 1
NOTE = re.compile(r"(, )?'_readonly'")
# The seconds that one pickle may take.
LONGEST = 120
seen = None


def hook(event, arguments):
    if seen is not None and event.startswith(WATCHED):
        seen.append((event, repr(arguments)[:200]))


def describe(value):
    lines = equal_walk.Walk(equal_walk.namespaces()).run(value, "value").lines
    # A note of pandas for itself, which its constructors make and its pickles leave out.
    return [NOTE.sub("", line) for line in lines if "._readonly:" not in line]


def load_untrusted(path):
    """The value and the events of an untrusted load, or the error and the events."""
    global seen
    seen = []
    try:
        result = snapcli.load_dict(path)
    except BaseException as error:
        result = error
    events, seen = seen, None
    # The program itself reads the file that it was told to, and its own source directories.
    return result, [event for event in events if event[1][:len(repr(path)) + 1] != "(" + repr(path)]


def expected(value):
    """What `load_dict` makes of the value of a pickle that has no index."""
    names = isinstance(value, dict) and type(value) is dict and value
    if names and all(type(key) is str and key.isidentifier() and not key.startswith("__") for key in value):
        # The names are put into a new dict.
        return dict(value)
    return {"obj": value}


def real_files():
    files = []
    for value in honest_values.samples():
        for protocol in range(PROTOCOLS):
            try:
                files.append(pickle.dumps(value, protocol))
            except Exception:
                pass
    return files


def pieces(data):
    """A pickle cut into its opcodes."""
    places = [place for *_, place in pickletools.genops(data)] + [len(data)]
    return [data[start:end] for start, end in zip(places, places[1:])]


class Mutator:
    def __init__(self, files, rng):
        self.rng = rng
        self.files = files
        self.cut = []
        for data in files:
            try:
                self.cut.append(pieces(data))
            except Exception:
                pass

    def __call__(self):
        rng = self.rng
        if rng.random() < 0.3:
            data = bytearray(rng.choice(self.files))
            for _ in range(rng.choice((1, 1, 2, 4))):
                data[rng.randrange(len(data))] = rng.choice((rng.randrange(256), 0, 1, 255))
            return bytes(data)
        ops = [op for op in rng.choice(self.cut) if op[:1] != b"\x95"]
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            at = rng.randrange(len(ops))
            other = rng.choice(self.cut)
            change = rng.randrange(6)
            if change == 0:
                del ops[at]
            elif change == 1:
                ops.insert(at, rng.choice(ops))
            elif change == 2:
                ops[at] = rng.choice(other)
            elif change == 3:
                to = rng.randrange(len(ops))
                ops[at], ops[to] = ops[to], ops[at]
            elif change == 4:
                start = rng.randrange(len(other))
                ops[at:at] = other[start:start + rng.randrange(1, 6)]
            else:
                ops.insert(at, b"h" + bytes([rng.randrange(8)]))
            if not ops:
                ops = [b"N"]
        return b"".join(ops)


NAMES = [
    ("builtins", name) for name in "list dict set tuple frozenset bytearray bytes int float complex str range slice".split()
] + [
    ("collections", "OrderedDict"), ("collections", "deque"), ("collections", "defaultdict"), ("collections", "Counter"),
    ("datetime", "timedelta"), ("datetime", "date"), ("decimal", "Decimal"), ("fractions", "Fraction"),
    ("types", "SimpleNamespace"), ("builtins", "ValueError"), ("uuid", "UUID"), ("copyreg", "_reconstructor"),
    ("builtins", "object"), ("_codecs", "encode"), ("pathlib", "PurePosixPath"), ("itertools", "count"),
    # These must be refused.
    ("os", "getcwd"), ("builtins", "eval"), ("builtins", "getattr"), ("subprocess", "Popen"), ("builtins", "type"),
]


def random_program(rng):
    """Opcodes that keep the stack balanced, most of the time."""
    out = [b"\x80\x04"]
    depth, memo = 0, 0

    def push(data):
        nonlocal depth
        out.append(data)
        depth += 1

    def atom():
        kind = rng.randrange(12)
        if kind < 3:
            push(b"K" + bytes([rng.randrange(5)]))
        elif kind < 5:
            text = rng.choice((b"a", b"b", b"self", b"args", b"x1", b"1.5", b"latin1", b"__class__"))
            push(b"\x8c" + bytes([len(text)]) + text)
        elif kind == 5:
            push(b"]")
        elif kind == 6:
            push(b"}")
        elif kind == 7:
            push(b")")
        elif kind == 8:
            push(b"\x8f")
        elif kind == 9:
            push(rng.choice((b"N", b"\x88", b"\x89", b"G" + struct.pack(">d", 1.5))))
        elif kind == 10 and memo:
            push(b"h" + bytes([rng.randrange(memo)]))
        else:
            module, name = rng.choice(NAMES)
            push(f"c{module}\n{name}\n".encode())

    def call():
        nonlocal depth
        module, name = rng.choice(NAMES)
        push(f"c{module}\n{name}\n".encode())
        count = rng.randrange(4)
        for _ in range(count):
            atom()
        out.append([b")", b"\x85", b"\x86", b"\x87"][count])
        depth -= count - 1
        out.append(rng.choice((b"R", b"R", b"\x81")))
        depth -= 1

    for _ in range(rng.randrange(3, 25)):
        step = rng.randrange(14)
        if step < 4 or depth == 0:
            atom()
        elif step < 6:
            call()
        elif step == 6:
            out.append(b"\x94")
            memo += 1
        elif step == 7 and depth >= 2:
            out.append(b"a")
            depth -= 1
        elif step == 8 and depth >= 3:
            out.append(b"s")
            depth -= 2
        elif step == 9:
            out.append(b"(")
            before = depth
            for _ in range(rng.choice((0, 2, 2, 4))):
                atom()
            out.append(rng.choice((b"t", b"l", b"d", b"e", b"u", b"\x90", b"\x91")))
            ends_in_value = out[-1] in (b"t", b"l", b"d", b"\x91")
            depth = before + (1 if ends_in_value else 0)
        elif step == 10 and depth >= 2:
            out.append(b"b")
            depth -= 1
        elif step == 11 and depth >= 2:
            count = rng.randrange(1, min(3, depth) + 1)
            out.append([b"\x85", b"\x86", b"\x87"][count - 1])
            depth -= count - 1
        elif step == 12 and depth >= 2:
            out.append(b"0")
            depth -= 1
        elif step == 13 and depth:
            out.append(b"2")
            depth += 1
    while depth > 1:
        out.append(b"\x86")
        depth -= 1
    return b"".join(out) + b"."


def load_nothing():
    path = os.path.join(tempfile.mkdtemp(), "none.pkl")
    with open(path, "wb") as file:
        file.write(pickle.dumps(None))
    snapcli.load_dict(path)


class Comparison:
    """What was found so far."""

    def __init__(self):
        self.counts = collections.Counter()
        self.reasons = collections.Counter()
        self.wrong = []
        self.peer = peer_process.PeerProcess(of_peer)

    def found(self, what, data, why):
        self.wrong.append((what, data.hex(), why))
        if len(self.wrong) <= MOST_SHOWN:
            print(what, data.hex(), why, file=sys.stderr, flush=True)

    def pickle(self, path, data, kind):
        result, events = load_untrusted(path)
        self.counts[kind] += 1
        if any(event == "pickle.find_class" for event, _ in events):
            self.found("an unpickler ran", data, events[:3])
        if not isinstance(result, BaseException):
            self.counts[kind + " loaded"] += 1
            self.loaded(data, result, kind)
            return
        self.counts[kind + " refused"] += 1
        if type(result).__name__ not in REFUSALS:
            self.found("an odd exception", data, f"{type(result).__name__}: {result}"[:300])
        if events:
            self.found("refused, but it did something", data, events[:3])
        if kind == "honest":
            self.reasons[str(result)[:300]] += 1

    def loaded(self, data, result, kind):
        try:
            right = describe(result)
        except BaseException as error:
            return self.found("cannot be described", data, f"{type(error).__name__}: {error}"[:200])
        # Honest values are there in each protocol.
        is_used = kind != "honest" or self.counts["honest"] % PROTOCOLS == 0
        fails = object_uses.failures(result) if is_used else []
        told = of_peer(data, is_used) if kind == "honest" else self.peer.ask(data)
        if kind != "honest" and (told.get("lines") != right or set(told.get("fails", ())) != set(fails)):
            # An earlier pickle may have changed the other process.
            self.peer.stop()
            told = self.peer.ask(data)
        if "error" in told:
            self.counts["only we load it"] += 1
            self.reasons["pickle: " + told["error"]] += 1
            # There is nothing to compare with, but this error is always one of compiled code.
            fails = [failure for failure in fails if "SystemError" in failure]
        elif told["lines"] != right:
            self.found("differs", data, equal_walk.first_difference(told["lines"], right))
        fails = [failure for failure in fails if failure not in told.get("fails", ())]
        if fails:
            self.found("fails when it is used", data, fails[:3])


def of_peer(data, uses=True):
    """What `pickle.load` makes of a pickle, as lines, and what fails when that is used; or why it makes nothing."""
    try:
        peer = expected(pickle.loads(data))
        lines = describe(peer)
    except BaseException as error:
        return {"error": str(error)[:80]}
    return {"lines": lines, "fails": object_uses.failures(peer) if uses else []}


def inputs(seed, count, files):
    rng = random.Random(seed)
    mutate = Mutator(files, rng)
    if seed == 0:
        yield from ((data, "honest") for data in files)
    for _ in range(count):
        yield (random_program(rng), "random") if rng.random() < 0.4 else (mutate(), "mutated")


def main(seed, count, seconds=None):
    warnings.simplefilter("ignore")
    # AddressSanitizer reserves more addresses than any limit.
    if "ASAN_OPTIONS" not in os.environ:
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    # What the program imports at its first load, whatever the file is.
    load_nothing()
    sys.addaudithook(hook)
    path = os.path.join(tempfile.mkdtemp(), "input.pkl")
    print("input:", path, file=sys.stderr, flush=True)
    end = seconds and time.monotonic() + seconds
    comparison = Comparison()
    for data, kind in inputs(seed, count, real_files()):
        if end and time.monotonic() > end:
            break
        with open(path, "wb") as file:
            file.write(data)
        faulthandler.dump_traceback_later(LONGEST, exit=True)
        comparison.pickle(path, data, kind)
        faulthandler.cancel_dump_traceback_later()
    wrong, reasons = comparison.wrong, comparison.reasons.most_common(40)
    summary = {"counts": comparison.counts, "reasons": reasons, "wrong": wrong[:MOST_SHOWN], "found": len(wrong)}
    print(json.dumps(summary))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
