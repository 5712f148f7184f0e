//! Objects that cannot be saved, and that their statement makes again: what they have in them comes back, or no
//! checkpoint is made.

use super::{LOOP, STEPS, assert_same, run_to_the_end};
use crate::env::Sandbox;

#[test]
fn an_object_with_a_connection_keeps_its_other_attributes() {
    for (class, end) in [
        (
            "def __init__(self):\n        self.conn, self.seen, self.gone = connect('a.db'), [], 1",
            "hasattr(it, 'gone')",
        ),
        (
            "__slots__ = ('conn', 'seen')\n    def __init__(self):\n        self.conn, self.seen = connect('a.db'), []",
            "0",
        ),
        (
            "def __init__(self):\n        self.conn, self.seen = connect('a.db'), []\n        \
             self.me, self.call = self, self.add",
            "it.me is it, it.call(7), it.call.__self__ is it",
        ),
    ] {
        let script = format!(
            "
from sqlite3 import connect
class Log:
    {class}
    def add(self, n):
        self.seen.append(n)
        if hasattr(self, '__dict__'):
            self.last = n
it = Log()
shared = it.seen
if hasattr(it, 'gone'):
    del it.gone
def step(n):
    it.add(n)
{LOOP}
print(it.seen, shared is it.seen, it.conn.execute('select 1').fetchone(), {end})
"
        );
        let runs = assert_same(&script, 2);
        assert!(runs[1].err().contains("again: it could not be saved"), "{class}\n{}", runs[1].err());
    }
}

#[test]
fn a_local_object_of_a_project_module_keeps_its_attributes() {
    let script = "
import sys
sys.path.insert(0, 'parts')
from logs import Log
def main():
    it = Log('a.db')
    for n in range(6):
        it.seen.append(n)
        if n == 1:
            checkpoint()
        if n == 3:
            kill(1)
    print(it.seen, it.conn.row_factory)
main()
";
    let sandbox = Sandbox::new();
    sandbox.write(
        "parts/logs.py",
        "import sqlite3\nclass Log:\n    def __init__(self, path):\n        \
         self.conn, self.seen = sqlite3.connect(path), []\n",
    );
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = super::run_to_the_end(&sandbox, &[], 2);
    assert_eq!(runs.len(), 2);
    runs[1].assert_stdout("[0, 1, 2, 3, 4, 5] None\n");
}

#[test]
fn settings_of_a_connection_come_back_and_calls_that_set_it_up_are_named() {
    let script = format!(
        "
import sqlite3
conn = sqlite3.connect('a.db')
conn.row_factory = sqlite3.Row
conn.create_function('double', 1, lambda x: 2 * x)
conn.execute('pragma case_sensitive_like = 1')
def step(n):
    pass
{LOOP}
print(conn.row_factory is sqlite3.Row, conn.execute('select double(4)').fetchone()[0])
"
    );
    let runs = assert_same(&script, 2);
    let line = STEPS.lines().count() + 6;
    let text = format!("makes conn again, but lines that set it up do not run again: {line}\n");
    assert!(runs[0].err().contains(&text), "{}", runs[0].err());
}

#[test]
fn an_object_whose_state_would_be_lost_keeps_checkpoints_from_being_made() {
    for (made, end, lost) in [
        (
            "class Sum:\n    def __init__(self):\n        self.md5 = hashlib.md5()\nit = Sum()\n\
             def step(n):\n    it.md5.update(b'x%d' % n)",
            "it.md5.hexdigest()",
            "it.md5 (_hashlib.HASH) cannot be saved",
        ),
        (
            "class Inner:\n    def __init__(self):\n        self.conn, self.n = sqlite3.connect('a.db'), 0\n\
             class Outer:\n    def __init__(self):\n        self.inner = Inner()\nit = Outer()\n\
             def step(n):\n    it.inner.n += 1",
            "it.inner.n",
            "its attributes would be lost",
        ),
        (
            "it = sqlite3.connect('a.db')\nit.execute('create table if not exists t (n)')\nit.commit()\n\
             def step(n):\n    it.execute('insert into t values (?)', (n,))",
            "it.execute('select n from t').fetchall()",
            "its open transaction would be lost",
        ),
        (
            "it = queue.SimpleQueue()\ndef step(n):\n    it.put(n)",
            "[it.get() for _ in range(6)]",
            "what is in it would be lost",
        ),
    ] {
        let script = format!("import hashlib, queue, sqlite3\n{made}\n{LOOP}\nprint({end})\n");
        let runs = assert_same(&script, 2);
        assert!(runs[0].err().contains("no checkpoint for now") && runs[0].err().contains(lost), "{}", runs[0].err());
    }
}

