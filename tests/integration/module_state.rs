//! A restored session has the state of the project's own modules that the script changed, by snapcli and by plain dill.

use crate::env::{Run, Sandbox, Stack, pythons, venv};

/// Prints what `check` evaluates to, after snapcli has restored the session, and after dill has.
fn both(sandbox: &Sandbox, check: &str) -> [String; 2] {
    let code = format!("print(({check}))");
    let restored = sandbox.snapcli(&["restore", "-c", &code]);
    let loaded = sandbox.python(&["-c", &format!("import dill; dill.load_module('session.pkl'); {code}")]);
    restored.assert_code(0);
    loaded.assert_code(0);
    [restored.out(), loaded.out()]
}

fn save(sandbox: &Sandbox, script: &str) -> Run {
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    run.assert_code(0);
    run
}

fn sandboxes() -> impl Iterator<Item = Sandbox> {
    pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill)))
}

const SETTINGS: &str = "
MODE, count, OPTS = 'eval', 0, {'lr': 1}
LIMIT = 3
UNTOUCHED = {'deep': [1, 2, {'x': None}]}
def bump():
    global count; count += 1
def show(): return MODE
class Config:
    def __init__(self): self.name = 'plain'
current = Config()
";

#[test]
fn variables_of_a_module_come_back_as_the_script_left_them() {
    for sandbox in sandboxes() {
        sandbox.write("settings.py", SETTINGS);
        save(
            &sandbox,
            "import settings\nfrom settings import OPTS\n\
             settings.MODE = 'train'; OPTS['lr'] = .5; settings.bump(); settings.bump()\n\
             settings.current.name = 'mine'; settings.added = [1]; settings.extra = lambda: settings.added\n\
             alias = settings.added\n",
        );
        let check = "settings.MODE, settings.count, OPTS is settings.OPTS, settings.show(), settings.OPTS['lr'], \
                     settings.current.name, type(settings.current) is settings.Config, settings.extra() is alias";
        let expected = "('train', 2, True, 'train', 0.5, 'mine', True, True)\n";
        assert_eq!(both(&sandbox, check), [expected, expected]);
    }
}

#[test]
fn what_is_unchanged_is_not_in_the_file() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", SETTINGS);
    save(&sandbox, "import settings\nsettings.MODE = 'train'\n");
    let index = sandbox.snapcli(&["inspect", "--json"]).json();
    let names: Vec<_> = index["module_state"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect();
    // `current` is made by a call, and may have changed in any way.
    assert_eq!(names, ["settings.MODE", "settings.current"]);
    sandbox.write("settings.py", SETTINGS.replace("LIMIT = 3", "LIMIT = 42"));
    // An edit of what the session did not change is there after a restore.
    assert_eq!(both(&sandbox, "settings.LIMIT, settings.MODE"), ["(42, 'train')\n"; 2]);
    assert!(sandbox.snapcli(&["inspect"]).out().contains("settings.MODE"));
}

#[test]
fn packages_and_modules_that_others_import_have_their_state() {
    for sandbox in sandboxes() {
        sandbox.write("pkg/__init__.py", "from . import state\nlevel = 0\ndef rise():\n    global level; level += 1\n");
        sandbox.write("pkg/state.py", "from .deep import CACHE\nvalues = []\n");
        sandbox.write("pkg/deep.py", "CACHE = {}\n");
        sandbox.write("front.py", "import pkg\nfrom pkg.state import values\n");
        save(&sandbox, "import front\nfront.values.append(1); front.pkg.rise(); front.pkg.state.CACHE['k'] = 'v'\n");
        let check = "front.values, front.pkg.state.values is front.values, front.pkg.level, front.pkg.state.CACHE, \
                     __import__('pkg.deep').deep.CACHE is front.pkg.state.CACHE";
        let expected = "([1], True, 1, {'k': 'v'}, True)\n";
        assert_eq!(both(&sandbox, check), [expected, expected]);
    }
}

#[test]
fn a_registry_that_decorators_of_the_script_fill_comes_back_full() {
    for sandbox in sandboxes() {
        sandbox.write(
            "registry.py",
            "STEPS, hooks = {}, []\n\
             def step(item):\n    STEPS[item.__name__] = item\n    return item\n\
             def run(name, *arguments): return STEPS[name](*arguments)\n",
        );
        save(
            &sandbox,
            "import registry\nfrom registry import run, step\nscale = 2\n@step\ndef double(x): return scale * x\n\
             @step\nclass Model:\n    def __init__(self, n): self.n = n\nregistry.hooks.append(double)\n",
        );
        let check =
            "run('double', 4), run('Model', 3).n, registry.STEPS['Model'] is Model, registry.hooks[0] is double";
        assert_eq!(both(&sandbox, check), ["(8, 3, True, True)\n", "(8, 3, True, True)\n"]);
    }
}

