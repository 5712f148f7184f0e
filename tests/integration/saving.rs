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

fn saved(sandbox: &Sandbox, script: &str, arguments: &[&str]) -> Run {
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
fn a_failing_script_saves_its_state_next_to_the_good_file() {
    let sandbox = Sandbox::new();
    saved(&sandbox, "good = 1", &[]);
    let before = fs::read(sandbox.work().join("session.pkl")).unwrap();
    sandbox.write("script.py", "reached = [1, 2]\nraise ValueError('no further')\n");
    let run = sandbox.snapcli(&["save", "script.py"]);
    run.assert_code(1);
    assert!(run.err().contains("the script failed; saved 1 variable to session.crash.pkl"));
    assert_eq!(fs::read(sandbox.work().join("session.pkl")).unwrap(), before);
    let json = sandbox.snapcli(&["inspect", "--json", "session.crash.pkl"]).json();
    let ended = &json["script"]["ended"];
    assert_eq!((ended["how"].as_str(), ended["exit"].as_i64()), (Some("exception"), Some(1)), "{json:#}");
    assert!(ended["traceback"].as_str().unwrap().ends_with("ValueError: no further\n"), "{json:#}");
    sandbox.snapcli(&["restore", "session.crash.pkl", "-c", "reached"]).assert_stdout("[1, 2]\n");
    sandbox.write("script.py", "import sys\nreached = 3\nsys.exit(7)\n");
    sandbox.snapcli(&["save", "script.py"]).assert_code(7);
    sandbox.snapcli(&["restore", "session.crash.pkl", "-c", "reached"]).assert_stdout("3\n");
    sandbox.write("script.py", "import sys\nreached = 4\nsys.exit()\n");
    sandbox.snapcli(&["save", "script.py"]).assert_code(0);
    sandbox.snapcli(&["restore", "session.pkl", "-c", "reached"]).assert_stdout("4\n");
}

#[test]
fn a_failed_save_leaves_the_old_file_and_nothing_else() {
    let sandbox = Sandbox::new();
    saved(&sandbox, "good = 1", &[]);
    let before = fs::read(sandbox.work().join("session.pkl")).unwrap();
    // Interrupted while a variable is being pickled.
    let script = "
import os, signal
class Slow:
    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGINT)
        while True: pass
first = 1
slow = Slow()
";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    assert_eq!(run.ending(), "signal 2", "{}", run.whole());
    run.assert_stderr("snapcli: interrupted while saving: nothing was written\n");
    assert_eq!(fs::read(sandbox.work().join("session.pkl")).unwrap(), before);
    let mut names: Vec<_> = fs::read_dir(sandbox.work()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["script.py", "session.pkl"]);
}

