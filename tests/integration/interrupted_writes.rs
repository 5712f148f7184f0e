//! Signals while the bytes of a session go to a file or to a store: Ctrl-C ends the save, and a signal whose handler
//! returns does not cost the session.
//!
//! A process that the script starts sends the signal some time after the first bytes are there. It may come too late:
//! then the save is done.

use std::fs;

use crate::env::{Run, Sandbox};

/// Saves 40 MB that no store has, and sends a signal when a new file is there and some more milliseconds are over.
const SCRIPT: &str = "
import os, signal, subprocess, sys
number, handler, folder, wait = getattr(signal, sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
if handler == 'returns': signal.signal(number, lambda *_: None)
data = bytearray(os.urandom(1 << 20)) * 40
WATCH = '''
import os, sys, time
parent, number, folder, wait = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
while not any('.new-' in name or '.snapcli-' in name for name in os.listdir(folder)):
    if os.getppid() != parent: sys.exit()
    time.sleep(0.001)
time.sleep(wait / 1000)
if os.getppid() == parent: os.kill(parent, number)
'''
subprocess.Popen([sys.executable, '-c', WATCH, str(os.getpid()), str(int(number)), folder, str(wait)])
";

const WAITS: [&str; 4] = ["0", "20", "60", "150"];

fn save(sandbox: &Sandbox, output: &str, folder: &str, how: [&str; 3]) -> Run {
    sandbox.clear();
    sandbox.write("job.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "-o", output, "-c", "x = 1"]).assert_code(0);
    let [signal, handler, wait] = how;
    sandbox.snapcli(&["save", "-o", output, "job.py", signal, handler, folder, wait])
}

const OUTPUTS: [(&str, &str); 2] = [("out.pkl", "."), ("out.snaps/", "out.snaps/objects")];

#[test]
fn ctrl_c_while_bytes_are_written_ends_the_save_by_sigint() {
    let sandbox = Sandbox::new();
    for (output, folder) in OUTPUTS {
        for wait in WAITS {
            let run = save(&sandbox, output, folder, ["SIGINT", "none", wait]);
            let kept = sandbox.snapcli(&["restore", output, "-c", "'data' in globals()"]);
            if run.err().contains("snapcli: saved ") {
                // The signal came too late: at most the end of Python was interrupted.
                kept.assert_stdout("True\n").assert_code(0);
            } else {
                assert_eq!(run.ending(), "signal 2", "{output} {wait}: {}", run.whole());
                run.assert_stderr("snapcli: interrupted while saving: nothing was written\n");
                kept.assert_stdout("False\n").assert_stderr("").assert_code(0);
            }
        }
    }
}

#[test]
fn a_signal_whose_handler_returns_costs_nothing() {
    let sandbox = Sandbox::new();
    for (output, folder) in OUTPUTS {
        for (signal, wait) in ["SIGTERM", "SIGINT"].into_iter().flat_map(|signal| WAITS.map(|wait| (signal, wait))) {
            let run = save(&sandbox, output, folder, [signal, "returns", wait]);
            // A signal that comes when the session is saved may find Python without its handlers.
            let is_late = run.err().contains("snapcli: saved ") && run.ending().starts_with("signal");
            assert!(is_late || run.ending() == "exit 0", "{output} {signal} {wait}: {}", run.whole());
            let run = sandbox.snapcli(&["restore", output, "-c", "len(data)"]);
            run.assert_stdout("41943040\n").assert_code(0);
            let left = fs::read_dir(sandbox.work().join(folder)).unwrap();
            let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let left: Vec<String> = left.filter(|name| name.contains(".new-") || name.contains(".snapcli-")).collect();
            assert_eq!(left, Vec::<String>::new(), "{output} {signal} {wait}");
        }
    }
}