#[test]
fn a_module_that_only_a_function_imports_has_its_state() {
    let sandbox = Sandbox::new();
    sandbox.write("counter.py", "total = 0\n");
    save(&sandbox, "def add(n):\n    import counter\n    counter.total += n\n    return counter.total\nadd(3)\n");
    assert_eq!(both(&sandbox, "add(1)"), ["4\n", "4\n"]);
}

#[test]
fn a_replaced_function_of_a_module_stays_replaced() {
    let sandbox = Sandbox::new();
    sandbox.write("tools.py", "import math\ndef f(): return 'old'\ndef g(): return 'g'\nloads = math.sqrt\n");
    save(&sandbox, "import tools, math\ntools.f = tools.g\ndef mine(): return 'mine'\ntools.g = mine\n");
    assert_eq!(
        both(&sandbox, "tools.f(), tools.g(), tools.g is mine, tools.loads(4)"),
        ["('g', 'mine', True, 2.0)\n"; 2]
    );
}

#[test]
fn only_the_variable_of_a_module_that_cannot_be_saved_is_left_out() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", "import socket\nconn, mode = None, 'eval'\nown = socket.socket()\n");
    let run = save(&sandbox, "import settings, socket\nsettings.conn = socket.socket(); settings.mode = 'train'\n");
    assert!(run.err().contains("  settings.conn (socket.socket): "), "{}", run.whole());
    assert!(run.err().contains("left out settings.own: made again when settings is imported"), "{}", run.whole());
    assert_eq!(both(&sandbox, "settings.mode, settings.own is None"), ["('train', False)\n"; 2]);
    // What an import makes again is not lost, what the script has put there is.
    assert_eq!(sandbox.snapcli(&["save", "--strict", "script.py"]).status.code(), Some(3));
    sandbox.write("script.py", "import settings\nsettings.mode = 'train'\n");
    sandbox.snapcli(&["save", "--strict", "--verify", "script.py"]).assert_code(0);
}

#[test]
fn state_that_fails_to_load_costs_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", "mode, other = 'eval', None\n");
    sandbox.write("helper.py", "class Thing: pass\n");
    save(
        &sandbox,
        "import settings\nfrom helper import Thing\nsettings.mode, settings.other = 'train', Thing()\n\
         del Thing\nn = 1\n",
    );
    std::fs::remove_file(sandbox.work().join("helper.py")).unwrap();
    let run = sandbox.snapcli(&["restore", "-c", "print(settings.mode, settings.other, n)"]);
    run.assert_code(0).assert_stdout("train None 1\n");
    assert!(run.err().contains("settings.other"), "{}", run.whole());
    // A module that is gone costs what is in it.
    std::fs::remove_file(sandbox.work().join("settings.py")).unwrap();
    sandbox.snapcli(&["restore", "-c", "print(n)"]).assert_code(0).assert_stdout("1\n");
}

#[test]
fn a_restore_of_some_variables_sets_only_the_modules_that_they_need() {
    let sandbox = Sandbox::new();
    sandbox.write("one.py", "mode = 'eval'\n");
    sandbox.write("two.py", "mode = 'eval'\n");
    save(&sandbox, "import one, two\none.mode = two.mode = 'train'\ndef f(): return one.mode\nn = 1\n");
    let check = "import sys; print(f(), 'two' in sys.modules)";
    sandbox.snapcli(&["restore", "--only", "f", "-c", check]).assert_code(0).assert_stdout("train False\n");
    sandbox.snapcli(&["restore", "--only", "n", "-c", "import one; print(one.mode)"]).assert_stdout("eval\n");
    let check = "import one; print(one.mode, two.mode)";
    sandbox.snapcli(&["restore", "--exclude", "one.*", "-c", check]).assert_stdout("eval train\n");
}

#[test]
fn an_untrusted_file_changes_no_module() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", "mode = 'eval'\n");
    save(&sandbox, "import settings\nsettings.mode = 'train'\nn = [1]\ndel settings\ndef f():\n    import settings\n");
    let check = "import settings; print(settings.mode, n)";
    let untrusted =
        sandbox.call_snapcli(&["restore", "--only", "n", "-c", check]).env("SNAPCLI_KEY", "another passphrase");
    untrusted.run().assert_code(0).assert_stdout("eval [1]\n");
}

