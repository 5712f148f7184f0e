//! Values of options that come from `pyproject.toml` or `config.toml` are called by the name of that file, and a store
//! that is set there takes the place of `session.pkl`.

use std::fs;

use crate::env::{Run, Sandbox};

const SCRIPT: &str = "x = 1\ntmp_a = 2\nbig = b'x' * 5000\ntoken = 'AKIAIOSFODNN7EXAMPLE'\n";

fn project(table: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", SCRIPT);
    sandbox.write("pyproject.toml", format!("[tool.snapcli]\n{table}\n"));
    sandbox
}

#[track_caller]
fn assert_says(run: &Run, code: i32, text: &str) {
    run.assert_code(code);
    assert!(run.err().contains(text), "{text} is not in:\n{}", run.whole());
}

#[test]
fn what_a_file_leaves_out_is_said_with_the_file() {
    for (table, text) in [
        ("exclude = ['tmp_*']", "left out tmp_a: matches exclude tmp_* of pyproject.toml:2\n"),
        ("exclude-type = ['bytes']", "left out big: type matches exclude-type bytes of pyproject.toml:2\n"),
        ("max-size = '1k'", "left out big: larger than max-size 1000 of pyproject.toml:2\n"),
        ("redact = true", "its name ends in 'token' (redact of pyproject.toml:2)\n"),
    ] {
        let sandbox = project(table);
        assert_says(&sandbox.snapcli(&["save", "-v", "job.py"]), 0, text);
    }
    // What was typed is the user's.
    let sandbox = project("exclude = ['tmp_*']");
    let run = sandbox.snapcli(&["save", "-v", "--exclude", "tmp_*", "--max-size", "1k", "job.py"]);
    assert_says(&run, 0, "left out tmp_a: matches --exclude tmp_*\n");
    assert_says(&run, 0, "left out big: larger than --max-size 1000\n");
}

#[test]
fn a_variable_that_is_asked_for_and_left_out_is_named() {
    let sandbox = project("exclude = ['token']");
    let run = sandbox.snapcli(&["save", "--include", "token", "job.py"]);
    assert_says(&run, 0, "left out token: matches exclude token of pyproject.toml:2\n");
    let sandbox = project("exclude = ['*']");
    let run = sandbox.snapcli(&["save", "job.py"]);
    assert_says(&run, 0, "left out x: matches exclude * of pyproject.toml:2\n");
}

#[test]
fn exit_codes_and_checks_that_a_file_asks_for_are_explained() {
    let sandbox = project("strict = true");
    sandbox.write("bad.py", "import socket\ns = socket.socket()\n");
    let run = sandbox.snapcli(&["save", "bad.py"]);
    assert_says(&run, 3, "exit code 3, because of strict in pyproject.toml:2\n");
    let run = sandbox.snapcli(&["save", "--strict", "bad.py"]);
    assert!(!run.assert_code(3).err().contains("because of strict"), "{}", run.whole());
    let sandbox = project("verify = true");
    let run = sandbox.snapcli(&["save", "-o", "-", "job.py"]);
    assert_says(&run, 0, "verify in pyproject.toml:2 has no effect on standard output\n");
}

#[test]
fn a_store_takes_the_place_of_the_session_file() {
    let sandbox = project("store = 'runs.snaps'");
    sandbox.snapcli(&["save", "job.py"]).assert_code(0);
    sandbox.snapcli(&["save", "-c", "x = 2"]).assert_code(0);
    assert!(!sandbox.work().join("session.pkl").exists());
    sandbox.snapcli(&["restore", "-c", "x"]).assert_stdout("2\n");
    sandbox.snapcli(&["restore", "--list"]).assert_stdout("x\n");
    assert!(sandbox.snapcli(&["inspect"]).assert_code(0).out().contains("1 variable"));
    assert!(sandbox.snapcli(&["verify"]).assert_code(0).out().contains("2 snapshots"));
    assert_eq!(sandbox.snapcli(&["log", "--json"]).json()["snapshots"].as_array().unwrap().len(), 2);
    sandbox.snapcli(&["export", "-o", "x.pkl"]).assert_code(0);
    sandbox.snapcli(&["restore", "x.pkl", "-c", "x"]).assert_stdout("2\n");
    sandbox.snapcli(&["prune", "--keep-last", "1"]).assert_code(0);
    // The command line wins, and a folder below finds the same store.
    sandbox.snapcli(&["save", "-q", "-o", "session.pkl", "-c", "x = 3"]).assert_code(0);
    sandbox.snapcli(&["restore", "session.pkl", "-c", "x"]).assert_stdout("3\n");
    fs::create_dir(sandbox.work().join("below")).unwrap();
    let below = sandbox.work().join("below");
    sandbox.call_snapcli(&["restore", "-c", "x"]).current_dir(&below).run().assert_stdout("2\n");
    sandbox.snapcli(&["--no-config", "restore", "-c", "x"]).assert_stdout("3\n");
    let run = sandbox.snapcli(&["restore", "-c", "x", "session.pkl"]);
    assert_says(&run, 2, "runs.snaps/ would be restored");
}

#[test]
fn an_error_about_the_store_says_where_it_is_set() {
    let sandbox = project("store = 'runs.snaps'");
    for command in [&["restore", "-c", "1"] as &[&str], &["inspect"], &["log"], &["verify"], &["trust"], &["export"]] {
        assert_says(&sandbox.snapcli(command), 2, "the store is set in pyproject.toml:2\n");
    }
    sandbox.write("runs.snaps", "a file");
    assert_says(&sandbox.snapcli(&["save", "job.py"]), 2, "the store is set in pyproject.toml:2\n");
}

#[test]
fn a_project_names_only_stores_within_it() {
    for value in ["'/tmp/x'", "'../x'", "'a/../../x'", "'s3://bucket/x'", "''", "3"] {
        let sandbox = project(&format!("store = {value}"));
        assert_says(&sandbox.snapcli(&["save", "job.py"]), 2, "pyproject.toml:2: store must be ");
    }
    let sandbox = project("");
    let folder = sandbox.root().join("home/config/snapcli");
    fs::create_dir_all(&folder).unwrap();
    let store = sandbox.root().join("mine.snaps");
    fs::write(folder.join("config.toml"), format!("store = '{}'\n", store.display())).unwrap();
    sandbox.snapcli(&["save", "job.py"]).assert_code(0);
    assert!(store.is_dir());
    sandbox.snapcli(&["restore", "-c", "x"]).assert_stdout("1\n");
}
