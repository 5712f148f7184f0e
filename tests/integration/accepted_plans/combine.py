"""Writes pickles into the directory in sys.argv[1] in which each value of `values.py` is used where an object must have
a hash, take weak references, or have a type: as no pickler writes it, because Python could not make it."""

import pathlib
import pickle
import struct
import sys
import warnings

import values

warnings.simplefilter("ignore")


def body(value, protocol):
    """The opcodes that make a value, which fill no slots that others read."""
    return pickle.dumps(value, protocol)[2 if protocol > 1 else 0 : -1]


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def number(value):
    return b"J" + struct.pack("<i", value)


REFERENCE = name("weakref", "ref")
USES = {
    "key": b"}%sNs",
    "member": b"cbuiltins\nset\n(](%setR",
    "frozen": b"(](%se",
    "key_in_tuple": b"}%s\x85Ns",
    "key_in_tuple_call": b"}cbuiltins\ntuple\n(](%setRNs",
    "ordered_key": b"ccollections\nOrderedDict\n)R%sNs",
    "counted": b"ccollections\nCounter\n(}%sK\x01stR",
    "default_key": b"ccollections\ndefaultdict\n(ctypes\nNoneType\ntR%sNs",
    "referred": b"](%s2" + REFERENCE + b"(tRe",
    "reference": REFERENCE + b"(%stR",
    "key_reference": b"}" + REFERENCE + b"(%stRNs",
    "weak_member": name("weakref", "WeakSet") + b")R(%s\x90",
    "weak_key": name("weakref", "WeakKeyDictionary") + b")R%sNs",
    "weak_value": name("weakref", "WeakValueDictionary") + b")RK\x01%ss",
    "proxy": name("types", "MappingProxyType") + b"(%stR",
    "cause": name("builtins", "ValueError") + b")R}X\x09\0\0\0__cause__%ssb",
    "zoned": name("datetime", "datetime") + b"(C\x0a\x07\xe8\x01\x01\0\0\0\0\0\0%stR",
    "iterated": name("builtins", "iter") + b"(%stR",
    "sliced": name("builtins", "slice") + b"(%stR",
    "sliced_twice": name("itertools", "islice") + b"(" + name("builtins", "iter") + b"(](K\x01etRK\x00K\x05%stR",
    "repeated": name("itertools", "repeat") + b"(%stR",
    "paired": name("itertools", "pairwise") + b"(%stR",
    "compressed": name("itertools", "compress") + b"(%stR",
    "combined": name("itertools", "combinations") + b"(%sK\x02tR",
    "chained": name("itertools", "chain.from_iterable") + b"(%stR",
    "extended": name("collections", "deque") + b"(%stR",
    "joined": name("builtins", "set") + b"(%stR",
    "got": name("operator", "itemgetter") + b"(%stR",
    "alias": name("types", "GenericAlias") + name("builtins", "list") + b"%s\x86R",
    "path": name("pathlib", "PurePosixPath") + b"(%stR",
    "number": name("decimal", "Decimal") + b"(%stR",
    "fraction": name("fractions", "Fraction") + b"(%stR",
    "complex": name("builtins", "complex") + b"(%stR",
    "range": name("builtins", "range") + b"(%stR",
    "delta": name("datetime", "timedelta") + b"(%stR",
    "zone": name("datetime", "timezone") + b"(%stR",
    "pattern": name("re", "_compile") + b"(%sK\x00tR",
    "address": name("ipaddress", "IPv4Address") + b"(%stR",
    "unique": name("uuid", "UUID") + b")\x81}X\x03\0\0\0int%ssb",
    "text": name("builtins", "str") + b"(%stR",
    "bytes": name("builtins", "bytes") + b"(%stR",
    "array": name("array", "array") + b"(X\x01\0\0\0i%stR",
    "file": name("io", "StringIO") + b")R(%sX\x00\0\0\0K\x00Ntb",
    "user_list": name("collections", "UserList") + b")\x81}X\x04\0\0\0data%ssb",
    "chain_map": name("collections", "ChainMap") + b")\x81}X\x04\0\0\0maps%ssb",
    "namespace": name("types", "SimpleNamespace") + b")R%sb",
    "os": name("builtins", "OSError") + b"(K\x0bX\x01\0\0\0t%stR",
    "status": name("http", "HTTPStatus") + b"(%stR",
    "context": name("decimal", "Context") + b"(%stR",
}
if sys.version_info >= (3, 11):
    USES["group"] = name("builtins", "ExceptionGroup") + b"(X\x01\0\0\0m](%setR"
EXTRA = {
    "member_name": name("builtins", "getattr") + name("http", "HTTPStatus") + b"X\x04\0\0\0NOPE\x86R",
    "member_of_signals": name("builtins", "getattr") + name("signal", "Signals") + b"X\x06\0\0\0SIGXYZ\x86R",
    "constant": name("signal", "SIGXYZ"),
    "family": name("socket", "AF_NOTHING"),
    "safe": name("builtins", "getattr") + name("uuid", "SafeUUID") + b"X\x04\0\0\0safe\x86R",
    "ok": name("builtins", "getattr") + name("http", "HTTPStatus") + b"X\x02\0\0\0OK\x86R",
    "namespace_key": b"}" + name("types", "SimpleNamespace") + b")RNs",
    "signaling_key": b"}" + name("decimal", "Decimal") + b"(X\x04\0\0\0sNaNtRNs",
    "dead_key": b"}" + REFERENCE + b"(NtRNs",
    "zero_step": name("itertools", "islice") + b"(" + name("builtins", "iter") + b"(](K\x01etRK\x00K\x05K\x00tR",
    "float": b"\x80\x02F1e400\n",
    "negative_float": b"\x80\x02F-1e400\n",
}


def main(folder):
    found = {}
    for group, items in values.values().items():
        for position, value in enumerate(items):
            # One value of each type is enough.
            try:
                found.setdefault(type(value), (f"{group}_{position}", body(value, 3)))
            except Exception:
                pass
    for use, opcodes in USES.items():
        for label, value in found.values():
            (pathlib.Path(folder) / f"{use}-{label}.pkl").write_bytes(opcodes.replace(b"%s", value) + b".")
    for label, opcodes in EXTRA.items():
        (pathlib.Path(folder) / f"extra-{label}.pkl").write_bytes(opcodes + b".")


if __name__ == "__main__":
    main(sys.argv[1])