#[test]
fn locks_of_threads_come_back() {
    // `threading` takes `deque` from `_collections`, and nothing has imported `collections`.
    let script = format!(
        "
import threading
event, condition, semaphore = threading.Event(), threading.Condition(), threading.Semaphore(3)
event.set()
def step(n):
    pass
{LOOP}
with condition:
    print(event.is_set(), semaphore.acquire(), condition._waiters)
"
    );
    assert_same(&script, 2);
}

#[test]
fn functions_that_close_over_a_connection_are_saved() {
    let script = "
import sqlite3
def main():
    conn = sqlite3.connect('a.db')
    conn.row_factory = sqlite3.Row
    total, other = 0, [3]
    def ask():
        nonlocal total
        total += 1
        return tuple(conn.execute('select 7').fetchone()), total, other
    for n in range(6):
        ask()
        if n == 1:
            checkpoint()
        if n == 3:
            kill(1)
    other.append(4)
    print(ask(), total, conn.row_factory is sqlite3.Row)
main()
";
    let runs = assert_same(script, 2);
    assert!(runs[1].err().contains("again: conn could not be saved"), "{}", runs[0].err());
}

#[test]
fn counters_and_lists_of_names_are_not_changed_once_more() {
    let script = "
import sqlite3
class Pool:
    made, names, by_name, kinds = 0, [], {}, set()
    def __init__(self, name):
        Pool.made += 1
        self.names.append(name)
        self.by_name[name] = len(self.names)
        self.kinds.add(name + str(Pool.made))
        connect.calls = getattr(connect, 'calls', 0) + 1
        self.number = total()
        self.connection = connect()
def connect():
    return sqlite3.connect(':memory:')
def total():
    own.total += 1
    return own.total
first = Pool('first')
for n in range(3):
    if n == 1:
        checkpoint()
    if n == 2:
        kill(1)
second = Pool('second')
print(Pool.made, Pool.names, Pool.by_name, sorted(Pool.kinds), connect.calls, own.total)
print(first.number, second.number, first.connection.execute('select 1').fetchone())
";
    let sandbox = Sandbox::new();
    sandbox.write("own.py", "total = 0\n");
    sandbox.write("script.py", format!("{STEPS}import own\n{script}"));
    sandbox.write("processes", "");
    let expected = sandbox.python(&["script.py"]);
    expected.assert_code(0);
    let runs = run_to_the_end(&sandbox, &[], 2);
    assert!(runs[1].err().contains("again: first could not be saved"), "{}", runs[0].whole());
    assert_eq!(runs[1].out(), expected.out());
}

#[test]
fn objects_that_a_statement_registers_again_are_kept() {
    for (made, end) in [
        (
            "connections = {}\ndef connect(name):\n    if name not in connections:\n        \
             connections[name] = sqlite3.connect(':memory:')\n    return connections[name]\nit = connect('a')",
            "connections['a'] is it",
        ),
        (
            "class Only:\n    one = None\n    def __new__(cls):\n        if cls.one is None:\n            \
             cls.one = super().__new__(cls)\n            cls.one.connection = sqlite3.connect(':memory:')\n        \
             return cls.one\nit = Only()",
            "Only() is it",
        ),
    ] {
        let script = format!("import sqlite3\n{made}\ndef step(n):\n    pass\n{LOOP}print({end})\n");
        assert_same(&script, 2);
    }
}
