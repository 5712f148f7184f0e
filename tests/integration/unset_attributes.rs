//! Attributes of classes in the project's modules that a script has not set are not saved: after a restore they are
//! what the module says, also if that has changed since.

use crate::env::{Sandbox, Stack, pythons, venv};

const SETTINGS: &str = "
import os, time
class Config:
    TIMEOUT = 60 * 60
    STAGE = os.environ.get('STAGE', 'dev')
    STARTED = time.time()
    debug = False
    level = 3
    __hits = 0
    @classmethod
    def hit(cls): cls.__hits += 1; return cls.__hits
    class Inner:
        LIM = 2 + 1
        class Deep:
            size = len('ab')
    def method(self): pass
for _name in ('a', 'b'):
    setattr(Config, _name, _name * 3)
Config.late = int('7')
class Meta(type):
    def __setattr__(cls, name, value): super().__setattr__(name, value)
class Managed(metaclass=Meta):
    rate = 1 / 2
def handler(): pass
handler.retries = int('3')
";

fn sandboxes() -> impl Iterator<Item = Sandbox> {
    pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill)))
}

fn module_items(sandbox: &Sandbox) -> Vec<String> {
    let report = sandbox.snapcli(&["inspect", "--json"]).json();
    let items = report.get("module_state").and_then(|items| items.as_array()).cloned().unwrap_or_default();
    items.iter().map(|item| item["preview"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_the_script_never_set_is_not_saved_and_follows_edits_and_the_environment() {
    for sandbox in sandboxes() {
        sandbox.write("settings.py", SETTINGS);
        sandbox.write("script.py", "import settings\nfrom settings import Config\nx = Config()\n");
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        let items = module_items(&sandbox);
        assert!(!items.iter().any(|item| item.contains(" with ")), "{items:?}");
        sandbox.write("settings.py", SETTINGS.replace("60 * 60", "60 * 5").replace("1 / 2", "1 / 4"));
        let code = "Config.TIMEOUT, Config.STAGE, settings.Managed.rate, Config.late, Config.a";
        let run = sandbox.call_snapcli(&["restore", "-c", code]).env("STAGE", "prod").run();
        run.assert_code(0).assert_stdout("(300, 'prod', 0.25, 7, 'aaa')\n");
    }
}

#[test]
fn what_the_script_set_comes_back_wherever_it_is() {
    for sandbox in sandboxes() {
        sandbox.write("settings.py", SETTINGS);
        let script = "
import settings
from settings import Config
Config.TIMEOUT = 5
Config.Inner.LIM = 9
Config.Inner.Deep.size = 11
settings.Managed.rate = 0.75
settings.handler.retries = 4
Config.method.cost = 1.5
Config.hit(); Config.hit()
Config.a = 'changed'
Config.debug = Config.debug or True
";
        sandbox.write("script.py", script);
        sandbox.snapcli(&["save", "-q", "--strict", "--verify", "script.py"]).assert_code(0);
        let code = "print((Config.TIMEOUT, Config.Inner.LIM, Config.Inner.Deep.size, settings.Managed.rate, \
                    settings.handler.retries, Config.method.cost, Config.hit(), Config.a, Config.b, Config.debug))";
        let expected = "(5, 9, 11, 0.75, 4, 1.5, 3, 'changed', 'bbb', True)\n";
        sandbox.snapcli(&["restore", "-c", code]).assert_code(0).assert_stdout(expected);
        let loaded = sandbox.python(&["-c", &format!("import dill; dill.load_module('session.pkl'); {code}")]);
        loaded.assert_code(0).assert_stdout(expected);
    }
}

#[test]
fn a_second_save_of_a_restored_session_keeps_what_was_set() {
    let sandbox = Sandbox::new();
    sandbox.write("settings.py", SETTINGS);
    sandbox.write("script.py", "import settings\nsettings.Config.TIMEOUT = 5\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let code = "import snapcli; settings.Config.level = 4; snapcli.save('second.pkl')";
    sandbox.snapcli(&["restore", "-c", code]).assert_code(0);
    let code = "settings.Config.TIMEOUT, settings.Config.level, settings.Config.late";
    sandbox.snapcli(&["restore", "second.pkl", "-c", code]).assert_code(0).assert_stdout("(5, 4, 7)\n");
}

#[test]
fn an_attribute_that_has_become_a_property_or_a_method_is_not_overwritten() {
    for sandbox in sandboxes() {
        sandbox.write("settings.py", SETTINGS);
        let script = "import settings\nC = settings.Config\nC.level = 4; C.debug = True; C.TIMEOUT = 5\n";
        sandbox.write("script.py", script);
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        let edited = SETTINGS
            .replace("    level = 3\n", "    @property\n    def level(self): return 'computed'\n")
            .replace("    debug = False\n", "    def debug(self): return 'called'\n");
        sandbox.write("settings.py", edited);
        let run = sandbox.snapcli(&["restore", "-c", "C().level, C().debug(), C.TIMEOUT"]);
        run.assert_code(0).assert_stdout("('computed', 'called', 5)\n");
        assert!(
            run.err().contains("settings.Config.level was not restored: its module now has a property"),
            "{}",
            run.err()
        );
        assert!(
            run.err().contains("settings.Config.debug was not restored: its module now has a function"),
            "{}",
            run.err()
        );
    }
}

#[test]
fn imports_look_as_they_do_in_python() {
    let sandbox = Sandbox::new();
    sandbox.write("bad.py", "def f(): return 1 / 0\nf()\n");
    let script = "
import importlib, importlib.machinery, importlib.util, traceback, sys
try:
    import bad
except ZeroDivisionError:
    frames = [(frame.filename.rsplit('/')[-1], frame.name) for frame in traceback.extract_tb(sys.exc_info()[2])]
loader = importlib.machinery.SourceFileLoader('other', 'other.py')
spec = importlib.util.spec_from_loader('other', loader)
module = importlib.util.module_from_spec(spec)
loader.exec_module(module)
again = importlib.util.module_from_spec(spec)
importlib.machinery.SourceFileLoader.exec_module(loader, module=again)
class Own(importlib.machinery.SourceFileLoader):
    def exec_module(self, module): super().exec_module(module); module.own = True
own = importlib.util.module_from_spec(spec)
Own('other', 'other.py').exec_module(own)
print(frames, module.x, again.x, own.own, loader.exec_module.__name__, loader.exec_module.__self__ is loader)
";
    sandbox.write("other.py", "x = 5\n");
    sandbox.write("script.py", script);
    let expected = sandbox.python(&["script.py"]);
    expected.assert_code(0);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0).assert_stdout(&expected.out());
}
