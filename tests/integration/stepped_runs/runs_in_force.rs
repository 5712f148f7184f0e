//! Which run of a store the command resumes: one that `--fresh` has begun, one that has finished, one whose last
//! checkpoint is damaged.

use std::fs;
use std::path::PathBuf;

use super::STEPS;
use crate::env::{Run, Sandbox, program};

/// Runs `script.py` as the process with this number.
fn run(sandbox: &Sandbox, process: usize, options: &[&str]) -> Run {
    sandbox.write("processes", "x".repeat(process));
    let words: Vec<&str> = ["run"].iter().chain(options).chain(&["script.py"]).copied().collect();
    sandbox.snapcli(&words)
}

#[test]
fn a_fresh_run_is_in_force_before_its_first_checkpoint() {
    let sandbox = Sandbox::new();
    let script = "
print('begins', flush=True)
kill(2)
for n in range(3):
    if n == 1:
        checkpoint()
    if n == 2:
        kill(3)
print('ends')
";
    sandbox.write("script.py", format!("{STEPS}{script}"));
    run(&sandbox, 1, &[]).assert_code(0).assert_stdout("begins\nends\n");
    assert_eq!(run(&sandbox, 2, &["--fresh"]).ending(), "signal 9");
    let status = sandbox.snapcli(&["status", "script.snaps/"]);
    status.assert_code(2);
    assert!(status.err().contains("no checkpoint yet"), "{}", status.err());
    let third = run(&sandbox, 3, &[]);
    assert_eq!(third.out(), "begins\n", "{}", third.err());
    let fourth = run(&sandbox, 4, &[]);
    fourth.assert_code(0).assert_stdout("ends\n");
    assert!(run(&sandbox, 5, &[]).err().contains("has finished"));
}

#[test]
fn a_fresh_run_of_a_script_with_a_syntax_error_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "x = 1\n");
    run(&sandbox, 1, &[]).assert_code(0);
    sandbox.write("script.py", "x = (\n");
    run(&sandbox, 2, &["--fresh"]).assert_code(1);
    sandbox.write("script.py", "x = 1\n");
    assert!(run(&sandbox, 3, &[]).err().contains("has finished"));
    let other = Sandbox::new();
    other.write("script.py", "x = (\n");
    run(&other, 1, &[]).assert_code(1);
    assert!(!other.work().join("script.snaps").exists());
}

#[test]
fn a_finished_script_that_was_edited_is_refused() {
    for (before, after, line, shown) in [
        ("x = 1\ny = 2\n", "x = 1\ny = 3\n", 2, ["it was: y = 2", "it is:  y = 3"]),
        ("x = 1\n", "x = 1\nprint('more')\n", 2, ["it was: (nothing)", "it is:  print('more')"]),
        ("x = 1\nprint('gone')\n", "x = 1\n", 2, ["it was: print('gone')", "it is:  (nothing)"]),
        ("def f():\n    a = 1\n    return a\n", "def f():\n    a = 1\n    return -a\n", 3, ["return a", "return -a"]),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("script.py", before);
        run(&sandbox, 1, &[]).assert_code(0);
        sandbox.write("script.py", after);
        let refused = run(&sandbox, 2, &[]);
        refused.assert_code(2).assert_stdout("");
        let err = refused.err();
        assert!(err.contains(&format!("and line {line} has changed since")), "{err}");
        assert!(shown.iter().all(|text| err.contains(text)), "{err}");
        assert!(err.contains("--fresh") && err.contains("--accept-changes"), "{err}");
        let accepted = run(&sandbox, 2, &["--accept-changes"]);
        accepted.assert_code(0).assert_stdout("");
        assert!(accepted.err().contains("has finished"), "{}", accepted.err());
    }
}

