//! A save leaves out only the variables that cannot be pickled, dill can read the snapshot, and a failed save loses
//! nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::env::{Run, Sandbox, Stack, pythons, venv};

/// One of everything: data, functions and classes that use each other, shared objects, and objects that cannot be
/// saved.
const MIXED: &str = r#"
import math
import sqlite3
import numpy as np
from collections import OrderedDict

numbers = [1, 2.5, 3 + 4j, 10 ** 30]
text = "naïve \U0001F600"
table = OrderedDict(a=(1, 2), b={3, 4})
alias = numbers
loop = []
loop.append(loop)
grid = np.arange(6.0).reshape(2, 3)
_factor = 3
_scratch = "nobody uses this"

def scale(value):
    return value * _factor

class Model:
    def __init__(self, weight):
        self.weight = weight
    def predict(self, value):
        return scale(value) + self.weight

model = Model(7)
make = lambda: Model(8)
connection = sqlite3.connect(":memory:")
config = {"db": Model(connection)}

def rows():
    return connection.execute("SELECT 1")
"#;

/// Python code that checks that all of [`MIXED`] was restored.
const MIXED_IS_BACK: &str = r#"
import math as _math
assert numbers == [1, 2.5, 3 + 4j, 10 ** 30], numbers
assert text == "naïve \U0001F600", text
assert type(table).__name__ == "OrderedDict" and table == {"a": (1, 2), "b": {3, 4}}, table
assert alias is numbers
assert loop[0] is loop
assert grid.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] and grid.flags.writeable, grid
assert model.predict(2) == 13, model.predict(2)
assert type(model) is Model and type(make()) is Model
assert math is _math
for name in ("connection", "_scratch"):
    assert name not in globals(), name
assert type(config["db"]) is Model and config["db"].weight.lost == "sqlite3.Connection", config
print("all back")
"#;

/// Saves the session of a script, which must succeed.
pub(crate) fn saved(sandbox: &Sandbox, script: &str, arguments: &[&str]) -> Run {
    sandbox.write("script.py", script);
    let mut all = vec!["save"];
    all.extend(arguments);
    all.push("script.py");
    let run = sandbox.snapcli(&all);
    run.assert_code(0);
    run
}

#[test]
fn a_session_is_restored_under_every_python_and_by_plain_dill() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        saved(&sandbox, MIXED, &[]);
        sandbox.snapcli(&["restore", "session.pkl", "-c", MIXED_IS_BACK]).assert_stdout("all back\n");
        let plain = format!("import dill; dill.load_module('session.pkl')\n{MIXED_IS_BACK}");
        sandbox.python(&["-c", &plain]).assert_stdout("all back\n").assert_code(0);
        let dict =
            "import dill; names = dill.load_module_asdict('session.pkl'); print(names['alias'], names['__session__'])";
        sandbox.python(&["-c", dict]).assert_stdout(&format!("[1, 2.5, (3+4j), 1{}] session.pkl\n", "0".repeat(30)));
    }
}

#[test]
fn an_unsavable_variable_is_reported_with_path_line_users_and_hint() {
    let sandbox = Sandbox::new();
    let run = saved(&sandbox, MIXED, &[]);
    let said = run.err();
    let (head, rest) = said.split_once('\n').unwrap();
    assert!(head.starts_with("snapcli: saved 13 variables and 4 imports to session.pkl ("), "{}", run.whole());
    let expected = "\
snapcli: left out 1 variable that cannot be saved:
  connection (sqlite3.Connection, line 28): TypeError: cannot pickle 'sqlite3.Connection' object
      used by: rows
      hint: keep the path or URL, and connect again after the restore
snapcli: replaced 1 object that cannot be saved by a marker:
  config['db'].weight (sqlite3.Connection): TypeError: cannot pickle 'sqlite3.Connection' object
      hint: keep the path or URL, and connect again after the restore
";
    assert_eq!(rest, expected, "{}", run.whole());
}

