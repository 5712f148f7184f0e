# Classes, enumerations and type variables of every kind, and a check for each: see by_value.rs.
import enum, typing, abc, dataclasses, functools, collections, datetime
# enums
class Planet(enum.Enum):
    MERCURY = (3.3, 2.4)
    EARTH = (5.9, 6.3)
    def __init__(self, mass, radius): self.mass = mass; self.radius = radius
    @property
    def density(self): return self.mass / self.radius
    @classmethod
    def _missing_(cls, value): return cls.EARTH
class Coordinate(bytes, enum.Enum):
    def __new__(cls, value, label, unit):
        obj = bytes.__new__(cls, [value])
        obj._value_ = value; obj.label = label; obj.unit = unit
        return obj
    PX = (0, 'P.X', 'km')
    PY = (1, 'P.Y', 'km')
class AutoNumber(enum.Enum):
    def __new__(cls, *args):
        obj = object.__new__(cls); obj._value_ = len(cls.__members__) + 1; obj.args = args
        return obj
class Auto(AutoNumber):
    A = 'x'
    B = ()
class Perm(enum.Flag):
    R = 4; W = 2; X = 1
    RW = 6
allowed = Perm.R | Perm.X
inverse = ~Perm.R
class IPerm(enum.IntFlag):
    R = 4; W = 2
ip = IPerm.R | IPerm.W | 8
class Day(datetime.date, enum.Enum):
    FIRST = 2020, 1, 1
    LAST = 2021, 1, 1
class S(str, enum.Enum):
    A = 'a'
    def __str__(self): return 'S' + self.value
@dataclasses.dataclass
class CreatureData:
    size: str
    legs: int
class Creature(CreatureData, enum.Enum):
    BEETLE = 'small', 6
    DOG = 'medium', 4
class Pt(typing.NamedTuple):
    x: int
    y: int = 0
class Places(Pt, enum.Enum):
    HOME = 1, 2
    AWAY = 3, 4
class WithSelf(enum.Enum):
    A = 1
    B = 2
    def other(self): return WithSelf.B if self is WithSelf.A else WithSelf.A
WithSelf.link = {WithSelf.A: WithSelf.B}
class Outer:
    class Inner(enum.Enum):
        ONE = 1
    default = Inner.ONE
inner_one = Outer.Inner.ONE
table = {Color: 1 for Color in Perm}
# metaclasses
class Options(type):
    def __new__(meta, name, bases, namespace, *, colour): return super().__new__(meta, name, bases, namespace | {"colour": colour})
    def __init__(cls, name, bases, namespace, *, colour): super().__init__(name, bases, namespace)
    def __setattr__(cls, name, value): raise TypeError('no')
class Configured(metaclass=Options, colour="red"):
    data = [1]
class AMeta(abc.ABCMeta):
    def hello(cls): return cls.__name__
class Abs(metaclass=AMeta):
    @abc.abstractmethod
    def f(self): ...
    @property
    @abc.abstractmethod
    def p(self): ...
Abs.register(Planet)
class Con(Abs):
    def f(self): return super().f, __class__
    p = 3
class SelfMeta(type):
    registry = {}
    def __init__(cls, *a): SelfMeta.registry[cls.__name__] = cls
class M1(metaclass=SelfMeta): pass
class M2(M1): pass
# protocols, generics
T = typing.TypeVar('T'); K = typing.TypeVar('K', bound='Node'); P = typing.ParamSpec('P')
class Node(typing.Generic[T]):
    children: 'list[Node[T]]'
    def __init__(self, v: T): self.v = v; self.children = []
    def add(self, n: 'Node[T]') -> 'Node[T]': self.children.append(n); return self
class IntNode(Node[int]):
    def twice(self): return super().add(IntNode(3))
node = IntNode(4)
@typing.runtime_checkable
class Sized2(typing.Protocol[T]):
    name: str
    def size(self) -> int: ...
class Movie(typing.TypedDict, total=False):
    name: str
    year: int
class Movie2(Movie):
    rating: float
class Typed(typing.NamedTuple):
    """Doc."""
    value: int
    unit: str = "m"
    def shown(self): return f"{self.value} {self.unit}"
    def __repr__(self): return 'T!'
    @property
    def dbl(self): return self.value * 2
    @classmethod
    def make(cls): return cls(9)
typed = Typed(1)
class TypedSub(Typed):
    def shown(self): return 'sub ' + super().shown()
tsub = TypedSub(2)
UserId = typing.NewType('UserId', int)
# slots, descriptors
class D:
    def __set_name__(self, owner, name): self.owner = owner; self.name = name
    def __get__(self, i, o): return self if i is None else (self.name, self.owner)
