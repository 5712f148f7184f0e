//! Ctrl-C ends a command even in the middle of a call of C that does not return, where nothing is lost by that. Where
//! something would be, it waits for the call, unless the user insists.
//!
//! The calls of these tests would take hours, so a test that waits for one fails, however fast the machine is.

use crate::env::{Run, Sandbox, pythons};

/// A class whose pickling does `act`, and an endless call of C that holds the GIL.
const PRELUDE: &str = "import os, signal, subprocess, sys\n\
     def interrupt(): os.kill(os.getpid(), signal.SIGINT)\n\
     def endless(): sum(range(10 ** 13))\n\
     class Acts:\n    def __reduce__(self):\n        act()\n        return int, ()\n";
const LOST: &str = "snapcli: interrupted while saving: nothing was written\n";

/// Saves a script whose last variable does `act` when it is pickled.
fn save(sandbox: &Sandbox, code: &str, act: &str, options: &[&str]) -> Run {
    sandbox.clear();
    let code = format!("{PRELUDE}{code}\ndef act():\n    {act}\nfirst = list(range(1000))\nacts = Acts()\n");
    sandbox.write("job.py", &code);
    sandbox.snapcli(&[&["save"], options, &["job.py"]].concat())
}

fn names(sandbox: &Sandbox) -> Vec<String> {
    let entries = std::fs::read_dir(sandbox.work()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_save_in_an_endless_call_of_c_ends_by_sigint() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        let run = save(&sandbox, "", "interrupt(); endless()", &[]);
        assert_eq!(run.ending(), "signal 2", "{}", run.whole());
        run.assert_stderr(LOST);
        assert_eq!(names(&sandbox), ["job.py"]);
    }
}

#[test]
fn an_answer_in_json_is_given_all_the_same() {
    let sandbox = Sandbox::new();
    let run = save(&sandbox, "", "interrupt(); endless()", &["--json"]);
    assert_eq!((run.ending().as_str(), &run.json()["exit"]), ("signal 2", &130.into()), "{}", run.whole());
    let run = save(&sandbox, "", "interrupt(); endless()", &["--report", "answer.json"]);
    assert_eq!(run.ending(), "signal 2", "{}", run.whole());
    let answer = std::fs::read_to_string(sandbox.work().join("answer.json")).unwrap();
    assert!(answer.contains("interrupted while saving") && answer.contains("130"), "{answer}");
}

#[test]
fn what_a_script_has_not_written_yet_is_written_before_the_end() {
    let left = [
        "import atexit; atexit.register(lambda: print('the last word'))",
        "log = open('log.txt', 'w'); log.write('the last word')",
        "import logging, tempfile; folder = tempfile.TemporaryDirectory(dir='.'); print('the last word', end='')",
    ];
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        for code in left {
            let run = save(&sandbox, code, "interrupt()", &[]);
            assert_eq!(run.ending(), "signal 2", "{}", run.whole());
            run.assert_stderr(LOST);
            let log = std::fs::read_to_string(sandbox.work().join("log.txt")).unwrap_or_default();
            assert!(run.out().contains("the last word") || log == "the last word", "{}", run.whole());
            assert!(names(&sandbox).iter().all(|name| name == "job.py" || name == "log.txt"), "{:?}", names(&sandbox));
        }
    }
}

#[test]
fn a_script_with_something_left_to_write_ends_at_the_second_ctrl_c() {
    let sandbox = Sandbox::new();
    // Another process sends it: this one is in the call.
    let act = "kill = f'kill -INT {os.getpid()}'; \
               subprocess.Popen(['sh', '-c', f'sleep 0.1; {kill}; sleep 1; {kill}']); endless()";
    let run = save(&sandbox, "import atexit; atexit.register(print)", act, &[]);
    assert_eq!(run.ending(), "signal 2", "{}", run.whole());
    run.assert_stderr(LOST);
    assert_eq!(names(&sandbox), ["job.py"]);
}

#[test]
fn a_handler_of_the_script_decides_itself() {
    let sandbox = Sandbox::new();
    let code = "got = []\nsignal.signal(signal.SIGINT, lambda *_: got.append(1))";
    let run = save(&sandbox, code, "interrupt(); sum(range(30_000_000))", &[]);
    run.assert_code(0);
    sandbox.snapcli(&["restore", "-q", "session.pkl", "-c", "len(first), acts"]).assert_stdout("(1000, 0)\n");
}

#[test]
fn a_restore_in_an_endless_call_of_c_ends_by_sigint() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        let code = format!(
            "{PRELUDE}class Loads:\n    def __init__(self): self.x = 1\n    def __setstate__(self, state):\n        \
             if not os.path.exists('saved'): return\n        interrupt(); endless()\n\
             value = Loads()\n"
        );
        sandbox.write("job.py", &code);
        sandbox.snapcli(&["save", "-q", "job.py"]).assert_code(0);
        sandbox.write("saved", "");
        let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "print('ran')"]);
        assert_eq!(run.ending(), "signal 2", "{}", run.whole());
        run.assert_stderr("snapcli: interrupted while restoring session.pkl\n").assert_stdout("");
    }
}

#[test]
fn ctrl_c_while_python_is_set_up_is_no_fatal_error() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        let custom = "import os, signal\n\
             words = open('/proc/self/cmdline').read().split('\\0')\n\
             if 'snapcli' in words[0]: os.kill(os.getpid(), signal.SIGINT)\n";
        sandbox.write("custom/sitecustomize.py", custom);
        let folder = sandbox.work().join("custom");
        let run = sandbox.call_snapcli(&["save", "-c", "x = 1"]).env("PYTHONPATH", folder.to_str().unwrap()).run();
        if run.status.success() {
            // A Python that was started as a program of its own has no such word on its command line.
            crate::skipped::skipped("Python was not set up in this process");
            continue;
        }
        assert_eq!(run.ending(), "signal 2", "{}", run.whole());
        run.assert_stderr("");
        let handler = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)";
        sandbox.snapcli(&["save", "-q", "-c", handler]).assert_code(0).assert_stdout("True\n");
    }
}