#[test]
fn the_reported_path_leads_to_the_failing_object() {
    let sandbox = Sandbox::new();
    let script = r#"
import socket
bad = lambda: socket.socket()
class Plain:
    def __init__(self, value): self.value = value
class Slots:
    __slots__ = ("left", "right")
class Reduced:
    def __reduce__(self): return Plain, ([self.inner],)
in_list = [0, [1, bad()]]
in_tuple = (0, (bad(),))
in_dict = {"key": {5: bad()}}
in_set = {Plain(1), frozenset([Plain(bad())])}
in_attribute = Plain({"x": Plain(bad())})
in_slot = Slots(); in_slot.left = 1; in_slot.right = bad()
def closed():
    conn = bad()
    return lambda: conn
in_closure = closed()
def in_default(a, b=bad()): pass
def in_keyword(*, option=bad()): pass
class InClass: shared = bad()
in_reduce = Reduced(); in_reduce.inner = bad()
in_method = Plain(bad()).__init__
"#;
    let run = saved(&sandbox, script, &["-q", "--whole", "--report", "report.json"]);
    run.assert_stderr("");
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(sandbox.work().join("report.json")).unwrap()).unwrap();
    let mut paths: Vec<_> = Vec::new();
    for item in report["left_out"].as_array().unwrap() {
        paths.push(format!("{}: {}", item["name"].as_str().unwrap(), item["where"].as_str().unwrap_or("-")));
    }
    let expected = [
        "in_list: in_list[1][1]",
        "in_tuple: in_tuple[1][0]",
        "in_dict: in_dict['key'][5]",
        "in_set: in_set{member}{member}.value",
        "in_attribute: in_attribute.value['x'].value",
        "in_slot: in_slot.right",
        "in_closure: in_closure.__closure__['conn']",
        "in_default: in_default.__defaults__[0]",
        "in_keyword: in_keyword.__kwdefaults__['option']",
        "InClass: InClass.shared",
        "in_reduce: in_reduce.inner",
        "in_method: in_method.__self__.value",
    ];
    assert_eq!(paths, expected, "{report:#}");
}

#[test]
fn filters_select_variables() {
    let sandbox = Sandbox::new();
    let script = "
import numpy as np
tmp_a = 1
tmp_b = 2
keep = np.zeros(3)
large = list(range(100_000))
_used = 5
_unused = 6
def uses(): return _used
";
    let names = |arguments: &[&str]| {
        saved(&sandbox, script, arguments);
        let json = sandbox.snapcli(&["inspect", "--json"]).json();
        let names = json["variables"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&[]), "np tmp_a tmp_b keep large _used uses");
    assert_eq!(names(&["--exclude", "tmp_*", "--exclude", "np"]), "keep large _used uses");
    assert_eq!(names(&["--include", "tmp_*", "--exclude", "tmp_b"]), "tmp_a");
    assert_eq!(names(&["--include", "_unused"]), "_unused");
    assert_eq!(names(&["--exclude-type", "ndarray", "--exclude-type", "list"]), "np tmp_a tmp_b _used uses");
    assert_eq!(names(&["--exclude-type", "numpy.*"]), "np tmp_a tmp_b large _used uses");
    assert_eq!(names(&["--private"]), "np tmp_a tmp_b keep large _used _unused uses");
    assert_eq!(names(&["--max-size", "50k"]), "np tmp_a tmp_b keep _used uses");
    assert_eq!(names(&["--exclude", "uses"]), "np tmp_a tmp_b keep large");
}

#[test]
fn private_names_used_by_methods_nested_functions_and_each_other_are_saved() {
    let sandbox = Sandbox::new();
    let script = "
_a = 1
_b = 2
_c = 3
_d = 4
_e = 5
def _helper(): return _c
class Outer:
    class Inner:
        @property
        def value(self): return _a
    @staticmethod
    def make():
        return [lambda: _b + _helper() for _ in range(2)]
import functools
@functools.lru_cache
def cached(): return _d
";
    saved(&sandbox, script, &[]);
    let check = "print(Outer.Inner().value, [f() for f in Outer.make()], cached(), '_e' in globals())";
    sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout("1 [5, 5] 4 False\n");
}

