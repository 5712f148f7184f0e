//! A working directory, or a file that was read, that is gone or another one when a run resumes.

use std::fs;

use super::{STEPS, reads_lines};
use crate::env::{Run, Sandbox};

fn run(sandbox: &Sandbox, process: usize) -> Run {
    sandbox.write("processes", "x".repeat(process));
    sandbox.snapcli(&["run", "script.py"])
}

#[test]
fn a_run_whose_working_directory_is_gone_stops_before_anything_runs() {
    let script = "
import os
os.makedirs('work', exist_ok=True)
def _process():
    with open('../processes' if os.path.basename(os.getcwd()) == 'work' else 'processes') as file:
        return len(file.read())
os.chdir('work')
for n in range(4):
    if n == 1:
        checkpoint()
    if n == 2:
        kill(1)
open('done.txt', 'w').close()
print(os.path.basename(os.getcwd()))
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    assert_eq!(run(&sandbox, 1).ending(), "signal 9");
    let work = sandbox.work().join("work");
    fs::remove_dir(&work).unwrap();
    let refused = run(&sandbox, 2);
    refused.assert_code(2).assert_stdout("");
    assert!(refused.err().contains("/work, does not exist"), "{}", refused.err());
    assert!(!sandbox.work().join("done.txt").exists());
    fs::write(&work, "").unwrap();
    let refused = run(&sandbox, 2);
    refused.assert_code(2).assert_stdout("");
    assert!(refused.err().contains("/work, is not a directory"), "{}", refused.err());
    fs::remove_file(&work).unwrap();
    fs::create_dir(&work).unwrap();
    run(&sandbox, 2).assert_code(0).assert_stdout("work\n");
    assert!(work.join("done.txt").exists());
}

/// A run that reads a file and was killed.
fn reading(opened: &str) -> Sandbox {
    let steps = reads_lines("int(file.readline())");
    let script = format!("class Reader:\n    pass\n{opened}\nseen = []{steps}");
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("in.txt", "10\n11\n12\n13\n14\n15\n");
    assert_eq!(run(&sandbox, 1).ending(), "signal 9");
    sandbox
}

#[test]
fn a_file_that_was_read_must_be_the_same_or_a_copy() {
    for opened in ["file = open('in.txt')", "file = open('in.txt', 'rb')", "file = open('in.txt', 'rb', buffering=0)"] {
        let sandbox = reading(opened);
        let path = sandbox.work().join("in.txt");
        let old = fs::read_to_string(&path).unwrap();
        let refused = |text: &str, why: &str| {
            fs::remove_file(&path).unwrap();
            fs::write(&path, text).unwrap();
            let refused = run(&sandbox, 2);
            refused.assert_code(1).assert_stdout("");
            assert!(refused.err().contains(why), "{opened}\n{}", refused.err());
        };
        refused("90\n91\n92\n93\n94\n95\n", "in.txt, which the script was reading, is another file now");
        refused("10\n", "in.txt");
        // A copy that has grown is the file that was read.
        fs::remove_file(&path).unwrap();
        fs::write(&path, format!("{old}16\n")).unwrap();
        run(&sandbox, 2).assert_code(0).assert_stdout("[10, 11, 12, 13, 14, 15]\n");
    }
}

#[test]
fn a_file_that_an_object_reads_must_be_the_same() {
    let sandbox = reading("reader = Reader()\nreader.file = file = open('in.txt')\ndel file\nfile = reader.file");
    sandbox.write("other.txt", "90\n91\n92\n93\n94\n95\n");
    fs::rename(sandbox.work().join("other.txt"), sandbox.work().join("in.txt")).unwrap();
    let refused = run(&sandbox, 2);
    refused.assert_code(1).assert_stdout("");
    assert!(refused.err().contains("is another file now"), "{}", refused.err());
}
