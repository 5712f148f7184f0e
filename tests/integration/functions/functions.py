import collections
import functools
import sys
import types
import typing

offset = 3


def plain(x, y=2, *args, z=3, **kw) -> int:
    "Doc."
    return x + y + offset


def counter():
    n = 0

    def inc():
        nonlocal n
        n += 1
        return n

    def get():
        return n

    return inc, get


inc, get = counter()
inc()


def recursive():
    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    return factorial


factorial = recursive()


def mutual():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    return even, odd


even, odd = mutual()


def leads_to_itself():
    pass


leads_to_itself.me = leads_to_itself
leads_to_itself.data = [1, leads_to_itself]


def in_own_default(x=[]):
    return x


in_own_default.__defaults__[0].append(in_own_default)


def default_that_closes_over_it():
    def outer(inner=None):
        return inner() if inner else "end"

    outer.__defaults__ = (lambda: outer(lambda: "closed"),)
    return outer


closed_over = default_that_closes_over_it()


def decorate(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args) + 1

    return wrapper


@decorate
def wrapped(x: typing.List[int]):
    "Wrapped."
    return x


class Base:
    def who(self):
        return "base"


class Shape(Base):
    sides = 4

    def __init__(self):
        self.v = 5

    def who(self):
        return super().who() + " shape"

    @classmethod
    def count(cls):
        return cls.sides

    @staticmethod
    def seven():
        return 7

    @property
    def value(self):
        "The value."
        return self.v

    def own_class(self):
        return __class__

    class Inner:
        def own_class(self):
            return __class__

    @functools.lru_cache(maxsize=8)
    def cached(self, x):
        return x * 2


shape = Shape()
bound, bound_to_class = shape.own_class, Shape.count
partial = functools.partial(plain, 1, y=5)
lambda_ = lambda a, /, b, *, c=1: (a, b, c)


def class_in_a_function():
    total = []

    class Local:
        def add(self, x):
            total.append((x, Local))
            return self

    return Local, total


Local, total = class_in_a_function()
exec_names = {}
exec("g1 = 5\ndef first(): return g1 + second()\ndef second(): return 1", exec_names)
first, second = exec_names["first"], exec_names["second"]
only_function = {}
exec("def alone(): return hidden\nhidden = 9", only_function)
alone = only_function["alone"]
del only_function


def with_empty_cell():
    def inner():
        return later

    if 0:
        later = 1
    return inner


empty = with_empty_cell()
cell = inc.__closure__[0]
FunctionType, GeneratorType, CellType = types.FunctionType, types.GeneratorType, type(cell)
append = [1, 2].append


def without_doc():
    "Gone."


without_doc.__doc__ = None
code = plain.__code__
Point = collections.namedtuple("Point", "x y")
renamed = lambda: 1
renamed.__name__, renamed.__qualname__, renamed.__module__ = "n", "q.n", "elsewhere"

if sys.version_info >= (3, 12):
    exec('def generic[T: int, *R](x: T, *rest: *R) -> T: return x\nclass Generic_[T]:\n    def get[U](self, x: U, y: T): return T')


def failures():
    inc()
    checks = {
        "plain": plain(1) == 6 and plain.__doc__ == "Doc." and plain.__kwdefaults__ == {"z": 3},
        "annotations": plain.__annotations__ == {"return": int} and plain.__module__ == "__main__",
        "globals": plain.__globals__ is globals() and Shape.who.__qualname__ == "Shape.who",
        "closure": get() == 2 and cell is inc.__closure__[0] is get.__closure__[0],
        "qualified name": inc.__qualname__ == "counter.<locals>.inc",
        "recursion": factorial(5) == 120 and even(10) and odd(7) and even.__closure__[0].cell_contents is odd,
        "attributes": leads_to_itself.me is leads_to_itself and leads_to_itself.data[1] is leads_to_itself,
        "defaults": in_own_default()[0] is in_own_default and closed_over() == "closed",
        "wraps": wrapped(1) == 2 and wrapped.__name__ == "wrapped" and wrapped.__wrapped__(1) == 1,
        "typing": wrapped.__annotations__ == {"x": typing.List[int]},
        "super": shape.who() == "base shape" and shape.own_class() is Shape and Shape.Inner().own_class() is Shape.Inner,
        "methods": bound() is Shape and bound.__self__ is shape and bound_to_class() == 4 and Shape.seven() == 7,
        "property": shape.value == 5 and Shape.value.__doc__ == "The value.",
        "cache": shape.cached(3) == 6 and Shape.cached.cache_parameters()["maxsize"] == 8,
        "partial": partial() == 9 and lambda_(1, 2) == (1, 2, 1),
        "local class": Local().add(1).add(2) and total == [(1, Local), (2, Local)],
        "exec": first() == 6 and exec_names["first"] is first and first.__globals__ is second.__globals__ is exec_names,
        "exec alone": alone() == 9 and alone.__globals__["alone"] is alone,
        "types": type(plain) is FunctionType and type(cell) is CellType and GeneratorType is types.GeneratorType,
        "builtin": append.__self__ == [1, 2],
        "no doc": without_doc.__doc__ is None,
        "code": plain.__code__ == code,
        "named tuple": Point(1, 2)._replace(x=3) == (3, 2),
        "renamed": (renamed.__name__, renamed.__qualname__, renamed.__module__) == ("n", "q.n", "elsewhere"),
    }
    if sys.version_info >= (3, 12):
        parameters = generic.__type_params__
        checks["type parameters"] = parameters[0] is generic.__annotations__["x"] and len(parameters) == 2
        annotations = Generic_.get.__annotations__
        checks["of methods"] = annotations == {"x": Generic_.get.__type_params__[0], "y": Generic_.__type_params__[0]}
        checks["in a cell"] = Generic_().get(1, 2) is Generic_.__type_params__[0]
    total.clear()
    try:
        empty()
        checks["empty cell"] = False
    except NameError:
        pass
    return [name for name, holds in checks.items() if not holds]
