//! A save is as deterministic as Python: the same script under the same `PYTHONHASHSEED` gives the same bytes, and the
//! same index except for times. So a snapshot can be cached by its hash, and snapshots can be compared.

use std::fs;

use serde_json::Value;

use crate::env::{Sandbox, Stack, pythons, venv};

/// Objects that dill pickles, strings in sets, shared, failing and large objects. It has no set of plain instances,
/// which Python orders by their addresses.
const SCRIPT: &str = "
import collections, dataclasses, functools, math, threading, typing
import numpy as np
words = {f'word {n}' for n in range(50)}
frozen = frozenset({'a', 'b', ('c', 1), frozenset({'d', 'e'})})
counts = collections.Counter('a text with letters')
class Base:
    limit: int = 3
    names = {'x', 'y', 'z'}
    def method(self): return len(words), self.limit
    @property
    def half(self): return self.limit / 2
    @classmethod
    def make(cls): return cls()
    @staticmethod
    def twice(n): return 2 * n
class Heir(Base):
    __slots__ = ('left', 'right')
    def method(self): return super().method()
@dataclasses.dataclass
class Record:
    first: int = 0
    second: list = dataclasses.field(default_factory=list)
Point = collections.namedtuple('Point', 'x y')
class Named(typing.NamedTuple):
    one: int
    two: str = 'two'
heir = Heir(); heir.left, heir.extra = words, [1.5, None]
records = [Record(n, [str(n)] * n) for n in range(20)]
point, named = Point(1, 2), Named(1)
def closure(n, more={'k': words}):
    def inner(x): return closure(x) if x else math.sqrt(n + len(more))
    return inner
inner = closure(4)
partial = functools.partial(inner, 0)
lines = lambda *a, k={'p', 'q', 'r'}, **o: sorted(k & words)
array = np.arange(300_000, dtype='f4').reshape(3, -1)
fortran, odd = np.asfortranarray(array), np.array([1, 'two', words], dtype=object)
table = {f'key {n}': [n, n / 3, str(n), array] for n in range(300)}
cycle = [table]; cycle.append(cycle)
lock = threading.Lock()
generator = (m for n in range(3) for m in range(n)); next(generator)
holder = [words, {'bad': generator}]
method, getter = heir.method, Base.half.fget
module = math
";

/// The pickle, and the index without its times. The hash of the index is in the trailer.
fn parts(sandbox: &Sandbox, name: &str) -> (Vec<u8>, Value) {
    let bytes = fs::read(sandbox.work().join(name)).unwrap();
    let trailer = &bytes[bytes.len() - 96..];
    let number = |at: usize| u64::from_le_bytes(trailer[at..at + 8].try_into().unwrap()) as usize;
    let (offset, length) = (number(8), number(16));
    let mut index: Value = serde_json::from_slice(&bytes[offset..offset + length]).unwrap();
    for time in ["/created", "/script/seconds"] {
        *index.pointer_mut(time).unwrap() = Value::Null;
    }
    (bytes[..offset].to_vec(), index)
}

#[test]
fn the_same_script_gives_the_same_bytes() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", SCRIPT);
        let names = ["first.pkl", "second.pkl", "third.pkl"];
        for name in names {
            let call = sandbox.call_snapcli(&["save", "-q", "-o", name, "script.py"]);
            call.env("PYTHONHASHSEED", "7").run().assert_code(0);
        }
        let [(first, index), others @ ..] = names.map(|name| parts(&sandbox, name));
        assert_eq!(index["left_out"].as_array().unwrap().len(), 1, "{:#}", index["left_out"]);
        for (bytes, other) in others {
            let offset = first.iter().zip(&bytes).position(|(left, right)| left != right);
            let near = offset.map(|offset| first[offset.saturating_sub(60)..][..90].escape_ascii().to_string());
            let lengths = (first.len(), bytes.len());
            assert!(first == bytes, "with {}: differ at {offset:?}, {near:?}; {lengths:?}", python.label());
            assert_eq!(index, other, "with {}", python.label());
        }
    }
}
