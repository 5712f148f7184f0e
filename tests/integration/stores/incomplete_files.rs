//! Files that an import refuses: each message has the cause, and not that of another kind of file.

use std::fs;

use super::run;
use crate::env::Sandbox;

const LOST: &str = "its index is missing, so the file is truncated, or damaged at its end";

#[test]
fn an_import_tells_a_truncated_snapshot_from_a_file_of_dill() {
    let sandbox = Sandbox::new();
    run(&sandbox, &["save", "-q", "-o", "a.pkl", "-c", "x = list(range(100)); y = {'x': x}"]);
    let whole = fs::read(sandbox.work().join("a.pkl")).unwrap();
    // In the trailer, in the index, and with another end.
    let mut other_end = whole.clone();
    *other_end.last_mut().unwrap() ^= 1;
    let index = whole.len() - 300;
    for (name, bytes) in [("one.pkl", &whole[..whole.len() - 1]), ("index.pkl", &whole[..index])] {
        sandbox.write(name, bytes);
        let expected = format!(
            "snapcli: cannot add {name} to runs.snaps/: {LOST}\n  copy it again; `snapcli restore --partial {name}` \
             restores what its pickle holds\n"
        );
        sandbox.snapcli(&["import", name, "runs.snaps/"]).assert_code(4).assert_stderr(&expected);
        let piped = sandbox.call_snapcli(&["import", "-", "runs.snaps/"]).stdin(bytes).run();
        let expected = format!("snapcli: cannot add standard input to runs.snaps/: {LOST}\n");
        assert!(piped.assert_code(4).err().starts_with(&expected), "{}", piped.whole());
    }
    for (name, bytes) in [("pickle.pkl", &whole[..60]), ("end.pkl", &other_end[..])] {
        sandbox.write(name, bytes);
        let refused = sandbox.snapcli(&["import", name, "runs.snaps/"]);
        assert!(!refused.assert_code(4).err().contains("not saved by snapcli"), "{}", refused.whole());
    }
    sandbox.python(&["-c", "import pickle; pickle.dump({'a': 1}, open('other.pkl', 'wb'))"]).assert_code(0);
    let expected = "snapcli: other.pkl was not saved by snapcli, and only snapshots can be added to a store\n  restore \
                    it, and save the session to the store: snapcli restore other.pkl -c 'import snapcli; \
                    snapcli.save(\"runs.snaps/\")'\n";
    sandbox.snapcli(&["import", "other.pkl", "runs.snaps/"]).assert_code(2).assert_stderr(expected);
    assert!(!sandbox.work().join("runs.snaps").exists());
}
