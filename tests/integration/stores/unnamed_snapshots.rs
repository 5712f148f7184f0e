//! A snapshot whose name cannot be written is in the store all the same, and the save says how it gets its name. Names
//! of failed snapshots stand for no good one.

use std::fs;

use super::run;
use crate::env::Sandbox;

/// A store with one snapshot, in which the name `best` cannot be written.
fn with_a_blocked_name() -> Sandbox {
    let sandbox = Sandbox::new();
    run(&sandbox, &["save", "-q", "-o", "s.snaps/", "-c", "x = 1"]);
    fs::create_dir(sandbox.work().join("s.snaps/names/best")).unwrap();
    sandbox
}

const ADVICE: &str = "`snapcli import s.snaps/@2 s.snaps/ --name best` adds it once more, with that name";

fn assert_named_by_the_advice(sandbox: &Sandbox) {
    fs::remove_dir(sandbox.work().join("s.snaps/names/best")).unwrap();
    run(sandbox, &["restore", "s.snaps/@2", "-c", "x"]).assert_stdout("2\n");
    run(sandbox, &["import", "s.snaps/@2", "s.snaps/", "--name", "best"]);
    run(sandbox, &["restore", "s.snaps/@best", "-c", "x"]).assert_stdout("2\n");
    run(sandbox, &["verify", "s.snaps/"]);
}

#[test]
fn a_snapshot_without_its_name_is_saved_and_said_to_be() {
    for quiet in [&["-q"][..], &[]] {
        let sandbox = with_a_blocked_name();
        let words = [&["save", "--json", "-o", "s.snaps/", "--name", "best", "-c", "x = 2"], quiet].concat();
        let saved = sandbox.snapcli(&words);
        saved.assert_code(1);
        let absolute = ADVICE.replace("s.snaps", sandbox.work().join("s.snaps").to_str().unwrap());
        assert!(saved.err().contains(&absolute), "{}", saved.whole());
        assert!(saved.err().contains("s.snaps/@2, but not under the name best"), "{}", saved.whole());
        assert!(!saved.err().contains("cannot save"), "{}", saved.whole());
        let answer = saved.json();
        assert!(answer["path"].as_str().unwrap().ends_with("s.snaps/@2"), "{answer:#}");
        assert_eq!(answer["exit"], 1, "{answer:#}");
        assert_named_by_the_advice(&sandbox);
    }
}

#[test]
fn python_code_and_imports_learn_where_it_is() {
    let sandbox = with_a_blocked_name();
    let code = "
import snapcli
for wait in (True, False):
    try:
        saved = snapcli.save('s.snaps/', {'x': 2}, name='best', wait=wait)
        saved.result()
    except OSError as error:
        print(error)
";
    let printed = sandbox.call_importing(&["-c", code]).run();
    assert!(printed.out().contains("the snapshot is saved as s.snaps/@2, but not"), "{}", printed.whole());
    assert!(printed.out().contains("the snapshot is saved as s.snaps/@3, but not"), "{}", printed.whole());
    assert!(printed.out().contains(ADVICE) && !printed.out().contains("cannot save"), "{}", printed.whole());
    let imported = sandbox.snapcli(&["import", "s.snaps/@2", "s.snaps/", "--name", "best"]);
    imported.assert_code(1);
    assert!(imported.err().contains("the snapshot is saved as s.snaps/@4"), "{}", imported.whole());
    assert_named_by_the_advice(&sandbox);
}

#[test]
fn a_crash_without_its_name_is_still_no_good_snapshot() {
    let sandbox = Sandbox::new();
    run(&sandbox, &["save", "-q", "-o", "s.snaps/", "-c", "x = 1"]);
    fs::create_dir(sandbox.work().join("s.snaps/names/crash")).unwrap();
    let saved = sandbox.snapcli(&["save", "-o", "s.snaps/", "-c", "x = 2; raise SystemExit(7)"]);
    saved.assert_code(7);
    assert!(saved.err().contains("s.snaps/@2, but not under the name crash"), "{}", saved.whole());
    run(&sandbox, &["restore", "s.snaps/", "-c", "x"]).assert_stdout("1\n");
    run(&sandbox, &["restore", "s.snaps/@2", "-c", "x"]).assert_stdout("2\n");
}
