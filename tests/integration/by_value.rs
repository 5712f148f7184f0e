//! Classes, enumerations and type variables of a script are fully restored: on every Python, by plain dill too, and a
//! second time in the same process. The script `by_value/classes.py` has all of them, and a check for each.

use crate::env::{Sandbox, Stack, pythons, venv};

const SCRIPT: &str = include_str!("by_value/classes.py");

/// The script with its variables in reverse order, so that classes are saved before their bases.
fn reversed_script() -> String {
    let turn = "_g = globals()\nfor _k in reversed([k for k in _g if not k.startswith('_')]): _g[_k] = _g.pop(_k)\n";
    format!("{SCRIPT}{turn}")
}

#[test]
fn classes_defined_in_the_script_are_fully_restored() {
    for python in pythons() {
        for script in [SCRIPT.to_owned(), reversed_script()] {
            let sandbox = Sandbox::with(venv(python, Stack::Dill));
            sandbox.write("script.py", script);
            sandbox.snapcli(&["save", "--strict", "-q", "script.py"]).assert_code(0);
            let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "print(len(CHECKS) > 30, failures())"]);
            run.assert_stdout("True []\n").assert_code(0);
            let code = "import dill; dill.load_module('session.pkl'); print(len(CHECKS) > 30, failures())";
            sandbox.python(&["-c", code]).assert_stdout("True []\n").assert_code(0);
        }
    }
}

#[test]
fn a_second_restore_keeps_existing_enumerations_and_type_variables() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let code = "
import snapcli
names = ['Planet', 'Coordinate', 'Perm', 'S', 'Creature', 'Abs', 'Node', 'Typed', 'Sl2', 'Fr']
names += ['T', 'UserId']
old = {name: globals()[name] for name in names}
members = Planet.EARTH, Coordinate.PX, S.A
print(snapcli.restore('session.pkl').lost, [name for name in names if globals()[name] is not old[name]], failures())
print(members[0] is Planet.EARTH, members[1] is Coordinate.PX, members[2] is S.A)
";
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", code]);
    run.assert_stdout("{} [] []\nTrue True True\n").assert_code(0);
}

#[test]
fn an_unsavable_class_is_reported_with_the_path_to_the_failing_object() {
    let sandbox = Sandbox::new();
    let script = "
import enum
class Holder:
    def method(self): return Holder
    inner = None
Holder.inner = {'running': memoryview(b'abc')}
class Fine:
    holder = 1
class Odd(enum.Enum):
    A = 1
Odd.A.extra = memoryview(b'abc')
";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    run.assert_code(0);
    let said = run.err();
    assert!(said.contains("Holder.inner['running'] (memoryview)"), "{said}");
    assert!(said.contains("Odd.A.extra (memoryview)"), "{said}");
    sandbox.snapcli(&["restore", "session.pkl", "-c", "Fine.holder"]).assert_stdout("1\n");
}
