//! What two snapshots of a store share is neither read nor locked away by a comparison; and a save that waits says so.

use std::fs;

use super::run;
use crate::env::{Sandbox, program};

/// Runs a command while the store is locked until it has printed a text, once.
const DRIVER: &str = r"
import fcntl, subprocess, sys
lock = open('l.snaps/lock', 'w')
fcntl.flock(lock, fcntl.LOCK_EX)
child = subprocess.Popen(sys.argv[2:], stderr=subprocess.PIPE, text=True)
seen = 0
for line in child.stderr:
    sys.stderr.write(line)
    if sys.argv[1] in line:
        seen += 1
        fcntl.flock(lock, fcntl.LOCK_UN)
assert (child.wait(), seen) == (0, 1)
";

/// Two snapshots that share an array; the path of its object.
fn two() -> (Sandbox, std::path::PathBuf) {
    let sandbox = Sandbox::new();
    let script =
        "import sys\nimport numpy as np\nn = int(sys.argv[1])\nlarge = np.arange(100_000)\nboth = [large[:5], n]\n";
    sandbox.write("script.py", script);
    for number in ["1", "2"] {
        run(&sandbox, &["save", "-q", "-o", "d.snaps/", "script.py", number]);
    }
    let objects = fs::read_dir(sandbox.work().join("d.snaps/objects")).unwrap().map(|entry| entry.unwrap().path());
    let large = objects.into_iter().find(|path| path.metadata().unwrap().len() == 800_000).unwrap();
    (sandbox, large)
}

#[test]
fn a_diff_of_a_store_does_not_read_what_does_not_differ() {
    let (sandbox, large) = two();
    let mut bytes = fs::read(&large).unwrap();
    bytes[400_000] ^= 1;
    fs::write(&large, bytes).unwrap();
    let script = "import sys\nimport numpy as np\nn = int(sys.argv[1])\nlarge = np.arange(100_000)\n";
    sandbox.write("script.py", script);
    let diff = sandbox.snapcli(&["diff", "d.snaps/@1", "d.snaps/@2"]);
    // `both` differs, and takes its array from `large`.
    diff.assert_code(4);
    for number in ["3", "4"] {
        run(&sandbox, &["save", "-q", "-o", "d.snaps/", "script.py", number]);
    }
    fs::remove_file(&large).unwrap();
    let diff = sandbox.snapcli(&["diff", "d.snaps/@3", "d.snaps/@4"]);
    diff.assert_code(1);
    assert!(diff.out().contains("~ n: int 3 → 4\n"), "{}", diff.whole());
    // In another store, the same object may be intact.
    run(&sandbox, &["save", "-q", "-o", "e.snaps/", "script.py", "4"]);
    sandbox.snapcli(&["diff", "d.snaps/@3", "e.snaps/@1"]).assert_code(4);
    sandbox.snapcli(&["diff", "e.snaps/@1", "d.snaps/@4"]).assert_code(4);
}

#[test]
fn a_save_that_waits_for_a_prune_says_so() {
    let sandbox = Sandbox::new();
    run(&sandbox, &["save", "-q", "-o", "l.snaps/", "-c", "x = 1"]);
    let says = "waiting for another process to end its prune";
    let code = "import snapcli; x = 3; print(snapcli.save('l.snaps/').path)";
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let save = [&program, "--python", &python, "save", "-o", "l.snaps/", "-c", "x = 2"];
    for (words, importing) in [(&save[..], false), (&[&python, "-c", code], true)] {
        let driver = [&["-c", DRIVER, says], words].concat();
        let call = if importing { sandbox.call_importing(&driver) } else { sandbox.call_python(&driver) };
        call.run().assert_code(0);
    }
    // One that does not wait says nothing.
    let save = run(&sandbox, &["save", "-o", "l.snaps/", "-c", "x = 4"]);
    assert!(!save.err().contains(says), "{}", save.whole());
}
