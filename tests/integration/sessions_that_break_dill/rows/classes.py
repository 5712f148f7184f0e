#### class_with_slots
# seen: cloudpickle#225
# dill: fine
# check: (slotted.left, slotted.right) == (1, [2]) and not hasattr(slotted, "__dict__") and type(slotted) is Slotted
class Slotted:
    __slots__ = ("left", "right")
    def __init__(self, left, right): self.left, self.right = left, right
slotted = Slotted(1, [2])

#### slots_and_a_dict
# seen: cloudpickle#225
# dill: fine
# check: (mixed.kept, mixed.free) == (1, 2) and mixed.__dict__ == {"free": 2}
class SlottedBase:
    __slots__ = ("kept",)
class Mixed(SlottedBase):
    pass
mixed = Mixed()
mixed.kept, mixed.free = 1, 2

#### dataclass_with_slots
# seen: cpython#88165
# dill: fine
# check: point_slots == PointSlots(1, [2]) and point_slots.total() == 3
from dataclasses import dataclass, field
@dataclass(slots=True)
class PointSlots:
    x: int
    y: list = field(default_factory=lambda: [0])
    def total(self): return self.x + sum(self.y)
point_slots = PointSlots(1, [2])

#### frozen_dataclass_with_slots
# seen: cpython#88165, dill#312
# dill: fine
# check: point_frozen == PointFrozen(1) and {point_frozen: 1}[PointFrozen(1)] == 1
from dataclasses import dataclass
@dataclass(frozen=True, slots=True)
class PointFrozen:
    x: int
point_frozen = PointFrozen(1)

#### dataclass_fields_after_load
# seen: cloudpickle#513, dill#312
# dill: fine
# check: asdict(order) == {"name": "tea", "lines": [1]} and [f.name for f in fields(Order)] == ["name", "lines"] and replace(order, name="x").name == "x"
from dataclasses import asdict, dataclass, field, fields, replace
@dataclass
class Order:
    name: str
    lines: list = field(default_factory=lambda: [1])
order = Order("tea")

#### dataclass_required_fields
# seen: dill#312
# dill: fine
# check: [f.default is MISSING for f in fields(Required)] == [True, False] and required.size == 3
from dataclasses import MISSING, InitVar, dataclass, fields
from typing import ClassVar
@dataclass(kw_only=True)
class Required:
    size: int
    scale: InitVar[int] = 1
    unit: str = "cm"
    count: ClassVar[int] = 0
    def __post_init__(self, scale): self.size *= scale
required = Required(size=3)

#### dataclass_subclassed_after_load
# seen: cloudpickle#386
# dill: fine
# check: [f.name for f in fields(make_dataclass("Sub", [("z", int)], bases=(Base3,)))] == ["x", "z"]
from dataclasses import dataclass, fields, make_dataclass
@dataclass
class Base3:
    x: int
base3 = Base3(1)

#### abstract_class
# seen: dill#332, dill#595
# dill: fine
# check: isinstance(square, Shape) and square.area() == 9 and isinstance(3, Shape) and Shape.__abstractmethods__ == {"area"}
import abc
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
    @property
    def twice(self): return 2 * self.area()
class Square(Shape):
    def __init__(self, side): self.side = side
    def area(self): return self.side ** 2
Shape.register(int)
square = Square(3)

#### named_tuple
# seen: dill#71, cloudpickle#111
# dill: fine
# check: spot == (1, 2) and spot.y == 2 and type(spot) is Spot and spot._replace(x=5).x == 5
from collections import namedtuple
Spot = namedtuple("Spot", "x y", defaults=[2])
spot = Spot(1)

#### named_tuple_badly_named
# seen: dill#132, numba#6388
# dill: fine
# check: odd_spot == (1, 2) and odd_spot.y == 2 and type(odd_spot) is OddSpot
from collections import namedtuple
OddSpot = namedtuple("SomethingElse", "x y")
odd_spot = OddSpot(1, 2)

#### named_tuple_in_a_class
# seen: dill#71
# dill: fine
# check: cell_of_outer.a == 1 and type(cell_of_outer) is OuterTuple.Cell
from collections import namedtuple
class OuterTuple:
    Cell = namedtuple("Cell", "a")
    Cell.__qualname__ = "OuterTuple.Cell"
cell_of_outer = OuterTuple.Cell(1)

#### typed_named_tuple
# seen: cpython#82586
# dill: wrong
# check: typed == (1, "m") and typed.shown() == "1 m" and type(typed) is Typed and Typed._field_defaults == {"unit": "m"}
import typing
class Typed(typing.NamedTuple):
    value: int
    unit: str = "m"
    def shown(self): return f"{self.value} {self.unit}"
typed = Typed(1)

#### typed_named_tuple_that_calls_itself
# dill: wrong
# check: pair.swapped() == (2, 1) and type(pair.swapped()) is Pair
import typing
class Pair(typing.NamedTuple):
    a: int
    b: int
    def swapped(self): return Pair(self.b, self.a)
