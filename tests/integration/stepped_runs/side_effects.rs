//! What a checkpoint must not do to a script, what must not keep one from being made, and what is said of a step that
//! does not end.

use super::{STEPS, assert_same, run_to_the_end};
use crate::env::Sandbox;

#[test]
fn handlers_that_collect_records_are_not_flushed() {
    for (handler, end) in [
        ("MemoryHandler(100, target=logging.StreamHandler(sys.stdout))", "len(handler.buffer)"),
        ("Alert(100)", "len(handler.buffer)"),
        ("Alert(100, 'given')", "handler.name_of_list"),
    ] {
        let script = format!(
            "
import logging, sys
from logging.handlers import BufferingHandler, MemoryHandler
class Alert(BufferingHandler):
    def __init__(self, capacity, name='own'):
        super().__init__(capacity)
        self.name_of_list = name
    def flush(self):
        print('sent', len(self.buffer))
        super().flush()
handler = {handler}
log = logging.getLogger('job')
log.addHandler(handler)
log.setLevel(10)
for n in range(6):
    log.info('step %d', n)
    if n == 2:
        checkpoint()
    if n == 4:
        kill(1)
print({end})
"
        );
        let runs = assert_same(&script, 2);
        runs[0].assert_stdout("");
    }
}

#[test]
fn closed_files_that_were_removed_are_no_obstacle() {
    let script = "
import os
for n in range(4):
    part = open('part.tmp', 'w')
    part.write(str(n))
    part.close()
    os.replace('part.tmp', 'part.txt')
    with open('again.tmp', 'wb') as again, open('part.txt') as read:
        again.write(b'x')
    os.remove('again.tmp')
    files = [part, again, read]
    if n == 1:
        checkpoint()
    if n == 2:
        kill(1)
print([(os.path.basename(file.name), file.closed) for file in files], open('part.txt').read())
";
    let runs = assert_same(script, 2);
    assert!(runs[1].err().contains("resuming at line"), "{}", runs[0].err());
    assert!(!runs[0].err().contains("no checkpoint"), "{}", runs[0].err());
    // The file is removed after the checkpoint.
    let script = "
import os
given = open('given.txt', 'w')
given.close()
for n in range(4):
    if n == 1:
        checkpoint()
    if n == 2:
        open('given.txt', 'a').close()
        os.remove('given.txt')
        open('given.txt', 'a').close()
        os.remove('given.txt')
    if n == 2:
        kill(1)
print(given.closed, os.path.basename(given.name))
";
    assert!(assert_same(script, 2)[1].err().contains("resuming at line"));
}

#[test]
fn values_of_local_variables_are_freed_when_they_are_under_python() {
    let script = "
import weakref
class Large:
    def __del__(self):
        print('freed', self.name)
def make(name):
    large = Large()
    large.name = name
    return large
def work(given):
    own = make('own')
    names = locals()
    shared = make('shared')
    for n in range(4):
        if n == 1:
            checkpoint()
    own = shared = None
    print('own is None', sorted(names))
    inner()
def inner():
    first = make('first')
    inner_names = lambda: first
    for n in range(3):
        checkpoint()
    value = str(make('second').name)
    first = None
    print('first is None', value)
work(make('given'))
print('end')
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "x");
    let made =
        script.replace("            checkpoint()", "            pass").replace("        checkpoint()", "        pass");
    sandbox.write("plain.py", made.replace("names = locals()", "names = {'given': 1, 'own': 2}"));
    let script = format!("{STEPS}{script}").replace("names = locals()", "names = {'given': 1, 'own': 2}");
    sandbox.write("freed.py", script);
    let expected = sandbox.python(&["plain.py"]).assert_code(0).out();
    sandbox.snapcli(&["run", "freed.py"]).assert_code(0).assert_stdout(&expected);
    // What the script has from `locals()` is left to it.
    let run = sandbox.snapcli(&["run", "script.py"]).assert_code(0).out();
    assert!(run.contains("own is None ['given', "), "{run}");
}

