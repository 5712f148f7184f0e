//! What a run has outside of its variables, and has again when it is resumed: positions in files, `sys.path`, handlers
//! of signals.

use super::{STEPS, assert_same, reads_lines, run_to_the_end};
use crate::env::{Sandbox, program};

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

#[test]
fn standard_input_goes_on_where_it_was_if_it_is_a_file() {
    let script = format!("import sys\nseen = [input()]{}", reads_lines("sys.stdin.readline().strip()"));
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("in.txt", (0..20).map(|n| format!("é{n}\n")).collect::<String>());
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let shell = std::ffi::OsStr::new("sh");
    let run = |process: &str| {
        sandbox.write("processes", process);
        let command = format!("exec '{program}' --python '{python}' run script.py < in.txt");
        sandbox.call_program(shell, &["-c", command.as_str()]).env("PYTHONUTF8", "1").run()
    };
    assert_eq!(run("x").ending(), "signal 9");
    run("xx").assert_code(0).assert_stdout("['é0', 'é1', 'é2', 'é3', 'é4', 'é5', 'é6']\n");
}

#[test]
fn text_files_are_reopened_as_they_were_opened() {
    let script = "
with open('in.txt', 'wb') as file:
    file.write('é\\r\\n'.encode('latin-1') * 30)
plain = open('in.txt', encoding='latin-1')
kept = [open('in.txt', encoding='latin-1', newline=''), open('in.txt', encoding='latin-1', newline='\\r')]
read = open('in.txt', encoding='ascii', errors='replace', newline='')
read.read()
written = open('out.txt', 'w', encoding='utf-16-le', errors='replace', newline='\\r\\n')
both = open('both.txt', 'w+', encoding='latin-1', newline='')
for n in range(6):
    both.write(f'{n}\\r\\n')
    written.write('é\\n')
    plain.readline(), kept[0].readline()
    if n == 2:
        checkpoint()
    if n == 3:
        kill(1)
both.seek(0)
print(repr(plain.readline()), repr(kept[0].read()), repr(kept[1].read()), repr(both.read()))
print(read.read(), read.seek(0), repr(read.readline()), plain.encoding, read.errors, written.encoding, written.mode)
written.close()
print(open('out.txt', 'rb').read())
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "");
    let expected = sandbox.python(&["script.py"]);
    expected.assert_code(0);
    let runs = run_to_the_end(&sandbox, &["--reopen"], 2);
    assert!(runs.len() == 2 && runs[1].err().contains("resuming at line"), "{}", runs[0].whole());
    assert_eq!(runs[1].out(), expected.out(), "{}", runs[0].whole());
}

/// Runs `script.py` with words on standard input by a pipe.
fn run_with_pipe(sandbox: &Sandbox, processes: &str) -> crate::env::Run {
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    sandbox.write("processes", processes);
    let command = format!("printf 'one\\ntwo\\n' | '{program}' run --python '{python}' script.py");
    sandbox.call_program(std::ffi::OsStr::new("sh"), &["-c", command.as_str()]).run()
}

#[test]
fn a_run_that_has_lost_what_was_in_a_pipe_says_so_and_stops() {
    for (rest, is_lost) in [("print(first, input())", true), ("print(first)", false)] {
        let steps = "for n in range(4):\n    if n == 1:\n        checkpoint()\n    if n == 2:\n        kill(1)";
        let script = format!("first = input()\n{steps}\n{rest}\n");
        let sandbox = Sandbox::new();
        sandbox.write("script.py", format!("{STEPS}{script}"));
        let first = run_with_pipe(&sandbox, "x");
        let err = first.err();
        assert!(err.contains("standard input is a pipe: once line 12 has read from it"), "{err}");
        let second = run_with_pipe(&sandbox, "xx");
        if is_lost {
            second.assert_code(1).assert_stdout("");
            assert!(second.err().contains("standard input was a pipe, and line 18"), "{}", second.err());
        } else {
            second.assert_code(0).assert_stdout("one\n");
            assert!(second.err().contains("resuming at line"), "{}", second.err());
        }
    }
}

#[test]
fn a_removed_file_is_named_instead_of_advice_that_cannot_help() {
    let script = "
out = open('out.txt', 'w')
for n in range(6):
    out.write('x')
    if n == 2:
        checkpoint()
    if n == 3:
        kill(1)
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "x");
    assert_eq!(sandbox.snapcli(&["run", "script.py"]).ending(), "signal 9");
    std::fs::remove_file(sandbox.work().join("out.txt")).unwrap();
    for options in [&["run", "script.py"][..], &["run", "--reopen", "script.py"]] {
        let run = sandbox.snapcli(options);
        run.assert_code(1).assert_stdout("");
        let said = "cannot resume: out.txt, which the script was writing (3 B), was removed";
        assert!(run.err().contains(said), "{}", run.err());
        assert!(!sandbox.work().join("out.txt").exists(), "{options:?}");
    }
}

#[test]
fn a_handler_that_collects_records_for_a_file_keeps_them() {
    for made in [
        "collector = logging.handlers.MemoryHandler(4, target=logging.FileHandler('a.log'))",
        "file = logging.FileHandler('a.log')\ncollector = logging.handlers.MemoryHandler(4, target=file)",
        "file = logging.FileHandler('a.log', 'w')\nlogger.addHandler(logging.handlers.MemoryHandler(4, target=file))\n\
         collector = logger.handlers[0]",
    ] {
        let script = format!(
            "
import logging, logging.handlers
logger = logging.getLogger('x')
logger.setLevel(10)
logger.propagate = False
{made}
if not logger.handlers:
    logger.addHandler(collector)
def main():
    for n in range(10):
        try:
            logger.info('%s%d', object, n // (n - 5))
        except ZeroDivisionError:
            logger.exception('at %d', n)
        if n == 6:
            checkpoint()
        if n == 7:
            kill(1)
main()
collector.close()
print(open('a.log').read().replace('^', ''), collector.capacity, type(collector.target).__name__)
"
        );
        let sandbox = Sandbox::new();
        sandbox.write("script.py", format!("{STEPS}{script}"));
        sandbox.write("processes", "");
        let expected = sandbox.python(&["script.py"]).assert_code(0).out();
        std::fs::remove_file(sandbox.work().join("a.log")).unwrap();
        let runs = run_to_the_end(&sandbox, &["--reopen"], 2);
        assert_eq!(runs.last().unwrap().out(), expected, "{}", runs[0].whole());
    }
}
