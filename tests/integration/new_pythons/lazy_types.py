# Type aliases and type parameters of 3.12 and later, which are evaluated at the first use.
import sys

calls = []


def log(value):
    calls.append(value)
    return value


type Tree = list[Tree] | int
type Box[T] = list[T] | Tree
type Missing = Nonexistent[int]
type Logged = log(int)
type Pair[K: str, *Rest, **P] = tuple[K, *Rest]
type Left = Right | int
type Right = Left | str
aliases = {"tree": Tree, "again": [Tree]}


def local():
    base = dict

    type Inner = base[str, Inner]

    class Holder:
        type Own = list[Own]
        type Other = Holder
        item = 3
        type Item = item

        def method[U](self, value: U) -> U:
            type Deep = list[U]
            return Deep

    return Inner, Holder


Inner, Holder = local()


def generic[T: Absent, U: (int, Absent)](x: T, y: U) -> list[T]:
    return x, y


def outer_generic[T](x: T):
    def inner(y: T) -> T:
        return y

    return inner


inner_generic = outer_generic(1)


class Generic[T: "Generic", *Ts, **P]:
    def method[U: T](self, x: U) -> T:
        return x

    @classmethod
    def made(cls) -> "Generic[T]":
        return cls()


class Child[T](Generic[T, int, [str]]):
    pass


instance, alias_of_class = Child(), Generic[int, str, [bytes]]
if sys.version_info >= (3, 13):
    exec(
        """
def with_default[T = log(int), *Ts = *tuple[Absent, int], **P = [Absent]](x: T) -> T:
    return x
class Defaulted[T = int, U: str = Absent]:
    pass
type DefaultedAlias[T = Absent] = list[T]
"""
    )
