//! Code of another minor version of Python is never loaded. It costs the variables that need it, which say so, and no
//! other one.

use std::fs;

use crate::env::{Run, Sandbox, Stack, all_pythons, venv};
use crate::skipped::skipped;

/// A session of the first Python, in a sandbox of the last one, and what is said about its code. `None` if there is one
/// Python only.
fn session_of_another(script: &str) -> Option<(Sandbox, String)> {
    let [first, .., last] = all_pythons() else { return None };
    let sandbox = Sandbox::with(venv(first, Stack::Dill));
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let other = Sandbox::with(venv(last, Stack::Dill));
    other.write("session.pkl", fs::read(sandbox.work().join("session.pkl")).unwrap());
    Some((other, advice_for(&first.label(), &sandbox)))
}

/// The advice about code of this version, which the Python of the sandbox has.
fn advice_for(version: &str, sandbox: &Sandbox) -> String {
    let python = sandbox.interpreter().display();
    format!(": contains code for Python {version}: restore it with --python {python}")
}

/// The names that a restore binds: those of one letter, sorted.
fn restored(sandbox: &Sandbox, options: &[&str]) -> Run {
    let code = "print(*sorted(name for name in globals() if len(name) == 1))";
    sandbox.snapcli(&[&["restore", "session.pkl"], options, &["-c", code]].concat())
}

#[test]
fn code_from_another_minor_version_is_never_loaded_but_data_is() {
    let [first, .., last] = all_pythons() else { return skipped("needs two Pythons") };
    let sandbox = Sandbox::with(venv(first, Stack::Dill));
    let script = "data = {'a': [1, 2]}\ndef f(): return 1\nclass C:\n    def m(self): return 1\nc = C()\n";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let other = Sandbox::with(venv(last, Stack::Dill));
    other.write("session.pkl", fs::read(sandbox.work().join("session.pkl")).unwrap());
    let run = other.snapcli(&["restore", "--trust", "session.pkl", "-c", "data, sorted(set('fCc') & set(globals()))"]);
    run.assert_stdout("({'a': [1, 2]}, [])\n").assert_code(0);
    let advice = advice_for(&first.label(), &sandbox);
    let advice = format!("cannot restore f (function), C (type), c (__main__.C){advice}\n");
    assert!(run.err().contains(&advice), "{}", run.whole());
    let run = other.snapcli(&["restore", "--trust", "--strict", "session.pkl", "-c", "print('ran')"]);
    run.assert_code(3).assert_stdout("");
}

#[test]
fn what_holds_a_function_of_another_minor_version_is_refused_as_the_function_is() {
    let script = "
class Plain: pass
def f(x): return x + 1
def g(x): return x * 2
def counter():
    count = [0]
    return lambda: count
from types import SimpleNamespace
a = [f]
b = {'g': g, 'more': [1, 2]}
c = SimpleNamespace(call=counter())
d = [b, 5]
e = [d]
s = ['shared']
h = [s, f]
i = [s, 1]
j = c.call
k = 7
";
    let Some((sandbox, advice)) = session_of_another(script) else { return skipped("needs two Pythons") };
    for options in [&["--trust"][..], &["--trust", "--partial"], &["--trust", "--exclude", "f"]] {
        let run = restored(&sandbox, options);
        run.assert_code(0).assert_stdout("i k s\n");
        let err = run.err();
        let lines: Vec<_> = err.lines().collect();
        let [line] = lines[..] else { panic!("{}", run.whole()) };
        let (variables, _) = line.split_once(&advice).unwrap_or_else(|| panic!("{}", run.whole()));
        for lost in ["a (list)", "b (dict)", "c (types.SimpleNamespace)", "d (list)", "e (list)", "h (list)"] {
            assert!(variables.contains(lost), "{lost}: {}", run.whole());
        }
        assert!(!variables.contains("i (list)"), "{}", run.whole());
    }
    let run = restored(&sandbox, &["--trust", "--only", "e", "--only", "i"]);
    run.assert_code(0).assert_stdout("i\n");
    assert!(run.err().starts_with("snapcli: cannot restore e (list): contains code for Python"), "{}", run.whole());
}
