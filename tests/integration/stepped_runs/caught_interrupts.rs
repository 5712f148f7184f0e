//! Ctrl-C under `run`: where the script catches `KeyboardInterrupt`, it does what it does under Python; elsewhere the
//! run is stopped after a checkpoint.

use super::STEPS;
use crate::env::{Run, Sandbox};

/// Functions for scripts: `press()` presses Ctrl-C now, and `press_later()` in a moment, while the script waits.
const PRESS: &str = "
import os, signal, subprocess, time
def press():
    os.kill(os.getpid(), signal.SIGINT)
def press_later():
    subprocess.Popen(['sh', '-c', f'sleep 0.4; kill -INT {os.getpid()}'])
";

/// Runs a script under Python and under `run`, and checks that it prints the same and ends in the same way.
fn same_as_python(script: &str) -> Run {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{PRESS}{script}"));
    let expected = sandbox.python(&["script.py"]);
    let run = sandbox.snapcli(&["run", "--every", "1h", "script.py"]);
    assert_eq!((run.out(), run.ending()), (expected.out(), expected.ending()), "{}\n{script}", run.err());
    run
}

#[test]
fn a_handler_of_the_script_gets_what_ctrl_c_raises() {
    for script in [
        "n = 0\ntry:\n    while True:\n        n += 1\n        if n == 3:\n            press()\n\
         except KeyboardInterrupt:\n    print('stopped', n)\nprint('saved', n)\n",
        "def main():\n    press_later()\n    time.sleep(20)\n\
         try:\n    main()\nexcept (ValueError, KeyboardInterrupt):\n    print('stopped')\n",
        "for epoch in range(3):\n    try:\n        print(epoch)\n        press_later()\n        time.sleep(20)\n    \
         except BaseException as error:\n        print(type(error))\n        break\nprint('end')\n",
        "def work():\n    try:\n        press_later()\n        subprocess.run(['sleep', '20'])\n    except:\n        \
         return 'caught'\nresult = work()\nprint(result)\n",
        "import sys\ntry:\n    press_later()\n    import threading\n    threading.Event().wait(20)\n\
         except KeyboardInterrupt:\n    sys.exit(7)\n",
        "for n in range(2):\n    try:\n        press()\n        for k in range(10 ** 9):\n            pass\n    \
         except KeyboardInterrupt:\n        print('again', n)\n",
    ] {
        let run = same_as_python(script);
        assert!(!run.err().contains("middle of a step"), "{}", run.err());
    }
}

#[test]
fn aliases_and_context_managers_get_it_as_well() {
    for script in [
        "
from contextlib import suppress
n = 0
with suppress(KeyboardInterrupt):
    while n < 10 ** 9:
        n += 1
        if n == 3:
            press()
print('saved', n < 10 ** 9)
",
        "
errors = (KeyboardInterrupt, OSError)
try:
    press_later()
    time.sleep(20)
except errors as error:
    print(type(error))
",
        "
import builtins
def main():
    stop = builtins.KeyboardInterrupt
    try:
        press_later()
        time.sleep(20)
    except (ValueError, stop):
        print('stopped')
main()
",
        "
import contextlib
@contextlib.contextmanager
def guard():
    try:
        yield
    except KeyboardInterrupt:
        print('guarded')
def main():
    with guard():
        press_later()
        time.sleep(20)
    print('after')
main()
",
        "
class Guard:
    def __enter__(self):
        return self
    def __exit__(self, kind, value, traceback):
        return kind is not None and issubclass(kind, KeyboardInterrupt)
guard = Guard()
with open('x', 'w'), guard:
    press_later()
    time.sleep(20)
print('after')
",
    ] {
        let run = same_as_python(script);
        assert!(!run.err().contains("middle of a step"), "{}", run.err());
    }
}

#[test]
fn other_context_managers_and_types_leave_the_step_to_end() {
    let sandbox = Sandbox::new();
    let script = "
import contextlib
errors = (ValueError, OSError)
class Timer:
    def __enter__(self): return self
    def __exit__(self, *error): print('timed')
with Timer(), contextlib.suppress(*errors):
    try:
        press()
        time.sleep(0.2)
        print('whole')
    except errors + (KeyError,):
        pass
print('next')
";
    sandbox.write("script.py", format!("{PRESS}{script}"));
    let stopped = sandbox.snapcli(&["run", "--every", "1h", "script.py"]);
    assert_eq!(
        (stopped.ending().as_str(), stopped.out()),
        ("signal 2", "whole\ntimed\n".to_owned()),
        "{}",
        stopped.err()
    );
    sandbox.snapcli(&["run", "script.py"]).assert_code(0).assert_stdout("next\n");
}

#[test]
fn a_handler_in_a_module_of_the_script_gets_it_as_well() {
    let sandbox = Sandbox::new();
    let module = "
def go():
    try:
        press_later()
        time.sleep(20)
    except KeyboardInterrupt:
        return 'caught'
";
    sandbox.write("own.py", format!("{PRESS}{module}"));
    sandbox.write("script.py", "import own\nprint(own.go())\n");
    sandbox.snapcli(&["run", "--every", "1h", "script.py"]).assert_code(0).assert_stdout("caught\n");
}

#[test]
fn without_a_handler_there_the_run_stops_after_a_checkpoint() {
    let sandbox = Sandbox::new();
    let script = "
try:
    first = 1
except KeyboardInterrupt:
    pass
def later():
    try:
        return 1
    except KeyboardInterrupt:
        return 2
n = 0
for n in range(5):
    if n == 2 and _process() == 1:
        _os.kill(_os.getpid(), _signal.SIGINT)
try:
    later()
finally:
    print(first, n)
";
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "x");
    let stopped = sandbox.snapcli(&["run", "script.py"]);
    assert_eq!(stopped.ending(), "signal 2", "{}", stopped.whole());
    assert!(stopped.err().contains("stopped at line"), "{}", stopped.err());
    sandbox.write("processes", "xx");
    sandbox.snapcli(&["run", "script.py"]).assert_code(0).assert_stdout("1 4\n");
}
