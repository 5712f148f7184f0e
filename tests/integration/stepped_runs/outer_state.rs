//! What a run has outside of its variables, and has again when it is resumed: positions in files, `sys.path`, handlers
//! of signals.

use super::{STEPS, assert_same, run_to_the_end};
use crate::env::Sandbox;

#[test]
fn positions_in_files_are_those_of_the_checkpoint() {
    for opened in ["open('in.txt')", "open('in.txt', 'rb')", "open('in.txt', 'rb', buffering=0)"] {
        // The child that saves is busy with the dict while the script reads on.
        let script = format!(
            "
import time
def checkpoints():
    folder = 'script.snaps/snapshots'
    return len([name for name in _os.listdir(folder) if name[0] != '.']) if _os.path.exists(folder) else 0
large = {{n: (n, str(n)) for n in range(150_000)}}
file = {opened}
seen = []
for turn in range(1000):
    for _ in range(20):
        seen.append(int(file.readline()))
    if _process() == 1:
        time.sleep(0.01)
        if checkpoints() > 1:
            kill(1)
print(seen == list(range(20_000)))
"
        );
        let sandbox = Sandbox::new();
        sandbox.write("in.txt", (0..40_000).map(|n| format!("{n}\n")).collect::<String>());
        sandbox.write("script.py", format!("{STEPS}{script}"));
        let runs = run_to_the_end(&sandbox, &["--every", "0.2s"], 2);
        runs[1].assert_stdout("True\n");
        assert!(runs[1].err().contains("resuming at line"), "{opened}\n{}", runs[1].err());
    }
}

#[test]
fn modules_are_found_where_the_script_has_found_them() {
    let script = "
import os, sys
sys.path.insert(0, 'first')
sys.path.append('last')
os.environ['OWN_SETTING'] = 'set'
import which, only
for n in range(4):
    if n == 1:
        checkpoint()
    if n == 2:
        kill(1)
print(which.WHERE, only.WHERE, which.SETTING, n)
";
    let sandbox = Sandbox::new();
    let module = |place: &str| format!("import os\nWHERE = '{place}'\nSETTING = os.environ.get('OWN_SETTING')\n");
    for (path, place) in [("first/which.py", "first"), ("which.py", "beside"), ("last/only.py", "last")] {
        sandbox.write(path, module(place));
    }
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &[], 2);
    assert!(runs[1].err().contains("resuming at line"), "{}", runs[1].err());
    runs[1].assert_stdout("first last set 3\n");
}

#[test]
fn functions_of_the_script_handle_signals_again() {
    let script = "
import signal
seen = []
def note(number, frame):
    seen.append(number)
signal.signal(signal.SIGUSR2, note)
for n in range(5):
    if n == 1:
        checkpoint()
    if n == 2:
        kill(1)
    if n == 3:
        _os.kill(_os.getpid(), signal.SIGUSR2)
print(n, len(seen), signal.getsignal(signal.SIGUSR2) is note)
";
    assert_same(script, 2);
}
