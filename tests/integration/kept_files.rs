//! An output never replaces what a command reads, another output, or what somebody misses.

use std::fs;

use crate::env::Sandbox;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "print('ran')\nx = 1\nmodel = [1, 2]\nnames = {'a': 1}\n");
    sandbox.write("u.py", "y = 1\n");
    for file in ["session.pkl", "good.pkl", "runs.snaps/"] {
        sandbox.snapcli(&["save", "-q", "-o", file, "job.py"]).assert_code(0);
    }
    sandbox
}

#[test]
fn outputs_replace_nothing_that_somebody_misses() {
    let sandbox = sandbox();
    let work = sandbox.work().to_owned();
    let contents = || ["job.py", "u.py", "session.pkl", "good.pkl"].map(|name| fs::read(work.join(name)).unwrap());
    let before = contents();
    let cases: [&[&str]; 13] = [
        &["inspect", "--html", "session.pkl"],
        &["inspect", "--html", "job.py"],
        &["inspect", "--html", "session.pkl", "good.pkl"],
        &["inspect", "--html", "./good.pkl", "good.pkl"],
        &["inspect", "--html", "job.py", "job.py"],
        &["save", "--report", "job.py", "job.py"],
        &["save", "--report", "good.pkl", "job.py"],
        &["save", "-o", "new.pkl", "--report", "./new.pkl", "job.py"],
        &["save", "-o", "u.py", "job.py"],
        &["restore", "--report", "good.pkl", "good.pkl", "-c", "1"],
        &["restore", "--report", "session.pkl", "good.pkl", "-c", "1"],
        &["restore", "--report", "u.py", "good.pkl", "u.py"],
        &["export", "runs.snaps/", "-o", "u.py"],
    ];
    for words in cases {
        let run = sandbox.snapcli(words);
        run.assert_code(2).assert_stdout("");
        assert!(run.err().contains("would replace it: choose another name for -"), "{}", run.whole());
        assert!(contents() == before, "{words:?}");
        assert!(!work.join("new.pkl").exists(), "{words:?}");
    }
    // These are what outputs are for.
    sandbox.write("old.json", "{}");
    sandbox.snapcli(&["save", "-q", "--report", "old.json", "job.py"]).assert_code(0);
    sandbox.snapcli(&["inspect", "-q", "--html", "page.html"]).assert_code(0);
    sandbox.snapcli(&["inspect", "-q", "--html", "page.html", "good.pkl"]).assert_code(0);
    sandbox.snapcli(&["export", "-q", "runs.snaps/", "-o", "good.pkl"]).assert_code(0);
}

#[test]
fn a_type_that_no_variable_has_is_an_error() {
    let sandbox = sandbox();
    let run = sandbox.snapcli(&["save", "--exclude-type", "dcit", "job.py"]);
    run.assert_code(2);
    assert!(run.err().contains("--exclude-type dcit matches no variable\n  did you mean 'dict'"), "{}", run.whole());
    sandbox
        .snapcli(&["restore", "-q", "session.unmatched.pkl", "-c", "'names' in dir(), x"])
        .assert_stdout("(False, 1)\n");
    sandbox.snapcli(&["save", "--exclude-type", "dict, list", "job.py"]).assert_code(0);
    sandbox.snapcli(&["restore", "-q", "-c", "'names' in dir(), x"]).assert_stdout("(False, 1)\n");
    // A rule of a project is for all of its scripts.
    sandbox.write("pyproject.toml", "[tool.snapcli]\nexclude-type = 'dcit, DataFrame'\nexclude = 'mod*,names'\n");
    sandbox.snapcli(&["save", "job.py"]).assert_code(0);
    sandbox.snapcli(&["restore", "-q", "-c", "'names' in dir() or 'model' in dir(), x"]).assert_stdout("(False, 1)\n");
}

#[test]
fn quiet_prints_errors_only_and_names_them() {
    let sandbox = sandbox();
    sandbox.write("bad.py", "import socket\nlive = socket.socket()\nx = 1\n");
    let run = sandbox.snapcli(&["save", "-q", "--whole", "--strict", "bad.py"]);
    run.assert_code(3).assert_stdout("");
    assert!(run.err().contains("live"), "{}", run.whole());
    sandbox.snapcli(&["restore", "-q", "good.pkl", "--list"]).assert_code(0).assert_stdout("");
    let run = sandbox.snapcli(&["-v", "restore", "-v", "good.pkl", "-c", "x"]);
    assert!(run.assert_code(0).err().contains("snapcli: Python 3."), "{}", run.whole());
    let run = sandbox.snapcli(&["inspect", "--format=json", "--sort", "x", "good.pkl"]);
    assert!(run.assert_code(2).out().contains("\"exit\": 2"), "{}", run.whole());
}
