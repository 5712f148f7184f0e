# What random graphs (graphs.py) are made of beside the built-in types. A module, whose classes and functions are saved
# by name; run as part of a script, the same are that script's own, and saved with their code.
import dataclasses


class Plain:
    pass


class Tagged:
    """Told from others by its identity, and by its tag when its set is put in order."""

    def __init__(self, tag):
        self.tag = tag

    def method(self):
        return self.tag


class Slotted:
    __slots__ = ("left", "right")


class Both(Slotted):
    """With slots, and attributes of its own, and a class attribute."""

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
    """A reduce of four items."""

    def __init__(self, value=None):
        self.value = value

    def __reduce__(self):
        return Reduced, (), {"value": self.value}, iter(self)


class Filled(dict):
    """A reduce of six items."""

    def __init__(self, value=None):
        self.value = value

    def __reduce__(self):
        return Filled, (), (self.value,), None, iter(self.items()), set_state


class Keyworded:
    """Made with keywords, which `value` is not one of as that could refer to this."""

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
    # What the default holds must not hold the function: that is beyond dill.
    def inner(more=default):
        return held, more

    return inner
