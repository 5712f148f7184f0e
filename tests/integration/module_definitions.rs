//! Attributes that a script sets on classes and functions of a module beside it come back, also by plain dill.

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
settings.Config.added = (1, 2)
settings.Config.shout = lambda self: 'loud'
Base.add('one')
settings.Point.x = 7
settings.handler.calls = [1, 2]
limits = settings.Config.LIMITS
row, color = Row('r'), settings.Color.RED
";

const CHECK: &str = "settings.Config.DEBUG, settings.Config().show(), settings.Config.LIMITS is limits, limits, \
                     settings.Config.names, settings.Config.added, settings.Config().shout(), \
                     Base.registry['one'] is Base, settings.Point().x, settings.handler.calls, row.size, \
                     color is settings.Color.RED";
const EXPECTED: &str =
    "(True, True, True, {'a': 1, 'b': 2}, ['a', 'b', 'c'], (1, 2), 'loud', True, 0, [1, 2], 3, True)\n";

#[test]
fn attributes_of_classes_and_functions_come_back() {
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
    assert_eq!(names, ["settings.Config", "settings.Base", "settings.Point", "settings.handler"]);
    let preview = items[0]["preview"].as_str().unwrap();
    assert_eq!(preview, "class settings.Config with DEBUG, LIMITS, names, added, shout");
    assert_ne!(report["verdict"]["class"], "dangerous", "{report}");
    sandbox.snapcli(&["verify", "-q"]).assert_code(0);
    sandbox.snapcli(&["diff", "session.pkl", "session.pkl"]).assert_code(0);
    // An edit of what the script did not set is there after a restore.
    sandbox.write("settings.py", SETTINGS.replace("level = 3", "level = 42"));
    let code = "settings.Untouched.level, settings.Config.DEBUG";
    sandbox.snapcli(&["restore", "-c", code]).assert_code(0).assert_stdout("(42, True)\n");
}

#[test]
fn an_attribute_that_cannot_be_saved_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", SETTINGS);
    sandbox.write("script.py", "import settings, socket\nsettings.Config.connection = socket.socket()\n");
    let run = sandbox.snapcli(&["save", "--strict", "script.py"]);
    run.assert_code(3);
    assert!(run.err().contains("settings.Config") && run.err().contains("socket"), "{}", run.err());
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
