//! What a disk that takes no more bytes is blamed for: the message names the output, and says what to do. A limit of
//! the length of files stands in for a full disk.

use std::ffi::OsStr;

use super::run;
use crate::env::{Run, Sandbox, program};

const SCRIPT: &str = "
import random, resource, sys
data = random.Random(1).randbytes(300_000)
words = [str(n * 7919 % 100_003) for n in range(100_000)]
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
";
const FULL: &str = "File too large (os error 27)";

/// Runs a command that can write files of 16 kB at most.
fn limited(sandbox: &Sandbox, words: &[&str]) -> Run {
    let program = program();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let head = ["-c", "trap '' XFSZ; ulimit -f 32; exec \"$@\"", "sh", program.to_str().unwrap(), "--python", &python];
    sandbox.call_program(OsStr::new("sh"), &[&head[..], words].concat()).run()
}

#[test]
fn a_save_names_its_target_in_every_phase() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    for target in ["runs.snaps/", "file.pkl", "file.zst"] {
        // The first limits are reached while the variables are pickled, the last one when they are.
        for limit in ["0", "10000", "200000"] {
            let saved = sandbox.snapcli(&["save", "-o", target, "script.py", limit]);
            saved.assert_code(1);
            let text = saved.err();
            let name = target.trim_end_matches('/');
            let mut lines = text.lines().filter(|line| line.starts_with("snapcli: cannot save to /"));
            assert!(lines.any(|line| line.trim_end_matches('/').ends_with(name)), "{text}");
            assert!(text.contains("leave out variables") || text.contains("free some space"), "{limit}: {text}");
            assert!(text.contains(FULL), "{limit}: {text}");
        }
    }
}

#[test]
fn an_import_and_an_export_blame_the_output() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    run(&sandbox, &["save", "-q", "-o", "a.pkl", "script.py", "1000000000"]);
    run(&sandbox, &["import", "-q", "a.pkl", "good.snaps/"]);
    let advice = "free some space, or choose another disk";
    for (words, subject, output) in [
        (&["import", "a.pkl", "new.snaps/"][..], "add a.pkl to new.snaps/", "new.snaps/"),
        (&["import", "good.snaps/", "new.snaps/"], "add good.snaps/ to new.snaps/", "new.snaps/"),
        (&["export", "good.snaps/@1", "-o", "b.pkl"], "export good.snaps/@1", "b.pkl"),
        (&["export", "good.snaps/", "-o", "b.zst", "--compress", "3"], "export good.snaps/", "b.zst"),
    ] {
        let failed = limited(&sandbox, words);
        let expected =
            format!("snapcli: cannot {subject}\n  cause: cannot write to {output}: {advice}\n  cause: {FULL}\n");
        failed.assert_code(1).assert_stderr(&expected);
    }
    for store in ["good.snaps/", "a.pkl"] {
        run(&sandbox, &["verify", "-q", store]);
    }
}
