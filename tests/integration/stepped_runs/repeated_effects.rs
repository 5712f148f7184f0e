//! Statements that would do something once more if they ran again: overwrite a file, change tables, draw a random
//! number. They find the directory and the environment of their first run, or no checkpoint is made.

use super::{LOOP, STEPS, assert_same, run_to_the_end};
use crate::env::Sandbox;

/// Checks that no checkpoint is made for this reason, and that the script prints the same when it starts over.
fn assert_refused(made: &str, end: &str, reason: &str) {
    let runs = assert_same(&format!("{made}{LOOP}{end}\n"), 2);
    let err = runs[0].err();
    assert!(err.contains("no checkpoint for now") && err.contains(reason), "{made}\n{err}");
}

#[test]
fn a_statement_that_opens_a_file_for_writing_does_not_run_again() {
    for made in [
        "it = csv.writer(open('x.csv', 'w', buffering=1))\nadd = it.writerow\n",
        "class Rows:\n    def __init__(self, path):\n        self.rows = csv.writer(open(path, 'w', buffering=1))\n\
         it = Rows('x.csv')\nadd = lambda row: it.rows.writerow(row)\n",
        "def start(path):\n    file = pathlib.Path(path)\n    file.write_text('')\n    \
         return sqlite3.connect('a.db')\n\
         it = start('x.csv')\ndef add(row):\n    \
         with it, open('x.csv', 'a') as file:\n        \
         print(*row, file=file)\n",
        "def start(path):\n    if os.path.exists(path):\n        os.remove(path)\n    \
         return sqlite3.connect('a.db')\n\
         open('x.csv', 'w').close()\nit = start('x.csv')\ndef add(row):\n    \
         with it, open('x.csv', 'a') as file:\n        \
         print(*row, file=file)\n",
    ] {
        let made = format!("import csv, os, pathlib, sqlite3\n{made}def step(n):\n    add([n])\n");
        assert_refused(&made, "del it, add\nprint(open('x.csv').read().split())", "x.csv");
    }
}

#[test]
fn a_statement_that_appends_to_a_file_does_not_run_again() {
    let script = format!(
        "{STEPS}\nimport csv\nit = csv.writer(open('x.csv', 'a', buffering=1))\ndef step(n):\n    it.writerow([n])\n\
         {LOOP}"
    );
    let sandbox = Sandbox::new();
    sandbox.write("script.py", script);
    sandbox.write("processes", "x");
    let err = sandbox.snapcli(&["run", "script.py"]).err();
    assert!(err.contains("no checkpoint for now: it") && err.contains("it opens x.csv for appending"), "{err}");
}

#[test]
fn a_file_that_a_statement_only_reads_is_no_reason() {
    let script = format!(
        "
import os, sqlite3
class Reader:
    def __init__(self, path):
        self.lock = sqlite3.connect('a.db')
        with open(path) as file:
            self.lines = len(file.readlines())
        with open(os.devnull, 'w') as file:
            print(self.lines, file=file)
it = Reader('script.py')
def step(n):
    with it.lock:
        it.lines += n
{LOOP}
print(it.lines)
"
    );
    let runs = assert_same(&script, 2);
    assert!(!runs[0].err().contains("no checkpoint"), "{}", runs[0].err());
}

#[test]
fn a_file_that_appears_later_is_not_overwritten_at_the_resume() {
    let script = format!(
        "
import os, sqlite3
def start():
    if os.path.exists('later.txt'):
        open('later.txt', 'w').close()
    return sqlite3.connect('a.db')
it = start()
def step(n):
    with it, open('later.txt', 'a') as file:
        print(n, file=file)
{LOOP}
"
    );
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "script.py"]);
    let before = std::fs::read(sandbox.work().join("later.txt")).unwrap();
    sandbox.write("processes", "xx");
    let run = sandbox.snapcli(&["run", "script.py"]);
    run.assert_code(1);
    assert!(run.err().contains("which had to run again, failed") && run.err().contains("later.txt"), "{}", run.err());
    assert_eq!(std::fs::read(sandbox.work().join("later.txt")).unwrap(), before);
}

#[test]
fn a_statement_that_changes_tables_does_not_run_again() {
    for sql in [
        "c.execute('drop table if exists t')\n    c.execute('create table t (n)')",
        "c.executescript('''\n      create table if not exists t (n);\n      DELETE  FROM t''')",
    ] {
        let made = format!(
            "import sqlite3\ndef init(path):\n    c = sqlite3.connect(path)\n    {sql}\n    c.commit()\n    return c\n\
             it = init('a.db')\ndef step(n):\n    it.execute('insert into t values (?)', (n,))\n    it.commit()\n"
        );
        assert_refused(&made, "print(it.execute('select n from t').fetchall())", "must not run again: it runs the SQL");
    }
}