class HasD:
    d = D()
    @functools.cached_property
    def c(self): return [1]
    @functools.singledispatchmethod
    def sd(self, x): return 'any'
    @sd.register
    def _(self, x: int): return 'int'
    @functools.lru_cache
    def cached(self): return 5
class Sl:
    __slots__ = ('a', '__priv', '__dict__', '__weakref__')
    def __init__(self): self.a = 1; self.__priv = 2
    def priv(self): return self.__priv
class Sl2(Sl):
    __slots__ = {'b': 'doc of b'}
class Sl3: __slots__ = 'single'
sl = Sl2(); sl.b = 3
@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Fr:
    x: int
    y: list = dataclasses.field(default_factory=list)
    nxt: 'Fr | None' = None
    def me(self): return Fr(1)
fr = Fr(1, [2], Fr(3))
class Registry:
    items = {}
    default = None
    def __init_subclass__(cls, /, tag=None, **k): super().__init_subclass__(**k); Registry.items[tag] = cls; cls.tag = tag
class PluginA(Registry, tag='a'):
    def __init_subclass__(cls, **k): super().__init_subclass__(**k); cls.sub = True
class PluginB(PluginA, tag='b'): pass
Registry.default = PluginB()
def decorator(f):
    @functools.wraps(f)
    def wrapper(*a, **k): return f(*a, **k)
    wrapper.calls = []
    return wrapper
class Deco:
    @decorator
    def m(self) -> 'Deco': return __class__
    def annotated(self, other: Fr, more: typing.Optional[Node[int]] = None) -> typing.Dict[str, int]: return {}
    def with_default(self, x=HasD): return x
Deco.m.owner = Deco
class Hashy:
    def __eq__(self, o): return True
    __hash__ = None
class Err(Exception):
    code = 3
    def __init__(self, a): super().__init__(a); self.a = a
err = Err(3)
class MyInt(int):
    def __add__(self, o): return MyInt(int(self) + o)
    zero = None
MyInt.zero = MyInt(0)
class Cmp:
    def __lt__(self, o): return True
Cmp = functools.total_ordering(Cmp)
class Egg: 
    def h(self, hen: 'Hen'): pass
class Hen:
    def e(self, egg: Egg): return egg
Egg.parent = Hen; Hen.child = Egg
Egg.h.__annotations__['hen'] = Hen
def mk(label):
    class Local:
        def name(self): return label
        def again(self): return Local()
    class Local2(Local):
        def name(self): return 'L2' + super().name()
        friend = Local
    Local.child = Local2
    return Local2
L2 = mk('z'); l2 = L2()
Point3 = collections.namedtuple('Point3', 'x y z', defaults=[0])
Point3.__doc__ = 'a point'
Point3.norm = lambda self: sum(self)
class CtxMeta(type):
    @property
    def prop(cls): return cls.__name__ + '!'
    def __len__(cls): return 7
    def __getattr__(cls, name):
        if name.startswith('dyn_'): return name
        raise AttributeError(name)
class Ctx(metaclass=CtxMeta): 
    x = None
def check(expression):
    try: return bool(eval(expression))
    except Exception as e: return type(e).__name__ + ': ' + str(e)
