//! Descriptors that a script has as numbers: they are opened again with the same numbers, or no checkpoint is made. The
//! files of snapcli have numbers that a script does not get.

use super::{LOOP, STEPS, assert_same, run_to_the_end};
use crate::env::Sandbox;

const IMPORTS: &str = "import os, tempfile, time\ndef step(n):\n    pass\n";

#[test]
fn descriptors_of_files_have_their_numbers_and_offsets_again() {
    for (made, end) in [
        ("fd, name = tempfile.mkstemp(dir='.')\nos.write(fd, b'abc')", "os.write(fd, b'd'), open(name).read()"),
        ("from tempfile import mkstemp as new\nfd, name = new()\nos.write(fd, b'ab')", "os.fdopen(fd, 'w').name == fd"),
        (
            "first = os.open('x', os.O_RDWR | os.O_CREAT)\nfd = os.dup(first)\nos.write(fd, b'abc')",
            "os.write(first, b'd'), os.write(fd, b'e'), open('x').read()",
        ),
        (
            "class Log:\n    def __init__(self):\n        self.fd = os.open('x', os.O_RDWR | os.O_CREAT)\nit = Log()\n\
             os.write(it.fd, b'abc')",
            "os.write(it.fd, b'd'), open('x').read()",
        ),
        ("fd = os.open('.', os.O_RDONLY)", "os.listdir(fd).count('script.py')"),
        ("fd = os.open('/dev/null', os.O_WRONLY)", "os.write(fd, b'x')"),
    ] {
        let runs = assert_same(&format!("{IMPORTS}{made}\n{LOOP}print({end})\n"), 2);
        assert!(runs[1].err().contains("resuming at line"), "{made}\n{}", runs[0].err() + &runs[1].err());
    }
}

#[test]
fn a_local_descriptor_in_a_closure_is_opened_again() {
    let script = format!(
        "{IMPORTS}
def main():
    fd, name = tempfile.mkstemp(dir='.')
    def write(text):
        return os.write(fd, text)
    write(b'abc')
    for n in range(6):
        write(b'.')
        if n == 1:
            checkpoint()
        if n == 3:
            kill(1)
    print(open(name).read())
main()
"
    );
    let runs = assert_same(&script, 2);
    assert!(runs[1].err().contains("resuming at line"), "{}", runs[0].err() + &runs[1].err());
}

#[test]
fn a_pipe_and_a_file_without_a_path_are_reasons_against_a_checkpoint() {
    for (made, end, said) in [
        ("r, w = os.pipe()", "os.write(w, b'x'), os.read(r, 1)", "r is the descriptor"),
        ("fd = os.memfd_create('x')", "os.write(fd, b'x')", "of a file that has no path, which cannot be opened again"),
        ("fd, name = tempfile.mkstemp()\nos.remove(name)", "os.write(fd, b'x')", "fd is the descriptor"),
    ] {
        let runs = assert_same(&format!("{IMPORTS}{made}\n{LOOP}print({end})\n"), 2);
        assert!(runs[0].err().contains(said), "{made}\n{}", runs[0].err());
    }
}

#[test]
fn a_descriptor_that_is_not_used_any_more_is_no_reason() {
    for made in ["r, w = os.pipe()\nos.close(r)\nos.close(w)", "fd, name = tempfile.mkstemp()\nos.close(fd)"] {
        let runs = assert_same(&format!("{IMPORTS}{made}\n{LOOP}print(1)\n"), 2);
        assert!(runs[1].err().contains("resuming at line"), "{made}\n{}", runs[0].err() + &runs[1].err());
    }
}

#[test]
fn a_file_that_was_replaced_is_not_written_to() {
    let script = format!("{IMPORTS}fd = os.open('x', os.O_RDWR | os.O_CREAT)\n{LOOP}os.write(fd, b'abc')\n");
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "script.py"]);
    sandbox.write("y", "other");
    std::fs::rename(sandbox.work().join("y"), sandbox.work().join("x")).expect("renamed");
    sandbox.write("processes", "xx");
    let run = sandbox.snapcli(&["run", "script.py"]);
    assert!(run.err().contains("is another file now"), "{}", run.whole());
    assert_eq!(std::fs::read_to_string(sandbox.work().join("x")).expect("a file"), "other");
}

#[test]
#[cfg(target_os = "linux")]
fn snapcli_has_no_low_descriptors_while_a_script_runs() {
    let script = format!(
        "{IMPORTS}
def low():
    found = []
    for number in map(int, os.listdir('/proc/self/fd')):
        try:
            path = os.readlink(f'/proc/self/fd/{{number}}')
        except OSError:
            continue
        if 2 < number < 100 and ('.snaps' in path or '(deleted)' in path):
            found.append((number, path))
    return found
{LOOP}time.sleep(1.2)
for n in range(1):
    pass
print(low())
"
    );
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &[], 2);
    runs[1].assert_stdout("[]\n");
}