#[test]
fn an_unwritable_path_is_reported_before_the_script_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "print('ran')");
    let run = sandbox.snapcli(&["save", "-o", "missing/session.pkl", "script.py"]);
    run.assert_code(2).assert_stdout("");
    assert!(run.err().contains("cannot save to"), "{}", run.whole());
    fs::create_dir(sandbox.work().join("folder")).unwrap();
    let run = sandbox.snapcli(&["save", "-o", "folder", "script.py"]);
    run.assert_code(2).assert_stdout("");
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
fn a_snapshot_streams_to_stdout_and_script_output_goes_to_stderr() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "print('from the script')\nx = list(range(10))\n");
    let run = sandbox.snapcli(&["save", "-q", "-o", "-", "script.py"]);
    run.assert_code(0).assert_stderr("from the script\n");
    assert!(!sandbox.work().join("session.pkl").exists());
    let back = sandbox.call_snapcli(&["restore", "-", "-c", "print(sum(x))"]).stdin(run.stdout.clone()).run();
    back.assert_stdout("45\n").assert_code(0);
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
fn modules_that_only_exist_in_the_script_are_left_out_by_name() {
    let sandbox = Sandbox::new();
    let script = "
import sys, types, typing
T = typing.TypeVar('T')
made = types.ModuleType('made')
registered = types.ModuleType('registered')
sys.modules['registered'] = registered
exec('class Inner: pass', registered.__dict__)
inner = registered.Inner()
results = [1, 2]
";
    saved(&sandbox, script, &[]);
    let index = sandbox.snapcli(&["inspect", "--json"]).json();
    let names = index["left_out"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["made", "registered", "inner"], "{index:#}");
    let run = sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", "results, T.__name__"]);
    run.assert_stdout("([1, 2], 'T')\n");
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
fn a_script_that_damages_its_interpreter_is_still_saved() {
    let sandbox = Sandbox::new();
    for name in ["token", "select", "string", "logging", "inspect", "dis", "ast", "multiprocessing"] {
        sandbox.write(&format!("{name}.py"), "print('the wrong module')\n");
    }
    let damage = [
        "sys.argv = None",
        "del sys.argv",
        "sys.executable = None",
        "import os; os.uname = None",
        "import time; time.strftime = None",
        "sys.path[:] = []",
        "import os, shutil; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
    ];
    for line in damage {
        let script = format!("import sys\nresults = [1, 2]\ndef f(): return results\n{line}\n");
        let run = saved(&sandbox, &script, &[]);
        run.assert_stdout("");
        let check = sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", "f()"]);
        check.assert_stdout("[1, 2]\n");
    }
}

#[test]
fn a_script_that_fails_at_once_keeps_the_previous_crash_file() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "reached = [1]\nraise ValueError\n");
    sandbox.snapcli(&["save", "script.py"]).assert_code(1);
    sandbox.snapcli(&["save", "-m", "no_such_module"]).assert_code(1);
    sandbox.write("script.py", "reached = [1\n");
    sandbox.snapcli(&["save", "script.py"]).assert_code(1);
    sandbox.snapcli(&["restore", "session.crash.pkl", "-c", "reached"]).assert_stdout("[1]\n");
}

#[test]
fn a_session_whose_target_directory_is_gone_is_saved_elsewhere() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.work().join("place")).unwrap();
    sandbox.write("script.py", "import shutil\nshutil.rmtree('place')\nresults = [1, 2]\n");
    let run = sandbox.snapcli(&["save", "-o", "place/session.pkl", "script.py"]);
    run.assert_code(1);
    let elsewhere =
        run.err().split("1 variable and 1 import to ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    sandbox.snapcli(&["restore", &elsewhere, "-c", "results"]).assert_stdout("[1, 2]\n");
    let run = sandbox.snapcli(&["save", "--report", "missing/report.json", "script.py"]);
    run.assert_code(2).assert_stdout("");
}

#[test]
fn the_variables_of_a_crash_are_saved_elsewhere_if_the_directory_is_gone() {
    let sandbox = Sandbox::new();
    let fails = |end: &str, code: Option<i32>, quiet: &[&str]| {
        fs::create_dir(sandbox.work().join("place")).unwrap();
        sandbox.write("script.py", format!("import os, shutil\nresults = [1, 2]\nshutil.rmtree('place')\n{end}\n"));
        let run = sandbox.snapcli(&[&["save"], quiet, &["-o", "place/session.pkl", "script.py"]].concat());
        // A signal ends the process itself.
        if let Some(code) = code {
            run.assert_code(code);
        }
        let lead = if quiet.is_empty() { "saved 1 variable and 2 imports to " } else { "the session was saved to " };
        let elsewhere = run.err().split(lead).nth(1).unwrap_or_else(|| panic!("{}", run.whole())).to_owned();
        let elsewhere = elsewhere.split_whitespace().next().unwrap().to_owned();
        assert!(elsewhere.ends_with("session.crash.pkl"), "{}", run.whole());
        sandbox.snapcli(&["restore", &elsewhere, "-c", "results"]).assert_stdout("[1, 2]\n");
    };
    fails("1 / 0", Some(1), &[]);
    fails("1 / 0", Some(1), &["-q"]);
    fails("os.kill(os.getpid(), 15)", None, &[]);
    fails("raise SystemExit(7)", Some(7), &[]);
    // There is nothing to save.
    sandbox.write("script.py", "__import__('shutil').rmtree('place')\n1 / 0\n");
    fs::create_dir(sandbox.work().join("place")).unwrap();
    let run = sandbox.snapcli(&["save", "-o", "place/session.pkl", "script.py"]);
    assert!(!run.assert_code(1).err().contains("cannot save"), "{}", run.whole());
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
