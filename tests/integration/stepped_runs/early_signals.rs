//! Signals that come before the script runs: while the program starts, and while a resumed run imports its modules.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::STEPS;
use crate::env::{Run, Sandbox};

/// Whether a process blocks a signal (`SigBlk`) or handles it (`SigCgt`).
fn has(process: u32, set: &str, signal: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(':'));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[test]
fn a_checkpoint_that_is_asked_for_at_once_is_made_when_the_script_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "import time\nn = 0\nwhile n < 50:\n    n += 1\n    time.sleep(0.01)\nprint(n)\n");
    let mut child = sandbox.call_snapcli(&["run", "--every", "1h", "script.py"]).spawn();
    let number = child.id();
    // SIGUSR1 has the number 10 on Linux, but on MIPS and the like.
    while !has(number, "SigBlk", 10) && !has(number, "SigCgt", 10) {
        std::thread::sleep(Duration::from_micros(50));
    }
    assert!(Command::new("kill").args(["-s", "USR1", &number.to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let log = sandbox.snapcli(&["log", "script.snaps/"]).assert_code(0).out();
    assert!(log.contains("run: line "), "{log}");
}

/// A module that sends a signal to the process that imports it, when the second process of the run does.
const SLOW: &str = "
import os, signal
if len(open('processes').read()) == 2:
    os.kill(os.getpid(), getattr(signal, open('signal').read()))
";

const SCRIPT: &str = "
import slow
for n in range(6):
    if n == 2 and _process() == 1:
        checkpoint()
    if n == 3:
        kill(1)
print(n)
";

/// The first process is killed after a checkpoint; the second one gets a signal while it imports; the third one is left
/// alone.
fn signalled_in_imports(signal: &str) -> (Sandbox, Run) {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{SCRIPT}"));
    sandbox.write("slow.py", SLOW);
    sandbox.write("signal", signal);
    sandbox.write("processes", "x");
    assert_eq!(sandbox.snapcli(&["run", "script.py"]).ending(), "signal 9");
    sandbox.write("processes", "xx");
    let second = sandbox.snapcli(&["run", "script.py"]);
    (sandbox, second)
}

#[test]
fn a_signal_during_the_imports_of_a_resumed_run_loses_nothing() {
    for (signal, number) in [("SIGTERM", 15), ("SIGHUP", 1), ("SIGINT", 2)] {
        let (sandbox, second) = signalled_in_imports(signal);
        assert_eq!(second.ending(), format!("signal {number}"), "{}", second.whole());
        second.assert_stdout("");
        let err = second.err();
        assert!(err.contains("stopped while resuming: the same command resumes at line"), "{err}");
        sandbox.write("processes", "xxx");
        let third = sandbox.snapcli(&["run", "script.py"]);
        third.assert_code(0).assert_stdout("5\n");
        assert!(third.err().contains("resuming at line"), "{}", third.err());
    }
}

#[test]
fn a_checkpoint_asked_for_during_the_imports_of_a_resumed_run_is_made() {
    let (_, second) = signalled_in_imports("SIGUSR1");
    second.assert_code(0).assert_stdout("5\n");
    let err = second.err();
    let resumed = err.find("resuming at line").unwrap_or(usize::MAX);
    assert!(err.find("checkpoint @2").is_some_and(|made| made > resumed), "{err}");
}

/// Makes a file with a given inode number, if the file system uses the number of a removed file again.
fn with_inode(path: &Path, inode: u64, bytes: &[u8]) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    for _ in 0..1000 {
        std::fs::write(path, bytes).unwrap();
        if std::fs::metadata(path).unwrap().ino() == inode {
            return true;
        }
        std::fs::remove_file(path).unwrap();
    }
    false
}

#[test]
fn a_file_that_has_the_inode_of_the_old_one_is_not_truncated() {
    use std::os::unix::fs::MetadataExt as _;
    let sandbox = Sandbox::new();
    let script = "
out = open('out.txt', 'w')
for n in range(6):
    out.write(f'{n}\\n')
    if n == 2:
        checkpoint()
    if n == 3:
        kill(1)
out.close()
";
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "x");
    assert_eq!(sandbox.snapcli(&["run", "script.py"]).ending(), "signal 9");
    let path = sandbox.work().join("out.txt");
    let inode = std::fs::metadata(&path).unwrap().ino();
    let same = "0\n1\n2\nand more of the same that another program has written\n";
    std::fs::remove_file(&path).unwrap();
    if !with_inode(&path, inode, same.as_bytes()) {
        return crate::skipped::skipped("this file system does not use the number of a removed file again");
    }
    sandbox.write("processes", "xx");
    let refused = sandbox.snapcli(&["run", "--reopen", "script.py"]);
    refused.assert_code(1);
    assert!(refused.err().contains("is another file now"), "{}", refused.err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), same);
}
