"""Writes hostile pickles into the directory in sys.argv[1]: none of them may be loaded from a file of somebody else."""
import os
import pickle
import struct
import sys


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def text(value):
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def long(number):
    encoded = pickle.encode_long(number)
    return b"\x8a" + bytes([len(encoded)]) + encoded


MODULUS = 2**61 - 1
colliding = [number * MODULUS + 5 for number in range(3000)]
system = name("posix", "system") + b"(" + text("touch " + sys.argv[2]) + b"tR"
PROGRAMS = {
    # Calls, also of what is dropped or only in the memo.
    "call": system,
    "popped": system + b"0N",
    "memo": system + b"q\x000N",
    "in an unused tuple": b"(" + system + b"t0N",
    "in an unused dict": b"}" + text("a") + system + b"s0N",
    "import": name("antigravity", "geohash"),
    "unused import": name("antigravity", "geohash") + b"0N",
    "import by its module": name("dill._dill", "_import_module") + b"(" + text("antigravity") + b"tR",
    "instance": b"(" + text("touch " + sys.argv[2]) + b"iposix\nsystem\n",
    "object": b"(" + name("posix", "system") + text("touch " + sys.argv[2]) + b"o",
    # Changes to what the pickle has not made, or has finished.
    "a module gets a state": name("dill._dill", "_import_module") + b"(" + text("sys") + b"tR}" + text("path") + b"]sb",
    "a tuple gets items": b"(K\x01t(K\x02e",
    "a string gets a state": text("a") + b"}b",
    "a list gets a state": b"]}" + text("a") + b"K\x01sb",
    "a dict gets items of a list": b"}(K\x01e",
    "a class gets items": name("collections", "OrderedDict") + text("a") + b"K\x01s",
    # What only a program can resolve.
    "persistent ID": b"Pid\n",
    "persistent object": text("a") + b"Q",
    "extension": b"\x82\x01",
    "buffer": b"\x97",
    "read-only buffer": b"\x96" + struct.pack("<Q", 3) + b"abc\x98",
    # What takes long to hash, or cannot be hashed.
    "wide key": b"}K\x01\x85" + b"2\x86" * 60 + b"Ns",
    "wide member": b"\x8f(K\x01\x85" + b"2\x86" * 60 + b"\x90",
    "wide member of a frozenset": b"(K\x01\x85" + b"2\x86" * 60 + b"\x91",
    "deep key": b"}K\x01" + b"\x85" * 100000 + b"Ns",
    "list as a key": b"}]Ns",
    "bytearray as a member": b"\x8f(\x96" + struct.pack("<Q", 1) + b"a\x90",
    "colliding keys": b"}(" + b"".join(long(number) + b"N" for number in colliding) + b"u",
    "colliding members": b"\x8f(" + b"".join(map(long, colliding)) + b"\x90",
    "colliding members of a frozenset": b"(" + b"".join(map(long, colliding)) + b"\x91",
    # A frame that ends within an opcode, and one within another.
    "crossed frame": b"\x95" + struct.pack("<Q", 3) + text("abc"),
    "frame in a frame": b"\x95" + struct.pack("<Q", 20) + b"N0\x95" + struct.pack("<Q", 3) + b"N0N0N0" + b"N0" * 10 + b"N",
}

directory = sys.argv[1]
for number, (what, opcodes) in enumerate(PROGRAMS.items()):
    with open(os.path.join(directory, f"{what}.pkl"), "wb") as file:
        file.write(b"\x80\x05" + opcodes + b".")
# Pickles after the first one.
for what, rest in {
    "second pickle": b"\x80\x05" + system + b".",
    "second pickle without a header": system + b".",
    "second pickle that fails": system + b"R.",
    "third pickle": b"N.N." + system + b".",
}.items():
    with open(os.path.join(directory, f"{what}.pkl"), "wb") as file:
        file.write(b"\x80\x05N." + rest)
