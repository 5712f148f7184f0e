//! Stores that were copied without some of their parts: a name never comes to stand for another snapshot.

use std::fs;
use std::path::Path;

use super::run;
use crate::env::Sandbox;

fn with_three_snapshots() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("s.py", "import sys\nx = int(sys.argv[1])\ny = list(range(1000))\n");
    for number in ["1", "2", "3"] {
        run(&sandbox, &["save", "-q", "-o", "n.snaps/", "s.py", number]);
    }
    sandbox
}

fn copy(from: &Path, to: &Path, parts: &[&str]) {
    for part in parts {
        fs::create_dir_all(to.join(part)).unwrap();
        for entry in fs::read_dir(from.join(part)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, to.join(part).join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::copy(from.join("snapcli-store.json"), to.join("snapcli-store.json")).unwrap();
}

#[test]
fn a_store_without_its_empty_folders_is_whole() {
    let sandbox = with_three_snapshots();
    let store = sandbox.work().join("n.snaps");
    fs::remove_dir(store.join("names")).unwrap();
    fs::remove_file(store.join("lock")).unwrap();
    for words in [
        &["restore", "n.snaps/", "-c", "x"][..],
        &["restore", "n.snaps/@1", "-c", "x"],
        &["log", "n.snaps/"],
        &["verify", "n.snaps/"],
        &["inspect", "n.snaps/"],
        &["inspect", "n.snaps"],
        &["export", "-q", "n.snaps/@1", "-o", "e.pkl"],
        &["diff", "n.snaps/@1", "n.snaps/@1"],
        &["prune", "n.snaps/"],
    ] {
        run(&sandbox, words);
    }
    sandbox.snapcli(&["restore", "n.snaps/@best"]).assert_code(2);
    run(&sandbox, &["save", "-q", "--name", "best", "-o", "n.snaps/", "s.py", "4"]);
    run(&sandbox, &["restore", "n.snaps/@best", "-c", "x"]).assert_stdout("4\n");
    // A store without any snapshot has three empty folders.
    fs::create_dir(sandbox.work().join("e.snaps")).unwrap();
    fs::copy(store.join("snapcli-store.json"), sandbox.work().join("e.snaps/snapcli-store.json")).unwrap();
    run(&sandbox, &["log", "e.snaps/"]);
    run(&sandbox, &["verify", "e.snaps/"]);
    run(&sandbox, &["save", "-q", "-o", "e.snaps/", "s.py", "4"]);
}

#[test]
fn a_name_whose_snapshot_was_not_copied_stands_for_no_other() {
    let sandbox = with_three_snapshots();
    let [store, other] = ["n.snaps", "c.snaps"].map(|name| sandbox.work().join(name));
    copy(&store, &other, &["objects", "snapshots"]);
    run(&sandbox, &["save", "-q", "-o", "n.snaps/", "--name", "best", "s.py", "4"]);
    copy(&store, &other, &["names"]);
    let missing = sandbox.snapcli(&["restore", "c.snaps/@best", "-c", "x"]);
    missing.assert_code(2);
    assert!(missing.err().contains("@4 that @best names is not in c.snaps"), "{}", missing.whole());
    let verified = sandbox.snapcli(&["verify", "c.snaps/"]);
    verified.assert_code(4);
    assert!(verified.out().contains("@best names @4"), "{}", verified.whole());
    let saved = run(&sandbox, &["save", "-o", "c.snaps/", "s.py", "77"]);
    assert!(saved.err().contains("c.snaps/@5"), "{}", saved.whole());
    sandbox.snapcli(&["restore", "c.snaps/@best", "-c", "x"]).assert_code(2);
    // Another snapshot with that number is not the one that was named.
    let snapshot = |number: u32| other.join(format!("snapshots/0000000{number}.snap"));
    fs::remove_file(other.join("names/best")).unwrap();
    fs::remove_file(snapshot(5)).unwrap();
    run(&sandbox, &["save", "-q", "-o", "c.snaps/", "s.py", "78"]);
    assert!(snapshot(4).exists());
    copy(&store, &other, &["names"]);
    sandbox.snapcli(&["restore", "c.snaps/@best", "-c", "x"]).assert_code(2);
    assert!(!run(&sandbox, &["log", "c.snaps/"]).out().contains("best"));
    let pruned = run(&sandbox, &["prune", "c.snaps/"]);
    assert!(pruned.out().contains("whose snapshots are not in the store: @best"), "{}", pruned.whole());
    run(&sandbox, &["verify", "c.snaps/"]);
}

#[test]
fn a_number_that_a_name_knows_is_not_used_again() {
    let sandbox = with_three_snapshots();
    run(&sandbox, &["save", "-q", "-o", "n.snaps/", "--name", "best", "s.py", "4"]);
    let store = sandbox.work().join("n.snaps");
    fs::remove_file(store.join("snapshots/00000004.snap")).unwrap();
    let saved = run(&sandbox, &["save", "-o", "n.snaps/", "s.py", "5"]);
    assert!(saved.err().contains("n.snaps/@5"), "{}", saved.whole());
    run(&sandbox, &["save", "-q", "-o", "n.snaps/", "--name", "best", "s.py", "6"]);
    run(&sandbox, &["restore", "n.snaps/@best", "-c", "x"]).assert_stdout("6\n");
    // The name of an older store holds a number alone. A signature changes no name.
    fs::write(store.join("names/old"), "2\n").unwrap();
    run(&sandbox, &["restore", "n.snaps/@old", "-c", "x"]).assert_stdout("2\n");
    sandbox
        .call_snapcli(&["trust", "--yes", "n.snaps/@best"])
        .env("SNAPCLI_KEY", "the key of another user")
        .run()
        .assert_code(0);
    run(&sandbox, &["restore", "--trust", "n.snaps/@best", "-c", "x"]).assert_stdout("6\n");
    run(&sandbox, &["verify", "n.snaps/"]);
}

#[test]
fn a_damaged_name_costs_no_snapshot_that_it_may_have_kept() {
    let sandbox = with_three_snapshots();
    run(&sandbox, &["save", "-q", "-o", "n.snaps/", "--name", "best", "s.py", "4"]);
    run(&sandbox, &["save", "-q", "-o", "n.snaps/", "s.py", "5"]);
    let path = sandbox.work().join("n.snaps/names/best");
    let honest = fs::read_to_string(&path).unwrap();
    let (number, hash) = honest.trim_end().split_once(' ').unwrap();
    let other_hash = hash.chars().rev().collect::<String>();
    for (damage, code) in [("", 2), ("4 12", 2), ("best", 2), (&format!("{number} {other_hash}\n"), 0)] {
        fs::write(&path, damage).unwrap();
        let verified = sandbox.snapcli(&["verify", "n.snaps/"]);
        verified.assert_code(4);
        assert!(verified.out().contains("@best"), "{damage:?}\n{}", verified.whole());
        let pruned = sandbox.snapcli(&["prune", "--keep-last", "1", "--keep-named", "n.snaps/"]);
        assert_eq!(pruned.status.success(), code == 0, "{damage:?}\n{}", pruned.whole());
        run(&sandbox, &["restore", "n.snaps/@4", "-c", "x"]).assert_stdout("4\n");
        assert!(path.exists(), "{damage:?}\n{}", pruned.whole());
    }
    fs::write(&path, "").unwrap();
    run(&sandbox, &["prune", "--drop-damaged", "n.snaps/"]);
    assert!(!path.exists());
    run(&sandbox, &["verify", "n.snaps/"]);
}
