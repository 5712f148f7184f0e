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

#### imported_type_variables
# dill: fine
# check: AnyText is typing.AnyStr and both_texts.__annotations__["a"] is typing.AnyStr
import typing
from typing import AnyStr as AnyText
def both_texts(a: AnyText, b: AnyText) -> AnyText: return a + b
