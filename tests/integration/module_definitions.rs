//! Constants that a script sets on classes and functions of a module beside it come back, also by plain dill.

use crate::env::{Sandbox, Stack, pythons, venv};

const SETTINGS: &str = "
import abc, dataclasses, enum, typing
class Config:
    DEBUG = False
    LIMITS = {'a': 1}
    names = list('ab')
    def show(self): return self.DEBUG
class Base(abc.ABC):
    registry = {}
    @classmethod
    def add(cls, name): cls.registry[name] = cls
@dataclasses.dataclass
class Point:
    x: int = 0
    y: list = dataclasses.field(default_factory=list)
class Color(enum.Enum):
    RED = 1
class Row(typing.NamedTuple):
    name: str
    size: int = 3
class Untouched:
    level = 3
    items = [1, {'b': 2}]
    def method(self): pass
def handler(x): return x
def plain(): pass
";

const SCRIPT: &str = "
import settings
from settings import Base, Row
settings.Config.DEBUG = True
settings.Config.LIMITS['b'] = 2
settings.Config.names.append('c')
settings.Config.added = (1, frozenset('a'), None)
settings.Config.shout = lambda self: 'loud'
Base.add('one')
settings.Point.x = 7
settings.handler.calls = 2
row, color = Row('r'), settings.Color.RED
";

const CHECK: &str = "settings.Config.DEBUG, settings.Config().show(), settings.Config.LIMITS, settings.Config.names, \
                     settings.Config.added, hasattr(settings.Config, 'shout'), Base.registry, settings.Point.x, \
                     settings.Point().x, settings.handler.calls, row.size, color is settings.Color.RED";
const EXPECTED: &str = "(True, True, {'a': 1}, ['a', 'b'], (1, frozenset({'a'}), None), False, {}, 7, 0, 2, 3, True)\n";

#[test]
fn constants_on_classes_and_functions_come_back() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        sandbox.write("settings.py", SETTINGS);
        sandbox.write("script.py", SCRIPT);
        sandbox.snapcli(&["save", "-q", "--strict", "script.py"]).assert_code(0);
        let code = format!("print(({CHECK}))");
        let restored = sandbox.snapcli(&["restore", "-c", &code]);
        restored.assert_code(0).assert_stdout(EXPECTED);
        let loaded = sandbox.python(&["-c", &format!("import dill; dill.load_module('session.pkl'); {code}")]);
        loaded.assert_code(0).assert_stdout(EXPECTED);
    }
}

#[test]
fn only_what_was_set_is_in_the_file() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", SETTINGS);
    sandbox.write("script.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let report = sandbox.snapcli(&["inspect", "--json"]).json();
    let items = report["module_state"].as_array().unwrap();
    let names: Vec<_> = items.iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["settings.Config", "settings.Point", "settings.handler"]);
    let preview = items[0]["preview"].as_str().unwrap();
    assert_eq!(preview, "class settings.Config with DEBUG, added");
    assert_ne!(report["verdict"]["class"], "dangerous", "{report}");
    sandbox.snapcli(&["verify", "-q"]).assert_code(0);
    sandbox.snapcli(&["diff", "session.pkl", "session.pkl"]).assert_code(0);
    // An edit of what the script did not set is there after a restore.
    sandbox.write("settings.py", SETTINGS.replace("level = 3", "level = 42"));
    let code = "settings.Untouched.level, settings.Config.DEBUG";
    sandbox.snapcli(&["restore", "-c", code]).assert_code(0).assert_stdout("(42, True)\n");
}

/// Attributes that the module itself sets, or that are more than constants.
const ODD: &str = "
import functools, sqlite3
class Opts:
    __missing = object()
    __count = 3
    backends = {'db': sqlite3.connect(':memory:')}
class Arg: pass
Arg.EMPTY, Arg.limit = object(), 5
class Proxy:
    def __getattr__(self, name): raise SystemExit(name)
class Named:
    def __set_name__(self, owner, name): owner.found = [name]
class Base:
    proxy, named = Proxy(), Named()
    def __init_subclass__(cls): cls.made = object()
class Child(Base): pass
def memo(f):
    cache = {}
    @functools.wraps(f)
    def w(x): return cache.setdefault(x, f(x))
    w.cache = cache
    return w
@memo
def sq(x): return x * x
sq.unit = 'm'
";

#[test]
fn nothing_else_is_kept_and_nothing_fails() {
    let sandbox = Sandbox::new();
    sandbox.write("odd.py", ODD);
    sandbox.write("script.py", "import odd, socket\nodd.Arg.connection = socket.socket()\nodd.sq(3)\n");
    sandbox.snapcli(&["save", "-q", "--strict", "script.py"]).assert_code(0);
    let report = sandbox.snapcli(&["inspect", "--json"]).json();
    let kept = report.get("module_state").and_then(|items| items.as_array()).map_or(0, Vec::len);
    assert_eq!(kept, 0, "{report}");
    let code = "odd.sq(4), odd.sq.cache is odd.sq.__closure__[0].cell_contents, odd.Arg.limit, odd.sq.unit";
    sandbox.snapcli(&["restore", "-c", code]).assert_code(0).assert_stdout("(16, True, 5, 'm')\n");
}

#[test]
fn a_round_trip_finds_no_difference() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", SETTINGS);
    sandbox.write("script.py", SCRIPT);
    let run = sandbox.snapcli(&["save", "--verify", "--strict", "script.py"]);
    run.assert_code(0);
    assert!(run.err().contains("with the same values"), "{}", run.err());
}
