//! Variables that cannot be saved: statements that make them again must read what they have read before, and those that
//! nothing reads any more are left out.

use super::{STEPS, assert_same, run_to_the_end};
use crate::env::{Run, Sandbox};

/// Runs a script that is killed after a checkpoint was asked for.
pub(super) fn first_process(script: &str) -> Run {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "script.py"])
}

/// Two processes make a checkpoint, of a script that uses `what` afterwards.
pub(super) const END: &str = "
for n in range(4):
    if n in (1, 2):
        checkpoint()
    if n == 2:
        kill(1)
print(n, what.execute('select 1').fetchone())
";

#[test]
fn a_statement_whose_inputs_have_changed_is_not_run_again() {
    for (before, changed) in [
        ("name = ':memory:'\nwhat = connect(name)\nname = 'other.db'\n", "name"),
        ("names = iter([':memory:', 'b.db', 'c.db'])\nwhat = connect(next(names))\n", "names"),
        ("names = ['c.db', 'b.db', ':memory:']\nwhat = connect(names.pop())\n", "names"),
        ("names = {'db': ':memory:'}\nwhat = connect(names['db'])\nnames['db'] = 'b.db'\n", "names['db']"),
        (
            "def make():\n    return connect(':memory:')\nwhat = make()\ndef make():\n    return connect('b.db')\n",
            "make",
        ),
        (
            "class Options: pass\noptions = Options()\noptions.db = ':memory:'\nwhat = connect(options.db)\n\
             options.db = 'b.db'\n",
            "options.db",
        ),
    ] {
        let run = first_process(&format!("from sqlite3 import connect\n{before}{END}"));
        let err = run.err();
        assert!(err.contains("no checkpoint for now: what"), "{before}\n{err}");
        assert!(err.contains(&format!("{changed} has changed since")), "{before}\n{err}");
    }
}

#[test]
fn inputs_of_a_function_under_way_are_compared_too() {
    let script = "
from sqlite3 import connect
def main(name):
    what = connect(name)
    name = 'b.db'
    for n in range(3):
        if n == 1:
            checkpoint()
        if n == 2:
            kill(1)
    print(what)
main(':memory:')
";
    let err = first_process(script).err();
    assert!(err.contains("name has changed since"), "{err}");
}

#[test]
fn a_variable_that_a_called_function_reads_counts_too() {
    let script = format!(
        "
from sqlite3 import connect
tries = 0
def make():
    global tries
    tries += 1
    return connect(':memory:')
what = make()
{END}"
    );
    let err = first_process(&script).err();
    assert!(err.contains("no checkpoint for now: what") && err.contains("tries has changed since"), "{err}");
}

#[test]
fn an_object_that_would_lose_its_state_is_not_made_again() {
    for (made, lost) in [
        ("import hashlib\nwhat = hashlib.sha256()\nwhat.update(b'x')\n", "what it has hashed"),
        ("import csv\nwhat = csv.reader(['a,b', 'c,d'])\nnext(what)\n", "its position"),
        (
            "import gzip\nopen('z', 'wb').write(gzip.compress(b'a\\nb\\n'))\nwhat = gzip.open('z')\nnext(what)\n",
            "its position",
        ),
        ("what = open('script.py')\nnext(what)\n", "its position"),
        ("import threading\nwhat = threading.local()\nwhat.name = 'x'\n", "its attributes"),
        ("import contextvars\nwhat = contextvars.ContextVar('own')\nwhat.set(3)\n", "its value"),
        ("import tempfile\nwhat = tempfile.TemporaryDirectory()\n", "the files in it"),
        ("import sqlite3\nwhat = sqlite3.connect(':memory:')\nwhat.execute('create table t (n)')\n", "its tables"),
        ("import sqlite3\nconn = sqlite3.connect(':memory:')\nwhat = conn.execute('select 1')\n", "its position"),
    ] {
        let err =
            first_process(&format!("{made}{}\nwhat, 1\n", END.replace("what.execute('select 1').fetchone()", "what")))
                .err();
        assert!(err.contains("no checkpoint for now: what") && err.contains(lost), "{made}\n{err}");
    }
}

#[test]
fn unchanged_inputs_are_no_reason() {
    let script = format!(
        "
import argparse, pathlib, random
from sqlite3 import connect
options = argparse.Namespace(db=':memory:', epochs=3)
folder = pathlib.Path('.')
settings = {{'db': [':memory:', 1], 'more': {{1, 2, 'x'}}}}
pair = ('x', 'y')
class Options: pass
own = Options()
own.words, own.pairs, own.same = {{'some', 'more', 'words'}}, [pair, pair], pair
def make(where, *rest, words=('a', 1)):
    return connect(where) if where in {{':memory:', 'x', 'y'}} else None
what = make(settings['db'][0], options.db, folder, settings, [n for n in range(3)], own, range(3))
options.epochs = 5
n = 7
{END}"
    );
    let runs = assert_same(&script, 2);
    for run in runs {
        assert!(!run.err().contains("has changed since"), "{}", run.err());
    }
}

#[test]
fn what_nothing_reads_any_more_is_left_out() {
    let script = "
import multiprocessing, os, subprocess
from concurrent.futures import ThreadPoolExecutor
def square(n):
    return n * n
if __name__ == '__main__':
    with multiprocessing.Pool(1) as workers:
        squares = workers.map(square, range(4))
    with ThreadPoolExecutor() as pool:
        squares += pool.map(square, range(4))
    child = subprocess.Popen(['true'])
    child.wait()
    null = open(os.devnull, 'w')
    null.close()
    for n in range(3):
        if n == 1:
            checkpoint()
        if n == 2:
            kill(1)
    with ThreadPoolExecutor() as pool:
        squares += pool.map(square, range(4))
    print(squares)
";
    let runs = assert_same(script, 2);
    let err = runs[0].err();
    assert!(err.contains("it is left out, because the rest of the script does not use it"), "{err}");
}

#[test]
fn a_script_that_logs_keeps_its_checkpoints() {
    let script = "
import logging
# dill writes it, and has a logger.
file = open('processes')
for n in range(4):
    checkpoint()
    if n == 3:
        kill(1)
print(n)
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &[], 2);
    assert!(!runs[0].err().contains("no checkpoint"), "{}", runs[0].err());
}

#[test]
fn a_running_thread_is_named() {
    let script = "
import threading
go = threading.Event()
thread = threading.Thread(target=go.wait, name='worker')
thread.start()
for n in range(3):
    checkpoint()
go.set()
thread.join()
";
    let err = first_process(script).err();
    assert!(err.contains("no checkpoint for now: the thread \"worker\" of the script is running"), "{err}");
}
