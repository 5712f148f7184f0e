//! Objects of pandas in files that are not trusted: what pandas, dill, joblib and snapcli write comes back as CPython's
//! unpickler makes it, and what pandas would not have written is refused before anything is made.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::env::{Sandbox, Stack, main_python, pythons, venv};

const OBJECTS: &str = include_str!("untrusted_frames/objects.py");
const SAME: &str = include_str!("untrusted_frames/same.py");
const DUMP: &str = include_str!("untrusted_frames/dump.py");
const OLD: &str = include_str!("untrusted_frames/old.py");
const HOSTILE: &str = include_str!("untrusted_frames/hostile.py");

/// A sandbox with the scripts, whose `python` has pandas.
fn with_pandas(python: PathBuf) -> Sandbox {
    let sandbox = Sandbox::with(python);
    sandbox.write("objects.py", OBJECTS);
    sandbox.write("same.py", SAME);
    sandbox.write("dump.py", DUMP);
    sandbox
}

/// Restores a file that another program wrote, or another user, and compares its objects.
fn assert_same(sandbox: &Sandbox, file: &str) {
    let call = sandbox.call_snapcli(&["restore", file, "same.py"]);
    let run = call.env("XDG_CONFIG_HOME", sandbox.out().join("stranger")).run();
    run.assert_code(0).assert_stdout("same\n");
}

fn assert_written_by(sandbox: &Sandbox, writer: &str) {
    sandbox.python(&["dump.py", "objects.pkl", writer]).assert_code(0);
    sandbox.snapcli(&["inspect", "--strict", "objects.pkl"]).assert_code(0);
    assert_same(sandbox, "objects.pkl");
}

#[test]
fn objects_of_pandas_in_pickles_are_those_that_pickle_loads() {
    for python in pythons() {
        let sandbox = with_pandas(venv(python, Stack::Full));
        for protocol in 0..=5 {
            assert_written_by(&sandbox, &protocol.to_string());
        }
    }
}

#[test]
fn objects_of_pandas_from_dill_cloudpickle_and_joblib_are_those_that_pickle_loads() {
    let sandbox = with_pandas(venv(main_python(), Stack::Full));
    for writer in ["dill", "cloudpickle", "joblib"] {
        assert_written_by(&sandbox, writer);
    }
}

#[test]
fn objects_of_pandas_that_somebody_else_saved_are_those_that_pickle_loads() {
    let sandbox = with_pandas(venv(main_python(), Stack::Full));
    sandbox.write("script.py", "import objects\nglobals().update(objects.everything())\ndel objects\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    assert_same(&sandbox, "session.pkl");
}

#[test]
fn frames_that_an_old_pandas_wrote_are_those_that_pickle_loads() {
    let sandbox = with_pandas(venv(main_python(), Stack::Full));
    sandbox.write("old.py", OLD);
    sandbox.python(&["old.py"]).assert_code(0);
    sandbox.snapcli(&["restore", "objects.pkl", "same.py"]).assert_code(0).assert_stdout("3\n");
}

#[test]
fn strings_that_pyarrow_stores_are_those_that_pickle_loads() {
    let sandbox = with_pandas(venv(main_python(), Stack::Arrow));
    for protocol in ["0", "2", "4", "5", "dill"] {
        assert_written_by(&sandbox, protocol);
    }
    fs::remove_file(sandbox.work().join("writer.txt")).unwrap();
    sandbox.write("script.py", "import objects\nglobals().update(objects.everything())\ndel objects\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    assert_same(&sandbox, "session.pkl");
}

#[test]
fn objects_that_pandas_would_not_have_written_are_refused() {
    let sandbox = with_pandas(venv(main_python(), Stack::Arrow));
    sandbox.write("hostile.py", HOSTILE);
    let run = sandbox.python(&["hostile.py", "."]);
    let expected: BTreeMap<String, String> = serde_json::from_slice(&run.assert_code(0).stdout).unwrap();
    assert!(expected.len() > 100, "{}", expected.len());
    for (name, words) in &expected {
        let file = format!("{name}.pkl");
        let run = sandbox.snapcli(&["restore", &file, "-c", "print('loaded')"]);
        run.assert_code(5).assert_stdout("");
        assert!(run.err().contains(words), "{name}: {words:?} is not in {}", run.err());
        fs::remove_file(sandbox.work().join(file)).unwrap();
    }
}