pair = Pair(1, 2)

#### typed_dict
# dill: fine
# check: movie == {"name": "M"} and Movie.__annotations__.keys() == {"name"} and Movie.__total__ is False
import typing
class Movie(typing.TypedDict, total=False):
    name: str
movie: Movie = {"name": "M"}

#### metaclass_of_the_script
# seen: cloudpickle#246
# dill: fine
# check: type(Plugin) is Registry and plugin.run() == "plugin" and Registry.made == ["PluginBase", "Plugin"]
class Registry(type):
    made = []
    def __new__(meta, name, bases, namespace):
        made = super().__new__(meta, name, bases, namespace)
        if name not in meta.made: meta.made.append(name)
        return made
class PluginBase(metaclass=Registry): pass
class Plugin(PluginBase):
    def run(self): return "plugin"
plugin = Plugin()

#### metaclass_with_options
# dill: load fails: TypeError
# check: Configured.colour == "red" and type(Configured) is Options and type(configured) is Configured
class Options(type):
    def __new__(meta, name, bases, namespace, *, colour): return super().__new__(meta, name, bases, namespace | {"colour": colour})
    def __init__(cls, name, bases, namespace, *, colour): super().__init__(name, bases, namespace)
class Configured(metaclass=Options, colour="red"): pass
configured = Configured()

#### init_subclass_with_options
# dill: load fails: TypeError
# check: type(csv_reader) is Csv and Csv.kind == "csv" and type("Tsv", (Reader,), {}, kind="tsv").kind == "tsv"
class Reader:
    def __init_subclass__(cls, /, kind, **rest):
        super().__init_subclass__(**rest)
        cls.kind = kind
class Csv(Reader, kind="csv"): pass
csv_reader = Csv()

#### init_subclass_that_registers
# dill: load fails: AttributeError
# check: [c.__name__ for c in Base7.known] == ["Seven"] and Base7.known[0] is Seven
class Base7:
    known = []
    def __init_subclass__(cls): Base7.known.append(cls)
class Seven(Base7): pass

#### class_that_names_itself
# seen: dill#300
# dill: load fails: AttributeError
# check: Knot.itself is Knot and Knot().twin() is not None and type(Knot().twin()) is Knot
class Knot:
    def twin(self): return Knot()
Knot.itself = Knot

#### class_that_holds_its_instances
# dill: load fails: AttributeError
# check: Single.instance is single and isinstance(Single.instance, Single) and Single() is single
class Single:
    instance = None
    def __new__(cls):
        if cls.instance is None: cls.instance = super().__new__(cls)
        return cls.instance
single = Single()

#### classes_that_refer_to_each_other
# seen: dill#662
# dill: load fails: AttributeError
# check: Egg.parent is Hen and Hen.child is Egg and isinstance(hen, Hen) and hen.child is Egg
class Hen: pass
class Egg: pass
Hen.child, Egg.parent = Egg, Hen
hen = Hen()

#### class_annotations_of_each_other
# dill: fine
# check: Leaf.__annotations__["tree"] is Tree and Tree.__annotations__["leaf"] == "Leaf" and tree.leaf.tree is tree
class Tree:
    leaf: "Leaf"
class Leaf:
    tree: Tree
tree = Tree()
tree.leaf = Leaf()
tree.leaf.tree = tree

#### super_in_nested_classes
# seen: dill#300, dill#75
# dill: fine
# check: outer_super.inner().name() == "deep base" and OuterSuper.Deep.__mro__[1] is OuterSuper.Base
class OuterSuper:
    class Base:
        def name(self): return "base"
    def inner(self): return OuterSuper.Deep()
class DeepOne(OuterSuper.Base):
    def name(self): return "deep " + super().name()
OuterSuper.Deep = DeepOne
outer_super = OuterSuper()

#### class_made_in_a_function
# seen: dill#84
# dill: fine
# check: Made.name(made) == "made" and type(made) is Made and made.again().name() == "made"
def make_class(label):
    class Local:
        def name(self): return label
        def again(self): return Local()
    return Local
Made = make_class("made")
made = Made()

#### two_classes_of_one_name
# dill: fine
# check: old_twin.mark() == "old" and Twin().mark() == "new" and not isinstance(old_twin, Twin)
class Twin:
    def mark(self): return "old"
old_twin = Twin()
class Twin:
    def mark(self): return "new"

#### properties_and_descriptors
# dill: fine
# check: (gauge.level, gauge.cached, gauge.scaled(2), Gauge.unit(), Gauge.plain(3), gauge.checked) == (5, [5], 10, "Gauge", 3, 7)
import functools
class Checked:
    def __set_name__(self, owner, name): self.name = "_" + name
    def __get__(self, instance, owner): return self if instance is None else getattr(instance, self.name)
    def __set__(self, instance, value): setattr(instance, self.name, value)
