"""Classes and functions that are defined twice, each with an object of the first version. Compares what they answer
with what they answer after a load, by snapcli and by dill."""

import abc
import collections
import dataclasses
import enum
import re
import typing

import dill
import snapcli

# Each: the definition with a hole, what is put into it for the two versions, how an object is made, what it answers.
KINDS = {
    "list_default": ("class K:\n  def m(self, q=[]): return {}", ("7", "2"), "K()", "o.m()"),
    "dict_default": ("class K:\n  def m(self, q={{'a': {}}}): return q", ("7", "2"), "K()", "o.m()"),
    "keyword_default": ("class K:\n  def m(self, *, q=[{}]): return q", ("7", "2"), "K()", "o.m()"),
    "other_signature": ("class K:\n  def m(self, {}): return 1", ("q=[]", "r=[], s=2"), "K()", "o.m.__func__.__code__.co_varnames"),
    "list_attribute": ("class K:\n  opts = [{}]", ("7", "2"), "K()", "o.opts"),
    "dict_attribute": ("class K:\n  opts = {{'lr': {}}}", ("7", "2"), "K()", "o.opts"),
    "object_attribute": ("class P:\n  v = {}\nclass K:\n  p = P()", ("7", "2"), "K()", "o.p.v"),
    "constant_attribute": ("class K:\n  opts = {}", ("7", "2"), "K()", "o.opts"),
    "method_attribute": ("class K:\n  def m(self): pass\n  m.tag = [{}]", ("7", "2"), "K()", "o.m.tag"),
    "static": ("class K:\n  @staticmethod\n  def m(q=[]): return {}", ("7", "2"), "K()", "o.m()"),
    "class_method": ("class K:\n  @classmethod\n  def m(cls, q=[]): return {}", ("7", "2"), "K()", "o.m()"),
    "property": ("class K:\n  @property\n  def m(self): return [{}]", ("7", "2"), "K()", "o.m"),
    "call": ("class K:\n  def __call__(self, q={{}}): return {}", ("7", "2"), "K()", "o()"),
    "slots": ("class K:\n  __slots__ = ('a',)\n  def m(self, q=[]): return {}", ("7", "2"), "K()", "o.m()"),
    "equal": ("class K:\n  def m(self, q=[]): return {}", ("7", "7"), "K()", "o.m()"),
    "subclass": ("class B:\n  def m(self, q=[]): return {}\nclass K(B): pass", ("7", "2"), "K()", "o.m()"),
    "nested": ("class K:\n  class I:\n    v = [{}]", ("7", "2"), "K()", "o.I.v"),
    "metaclass": ("class M(type):\n  v = [{}]\nclass K(metaclass=M): pass", ("7", "2"), "K()", "type(o).v"),
    "abstract": ("class K(abc.ABC):\n  def m(self, q=[]): return {}", ("7", "2"), "K()", "o.m()"),
    "error": ("class K(Exception):\n  def m(self, q=[]): return {}", ("7", "2"), "K('x')", "(o.args, o.m())"),
    "dataclass": ("@dataclasses.dataclass\nclass K:\n  v: list = dataclasses.field(default_factory=lambda: [{}])", ("7", "2"), "K()", "(o.v, type(o)().v)"),
    "frozen": ("@dataclasses.dataclass(frozen=True)\nclass K:\n  v: int = 1\n  def m(self, q=[]): return {}", ("7", "2"), "K()", "o.m()"),
    "enumeration": ("class K(enum.Enum):\n  A = 1\n  def m(self, q=[]): return {}", ("7", "2"), "K.A", "(o.m(), type(o).A is o)"),
    "values": ("class K(enum.Enum):\n  A = {}", ("1", "2"), "K.A", "o.value"),
    "record": ("class K(typing.NamedTuple):\n  a: int\n  def m(self, q=[]): return {}", ("7", "2"), "K(1)", "(o.a, o.m())"),
    "generic": ("T = typing.TypeVar('T')\nclass K(typing.Generic[T]):\n  def m(self, q=[]): return {}", ("7", "2"), "K()", "o.m()"),
    "closure": ("def build(v):\n  class K:\n    def m(self, q=[]): return v\n  return K\nK = build({})", ("[7]", "[2]"), "K()", "o.m()"),
    "dictionary": ("class K(dict):\n  def m(self, q=[]): return {}", ("7", "2"), "K(a=1)", "(dict(o), o.m())"),
    "ordered": ("class K(collections.OrderedDict):\n  opts = {{'a': {}}}", ("7", "2"), "K()", "o.opts"),
    "function": ("def K(q=[]): return {}", ("7", "2"), "K", "o()"),
}  # fmt: skip

# Of each kind: an object of the first version, and one of the second. Each kind has names of its own, and the last
# version is a variable that comes before both objects.
for kind, (definition, versions, constructor, _) in KINDS.items():
    for which, version in zip(("first", "second"), versions):
        code = definition.format(version) + f"\n{which} = {constructor}\n"
        exec(re.sub(r"\b([BKMP]|first|second)\b", rf"\g<0>_{kind}", code), globals())


def answers(namespace):
    found = {}
    for kind, (_, _, _, ask) in KINDS.items():
        objects = namespace[f"first_{kind}"], namespace[f"second_{kind}"]
        found[kind] = [eval(ask, {"o": o}) for o in objects]
        # Whether they have one class, and whether the variable is the class of the second one.
        types = [type(o) for o in objects]
        found[kind] += [types[0] is types[1], types[1] is namespace[f"K_{kind}"]]
    return found


def state():
    """What the objects answer, and whether the last definition of a function is still that of its object."""
    return answers(globals()), second_function is K_function


live = state()
snapcli.save("both.pkl")
for load in (snapcli.load_dict, dill.load_module_asdict):
    loaded = answers(load("both.pkl"))
    different = {kind: (loaded[kind], live[0][kind]) for kind in KINDS if loaded[kind] != live[0][kind]}
    assert not different, (load.__name__, different)
print(len(KINDS), "the same, also for dill")
