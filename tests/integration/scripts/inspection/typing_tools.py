# Dataclasses, enums, named tuples and type hints look their names up in the script's module.
import collections
import dataclasses
import enum
import typing


@dataclasses.dataclass
class Node:
    value: "int"
    next: "typing.Optional[Node]" = None


class Colour(enum.Enum):
    RED = 1


Pair = collections.namedtuple("Pair", "left right")
Number = typing.NewType("Number", int)
print(typing.get_type_hints(Node), Node(1, Node(2)), Colour.RED, repr(Colour.RED), Pair(1, 2))
print(Pair.__module__, Number.__module__, Colour.__module__, typing.TypeVar("T").__module__)
