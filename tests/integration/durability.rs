//! At every moment of a save, the target is the complete old file or the complete new one, and no other file is left,
//! even if the save is killed, a system call fails, or another process saves to the same path.
//!
//! The tests with full counts take minutes: `cargo test --test integration durability -- --ignored --nocapture`.
#![allow(clippy::print_stdout, reason = "the full versions print their counts")]

mod disks;
mod repeated_saves;
mod signals;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use snapcli::internals::{Contents, Snapshot};

use crate::env::{Numbers, Sandbox};
use crate::skipped::skipped;

/// A session whose save takes a while: some large arrays, and many records.
const SCRIPT: &str = "
import sys
import numpy as np
generation = int(sys.argv[1])
large = [np.full(300_000, generation) for _ in range(3)]
records = [{'n': n, 'text': str(n)} for n in range(3000)]
also = generation
open(sys.argv[2], 'w').close()
";

/// The sorted names of the files in a directory, without the script and the files it writes.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.ends_with(".py") && !name.starts_with("began")).collect();
    names.sort();
    names
}

/// The generation stored in a snapshot, whose checksums must all match.
fn generation(path: &Path) -> u64 {
    let snapshot = Snapshot::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    snapshot.check(&|_| {}).unwrap();
    let Contents::Own { index } = snapshot.contents() else { panic!("our own") };
    let found = |name: &str| index.variables.iter().find(|variable| variable.name == name).unwrap().preview.clone();
    assert_eq!(found("generation"), found("also"));
    found("generation").parse().unwrap()
}

/// Waits for the file that the script creates as its last step, before the save begins.
fn wait_for(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "{} does not appear", path.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills saves to a file in `folder` at random moments. Returns how many left the old file, how many the new one, and
/// how many left a temporary file.
fn kill(sandbox: &Sandbox, folder: &Path, times: u64) -> (u64, u64, u64) {
    sandbox.write("script.py", SCRIPT);
    let (target, began) = (folder.join("session.pkl"), sandbox.work().join("began"));
    let save = |generation: u64| {
        let number = generation.to_string();
        let words = ["save", "-q", "-o", target.to_str().unwrap(), "script.py", &number, "began"];
        let _ = fs::remove_file(&began);
        let mut child = sandbox.call_snapcli(&words).spawn();
        wait_for(&began);
        (child.id(), move || child.wait().unwrap())
    };
    let start = Instant::now();
    let (_, wait) = save(0);
    let (mut wait, ready) = (wait, Instant::now());
    assert!(wait().success());
    println!("a save takes {:?} after {:?}", ready.elapsed(), ready - start);
    let long = usize::try_from(ready.elapsed().as_micros()).unwrap();
    let (mut numbers, mut now) = (Numbers(3), 0);
    let (mut old, mut new, mut stray) = (0, 0, 0);
    for next in 1..=times {
        let (process, mut wait) = save(next);
        std::thread::sleep(Duration::from_micros(numbers.below(long) as u64));
        // SAFETY: only sends a signal, to a process that was not waited for.
        #[allow(unsafe_code)]
        unsafe {
            libc::kill(process.cast_signed(), libc::SIGKILL);
        }
        wait();
        let found = generation(&target);
        assert!(found == now || found == next, "{found} after {now} and {next}");
        if found == next {
            new += 1
        } else {
            old += 1
        }
        now = found;
        stray += u64::from(names(folder).len() > 1);
        assert!(names(folder).len() <= 2, "{:?}", names(folder));
    }
    let (_, mut wait) = save(times + 1);
    assert!(wait().success());
    assert_eq!((generation(&target), names(folder)), (times + 1, vec!["session.pkl".to_owned()]));
    (old, new, stray)
}

#[test]
fn a_save_that_is_killed_leaves_the_old_file_or_the_new_one() {
    let sandbox = Sandbox::new();
    let (old, new, stray) = kill(&sandbox, &sandbox.work(), 25);
    // Otherwise the kills did not hit the save.
    assert!(old > 0 && stray > 0, "{old} old, {new} new, {stray} with a temporary file");
    sandbox.snapcli(&["restore", "-c", "int(large[2][-1]), generation"]).assert_stdout("(26, 26)\n");
}

#[test]
#[ignore = "takes minutes"]
fn full_three_hundred_kills_on_each_file_system() {
    // They wait for the moments of the kills, so they may do that at the same time.
    std::thread::scope(|scope| {
        for parent in disks::folders() {
            scope.spawn(move || {
                let sandbox = Sandbox::new();
                let folder = tempfile::tempdir_in(&parent).unwrap();
                let (old, new, stray) = kill(&sandbox, folder.path(), 300);
                println!("300 kills in {}: {old} old, {new} new, {stray} with a temporary file", parent.display());
            });
        }
    });
}

#[test]
fn two_saves_to_the_same_path_both_succeed() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    let save = |number: &str| {
        sandbox.call_snapcli(&["save", "-qo", "session.pkl", "script.py", number, &format!("began {number}")]).spawn()
    };
    for _ in 0..3 {
        let mut children: Vec<_> = ["1", "2", "3"].map(save).into();
        for child in &mut children {
            assert!(child.wait().unwrap().success());
        }
        assert!((1..=3).contains(&generation(&sandbox.work().join("session.pkl"))));
        assert_eq!(names(&sandbox.work()), ["session.pkl"]);
    }
}

