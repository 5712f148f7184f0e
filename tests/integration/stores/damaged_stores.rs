//! Stores of somebody else, and stores that are damaged: nothing in them is believed.

use std::fs;
use std::os::unix::fs::symlink;

use super::{files_of, run};
use crate::env::Sandbox;

const SCRIPT: &str = "
import sys
import numpy as np
n = int(sys.argv[1])
a = np.full(20_000, n)
b = [n, 'text']
class C: pass
c = C()
";

fn with_two_snapshots() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("run.py", SCRIPT);
    for number in ["1", "2"] {
        run(&sandbox, &["save", "-q", "-o", "runs.snaps/", "run.py", number]);
    }
    sandbox
}

#[test]
fn a_store_of_somebody_else_is_not_trusted() {
    let sandbox = with_two_snapshots();
    // Another user has another key.
    let other = |words: &[&str]| sandbox.call_snapcli(words).env("SNAPCLI_KEY", "the key of another user").run();
    let plain = other(&["restore", "runs.snaps/@1", "--only", "[ab]", "-c", "int(a[0]), b"]);
    plain.assert_code(0).assert_stdout("(1, [1, 'text'])\n");
    let refused = other(&["restore", "runs.snaps/@1", "-c", "c"]);
    refused.assert_code(5);
    other(&["restore", "--trust", "runs.snaps/@1", "-c", "n"]).assert_code(0).assert_stdout("1\n");
    assert_eq!(other(&["inspect", "--strict", "runs.snaps/@1"]).status.code(), Some(5));
    other(&["trust", "--yes", "runs.snaps/@1"]).assert_code(0);
    other(&["restore", "runs.snaps/@1", "-c", "type(c).__name__"]).assert_code(0).assert_stdout("'C'\n");
    // The other snapshot is still not signed by that user, and a copy of it is not either.
    other(&["restore", "runs.snaps/@2", "-c", "c"]).assert_code(5);
    other(&["import", "-q", "runs.snaps/@2", "copy.snaps/"]).assert_code(0);
    other(&["restore", "copy.snaps/", "-c", "c"]).assert_code(5);
    other(&["export", "-q", "runs.snaps/@2", "-o", "file.pkl"]).assert_code(0);
    other(&["restore", "file.pkl", "-c", "c"]).assert_code(5);
}

#[test]
fn damage_is_found_and_what_is_intact_comes_back() {
    let sandbox = with_two_snapshots();
    let store = sandbox.work().join("runs.snaps");
    let array = files_of(&store).into_iter().find(|path| {
        // numbers of eight bytes: those of the second run.
        fs::metadata(path).unwrap().len() == 160_000 && fs::read(path).unwrap()[0] == 2
    });
    let array = array.unwrap();
    let mut bytes = fs::read(&array).unwrap();
    bytes[100] ^= 1;
    fs::write(&array, &bytes).unwrap();
    let name = array.file_name().unwrap().to_str().unwrap().to_owned();
    let whole = sandbox.snapcli(&["verify", "runs.snaps/"]);
    whole.assert_code(4);
    for text in ["damaged: @2", &name, "intact: @1"] {
        assert!(whole.out().contains(text), "{}", whole.whole());
    }
    let answer = sandbox.snapcli(&["verify", "--json", "runs.snaps/"]).json();
    assert_eq!((&answer["whole"], &answer["snapshots"][0]["whole"]), (&false.into(), &true.into()), "{answer:#}");
    let one = sandbox.snapcli(&["verify", "runs.snaps/@2"]);
    one.assert_code(4);
    assert!(one.out().contains("damaged: a"), "{}", one.whole());
    sandbox.snapcli(&["verify", "runs.snaps/@1"]).assert_code(0);
    sandbox.snapcli(&["restore", "runs.snaps/@2", "-c", "n"]).assert_code(4);
    run(&sandbox, &["restore", "--partial", "runs.snaps/@2", "-c", "n, b, 'a' in globals()"])
        .assert_stdout("(2, [2, 'text'], False)\n");
    run(&sandbox, &["restore", "--only", "b", "runs.snaps/@2", "-c", "b"]).assert_stdout("[2, 'text']\n");
    sandbox.snapcli(&["export", "runs.snaps/@2", "-o", "x.pkl"]).assert_code(4);
    assert!(!sandbox.work().join("x.pkl").exists());
    // A missing object is damage of its snapshots only, and a save goes on.
    fs::remove_file(&array).unwrap();
    sandbox.snapcli(&["restore", "runs.snaps/@2", "-c", "n"]).assert_code(4);
    run(&sandbox, &["save", "-q", "-o", "runs.snaps/", "run.py", "2"]);
    run(&sandbox, &["restore", "runs.snaps/@3", "-c", "int(a[0])"]).assert_stdout("2\n");
    // The object is there again, under the same name.
    run(&sandbox, &["verify", "runs.snaps/"]);
}

