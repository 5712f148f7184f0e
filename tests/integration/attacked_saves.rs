//! Saves that meet one another in one directory, and command lines that mean something else than they say: no session
//! is lost, no running snapshot is taken for a leftover, and no wrong value comes without a word.

use std::fs;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::env::{Call, Run, Sandbox};

fn files(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.work()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.contains(".pkl")).collect();
    names.sort();
    names
}

/// The value of `x` in a snapshot.
fn value(sandbox: &Sandbox, file: &str) -> String {
    let run = sandbox.snapcli(&["restore", "-q", file, "-c", "x"]);
    run.assert_code(0);
    run.out().trim().to_owned()
}

fn begun(call: Call) -> JoinHandle<Run> {
    std::thread::spawn(|| call.run())
}

/// What a job that succeeds has printed.
fn ended(job: JoinHandle<Run>) -> String {
    let run = job.join().unwrap();
    run.assert_code(0);
    run.err()
}

fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_there() {
        assert!(begin.elapsed() < Duration::from_secs(300), "{what} has not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sessions_that_are_saved_at_the_same_time_are_all_kept() {
    let sandbox = Sandbox::new();
    // All go on together, so that their saves meet.
    let script = "
import os, sys, time
x = int(sys.argv[1])
open(f'ready{x}', 'w').close()
end = time.monotonic() + 300
while not all(os.path.exists(f'ready{n}') for n in range(4)) and time.monotonic() < end: time.sleep(0.001)
";
    sandbox.write("job.py", script);
    for _ in 0..3 {
        for name in files(&sandbox).into_iter().chain((0..4).map(|number| format!("ready{number}"))) {
            let _ = fs::remove_file(sandbox.work().join(name));
        }
        let start = |number: i32| begun(sandbox.call_snapcli(&["save", "job.py", &number.to_string()]));
        let jobs: Vec<_> = (0..4).map(start).collect();
        for job in jobs {
            ended(job);
        }
        assert_eq!(files(&sandbox), ["session.1.pkl", "session.2.pkl", "session.3.pkl", "session.pkl"]);
        let mut values: Vec<String> = files(&sandbox).iter().map(|file| value(&sandbox, file)).collect();
        values.sort();
        assert_eq!(values, ["0", "1", "2", "3"]);
    }
}

#[test]
fn jobs_in_one_directory_have_running_snapshots_of_their_own() {
    let sandbox = Sandbox::new();
    sandbox.write("old.py", "x = 'precious'\n");
    sandbox.snapcli(&["save", "-o", "session.running.pkl", "old.py"]).assert_code(0);
    let script = "
import os, sys, time
x = int(sys.argv[1])
end = time.monotonic() + 300
while not os.path.exists(f'stop{x}') and time.monotonic() < end: time.sleep(0.01)
";
    sandbox.write("job.py", script);
    let start = |number: &str| begun(sandbox.call_snapcli(&["save", "--every", "0.1s", "job.py", number]));
    let first = start("1");
    wait_for("the first running snapshot", || {
        files(&sandbox).iter().any(|name| name == "session.running.1.pkl")
            && value(&sandbox, "session.running.pkl") == "1"
    });
    let (second, third) = (start("2"), start("3"));
    let own = |sandbox: &Sandbox| -> Vec<String> {
        files(sandbox).into_iter().filter(|name| name.starts_with("session.running-")).collect()
    };
    wait_for("the other running snapshots", || own(&sandbox).len() == 2);
    let mut values: Vec<String> = own(&sandbox).iter().map(|file| value(&sandbox, file)).collect();
    values.sort();
    assert_eq!(values, ["2", "3"]);
    assert_eq!(
        (value(&sandbox, "session.running.pkl"), value(&sandbox, "session.running.1.pkl").as_str()),
        ("1".to_owned(), "'precious'")
    );
    let end = |number: &str, job: JoinHandle<Run>| -> String {
        sandbox.write(&format!("stop{number}"), "");
        ended(job)
    };
    let told = end("2", second) + &end("3", third);
    assert_eq!(told.matches("session.running.pkl is that of another job").count(), 2, "{told}");
    assert!(!end("1", first).contains("another job"));
    let names = files(&sandbox);
    assert_eq!(names, ["session.1.pkl", "session.2.pkl", "session.pkl", "session.running.1.pkl"]);
}

#[test]
fn a_running_snapshot_that_a_killed_job_left_is_kept_once() {
    let sandbox = Sandbox::new();
    let script = "
import os, sys, time
x = int(sys.argv[1])
end = time.monotonic() + 300
while not os.path.exists(f'stop{x}') and time.monotonic() < end: time.sleep(0.01)
";
    sandbox.write("job.py", script);
    let start = |number: &str| sandbox.call_snapcli(&["save", "--every", "0.1s", "job.py", number]);
    let mut killed = start("1").spawn();
    wait_for("a running snapshot", || files(&sandbox).iter().any(|name| name == "session.running.pkl"));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let next = begun(start("2"));
    wait_for("the next running snapshot", || {
        files(&sandbox).iter().any(|name| name == "session.running.1.pkl")
            && value(&sandbox, "session.running.pkl") == "2"
    });
    assert_eq!(value(&sandbox, "session.running.1.pkl"), "1");
    sandbox.write("stop2", "");
    ended(next);
    assert_eq!(files(&sandbox), ["session.pkl", "session.running.1.pkl"]);
}

fn told(sandbox: &Sandbox, words: &[&str], code: i32) -> String {
    let run = sandbox.snapcli(words);
    run.assert_code(code);
    run.err().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_comes_after_the_code_of_restore_is_not_taken_for_its_argument() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-o", "s.pkl", "-c", "x = 1"]).assert_code(0);
    sandbox.write("sc.py", "print(x)\n");
    for (words, command) in [
        (&["restore", "-c", "x", "-"][..], "snapcli restore - -c x"),
        (&["restore", "-c", "x", "k.zst"], "snapcli restore k.zst -c x"),
        (&["restore", "-c", "x", "st.snaps/@best"], "snapcli restore st.snaps/@best -c x"),
        (&["restore", "-c", "x", "st.snaps/"], "snapcli restore st.snaps/ -c x"),
        (&["restore", "-i", "-c", "x", "s.pkl"], "snapcli restore -i s.pkl -c x"),
        (&["restore", "--only", "x", "-q", "-c", "x", "s.pkl"], "snapcli restore --only x -q s.pkl -c x"),
    ] {
        let told = told(&sandbox, words, 2);
        assert!(told.contains(command), "{words:?}: {told}");
    }
    for (words, note) in [
        (&["restore", "s.pkl", "-c", "x", "-c", "y"][..], "-c is an argument of the code"),
        (&["restore", "s.pkl", "sc.py", "-c", "x"], "-c is an argument of sc.py"),
        (&["save", "-o", "t.pkl", "sc.py", "-ox.pkl"], "-o is an argument of the script"),
    ] {
        sandbox.write("sc.py", "y = 1\n");
        let told = told(&sandbox, words, 0);
        assert!(told.contains(note), "{words:?}: {told}");
    }
    // Arguments of scripts that are like these.
    for words in [&["save", "-o", "t.pkl", "sc.py", "-c", "conf"][..], &["save", "-o", "t.pkl", "sc.py", "-output"]] {
        assert!(!told(&sandbox, words, 0).contains("note:"), "{words:?}");
    }
    assert_eq!(told(&sandbox, &["restore", "-q", "s.pkl", "-c", "x", "@alice"], 0), "");
}

#[test]
fn an_option_before_its_command_is_told_with_the_right_order() {
    let sandbox = Sandbox::new();
    for (words, command) in [
        (&["--json", "inspect", "b.pkl"][..], "snapcli inspect --json b.pkl"),
        (&["--strict", "save", "x.py"], "snapcli save --strict x.py"),
        (&["-o", "x.pkl", "save", "x.py"], "snapcli save -o x.pkl x.py"),
        (&["-c", "x", "restore", "s.pkl"], "snapcli restore s.pkl -c x"),
        (&["-q", "--only=a b", "restore", "s.pkl"], "snapcli restore -q '--only=a b' s.pkl"),
    ] {
        // The sandbox adds this.
        let told = told(&sandbox, words, 2).replace(&format!(" --python {}", sandbox.interpreter().display()), "");
        assert!(told.contains(command) && !told.contains("did you mean"), "{words:?}: {told}");
    }
    assert!(told(&sandbox, &["inspect", "--jsno", "b.pkl"], 2).contains("did you mean --json"));
    assert!(told(&sandbox, &["--nosuch", "save", "x.py"], 2).contains("--nosuch is not an option"));
}

#[test]
fn patterns_that_match_a_local_of_a_frame_are_matched() {
    let sandbox = Sandbox::new();
    let script = "
class Big: pass
def f():
    arr, api_key, kept, big = [1], 'sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 5, Big()
    raise ValueError(1)
f()
";
    sandbox.write("job.py", script);
    for (option, pattern, gone) in
        [("--exclude", "arr", "arr"), ("--exclude-type", "Big", "big"), ("--exclude", "ar*", "arr")]
    {
        let words = ["save", option, pattern, "job.py"];
        let told = told(&sandbox, &words, 1);
        assert!(!told.contains("matches no variable"), "{words:?}: {told}");
        let code = format!("'{gone}' in globals(), kept, len(api_key)");
        let run = sandbox.snapcli(&["restore", "-q", "session.crash.pkl", "--frame", "-1", "-c", &code]);
        run.assert_stdout("(False, 5, 47)\n");
    }
    assert!(told(&sandbox, &["save", "--exclude", "nosuch", "job.py"], 1).contains("matches no variable"));
}

#[test]
fn locals_take_each_function_once_and_by_any_name_it_has() {
    let sandbox = Sandbox::new();
    sandbox.write("rep.py", "def main():\n    data = [1, 2]\ndef rec():\n    other = 3\nmain(); rec()\n");
    for words in [
        &["--locals", "main,main"][..],
        &["--locals", "main", "--locals", "main"],
        &["--locals", "main,__main__:main"],
        &["--locals", "main, rec"],
        &["--locals", "main,"],
        &["--locals", "rep:main"],
    ] {
        told(&sandbox, &[&["save"], words, &["rep.py"]].concat(), 0);
        assert_eq!(sandbox.snapcli(&["restore", "-q", "-c", "data"]).out(), "[1, 2]\n", "{words:?}");
    }
    told(&sandbox, &["save", "--locals", "rep:main", "-m", "rep"], 0);
    assert_eq!(sandbox.snapcli(&["restore", "-q", "-c", "data"]).out(), "[1, 2]\n");
    assert!(told(&sandbox, &["save", "--locals", "mian", "-m", "rep"], 2).contains("did you mean 'main'"));
    sandbox.write("pkg/__init__.py", "");
    sandbox.write("pkg/cli.py", "def main():\n    data = 5\n");
    sandbox.write("pkg/__main__.py", "from pkg.cli import main\nmain()\n");
    for function in ["main", "pkg.cli:main"] {
        told(&sandbox, &["save", "--locals", function, "-m", "pkg"], 0);
        assert_eq!(sandbox.snapcli(&["restore", "-q", "-c", "data"]).out(), "5\n");
    }
}

#[test]
fn locals_of_a_notebook_are_kept() {
    let sandbox = Sandbox::new();
    let cell = |source: &str| serde_json::json!({"cell_type": "code", "metadata": {}, "outputs": [], "source": source});
    let cells = [cell("import sys"), cell("def main():\n    data = [1, 2]\n"), cell("main()")];
    let notebook = serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells});
    sandbox.write("nb.ipynb", notebook.to_string());
    assert!(told(&sandbox, &["save", "nb.ipynb"], 0).contains("--locals main nb.ipynb"));
    told(&sandbox, &["save", "--locals", "main", "nb.ipynb"], 0);
    assert_eq!(sandbox.snapcli(&["restore", "-q", "-c", "data"]).out(), "[1, 2]\n");
    assert!(told(&sandbox, &["save", "--locals", "mian", "nb.ipynb"], 2).contains("did you mean 'main'"));
}

