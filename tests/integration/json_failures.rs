//! A JSON answer of a command that failed says so: it has `error` and `exit`, whatever else is in it.

use std::fs;

use serde_json::Value;

use crate::env::{Run, Sandbox};

/// The answer, which must have the error and this exit code.
#[track_caller]
fn failed(run: &Run, code: i32, part: &str) -> Value {
    run.assert_code(code);
    let answer = run.json();
    assert_eq!(answer["exit"], code, "{}", run.whole());
    assert!(answer["error"].as_str().is_some_and(|error| error.contains(part)), "{}", run.whole());
    answer
}

#[test]
fn an_answer_with_variables_has_the_error_as_well() {
    let sandbox = Sandbox::new();
    // The session is saved all the same.
    let run = sandbox.snapcli(&["save", "--json", "--include", "zz", "-c", "x = 1"]);
    let answer = failed(&run, 2, "--include zz matches no variable");
    assert!(answer["path"].as_str().unwrap().ends_with("session.unmatched.pkl"), "{answer:#}");
    let run = sandbox.snapcli(&["save", "--json", "--locals", "f", "-c", "def f(): y = 1"]);
    failed(&run, 2, "--locals f: the function was never called");
    // A script that fails, or ends with a code.
    for command in ["save", "inspect"] {
        let run = sandbox.snapcli(&[command, "--json", "-c", "x = 1\n1/0"]);
        let answer = failed(&run, 1, "the script failed: ZeroDivisionError: division by zero");
        assert_eq!(answer["variables"][0]["name"], "x");
        failed(&sandbox.snapcli(&[command, "--json", "-c", "x = 1; raise SystemExit(7)"]), 7, "exited with 7");
    }
    failed(&sandbox.snapcli(&["inspect", "--json", "--trace", "x", "-c", "x = [1]\n1/0"]), 1, "ZeroDivisionError");
    // It ends by the signal, as Python does.
    let interrupted = sandbox.snapcli(&["save", "--json", "-c", "x = 1\nraise KeyboardInterrupt"]).json();
    assert_eq!((&interrupted["error"], &interrupted["exit"]), (&"the script was interrupted".into(), &130.into()));
    // Inspecting its snapshot is no failure.
    let crash = sandbox.snapcli(&["inspect", "--json", "session.crash.pkl"]).assert_code(0).json();
    assert!(crash.get("error").is_none() && crash.get("exit").is_none(), "{crash:#}");
}

#[test]
fn what_is_left_of_a_truncated_file_is_shown_with_the_error() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-c", "x = 123456789; y = [1, 2, 3]"]).assert_code(0);
    let bytes = fs::read(sandbox.work().join("session.pkl")).unwrap();
    sandbox.write("cut.pkl", &bytes[..300]);
    for words in [
        &["inspect", "--json", "cut.pkl"][..],
        &["inspect", "--json", "--trace", "y", "cut.pkl"],
        &["restore", "--list", "--json", "cut.pkl"],
    ] {
        failed(&sandbox.snapcli(words), 4, "its index is missing");
    }
    // Nothing proves the bytes, and one of them is wrong.
    let mut wrong = bytes[..300].to_vec();
    let at = wrong.windows(4).position(|four| four == 123_456_789_u32.to_le_bytes()).unwrap();
    wrong[at] ^= 1;
    for (name, bytes) in [("cut.pkl", &bytes[..300]), ("wrong.pkl", &wrong[..])] {
        sandbox.write(name, bytes);
        let run = sandbox.snapcli(&["verify", "--json", name]);
        let answer = run.assert_code(4).json();
        assert_eq!((&answer["whole"], answer["variables"].as_array().unwrap().len()), (&false.into(), 2));
        for variable in answer["variables"].as_array().unwrap() {
            assert!(variable.get("whole").is_none(), "{answer:#}");
        }
        let text = sandbox.snapcli(&["verify", name]);
        assert!(text.assert_code(4).out().contains("  complete, but not proven intact: x, y\n"), "{}", text.whole());
    }
    // Pickles of other programs have no checksums, and are what they are.
    sandbox.python(&["-c", "import pickle; pickle.dump({'a': 1}, open('dict.pkl', 'wb'))"]).assert_code(0);
    let other = sandbox.snapcli(&["verify", "--json", "dict.pkl"]).assert_code(0).json();
    assert_eq!(other["variables"][0]["whole"], true);
}

#[test]
fn a_doctor_without_a_python_says_why() {
    let sandbox = Sandbox::new();
    let run = sandbox.snapcli(&["doctor", "--json", "--python", "/nonexistent/python"]);
    let answer = failed(&run, 6, "");
    assert!(!answer["error"].as_str().unwrap().is_empty() && answer.get("python").is_none(), "{answer:#}");
    sandbox.write("pyproject.toml", "[tool.snapcli]\nstrict = 5\n");
    let run = sandbox.snapcli(&["doctor", "--json"]);
    let answer = failed(&run, 2, "strict");
    assert_eq!(answer["error"], answer["settings_error"]);
}
