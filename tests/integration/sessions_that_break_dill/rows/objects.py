#### class_that_was_deleted
# dill: fine
# check: orphan.n == 1 and type(orphan).__name__ == "Deleted" and type(orphan) is type(second_orphan)
class Deleted:
    n = 1
orphan, second_orphan = Deleted(), Deleted()
del Deleted

#### class_known_by_another_name
# dill: fine
# check: type(renamed_one) is NewName and NewName.__name__ == "OldName"
class OldName: pass
NewName = OldName
renamed_one = OldName()
del OldName

#### class_decorated_into_another
# dill: fine
# check: isinstance(framed, Framed) and framed.label() == "<framed>"
def frame_it(cls):
    class Framed(cls):
        def label(self): return f"<{super().label()}>"
    Framed.__name__ = Framed.__qualname__ = cls.__name__
    return Framed
@frame_it
class Framed:
    def label(self): return "framed"
framed = Framed()

#### diamond_of_classes
# dill: fine
# check: diamond.path() == ["Bottom", "West", "East", "Top"] and [c.__name__ for c in Bottom.__mro__[:4]] == diamond.path()
class Top:
    def path(self): return ["Top"]
class West(Top):
    def path(self): return ["West"] + super().path()
class East(Top):
    def path(self): return ["East"] + super().path()
class Bottom(West, East):
    def path(self): return ["Bottom"] + super().path()
diamond = Bottom()

#### super_in_class_methods
# seen: dill#300
# dill: fine
# check: Low.make() == ["low", "high"] and low.own_class() is Low and low.cls_of_cell() is Low
class High:
    @classmethod
    def make(cls): return ["high"]
class Low(High):
    @classmethod
    def make(cls): return ["low"] + super().make()
    def own_class(self): return type(self)
    def cls_of_cell(self): return __class__
low = Low()

#### states_of_every_kind
# restored only: the states are set by the load
# dill: fine
# check: no_state.default == 1 and false_state.was is False and slots_state.a == 1 and slots_state.b == 2 and tuple_state.got == (1, 2)
class NoState:
    default = 1
    def __getstate__(self): return None
class FalseState:
    default = 1
    def __getstate__(self): return False
    def __setstate__(self, state): self.was = state
class SlotsState:
    __slots__ = ("a", "b", "__weakref__")
class TupleState:
    def __getstate__(self): return (1, 2)
    def __setstate__(self, state): self.got = state
no_state, false_state, slots_state, tuple_state = NoState(), FalseState(), SlotsState(), TupleState()
slots_state.a, slots_state.b = 1, 2

#### new_with_keyword_arguments
# dill: fine
# check: (by_keyword.args, by_keyword.kind) == ((1,), "k")
class ByKeyword:
    def __new__(cls, *args, kind):
        made = super().__new__(cls)
        made.args, made.kind = args, kind
        return made
    def __getnewargs_ex__(self): return self.args, {"kind": self.kind}
by_keyword = ByKeyword(1, kind="k")

#### reduce_to_a_name
# dill: load fails: AttributeError
# check: type(Sentinel("x")) is Sentinel is type(sentinel) and uses_sentinel["default"] is sentinel
class Sentinel:
    def __init__(self, name): self.name = name
    def __reduce__(self): return self.name
sentinel = Sentinel("sentinel")
uses_sentinel = {"default": sentinel}

#### state_setter_of_the_script
# restored only: the state is set by the load
# dill: fine
# check: set_from_outside.got == {"x": 1}
def outside_setter(made, state): made.got = state
class FromOutside:
    def __reduce__(self): return (FromOutside, (), {"x": 1}, None, None, outside_setter)
set_from_outside = FromOutside()

#### container_with_reduce_items
# dill: fine
# check: list(own_container) == [1, own_container] and own_mapping["me"] is own_mapping
class OwnList(list):
    def __reduce__(self): return (OwnList, (), None, iter(self))
class OwnMapping(dict):
    def __reduce__(self): return (OwnMapping, (), None, None, iter(self.items()))
own_container, own_mapping = OwnList([1]), OwnMapping()
own_container.append(own_container)
own_mapping["me"] = own_mapping

#### comparison_that_answers_oddly
# dill: fine
# check: type(odd_answer) is OddAnswer and by_odd["a"] is odd_answer
class OddAnswer:
    def __eq__(self, other): return [self, other]
    def __ne__(self, other): return "neither"
    __hash__ = None
odd_answer = OddAnswer()
by_odd = {"a": odd_answer}

#### class_that_lies_about_its_class
# dill: dump fails: PicklingError
# left out: liar: the wrong class
# check: type(Liar()) is Liar
class Truth: pass
class Liar:
    honest = 1
    @property
    def __class__(self): return Truth
liar = Liar()

