//! Disks that are full, read-only, or fail at any call.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{SCRIPT, generation, names};
use crate::env::{Sandbox, Stack, main_python, program, venv};
use crate::skipped::skipped;

/// One directory on each file system that this machine has, of a few common ones.
pub(super) fn folders() -> Vec<PathBuf> {
    let mut found: Vec<(u64, PathBuf)> = Vec::new();
    for folder in [std::env::temp_dir(), "/dev/shm".into(), env!("CARGO_TARGET_TMPDIR").into(), "/var/tmp".into()] {
        let Ok(device) = fs::metadata(&folder).map(|metadata| metadata.dev()) else { continue };
        if tempfile::tempfile_in(&folder).is_ok() && found.iter().all(|(known, _)| *known != device) {
            found.push((device, folder));
        }
    }
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// All writes after some byte fail, as with a quota, and so does the attempt to save elsewhere.
#[test]
fn a_write_that_fails_leaves_the_old_file_and_nothing_else() {
    let sandbox = Sandbox::new();
    let limited = format!(
        "{SCRIPT}\nimport resource\nlimit = int(sys.argv[3])\n\
         resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
    );
    sandbox.write("script.py", limited);
    sandbox.snapcli(&["save", "script.py", "1", "began", "1000000000"]).assert_code(0);
    let length = fs::metadata(sandbox.work().join("session.pkl")).unwrap().len();
    for limit in [0, 1, 100, 262_144, 3_000_000, length / 2, length - 100] {
        let run = sandbox.snapcli(&["save", "script.py", "2", "began", &limit.to_string()]);
        run.assert_code(1);
        assert!(run.err().contains("File too large"), "{}", run.whole());
        assert_eq!(generation(&sandbox.work().join("session.pkl")), 1, "{limit}");
        assert_eq!(names(&sandbox.work()), ["session.pkl"], "{limit}");
    }
}

/// A tmpfs for one test. Mounting it needs root.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path).output();
        mount.is_ok_and(|done| done.status.success()).then(|| Self(path.to_owned()))
    }

    fn remount(&self, options: &str) {
        assert!(Command::new("mount").args(["-o", options]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
#[ignore = "mounts a file system"]
fn full_disks_and_read_only_ones_keep_the_old_file() {
    let sandbox = Sandbox::new();
    let Some(disk) = Mounted::new(&sandbox.out().join("disk"), "size=6m") else { panic!("this test mounts a tmpfs") };
    let target = disk.0.join("session.pkl");
    let path = target.to_str().unwrap();
    sandbox.write("script.py", "import sys\ngeneration = also = int(sys.argv[1])\ngood = [1]\n");
    sandbox.snapcli(&["save", "-o", path, "script.py", "1"]).assert_code(0);
    // The size is known to be too large before it is written.
    sandbox.write("large.py", "import numpy as np\nlarge = [np.ones(2_000_000)]\n");
    let run = sandbox.snapcli(&["save", "-o", path, "large.py"]);
    run.assert_code(1);
    assert!(run.err().contains("an array takes 16000000 bytes, but only"), "{}", run.whole());
    // The disk fills up during the save.
    sandbox.write("many.py", "many = ['text' * 100 + str(n) for n in range(40_000)]\n");
    let run = sandbox.snapcli(&["save", "-o", path, "many.py"]);
    run.assert_code(1);
    assert!(run.err().contains("No space left on device"), "{}", run.whole());
    // The results are saved elsewhere.
    let elsewhere = run.err().split("1 variable to ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    sandbox.snapcli(&["restore", &elsewhere, "-c", "len(many)"]).assert_stdout("40000\n");
    assert_eq!((generation(&target), names(&disk.0)), (1, vec!["session.pkl".to_owned()]));
    // A read-only file system.
    disk.remount("remount,ro");
    let run = sandbox.snapcli(&["save", "-o", path, "script.py", "2"]);
    run.assert_code(2);
    assert!(run.err().contains("Read-only file system"), "{}", run.whole());
    assert_eq!((generation(&target), names(&disk.0)), (1, vec!["session.pkl".to_owned()]));
}

#[test]
fn a_session_known_not_to_fit_is_refused_before_anything_is_written() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let mount = |name: &str| Mounted::new(&sandbox.out().join(name), "size=8m");
    let (Some(disk), Some(spare)) = (mount("disk"), mount("spare")) else {
        return skipped("a tmpfs cannot be mounted here (root can)");
    };
    let target = disk.0.join("session.pkl");
    let path = target.to_str().unwrap();
    // Each variable would fit, but not all together. Shared data counts once, and data of unknown size does not count.
    let script = "
import os, numpy as np, pandas as pd
array = view = np.ones(400_000)
same = [array]
text, data = 'x' * 3_000_000, b'y' * 2_000_000
frame = pd.DataFrame({'a': np.zeros(200_000), 'b': np.zeros(200_000, 'i4')})
small = 1
class Late:
    def __reduce__(self): print('pickled'); return int, ()
late = Late()
";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "-o", path, "--include", "small", "script.py"]).assert_code(0);
    let before = fs::read(&target).unwrap();
    let save = |options: &[&str]| {
        let call = sandbox.call_snapcli(&[&["save", "-o", path], options, &["script.py"]].concat());
        call.env("TMPDIR", &spare.0).run()
    };
    // The directory for temporary files has no room, either.
    let run = save(&[]);
    run.assert_code(1);
    let said = "the session needs at least 11 MB, but only 8.4 MB is free: free some space, leave out variables with \
                --exclude, or save elsewhere with -o; the largest variables are array (3.2 MB), view (3.2 MB), text \
                (3.0 MB), frame (2.4 MB), data (2.0 MB)";
    assert!(run.err().contains(said) && !run.out().contains("pickled"), "{}", run.whole());
    assert_eq!((fs::read(&target).unwrap(), names(&disk.0)), (before.clone(), vec!["session.pkl".to_owned()]));
    assert_eq!(names(&spare.0), Vec::<String>::new());
    // If that directory has room, the session is saved there, and the old file stays.
    let call = sandbox.call_snapcli(&["save", "-o", path, "script.py"]).run();
    call.assert_code(1);
    assert!(call.err().contains("the session needs at least 11 MB"), "{}", call.whole());
    let elsewhere = call.err().split("imports to ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    sandbox.snapcli(&["restore", &elsewhere, "-c", "len(text)"]).assert_stdout("3000000\n");
    assert_eq!(fs::read(&target).unwrap(), before);
    // Variables that are left out do not count.
    save(&["--exclude", "text", "--exclude", "frame"]).assert_code(0);
    save(&["--max-size", "2100k", "--exclude", "text", "--exclude", "frame"]).assert_code(0);
    let run = sandbox.call_snapcli(&["save", "-o", "-", "script.py"]).env("TMPDIR", &spare.0).run();
    run.assert_code(1);
    assert!(run.err().contains("the session needs at least 11 MB"), "{}", run.whole());
}

/// Makes each system call of a save that changes a file fail in turn, by its number.
#[test]
#[ignore = "takes minutes, and strace"]
fn full_a_fault_at_every_call_leaves_the_old_file_or_the_new_one() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    let target = sandbox.work().join("session.pkl");
    sandbox.snapcli(&["save", "-q", "-o", "session.pkl", "script.py", "1", "began"]).assert_code(0);
    let old = fs::read(&target).unwrap();
    let program = program();
    for (call, error) in [
        ("write", "ENOSPC"),
        ("write", "EIO"),
        ("fsync", "EIO"),
        ("rename", "EACCES"),
        ("unlink", "EIO"),
        ("flock", "ENOLCK"),
    ] {
        let (mut faults, mut kept) = (0, 0);
        for number in 1..200 {
            fs::write(&target, &old).unwrap();
            let log = sandbox.out().join("log");
            let inject = format!("inject={call}:error={error}:when={number}");
            let mut strace = Command::new("strace");
            strace.args(["-f", "-o"]).arg(&log).args(["-e", &format!("trace={call}"), "-e", &inject]);
            strace.arg(&program).arg("--python").arg(sandbox.interpreter());
            strace.args(["save", "-q", "-o", "session.pkl", "script.py", "2", "began"]).current_dir(sandbox.work());
            strace.env("TMPDIR", sandbox.out()).output().unwrap();
            if !fs::read_to_string(&log).unwrap().contains("(INJECTED)") {
                break;
            }
            faults += 1;
            let found = generation(&target);
            assert!(found == 1 || found == 2, "{call} {number}");
            kept += u64::from(found == 1);
            sandbox.snapcli(&["save", "-q", "-o", "session.pkl", "script.py", "2", "began"]).assert_code(0);
            assert_eq!(names(&sandbox.work()), ["session.pkl"], "{call} {number}");
        }
        println!(
            "{call} failing with {error}: {faults} faults, the old file after {kept}, the new one after the others"
        );
        assert!(faults > 0, "no {call} failed");
    }
}