#[test]
fn refimported_saves_imported_data_by_reference() {
    let sandbox = Sandbox::new();
    sandbox.write("helper.py", "settings = {'depth': 1}\ndef double(x): return 2 * x\n");
    let script = "from helper import settings, double as twice\nown = [1]\nsettings['depth'] = 2\n";
    saved(&sandbox, script, &[]);
    sandbox.snapcli(&["restore", "-c", "session.pkl"]).assert_code(1);
    let check = "print(settings, twice(4), own)";
    sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout("{'depth': 2} 8 [1]\n");
    saved(&sandbox, script, &["--refimported"]);
    sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout("{'depth': 1} 8 [1]\n");
    let plain = format!("import dill; dill.load_module('session.pkl'); {check}");
    sandbox.python(&["-c", &plain]).assert_stdout("{'depth': 1} 8 [1]\n");
}

#[test]
fn the_saved_session_can_be_that_of_another_module() {
    let sandbox = Sandbox::new();
    sandbox.write("helper.py", "state = []\ndef add(x): state.append(x)\n");
    saved(&sandbox, "import helper\nhelper.add(41)\n", &["--module", "helper"]);
    sandbox.write("helper.py", "state = []\ndef add(x): state.append(x)\n");
    let check = "import helper; helper.add(42); print(helper.state)";
    sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout("[41, 42]\n");
    let plain = "import dill; helper = dill.load_module('session.pkl'); helper.add(1); print(helper.state)";
    sandbox.python(&["-c", plain]).assert_stdout("[41, 1]\n");
}

#[test]
fn strict_makes_an_unsavable_variable_an_error_but_saves_the_rest() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", MIXED);
    sandbox.snapcli(&["save", "--strict", "script.py"]).assert_code(3);
    sandbox.snapcli(&["restore", "session.pkl", "-c", "model.weight"]).assert_stdout("7\n");
    sandbox.snapcli(&["save", "--strict", "--exclude", "con*", "script.py"]).assert_code(0);
}

#[test]
fn only_its_owner_can_read_a_snapshot_and_a_symlink_stays_a_symlink() {
    let sandbox = Sandbox::new();
    saved(&sandbox, "x = 1", &[]);
    let path = sandbox.work().join("session.pkl");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let real = sandbox.out().join("real.pkl");
    fs::rename(&path, &real).unwrap();
    std::os::unix::fs::symlink(&real, &path).unwrap();
    let old = real.metadata().unwrap().ino();
    saved(&sandbox, "x = 2", &[]);
    assert!(path.symlink_metadata().unwrap().file_type().is_symlink());
    assert_ne!(real.metadata().unwrap().ino(), old);
    sandbox.snapcli(&["restore", "session.pkl", "-c", "x"]).assert_stdout("2\n");
}

#[test]
fn verify_loads_the_file_before_it_replaces_the_old_one() {
    let sandbox = Sandbox::new();
    saved(&sandbox, "good = 1", &["--verify"]);
    let before = fs::read(sandbox.work().join("session.pkl")).unwrap();
    // The load works in this process, but not in a fresh one.
    let script = "
import sys
sys.only_here = 1
class Broken:
    def __setstate__(self, state): import sys; self.found = sys.only_here
broken = Broken()
broken.found = 1
";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "--verify", "script.py"]);
    run.assert_code(4);
    assert!(
        run.err().contains("the new snapshot cannot be loaded") && run.err().contains("broken (__main__.Broken)"),
        "{}",
        run.whole()
    );
    assert_eq!(fs::read(sandbox.work().join("session.pkl")).unwrap(), before);
    // The variables that do load are kept.
    sandbox.snapcli(&["restore", "session.unverified.pkl", "-c", "Broken.__name__"]).assert_stdout("'Broken'\n");
}

