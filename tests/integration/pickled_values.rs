//! What the pickler makes of values: deep, long, endless and changing ones, shared objects, and large buffers.

use std::fs;

use crate::env::{Sandbox, Stack, pythons, venv};
use crate::saving::saved;

#[test]
fn a_failing_variable_leaves_shared_objects_intact() {
    let sandbox = Sandbox::new();
    let script = "
import socket
shared = ['shared']
before = {'shared': shared}
fails = [shared, ['only here'], socket.socket()]
only_here = fails[1]
after = (shared, fails[1])
";
    saved(&sandbox, script, &["--whole"]);
    let check = "print(before['shared'] is shared, after[0] is shared, after[1] is only_here, 'fails' in globals())";
    sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout("True True True False\n");
}

#[test]
fn a_list_nested_a_million_deep_is_saved() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = "
class Link:
    def __init__(self, following): self.following = following
deep, table, pair, chain = [], {}, (), None
for _ in range(1_000_000):
    deep, table, pair, chain = [deep], {'k': table}, (pair,), Link(chain)
";
        sandbox.write("script.py", script);
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        let count = "
depths = []
first = lambda x: x[0]
for value, step in ((deep, first), (table, lambda x: x['k']), (pair, first), (chain, lambda x: x.following)):
    depth = 0
    while value: value, depth = step(value), depth + 1
    depths.append(depth)
print(depths)
";
        let run = sandbox.snapcli(&["restore", "session.pkl", "-c", count]);
        run.assert_stdout("[1000000, 1000000, 1000000, 1000000]\n");
    }
}

#[test]
fn objects_that_mutate_the_session_during_the_save_do_no_harm() {
    let sandbox = Sandbox::new();
    let script = "
class Changes:
    def __init__(self, change): self.change = change
    def __reduce__(self):
        self.change()
        return int, ()
grows = []
grows.append(Changes(lambda: grows.append([1])))
empties = [[n] for n in range(5)]
empties.insert(2, Changes(empties.clear))
shrinks = {n: [n] for n in range(5)}
shrinks['bad'] = Changes(lambda: shrinks.pop(0))
good = [1, 2]
";
    saved(&sandbox, script, &["--exclude", "Changes"]);
    let run =
        sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", "grows, empties, good, 'shrinks' in globals()"]);
    run.assert_stdout("([0, [1]], [[0], [1], 0], [1, 2], False)\n").assert_code(0);
}

#[test]
fn objects_reached_again_through_another_object_stay_shared() {
    let sandbox = Sandbox::new();
    let script = "
class Owner:
    def __init__(self):
        self.data, self.table, self.pair = [1, 2], {'k': [3]}, ([4], 5)
        self.view = View(self)
class View:
    def __init__(self, owner): self.owner = owner
    def __getstate__(self):
        owner = self.owner
        return {'owner': owner, 'data': owner.data, 'table': owner.table, 'pair': owner.pair}
owner = Owner()
";
    saved(&sandbox, script, &[]);
    let check = "
v = owner.view
print(v.data is owner.data, v.table is owner.table, v.pair is owner.pair, v.owner is owner)
";
    sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", check]).assert_stdout("True True True True\n");
}

#[test]
fn endless_recursion_while_pickling_is_an_error_and_not_a_crash() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = "
import snapcli
class Endless:
    def __reduce__(self): return bytes, (snapcli.dumps(self),)
try:
    snapcli.dumps(Endless())
except RecursionError as error:
    print(error)
endless, fine = Endless(), [1]
";
        let run = saved(&sandbox, script, &[]);
        run.assert_stdout("maximum recursion depth exceeded while pickling\n");
        assert!(run.err().contains("endless (__main__.Endless, line 9): RecursionError"), "{}", run.whole());
        sandbox.snapcli(&["restore", "session.pkl", "-c", "fine"]).assert_stdout("[1]\n");
    }
}

#[test]
fn large_buffers_are_aligned_and_at_the_offsets_in_the_index() {
    let sandbox = Sandbox::new();
    let script = "
import numpy as np
small = 'x' * 17
a = np.arange(20000.0)
b = [a, bytearray(b'ab' * 50000), bytes(70001)]
c = np.asfortranarray(np.arange(40000.0).reshape(200, 200))
";
    saved(&sandbox, script, &[]);
    let index = sandbox.snapcli(&["inspect", "--json"]).json();
    let file = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let mut found = Vec::new();
    for variable in index["variables"].as_array().unwrap() {
        for buffer in variable["buffers"].as_array().into_iter().flatten() {
            let (offset, length) = (buffer["offset"].as_u64().unwrap(), buffer["bytes"].as_u64().unwrap());
            assert_eq!(offset % 64, 0, "{buffer}");
            let bytes = &file[offset as usize..(offset + length) as usize];
            found.push((variable["name"].as_str().unwrap().to_owned(), length, bytes[8..10].to_vec()));
        }
    }
    // Buffers of `bytes` and `bytearray` objects are not listed: a memoryview would not restore their type.
    let expected = [("a", 160_000, [0, 0]), ("c", 320_000, [0, 0])];
    let found: Vec<_> =
        found.iter().map(|(name, length, bytes)| (name.as_str(), *length, [bytes[0], bytes[1]])).collect();
    assert_eq!(found, expected);
    let check = "a.sum(), b[0] is a, bytes(b[1][-2:]), len(b[2]), c.flags.f_contiguous, c[3, 5]";
    let expected = "(np.float64(199990000.0), True, b'ab', 70001, True, np.float64(605.0))\n";
    sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", check]).assert_stdout(expected);
}

