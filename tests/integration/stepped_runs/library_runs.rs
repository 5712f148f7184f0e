//! Programs of the standard library run to their ends under `snapcli run`, interrupted once each, with the output of
//! `python`. The moment of the signal is a part of the time that `python` needs, but nothing depends on hitting it.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::env::{Sandbox, program};

/// The modules, their arguments, and a module whose source file is the last argument.
const PROGRAMS: [(&str, &[&str], &str); 12] = [
    ("ast", &[], "typing"),
    ("tokenize", &["-e"], "typing"),
    ("zipfile", &["-l"], ""),
    ("tabnanny", &["-v"], "json"),
    ("pyclbr", &[], "decimal"),
    ("doctest", &["-v"], "difflib"),
    ("lib2to3", &["-f", "print", "-f", "except"], "optparse"),
    ("json.tool", &["--indent", "1"], ""),
    ("pickletools", &["-a"], ""),
    ("calendar", &["2024"], ""),
    ("base64", &["-e"], "typing"),
    ("this", &[], ""),
];

/// Programs that need a file of their own, and the code that makes it.
const FILES: [(&str, &str, &str); 3] = [
    (
        "json.tool",
        "data.json",
        "import json; json.dump([{'n': n, 's': 's' * n} for n in range(900)], open('data.json', 'w'))",
    ),
    (
        "pickletools",
        "data.pkl",
        "import pickle; pickle.dump([{'n': n, 's': 's' * n} for n in range(900)], open('data.pkl', 'wb'))",
    ),
    (
        "zipfile",
        "data.zip",
        "import zipfile\nz = zipfile.ZipFile('data.zip', 'a')\nfor n in range(900): z.writestr(str(n), 'x')\nz.close()",
    ),
];

#[test]
fn programs_of_the_standard_library_do_the_same_when_interrupted() {
    let mut compared = 0;
    for (module, options, of) in PROGRAMS {
        let sandbox = Sandbox::new();
        let mut words: Vec<String> = ["-m", module].iter().chain(options).map(|word| (*word).to_owned()).collect();
        if !of.is_empty() {
            let code = format!("import {of}; print({of}.__file__)");
            words.push(sandbox.python(&["-c", &code]).out().trim().to_owned());
        }
        if let Some((_, name, code)) = FILES.iter().find(|(program, ..)| *program == module) {
            sandbox.python(&["-c", code]).assert_code(0);
            words.push((*name).to_owned());
        }
        let started = Instant::now();
        let expected = sandbox.python(&words);
        if expected.err().contains("No module named") {
            // Python 3.13 has no lib2to3.
            continue;
        }
        let seconds = started.elapsed();
        assert_eq!(interrupted(&sandbox, &words, seconds / 2), expected.out(), "{words:?}");
        compared += 1;
    }
    assert!(compared >= 9, "{compared}");
}

/// What a program prints that is asked to end after a time, and run again.
fn interrupted(sandbox: &Sandbox, words: &[String], after: Duration) -> String {
    let program = program().into_string().unwrap();
    let after = after.as_secs_f64().to_string();
    let limited = ["-s", "TERM", &after, &program, "run", "-q"].map(str::to_owned);
    let words: Vec<String> = limited.into_iter().chain(words.iter().cloned()).collect();
    let first = sandbox.call_program(OsStr::new("timeout"), &words).run();
    first.out() + &sandbox.snapcli(&words[4..]).out()
}

#[test]
fn the_batch_queue_of_the_examples_runs_a_script_to_its_end() {
    let sandbox = Sandbox::new();
    let script = "
import time
total = 0
for n in range(400):
    total += n
    time.sleep(0.01)
print(total)
";
    sandbox.write("script.py", script);
    let program = program().into_string().unwrap();
    let queue = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/batch-queue");
    let run = sandbox.call_program(queue.as_os_str(), &["3", "script.py"]).env("SNAPCLI", program).run();
    run.assert_code(0).assert_stdout("79800\n");
    assert!(run.err().contains("batch-queue: attempt 2") && run.err().contains("resuming at line"), "{}", run.err());
}
