//! Files that are not trusted are built and not executed: what comes back equals what CPython's unpickler makes, and
//! what only an unpickler could do is refused, not only what does harm.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env::{Run, Sandbox, Stack, pythons, venv};

fn script(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/built_objects");
    folder.join(name).to_str().unwrap().to_owned()
}

/// The files that a script has written into a new directory.
fn written(sandbox: &Sandbox, name: &str) -> Vec<PathBuf> {
    let folder = sandbox.out().join("files");
    fs::create_dir_all(&folder).unwrap();
    let canary = sandbox.out().join("canary");
    let arguments = [script(name), folder.display().to_string(), canary.display().to_string()];
    sandbox.python(&arguments).assert_code(0);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Restores the first of the files, and loads the others. Compares all with what the unpickler makes of them.
fn compared(sandbox: &Sandbox, files: &[PathBuf]) -> Run {
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let compare = script("compare.py");
    sandbox.snapcli(&[&["restore", "-q", files[0], &compare][..], &files].concat())
}

#[test]
fn containers_of_all_protocols_equal_those_of_the_unpickler() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        // The files of one value are next to one another.
        for files in written(&sandbox, "containers.py").chunks(4) {
            compared(&sandbox, files).assert_code(0).assert_stdout("");
        }
    }
}

#[test]
fn what_only_an_unpickler_can_do_is_refused() {
    let sandbox = Sandbox::new();
    let canary = sandbox.out().join("canary");
    let files = written(&sandbox, "programs.py");
    assert!(files.len() > 30, "{}", files.len());
    for file in files {
        let file = file.to_str().unwrap();
        let run = sandbox.snapcli(&["restore", file, "-c", "1"]);
        run.assert_stdout("");
        assert!(["exit 4", "exit 5"].contains(&run.ending().as_str()), "{file}: {}", run.whole());
        let verdict = sandbox.snapcli(&["inspect", "--json", "--verdict", file]);
        assert_ne!(verdict.json()["verdict"]["class"], "plain", "{file}");
        assert!(!canary.exists(), "{file}");
    }
}
