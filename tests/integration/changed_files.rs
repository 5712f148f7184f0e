//! Files that change while they are loaded: what is loaded is what was checked.
//!
//! The first variable of these sessions changes the file when it is loaded, which is after all hashes were checked and
//! before the other variables are loaded: the same every time, and not a race.

use crate::env::{Sandbox, Stack, main_python, venv};

const SESSION: &str = "\
import os
class Changer:
    def __setstate__(self, state):
        path = os.environ.get('FILE_TO_CHANGE')
        if path:
            with open(path, 'r+b') as file:
                # Spelled backwards, so that the code of this function does not contain it.
                start = file.read().index(bytes(reversed(b'txet lanigiro')))
                file.seek(start)
                file.write(bytes(reversed(b'txet derepmat')))
first = Changer()
first.kept = 1
second = ['original text', first]
";

fn restored(sandbox: &Sandbox, arguments: &[&str]) -> String {
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let file = sandbox.work().join("session.pkl");
    let command = [&["restore", "-q"], arguments, &["session.pkl", "-c", "second[0]"]].concat();
    let run = sandbox.call_snapcli(&command).env("FILE_TO_CHANGE", &file).run();
    run.assert_code(0);
    let changed = std::fs::read(file).unwrap();
    let text = b"tampered text";
    assert!(changed.windows(text.len()).any(|window| window == text), "the file was not changed");
    run.out()
}

#[test]
fn a_file_that_changes_during_the_load_is_loaded_as_it_was_checked() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SESSION);
    for arguments in [&[][..], &["--mmap"], &["--partial"], &["--only", "first", "--only", "second"], &["--trust"]] {
        assert_eq!(restored(&sandbox, arguments), "'original text'\n", "{arguments:?}");
    }
}

#[test]
fn shared_objects_of_a_variable_that_is_not_wanted_are_loaded_as_they_were_checked() {
    let sandbox = Sandbox::new();
    let script = format!("{SESSION}shared = ['original text']\nsecond = shared\nowner = [shared, first]\n");
    sandbox.write("script.py", script.replace("second = ['original text', first]\n", ""));
    assert_eq!(restored(&sandbox, &["--only", "first", "--only", "second"]), "'original text'\n");
}

#[test]
fn opcodes_between_arrays_are_loaded_as_they_were_checked() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    let script = SESSION.replace(
        "second = ['original text', first]",
        "import numpy\nsecond = ['original text', first, numpy.ones(300_000), numpy.zeros(50_000)]",
    );
    sandbox.write("script.py", script);
    for arguments in [&[][..], &["--mmap"]] {
        assert_eq!(restored(&sandbox, arguments), "'original text'\n", "{arguments:?}");
    }
}
