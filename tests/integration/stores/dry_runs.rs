//! `prune --dry-run` only reads: it works on a store that cannot be written to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::run;
use crate::env::Sandbox;

/// A folder that cannot be written to until it is dropped: a read-only mount for root, and without write permissions
/// for other users.
struct ReadOnly {
    folder: PathBuf,
    is_mounted: bool,
}

impl ReadOnly {
    fn new(folder: PathBuf) -> Self {
        let mount = |options: &[&str]| {
            let done = Command::new("mount").args(options).arg(&folder).arg(&folder).output();
            done.is_ok_and(|done| done.status.success())
        };
        let is_mounted = mount(&["--bind"]) && mount(&["-o", "remount,ro,bind"]);
        if !is_mounted {
            set_writable(&folder, false);
        }
        Self { folder, is_mounted }
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = Command::new("umount").arg(&self.folder).status();
        } else {
            set_writable(&self.folder, true);
        }
    }
}

fn set_writable(folder: &Path, writable: bool) {
    let mode = if writable { 0o700 } else { 0o500 };
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            set_writable(&entry.path(), writable);
        } else {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode & 0o600)).unwrap();
        }
    }
}

#[test]
fn a_dry_run_of_prune_needs_no_right_to_write() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.work().join("runs of me")).unwrap();
    for number in 1..=4 {
        let code = format!("x = {number}; y = 'text' * {number}00");
        run(&sandbox, &["save", "-q", "-o", "runs of me/é.snaps/", "-c", &code]);
    }
    let folder = sandbox.work().join("runs of me/é.snaps");
    let ask = || sandbox.snapcli(&["prune", "--keep-last", "1", "--dry-run", "--json", "runs of me/é.snaps/"]);
    let writable = ask();
    writable.assert_code(0);
    let read_only = ReadOnly::new(folder.clone());
    // Otherwise nothing is tested.
    assert!(fs::write(folder.join("new"), "x").is_err());
    ask().assert_code(0).assert_stdout(&writable.out());
    let words = ["prune", "--keep-last", "1", "runs of me/é.snaps/"];
    let refused = sandbox.snapcli(&words);
    refused.assert_code(1);
    assert!(refused.err().contains("cannot prune runs of me/é.snaps/"), "{}", refused.whole());
    for words in [&["log"][..], &["verify"], &["inspect"], &["restore", "-c", "x"]] {
        let (command, rest) = words.split_first().unwrap();
        run(&sandbox, &[&[*command, "runs of me/é.snaps/"], rest].concat());
    }
    // A store without a lock file, such as a copy, can be asked about as well.
    drop(read_only);
    fs::remove_file(folder.join("lock")).unwrap();
    let read_only = ReadOnly::new(folder);
    ask().assert_code(0).assert_stdout(&writable.out());
    drop(read_only);
    assert!(run(&sandbox, &words).out().starts_with("removed 3 snapshots (@1, @2, @3)"));
}
