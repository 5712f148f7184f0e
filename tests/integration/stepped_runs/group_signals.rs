//! Signals to a whole process group: they end the commands that the script waits for, too.

use crate::env::{Sandbox, program};

/// Runs the script in a group of its own, which gets a signal when the script is in its fourth command.
const GROUP: &str = "
import os, signal, subprocess, sys, time
words = [sys.argv[1], '--python', sys.argv[2], 'run', '--every', '0.2s', 'script.py']
number = getattr(signal, sys.argv[3])
child = subprocess.Popen(words, start_new_session=True, stderr=subprocess.PIPE, text=True)
while not os.path.exists('waits'):
    time.sleep(0.01)
time.sleep(0.3)
if sys.argv[4] == 'group':
    os.killpg(child.pid, number)
else:
    pids = open('waits').read().split()
    for pid in [child.pid] + pids:
        os.kill(int(pid), number)
        time.sleep(0.05)
print(child.communicate()[1], child.returncode)
";

/// A script whose commands are recorded, as `['0', 'FAILED', …]`.
fn assert_no_failure_is_kept(script: &str, signal: &str, how: &str) {
    assert_no_failure_is_kept_at_end(script, signal, how, "it has ended a child process as well");
}

/// The same for a script of which `said` is said when it is stopped.
fn assert_no_failure_is_kept_at_end(script: &str, signal: &str, how: &str, said: &str) {
    let sandbox = Sandbox::new();
    let expected = "['0', '1', '2', '3', '4', '5']\n";
    sandbox.write("script.py", script);
    sandbox.write("group.py", GROUP);
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let first = sandbox.python(&["group.py", &program, &python, signal, how]).assert_code(0).out();
    assert!(first.contains(said), "{first}");
    let second = sandbox.snapcli(&["run", "script.py"]);
    second.assert_code(0);
    assert!(second.out().ends_with(expected), "{first}{}", second.whole());
}

const COMMANDS: &str = "
import subprocess, sys, os, time
def command(n):
    wait = 'echo $$ > part; mv part waits; exec sleep 30' if n == 3 and not os.path.exists('waits') else 'sleep 0.1'
    done = subprocess.run(['sh', '-c', f'{wait}; echo {n}'], capture_output=True, text=True)
    return done.stdout.strip() or 'FAILED'
";

#[test]
fn a_command_that_the_signal_has_ended_is_not_kept_as_failed() {
    let script =
        format!("{COMMANDS}\nresults = []\nfor n in range(6):\n    results.append(command(n))\nprint(results)\n");
    for (signal, how) in [("SIGTERM", "group"), ("SIGINT", "group"), ("SIGHUP", "each")] {
        assert_no_failure_is_kept(&script, signal, how);
    }
}

#[test]
fn a_step_that_waits_for_ended_workers_is_not_waited_for() {
    let script = "
import multiprocessing, os, time
def work(n):
    if n == 3 and not os.path.exists('waits'):
        with open('part', 'w') as file:
            file.write(str(os.getpid()))
        os.rename('part', 'waits')
        time.sleep(30)
    return str(n)
if __name__ == '__main__':
    with multiprocessing.get_context('fork').Pool(2) as pool:
        print(pool.map(work, range(6), chunksize=1))
";
    assert_no_failure_is_kept_at_end(script, "SIGINT", "group", "in the middle of a step");
}

#[test]
fn a_script_that_ends_after_the_signal_has_not_finished() {
    let script = format!(
        "{COMMANDS}\nresults = []\ntry:\n    for n in range(6):\n        results.append(command(n))\nfinally:\n    \
         print(results)\n"
    );
    assert_no_failure_is_kept(&script, "SIGTERM", "group");
}

#[test]
fn a_command_that_makes_the_signal_an_exit_status_is_not_kept_as_failed() {
    let handles = "trap 'exit 3' TERM; echo $$ > part; mv part waits; sleep 30 & wait";
    let commands = COMMANDS.replace("echo $$ > part; mv part waits; exec sleep 30", &handles.replace('\'', "\\'"));
    let script =
        format!("{commands}\nresults = []\nfor n in range(6):\n    results.append(command(n))\nprint(results)\n");
    assert_no_failure_is_kept(&script, "SIGTERM", "group");
}
