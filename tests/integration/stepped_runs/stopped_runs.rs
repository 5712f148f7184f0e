//! Runs that are asked to stop, and what the command says about a store that it finds.

use super::{STEPS, assert_same, run_to_the_end};
use crate::env::{Sandbox, program};

#[test]
fn signals_end_a_run_after_the_step() {
    for (signal, number, shown) in [("SIGTERM", 15, "SIGTERM"), ("SIGHUP", 1, "SIGHUP"), ("SIGINT", 2, "interrupted")] {
        let script = format!(
            "
log = []
for n in range(6):
    log.append(n)
    if n == 2:
        kill(1, _signal.{signal})
        log.append('after')
print(log)
"
        );
        let runs = assert_same(&script, 2);
        let err = runs[0].err();
        let line = STEPS.lines().count() + 3;
        assert!(err.contains(&format!("{shown}: stopped at line {line}: run the same command to resume")), "{err}");
        assert_eq!(runs[0].ending(), format!("signal {number}"));
        assert!(runs[1].err().contains(&format!("resuming at line {line}")), "{}", runs[1].err());
    }
}

#[test]
fn a_step_that_is_longer_than_the_grace_is_left() {
    let sandbox = Sandbox::new();
    let script = "
import time
for n in range(3):
    if n == 0:
        checkpoint()
    if n == 1:
        kill(1, _signal.SIGTERM)
        try:
            while _process() == 1:
                time.sleep(0.01)
        finally:
            pass
print(n)
";
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &["--grace", "0.2s"], 2);
    assert!(runs[0].err().contains("stopped in the middle of a step"), "{}", runs[0].err());
    runs[1].assert_stdout("2\n");
}

/// Presses Ctrl-C twice, the second time when the first one has been acknowledged.
#[cfg(target_os = "linux")]
const TWICE: &str = "
import os, pty, signal, subprocess, sys, time
ours, theirs = pty.openpty()
words = [sys.argv[1], '--python', sys.argv[2], 'run', '--grace', '90s', 'script.py']
child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=theirs, start_new_session=True)
while not os.path.exists('waits'):
    time.sleep(0.01)
text = b''
os.kill(child.pid, signal.SIGINT)
while b'again to stop at once' not in text:
    text += os.read(ours, 1000)
time.sleep(1)
os.kill(child.pid, signal.SIGINT)
print(child.wait())
print((text + os.read(ours, 1000)).decode())
";

#[test]
#[cfg(target_os = "linux")]
fn ctrl_c_names_the_line_that_is_waited_for_unless_the_script_catches_it() {
    let script = "
import time
seen = []
for n in range(3):
    seen.append(n)
try:
    open('waits', 'w').close()
    while True:
        time.sleep(0.01)
except Exception:
    print('caught')
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", script);
    sandbox.write("twice.py", TWICE);
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let out = sandbox.python(&["twice.py", &program, &python]).assert_code(0).out();
    assert!(out.starts_with("-2\n"), "{out}");
    assert!(out.contains("waiting for the step at line 6, which ends within 90s or is stopped (--grace)"), "{out}");
    assert!(out.contains("stopped in the middle of a step: the same command starts over"), "{out}");
}

#[test]
fn a_finished_run_says_so_until_it_is_started_afresh() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "import sys\nprint('ran', sys.argv[1:])\n");
    sandbox.snapcli(&["run", "job.py", "1"]).assert_code(0).assert_stdout("ran ['1']\n").assert_stderr("");
    let again = sandbox.snapcli(&["run", "job.py", "1"]);
    again.assert_code(0).assert_stdout("");
    assert!(again.err().contains("job.py 1 has finished"), "{}", again.err());
    let other = sandbox.snapcli(&["run", "job.py", "2"]);
    other.assert_code(2).assert_stdout("");
    assert!(other.err().contains("the arguments were: 1; they are: 2"), "{}", other.err());
    sandbox.write("other.py", "print('other')\n");
    let other = sandbox.snapcli(&["run", "-o", "job.snaps/", "other.py", "1"]);
    other.assert_code(2).assert_stdout("");
    assert!(other.err().contains("the script was"), "{}", other.err());
    sandbox.snapcli(&["run", "--fresh", "job.py", "2"]).assert_code(0).assert_stdout("ran ['2']\n");
    let status = sandbox.snapcli(&["status", "job.snaps/"]);
    status.assert_code(0);
    assert!(status.out().starts_with("job.py 2: finished"), "{}", status.out());
    assert_eq!(sandbox.snapcli(&["status", "--json", "job.snaps/"]).json()["finished"], true);
}

#[test]
fn a_store_with_other_snapshots_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", "x = 1\n");
    sandbox.snapcli(&["save", "-q", "-o", "job.snaps/", "job.py"]).assert_code(0);
    let refused = sandbox.snapcli(&["run", "job.py"]);
    refused.assert_code(2);
    assert!(refused.err().contains("holds other snapshots"), "{}", refused.err());
}

