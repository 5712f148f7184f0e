"""Writes pickles of deep and cyclic graphs, which pickle itself cannot write. Each has the name of its answer."""

import pathlib
import struct
import sys

DEFAULT_DICT = b"ccollections\ndefaultdict\n(cbuiltins\nlist\ntR"
DTYPE = b"cnumpy\ndtype\n(X\x02\0\0\0O8\x89\x88tR(K\x03X\x01\0\0\0|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tbr\x40\x42\x0f\x000"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR(K\x01(K\x01tj\x40\x42\x0f\x00\x89]"
# The dtype of objects is in slot 1,000,000.
NAMESPACE = b"ctypes\nSimpleNamespace\n)R}X\x01\0\0\0a"
ERROR = b"cbuiltins\nOSError\n)R}X\x09\0\0\0__cause__"


def nested(before, after, count, inner=b"N"):
    return before * count + inner + after * count


def graph(start, count, leads_to):
    """Objects in slots, each of which then gets those that it leads to."""
    made = b"".join(start + b"r" + struct.pack("<I", number) for number in range(count))
    get = lambda number: b"j" + struct.pack("<I", number)
    edges = b"".join(
        get(number) + b"(" + b"".join(b"K" + bytes([key]) + get(other) for key, other in enumerate(leads_to(number))) + b"u0"
        for number in range(count)
    )
    return b"(" + made + b"l" + edges


def grid(side):
    def neighbours(number):
        row, column = divmod(number, side)
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            yield (row + down) % side * side + (column + right) % side

    return neighbours


def ring(count):
    return lambda number: ((number + 1) % count, (number - 1) % count)


FILES = {
    "plain_lists": nested(b"]", b"a", 300_000),
    "plain_tuples": nested(b"", b"\x85", 300_000),
    "plain_dicts": nested(b"}K\x01", b"s", 300_000),
    "plain_namespaces": nested(NAMESPACE, b"sb", 50_000),
    "plain_deques": nested(b"ccollections\ndeque\n)R", b"a", 16_000),
    "plain_defaultdicts": nested(DEFAULT_DICT + b"K\x01", b"s", 4_000),
    "plain_defaultdicts_in_lists": nested(DEFAULT_DICT + b"K\x01]", b"as", 4_000),
    "plain_errors": nested(ERROR, b"sb", 1_000, b"cbuiltins\nOSError\n)R"),
    "plain_ring": graph(DEFAULT_DICT, 4_000, ring(4_000)),
    "plain_grid_of_dicts": graph(b"}", 24_025, grid(155)),
    "plain_hub": b"]q\x00" + (DEFAULT_DICT + b"K\x01h\x00sa") * 20_000,
    "refused_deques": nested(b"ccollections\ndeque\n)R", b"a", 24_000),
    "refused_defaultdicts": nested(DEFAULT_DICT + b"K\x01", b"s", 24_000),
    "refused_defaultdicts_in_lists": nested(DEFAULT_DICT + b"K\x01]", b"as", 24_000),
    "refused_errors": nested(ERROR, b"sb", 24_000, b"cbuiltins\nOSError\n)R"),
    "refused_ring": graph(DEFAULT_DICT, 24_000, ring(24_000)),
    "refused_grid": graph(DEFAULT_DICT, 24_025, grid(155)),
}
ARRAYS = {
    "plain_arrays": DTYPE + nested(ARRAY, b"atb", 1_000),
    "plain_arrays_in_lists": DTYPE + nested(ARRAY + b"]", b"aatb", 1_000),
    "plain_arrays_and_their_list": DTYPE + b"]q\x00" + (ARRAY + b"h\x00atba") * 3_000,
    "refused_arrays": DTYPE + nested(ARRAY, b"atb", 10_000),
    "refused_arrays_in_lists": DTYPE + nested(ARRAY + b"]", b"aatb", 10_000),
}

for name, pickle in (FILES | ARRAYS).items():
    pathlib.Path(sys.argv[1], name + ".pkl").write_bytes(b"\x80\x04}X\x01\0\0\0x" + pickle + b"s.")
