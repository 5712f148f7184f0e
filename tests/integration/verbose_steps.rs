//! What `--verbose` adds to each command: the Python that runs, how long each step took, and what is not shown
//! otherwise.

use std::fs;

use crate::env::{Run, Sandbox};

/// Fails unless each of these is at the beginning of a line of standard error.
#[track_caller]
fn assert_steps(run: &Run, steps: &[&str]) {
    run.assert_code(0);
    for step in steps {
        let found = run.err().lines().any(|line| line.strip_prefix("snapcli: ").is_some_and(|it| it.starts_with(step)));
        assert!(found, "{step}\n{}", run.whole());
    }
}

#[test]
fn every_command_shows_its_steps() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "x = 1\n_y = 2\n");
    let (python, script) = ("Python 3.", "running the script took ");
    let save: &[&str] = &["save", "-v", "-o", "s.pkl", "job.py"];
    for (words, steps) in [
        (save, &[python, script, "pickling and writing the variables took "][..]),
        (&["restore", "-v", "s.pkl", "-c", "x"], &[python, "checking and loading the variables took "]),
        (&["restore", "-v", "--list", "s.pkl"], &["reading s.pkl took "]),
        (&["inspect", "-v", "s.pkl"], &["reading s.pkl took ", "judging what loading it would do took "]),
        (&["inspect", "-v", "job.py"], &[python, script, "pickling the variables and loading them again took "]),
        (&["inspect", "-v", "--trace", "x", "job.py"], &[python, script]),
        (&["diff", "-v", "s.pkl", "s.pkl"], &["checking s.pkl took "]),
        (&["verify", "-v", "s.pkl"], &["checking s.pkl took "]),
        (&["import", "-v", "s.pkl", "r.snaps/"], &["checking s.pkl took ", "writing to r.snaps/ took "]),
        (&["log", "-v", "r.snaps/"], &["reading r.snaps/ took "]),
        (&["verify", "-v", "r.snaps/"], &["checking r.snaps/ took "]),
        (&["export", "-v", "r.snaps/", "-o", "t.pkl"], &["checking and writing r.snaps/ took "]),
        (&["prune", "-v", "r.snaps/", "--keep-last", "1"], &["pruning r.snaps/ took "]),
        (&["run", "-v", "job.py"], &[python, script, "saved the finished run as @1 ("]),
        (&["status", "-v", "job.snaps/"], &["reading job.snaps/ took "]),
    ] {
        assert_steps(&sandbox.snapcli(words), steps);
        // Without it, none of them is shown.
        let fewer: Vec<&str> = words.iter().copied().filter(|word| *word != "-v").collect();
        let run = sandbox.snapcli(&fewer);
        assert!(!run.err().contains(" took ") && !run.err().contains("Python 3."), "{words:?}\n{}", run.whole());
    }
}

#[test]
fn a_run_shows_a_line_for_each_checkpoint() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "import time\nfor n in range(40):\n    time.sleep(0.05)\n");
    let run = sandbox.snapcli(&["run", "-v", "--every", "0.2s", "job.py"]);
    assert_steps(&run, &["checkpoint @1 at line 2", "saved the finished run as @"]);
    let quiet = sandbox.snapcli(&["run", "--fresh", "--every", "0.2s", "job.py"]);
    quiet.assert_code(0).assert_stderr("");
}

#[test]
fn a_prune_names_all_that_it_removes() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "-c", "x = 1"]).assert_code(0);
    for _ in 0..25 {
        sandbox.snapcli(&["import", "-q", "s.pkl", "r.snaps/"]).assert_code(0);
    }
    let prune =
        |more: &[&str]| sandbox.snapcli(&[&["prune", "--dry-run", "r.snaps/", "--keep-last", "1"], more].concat());
    assert!(prune(&[]).out().contains("@20 and 4 more)"), "{}", prune(&[]).whole());
    assert!(prune(&["-v"]).out().contains("@20, @21, @22, @23, @24)"), "{}", prune(&["-v"]).whole());
    assert!(fs::read_dir(sandbox.work()).unwrap().count() == 2);
}
