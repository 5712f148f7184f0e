#### type_variables_of_the_script
# seen: dill#450
# dill: load fails: AttributeError
# check: T.__name__ == "T" and N.__constraints__ == (int, float) and B.__bound__ is dict and first.__annotations__["items"].__args__[0] is T
import typing
T = typing.TypeVar("T")
N = typing.TypeVar("N", int, float)
B = typing.TypeVar("B", bound=dict)
def first(items: typing.List[T]) -> T: return items[0]

#### parameter_specification
# dill: load fails: AttributeError
# check: P.__name__ == "P" and decorated_by_p(lambda: 3)() == 3
import typing
P = typing.ParamSpec("P")
def decorated_by_p(f: typing.Callable[P, int]) -> typing.Callable[P, int]: return f

#### generic_class
# dill: load fails: AttributeError
# check: stack.items == [1] and Stack[int].__origin__ is Stack and isinstance(stack, Stack) and Stack.__parameters__ == (S,) and ints.__class__ is Stack
import typing
S = typing.TypeVar("S")
class Stack(typing.Generic[S]):
    def __init__(self, items): self.items = items
    def push(self, item: S) -> "Stack[S]": return Stack(self.items + [item])
stack = Stack([1])
ints = Stack[int]([2])

#### generic_aliases
# dill: fine
# check: Numbers == list[int] and Table == typing.Dict[str, typing.List[int]] and Maybe == typing.Optional[int] and Either == (int | str) and Call == typing.Callable[[int], str]
import typing
Numbers = list[int]
Table = typing.Dict[str, typing.List[int]]
Maybe = typing.Optional[int]
Either = int | str
Call = typing.Callable[[int], str]

#### protocol_of_the_script
# dill: fine
# check: isinstance(duck, Quacks) and not isinstance(3, Quacks) and duck.quack() == "quack"
import typing
@typing.runtime_checkable
class Quacks(typing.Protocol):
    def quack(self) -> str: ...
class Duck:
    def quack(self): return "quack"
duck = Duck()

#### new_type
# dill: load fails: AttributeError
# check: UserId(5) == 5 and UserId.__name__ == "UserId" and user == 5
import typing
UserId = typing.NewType("UserId", int)
user = UserId(5)

#### annotations_of_local_classes
# dill: fine
# check: annotated(Item()).__class__ is Item and typing.get_type_hints(annotated)["item"] is Item
import typing
class Item: pass
def annotated(item: "Item", many: typing.Sequence["Item"] = ()) -> Item: return item

#### special_forms
# dill: fine
# check: Tagged2.__metadata__ == ("unit",) and Literal2 == typing.Literal["a"] and Final2 == typing.Final[int]
import typing
Tagged2 = typing.Annotated[int, "unit"]
Literal2 = typing.Literal["a"]
Final2 = typing.Final[int]

#### generic_protocol
# dill: load fails: AttributeError
# check: isinstance(sized_box, SizedLike) and SizedLike.__parameters__ == (Q,)
import typing
Q = typing.TypeVar("Q", covariant=True)
@typing.runtime_checkable
class SizedLike(typing.Protocol[Q]):
    def peek(self) -> Q: ...
class SizedBox:
    def peek(self): return 1
sized_box = SizedBox()

#### type_parameters_of_the_language
# since: 3.12
# dill: fine
# check: Chest[int].__origin__ is Chest and chest.items == [1] and chest_first(chest) == 1 and Chest.__type_params__[0].__name__ == "V" and Pairs.__value__ == tuple[int, int]
exec('''
class Chest[V]:
    def __init__(self, items): self.items = items
def chest_first[V](of: Chest[V]) -> V: return of.items[0]
type Pairs = tuple[int, int]
''')
chest = Chest([1])

#### imported_type_variables
# dill: fine
# check: AnyText is typing.AnyStr and both_texts.__annotations__["a"] is typing.AnyStr
import typing
from typing import AnyStr as AnyText
def both_texts(a: AnyText, b: AnyText) -> AnyText: return a + b
