"""Sorted collections, some with keys."""

from sortedcontainers import SortedDict, SortedKeyList, SortedList, SortedSet

numbers = SortedList([3, 1, 2])
by_length = SortedKeyList(["ccc", "a", "bb"], key=len)
table = SortedDict({"b": 2, "a": 1})
names = SortedSet(["x", "y", "x"], key=lambda name: -ord(name))

CHECKS = {
    "numbers": "list(numbers), numbers.bisect(2), type(numbers).__name__",
    "by_length": "list(by_length), by_length.bisect_key_left(2), by_length.key('four')",
    "table": "list(table.items()), table.peekitem(0)",
    "names": "list(names), names.index('x'), names.key('a')",
}