#[test]
fn status_shows_where_a_run_is() {
    let sandbox = Sandbox::new();
    let script = "
def main():
    for n in range(3):
        if n == 1:
            checkpoint()
        if n == 2:
            kill(1)
main()
";
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "script.py"]);
    // The position of the run is no variable of the script.
    let log = sandbox.snapcli(&["log", "script.snaps/"]).assert_code(0).out();
    assert!(!log.contains("__snapcli"), "{log}");
    let status = sandbox.snapcli(&["status", "script.snaps/"]);
    status.assert_code(0);
    let line = STEPS.lines().count() + 3;
    let place = format!("main(): the next iteration of the loop at line {line}");
    assert!(status.out().contains("not finished") && status.out().contains(&place), "{}", status.out());
}

#[test]
fn status_without_a_store_finds_the_only_run_or_names_the_stores() {
    let sandbox = Sandbox::new();
    for name in ["one.py", "two.py"] {
        sandbox.write(name, "x = 1\n");
    }
    let none = sandbox.snapcli(&["status"]);
    none.assert_code(2).assert_stderr(
        "snapcli: there is no store of a run in this folder\n  name the store of the run: `snapcli status STORE`\n  \
         `snapcli run SCRIPT` makes one, such as train.snaps/ for train.py\n",
    );
    // A store of other snapshots is no run.
    sandbox.snapcli(&["save", "-q", "-o", "other.snaps/", "one.py"]).assert_code(0);
    sandbox.snapcli(&["status"]).assert_code(2);
    sandbox.snapcli(&["run", "-q", "one.py"]).assert_code(0);
    let found = sandbox.snapcli(&["status"]);
    found.assert_code(0);
    assert!(found.out().starts_with("one.py: finished"), "{}", found.whole());
    let path = sandbox.snapcli(&["status", "--json"]).json()["path"].as_str().unwrap().to_owned();
    assert!(path.ends_with("/one.snaps/") || path.ends_with("/one.snaps"), "{path}");
    sandbox.snapcli(&["run", "-q", "-o", "my runs/", "two.py"]).assert_code(0);
    sandbox.snapcli(&["status"]).assert_code(2).assert_stderr(
        "snapcli: there are 2 stores of runs in this folder: name one\n  snapcli status 'my runs/'\n  snapcli status \
         one.snaps/\n",
    );
    sandbox.snapcli(&["status", "two.py"]).assert_code(2);
}

#[test]
fn modules_run_in_steps() {
    let sandbox = Sandbox::new();
    let script = "
from . import __name__ as package
log = []
for n in range(5):
    log.append(n)
    if n == 2:
        checkpoint()
    if n == 3:
        kill(1)
print(package, __spec__.name, log)
";
    sandbox.write("pkg/__init__.py", "");
    sandbox.write("pkg/job.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "-m", "pkg.job", "3"]);
    sandbox.write("processes", "xx");
    let second = sandbox.snapcli(&["run", "-m", "pkg.job", "3"]);
    second.assert_code(0).assert_stdout("pkg pkg.job [0, 1, 2, 3, 4]\n");
    assert!(
        sandbox.work().join("pkg.job.snaps").exists() && second.err().contains("resuming at line"),
        "{}",
        second.err()
    );
}

#[test]
fn a_script_that_fails_leaves_a_checkpoint_from_before_the_failure() {
    let script = "
import time
log = ['begin']
time.sleep(1.5)
log.append('slow')
if _process() == 1:
    log.append('wrong')
    raise ValueError('no')
print(log)
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &["--every", "1h"], 2);
    runs[0].assert_code(1);
    let err = runs[0].err();
    assert!(err.contains("ValueError: no") && err.contains("a checkpoint from before the failure is at line"), "{err}");
    assert!(runs[1].err().contains("resuming at line"), "{}", runs[1].err());
    runs[1].assert_stdout("['begin', 'slow']\n");
}

#[test]
fn checkpoints_are_made_from_time_to_time() {
    let script = "
import time
def checkpoints():
    return len([name for name in _os.listdir('script.snaps/snapshots') if name[0] != '.'])
log = []
for n in range(3):
    log.append(n)
    while n == 1 and _process() == 1 and checkpoints() < 2:
        time.sleep(0.01)
        log.append('waited') if log[-1] != 'waited' else None
    if n == 2:
        kill(1)
print(n, log[0])
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &["--every", "0.1s"], 2);
    assert!(runs[1].err().contains("resuming at line"), "{}", runs[1].err());
    runs[1].assert_stdout("2 0\n");
}

#[test]
fn a_script_of_many_functions_runs_in_steps() {
    let sandbox = Sandbox::new();
    let pairs = (0..600).map(|n| format!("def f{n}(a):\n    b = a + 1\n    return len([b])\ntotal += f{n}(total)\n"));
    let script = format!("total = 0\n{}print(total)\n", pairs.collect::<String>());
    sandbox.write("script.py", script);
    sandbox.snapcli(&["run", "script.py"]).assert_code(0).assert_stdout("600\n");
}
