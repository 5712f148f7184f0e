//! What strangers found in the answers of commands: verdicts within limits, messages about old files, names in JSON.

use std::fs;

use serde_json::Value;

use crate::env::Sandbox;

const INSTANCES: &str = "\
class P:
    def __init__(self, i):
        self.a, self.b, self.c = i, str(i), [i, i + .5]
data = [P(i) for i in range(20_000)]
";

#[test]
fn a_limit_that_is_reached_is_no_finding() {
    let sandbox = Sandbox::new();
    sandbox.write("i.py", INSTANCES);
    sandbox.snapcli(&["save", "-q", "-o", "i.pkl", "i.py"]).assert_code(0);
    let mut seen = Vec::new();
    for megabytes in (8..=40).step_by(2) {
        let limit = format!("{megabytes}M");
        let run = sandbox.snapcli(&["inspect", "--json", "--verdict", "--max-memory", &limit, "i.pkl"]);
        let answer: Value = run.json();
        let class = answer["verdict"]["class"].as_str().unwrap().to_owned();
        assert!(["code", "not judged"].contains(&class.as_str()), "{limit}: {answer:#}");
        seen.push(class);
    }
    // Some limits are too small, and the largest is enough.
    assert!(seen.contains(&"not judged".to_owned()) && seen.last().unwrap() == "code", "{seen:?}");
}

#[test]
fn a_failure_without_variables_names_an_old_crash_snapshot() {
    let sandbox = Sandbox::new();
    sandbox.write("one.py", "a = 1\n1/0\n");
    sandbox.write("two.py", "raise ValueError('two')\n");
    sandbox.write("three.py", "x =\n");
    sandbox.snapcli(&["save", "-q", "one.py"]).assert_code(1);
    let note = "snapcli: nothing was saved: session.crash.pkl is from before";
    for script in ["two.py", "three.py"] {
        let run = sandbox.snapcli(&["save", script]);
        run.assert_code(1);
        assert!(run.err().contains(note), "{}", run.whole());
    }
    fs::remove_file(sandbox.work().join("session.crash.pkl")).unwrap();
    let run = sandbox.snapcli(&["save", "two.py"]);
    assert!(!run.err().contains("from before"), "{}", run.whole());
}

#[test]
fn a_session_that_was_kept_because_of_a_wrong_name_is_not_replaced() {
    let sandbox = Sandbox::new();
    for name in ["a", "b"] {
        sandbox.write(&format!("{name}.py"), format!("value = {name:?}\n"));
        sandbox.snapcli(&["save", "--include", "nosuch", format!("{name}.py").as_str()]).assert_code(2);
    }
    let value = |file| sandbox.snapcli(&["restore", file, "-c", "value"]).assert_code(0).out().trim().to_owned();
    assert_eq!(value("session.unmatched.pkl"), "'b'");
    assert_eq!(value("session.unmatched.1.pkl"), "'a'");
}

#[test]
fn every_command_says_its_exit_codes() {
    let sandbox = Sandbox::new();
    let commands = [
        "save",
        "run",
        "restore",
        "inspect",
        "diff",
        "verify",
        "trust",
        "log",
        "status",
        "export",
        "import",
        "prune",
        "doctor",
        "completions",
        "schema",
        "man",
    ];
    for command in commands {
        let help = sandbox.snapcli(&[command, "--help"]).assert_code(0).out();
        assert!(help.contains("\nExit codes:\n  0 "), "{command}\n{help}");
    }
}

#[test]
fn places_in_json_are_not_named_as_files() {
    let sandbox = Sandbox::new();
    sandbox.write("fails.py", "def f(n):\n    return 1 / n\nf(0)\n");
    sandbox.snapcli(&["save", "-q", "fails.py"]).assert_code(1);
    let answer: Value = sandbox.snapcli(&["inspect", "--json", "session.crash.pkl"]).json();
    let frame = &answer["raised"][0]["frames"][0];
    assert!(frame["path"].as_str().unwrap().ends_with("fails.py"), "{frame:#}");
    let text =
        "import os, signal\nfor number in range(3):\n    os.kill(os.getpid(), signal.SIGTERM)\n    print(number)\n";
    sandbox.write("steps.py", text);
    assert_eq!(sandbox.snapcli(&["run", "-q", "steps.py"]).ending(), "signal 15");
    let answer: Value = sandbox.snapcli(&["status", "--json", "steps.snaps/"]).json();
    let place = &answer["places"][0];
    assert!(place["position"].is_array() && place.get("path").is_none(), "{place:#}");
}
