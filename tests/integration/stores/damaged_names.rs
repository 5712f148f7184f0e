//! Damage in the small files of a store: what they kept is not removed, and messages say what is damaged.

use std::fs;

use super::run;
use crate::env::Sandbox;

fn with_names() -> Sandbox {
    let sandbox = Sandbox::new();
    for number in ["1", "2", "3", "4"] {
        let code = format!("n = {number}");
        run(&sandbox, &["save", "-q", "-o", "n.snaps/", "--name", &format!("n{number}"), "-c", &code]);
    }
    sandbox
}

fn change_name(sandbox: &Sandbox, change: impl FnOnce(&str) -> String) {
    let path = sandbox.work().join("n.snaps/names/n2");
    let changed = change(&fs::read_to_string(&path).unwrap());
    fs::write(&path, changed).unwrap();
}

const PRUNE: [&str; 5] = ["prune", "--keep-last", "1", "--keep-named", "n.snaps/"];

#[test]
fn a_name_with_the_number_of_another_snapshot_keeps_its_own() {
    // The number of another snapshot, of a named one, and of none.
    for digit in ["3", "4", "9"] {
        let sandbox = with_names();
        change_name(&sandbox, |text| text.replacen('2', digit, 1));
        sandbox.snapcli(&["verify", "n.snaps/"]).assert_code(4);
        for dry in [&["--dry-run"][..], &[]] {
            let refused = sandbox.snapcli(&[&PRUNE[..], dry].concat());
            refused.assert_code(4);
            assert!(refused.err().contains("the file of the name @n2"), "{}", refused.whole());
        }
        run(&sandbox, &["restore", "n.snaps/@2", "-c", "n"]).assert_stdout("2\n");
        // The user can name it again, or drop the name.
        run(&sandbox, &["import", "-q", "--name", "n2", "n.snaps/@2", "n.snaps/"]);
        run(&sandbox, &PRUNE);
        run(&sandbox, &["restore", "n.snaps/@n2", "-c", "n"]).assert_stdout("2\n");
        change_name(&sandbox, |text| text.replacen('5', digit, 1));
        run(&sandbox, &[&PRUNE[..], &["--drop-damaged"]].concat());
        run(&sandbox, &["verify", "n.snaps/"]);
    }
}

#[test]
fn a_name_with_a_damaged_checksum_keeps_the_snapshot_of_its_number() {
    let sandbox = with_names();
    change_name(&sandbox, |text| {
        let flipped = if text.ends_with("0\n") { "1\n" } else { "0\n" };
        format!("{}{flipped}", &text[..text.len() - 2])
    });
    sandbox.snapcli(&["verify", "n.snaps/"]).assert_code(4);
    run(&sandbox, &PRUNE);
    run(&sandbox, &["restore", "n.snaps/@2", "-c", "n"]).assert_stdout("2\n");
}

#[test]
fn a_name_whose_snapshot_is_gone_is_still_removed() {
    let sandbox = with_names();
    fs::remove_file(sandbox.work().join("n.snaps/snapshots/00000002.snap")).unwrap();
    let pruned = run(&sandbox, &PRUNE);
    assert!(pruned.out().contains("removed names whose snapshots are not in the store: @n2"), "{}", pruned.whole());
    run(&sandbox, &["verify", "n.snaps/"]);
}

#[test]
fn a_store_without_its_marker_or_with_a_damaged_one_is_damaged() {
    for (text, says) in [
        (Some("{bad"), "snapcli-store.json is damaged"),
        (Some("null"), "snapcli-store.json is damaged"),
        (None, "n.snaps lacks its file snapcli-store.json"),
    ] {
        let sandbox = with_names();
        let marker = sandbox.work().join("n.snaps/snapcli-store.json");
        match text {
            Some(text) => fs::write(&marker, text).unwrap(),
            None => fs::remove_file(&marker).unwrap(),
        }
        for words in [
            &["inspect", "n.snaps/"][..],
            &["inspect", "n.snaps"],
            &["inspect", "n.snaps/@1"],
            &["restore", "n.snaps/@1", "-c", "n"],
            &["restore", "n.snaps", "-c", "n"],
            &["log", "n.snaps/"],
            &["verify", "n.snaps/"],
            &["verify", "n.snaps/@n1"],
            &["diff", "n.snaps/@1", "n.snaps/@2"],
            &["export", "n.snaps/@1"],
            &["prune", "n.snaps/"],
        ] {
            let refused = sandbox.snapcli(words);
            refused.assert_code(4);
            assert!(refused.whole().contains(says), "{}", refused.whole());
        }
    }
    // A save puts a lost one back, and everything is there again.
    let sandbox = with_names();
    fs::remove_file(sandbox.work().join("n.snaps/snapcli-store.json")).unwrap();
    run(&sandbox, &["save", "-q", "-o", "n.snaps/", "-c", "n = 5"]);
    run(&sandbox, &["verify", "n.snaps/"]);
    run(&sandbox, &["restore", "n.snaps/@n2", "-c", "n"]).assert_stdout("2\n");
}

#[test]
fn a_session_that_can_be_saved_nowhere_names_both_reasons() {
    let sandbox = Sandbox::new();
    let script = "import os, shutil\nx = 1\nshutil.rmtree('s.snaps')\nopen('s.snaps', 'w').close()\n";
    sandbox.write("script.py", script);
    for output in ["s.snaps/", "s.snaps/one.pkl"] {
        let _ = fs::remove_file(sandbox.work().join("s.snaps"));
        fs::create_dir(sandbox.work().join("s.snaps")).unwrap();
        let missing = sandbox.root().join("no-such-folder");
        let call = sandbox.call_snapcli(&["save", "-o", output, "script.py"]).env("TMPDIR", &missing);
        let failed = call.run();
        failed.assert_code(1);
        assert!(failed.err().contains("cannot save to "), "{}", failed.whole());
        let elsewhere = format!("temporary files either: cannot save to {}/snapcli-", missing.display());
        assert!(failed.err().contains(&elsewhere), "{}", failed.whole());
    }
}
