//! A script that fails costs no good result: neither `prune`, nor `import`, nor an `export` loses one.

use std::fs;

use super::run;
use crate::env::Sandbox;

const SCRIPT: &str = "import sys\nx = int(sys.argv[1])\nif x < 0: raise SystemExit(1)\n";

fn saved(runs: &[(&str, i32)]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("s.py", SCRIPT);
    for (number, code) in runs {
        sandbox.snapcli(&["save", "-q", "-o", "k.snaps/", "s.py", number]).assert_code(*code);
    }
    sandbox
}

fn value(sandbox: &Sandbox, snapshot: &str) -> String {
    run(sandbox, &["restore", "-q", snapshot, "-c", "x"]).out().trim().to_owned()
}

#[test]
fn prune_keeps_the_newest_snapshot_of_a_script_that_did_not_fail() {
    for (runs, keep, kept) in [
        (&[("5", 0), ("-1", 1)][..], "1", "[1,2]"),
        (&[("4", 0), ("5", 0), ("-1", 1), ("-2", 1), ("-3", 1)], "2", "[2,4,5]"),
        (&[("4", 0), ("-1", 1), ("5", 0)], "1", "[3]"),
    ] {
        let sandbox = saved(runs);
        for dry in [&["--dry-run"][..], &[]] {
            let words = [&["prune", "--json", "--keep-last", keep, "k.snaps/"], dry].concat();
            assert_eq!(run(&sandbox, &words).json()["kept"].to_string(), kept, "{runs:?}");
        }
        assert_eq!(value(&sandbox, "k.snaps/"), "5", "{runs:?}");
        run(&sandbox, &["verify", "k.snaps/"]);
    }
    // Where all failed, the newest stay.
    let sandbox = saved(&[("-1", 1), ("-2", 1)]);
    assert_eq!(run(&sandbox, &["prune", "--json", "--keep-last", "1", "k.snaps/"]).json()["kept"].to_string(), "[2]");
}

#[test]
fn an_imported_crash_is_still_one() {
    let sandbox = saved(&[("5", 0)]);
    for number in ["7", "-1"] {
        sandbox.snapcli(&["save", "-q", "-o", "other.snaps/", "s.py", number]);
        sandbox.snapcli(&["save", "-q", "-o", "file.pkl", "s.py", number]);
    }
    for source in ["other.snaps/@2", "file.crash.pkl"] {
        let imported = run(&sandbox, &["import", source, "k.snaps/"]);
        assert!(
            imported.err().contains("its script failed, so k.snaps/ does not stand for it"),
            "{}",
            imported.whole()
        );
        assert_eq!((value(&sandbox, "k.snaps/"), value(&sandbox, "k.snaps/@crash")), ("5".to_owned(), "-1".to_owned()));
    }
    run(&sandbox, &["import", "-q", "--name", "why", "other.snaps/@2", "k.snaps/"]);
    assert_eq!(value(&sandbox, "k.snaps/@why"), "-1");
    assert_eq!(value(&sandbox, "k.snaps/"), "5");
    run(&sandbox, &["import", "-q", "other.snaps/@1", "k.snaps/"]);
    assert_eq!(value(&sandbox, "k.snaps/"), "7");
    let log = run(&sandbox, &["log", "k.snaps/"]);
    assert_eq!(log.out().matches("s.py (exit with an error)").count(), 3, "{}", log.whole());
}

#[test]
fn an_export_without_a_name_keeps_what_is_there() {
    let sandbox = saved(&[("1", 0), ("2", 0)]);
    sandbox.write("p.py", "x = 'precious'\n");
    run(&sandbox, &["save", "-q", "p.py"]);
    let exported = run(&sandbox, &["export", "k.snaps/"]);
    assert!(exported.err().contains("session.pkl was made by p.py: it is now session.1.pkl"), "{}", exported.whole());
    assert_eq!(value(&sandbox, "session.1.pkl"), "'precious'");
    // The same snapshot again is no loss.
    run(&sandbox, &["export", "-q", "k.snaps/"]);
    assert!(!sandbox.work().join("session.2.pkl").exists());
    run(&sandbox, &["export", "-q", "k.snaps/@1"]);
    let found = ["session.pkl", "session.1.pkl", "session.2.pkl"].map(|file| value(&sandbox, file));
    assert_eq!(found, ["1", "2", "'precious'"]);
    sandbox.write("session.pkl", "no pickle");
    run(&sandbox, &["export", "-q", "k.snaps/"]);
    assert_eq!(fs::read_to_string(sandbox.work().join("session.1.pkl")).unwrap(), "no pickle");
    // `-o` names the file to replace.
    run(&sandbox, &["export", "-q", "k.snaps/@1", "-o", "session.pkl"]);
    assert_eq!(fs::read_to_string(sandbox.work().join("session.1.pkl")).unwrap(), "no pickle");
}

#[test]
fn a_snapshot_without_its_at_sign_is_proposed() {
    let sandbox = saved(&[("1", 0)]);
    for typed in ["k.snaps/1", "k.snaps@1", "./k.snaps/1"] {
        for command in ["restore", "inspect", "verify"] {
            let refused = sandbox.snapcli(&[command, typed]);
            refused.assert_code(2);
            assert!(refused.err().contains("k.snaps/@1'?"), "{}", refused.whole());
        }
    }
}

#[test]
fn a_name_that_an_empty_session_does_not_have_is_an_error() {
    let sandbox = Sandbox::new();
    run(&sandbox, &["save", "-q", "--exclude", "*", "-c", "x = 1"]);
    let refused = sandbox.snapcli(&["restore", "--only", "zz", "-c", "1"]);
    refused.assert_code(2);
    assert!(refused.err().contains("--only zz matches no variable"), "{}", refused.whole());
    run(&sandbox, &["restore", "-c", "1"]);
}