#[test]
fn nothing_outside_of_a_store_is_read_or_removed() {
    let sandbox = with_two_snapshots();
    let store = sandbox.work().join("runs.snaps");
    let secret = sandbox.write("secret", "secret");
    for path in files_of(&store) {
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        // A symlink to the very same bytes is no object either.
        let elsewhere = sandbox.write("elsewhere", &bytes);
        symlink(&elsewhere, &path).unwrap();
        let verified = sandbox.snapcli(&["verify", "runs.snaps/"]);
        assert_eq!(verified.status.code(), Some(4), "{}\n{}", path.display(), verified.whole());
        fs::remove_file(&path).unwrap();
        // A named pipe would make a reader wait for ever.
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: a path that ends with NUL.
        #[allow(unsafe_code)]
        let made = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
        assert_eq!(made, 0);
        assert_eq!(sandbox.snapcli(&["verify", "runs.snaps/"]).status.code(), Some(4), "{}", path.display());
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    symlink(&secret, store.join("objects").join("a".repeat(64))).unwrap();
    symlink(&secret, store.join("names/link")).unwrap();
    run(&sandbox, &["prune", "--keep-last", "1", "runs.snaps/"]);
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    run(&sandbox, &["restore", "runs.snaps/", "-c", "n"]).assert_stdout("2\n");
    // A folder that is a symlink could lead anywhere.
    fs::rename(store.join("objects"), sandbox.out().join("objects")).unwrap();
    symlink(sandbox.out().join("objects"), store.join("objects")).unwrap();
    for words in [
        &["restore", "runs.snaps/"][..],
        &["prune", "runs.snaps/"],
        &["log", "runs.snaps/"],
        &["save", "-o", "runs.snaps/", "-c", "n = 3"],
    ] {
        let refused = sandbox.snapcli(words);
        refused.assert_code(2);
        let why = "runs.snaps/objects is no folder, or a symlink to one: put the folder itself there";
        assert!(refused.err().contains(why), "{}", refused.whole());
    }
}

#[test]
fn any_changed_byte_gives_the_same_snapshot_or_an_error() {
    let sandbox = with_two_snapshots();
    let store = sandbox.work().join("runs.snaps");
    for path in files_of(&store) {
        let whole = fs::read(&path).unwrap();
        let length = whole.len();
        for at in [0, 7, 9, length / 3, length / 2, length.saturating_sub(40), length - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 0x41;
            fs::write(&path, &changed).unwrap();
            let restored = sandbox.snapcli(&["restore", "runs.snaps/@2", "-c", "n, int(a[0]), b"]);
            match restored.status.code() {
                Some(0) => drop(restored.assert_stdout("(2, 2, [2, 'text'])\n")),
                Some(4) => {}
                _ => panic!("{} at {at}\n{}", path.display(), restored.whole()),
            }
        }
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let inspected = sandbox.snapcli(&["inspect", "--strict", "runs.snaps/@2"]);
            assert!(matches!(inspected.status.code(), Some(0 | 4 | 5)), "{}", inspected.whole());
        }
        fs::write(&path, &whole).unwrap();
    }
    run(&sandbox, &["verify", "runs.snaps/"]);
}