#[test]
fn contents_of_shared_memory_keep_checkpoints_from_being_made() {
    for (made, step, end) in [
        ("multiprocessing.Value('i', 0)", "it.value += n", "it.value"),
        ("multiprocessing.Array('d', 3)", "it[0] += n", "it[:]"),
        ("xml.etree.ElementTree.TreeBuilder()", "it.start('a', {})", "it"),
    ] {
        let end = if end == "it" { "it.__class__.__name__" } else { end };
        let made = format!("import multiprocessing, xml.etree.ElementTree\nit = {made}\ndef step(n):\n    {step}\n");
        assert_refused(&made, &format!("print({end})"), "what is in it would be lost");
    }
}

#[test]
fn temporary_tables_keep_checkpoints_from_being_made() {
    let made = "import sqlite3\nit = sqlite3.connect('a.db', isolation_level=None)\n\
                it.execute('create temp table t (n)')\ndef step(n):\n    \
                it.execute('insert into t values (?)', (n,))\n";
    assert_refused(made, "print(it.execute('select n from t').fetchall())", "its temporary tables would be lost");
}

#[test]
fn pragmas_and_factories_of_a_connection_come_back() {
    let script = format!(
        "
import sqlite3
it = sqlite3.connect('a.db', isolation_level=None)
it.text_factory = bytes
it.execute('pragma foreign_keys = on')
it.execute('PRAGMA cache_size=-123')
def step(n):
    pass
{LOOP}
print(it.execute('pragma foreign_keys').fetchone(), it.execute('pragma cache_size').fetchone(), it.text_factory)
"
    );
    let runs = assert_same(&script, 2);
    assert!(!runs[0].err().contains("do not run again"), "{}", runs[0].err());
    assert!(runs[1].err().contains("it could not be saved"), "{}", runs[1].err());
}

#[test]
fn random_numbers_of_a_statement_that_runs_again_are_not_drawn_from_the_script() {
    let script = format!(
        "
import random, sqlite3
random.seed(3)
class Job:
    def __init__(self):
        self.number, self.lock = random.random(), sqlite3.connect('a.db')
it, drawn = None, []
it = Job()
def step(n):
    drawn.append(random.random())
{LOOP}
print(drawn, it.number)
"
    );
    assert_same(&script, 2);
}

#[test]
fn a_statement_runs_again_in_the_directory_of_its_first_run() {
    let script = "
import sqlite3
_os.makedirs('one', exist_ok=True)
_os.makedirs('two', exist_ok=True)
here = _os.getcwd()
_os.chdir('one')
it = sqlite3.connect('a.db')
_os.chdir('../two')
for n in range(6):
    if n in (1, 3):
        _os.chdir(here)
        if n == 1:
            checkpoint()
        else:
            kill(1)
        _os.chdir('two')
print(it.execute('pragma database_list').fetchone()[2][-8:], _os.listdir('.'))
";
    assert_same(script, 2);
}

#[test]
fn a_statement_that_reads_the_environment_does_not_run_again_in_another_one() {
    for read in ["_os.environ['DB']", "_os.environ.get('DB')", "_os.getenv('DB')", "path()"] {
        let made = format!(
            "import sqlite3\ndef path():\n    return _os.environ['DB']\n_os.environ['DB'] = 'a.db'\n\
             it = sqlite3.connect({read})\n_os.environ['DB'] = 'b.db'\ndef step(n):\n    pass\n"
        );
        let end = "print(it.execute('pragma database_list').fetchone()[2][-4:])";
        assert_refused(&made, end, "os.environ has changed since");
        let same = made.replace("_os.environ['DB'] = 'b.db'\n", "");
        let runs = assert_same(&format!("{same}{LOOP}{end}\n"), 2);
        assert!(!runs[0].err().contains("no checkpoint"), "{}", runs[0].err());
    }
}

#[test]
fn a_module_that_was_edited_is_noticed() {
    let script = format!("from own import f\nfound = []\ndef step(n):\n    found.append(f(n))\n{LOOP}print(found)\n");
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("own.py", "def f(x): return x\n");
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "script.py"]);
    sandbox.write("own.py", "def f(x): return x + 1000\n");
    sandbox.write("processes", "xx");
    let run = sandbox.snapcli(&["run", "script.py"]);
    run.assert_code(1);
    assert!(run.err().contains("own.py, a module of the script, has changed"), "{}", run.err());
    let runs = run_to_the_end(&sandbox, &["--accept-changes"], 2);
    runs[runs.len() - 1].assert_code(0);
}

#[test]
fn a_line_that_holds_up_a_checkpoint_is_named() {
    let script = "import time\ndef main():\n    for n in range(70):\n        time.sleep(0.1)\n\
                  try:\n    main()\nexcept KeyboardInterrupt:\n    pass\n";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["run", "--every", "0.2s", "script.py"]);
    run.assert_code(0);
    assert!(run.err().contains("a checkpoint is due, and waits for the end of line 6"), "{}", run.err());
}