CHECKS = [
 'Planet.EARTH.density == 5.9/6.3 and Planet((3.3,2.4)) is Planet.MERCURY and Planet(3) is Planet.EARTH and Planet["EARTH"].mass == 5.9',
 'Coordinate.PY == bytes([1]) and Coordinate(1) is Coordinate.PY and Coordinate.PY.label == "P.Y"',
 'Auto.A.value == 1 and Auto.B.value == 2 and Auto.A.args == ("x",) and list(Auto) == [Auto.A, Auto.B] and Auto.__new__ is AutoNumber.__new__',
 'allowed is Perm.R | Perm.X and Perm.R in allowed and inverse is ~Perm.R and Perm(6) is Perm.RW and Perm.RW is Perm.R | Perm.W and [p for p in table if p is Perm.R]',
 'Perm(7) == Perm.R|Perm.W|Perm.X and (Perm.R & Perm.RW) is Perm.R and repr(Perm.R).startswith("<Perm.R")',
 'ip == 14 and IPerm.R in ip and (IPerm.R | 16) == 20 and isinstance(IPerm.R, int)',
 'Day.FIRST.year == 2020 and Day.FIRST == datetime.date(2020,1,1) and Day["LAST"].month == 1',
 'str(S.A) == "Sa" and S.A == "a" and S("a") is S.A and f"{S.A}" and "a" + S.A == "aa"',
 'Creature.BEETLE.legs == 6 and Creature.DOG.size == "medium" and Creature["DOG"] is Creature.DOG and Creature(Creature.DOG.value) is Creature.DOG',
 'Places.HOME.x == 1 and Places.AWAY == (3,4) and Places.AWAY.y == 4 and len(Places) == 2',
 'WithSelf.A.other() is WithSelf.B and WithSelf.link[WithSelf.A] is WithSelf.B',
 'Outer.default is inner_one is Outer.Inner.ONE and Outer.Inner.__qualname__ == "Outer.Inner"',
 'Configured.colour == "red" and type(Configured) is Options and Configured.data == [1]',
 'isinstance(Planet.EARTH, Abs) and Abs.hello() == "Abs" and Con().f()[1] is Con and Abs.__abstractmethods__ == {"f","p"} and not Con.__abstractmethods__',
 'SelfMeta.registry == {"M1": M1, "M2": M2} and type(M2) is SelfMeta and list(SelfMeta.registry) == ["M1","M2"]',
 'node.twice().children[0].v == 3 and IntNode.__orig_bases__ == (Node[int],) and Node.__parameters__ == (T,) and IntNode.__parameters__ == () and Node[str].__args__ == (str,)',
 'K.__bound__ == typing.ForwardRef("Node") and T.__module__ == "__main__" and P.__name__ == "P" and typing.get_type_hints(Node.add)["return"] == Node[T]',
 'isinstance(type("X", (), {"name": "n", "size": lambda s: 1})(), Sized2) and not isinstance(3, Sized2) and Sized2[int].__origin__ is Sized2 and Sized2._is_protocol',
 'Movie.__total__ is False and Movie2.__annotations__ == {"name": str, "year": int, "rating": float} and Movie2.__required_keys__ == {"rating"} and Movie(name="x") == {"name": "x"} and typing.is_typeddict(Movie2)',
 'repr(typed) == "T!" and typed.shown() == "1 m" and typed.dbl == 2 and Typed.make() == (9, "m") and Typed.__doc__ == "Doc." and Typed.__annotations__ == {"value": int, "unit": str} and typed._replace(value=5).value == 5',
 'tsub.shown() == "sub 2 m" and tsub == (2, "m")',
 'UserId.__supertype__ is int and UserId.__module__ == "__main__" and UserId(3) == 3',
 'HasD().d == ("d", HasD) and HasD().c == [1] and HasD().sd(3) == "int" and HasD().sd("") == "any" and HasD().cached() == 5',
 'sl.priv() == 2 and sl.b == 3 and Sl2.__slots__ == {"b": "doc of b"} and not hasattr(Sl3(), "__dict__") and sl.__dict__ == {}',
 'fr.nxt == Fr(3) and fr < Fr(2) and fr.me() == Fr(1) and not hasattr(fr, "__dict__") and dataclasses.replace(fr, x=9).x == 9 and [f.name for f in dataclasses.fields(Fr)] == ["x","y","nxt"]',
 'Registry.items == {"a": PluginA, "b": PluginB} and type(Registry.default) is PluginB and PluginB.sub and PluginB.tag == "b"',
 'type("PluginC", (PluginB,), {}, tag="c") is Registry.items["c"] and Registry.items["c"].sub',
 'Deco().m() is Deco and Deco.m.owner is Deco and Deco().with_default() is HasD and Deco.annotated.__annotations__["other"] is Fr and Deco.m.__wrapped__.__name__ == "m"',
 'Hashy.__hash__ is None and Hashy() == 3',
 'err.a == 3 and type(err) is Err and Err.code == 3 and err.args == (3,)',
 'MyInt.zero == 0 and type(MyInt.zero) is MyInt and type(MyInt(1) + 2) is MyInt',
 'Cmp() < 3 and hasattr(Cmp, "__ge__")',
 'Egg.parent is Hen and Hen.child is Egg and Egg.h.__annotations__["hen"] is Hen and Hen.e.__annotations__["egg"] is Egg',
 'l2.name() == "L2z" and type(l2.again()).child is L2 and L2.friend is L2.__mro__[1]',
 'Point3(1,2).norm() == 3 and Point3.__doc__ == "a point" and Point3(1,2).z == 0',
 'Ctx.prop == "Ctx!" and len(Ctx) == 7 and Ctx.dyn_x == "dyn_x" and type(Ctx) is CtxMeta',
 'all(c.__module__ == "__main__" for c in (Planet, Perm, Options, Node, Movie, Typed, Sl, Fr, Ctx))',
 'Options.__init__.__qualname__ == "Options.__init__" and Planet.__doc__ in (None, "An enumeration.")',
]
def failures(): return [(c, r) for c in CHECKS for r in [check(c)] if r is not True]
