# A session of variables that share objects, with fuses (fuses.py) everywhere: in lists, keys, members, attributes, slots,
# state, reduce arguments, cells, defaults, classes, arrays, and after large objects. Run as part of a script.
import collections
import functools

import numpy

import fuses

common = [1, "two", 3.0]
common.append(common)
text = "a text that is shared" * 3
first = fuses.Fuse("first", common)
large = [bytes(70_000), numpy.arange(200_000.0), {"common": common, "text": text}]


class Plain:
    pass


class Slotted:
    __slots__ = ("left", "right")


class Marked:
    mark = fuses.Fuse("mark")
    also = common


in_list = [common, [text, [fuses.Fuse("list", text), first]], large[1]]
in_dict = {"common": common, "large": large, "fuse": fuses.State("dict", common)}
in_key = {("key", fuses.Fuse("key")): text, fuses.Fuse("second key"): common}
in_set = {1, "two", fuses.Fuse("set")}
in_frozenset = frozenset({fuses.Fuse("frozenset", common)})
attributes = Plain()
attributes.common, attributes.fuse, attributes.itself = common, fuses.State("attribute"), attributes
slots = Slotted()
slots.left, slots.right = attributes, fuses.Fuse("slot", in_list)
instance = Marked()
instance.text = text
items = fuses.Items("items", [common, text, slots, fuses.Fuse("item"), large])
pairs = fuses.Pairs("pairs", {"common": common, "more": [1, 2]})
ordered = collections.OrderedDict([("a", common), ("b", fuses.Fuse("ordered"))])
called = functools.partial(print, common, fuse=fuses.Fuse("partial"))
objects = numpy.array([None, common, fuses.Fuse("object"), text], dtype=object)
rows = numpy.arange(1000.0).view(fuses.Rows)
cut_off = [numpy.arange(300_000), bytearray(200_000), rows, fuses.Fuse("end")]


def plain(x=text):
    return x, common


def with_default(x=fuses.State("default", common)):
    return x


def closure(held, other):
    def inner():
        return held, other

    return inner


with_cell = closure(fuses.Fuse("cell"), common)
with_plain_cell = closure(common, large)
method = fuses.Fuse("method", in_set).__reduce_ex__
last = [common, text, first, large, with_plain_cell, Plain, fuses.Fuse("last")]