#[test]
fn a_symlink_to_another_disk_is_followed() {
    let sandbox = Sandbox::new();
    let folders = disks::folders();
    if folders.len() == 1 {
        skipped("only one file system: no symlink leads to another one");
    }
    for (number, parent) in folders.into_iter().enumerate() {
        let far = tempfile::tempdir_in(&parent).unwrap();
        let (link, target) = (sandbox.work().join(format!("{number}.pkl")), far.path().join("target.pkl"));
        symlink(&target, &link).unwrap();
        let save = |code: &str| sandbox.snapcli(&["save", "-o", link.to_str().unwrap(), "-c", code]);
        for code in ["x = 1", "x = 2"] {
            save(code).assert_code(0);
        }
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(far.path()), ["target.pkl"]);
        sandbox.snapcli(&["restore", link.to_str().unwrap(), "-c", "x"]).assert_stdout("2\n");
    }
}

#[test]
fn another_users_symlink_in_a_world_writable_directory_is_not_followed() {
    let sandbox = Sandbox::new();
    let (open, victim) = (sandbox.out().join("open"), sandbox.out().join("victim"));
    fs::create_dir(&open).unwrap();
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("a.pkl"), "precious").unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
    symlink("../victim/a.pkl", open.join("file.pkl")).unwrap();
    symlink("../victim", open.join("folder")).unwrap();
    let save = |path: PathBuf| sandbox.snapcli(&["save", "-o", path.to_str().unwrap(), "-c", "print('ran')"]);
    // One's own symlinks are followed. Only root can create one that belongs to another user.
    if fs::metadata(&open).unwrap().uid() == 0 {
        lchown(open.join("file.pkl"), Some(12345), None).unwrap();
        lchown(open.join("folder"), Some(12345), None).unwrap();
        for path in [open.join("file.pkl"), open.join("folder/a.pkl")] {
            let run = save(path);
            run.assert_code(2).assert_stdout("");
            assert!(run.err().contains("is a symlink owned by another user"), "{}", run.whole());
        }
        assert_eq!(fs::read_to_string(victim.join("a.pkl")).unwrap(), "precious");
        lchown(open.join("file.pkl"), Some(0), None).unwrap();
    } else {
        skipped("only root can create a symlink of another user");
    }
    save(open.join("file.pkl")).assert_code(0);
    assert_ne!(fs::read(victim.join("a.pkl")).unwrap(), b"precious");
}

/// Saves and restores many times in one process, as a long-running script does.
fn repeat(times: usize) -> String {
    let sandbox = Sandbox::new();
    let script = "
import os, sys, snapcli
import numpy as np
session = {'a': np.arange(20000), 'b': [{'n': n} for n in range(300)], 'c': 'text' * 100}
def memory():
    with open('/proc/self/statm') as file: return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
def descriptors(): return len(os.listdir('/proc/self/fd'))
times = int(sys.argv[1])
for turn in range(times):
    if turn == times // 5: before = memory(), descriptors()
    assert snapcli.save('s.pkl', session, sync=False).complete
    back = snapcli.load_dict('s.pkl')
    assert back['a'].sum() == 199990000 and back['b'] == session['b']
after = memory(), descriptors()
assert after[1] == before[1], (before, after)
assert after[0] - before[0] < 3e6, (before, after)
print(f'{times} times: {before} to {after}')
";
    sandbox.write("again.py", script);
    let words = ["save", "-q", "again.py", &times.to_string()];
    let run = sandbox.call_snapcli(&words).timeout(Duration::from_secs(900)).run();
    run.assert_code(0);
    assert_eq!(names(&sandbox.work()), ["s.pkl", "session.pkl"]);
    run.out()
}

#[test]
fn repeated_saves_and_restores_leak_nothing() {
    repeat(100);
}

#[test]
#[ignore = "takes minutes"]
fn full_a_thousand_saves_and_restores_leak_nothing() {
    print!("{}", repeat(1000));
}
