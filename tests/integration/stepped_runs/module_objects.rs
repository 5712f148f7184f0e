//! Objects that modules of the script hold: connections, which cannot be saved, and default arguments of functions.

use super::{LOOP, STEPS, run_to_the_end};
use crate::env::Sandbox;

/// A script and its module `db`.
fn sandbox_with(module: &str, script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("db.py", module);
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "");
    sandbox
}

/// Checks that a script prints the same as without interruption. Returns what the first process has said.
fn assert_same(module: &str, script: &str) -> String {
    let sandbox = sandbox_with(module, script);
    let expected = sandbox.python(&["script.py"]);
    expected.assert_code(0);
    std::fs::remove_file(sandbox.work().join("a.db")).ok();
    let runs = run_to_the_end(&sandbox, &[], 2);
    assert!(runs.len() == 2 && runs[1].err().contains("resuming at line"), "{}", runs[0].whole());
    assert_eq!(runs[1].out(), expected.out(), "{script}\n{}", runs[0].whole());
    runs[0].err()
}

/// A module that is given a connection.
const GIVEN: &str = "
conn = None
def use(connection):
    global conn
    conn = connection
def ask(n):
    return conn.execute('select ?', (n,)).fetchone()[0]
";

#[test]
fn a_module_gets_the_connection_that_the_script_makes_again() {
    let script = format!(
        "import db, sqlite3
conn = sqlite3.connect('a.db')
db.use(conn)
def step(n):
    db.ask(n)
{LOOP}
print(db.ask(5), db.conn is conn)
"
    );
    let said = assert_same(GIVEN, &script);
    assert!(said.contains("a resumed run has conn in its place"), "{said}");
    let in_function = "import db, socket
def main():
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    db.use(own)
    for n in range(6):
        if n == 1:
            checkpoint()
        if n == 3:
            kill(1)
    print(db.conn is own, db.conn.type.name)
main()
";
    assert_same(GIVEN, in_function);
}

#[test]
fn a_connection_that_a_module_makes_when_it_needs_one_is_made_again() {
    let module = "
import sqlite3
_conn = None
def get():
    global _conn
    if _conn is None:
        _conn = sqlite3.connect('a.db')
    return _conn
def ask(n):
    return get().execute('select ?', (n,)).fetchone()[0]
";
    let tries = module.replace("if _conn is None:", "try:\n        _conn.total_changes\n    except AttributeError:");
    for module in [module, &tries] {
        assert_same(module, &format!("import db\ndef step(n):\n    db.ask(n)\n{LOOP}\nprint(db.ask(7))\n"));
    }
}

#[test]
fn no_checkpoint_is_made_while_a_module_has_a_connection_that_nothing_makes_again() {
    let made = "
import sqlite3
conn = None
def use(path):
    global conn
    conn = sqlite3.connect(path)
";
    for (module, set) in [
        (made, "db.use('a.db')"),
        (GIVEN, "import sqlite3\ndb.use(sqlite3.connect('a.db'))"),
        (GIVEN, "import sqlite3\ndb.conn = sqlite3.connect('a.db')"),
    ] {
        let sandbox =
            sandbox_with(module, &format!("import db\n{set}\nfor n in range(3):\n    checkpoint()\nprint(n)\n"));
        sandbox.write("processes", "x");
        let run = sandbox.snapcli(&["run", "script.py"]);
        run.assert_code(0).assert_stdout("2\n");
        let err = run.err();
        assert!(err.contains("db.conn (sqlite3.Connection) cannot be saved"), "{set}\n{err}");
        assert!(err.contains("the import of its module does not make it"), "{set}\n{err}");
    }
}

#[test]
fn default_arguments_of_functions_in_modules_come_back() {
    let module = "
SHARED = []
def add(item, seen=[]):
    seen.append(item)
    return seen
def count(item, *, seen={}, limit=5, names=('a', 'b')):
    seen[item] = limit
    return seen
def share(item, seen=SHARED):
    seen.append(item)
    return seen
class Log:
    def note(self, item, lines=[]):
        lines.append(item)
        return lines
    @staticmethod
    def keep(item, lines=set()):
        lines.add(item)
        return sorted(lines)
";
    let script = format!(
        "import db
def step(n):
    db.add(n), db.count(n), db.share(n), db.Log().note(n), db.Log.keep(n)
{LOOP}
print(db.add(9), db.count(9), db.share(9), db.Log().note(9), db.Log.keep(9))
print(db.share.__defaults__[0] is db.SHARED)
"
    );
    assert_same(module, &script);
}
