import collections
import numpy as np


class Node:
    def __init__(self, **rest):
        self.__dict__.update(rest)


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left, self.right = left, right


owner_list = [[1, 2], {"a": [3]}, (4, [5])]
from_list = {"inner": owner_list[0], "deep": owner_list[1]["a"]}
owner_dict = {"items": [owner_list[2][1], from_list], "array": np.arange(20_000.0), "small": np.arange(4)}
from_dict = [owner_dict["items"], owner_dict["array"], owner_dict["small"]]
owner_node = Node(children=[Node(name="leaf"), Slotted([6], from_list["inner"])])
owner_node.children[0].parent = owner_node
from_node = (owner_node.children[0], owner_node.children[1].left)
by_key = collections.OrderedDict([("x", owner_node.children[1]), ("y", [7])])
counts = collections.defaultdict(list, {"k": [by_key["y"]]})
cycle = [8]
cycle.append({"cycle": cycle, "tuple": (cycle, counts["k"])})
part_of_cycle = cycle[1]
in_set = {("member", 9), frozenset([10])}
of_set = sorted(in_set, key=str)


def outer():
    state = [11]

    def add(value, into=from_list["deep"]):
        state.append(value)
        return state, into

    def read():
        return state

    return add, read


add, read = outer()
both = [add, read, add(12)[0]]
method = owner_node.children[0].__init__
plain = 13