#[test]
fn the_json_report_says_what_was_saved() {
    let sandbox = Sandbox::new();
    saved(&sandbox, MIXED, &["--report", "report.json"]);
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(sandbox.work().join("report.json")).unwrap()).unwrap();
    let inspected = sandbox.snapcli(&["inspect", "--json"]).json();
    assert_eq!(report["schema"], 2);
    assert_eq!(report["variables"], inspected["variables"]);
    assert_eq!(report["left_out"], inspected["left_out"]);
    let grid = report["variables"].as_array().unwrap().iter().find(|item| item["name"] == "grid").unwrap();
    assert_eq!(grid["type"], "numpy.ndarray");
    assert_eq!(grid["shape"], serde_json::json!([2, 3]));
    assert_eq!(grid["dtype"], "float64");
    assert_eq!(grid["preview"], "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]");
    assert_eq!(grid["line"], 13);
}

#[test]
fn a_forked_child_that_reaches_the_end_saves_nothing() {
    let sandbox = Sandbox::new();
    let script = "import os\nwho = 'parent'\nif os.fork() == 0:\n    who = 'child'\nelse:\n    os.wait()\n";
    saved(&sandbox, script, &[]);
    sandbox.snapcli(&["restore", "session.pkl", "-c", "who"]).assert_stdout("'parent'\n");
}

#[test]
fn threads_are_joined_before_and_atexit_runs_after_the_save() {
    let sandbox = Sandbox::new();
    let script = "
import atexit, threading, time
steps = ['main']
def work():
    time.sleep(0.2)
    steps.append('thread')
threading.Thread(target=work).start()
atexit.register(lambda: steps.append('atexit'))
";
    saved(&sandbox, script, &[]);
    sandbox.snapcli(&["restore", "session.pkl", "-c", "steps"]).assert_stdout("['main', 'thread']\n");
}

#[test]
fn private_names_used_by_closures_defaults_and_containers_are_saved() {
    let sandbox = Sandbox::new();
    let script = "
_a, _b, _c, _d, _e = range(5)
def deco(f):
    def inner(*args): return f(*args)
    return inner
@deco
def area(x): return x + _a
table = {'f': lambda: _b}
def call(back=lambda: _c): return back()
class cached_property:
    def __init__(self, f): self.f = f
    def __get__(self, owner, kind=None): return self.f(owner)
class Model:
    @cached_property
    def score(self): return _d
";
    saved(&sandbox, script, &[]);
    let check = "area(1), table['f'](), call(), Model().score, '_e' in globals()";
    sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout("(1, 1, 2, 3, False)\n");
}

#[test]
fn a_script_can_save_its_own_session() {
    let sandbox = Sandbox::new();
    let script = "
import snapcli, sqlite3
rows = [1, 2]
connection = sqlite3.connect(':memory:')
def total(): return sum(rows)
print(snapcli.save('first.pkl').lost)
rows.append(3)
print(snapcli.save('names.pkl', {'rows': rows, 'other': total}, sync=False).lost)
try:
    snapcli.save('none/x.pkl')
except OSError as error:
    print(error)
try:
    snapcli.save('x.pkl', 7)
except TypeError:
    print('TypeError')
";
    let run = saved(&sandbox, script, &[]);
    assert!(
        run.out().contains("{'connection': \"TypeError: cannot pickle 'sqlite3.Connection' object\"}\n{}\n"),
        "{}",
        run.whole()
    );
    assert!(run.out().contains("cannot save to none/x.pkl: cannot create a file in none"), "{}", run.whole());
    assert!(run.out().ends_with("TypeError\n"), "{}", run.whole());
    sandbox.snapcli(&["restore", "first.pkl", "-c", "total()"]).assert_stdout("3\n");
    sandbox.snapcli(&["restore", "names.pkl", "-c", "other(), 'total' in globals()"]).assert_stdout("(6, False)\n");
    let found = sandbox.snapcli(&["inspect", "--json", "first.pkl"]).json();
    assert_eq!(found["script"]["ended"]["how"], "running");
    assert_eq!(found["variables"][2]["line"], 3);
}
