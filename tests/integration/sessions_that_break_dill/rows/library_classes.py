#### metaclass_of_a_library_that_keeps_the_class
# seen: pydantic#8194
# dill: load fails: AttributeError
# check: User.options.model is User and user.options is User.options and type(user) is User and User.name == "u"
import framework_1
class User(metaclass=framework_1.Keeps): name = "u"
user = User()

## file framework_1.py
class Options:
    def __init__(self, model): self.model = model
    def __reduce__(self): return Options, (self.model,)
class Keeps(type):
    def __new__(meta, name, bases, names):
        cls = super().__new__(meta, name, bases, names)
        cls.options = Options(cls)
        return cls

#### bound_class_method_in_a_class_of_a_library_metaclass
# dill: load fails: AttributeError
# check: type(Made.maker()) is Made and Made.makers["it"]() is not None
import framework_2
class Made(metaclass=framework_2.Plain):
    @classmethod
    def make(cls): return cls()
Made.maker = Made.make
Made.makers = {"it": Made.make}

## file framework_2.py
class Plain(type): pass

#### schema_with_the_class_in_an_abstract_class_of_a_library
# dill: load fails: AttributeError
# check: Model.schema.cls is Model and Child.schema.cls is Child and isinstance(Child(), Model) and Child().go() == 5
import framework_3
class Model(metaclass=framework_3.ModelMeta):
    def go(self): return 5
class Child(Model):
    def go(self): return super().go()

## file framework_3.py
import abc
class Schema:
    def __init__(self, cls): self.cls = cls
    def __reduce__(self): return Schema, (self.cls,)
class ModelMeta(abc.ABCMeta):
    def __init__(cls, name, bases, names):
        super().__init__(name, bases, names)
        cls.schema = Schema(cls)

#### metaclass_of_a_library_that_registers_the_class
# dill: fine
# check: framework_4.classes["Shape"] is Shape and shape.sides == [3]
import framework_4
class Shape(metaclass=framework_4.Registers): sides = [3]
shape = Shape()

## file framework_4.py
classes = {}
class Registers(type):
    def __init__(cls, name, bases, names): classes[name] = cls

#### hook_of_a_library_with_arguments
# dill: load fails: TypeError
# check: (plugin.title, plugin.extra) == ("mine", [1])
import framework_5
class Mine(framework_5.Plugin, title="mine", extra=[1]): pass
plugin = Mine()

## file framework_5.py
class Plugin:
    def __init_subclass__(cls, *, title, extra=()): cls.title, cls.extra = title, extra

#### hook_of_a_library_that_reads_what_its_metaclass_made
# dill: load fails: AttributeError
# check: Rooted.config == {"a": 1} and Rooted.me() is Rooted
import framework_6
class Rooted(framework_6.Root): pass

## file framework_6.py
class RootMeta(type):
    def __new__(meta, name, bases, names):
        return super().__new__(meta, name, bases, {**names, "config": {"a": 1}})
    def __init__(cls, name, bases, names): cls.me = cls.get
class Root(metaclass=RootMeta):
    @classmethod
    def get(cls): return cls
    def __init_subclass__(cls): cls.config.get("extra")

#### enumeration_of_the_scripts_own_metaclass
# dill: load fails: AttributeError
# check: Color(2) is Color.BLUE is colors[1] and Color["red"] is colors[0] and [c.value for c in Color] == [1, 2]
import enum
class Lenient(enum.EnumMeta):
    def __getitem__(cls, name): return super().__getitem__(name.upper())
class Color(enum.Enum, metaclass=Lenient):
    RED = 1
    BLUE = 2
colors = [Color.RED, Color.BLUE]

#### enumeration_without_enum
# dill: load fails: AttributeError
# check: Level(1) is Level.LOW is levels["low"] and list(Level._member_map_) == ["LOW", "HIGH"]
class Members(type):
    def __new__(meta, name, bases, names):
        values = {key: value for key, value in names.items() if key.isupper()}
        cls = super().__new__(meta, name, bases, {key: names[key] for key in names if key not in values})
        cls._member_map_, cls._value2member_map_ = {}, {}
        for key, value in values.items():
            member = object.__new__(cls)
            member._name_, member._value_ = key, value
            cls._member_map_[key] = cls._value2member_map_[value] = member
            type.__setattr__(cls, key, member)
        return cls
    def __call__(cls, value): return cls._value2member_map_[value]
class Level(metaclass=Members):
    LOW = 1
    HIGH = 2
    def __reduce_ex__(self, protocol): return type(self), (self._value_,)
levels = {"low": Level.LOW}

#### structures_of_ctypes
# dill: dump fails: PicklingError
# check: (point.x, point.y, Point(3).x, either.parts[0], Pair(p=point).p.x) == (1, 2.5, 3, 2, 1)
import ctypes
class Point(ctypes.Structure): _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]
class Either(ctypes.Union): _fields_ = [("number", ctypes.c_int32), ("parts", ctypes.c_uint8 * 4)]
class Pair(ctypes.Structure): _fields_ = [("p", Point), ("bits", ctypes.c_int, 3)]
point, either = Point(1, 2.5), Either(number=258)

#### docstrings_of_named_tuple_fields
# dill: wrong
# check: (Row.left.__doc__, Row.right.__doc__, Row(1, 2).left) == ("the left one", "Alias for field number 1", 1)
import collections
Row = collections.namedtuple("Row", "left right")
Row.left.__doc__ = "the left one"