#[test]
fn a_variable_that_fails_half_written_leaves_no_trace() {
    let sandbox = Sandbox::new();
    let script = "
import numpy as np
good = [1]
class Bad:
    def __reduce__(self): raise ValueError('no')
half = [np.arange(100000.0), list(range(500000)), good, Bad()]
after = [good, half[1][:3]]
";
    saved(&sandbox, script, &["--whole", "--exclude", "Bad", "--exclude", "np"]);
    let size = fs::metadata(sandbox.work().join("session.pkl")).unwrap().len();
    assert!(size < 5000, "{size} bytes");
    let check = "after, after[0] is good, 'half' in globals()";
    let run = sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", check]);
    run.assert_stdout("([[1], [0, 1, 2]], True, False)\n");
}

#[test]
fn pickling_stops_as_soon_as_a_variable_exceeds_max_size() {
    let sandbox = Sandbox::new();
    // The items never end, and none is requested after the limit.
    let script = "
class Endless:
    def __reduce__(self): return list, (), None, iter(int, 1)
endless = Endless()
fine = [1]
";
    let run = saved(&sandbox, script, &["--max-size", "3M"]);
    assert!(run.err().contains("left out endless: larger than --max-size 3000000"), "{}", run.whole());
    sandbox.snapcli(&["restore", "session.pkl", "-c", "fine"]).assert_stdout("[1]\n");
}

#[test]
fn a_reduce_that_creates_objects_endlessly_is_reported_by_name() {
    let sandbox = Sandbox::new();
    let script = "
class Endless:
    def __reduce__(self): return list, ([Endless()],)
endless = Endless()
fine = [1]
";
    let run = saved(&sandbox, script, &[]);
    assert!(
        run.err().contains("endless (__main__.Endless, line 4): RecursionError: nested more than"),
        "{}",
        run.whole()
    );
    sandbox.snapcli(&["restore", "session.pkl", "-c", "fine"]).assert_stdout("[1]\n");
}

/// Long lists of one type, and some that only start like one. `expected` is the hash of all of them.
const UNIFORM: &str = "
N = 5000
bytes_ = [n % 200 - 100 for n in range(N)]
words = [n * 40 - 30000 for n in range(N)]
longs = [n << 20 for n in range(N)]
wide = [n << 50 for n in range(-N // 2, N // 2)]
beyond = [1 << 63] * N
bools = [True] * N
mixed = [*range(N), 'x']
floats = [n / 7 for n in range(N)] + [float('inf'), -0.0]
texts = [f'text {n} é' for n in range(N)]
shared_text = ['same text, twice'] * N
odd_texts = [f'\\ud800 {n}' for n in range(N)]
with_zero = [f'a\\0b {n}' for n in range(N)]
shared = [words, {'words': words, 'inner': [words[:], texts]}]
def packed():
    return [bytes_, words, longs, wide, beyond, bools, mixed, floats, texts, shared_text, odd_texts, with_zero]
import hashlib
expected = hashlib.sha256(repr(packed()).encode('utf-8', 'surrogatepass')).hexdigest()
";

#[test]
fn long_lists_of_one_type_are_restored_unchanged_also_by_plain_dill() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        saved(&sandbox, UNIFORM, &[]);
        let check = "
assert hashlib.sha256(repr(packed()).encode('utf-8', 'surrogatepass')).hexdigest() == expected
assert shared[0] is words is shared[1]['words']
assert shared[1]['inner'][1] is texts and shared[1]['inner'][0] is not words
assert shared_text[0] is shared_text[-1] and {type(item) for item in bools} == {bool}
words.append(1); assert shared[0][-1] == 1
print('same')
";
        sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", check]).assert_stdout("same\n");
        let plain = format!("import dill; dill.load_module('session.pkl')\n{check}");
        sandbox.python(&["-c", &plain]).assert_stdout("same\n");
        sandbox.snapcli(&["verify", "session.pkl"]).assert_code(0);
    }
}

#[test]
fn a_pickle_buffer_is_restored_as_bytes_as_with_pickle() {
    let sandbox = Sandbox::new();
    let script = "
import pickle, numpy as np
own = pickle.PickleBuffer(b'x' * 100_000)
inside = [pickle.PickleBuffer(bytearray(100_000)), np.arange(20_000)]
";
    saved(&sandbox, script, &[]);
    let check = "type(own) is bytes, type(inside[0]) is bytearray, len(inside[0]), inside[1][-1]";
    let run = sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", check]);
    run.assert_stdout("(True, True, 100000, np.int64(19999))\n");
}
