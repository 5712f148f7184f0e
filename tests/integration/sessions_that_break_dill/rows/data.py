#### circular_references
# dill: fine
# check: ring[1] is ring and loop_dict["me"] is loop_dict and loop_tuple[0][0] is loop_tuple and node.next.next is node
ring = [1]; ring.append(ring)
loop_dict = {}; loop_dict["me"] = loop_dict
loop_tuple = ([],); loop_tuple[0].append(loop_tuple)
class Node: pass
node = Node(); node.next = Node(); node.next.next = node

#### deep_nesting
# seen: dill#84
# dill: dump fails: RecursionError
# check: depth_of(deep_list) == 20001 and linked_length(chain_head) == 3000
def depth_of(x):
    depth = 1
    while x: x = x[0]; depth += 1
    return depth
deep_list = []
for _ in range(20000): deep_list = [deep_list]
class Link: pass
chain_head = None
for _ in range(3000):
    link = Link(); link.next = chain_head; chain_head = link
del link
def linked_length(x):
    length = 0
    while x is not None: x = x.next; length += 1
    return length

#### shared_objects
# dill: fine
# check: left_of is right_of and [left_of, right_of] == pair_of and pair_of[0] is left_of
left_of = right_of = [1]
pair_of = [left_of, right_of]

#### huge_and_odd_numbers
# dill: fine
# check: huge == 7 ** 20000 and minus == -2 ** 4000 and nan != nan and str(zero) == "-0.0" and imaginary == 1j and big_float == float("inf")
huge, minus = 7 ** 20000, -2 ** 4000
nan, zero, imaginary, big_float = float("nan"), -0.0, 1j, float("inf")

#### surrogates_and_nulls
# dill: fine
# check: lone == "a\udc80" and null == "a\0b" and raw == b"\0\xff" and table_of[lone] == null
lone, null, raw = "a\udc80", "a\0b", b"\0\xff"
table_of = {lone: null}

#### weak_references
# seen: dill#132
# dill: fine
# check: weak() is strong_target and proxy_of.n == 5
import weakref
class Target: n = 5
strong_target = Target()
weak = weakref.ref(strong_target)
proxy_of = weakref.proxy(strong_target)

#### weak_dictionaries
# dill: dump fails: TypeError
# check: weak_keys[kept_target] == "v" and kept_target in weak_set
import weakref
class Kept: pass
kept_target = Kept()
weak_values = weakref.WeakValueDictionary(k=kept_target)
weak_keys = weakref.WeakKeyDictionary({kept_target: "v"})
weak_set = weakref.WeakSet([kept_target])

#### dead_weak_reference
# dill: fine
# check: dead() is None
import weakref
class Mortal: pass
dead = weakref.ref(Mortal())

#### iterators
# dill: fine
# check: (next(it_list), next(it_zip), next(it_count), next(it_chain), next(it_range), next(it_enum)) == (2, (1, 3), 5, 1, 1, (0, "a"))
import itertools
it_list = iter([1, 2, 3]); next(it_list)
it_zip = zip([1, 2], [3, 4])
it_count = itertools.count(5)
it_chain = itertools.chain([1], [2])
it_range = iter(range(3)); next(it_range)
it_enum = enumerate("ab")

#### regular_expressions
# dill: dump fails: TypeError
# left out: found: cannot pickle 're.Match' object
# check: pattern.match("ab12").group("n") == "12" and pattern.flags & re.I
import re
pattern = re.compile(r"(?P<w>[a-z]+)(?P<n>\d+)", re.I)
found = pattern.match("ab12")

#### decimals_fractions_and_contexts
# dill: fine
# check: price * 2 == Decimal("39.98") and third == Fraction(1, 3) and ctx.prec == 7 and ctx.divide(1, 3) == Decimal("0.3333333")
from decimal import Context, Decimal
from fractions import Fraction
price, third, ctx = Decimal("19.99"), Fraction(1, 3), Context(prec=7)

#### times_and_zones
# dill: fine
# check: when.utcoffset() == timedelta(hours=2) and when.tzinfo is own_zone and later_on - when == timedelta(days=1) and utc is timezone.utc and str(fixed) == "2024-02-29 12:00:00+00:00"
from datetime import datetime, timedelta, timezone, tzinfo
class OwnZone(tzinfo):
    def utcoffset(self, moment): return timedelta(hours=2)
    def dst(self, moment): return timedelta(0)
    def tzname(self, moment): return "OWN"
own_zone = OwnZone()
when = datetime(2024, 1, 1, tzinfo=own_zone)
later_on = when + timedelta(days=1)
utc = timezone.utc
fixed = datetime(2024, 2, 29, 12, tzinfo=timezone.utc)

#### paths_and_ids
# dill: fine
# check: folder / "x" == pathlib.Path("/tmp/x") and windows.drive == "C:" and str(ident) == "00000000-0000-0000-0000-000000000005" and address in network
import ipaddress, pathlib, uuid
folder, windows = pathlib.Path("/tmp"), pathlib.PureWindowsPath("C:/x")
ident = uuid.UUID(int=5)
address, network = ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("10.0.0.0/8")

