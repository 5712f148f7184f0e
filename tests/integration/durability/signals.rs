//! Signals during a save, and the script's handlers for them.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use super::{names, wait_for};
use crate::env::Sandbox;

/// A session whose save is in the middle of a variable when `began` appears.
const SLOW: &str = "
import time
first = list(range(1000))
class Slow:
    def __reduce__(self):
        open('began', 'w').close()
        while True: time.sleep(0.01)
slow = Slow()
";

#[test]
fn a_signal_during_a_save_ends_it_and_leaves_the_old_file() {
    for (signal, script) in [(libc::SIGTERM, SLOW), (libc::SIGHUP, SLOW), (libc::SIGINT, SLOW), (libc::SIGUSR1, SLOW)] {
        let sandbox = Sandbox::new();
        sandbox.snapcli(&["save", "-c", "good = 1"]).assert_code(0);
        let before = fs::read(sandbox.work().join("session.pkl")).unwrap();
        sandbox.write("slow.py", script);
        let mut child = sandbox.call_snapcli(&["save", "slow.py"]).spawn();
        wait_for(&sandbox.work().join("began"));
        // SAFETY: only sends a signal, to a process that was not waited for.
        #[allow(unsafe_code)]
        unsafe {
            libc::kill(child.id().cast_signed(), signal);
        }
        if matches!(signal, libc::SIGTERM | libc::SIGHUP) {
            // The first one lets the save come to its end, and a second one does not.
            std::thread::sleep(std::time::Duration::from_millis(600));
            // SAFETY: as above.
            #[allow(unsafe_code)]
            unsafe {
                libc::kill(child.id().cast_signed(), signal);
            }
        }
        assert_eq!(child.wait().unwrap().signal(), Some(signal));
        assert_eq!(names(&sandbox.work()), ["session.pkl"], "signal {signal}");
        assert_eq!(fs::read(sandbox.work().join("session.pkl")).unwrap(), before);
    }
}

#[test]
fn a_signal_while_an_array_is_written_ends_the_save() {
    let sandbox = Sandbox::new();
    // A shell sends the signal: it starts when the save starts, and can wait without the interpreter.
    let script = "
import os, signal, subprocess
import numpy as np
large = np.ones(40_000_000)
class Last:
    def __reduce__(self):
        subprocess.Popen(['sh', '-c', f'sleep 0.02; kill -INT {os.getpid()}'])
        return int, ()
a = Last()
arrays = [large] + [large + n for n in range(2)]
";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    assert_eq!(run.ending(), "signal 2", "{}", run.whole());
    run.assert_stderr("snapcli: interrupted while saving: nothing was written\n");
    assert_eq!(names(&sandbox.work()), Vec::<String>::new());
}

#[test]
fn the_scripts_own_signal_handlers_run_during_a_save() {
    let sandbox = Sandbox::new();
    // After a handler that raises nothing, the save continues and is complete.
    let script = "
import os, signal, sys
told = []
def handler(number, frame):
    told.append(number)
    if sys.argv[1:]: sys.exit(7)
signal.signal(signal.SIGTERM, handler)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
class Asks:
    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        return list, ()
asks = [Asks(), 'x' * 2_000_000, list(range(300_000))]
later = 'here'
";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "script.py"]).assert_code(0);
    sandbox.snapcli(&["restore", "-c", "asks[0], len(asks[2]), later"]).assert_stdout("([], 300000, 'here')\n");
    // A handler that exits ends the save.
    let before = fs::read(sandbox.work().join("session.pkl")).unwrap();
    sandbox.snapcli(&["save", "script.py", "exit"]).assert_code(7);
    assert_eq!(names(&sandbox.work()), ["session.pkl"]);
    assert_eq!(fs::read(sandbox.work().join("session.pkl")).unwrap(), before);
}

#[test]
fn signals_belong_to_the_script_again_after_it_saves() {
    let sandbox = Sandbox::new();
    let script = "
import os, signal, snapcli
snapcli.save('a.pkl')
try:
    os.kill(os.getpid(), signal.SIGINT)
    while True: pass
except KeyboardInterrupt:
    print('caught', flush=True)
class Asks:
    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGINT)
        while True: pass
try:
    snapcli.save('b.pkl', {'asks': Asks()})
except KeyboardInterrupt:
    print('caught again', flush=True)
os.kill(os.getpid(), signal.SIGTERM)
";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    run.assert_stdout("caught\ncaught again\n");
    assert_eq!(run.ending(), "signal 15", "{}", run.whole());
    assert_eq!(names(&sandbox.work()), ["a.pkl", "session.crash.pkl"]);
}
