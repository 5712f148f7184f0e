//! Files that show different readers different values, or that stand for far more work than their size: they are not
//! plain data, and neither inspecting nor restoring them takes long. `untrusted_tricks/hostile.py` writes them.

use std::time::Duration;

use crate::env::{Sandbox, Stack, main_python, venv};

const HOSTILE: &str = include_str!("untrusted_tricks/hostile.py");
/// How long any of the files may take. An unoptimized build takes a few seconds, the work that they ask for hours.
const LIMIT: Duration = Duration::from_secs(600);

/// A sandbox with the files, and the names of those that begin with a prefix.
fn files(prefix: &str, least: usize) -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("hostile.py", HOSTILE);
    sandbox.python(&["hostile.py"]).assert_code(0);
    let entries = std::fs::read_dir(sandbox.work()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = names.filter(|name| name.starts_with(prefix) && name.ends_with(".pkl")).collect();
    found.sort();
    assert!(found.len() >= least, "{found:?}");
    (sandbox, found)
}

fn assert_refused(prefix: &str, least: usize) {
    let (sandbox, files) = files(prefix, least);
    for file in files {
        let run = sandbox.snapcli(&["inspect", "--strict", &file]);
        assert!(run.status.code() != Some(0), "{file}: {}", run.whole());
        let run = sandbox.snapcli(&["restore", &file, "-c", "print('loaded')"]);
        assert!(run.status.code() != Some(0) && !run.out().contains("loaded"), "{file}: {}", run.whole());
    }
    assert!(!sandbox.work().join("canary").exists());
}

#[test]
fn a_dict_with_a_key_that_only_python_can_compute_is_refused() {
    assert_refused("key_", 29);
}

#[test]
fn what_changes_after_it_was_read_is_refused() {
    assert_refused("late_", 14);
}

#[test]
fn short_files_that_stand_for_much_work_end_soon() {
    let (sandbox, files) = files("slow_", 28);
    for file in files {
        let run = sandbox.call_snapcli(&["inspect", &file]).timeout(LIMIT).run();
        assert!(run.status.code().is_some(), "inspect {file}: {}", run.whole());
        let run = sandbox.call_snapcli(&["restore", &file, "-c", "import resource\nprint(resource.getrusage(0)[2])"]);
        let run = run.timeout(LIMIT).run();
        assert!(run.status.code().is_some(), "restore {file}: {}", run.whole());
        // In kilobytes. The files have about one megabyte each.
        let memory: u64 = run.out().trim().parse().unwrap_or(0);
        assert!(memory < 1_500_000, "restore {file}: {memory}");
    }
}

#[test]
fn honest_files_that_look_like_those_are_plain_data() {
    let (sandbox, files) = files("fine_", 40);
    for file in files {
        let run = sandbox.snapcli(&["inspect", "--strict", &file]);
        assert!(run.status.code() == Some(0), "{file}: {}", run.whole());
        sandbox.snapcli(&["restore", &file, "-c", "print('loaded')"]).assert_code(0).assert_stdout("loaded\n");
    }
}