#[test]
fn restored_local_variables_are_freed_when_their_function_returns() {
    let script = "
import weakref
class Large: pass
def outer(given):
    own = Large()
    found = inner(own)
    return found + [weakref.ref(given), weakref.ref(own)]
def inner(own):
    large = Large()
    for n in range(6):
        if n == 1:
            checkpoint()
        if n == 2:
            kill(1)
        if n == 3:
            checkpoint()
        if n == 4:
            kill(2)
    return [weakref.ref(large)]
found = outer(Large())
print([reference() is None for reference in found])
";
    assert_same(script, 3);
}

#[test]
fn reopen_truncates_the_file_of_a_log() {
    for handler in ["logging.FileHandler('job.log')", "RotatingFileHandler('job.log', maxBytes=10 ** 6, delay=True)"] {
        let script = format!(
            "
import logging
from logging.handlers import RotatingFileHandler
log = logging.getLogger('job')
log.addHandler({handler})
log.setLevel(10)
for n in range(5):
    log.info('step %d', n)
    if n == 1:
        checkpoint()
    if n == 3:
        kill(1)
"
        );
        for (options, repeated) in [(&["--reopen"][..], ""), (&[], "step 2\nstep 3\n")] {
            let sandbox = Sandbox::new();
            sandbox.write("script.py", format!("{STEPS}{script}"));
            run_to_the_end(&sandbox, options, 2);
            let written = std::fs::read_to_string(sandbox.work().join("job.log")).unwrap();
            assert_eq!(written, format!("step 0\nstep 1\nstep 2\nstep 3\n{repeated}step 4\n"), "{handler}");
        }
    }
}

#[test]
fn the_state_of_the_run_is_not_listed_with_the_variables() {
    let sandbox = Sandbox::new();
    let script = "
def main():
    total = 0
    for n in range(5):
        total += n
        if n in (1, 2):
            checkpoint()
        if n == 3:
            kill(1)
main()
";
    sandbox.write("script.py", format!("{STEPS}{script}"));
    run_to_the_end(&sandbox, &[], 2);
    for words in
        [&["inspect", "script.snaps/@1"][..], &["inspect", "--json", "script.snaps/@2"], &["log", "script.snaps/"]]
    {
        let out = sandbox.snapcli(words).assert_code(0).out();
        assert!(!out.contains("__snapcli_run__ ") && !out.contains("\"__snapcli_run__\""), "{out}");
    }
    let shown = sandbox.snapcli(&["inspect", "script.snaps/@1"]).out();
    assert!(shown.contains("__snapcli_run__1_total"), "{shown}");
    let diff = sandbox.snapcli(&["diff", "script.snaps/@1", "script.snaps/@2"]);
    assert!(diff.out().contains("1_total") && !diff.out().contains("__snapcli_run__ "), "{}", diff.whole());
}

const LONG: &str = "
import time
def main():
    end = time.monotonic() + 7
    while time.monotonic() < end:
        pass
";

/// Checks what is said of a step that takes some seconds.
fn check_advice(call: &str, advice: &str) {
    let script = format!("{LONG}{call}\n");
    let sandbox = Sandbox::new();
    sandbox.write("script.py", &script);
    let run = sandbox.snapcli(&["run", "--every", "0.3s", "script.py"]);
    run.assert_code(0);
    let line = script.lines().position(|line| line.contains("main()") && !line.contains("def")).unwrap() + 1;
    let said = format!("a checkpoint is due, and waits for the end of line {line}, which is one step{advice}");
    assert!(run.err().contains(&said), "{}\n{said}", run.err());
}

#[test]
fn a_step_that_holds_up_a_checkpoint_is_named_with_advice() {
    const CASES: [(&str, &str); 3] = [
        ("print(main(), 1)", ": for checkpoints in main(), make its call a statement, as in `result = main()`\n"),
        ("try:\n    main()\nfinally:\n    pass", ": there are no checkpoints within `try`, so use it in the functions"),
        ("with open('x', 'w') as file:\n    main()", ": there are no checkpoints within `with`, so"),
    ];
    // They wait, so they may do that at the same time.
    std::thread::scope(|scope| {
        for (call, advice) in CASES {
            scope.spawn(move || check_advice(call, advice));
        }
    });
}