#### collections_of_every_kind
# dill: fine
# check: dd["new"] == [0] and list(od) == ["b", "a"] and counter["x"] == 2 and dq.maxlen == 3 and cm["a"] == 1 and ns.a.b == 2 and frozen_view["k"] == 1 and arr.tolist() == [1, 2]
import array, collections, types
dd = collections.defaultdict(lambda: [0])
od = collections.OrderedDict(b=1, a=2)
counter = collections.Counter("xxy")
dq = collections.deque([1, 2, 3], maxlen=3)
cm = collections.ChainMap({"a": 1}, {"b": 2})
ns = types.SimpleNamespace(a=types.SimpleNamespace(b=2))
frozen_view = types.MappingProxyType({"k": 1})
arr = array.array("i", [1, 2])

#### views_of_dicts
# dill: fine
# check: list(view_keys) == ["a"] and list(view_values) == [1] and list(view_items) == [("a", 1)]
viewed = {"a": 1}
view_keys, view_values, view_items = viewed.keys(), viewed.values(), viewed.items()

#### exception_with_required_arguments
# seen: dill#241, pint#914
# dill: load fails: TypeError
# check: failure.code == 5 and failure.args == ("m",) and failures == [beside_failure, failure]
class Failure(Exception):
    def __init__(self, message, code):
        super().__init__(message)
        self.code = code
beside_failure = ["still here"]
failure = Failure("m", 5)
failures = [beside_failure, failure]

#### exception_with_its_traceback
# dill: fine
# check: str(caught_error) == "low" and type(caught_error.__context__) in (KeyError, type(None)) and caught_error.extra == 5
caught_error = None
try:
    try: {}["k"]
    except KeyError as first_error: raise ValueError("low") from first_error
except ValueError as second_error:
    caught_error = second_error
    caught_error.extra = 5

#### traceback_and_frame
# dill: dump fails: TypeError
# left out: trace: cannot pickle 'traceback' object
# left out: frame_of: cannot pickle 'frame' object
# check: kept_text == "division by zero"
import sys
try: 1 / 0
except ZeroDivisionError as division: trace, kept_text = division.__traceback__, str(division)
frame_of = sys._getframe()

#### exception_group
# since: 3.11
# dill: fine
# check: [type(e).__name__ for e in group.exceptions] == ["ValueError", "KeyError"]
group = ExceptionGroup("both", [ValueError(1), KeyError(2)])

#### random_states
# dill: fine
# check: rng.random() == expected_random and seeded.getstate() is not None
import random
rng = random.Random(5)
seeded = random.Random(5)
expected_random = random.Random(5).random()

#### numpy_scalars_and_subclasses
# dill: fine
# check: scalar == np.float32(1.5) and type(scalar) is np.float32 and stamp == np.datetime64("2024-01-01") and labelled.label == "l" and type(labelled) is Labelled and labelled.tolist() == [1, 2] and flag is np.True_
import numpy as np
class Labelled(np.ndarray):
    def __new__(cls, data, label):
        made = np.asarray(data).view(cls)
        made.label = label
        return made
    def __array_finalize__(self, other): self.label = getattr(other, "label", None)
    def __reduce__(self):
        function, arguments, state = super().__reduce__()
        return function, arguments, (*state, self.label)
    def __setstate__(self, state):
        super().__setstate__(state[:-1])
        self.label = state[-1]
scalar, stamp, flag = np.float32(1.5), np.datetime64("2024-01-01"), np.bool_(True)
labelled = Labelled([1, 2], "l")

#### numpy_masked_and_structured
# dill: fine
# differs: rec
# check: masked.mask.tolist() == [False, True] and masked.sum() == 1 and people["age"].tolist() == [3] and people.dtype.names == ("name", "age") and rec.age[0] == 3
import numpy as np
masked = np.ma.array([1, 2], mask=[0, 1])
people = np.array([("a", 3)], dtype=[("name", "U5"), ("age", "i4")])
rec = people.view(np.recarray)

#### numpy_arrays_of_objects
# dill: fine
# check: objects[0] is inside_objects and objects[1](2) == 3 and zero_d.shape == () and fortran.flags.f_contiguous and strided.tolist() == [0, 2, 4]
import numpy as np
inside_objects = {"a": 1}
objects = np.array([inside_objects, lambda x: x + 1], dtype=object)
zero_d, fortran, strided = np.array(5), np.asfortranarray(np.ones((2, 3))), np.arange(6)[::2]

#### numpy_generators_and_functions
# dill: fine
# check: generator.integers(10 ** 9) == expected_draw and root(9.0) == 3.0 and vectorized([1, 2]).tolist() == [2, 3]
import numpy as np
generator = np.random.default_rng(5)
expected_draw = np.random.default_rng(5).integers(10 ** 9)
root = np.sqrt
vectorized = np.vectorize(lambda x: x + 1)

#### numpy_views
# note: as in every pickle, a view comes back as an array of its own
# dill: fine
# check: base_array.tolist() == [0, 1, 2] and view_of.tolist() == [0, 1]
import numpy as np
base_array = np.arange(3)
view_of = base_array[:2]
