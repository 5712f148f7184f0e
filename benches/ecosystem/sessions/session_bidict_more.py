"""Collections of small libraries: bidict, frozendict, immutables, more-itertools, pyrsistent and toolz."""

import bidict
import frozendict
import immutables
import more_itertools
import pyrsistent
import toolz
from toolz.curried import get

both = bidict.bidict({"a": 1, "b": 2})
frozen = frozendict.frozendict(x=1, y=(2, 3))
shared = immutables.Map(a=1).set("b", 2)
bucket = more_itertools.bucket(["a1", "b1", "a2"], key=lambda word: word[0])
vector = pyrsistent.pvector([1, 2]).append(3)
record = pyrsistent.freeze({"a": [1, {"b": 2}]})
pipeline = toolz.compose(toolz.curry(map, lambda n: n + 1), get("ns"))

CHECKS = {
    "both": "dict(both), dict(both.inverse), both.inverse[2]",
    "frozen": "dict(frozen), hash(frozen) == hash(frozendict.frozendict(x=1, y=(2, 3))), type(frozen).__name__",
    "shared": "sorted(shared.items()), sorted(shared.delete('a')), type(shared).__name__",
    "bucket": "type(bucket).__name__, bucket._key('xy')",
    "vector": "list(vector), list(vector.set(0, 9)), type(vector).__name__",
    "record": "pyrsistent.thaw(record), type(record['a']).__name__, record.set('c', 1)['c']",
    "pipeline": "list(pipeline({'ns': [1, 2]}))",
}