class Gauge:
    checked = Checked()
    def __init__(self): self._level = 5; self.checked = 7
    @property
    def level(self): return self._level
    @level.setter
    def level(self, value): self._level = value
    @functools.cached_property
    def cached(self): return [self._level]
    @functools.partialmethod
    def scaled(self, factor): return self._level * factor
    @classmethod
    def unit(cls): return cls.__name__
    @staticmethod
    def plain(x): return x
gauge = Gauge()
gauge.cached

#### loose_property_and_methods
# dill: fine
# check: loose_property.fget(3) == 4 and loose_static.__func__(1) == 2 and loose_class.__func__(int) is int
loose_property = property(lambda self: self + 1, doc="loose")
loose_static = staticmethod(lambda x: x + 1)
loose_class = classmethod(lambda cls: cls)

#### getattr_without_a_guard
# seen: dill#429
# dill: load fails: RecursionError
# check: proxy.count(1) == 1 and proxy.target == [1]
class Proxy:
    def __init__(self, target): self.target = target
    def __getattr__(self, name): return getattr(self.target, name)
proxy = Proxy([1])

#### class_with_class_getitem
# dill: fine
# check: Box[int] == "Box of int" and box.items == [1]
class Box:
    def __class_getitem__(cls, item): return f"{cls.__name__} of {item.__name__}"
    def __init__(self): self.items = [1]
box = Box()

#### equality_that_raises
# dill: fine
# check: type(touchy).__name__ == "Touchy" and touchies[0] is touchy and touchies[1] is touchy
class Touchy:
    def __eq__(self, other): raise RuntimeError("do not compare")
    def __hash__(self): raise RuntimeError("do not hash")
    def __bool__(self): raise RuntimeError("do not ask")
    def __len__(self): raise RuntimeError("do not count")
    def __repr__(self): raise RuntimeError("do not show")
touchy = Touchy()
touchies = [touchy, touchy]

#### instances_as_keys
# dill: fine
# check: by_key[key_of_dict] == "it" and by_key[Key("k")] == "it" and Key("k") in key_set
class Key:
    def __init__(self, name): self.name = name
    def __hash__(self): return hash(self.name)
    def __eq__(self, other): return self.name == other.name
key_of_dict = Key("k")
by_key = {key_of_dict: "it"}
key_set = {key_of_dict, Key("other")}

#### keys_that_hold_their_dict
# seen: cpython#124937
# dill: load fails: AttributeError
# check: looped in looped.table and looped.name == 'k'
class Looped:
    def __init__(self, name): self.name = name; self.table = {self: 1}
    def __hash__(self): return hash(self.name)
    def __eq__(self, other): return self.name == other.name
looped = Looped("k")

#### finalizer_that_prints
# dill: fine
# check: closing.name == "c"
class Closing:
    def __init__(self, name): self.name = name
    def __del__(self): self.name.upper()
closing = Closing("c")

#### subclasses_of_builtins
# seen: dill#429
# dill: fine
# check: tagged == [1, 2] and tagged.tag == "t" and counted == {"a": 1} and counted.hits == 4 and celsius + 1 == 22.5 and celsius.unit == "C" and word.upper() == "W" and word.lang == "en"
class Tagged(list): pass
class Counted(dict): pass
class Celsius(float): pass
class Word(str): pass
tagged = Tagged([1, 2]); tagged.tag = "t"
counted = Counted(a=1); counted.hits = 4
celsius = Celsius(21.5); celsius.unit = "C"
word = Word("w"); word.lang = "en"

#### dict_subclass_that_needs_its_init
# seen: dill#429
# dill: load fails: AttributeError
# check: StrictMap("a")["missing"] == "a" and strict_map == {"k": ("a", 1)} and strict_map["missing"] == "a"
class StrictMap(dict):
    def __init__(self, fallback): self.fallback = fallback
    def __missing__(self, key): return self.fallback
    def __setitem__(self, key, value): super().__setitem__(key, (self.fallback, value))
strict_map = StrictMap("a")
strict_map["k"] = 1

#### method_put_on_an_instance
# dill: fine
# check: patched.double() == 6 and patched.double.__self__ is patched
import types
class Patched:
    n = 3
patched = Patched()
patched.double = types.MethodType(lambda self: self.n * 2, patched)

#### class_patched_after_its_making
# dill: fine
# check: Extended().extra() == "extra" and extended.extra() == "extra" and Extended.__doc__ == "said later"
class Extended: pass
extended = Extended()
def extra_method(self): return "extra"
Extended.extra = extra_method
Extended.__doc__ = "said later"

#### cached_property_on_a_new_instance
# seen: dill#75
# dill: wrong
# check: lazy.fresh == [1] and Lazy().fresh == [1]
import functools
class Lazy:
    @functools.cached_property
    def fresh(self): return [1]
lazy = Lazy()
