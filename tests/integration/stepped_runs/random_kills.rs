//! Twelve scripts, each killed at a hundred random moments: what they print at their ends is what they print without
//! interruption. The random moments come from a seed, but nothing depends on hitting one of them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::env::{Numbers, Sandbox, Stack, main_python, venv};

/// Kills runs of a script until it has been killed so often, and checks what each prints that came to its end.
fn kill_at_random(name: &str, signal: &str, kills: usize) {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/stepped_runs/scripts").join(name);
    sandbox.write("script.py", fs::read(&source).unwrap());
    let started = Instant::now();
    let whole = sandbox.python(&["script.py"]);
    whole.assert_code(0);
    let long = usize::try_from(started.elapsed().as_micros()).unwrap() + 300_000;
    let (mut numbers, mut killed) = (Numbers(name.len() as u64), 0);
    while killed < kills {
        let _ = fs::remove_dir_all(sandbox.work().join("script.snaps"));
        loop {
            let mut child = sandbox.call_snapcli(&["run", "--every", "0.1s", "script.py"]).spawn();
            std::thread::sleep(Duration::from_micros(numbers.below(long) as u64));
            // The child has not been waited for, so the number is its own.
            let number = child.id().to_string();
            assert!(Command::new("kill").args(["-s", signal, &number]).status().unwrap().success());
            if child.wait().unwrap().success() || killed >= kills {
                break;
            }
            killed += 1;
        }
        // If the last process was killed, the script goes on; otherwise it has finished.
        let last = sandbox.snapcli(&["run", "script.py"]);
        last.assert_code(0);
        let restored = sandbox.snapcli(&["restore", "-q", "script.snaps/", "-c", "print(result)"]);
        restored.assert_code(0);
        let results = whole.out().lines().last().map(|line| format!("{line}\n"));
        assert_eq!(Some(restored.out()), results, "{name} after {killed} kills\n{}", last.whole());
    }
}

const SCRIPTS: [&str; 12] = [
    "loops.py",
    "while_loops.py",
    "closures.py",
    "recursion.py",
    "random_streams.py",
    "own_list.py",
    "dataclass_bank.py",
    "lost_connection.py",
    "logger.py",
    "pandas_pipeline.py",
    "sklearn_training.py",
    "simulation.py",
];

#[test]
fn scripts_that_are_killed_end_as_if_nothing_had_happened() {
    for name in ["loops.py", "closures.py", "random_streams.py", "own_list.py"] {
        kill_at_random(name, "KILL", 3);
    }
}

#[test]
#[ignore = "takes minutes"]
fn hours_twelve_scripts_survive_a_hundred_kills_each() {
    for name in SCRIPTS {
        kill_at_random(name, "KILL", 100);
    }
}

#[test]
#[ignore = "takes minutes"]
fn hours_twelve_scripts_survive_being_asked_to_end() {
    for name in SCRIPTS {
        kill_at_random(name, "TERM", 20);
    }
}
