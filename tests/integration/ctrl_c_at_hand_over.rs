//! Ctrl-C on a terminal at many moments of a restore and of a save with snapshots: whatever it meets, the end is by
//! SIGINT, and never a fatal error of Python, a crash, or a prompt that starts all the same.
//!
//! Which moment meets what depends on the machine; the end does not.

use crate::env::{Sandbox, program};

/// Types Ctrl-C after each of the times, in seconds after the text has been seen, or after the start without a text.
/// Prints the exit codes, negative for a signal, and the outputs.
const DRIVER: &str = r"
import json, os, pty, select, signal, sys, time
until, moments = sys.argv[1].encode(), json.loads(sys.argv[2])
ends = []
for moment in moments:
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(sys.argv[3], sys.argv[3:])
    seen, typed, begun = b'', False, time.monotonic()
    while True:
        if not typed and until in seen and time.monotonic() - begun >= moment:
            typed = True
            os.write(terminal, b'\x03')
        if not select.select([terminal], [], [], 0.005)[0]: continue
        try: piece = os.read(terminal, 100_000)
        except OSError: break
        if not piece: break
        if until not in seen: begun = time.monotonic()
        seen += piece
    ends.append([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()])
print(json.dumps(ends))
";

/// The exit code and the output of a command for each moment.
fn ends(sandbox: &Sandbox, until: &str, moments: &[f64], words: &[&str]) -> Vec<(i64, String)> {
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let moments = serde_json::to_string(moments).unwrap();
    let program = program().into_string().unwrap();
    let head = ["-c", DRIVER, until, &moments, &program, "--python", &python];
    let run = sandbox.call_python(&[&head[..], words].concat()).env("NO_COLOR", "1").env("TERM", "xterm").run();
    let found = run.json();
    let found = found.as_array().unwrap().iter();
    found.map(|end| (end[0].as_i64().unwrap(), end[1].as_str().unwrap().to_owned())).collect()
}

fn moments(first: f64, step: f64, count: u32) -> Vec<f64> {
    (0..count).map(|number| first + step * f64::from(number)).collect()
}

#[test]
fn ctrl_c_while_objects_are_handed_to_code_is_never_lost() {
    let sandbox = Sandbox::new();
    sandbox.write("big.py", "d = [{'a': i, 'b': str(i), 'c': [i]} for i in range(200_000)]\n");
    sandbox.snapcli(&["save", "-o", "big.pkl", "big.py"]).assert_code(0);
    let code = "import time; time.sleep(3000)";
    for (code, output) in ends(&sandbox, "", &moments(0.05, 0.08, 15), &["restore", "big.pkl", "-c", code]) {
        assert!(code == -2 && !output.contains("Fatal"), "{code}: {output}");
    }
}

#[test]
fn ctrl_c_while_a_script_is_saved_again_and_again_ends_it_by_sigint() {
    let sandbox = Sandbox::new();
    sandbox.write("slow.py", "import time\nx = 1\nprint('go', flush=True)\ntime.sleep(3000)\n");
    let words = ["save", "--every", "0.1s", "-o", "every.pkl", "slow.py"];
    for (code, output) in ends(&sandbox, "go", &moments(0.05, 0.03, 20), &words) {
        assert!(code == -2 && !output.contains("Fatal"), "{code}: {output}");
    }
}

/// The stack of the Rust runtime is too small for the handlers of Python that would run there.
#[test]
#[cfg(target_os = "linux")]
fn handlers_of_a_script_have_the_stack_that_they_have_under_python() {
    let code = "import ctypes\nstack = (ctypes.c_char * 24)()\n\
                ctypes.CDLL(None).sigaltstack(None, stack)\nprint('flags', int.from_bytes(stack[8:12], 'little'))\n";
    let sandbox = Sandbox::new();
    sandbox.write("job.py", code);
    let plain = sandbox.call_python(&["job.py"]).run();
    let run = sandbox.snapcli(&["save", "job.py"]);
    assert_eq!(run.out(), plain.out(), "{}", run.whole());
    assert!(run.out().contains("flags 2"), "{}", run.whole());
}
