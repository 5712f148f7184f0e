//! Objects that rot on the disk: their bytes change, and neither their length nor their time does. `verify` finds all,
//! and the next save writes them again; a save finds those of small sessions itself, and of large ones some each time.

use std::fs::{self, FileTimes};
use std::path::{Path, PathBuf};

use super::run;
use crate::env::Sandbox;

/// Three arrays of 12 MB, of which a save does not read all, or smaller ones.
const SCRIPT: &str = "
import sys
import numpy as np
size, x = int(sys.argv[1]), int(sys.argv[2])
arrays = [np.arange(size, dtype='u1') + n for n in range(3)]
text = bytearray(b'some text, ' * 20_000)
words = [f'{n * 7919 % 100_003} and {n}' for n in range(20_000)]
numbers = [n * 7919 % 100_003 for n in range(400_000)]
";
const CHECK: &str = "x, int(sum(a.sum() for a in arrays)), len(text), words[19_999][-5:], len(set(numbers))";

fn saved(sandbox: &Sandbox, size: &str, x: &str) {
    run(sandbox, &["save", "-q", "-o", "r.snaps/", "s.py", size, x]);
}

fn long_objects(sandbox: &Sandbox) -> Vec<PathBuf> {
    let entries = fs::read_dir(sandbox.work().join("r.snaps/objects")).unwrap().map(|entry| entry.unwrap());
    let long = entries.filter(|entry| entry.metadata().unwrap().len() > 64 << 10);
    let mut paths: Vec<PathBuf> = long.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Flips one bit, and leaves the times as they are.
fn rot(path: &Path) {
    let found = fs::metadata(path).unwrap();
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() - 1000;
    bytes[at] ^= 1;
    let file = fs::File::options().write(true).open(path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes[at..=at], at as u64).unwrap();
    file.set_times(FileTimes::new().set_modified(found.modified().unwrap())).unwrap();
}

fn marks(sandbox: &Sandbox) -> usize {
    fs::read_dir(sandbox.work().join("r.snaps/damaged")).map_or(0, Iterator::count)
}

#[test]
fn a_save_of_a_small_session_writes_rotten_objects_again() {
    let sandbox = Sandbox::new();
    sandbox.write("s.py", SCRIPT);
    saved(&sandbox, "100_000", "1");
    let restored = sandbox.snapcli(&["restore", "r.snaps/@1", "-c", CHECK]).out();
    let objects = long_objects(&sandbox);
    assert!(objects.len() >= 5, "{objects:?}");
    for object in &objects {
        rot(object);
        saved(&sandbox, "100_000", "1");
        run(&sandbox, &["verify", "r.snaps/"]);
        run(&sandbox, &["restore", "r.snaps/", "-c", CHECK]).assert_stdout(&restored);
    }
    // All at once, and after a session that does not need them.
    objects.iter().for_each(|object| rot(object));
    run(&sandbox, &["save", "-q", "-o", "r.snaps/", "-c", "y = 1"]);
    saved(&sandbox, "100_000", "1");
    run(&sandbox, &["verify", "r.snaps/"]);
}

#[test]
fn a_save_after_a_verify_writes_what_it_found() {
    let sandbox = Sandbox::new();
    sandbox.write("s.py", SCRIPT);
    saved(&sandbox, "12_000_000", "1");
    let mut left = 0;
    for (number, object) in (2..).zip(&long_objects(&sandbox)) {
        rot(object);
        // Of the whole store, or of the snapshot alone.
        let checked = if number % 2 == 0 { "r.snaps/".to_owned() } else { format!("r.snaps/@{}", number - 1) };
        let verified = sandbox.snapcli(&["verify", &checked]);
        verified.assert_code(4);
        assert_eq!(marks(&sandbox), left + 1, "{}", verified.whole());
        saved(&sandbox, "12_000_000", &number.to_string());
        run(&sandbox, &["verify", &format!("r.snaps/@{number}")]);
        // Opcodes are in one object with those of other variables, which have changed since: that cannot come back.
        left += usize::from(fs::metadata(object).unwrap().len() != 12_000_000 && marks(&sandbox) > left);
        assert_eq!(marks(&sandbox), left);
    }
    assert!(left <= 2, "{left}");
    // What is removed needs no mark.
    run(&sandbox, &["prune", "--dry-run", "--drop-damaged", "r.snaps/"]);
    assert_eq!(marks(&sandbox), left);
    run(&sandbox, &["prune", "--drop-damaged", "r.snaps/"]);
    assert_eq!(marks(&sandbox), 0);
}

#[test]
fn some_saves_of_a_large_session_find_what_no_verify_has_seen() {
    let sandbox = Sandbox::new();
    sandbox.write("s.py", SCRIPT);
    saved(&sandbox, "12_000_000", "1");
    let objects = long_objects(&sandbox);
    for object in &objects {
        rot(object);
    }
    // 36 MB and some, of which each save reads about 16.
    for number in ["2", "3", "4"] {
        saved(&sandbox, "12_000_000", number);
    }
    run(&sandbox, &["verify", "r.snaps/@4"]);
}
