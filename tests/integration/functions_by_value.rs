//! Functions of a script come back with everything that belongs to them, in plain dill too, and neither a save nor a
//! restore imports dill for them. The script `functions/functions.py` has all kinds, and a check for each.

use std::fs;

use crate::env::{Sandbox, Stack, pythons, venv};

const SCRIPT: &str = include_str!("functions/functions.py");

/// The script with its variables in reverse order: closures before the functions that made them, and so on.
fn reversed_script() -> String {
    let turn = "_g = globals()\nfor _k in reversed([k for k in _g if not k.startswith('_')]): _g[_k] = _g.pop(_k)\n";
    format!("{SCRIPT}{turn}")
}

#[test]
fn functions_of_the_script_are_fully_restored() {
    for python in pythons() {
        for script in [SCRIPT.to_owned(), reversed_script()] {
            let sandbox = Sandbox::with(venv(python, Stack::Dill));
            sandbox.write("script.py", script);
            sandbox.snapcli(&["save", "--strict", "-q", "script.py"]).assert_code(0).assert_stderr("");
            let code = "import sys; print(failures(), 'dill' in sys.modules)";
            sandbox.snapcli(&["restore", "session.pkl", "-c", code]).assert_stdout("[] False\n").assert_code(0);
            let code = "import dill; dill.load_module('session.pkl'); print(failures())";
            sandbox.python(&["-W", "error", "-c", code]).assert_stdout("[]\n").assert_stderr("").assert_code(0);
        }
    }
}

#[test]
fn saving_and_restoring_functions_and_classes_imports_no_dill() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let shown = sandbox.snapcli(&["inspect", "--json", "session.pkl"]).json();
    assert!(shown["python"]["dill"].is_null(), "dill was not needed");
    let variables = shown["variables"].as_array().unwrap();
    let plain = variables.iter().find(|variable| variable["name"] == "plain").unwrap();
    assert_eq!(plain["has_code"], true, "{plain}");
    let offset = variables.iter().find(|variable| variable["name"] == "offset").unwrap();
    assert_eq!(offset["has_code"], false, "{offset}");
    // dill writes what only dill knows.
    sandbox.write("script.py", "keys = {'a': 1}.keys()\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let shown = sandbox.snapcli(&["inspect", "--json", "session.pkl"]).json();
    assert!(shown["python"]["dill"].is_string());
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "print(list(keys))"]);
    run.assert_stdout("['a']\n");
}

#[test]
fn only_the_lines_of_a_class_in_a_function_have_moved() {
    let body =
        "def plain():\n    class Inner:\n        size = SIZE\n        def get(self): return 1\n    return Inner\n";
    // From CPython 3.13 on, the body of a class holds its first line, which may be a constant of the script, too.
    let of_size = |lines: usize, size: &str| format!("{}{}", "\n".repeat(lines), body.replace("SIZE", size));
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let save = |name: &str, script: &str| {
            sandbox.write("script.py", script);
            sandbox.snapcli(&["save", "-q", "-o", name, "script.py"]).assert_code(0);
        };
        let differ = |left: (usize, &str), right: (usize, &str)| {
            save("a.pkl", &of_size(left.0, left.1));
            save("b.pkl", &of_size(right.0, right.1));
            sandbox.snapcli(&["diff", "a.pkl", "b.pkl"])
        };
        // `size` is a constant that is not a line, the line of the class, and one that was its line before.
        differ((0, "70"), (5, "70")).assert_code(0);
        differ((0, "'2'"), (300, "'2'")).assert_code(0);
        differ((0, "2"), (5, "7")).assert_code(1);
        differ((0, "70"), (0, "71")).assert_code(1);
        differ((5, "7"), (5, "70")).assert_code(1);
    }
}

#[test]
fn a_session_of_functions_has_no_difference_after_a_second_save() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "--verify", "--strict", "script.py"]).assert_code(0).assert_stderr("");
    fs::copy(sandbox.work().join("session.pkl"), sandbox.work().join("first.pkl")).unwrap();
    // Moving a function within its file changes the lines of its code, but not what it does.
    sandbox.write("script.py", format!("\n\n{SCRIPT}"));
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let run = sandbox.snapcli(&["diff", "first.pkl", "session.pkl"]);
    run.assert_code(0);
    sandbox.write("script.py", SCRIPT.replace("x + y + offset", "x - y - offset"));
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let run = sandbox.snapcli(&["diff", "first.pkl", "session.pkl"]);
    run.assert_code(1);
    assert!(run.out().contains("~ plain"), "{}", run.whole());
}

#[test]
fn what_fails_in_a_closure_is_named_by_its_path() {
    let sandbox = Sandbox::new();
    let script = "
def keep(thing):
    def inner(): return thing
    return inner
class Holder:
    held = keep(memoryview(b'a'))
fails = keep([1, memoryview(b'a')])
deep = keep(keep(memoryview(b'a')))
fine = keep([1])
";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    let said = run.err();
    assert!(said.contains("fails.__closure__['thing'][1] (memoryview)"), "{said}");
    assert!(said.contains("deep.__closure__['thing'].__closure__['thing'] (memoryview)"), "{said}");
    assert!(said.contains("Holder.held.__closure__['thing'] (memoryview)"), "{said}");
    sandbox.snapcli(&["restore", "session.pkl", "-c", "print(fine())"]).assert_stdout("[1]\n");
}
