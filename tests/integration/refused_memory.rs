//! Limits of memory, as batch systems and `ulimit -v` set them: a command ends with one line and a documented exit
//! code, at whatever point the system refuses memory. The old file is whole, and nothing else is left.

use std::ffi::OsStr;
use std::fs;
use std::time::Duration;

use crate::env::{Run, Sandbox, program};

/// The exit code of a program that has no memory.
const NO_MEMORY: i32 = 7;

fn with_limit(sandbox: &Sandbox, kilobytes: u32, words: &[&str]) -> Run {
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let script = format!("ulimit -v {kilobytes}; exec \"$@\"");
    let head = ["-c", &script, "sh", &program, "--python", &python];
    // A thread that waits for itself would wait forever.
    let call = sandbox.call_program(OsStr::new("sh"), &[&head[..], words].concat());
    call.env("RUST_BACKTRACE", "1").timeout(Duration::from_secs(60)).run()
}

#[test]
fn a_refusal_of_memory_ends_a_command_with_one_line() {
    let sandbox = Sandbox::new();
    let script = "d = {f'k{n}': [n, str(n)] for n in range(200_000)}\n";
    sandbox.write("job.py", script);
    sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "-c", "x = 1"]).assert_code(0);
    sandbox.snapcli(&["save", "-q", "-o", "objects.pkl", "job.py"]).assert_code(0);
    let old = fs::read(sandbox.work().join("s.pkl")).unwrap();
    let mut names = ["job.py", "objects.pkl", "s.pkl"].map(str::to_owned).to_vec();
    names.sort();
    let mut refused = 0;
    // With less, neither Python nor a small snapshot fits: how much that is depends on the build.
    let fits = |limit: &u32| with_limit(&sandbox, *limit, &["restore", "-q", "s.pkl", "-c", "x"]).status.success();
    let least = (40_000..400_000).step_by(4_000).find(fits).expect("a limit at which a small snapshot is restored");
    for limit in (least..least + 200_000).step_by(8_000) {
        for words in [&["save", "-q", "-o", "s.pkl", "job.py"][..], &["restore", "-q", "objects.pkl", "-c", "1"]] {
            let run = with_limit(&sandbox, limit, words);
            let (text, end) = (run.err(), run.ending());
            // Python may be the one that gets no memory: then the script has failed, or does not start.
            assert!(!text.contains("stack backtrace") && !text.contains("panicked"), "{limit} {words:?}\n{text}");
            assert!(!end.contains("signal"), "{limit} {words:?}: {end}\n{text}");
            if text.contains("snapcli: out of memory") {
                refused += 1;
                run.assert_code(NO_MEMORY);
                assert_eq!(text.matches("snapcli: ").count(), 1, "{limit} {words:?}\n{text}");
            }
            let left = fs::read_dir(sandbox.work()).unwrap();
            let mut left: Vec<_> = left.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
            left.retain(|name| name != "session.crash.pkl" && name != "s.crash.pkl");
            left.sort();
            assert_eq!(left, names, "{limit} {words:?}\n{text}");
            let now = fs::read(sandbox.work().join("s.pkl")).unwrap();
            if now != old {
                sandbox.snapcli(&["restore", "s.pkl", "-c", "len(d)"]).assert_stdout("200000\n");
                fs::write(sandbox.work().join("s.pkl"), &old).unwrap();
            }
        }
    }
    assert!(refused > 0, "no limit was reached in our own code");
}