#### names_that_are_not_ascii
# dill: fine
# check: größe == 5 and 面积(2) == 4 and Ключ().π == 3
größe = 5
def 面积(x): return x * x
class Ключ: π = 3

#### attributes_that_are_no_text
# dill: fine
# check: odd_dict.__dict__[1] == "one" and odd_dict.__dict__["a b"] == 2
class OddDict: pass
odd_dict = OddDict()
odd_dict.__dict__[1] = "one"
odd_dict.__dict__["a b"] = 2

#### class_attributes_that_are_large_or_shared
# dill: fine
# check: WithData.table is data_of_class and WithData.functions[0](3) == 4 and WithData.array.tolist() == [0, 1]
import numpy as np
data_of_class = {"a": [1]}
class WithData:
    table = data_of_class
    functions = [lambda x: x + 1]
    array = np.arange(2)

#### singletons_of_the_language
# dill: fine
# check: singletons == [None, Ellipsis, NotImplemented, True, int, type(None), type(...), object] and singletons[1] is Ellipsis and span == slice(1, None, 2) and steps_of == range(0, 9, 3)
singletons = [None, Ellipsis, NotImplemented, True, int, type(None), type(...), object]
span, steps_of = slice(1, None, 2), range(0, 9, 3)

#### module_made_while_running
# dill: load fails: ModuleNotFoundError
# left out: made_module: it was created at run time
# check: types.ModuleType is type(types)
import types
made_module = types.ModuleType("made_module")
exec("value = 5\ndef double(): return value * 2", made_module.__dict__)

#### function_of_another_namespace
# dill: fine
# check: of_other_space() == 8 and of_other_space.__globals__ is not globals()
import types
other_space = {"hidden": 8}
exec("def read_hidden(): return hidden", other_space)
of_other_space = other_space["read_hidden"]
del other_space

#### function_made_by_eval
# dill: fine
# check: evaluated(3) == 6 and compiled_code.co_names == ("größer",) and rebuilt(1) == 2
import types
evaluated = eval("lambda x: x * 2")
compiled_code = compile("größer", "<made>", "eval")
rebuilt = types.FunctionType((lambda x: x + 1).__code__, globals(), "rebuilt")

#### command_line_parsers
# dill: fine
# check: parser.parse_args(["-n", "3"]).n == 6 and parsed.n == 2
import argparse
parser = argparse.ArgumentParser(prog="p")
parser.add_argument("-n", type=lambda text: int(text) * 2)
parsed = parser.parse_args(["-n", "1"])

#### mocks
# dill: dump fails: PicklingError
# note: each mock makes a class of its own, below the one it came from
# check: mock.method(1) == 5 and mock.method.call_args.args == (1,) and len(mock) == 3 and isinstance(mock, mocking.MagicMock)
from unittest import mock as mocking
mock = mocking.MagicMock(name="m")
mock.method.return_value = 5
mock.__len__.return_value = 3
plain_mock_name = "m"

#### hashes_and_compressors
# dill: dump fails: TypeError
# left out: sha: hash
# left out: packer: ompress
# left out: struct_of: Struct
# check: digest == "ba7816bf"
import hashlib, struct, zlib
sha = hashlib.sha256(b"abc")
digest = sha.hexdigest()[:8]
packer = zlib.compressobj()
struct_of = struct.Struct("<H")

#### trees_and_parsers
# dill: dump fails: TypeError
# left out: push_parser: xmlparser
# check: root_element.find("a").text == "1" and settings_file["s"]["k"] == "v"
import configparser
import xml.etree.ElementTree as ET
from xml.parsers import expat
root_element = ET.fromstring("<r><a>1</a></r>")
push_parser = expat.ParserCreate()
settings_file = configparser.ConfigParser()
settings_file.read_string("[s]\nk=v")

#### zones_by_name
# dill: fine
# check: berlin is zoneinfo.ZoneInfo("Europe/Berlin") and summer.utcoffset().seconds == 7200
import datetime, zoneinfo
berlin = zoneinfo.ZoneInfo("Europe/Berlin")
summer = datetime.datetime(2024, 7, 1, tzinfo=berlin)

#### contexts_and_stacks
# dill: fine
# check: enter_it() == "in" and suppressing.__class__ is contextlib.suppress
import contextlib
@contextlib.contextmanager
def entering(): yield "in"
def enter_it():
    with entering() as value: return value
suppressing = contextlib.suppress(KeyError)

#### finalizers
# dill: fine
# left out: finalizer: finalize
# check: finalized.n == 1
import weakref
class Finalized: n = 1
finalized = Finalized()
finalizer = weakref.finalize(finalized, int)

#### temporary_folder
# dill: fine
# left out: scratch: TemporaryDirectory
# check: scratch_name
import tempfile
scratch = tempfile.TemporaryDirectory()
scratch_name = scratch.name
