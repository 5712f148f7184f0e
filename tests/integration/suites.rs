//! Runs the pickling tests of CPython and dill against the pickler that scripts get with `import snapcli`.

use std::fs;
use std::path::PathBuf;

use crate::env::{Sandbox, Stack, pythons, venv};
use crate::skipped::skipped;

#[test]
fn cpythons_own_pickling_tests_pass() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        // Some distributions leave the tests out of the standard library.
        if !sandbox.python(&["-c", "import test.pickletester"]).status.success() {
            skipped(&format!("Python {} has no test.pickletester (Debian: libpython3-testsuite)", python.label()));
            continue;
        }
        sandbox.write("suite.py", include_str!("suites/pickletester.py"));
        let run = sandbox.snapcli(&["save", "-q", "suite.py"]);
        run.assert_code(0);
        assert!(run.err().contains("\nOK (skipped="), "{}", run.whole());
    }
}

/// Runs each file in its own processes, as dill's test runner does. See `suites/dill_tests.py`.
#[test]
fn dills_own_tests_pass() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("dill_tests.py", include_str!("suites/dill_tests.py"));
        let (mut passed, mut pickles) = (0, 0);
        let mut bad = Vec::new();
        for file in copy_dills_tests(&sandbox) {
            let answer = sandbox.snapcli(&["save", "-q", "dill_tests.py", &file]).assert_code(0).json();
            passed += answer["passed"].as_u64().unwrap();
            pickles += answer["pickles"].as_u64().unwrap();
            bad.extend(
                answer["bad"].as_array().unwrap().iter().map(|item| format!("{file}: {}", item.as_str().unwrap())),
            );
        }
        let label = python.label();
        assert!(bad.is_empty(), "with {label}:\n{}", bad.join("\n"));
        // Code of 3.15 has no `co_lnotab`: plain dill 0.4.1 pickles no function of it, and fails in most of its tests.
        let least = if python.version >= (3, 15) { 80 } else { 100 };
        assert!(passed > least && pickles > 500, "with {label}: only {passed} tests and {pickles} pickles");
    }
}

/// Copies dill's tests into the sandbox, because they write files next to themselves. Returns their sorted names.
fn copy_dills_tests(sandbox: &Sandbox) -> Vec<String> {
    let find = "import dill.tests, os; print(os.path.dirname(dill.tests.__file__), end='')";
    let folder = PathBuf::from(sandbox.python(&["-c", find]).out());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".py") {
            sandbox.write(&format!("tests/{name}"), fs::read(&path).unwrap());
        }
        if name.starts_with("test_") {
            names.push(format!("tests/{name}"));
        }
    }
    names.sort();
    names
}
