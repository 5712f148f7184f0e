//! `export` gives the file that `save` writes of the same session: byte for byte, but for two times in its index.

use std::fs;

use super::{index_of, pickle_of};
use crate::env::{Sandbox, Stack, pythons, venv};

/// Saves sessions of many kinds to a store each, as the first snapshot and as the third, and to a file.
const SCRIPT: &str = include_str!("exported_kinds.py");

/// The fields of the index as they were written, without the times.
fn fields_of(file: &[u8]) -> Vec<String> {
    let index = &file[pickle_of(file).len()..file.len() - 96];
    let is_time = |field: &&str| field.starts_with("\"created\"") || field.starts_with("\"seconds\"");
    std::str::from_utf8(index).unwrap().split(',').filter(|field| !is_time(field)).map(str::to_owned).collect()
}

#[test]
fn an_exported_snapshot_is_the_file_that_save_writes() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Full));
        sandbox.write("kinds.py", SCRIPT);
        sandbox.snapcli(&["save", "-q", "--exclude", "*", "-o", "none.pkl", "kinds.py"]).assert_code(0);
        let mut compared = 0;
        for entry in fs::read_dir(sandbox.work()).unwrap() {
            let store = entry.unwrap().file_name().into_string().unwrap();
            let Some(name) = store.strip_suffix(".snaps") else { continue };
            let saved = fs::read(sandbox.work().join(format!("{name}.pkl"))).unwrap();
            for snapshot in ["@1", "@3", "@best"] {
                let from = format!("{store}/{snapshot}");
                sandbox.snapcli(&["export", "-q", &from, "-o", "exported.pkl"]).assert_code(0);
                let exported = fs::read(sandbox.work().join("exported.pkl")).unwrap();
                let with = format!("{from} with {}", python.label());
                assert_eq!(index_of(&exported), index_of(&saved), "{with}");
                assert!(pickle_of(&exported) == pickle_of(&saved), "{with}");
                assert_eq!(fields_of(&exported), fields_of(&saved), "{with}");
                compared += 1;
            }
        }
        // Two ways to save each kind, and the session itself.
        assert_eq!(compared, 3 * (2 * 12 + 1));
    }
}
