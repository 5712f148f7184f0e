//! Snapshots of scripts that still run, or that ended later: what a store stands for then, and what a `prune` keeps.

use std::fs;

use super::run;
use crate::env::{Run, Sandbox};

/// Ends as its second argument says, after a snapshot while it runs.
const SCRIPT: &str = "
import os, signal, sys, time
value = sys.argv[1]
os.kill(os.getpid(), signal.SIGUSR1)
def is_new(name): return name[:8].isdigit() and int(name[:8]) > int(sys.argv[3])
while not any(map(is_new, os.listdir('s.snaps/snapshots'))): time.sleep(0.01)
value += ' ended'
if sys.argv[2] == 'killed': os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == 'failed': raise SystemExit(3)
";

/// A store with snapshots of runs that were saved while they ran.
fn after(ends: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    let (mut last, snapshots) = (0, sandbox.work().join("s.snaps/snapshots"));
    for (number, end) in ends.iter().enumerate() {
        let (value, known) = (number.to_string(), last.to_string());
        sandbox.snapcli(&["save", "-q", "--on-signal", "USR1", "-o", "s.snaps/", "script.py", &value, end, &known]);
        let files = fs::read_dir(&snapshots).unwrap().map(|entry| entry.unwrap().path());
        last = files.filter(|path| path.extension().is_some_and(|ending| ending == "snap")).count();
    }
    sandbox
}

fn value(sandbox: &Sandbox) -> String {
    run(sandbox, &["restore", "-q", "s.snaps/", "-c", "print(value)"]).out().trim().to_owned()
}

fn kept(pruned: &Run) -> String {
    pruned.json()["kept"].to_string()
}

#[test]
fn the_last_good_result_stays_whatever_runs_after_it() {
    for (ends, stands_for, left) in [
        // Of each run, there is one snapshot while it runs, and one of its end unless it was killed.
        (&["finished", "failed"][..], "0 ended", "[2,4]"),
        (&["finished", "failed", "failed"], "0 ended", "[2,6]"),
        (&["finished", "killed"], "1", "[2,3]"),
        (&["finished", "killed", "failed"], "1", "[2,3,5]"),
        (&["failed", "finished"], "1 ended", "[4]"),
        (&["killed", "failed"], "0", "[1,3]"),
    ] {
        let sandbox = after(ends);
        assert_eq!(value(&sandbox), stands_for, "{ends:?}");
        assert_eq!(kept(&run(&sandbox, &["prune", "--json", "--keep-last", "1", "s.snaps/"])), left, "{ends:?}");
        assert_eq!(value(&sandbox), stands_for, "{ends:?}");
        run(&sandbox, &["verify", "s.snaps/"]);
    }
}

#[test]
fn snapshots_of_a_live_process_do_not_pile_up() {
    let sandbox = Sandbox::new();
    let code = "
import snapcli
for step in range(6):
    snapcli.save('s.snaps/', check=False)
";
    sandbox.call_importing(&["-c", code]).run().assert_code(0);
    assert_eq!(kept(&run(&sandbox, &["prune", "--json", "--keep-last", "2", "s.snaps/"])), "[5,6]");
    run(&sandbox, &["restore", "s.snaps/", "-c", "step"]).assert_stdout("5\n");
    // A script that has ended is kept beside them, and only the newest one.
    for number in ["7", "8"] {
        run(&sandbox, &["save", "-q", "-o", "s.snaps/", "-c", &format!("step = {number}")]);
    }
    sandbox.call_importing(&["-c", code]).run().assert_code(0);
    assert_eq!(kept(&run(&sandbox, &["prune", "--json", "--keep-last", "2", "s.snaps/"])), "[8,13,14]");
    run(&sandbox, &["restore", "s.snaps/", "-c", "step"]).assert_stdout("5\n");
}
