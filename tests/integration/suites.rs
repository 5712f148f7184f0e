//! CPython's own tests of pickling, against the pickler that scripts get with `import snapcli`.

use crate::env::{Sandbox, Stack, pythons, venv};

#[test]
fn cpythons_own_pickling_tests_pass() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        // Some distributions leave the tests out of the standard library.
        if !sandbox.python(&["-c", "import test.pickletester"]).status.success() {
            continue;
        }
        sandbox.write("suite.py", include_str!("suites/pickletester.py"));
        let run = sandbox.snapcli(&["save", "-q", "suite.py"]);
        run.assert_code(0);
        assert!(run.err().contains("\nOK (skipped="), "{}", run.whole());
    }
}
