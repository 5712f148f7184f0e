#### functions_of_an_exec_namespace
# seen: dill#466
# dill: wrong
# check: bump.__globals__ is both.__globals__ is namespace and (bump(), both(), namespace["n"]) == (3, 4, 4)
# restored only: the check counts
namespace = {}
exec("n = 0\ndef bump():\n    global n\n    n += 1\n    return n\ndef both(): return bump()", namespace)
bump, both = namespace["bump"], namespace["both"]
bump(); bump()

#### exec_namespace_after_its_functions
# differs: later
# dill: wrong
# check: add.__globals__ is later["names"] and add.__globals__ is twice.__globals__ and (add(1), twice(1)) == (6, 12)
def compiled():
    names = {"step": 5, "unused": None}
    exec("def add(x): return x + step\ndef twice(x): return 2 * add(x)", names)
    return names
add, twice = compiled()["add"], None
twice = add.__globals__["twice"]
later = {"names": add.__globals__, "items": list(add.__globals__)[:2]}

#### exec_namespace_with_what_cannot_be_pickled
# dill: dump fails: TypeError
# check: half(4) == 2 and set(half.__globals__) - {"__builtins__"} == {"math"}
# restored only: the namespace has more before the save
import math
names_of_half = {"math": math, "unused": (i for i in range(3))}
next(names_of_half["unused"])
exec("def half(x): return math.fsum([x]) / 2", names_of_half)
half = names_of_half.pop("half")
del names_of_half

#### class_of_an_exec_namespace
# dill: wrong
# check: type(tree.copy()) is Tree and copies() == 1 and Tree.copy.__globals__ is copies.__globals__
code = """
class Tree:
    def __init__(self, *kids): self.kids = kids
    def copy(self): return Tree(*self.kids)
def copies(): return len(Tree(1).copy().kids)
"""
space = {}
exec(code, space)
Tree, copies = space["Tree"], space["copies"]
tree = Tree()
del space

#### function_of_a_sandbox
# dill: wrong
# check: size([1, 2]) == "two"
box = {"__builtins__": {"len": lambda items: "two"}}
exec("def size(items): return len(items)", box)
size = box["size"]
del box

#### wrapper_of_the_standard_library
# dill: wrong
# check: tagged.__globals__ is contextlib.__dict__ and tagged.__module__ == "__main__" and Kept().tag().__enter__() == 1
import contextlib
@contextlib.contextmanager
def tagged(): yield 1
class Kept:
    @contextlib.contextmanager
    def tag(self): yield 1

#### submodules_that_the_script_imports
# dill: wrong
# check: tag("<a/>") == "a" and xml.sax.saxutils.escape("<") == "&lt;" and late() == "json.tool"
import xml.etree.ElementTree
import xml.sax.saxutils, json.tool
def tag(text): return xml.etree.ElementTree.fromstring(text).tag
def late(): return json.tool.__name__

#### names_from_a_module_with_another_name
# dill: fine
# check: list(Five()) == [5] and issubclass(Five, Sequence) and Sequence.__module__ == "collections.abc"
from _collections_abc import Sequence
class Five(Sequence):
    def __len__(self): return 1
    def __getitem__(self, index): return [5][index]

#### imported_live_objects
# dill: dump fails: TypeError
# check: modules is sys.modules and live_things.token is token and proxy() == "live" and use() == "live"
import sys
import live_things
from sys import modules
from live_things import token, proxy
def use(): return proxy()

## file live_things.py
import contextvars
class Proxy:
    def __init__(self): self.variable = contextvars.ContextVar("variable", default="live")
    def __call__(self): return self.variable.get()
token = contextvars.ContextVar("token")
proxy = Proxy()

#### sentinels_that_reduce_to_their_name
# dill: load fails: AttributeError
# check: get({}) == "none" and rows[0] is MISSING and Field.default is MISSING and repr(MISSING) == "MISSING"
class Sentinel:
    def __init__(self, name): self.name = name
    def __reduce__(self): return self.name
    def __repr__(self): return self.name
MISSING = Sentinel("MISSING")
def get(found, default=MISSING): return "none" if default is MISSING else default
class Field:
    default = MISSING
rows = [MISSING, 3]

#### sentinel_with_one_instance
# dill: load fails: AttributeError
# check: Unset() is UNSET is holder["unset"] and not UNSET and slotted_sentinel.value == 4 and text == "text"
class Unset:
    instance = None
    def __new__(cls):
        if cls.instance is None: cls.instance = super().__new__(cls)
        return cls.instance
    def __reduce__(self): return "UNSET"
    def __bool__(self): return False
UNSET = Unset()
holder = {"unset": UNSET}
class SlottedSentinel:
    __slots__ = ("value",)
    def __reduce__(self): return "slotted_sentinel"
slotted_sentinel = SlottedSentinel()
slotted_sentinel.value = 4
class Text(str):
    def __reduce__(self): return "text"
text = Text("text")
