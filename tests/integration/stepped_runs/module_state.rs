//! The state of the project's own modules comes back: attributes of classes and functions, and modules that only a
//! function imports.

use super::{LOOP, STEPS, run_to_the_end};
use crate::env::Sandbox;

/// Runs a script with the modules `parts` and `inner` until it ends. Checks that it prints the same as without
/// interruption. Returns what the first process has printed to standard error.
fn assert_same(parts: &str, inner: &str, script: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.write("parts.py", parts);
    sandbox.write("inner.py", inner);
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "");
    let expected = sandbox.python(&["script.py"]);
    expected.assert_code(0);
    let runs = run_to_the_end(&sandbox, &[], 2);
    assert!(runs.len() == 2 && runs[1].err().contains("resuming at line"), "{}", runs[0].whole());
    assert_eq!(runs[1].out(), expected.out(), "{script}\n{}", runs[0].whole());
    runs[0].err()
}

#[test]
fn containers_and_objects_on_classes_come_back() {
    let parts = "
import collections
class Registry:
    known, order, names, count = {}, [], set(), collections.Counter()
    nested = {'a': [1], 'b': {}}
    class Inner:
        values = []
    unchanged = [object()]
class Single:
    _instance = None
    def __new__(cls):
        if cls._instance is None:
            cls._instance = super().__new__(cls)
            cls._instance.total = 0
        return cls._instance
def tally(n):
    tally.seen.append(n)
tally.seen = []
";
    let script = format!(
        "
from parts import Registry, Single, tally
def step(n):
    Registry.known[n] = Registry
    Registry.order.append(n)
    Registry.names.add(n)
    Registry.count[n % 2] += 1
    Registry.nested['b'][n] = n
    Registry.nested['a'][0] += n
    Registry.Inner.values.append(n)
    Registry.late = [n]
    Single().total += n
    tally(n)
Registry.patched = staticmethod(lambda n: n + 1)
{LOOP}
print(Registry.known, Registry.order, Registry.names, Registry.count, Registry.nested, Registry.Inner.values)
print(Registry.late, Registry.patched(1), Single().total, Single() is Single._instance, tally.seen)
"
    );
    assert_same(parts, "", &script);
}

#[test]
fn modules_that_only_functions_import_come_back() {
    let parts = "
def put(n):
    import inner
    inner.seen.append(n)
    inner.Total.add(n)
def show():
    import inner
    print(inner.seen, inner.Total.value, inner.Total.log)
";
    let inner = "
seen = []
class Total:
    value, log = 0, []
    @classmethod
    def add(cls, n):
        cls.value += n
        cls.log.append(n)
";
    assert_same(parts, inner, &format!("import parts\nstep = parts.put\n{LOOP}\nparts.show()\n"));
}

#[test]
fn what_of_a_module_does_not_come_back_is_named() {
    let parts = "
import sqlite3
conn = None
class Pool:
    connections, names = [], []
def connect(n):
    global conn
    if conn is None:
        conn = sqlite3.connect(':memory:')
    Pool.connections[:] = [conn]
    Pool.names.append(n)
";
    let err = assert_same(parts, "", &format!("import parts\nstep = parts.connect\n{LOOP}\nprint(parts.Pool.names)\n"));
    for name in ["parts.conn (sqlite3.Connection)", "parts.Pool.connections (list)"] {
        let text = format!("{name} cannot be saved");
        assert!(err.contains(&text) && err.contains("as the import of its module makes it"), "{err}");
    }
}

#[test]
fn a_module_with_state_that_would_be_lost_keeps_checkpoints_from_being_made() {
    let sandbox = Sandbox::new();
    sandbox.write("parts.py", "import hashlib\nmd5 = hashlib.md5()\n");
    sandbox.write("processes", "x");
    let script = "import parts\nfor n in range(3):\n    parts.md5.update(b'x')\n    checkpoint()\n";
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let err = sandbox.snapcli(&["run", "script.py"]).assert_code(0).err();
    assert!(
        err.contains("no checkpoint for now: parts.md5") && err.contains("what it has hashed would be lost"),
        "{err}"
    );
}

#[test]
fn sentinels_of_modules_keep_their_identity() {
    let parts = "
MISSING = object()
class Unset: pass
UNSET = Unset()
class Opts:
    DEFAULT = object()
class Stop(Exception): pass
STOP = Stop('x')
def lookup(known, key, default=MISSING): return known.get(key, default)
def check(value, stop=STOP, unset=UNSET): return value is stop, value is unset
def marker():
    marker.token = getattr(marker, 'token', None) or object()
    return marker.token
";
    let script = format!(
        "
import parts
from parts import MISSING, lookup
values, token = [lookup({{}}, 'a'), parts.Opts.DEFAULT, parts.STOP, parts.UNSET], parts.marker()
seen = []
def step(n):
    seen.append((lookup({{}}, n) is MISSING, values[0] is parts.MISSING, values[1] is parts.Opts.DEFAULT,
                 parts.check(values[2]), parts.check(values[3]), token is parts.marker()))
{LOOP}
print(seen)
"
    );
    assert_same(parts, "", &script);
}
