//! `save --every` and `--on-signal`: a forked process makes the snapshots, and the script goes on.

use std::fs;

use crate::env::{Run, Sandbox, program, pythons};

/// `tick(name)` waits until a snapshot of the script is being made; `go` lets it end.
const PRELUDE: &str = r"
import os, signal, sys, threading, time
here = os.getpid()
def until(name):
    while not os.path.exists(name): time.sleep(0.005)
def make(name): open(name, 'w').close()
class Waits:
    def __reduce__(self):
        if os.getpid() != here: make('waiting'); until('go')
        return int, ()
";

fn save(sandbox: &Sandbox, script: &str, options: &[&str], limit: &str) -> Run {
    sandbox.clear();
    sandbox.write("job.py", format!("{PRELUDE}{script}"));
    let call = sandbox.call_snapcli(&[&["save"], options, &["job.py"]].concat());
    call.env("SNAPCLI_BACKGROUND_LIMIT", limit).run()
}

fn read(sandbox: &Sandbox, file: &str, code: &str) -> String {
    sandbox.snapcli(&["restore", "-q", file, "-c", code]).assert_code(0).out()
}

#[test]
fn the_script_goes_on_while_it_is_saved() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        let script = "
state = [1]; waits = Waits()
def main():
    inner = 3
    if how == 'waits': until('waiting')
    while not os.path.exists('waiting'): pass
    state.append(2)
    print(os.path.exists('session.running.pkl'))
    make('go')
    until('session.running.pkl')
    os.link('session.running.pkl', 'kept.pkl')
main()
try: print(os.wait())
except ChildProcessError: print('no child')
";
        for how in ["waits", "computes"] {
            let run = save(&sandbox, &format!("how = {how:?}\n{script}"), &["-q", "--every", "0.2s"], "600");
            run.assert_stdout("False\nno child\n").assert_code(0).assert_stderr("");
            let kept = sandbox.snapcli(&["restore", "-q", "kept.pkl", "--frame", "1", "-c", "state, inner"]);
            kept.assert_stdout("([1], 3)\n");
            assert_eq!(read(&sandbox, "session.pkl", "state"), "[1, 2]\n");
            assert!(!sandbox.work().join("session.running.pkl").exists());
        }
    }
}

#[test]
fn snapshots_go_to_a_store_as_well() {
    let sandbox = Sandbox::new();
    let script = "
n = 0
def made(): return sum(name[0] != '.' for name in os.listdir('runs.snaps/snapshots'))
while made() < 3: n += 1; time.sleep(0.005)
n = -1
";
    let run = save(&sandbox, script, &["-q", "--every", "0.1s", "-o", "runs.snaps/"], "600");
    run.assert_code(0).assert_stderr("");
    assert_eq!(read(&sandbox, "runs.snaps/@2", "n > 0"), "True\n");
    assert_eq!(read(&sandbox, "runs.snaps/", "n"), "-1\n");
    sandbox.snapcli(&["verify", "runs.snaps/"]).assert_code(0);
    let log = sandbox.snapcli(&["log", "runs.snaps/"]).assert_code(0).out();
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with('@')).collect();
    assert!(
        !lines[0].contains("(running)") && lines[1..].iter().all(|line| line.contains("job.py (running)")),
        "{log}"
    );
}

#[test]
fn the_end_of_the_script_does_not_wait_for_a_snapshot_of_its_middle() {
    let sandbox = Sandbox::new();
    let script = "x = 1; waits = Waits()\nuntil('waiting')\nx = 2\n";
    for (end, code) in [("", 0), ("sys.exit(3)\n", 3), ("os.kill(here, signal.SIGTERM)\ntime.sleep(300)\n", 143)] {
        let run = save(&sandbox, &format!("{script}{end}"), &["-q", "--every", "0.1s"], "600");
        assert!(run.status.code().unwrap_or(143) == code, "{}", run.whole());
        let file = if code == 0 { "session.pkl" } else { "session.crash.pkl" };
        assert_eq!(read(&sandbox, file, "x"), "2\n");
        let names = fs::read_dir(sandbox.work()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains("running")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_snapshot_that_hangs_or_is_killed_is_made_again_in_the_foreground() {
    let sandbox = Sandbox::new();
    for how in ["lock = threading.Lock(); lock.acquire(); lock.acquire()", "os.kill(os.getpid(), signal.SIGKILL)"] {
        let script = format!(
            "
class Ends:
    def __reduce__(self):
        if os.getpid() != here: {how}
        return int, ()
ends = Ends(); x = 1
while not os.path.exists('session.running.pkl'): time.sleep(0.005)
os.link('session.running.pkl', 'kept.pkl')
"
        );
        save(&sandbox, &script, &["-q", "--every", "0.2s"], "0.5").assert_code(0).assert_stderr("");
        assert_eq!(read(&sandbox, "kept.pkl", "x"), "1\n");
    }
}

#[test]
fn a_snapshot_on_demand_is_told_of_when_it_is_made() {
    let sandbox = Sandbox::new();
    let script = "
x = 1
os.kill(here, signal.SIGUSR1)
until('session.running.pkl')
os.link('session.running.pkl', 'kept.pkl')
x = 2
os.kill(here, signal.SIGUSR1)
while os.stat('session.running.pkl').st_ino == os.stat('kept.pkl').st_ino: time.sleep(0.005)
os.link('session.running.pkl', 'second.pkl')
";
    for limit in ["600", "0"] {
        let run = save(&sandbox, script, &["--on-signal", "USR1"], limit);
        run.assert_code(0);
        // The end of the script may come before the second line.
        let told = run.err().matches("to session.running.pkl (").count();
        assert!(told == 2 || (told == 1 && limit != "0"), "{}", run.whole());
        assert_eq!((read(&sandbox, "kept.pkl", "x"), read(&sandbox, "second.pkl", "x")), ("1\n".into(), "2\n".into()));
    }
}

#[test]
fn the_error_of_a_snapshot_is_shown_and_the_script_goes_on() {
    let sandbox = Sandbox::new();
    // The folder of the file is gone for a while.
    let script = "
import shutil
os.rename('out', 'gone')
os.kill(here, signal.SIGUSR1)
until('told')
os.rename('gone', 'out')
x = 1
";
    sandbox.clear();
    sandbox.write("out/old", "");
    sandbox.write("job.py", format!("{PRELUDE}{script}"));
    let watch = "import subprocess, sys\n\
                 run = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, text=True)\n\
                 print(run.stderr.readline()[:23])\nopen('told', 'w').close()\nrun.stderr.read()\nprint(run.wait())\n";
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let words = ["save", "-o", "out/a.pkl", "--on-signal", "USR1", "job.py"];
    let words = [&["-c", watch, &program, "--python", &python], &words[..]].concat();
    sandbox.python(&words).assert_stdout("snapcli: cannot save to\n0\n");
    assert_eq!(read(&sandbox, "out/a.pkl", "x"), "1\n");
}