#[test]
fn comments_may_change_in_a_finished_script_and_in_a_module() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "x = 1\n");
    run(&sandbox, 1, &[]).assert_code(0);
    sandbox.write("script.py", "# one\n\nx = 1  # one\n");
    let same = run(&sandbox, 2, &[]);
    same.assert_code(0).assert_stdout("");
    assert!(same.err().contains("has finished"), "{}", same.err());
    sandbox.write("pkg/__init__.py", "");
    sandbox.write("pkg/job.py", "print('ran')\n");
    sandbox.snapcli(&["run", "-m", "pkg.job"]).assert_code(0).assert_stdout("ran\n");
    sandbox.snapcli(&["run", "-m", "pkg.job"]).assert_code(0).assert_stdout("");
    sandbox.write("pkg/job.py", "print('runs')\n");
    let refused = sandbox.snapcli(&["run", "-m", "pkg.job"]);
    refused.assert_code(2).assert_stdout("");
    assert!(refused.err().contains("it is:  print('runs')"), "{}", refused.err());
}

const TWO_CHECKPOINTS: &str = "
seen = []
data = [bytes([n]) * 100_000 for n in range(4)]
for n in range(5):
    seen.append(n)
    if n in (1, 3):
        data.append(bytes([n + 9]) * 200_000)
        checkpoint()
    if n == 4:
        kill(1)
print(seen, len(data))
";

/// A script that was killed after two checkpoints.
fn with_two_checkpoints() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{TWO_CHECKPOINTS}"));
    assert_eq!(run(&sandbox, 1, &[]).ending(), "signal 9");
    sandbox
}

fn files(sandbox: &Sandbox, part: &str) -> Vec<PathBuf> {
    let folder = sandbox.work().join("script.snaps").join(part);
    let mut found: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Goes on from the checkpoint before the damaged one, and says so.
fn assert_passed_over(sandbox: &Sandbox) {
    let status = sandbox.snapcli(&["status", "script.snaps/"]);
    status.assert_code(0);
    assert!(status.out().contains("last checkpoint @1"), "{}", status.out());
    let second = run(sandbox, 2, &[]);
    second.assert_code(0).assert_stdout("[0, 1, 2, 3, 4] 6\n");
    assert!(second.err().contains("checkpoint @2 of script.snaps/ is damaged"), "{}", second.err());
    assert!(second.err().contains("resuming at line"), "{}", second.err());
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_is_taken() {
    let sandbox = with_two_checkpoints();
    let newest = files(&sandbox, "snapshots").pop().unwrap();
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    assert_passed_over(&sandbox);
}

#[test]
fn a_checkpoint_without_one_of_its_objects_is_passed_over() {
    let sandbox = with_two_checkpoints();
    let first = {
        let copy = Sandbox::new();
        copy.write("script.py", format!("{STEPS}{TWO_CHECKPOINTS}").replace("(1, 3)", "(1, 5)"));
        run(&copy, 1, &[]);
        files(&copy, "objects").len()
    };
    let mut objects = files(&sandbox, "objects");
    objects.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
    assert!(objects.len() > first, "{objects:?}");
    fs::remove_file(objects.pop().unwrap()).unwrap();
    assert_passed_over(&sandbox);
}

#[test]
fn a_checkpoint_with_a_changed_byte_is_passed_over() {
    let sandbox = with_two_checkpoints();
    let mut objects = files(&sandbox, "objects");
    objects.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
    let newest = objects.pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let second = run(&sandbox, 2, &[]);
    second.assert_code(0).assert_stdout("[0, 1, 2, 3, 4] 6\n");
    assert!(second.err().contains("checkpoint @2 of script.snaps/ is damaged"), "{}", second.err());
}

#[test]
fn a_store_with_damaged_checkpoints_only_is_refused_until_started_afresh() {
    let sandbox = with_two_checkpoints();
    for path in files(&sandbox, "snapshots") {
        fs::write(path, "{").unwrap();
    }
    let refused = run(&sandbox, 2, &[]);
    refused.assert_code(4).assert_stdout("");
    assert!(refused.err().contains("--fresh"), "{}", refused.err());
    // A plain `prune` would remove nothing, because it is not known what the checkpoints need.
    let verified = sandbox.snapcli(&["verify", "script.snaps/"]);
    verified.assert_code(4);
    assert!(!verified.out().contains("`snapcli prune` removes what is left over"), "{}", verified.out());
    run(&sandbox, 2, &["--fresh"]).assert_code(0).assert_stdout("[0, 1, 2, 3, 4] 6\n");
}

#[test]
fn a_store_that_cannot_be_made_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "print('ran')\n");
    let refused = run(&sandbox, 1, &["-o", "no/such.snaps"]);
    refused.assert_code(2).assert_stdout("");
    assert!(refused.err().contains("does not exist: create it"), "{}", refused.err());
    sandbox.write("file", "");
    let refused = run(&sandbox, 1, &["-o", "file/such.snaps"]);
    refused.assert_code(2).assert_stdout("");
    run(&sandbox, 1, &["-o", "such.snaps"]).assert_code(0).assert_stdout("ran\n");
    fs::write(sandbox.work().join("such.snaps/snapcli-store.json"), "{\"snap").unwrap();
    let refused = run(&sandbox, 1, &["-o", "such.snaps"]);
    refused.assert_code(2).assert_stdout("");
    assert!(refused.err().contains("snapcli-store.json is damaged"), "{}", refused.err());
    assert!(refused.err().contains("--fresh"), "{}", refused.err());
}