#[test]
fn a_file_with_module_state_is_intact_until_it_is_damaged() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", "mode, data = 'eval', None\n");
    save(&sandbox, "import settings\nimport numpy\nsettings.mode, settings.data = 'train', numpy.zeros(20_000)\n");
    sandbox.snapcli(&["verify"]).assert_code(0);
    sandbox.snapcli(&["restore", "--mmap", "-c", "print(settings.data.sum())"]).assert_stdout("0.0\n");
    let path = sandbox.work().join("session.pkl");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(5).position(|part| part == b"train").unwrap();
    bytes[at] = b'd';
    std::fs::write(&path, bytes).unwrap();
    let run = sandbox.snapcli(&["verify"]);
    assert_eq!(run.status.code(), Some(4), "{}", run.whole());
    assert!(run.whole().contains("settings.mode: "), "{}", run.whole());
}

#[test]
fn verify_and_diff_compare_the_state_of_modules() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "settings.py",
        "mode, table = 'eval', None\nclass Odd:\n    n = 0\n    def __setstate__(self, state): self.n = 9\n",
    );
    let script = |mode: &str| {
        format!(
            "import settings\nsettings.mode, settings.table = '{mode}', {{'k': [1, 2]}}\nshared = settings.table['k']\n"
        )
    };
    sandbox.write("script.py", script("train"));
    let verified = sandbox.snapcli(&["save", "--verify", "--strict", "script.py"]);
    verified.assert_code(0);
    assert!(verified.err().contains("verified: 1 variable and 1 import load in a fresh process with the same values"));
    sandbox.write("script.py", script("test"));
    sandbox.snapcli(&["save", "-o", "other.pkl", "script.py"]).assert_code(0);
    let diff = sandbox.snapcli(&["diff", "session.pkl", "other.pkl"]);
    assert!(diff.out().contains("~ settings.mode: str (5) → str (4)"), "{}", diff.whole());
    assert!(diff.out().contains("1 changed, 3 the same"), "{}", diff.whole());
    // An object whose own code does not bring it back is named.
    sandbox.write("script.py", "import settings\nsettings.odd = settings.Odd()\nsettings.odd.n = 5\n");
    let changed = sandbox.snapcli(&["save", "--verify", "script.py"]);
    assert!(changed.err().contains("warning: settings.odd comes back different"), "{}", changed.whole());
}

#[test]
fn objects_that_code_of_a_module_tells_by_identity_are_those_of_the_import() {
    let parts = "
import enum
_MISSING = object()
first, (second, third) = object(), (object(), object())
def get(key, default=_MISSING):
    if default is _MISSING: raise KeyError(key)
    return default
class Opts:
    DEFAULT = object()
    def read(self, value=DEFAULT): return value is Opts.DEFAULT
class Unset:
    def __repr__(self): return '<unset>'
UNSET = Unset()
class Stop(Exception): pass
STOP = Stop('x')
def check(value, stop=STOP, unset=UNSET): return value is stop, value is unset
class Mark(enum.Enum): END = object()
def marker():
    marker.token = getattr(marker, 'token', None) or object()
    return marker.token
def pair(a=first, b=third): return a, b
";
    for sandbox in sandboxes() {
        sandbox.write("parts.py", parts);
        save(
            &sandbox,
            "import parts\nfrom parts import _MISSING as missing, Opts, check\n\
             values, mine = [parts.UNSET, Opts.DEFAULT, missing], {'stop': parts.STOP}\ntoken = parts.marker()\n\
             other, again = parts.Unset(), token\nshared = [other]\n\
             def required(value=missing):\n    try: return parts.get('nokey', value)\n    \
             except KeyError: return 'none'\n",
        );
        let expression = "required(), missing is parts._MISSING, values[0] is parts.UNSET, values[1] is Opts.DEFAULT, \
                          values[2] is missing, check(mine['stop']), check(values[0]), Opts().read(), \
                          parts.pair() == (parts.first, parts.third), token is parts.marker() is again, \
                          other is shared[0] is not parts.UNSET, parts.Mark.END";
        let expected =
            "('none', True, True, True, True, (True, False), (False, True), True, True, True, True, <Mark.END";
        for answer in both(&sandbox, expression) {
            assert!(answer.starts_with(expected), "{answer}");
        }
    }
}

#[test]
fn an_object_that_took_the_place_of_that_of_the_import_comes_back() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "parts.py",
        "class Idle: pass\nclass Busy: pass\nstate, config, found = Idle(), Idle(), None\n\
         def start():\n    global state\n    state = Busy()\n",
    );
    save(
        &sandbox,
        "import parts\nparts.start(); parts.config.name = 'mine'; parts.found = parts.Busy()\n\
         alias, config, own = parts.state, parts.config, parts.Idle()\n",
    );
    let check = "type(parts.state).__name__, parts.state is alias, config.name, config is parts.config, \
                 type(parts.found).__name__, type(own).__name__, own is parts.config";
    let expected = "('Busy', True, 'mine', True, 'Busy', 'Idle', False)\n";
    assert_eq!(both(&sandbox, check), [expected, expected]);
}
