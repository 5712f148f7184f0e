//! Two versions of a class in one session, as after a notebook cell was edited and run again: each object keeps the
//! class that it has.

use crate::env::{Sandbox, Stack, pythons, venv};

const SCRIPT: &str = include_str!("redefined_classes/versions.py");

#[test]
fn versions_of_a_class_stay_apart() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("versions.py", SCRIPT);
        let run = sandbox.snapcli(&["save", "-q", "versions.py"]);
        run.assert_stdout("30 the same, also for dill\n").assert_code(0);
        // Into a session of its own, and again into that one, where all of them are known.
        let code =
            "first = state(); import snapcli; snapcli.restore('session.pkl'); print(first == live, state() == live)";
        sandbox.snapcli(&["restore", "session.pkl", "-c", code]).assert_stdout("True True\n").assert_code(0);
        sandbox.snapcli(&["save", "-q", "-o", "v.snaps/", "versions.py"]).assert_code(0);
        sandbox.snapcli(&["restore", "v.snaps/@1", "-c", "state() == live"]).assert_stdout("True\n").assert_code(0);
        let run = sandbox.snapcli(&["save", "--verify", "versions.py"]);
        run.assert_code(0);
        assert!(!run.err().contains("comes back different"), "{}", run.whole());
    }
}