#[test]
fn the_hint_names_the_functions_that_had_the_data() {
    let sandbox = Sandbox::new();
    for (script, named) in [
        ("def train():\n    w = 1\n    v = 2\ndef main(): train()\nmain()\n", "--locals train job.py"),
        (
            "class Trainer:\n    def fit(self):\n        w = 1\ndef main(): Trainer().fit()\nmain()\n",
            "--locals Trainer.fit job.py",
        ),
        ("def main():\n    w = 1\nfor i in range(3): main()\n", "--locals main job.py"),
        ("def a():\n    w = 1\ndef b():\n    v = 1\ndef main():\n    a(); b()\nmain()\n", "--locals a,b job.py"),
        ("def a():\n    w = 1\ndef b(): a()\ndef main(): b()\nmain()\n", "--locals a job.py"),
    ] {
        sandbox.write("job.py", script);
        let told_of = told(&sandbox, &["save", "job.py"], 0);
        assert!(told_of.contains(named), "{script}: {told_of}");
        let functions = named.split(' ').nth(1).unwrap();
        told(&sandbox, &["save", "--locals", functions, "job.py"], 0);
        sandbox.snapcli(&["restore", "-q", "-c", "w"]).assert_stdout("1\n");
    }
}

#[test]
fn the_frames_of_a_prompt_can_be_reached_beside_variables_of_their_names() {
    let sandbox = Sandbox::new();
    for (script, expression) in [
        ("frames = 1\ndef f():\n    z = 1\n    1 / 0\nf()\n", "snapcli.frames"),
        ("frames = 1\nsnapcli = 2\ndef f():\n    z = 1\n    1 / 0\nf()\n", "__frames__"),
        ("def f():\n    frames = snapcli = z = 1\n    1 / 0\nf()\n", "__frames__"),
    ] {
        sandbox.write("job.py", script);
        told(&sandbox, &["save", "job.py"], 1);
        let run = sandbox
            .call_snapcli(&["restore", "-i", "session.crash.pkl"])
            .stdin(format!("print(len({expression}))\n"))
            .run();
        assert!(run.err().contains(&format!("use {expression} for the frames")), "{}", run.whole());
        assert!(run.out().contains('2') && !run.whole().contains("NameError"), "{}", run.whole());
    }
}
