//! Objects whose bytes were changed: the next save writes them again, and damage blocks no `prune` for ever.

use std::fs;
use std::path::PathBuf;

use super::run;
use crate::env::Sandbox;

const SCRIPT: &str = "
import sys
import numpy as np
x = int(sys.argv[1])
y = list(range(1000))
large = np.arange(100_000)
";

fn with_a_snapshot() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("s.py", SCRIPT);
    run(&sandbox, &["save", "-q", "-o", "f.snaps/", "s.py", "1"]);
    sandbox
}

fn objects(sandbox: &Sandbox) -> Vec<PathBuf> {
    let entries = fs::read_dir(sandbox.work().join("f.snaps/objects")).unwrap();
    let mut objects: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    objects.sort();
    objects
}

fn flip(path: &PathBuf) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_save_does_not_build_on_a_damaged_object() {
    let whole = with_a_snapshot();
    assert!(objects(&whole).len() >= 3);
    for number in 0..objects(&whole).len() {
        let sandbox = with_a_snapshot();
        let objects = objects(&sandbox);
        let object = &objects[number];
        flip(object);
        run(&sandbox, &["save", "-q", "-o", "f.snaps/", "s.py", "2"]);
        run(&sandbox, &["restore", "f.snaps/", "-c", "x, len(y), int(large.sum())"])
            .assert_stdout("(2, 1000, 4999950000)\n");
        run(&sandbox, &["verify", "f.snaps/@2"]);
        run(&sandbox, &["save", "-q", "--verify", "-o", "f.snaps/", "s.py", "3"]);
    }
}

#[test]
fn damage_is_dropped_when_the_user_says_so() {
    for number in 0..objects(&with_a_snapshot()).len() {
        let sandbox = with_a_snapshot();
        run(&sandbox, &["save", "-q", "-o", "f.snaps/", "s.py", "2"]);
        let objects = objects(&sandbox);
        flip(&objects[number]);
        let verified = sandbox.snapcli(&["verify", "f.snaps/"]);
        verified.assert_code(4);
        assert!(verified.out().contains("snapcli prune --drop-damaged f.snaps/"), "{}", verified.whole());
        run(&sandbox, &["prune", "--drop-damaged", "f.snaps/"]);
        assert!(!objects[number].exists());
        run(&sandbox, &["save", "-q", "-o", "f.snaps/", "s.py", "2"]);
        run(&sandbox, &["restore", "f.snaps/", "-c", "x, len(y), int(large.sum())"])
            .assert_stdout("(2, 1000, 4999950000)\n");
    }
}

#[test]
fn a_damaged_snapshot_does_not_block_prune_for_ever() {
    let sandbox = with_a_snapshot();
    for number in ["2", "3"] {
        run(&sandbox, &["save", "-q", "-o", "f.snaps/", "s.py", number]);
    }
    flip(&sandbox.work().join("f.snaps/snapshots/00000002.snap"));
    let refused = sandbox.snapcli(&["prune", "f.snaps/"]);
    refused.assert_code(4);
    assert!(refused.err().contains("`snapcli prune --drop-damaged` removes such snapshots"), "{}", refused.whole());
    let dry = run(&sandbox, &["prune", "--json", "--dry-run", "--drop-damaged", "f.snaps/"]).json();
    let pruned = run(&sandbox, &["prune", "--json", "--drop-damaged", "f.snaps/"]).json();
    assert_eq!((pruned["removed"].to_string(), pruned["kept"].to_string()), ("[2]".to_owned(), "[1,3]".to_owned()));
    assert_eq!((&dry["removed"], &dry["object_count"]), (&pruned["removed"], &pruned["object_count"]));
    run(&sandbox, &["verify", "f.snaps/"]);
    run(&sandbox, &["restore", "f.snaps/@1", "-c", "x"]).assert_stdout("1\n");
}

#[test]
fn inspect_names_the_object_that_is_damaged_or_missing() {
    for number in 0..objects(&with_a_snapshot()).len() {
        let sandbox = with_a_snapshot();
        let objects = objects(&sandbox);
        let object = &objects[number];
        let name = object.file_name().unwrap().to_str().unwrap();
        // `inspect` does not hash the contents of arrays.
        if fs::metadata(object).unwrap().len() < 100_000 {
            flip(object);
            let inspected = sandbox.snapcli(&["inspect", "f.snaps/"]);
            inspected.assert_code(4);
            assert!(inspected.err().contains(name), "{}", inspected.whole());
            assert!(!inspected.out().contains("dangerous"), "{}", inspected.whole());
        }
        fs::remove_file(object).unwrap();
        for words in [&["inspect", "f.snaps/"][..], &["inspect", "--strict", "f.snaps/@1"]] {
            let inspected = sandbox.snapcli(words);
            inspected.assert_code(4);
            assert!(inspected.err().contains(&format!("the object {name} is missing")), "{}", inspected.whole());
        }
    }
}
