//! A run that is killed while its forked process saves a checkpoint: the next one waits for that checkpoint.

use super::{STEPS, run_to_the_end};
use crate::env::Sandbox;

/// An object that takes its time to be saved, by a forked process alone, and says when that has begun.
const SLOW: &str = "
import os, time
class Slow:
    def __init__(self):
        self.home = os.getpid()
    def __reduce__(self):
        if os.getpid() != self.home:
            open('saving', 'w').close()
            time.sleep(1.5)
        return Slow, ()
";

#[test]
fn the_next_run_waits_for_a_checkpoint_that_is_still_being_saved() {
    let script = format!(
        "{SLOW}
slow = Slow()
for n in range(1000):
    if _process() == 1:
        time.sleep(0.01)
        if os.path.exists('saving'):
            kill(1)
print(n)
"
    );
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &["--every", "0.2s"], 2);
    let err = runs[1].err();
    assert!(err.contains("waiting for a checkpoint that is still being saved to script.snaps/"), "{err}");
    assert!(err.contains("resuming at line"), "{err}");
    runs[1].assert_stdout("999\n");
}

#[test]
fn the_next_run_waits_for_a_process_that_is_giving_back_its_memory() {
    let script = "
import time
large = bytearray(400_000_000)
large[::4096] = bytes(len(large[::4096]))
checkpoint()
open('ready', 'w').close()
while _process() == 1:
    time.sleep(0.01)
print('done')
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "x");
    let mut first = sandbox.call_snapcli(&["run", "script.py"]).spawn();
    while !sandbox.work().join("ready").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    sandbox.write("processes", "xx");
    first.kill().unwrap();
    // The killed process has not been waited for.
    let next = sandbox.snapcli(&["run", "script.py"]);
    first.wait().unwrap();
    next.assert_code(0).assert_stdout("done\n");
}
