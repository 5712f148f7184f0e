"""Writes pickles whose arrays lie outside of their buffers, or whose buffers are changed later."""

import pickle
import struct


def u8(n):
    return b"\x8a\x08" + struct.pack("<q", n)


def items(numbers):
    return b"(" + b"".join(u8(n) for n in numbers) + b"t"


def dtype(code):
    state = b"(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    if code == "O":
        state = b"(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    size = b"O8" if code == "O" else code.encode()
    return b"cnumpy\ndtype\n\x8c" + bytes([len(size)]) + size + b"\x89\x88\x87R" + state


NDARRAY = b"cnumpy\nndarray\n"
BUFFER = b"\x96" + struct.pack("<Q", 64) + bytes(64)


def array(shape, code, buffer, offset, strides):
    return NDARRAY + b"(" + items(shape) + dtype(code) + buffer + u8(offset) + items(strides) + b"t\x81"


def write(name, body):
    with open(name + ".pkl", "wb") as file:
        file.write(b"\x80\x05}\x8c\x01x" + body + b"s.")


write("right", array([8], "f8", BUFFER, 0, [8]))
write("right_view", b"(" + array([8], "f8", BUFFER, 0, [8]) + b"\x94" + array([2], "f8", b"h\x00", 16, [-8]) + b"l")
bad = {
    "too_long": array([9], "f8", BUFFER, 0, [8]),
    "too_far": array([2], "f8", BUFFER, 0, [1 << 40]),
    "before": array([2], "f8", BUFFER, 0, [-8]),
    "overflow": array([(1 << 61) + 1], "f8", BUFFER, 0, [8]),
    "overflow_of_sums": array([3, 3], "f8", BUFFER, 0, [(1 << 62), (1 << 62)]),
    "negative": array([-2], "f8", BUFFER, 0, [8]),
    "offset": array([1], "f8", BUFFER, 60, [8]),
    "objects": array([8], "O", BUFFER, 0, [8]),
    "no_strides": NDARRAY + b"(" + items([8]) + dtype("f8") + BUFFER + u8(0) + b"Nt\x81",
    "keywords": NDARRAY + items([8]) + b"\x85}\x8c\x06buffer" + BUFFER + b"s\x92",
    # A first array that is right does not vouch for a second one.
    "second": b"(" + array([8], "f8", BUFFER, 0, [8]) + array([9], "f8", BUFFER, 0, [8]) + b"l",
    # The buffer is emptied after the array was made.
    "resized": b"(" + BUFFER + b"\x940" + array([8], "f8", b"h\x00", 0, [8]) + b"h\x00(" + b"K\x01" * 9 + b"el",
    # The base of a view gets other memory.
    "second_state": b"("
    + array([8], "f8", BUFFER, 0, [8])
    + b"\x94"
    + array([8], "f8", b"h\x00", 0, [8])
    + b"h\x00(K\x01"
    + items([1])
    + dtype("f8")
    + b"\x89C\x08AAAAAAAAtbl",
}
for name, body in bad.items():
    write(name, body)
print(" ".join(bad))
