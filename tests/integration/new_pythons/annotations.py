# Annotations in 3.14 and later: in all places, evaluated or not.
import dataclasses
import enum
import functools
import typing

calls = []


def log(value):
    calls.append(value)
    return value


def plain(x: Absent, *rest: log("rest"), key: "quoted" = 1) -> list[Absent]:
    return x


def evaluated(x: int, y: log("evaluated")):
    return x


evaluated.__annotations__


def changed(x: int):
    return x


changed.__annotations__["x"] = str
changed.__annotations__["extra"] = [1]


def replaced(x: Absent):
    return x


replaced.__annotations__ = {"x": "replaced"}


def given(x: Absent):
    return x


given.__annotate__ = lambda format: {"x": "given"}


def emptied(x: Absent):
    return x


emptied.__annotate__ = None


@functools.wraps(plain)
def wrapper(*rest):
    return rest


def outer():
    local = 3

    def inner(a: local, b: unbound):
        return a

    class Local:
        field: local
        own: Local

        def method(self, other: Local, value: field) -> "Local":
            return self

    if calls is None:
        unbound = 1
    return inner, Local


inner, Local = outer()
_Private = typing.NewType("_Private", int)


def with_private(x: _Private):
    return x


class Plain:
    a: Absent
    size = 4
    Inner = dict
    if calls is not None:
        conditional: int
    if calls is None:
        never: Absent

    def method(self, x: Inner, y: size, z: Absent.z) -> Plain:
        return x

    @property
    def value(self) -> Absent:
        return 5

    @classmethod
    def made(cls, x: Absent):
        return cls()

    @staticmethod
    def static(x: Absent):
        return x


class Evaluated:
    a: int
    b: Plain
    c: Evaluated


Evaluated.__annotations__


class Given:
    pass


Given.__annotations__ = {"a": "given"}


@dataclasses.dataclass
class Data:
    a: Absent
    b: list[Absent] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Slotted:
    a: Absent
    b: int = 2

    def method(self, x: Absent, y: b):
        return super().__repr__()


@dataclasses.dataclass(slots=True)
class SlottedChild(Slotted):
    c: Absent = 3

    def other(self, x: Absent):
        return super().method(x, 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrozenData:
    a: Absent


class Named(typing.NamedTuple):
    a: int
    b: Absent = 2


class Typed(typing.TypedDict):
    a: int
    b: Absent


class Protocol(typing.Protocol):
    x: Absent

    def method(self, x: Absent) -> Absent: ...


class Color(enum.Enum):
    RED = 1

    def method(self, x: Absent):
        return self.value


class Slots:
    __slots__ = ("a",)
    b: Absent

    def method(self, x: a, y: Absent):
        return x


data, slotted, child, frozen = Data(1), Slotted(1), SlottedChild(1), FrozenData(a=1)
named, typed, plain_instance = Named(1), Typed(a=1, b=2), Plain()
method = slotted.method
variable: int = 3
other: Absent
before = list(calls)
