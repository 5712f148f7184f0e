"""What sessions hold besides data: functions and classes of the script, and instances of them. Files of others may not
load these, so the count should stay at zero."""

import dataclasses
import enum


class Point:
    def __init__(self, x):
        self.x = x


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Run:
    name: str
    score: float = 0.0


def double(number):
    return 2 * number


VALUES = {
    "function": double,
    "function_class": Point,
    "instance": Point(3),
    "member": Colour.RED,
    "data_instance": Run("a"),
    "closure": (lambda n: lambda: n)(3),
}
