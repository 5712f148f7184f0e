//! No option is ignored in silence: it has an effect, or it is an error or a note.

use crate::env::{Run, Sandbox, program};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "import json\nx = 1\nmodel = [1, 2]\n_hidden = 2\n");
    sandbox.snapcli(&["save", "-q", "-o", "a.pkl", "job.py"]).assert_code(0);
    sandbox.snapcli(&["save", "-q", "-o", "runs.snaps/", "job.py"]).assert_code(0);
    sandbox
}

#[track_caller]
fn assert_usage(run: &Run, part: &str) {
    run.assert_code(2).assert_stdout("");
    assert!(run.err().contains(part), "{part} is not in:\n{}", run.err());
}

#[test]
fn options_for_scripts_are_errors_with_a_snapshot() {
    let sandbox = sandbox();
    let options: [&[&str]; 8] = [
        &["--include", "x"],
        &["--exclude", "x"],
        &["--exclude-type", "int"],
        &["--private"],
        &["--max-size", "1k"],
        &["--redact"],
        &["--refimported"],
        &["--whole"],
    ];
    for option in options {
        for file in ["a.pkl", "runs.snaps/", "runs.snaps/@1"] {
            assert_usage(&sandbox.snapcli(&[&["inspect"], option, &[file]].concat()), "is for scripts");
            assert_usage(&sandbox.snapcli(&[&["inspect", file], option].concat()), "is for scripts");
        }
        assert_usage(&sandbox.snapcli(&[&["inspect"], option].concat()), "is for scripts");
        sandbox.snapcli(&[&["inspect"], option, &["job.py"]].concat()).assert_code(0);
    }
    let run = sandbox.snapcli(&["inspect", "--only", "x", "a.pkl"]);
    assert_usage(&run, "snapcli restore --list --only GLOB a.pkl");
}

#[test]
fn options_for_files_are_errors_with_a_script() {
    let sandbox = sandbox();
    for option in [&["--verdict"] as &[&str], &["--strict", "--allow", "code"], &["--max-memory", "1G"]] {
        for program in [&["job.py"] as &[&str], &["-c", "x = 1"], &["-m", "job"]] {
            assert_usage(&sandbox.snapcli(&[&["inspect"], option, program].concat()), "is for files");
        }
        sandbox.snapcli(&[&["inspect"], option, &["a.pkl"]].concat()).assert_code(0);
    }
    assert_usage(&sandbox.snapcli(&["inspect", "--script", "a.pkl"]), "a.pkl is a snapshot, not a script");
    assert_usage(&sandbox.snapcli(&["inspect", "--script", "-c", "x = 1"]), "cannot be used with");
}

#[test]
fn options_that_say_different_things_exclude_each_other() {
    let sandbox = sandbox();
    for option in [&["--verdict"] as &[&str], &["--sort", "name"], &["--all"], &["--bad"]] {
        let words = [&["inspect", "--trace", "x"], option, &["a.pkl"]].concat();
        assert_usage(&sandbox.snapcli(&words), "cannot be used with");
    }
    let restoring: [&[&str]; 7] = [
        &["--strict"],
        &["--partial"],
        &["--mmap"],
        &["--trust"],
        &["--no-ambient"],
        &["--frame", "0"],
        &["--map", "a=b"],
    ];
    for option in restoring {
        assert_usage(&sandbox.snapcli(&[&["restore", "--list"], option, &["a.pkl"]].concat()), "cannot be used with");
    }
}

#[test]
fn a_list_has_the_names_that_are_asked_for() {
    let sandbox = sandbox();
    for file in ["a.pkl", "runs.snaps/"] {
        sandbox.snapcli(&["restore", "--list", "--only", "mod*", file]).assert_stdout("model\n");
        sandbox.snapcli(&["restore", "--list", "--exclude", "model,json", file]).assert_stdout("x\n");
        let run = sandbox.snapcli(&["restore", "--list", "--json", "--only", "x", file]).json();
        let names: Vec<&str> =
            run["variables"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["x"]);
        assert_usage(&sandbox.snapcli(&["restore", "--list", "--only", "modle", file]), "did you mean 'model'?");
    }
    // Also in a pickle of another program, which can only be restored as a whole.
    sandbox.python(&["-c", "import pickle; pickle.dump({'a': 1, 'b': 2}, open('f.pkl', 'wb'))"]).assert_code(0);
    sandbox.snapcli(&["restore", "--list", "--only", "b", "f.pkl"]).assert_stdout("b\n");
}

