//! Objects that come back without a part of their state: one note for each kind at the save, and none for sessions in
//! which nothing is lost.

use crate::env::Sandbox;

#[test]
fn each_kind_of_loss_is_one_note() {
    let sandbox = Sandbox::new();
    sandbox.write("helper.py", "import functools\n@functools.lru_cache\ndef cached(x): return x * 2\n");
    let script = "
import functools, logging, re, threading
from helper import cached
logging.basicConfig(level=logging.INFO)
one, two = logging.getLogger('one'), logging.getLogger('two')
for logger in one, two: logger.addHandler(logging.StreamHandler())
quiet = logging.getLogger('quiet')
@functools.lru_cache
def square(n): return n * n
@functools.cache
def cube(n): return n ** 3
@functools.cache
def unused(n): return n
class Worker:
    log = one
    @functools.lru_cache
    def work(self, n): return n
worker = Worker()
square(3), cube(4), cached(1), worker.work(5)
held = [threading.Lock() for _ in range(9)]
held[3].acquire()
errors = []
for text in 'ab':
    try: int(text)
    except ValueError as error: errors.append(error)
";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    let notes: Vec<String> = run.err().lines().skip(1).map(str::to_owned).collect();
    let expected = [
        "snapcli: cached, square, cube, Worker, helper.cached: a cache with results will be restored empty",
        "snapcli: one, two, Worker: a logger will be restored by its name, without its handlers",
        "snapcli: held: a lock in it is held now and will be restored released",
        "snapcli: errors: an exception will be restored without its traceback",
        "snapcli: logging: the root logger will be restored without its handlers: configure logging again",
    ];
    for line in expected {
        let (names, note) = line.split_once(": ").and_then(|(_, rest)| rest.split_once(": ")).unwrap();
        let found: Vec<&String> = notes.iter().filter(|found| found.ends_with(note)).collect();
        assert_eq!(found.len(), 1, "{note}\n{}", run.whole());
        for name in names.split(", ").filter(|name| !name.contains('.')) {
            assert!(found[0].contains(name), "no {name} in {}", found[0]);
        }
    }
    assert_eq!(notes.len(), expected.len(), "{}", run.whole());
    // It is as the notes say.
    let code = "print(one.handlers, square.cache_info().currsize, cached.cache_info().currsize, \
                held[3].locked(), errors[0].__traceback__)";
    sandbox.snapcli(&["restore", "session.pkl", "-c", code]).assert_stdout("[] 0 0 False None\n");
}

#[test]
fn sessions_that_lose_nothing_have_no_notes() {
    let sandbox = Sandbox::new();
    let script = "
import collections, contextlib, enum, functools, io, itertools, json, logging, queue, random, re, threading, weakref
from unittest import mock
log = logging.getLogger(__name__)
logging.getLogger('a.library').addHandler(logging.NullHandler())
@functools.lru_cache
def never_called(n): return n
class Kept: 
    @functools.cached_property
    def value(self): return [1]
kept = Kept(); kept.value
waiting = queue.Queue(); waiting.put(1)
event = threading.Event(); event.set()
lock, condition, semaphore = threading.Lock(), threading.Condition(), threading.Semaphore(3)
steps = iter([1, 2, 3]); next(steps)
cycle = itertools.cycle([1, 2]); next(cycle)
text = io.StringIO('abc'); text.read(1)
reference = weakref.ref(kept)
names = weakref.WeakValueDictionary(kept=kept)
numbers = random.Random(3); numbers.random()
double = mock.Mock(); double(1)
failed = ValueError('made, not raised')
pattern = re.compile('a+')
";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    assert_eq!(run.err().lines().count(), 1, "{}", run.whole());
    let code = "print(kept.__dict__, waiting.qsize(), event.is_set(), next(steps), next(cycle), text.read(), \
                reference() is kept, names['kept'] is kept, double.call_count)";
    let expected = "{'value': [1]} 1 True 2 2 bc True True 1\n";
    sandbox.snapcli(&["restore", "session.pkl", "-c", code]).assert_stdout(expected);
}

#[test]
fn code_of_expressions_on_one_line_prints_their_values() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-c", "a = [3, 4]"]).assert_code(0);
    for (code, expected) in [
        ("sum(a); type(a)", "7\n<class 'list'>\n"),
        ("a", "[3, 4]\n"),
        ("b = 2; a + [b]", ""),
        ("len(a)\na[0]", ""),
        ("a.append(5); a", "[3, 4, 5]\n"),
        ("for x in a: x\n", ""),
        ("print(a)", "[3, 4]\n"),
        ("x = 1", ""),
        ("None", ""),
        ("from __future__ import annotations\nx: y = 2; x", ""),
        ("a; _[0]", "[3, 4]\n3\n"),
        ("", ""),
        ("# nothing", ""),
        ("max(\n  a\n)", "4\n"),
    ] {
        sandbox.snapcli(&["restore", "session.pkl", "-c", code]).assert_stdout(expected).assert_code(0);
    }
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "x = 1\na[9]; a"]);
    run.assert_code(1).assert_stdout("");
    assert!(run.err().contains("line 2") && run.err().contains("IndexError"), "{}", run.whole());
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "a b"]);
    assert!(run.err().contains("SyntaxError"), "{}", run.whole());
    // A script is run as python runs it.
    sandbox.snapcli(&["save", "-q", "-c", "a = 1; a"]).assert_stdout("").assert_code(0);
}