#[test]
fn a_fresh_run_replaces_a_damaged_store_file() {
    for damage in ["", "{\"snap", "[]", "{\"snapcli_store\": 1}", "\u{1}\u{2}", &" ".repeat(5000)] {
        let sandbox = Sandbox::new();
        sandbox.write("script.py", "print('ran')\n");
        run(&sandbox, 1, &[]).assert_code(0);
        fs::write(sandbox.work().join("script.snaps/snapcli-store.json"), damage).unwrap();
        let refused = run(&sandbox, 1, &[]);
        refused.assert_code(2).assert_stdout("");
        assert!(refused.err().contains("snapcli-store.json is damaged"), "{damage:?} {}", refused.err());
        let verified = sandbox.snapcli(&["verify", "script.snaps"]);
        assert!(verified.whole().contains("snapcli-store.json is damaged"), "{damage:?} {}", verified.whole());
        run(&sandbox, 1, &["--fresh"]).assert_code(0).assert_stdout("ran\n");
        let again = run(&sandbox, 1, &[]);
        again.assert_code(0).assert_stdout("");
        assert!(again.err().contains("has finished"), "{}", again.err());
        sandbox.snapcli(&["verify", "script.snaps"]).assert_code(0);
    }
}

#[test]
fn a_store_is_for_one_process_at_a_time() {
    let sandbox = Sandbox::new();
    let script = "
import subprocess, sys
if sys.argv[1:] != ['inner']:
    other = subprocess.run([sys.argv[1], '--python', sys.executable, 'run', '-o', 'script.snaps', 'script.py', 'inner'],
                           capture_output=True, text=True)
    print(other.returncode, 'another process is running' in other.stderr)
";
    sandbox.write("script.py", script);
    let program = program().into_string().unwrap();
    for options in [&["run"] as &[&str], &["run", "--fresh"]] {
        let words: Vec<&str> = options.iter().chain(&["script.py", &program]).copied().collect();
        sandbox.snapcli(&words).assert_code(0).assert_stdout("2 True\n");
    }
}

#[test]
fn the_status_of_a_finished_run_counts_its_steps() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "x = 1\ny = 2\nprint(x)\n");
    run(&sandbox, 1, &[]).assert_code(0);
    let status = sandbox.snapcli(&["status", "--json", "script.snaps/"]).json();
    assert_eq!((status["steps_done"].as_u64(), status["steps"].as_u64()), (Some(3), Some(3)), "{status}");
}

#[test]
fn another_snapshot_in_the_store_of_a_run_does_not_hide_its_checkpoints() {
    let sandbox = with_two_checkpoints();
    sandbox.write("other.py", "y = 1\n");
    sandbox.snapcli(&["save", "-q", "-o", "script.snaps/", "other.py"]).assert_code(0);
    let status = sandbox.snapcli(&["status", "script.snaps/"]);
    status.assert_code(0);
    assert!(status.out().contains("not finished"), "{}", status.out());
    let resumed = run(&sandbox, 2, &[]);
    resumed.assert_code(0).assert_stdout("[0, 1, 2, 3, 4] 6\n");
    assert!(resumed.err().contains("resuming at line"), "{}", resumed.err());
}