#[test]
fn a_python_that_is_not_started_is_noted() {
    let sandbox = sandbox();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let commands: [&[&str]; 7] = [
        &["diff", "a.pkl", "a.pkl"],
        &["verify", "a.pkl"],
        &["inspect", "a.pkl"],
        &["restore", "--list", "a.pkl"],
        &["log", "runs.snaps/"],
        &["man"],
        &["schema", "error"],
    ];
    for command in commands {
        let (name, rest) = command.split_first().unwrap();
        let run = sandbox.call_program(program().as_os_str(), &[&[name, "--python", &python], rest].concat()).run();
        assert!(run.assert_code(0).err().contains("note: --python has no effect"), "{command:?}: {}", run.whole());
    }
    // In front of the command, it is for any, as in an alias.
    let run = sandbox.call_program(program().as_os_str(), &["--python", &python, "diff", "a.pkl", "a.pkl"]).run();
    run.assert_code(0).assert_stderr("");
    let words = ["inspect", "--python", &python, "job.py"];
    let run = sandbox.call_program(program().as_os_str(), &words).run();
    assert!(!run.assert_code(0).err().contains("no effect"), "{}", run.whole());
}

#[test]
fn all_names_what_was_restored_for_code_too() {
    let sandbox = sandbox();
    let run = sandbox.snapcli(&["restore", "--all", "a.pkl", "-c", "x"]);
    assert!(
        run.assert_code(0).err().contains("restored 2 variables and 1 import from a.pkl: model, x, json"),
        "{}",
        run.whole()
    );
}

#[test]
fn a_stream_cannot_be_verified() {
    let sandbox = sandbox();
    assert_usage(&sandbox.snapcli(&["save", "--verify", "-o", "-", "job.py"]), "snapcli verify -");
}

#[test]
fn standard_input_and_snapshots_in_the_wrong_place_are_named() {
    let sandbox = sandbox();
    let stdin = std::fs::read(sandbox.work().join("a.pkl")).unwrap();
    for command in [&["trust", "--yes", "-"] as &[&str], &["export", "-"]] {
        let run = sandbox.call_snapcli(command).stdin(stdin.clone()).run();
        assert_usage(&run, "standard input");
    }
    let run = sandbox.call_snapcli(&["import", "-", "runs.snaps/"]).stdin(stdin).run();
    assert!(run.assert_code(0).err().contains("added standard input as "), "{}", run.whole());
    for command in ["log", "prune"] {
        assert_usage(&sandbox.snapcli(&[command, "runs.snaps/@1"]), "the store is runs.snaps/");
        assert_usage(&sandbox.snapcli(&[command]), &format!("snapcli {command} STORE"));
    }
}

#[test]
fn a_wrong_word_gets_the_one_that_was_meant() {
    let sandbox = sandbox();
    for (words, tip) in [
        (&["schema", "sav"] as &[&str], "did you mean 'save'?"),
        (&["man", "sav"], "did you mean 'save'?"),
        (&["completions", "bahs"], "did you mean 'bash'?"),
        (&["inspect", "--sort", "siez"], "did you mean 'size'?"),
        (&["inspect", "--color", "allways"], "did you mean 'always'?"),
    ] {
        assert_usage(&sandbox.snapcli(words), tip);
    }
    let run = sandbox.snapcli(&["man", "--json"]);
    assert!(
        run.assert_code(2).err().contains("--json is an option of save, restore, inspect, diff"),
        "{}",
        run.whole()
    );
}
