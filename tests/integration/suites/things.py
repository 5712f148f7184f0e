# Classes and functions for random graphs (graphs.py), in addition to the built-in types. Imported as a module, they are
# saved by name; run as part of a script, they belong to the script and are saved with their code.
import dataclasses


class Plain:
    pass


class Tagged:
    """Compared by identity; its tag defines its order in a set."""

    def __init__(self, tag):
        self.tag = tag

    def method(self):
        return self.tag


class Slotted:
    __slots__ = ("left", "right")


class Both(Slotted):
    """Has slots, attributes in a `__dict__`, and a class attribute."""

    shared = [1, 2]


@dataclasses.dataclass
class Record:
    first: object
    second: object


class Stateful:
    def __init__(self, value):
        self.value = value

    def __getstate__(self):
        return [self.value]

    def __setstate__(self, state):
        self.value = state[0]


def set_state(made, state):
    made.value = state[0]


class Reduced(list):
    """A `__reduce__` with four items."""

    def __init__(self, value=None):
        self.value = value

    def __reduce__(self):
        return Reduced, (), {"value": self.value}, iter(self)


class Filled(dict):
    """A `__reduce__` with six items."""

    def __init__(self, value=None):
        self.value = value

    def __reduce__(self):
        return Filled, (), (self.value,), None, iter(self.items()), set_state


class Keyworded:
    """Made with keyword arguments. `value` is not one of them, because it may refer to this object."""

    def __new__(cls, value=None, *, scale=1):
        made = super().__new__(cls)
        made.scale = scale
        return made

    def __init__(self, value=None, *, scale=1):
        self.value = value

    def __getnewargs_ex__(self):
        return (), {"scale": self.scale}


class Row(list):
    pass


class Table(dict):
    pass


class Group(set):
    pass


class Pair(tuple):
    pass


class Word(str):
    pass


class Number(int):
    pass


def function(x=(1, 2), *rest, flag=None):
    return x


def closure(held, default):
    # The default must not refer to the function: dill cannot save that.
    def inner(more=default):
        return held, more

    return inner
