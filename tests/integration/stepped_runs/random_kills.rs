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
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/stepped_runs/scripts").join(format!("{name}.py"));
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

#[test]
fn scripts_that_are_killed_end_as_if_nothing_had_happened() {
    for name in ["loops", "closures", "random_streams", "own_list"] {
        kill_at_random(name, "KILL", 3);
    }
}

/// One test for each script and signal, so that each can be run by itself.
macro_rules! hours {
    ($($script:ident $killed:ident $asked:ident,)*) => {$(
        #[test]
        #[ignore = "takes minutes"]
        fn $killed() {
            kill_at_random(stringify!($script), "KILL", 100);
        }

        #[test]
        #[ignore = "takes minutes"]
        fn $asked() {
            kill_at_random(stringify!($script), "TERM", 100);
        }
    )*};
}

hours! {
    loops hours_loops_killed hours_loops_asked_to_end,
    while_loops hours_while_loops_killed hours_while_loops_asked_to_end,
    closures hours_closures_killed hours_closures_asked_to_end,
    recursion hours_recursion_killed hours_recursion_asked_to_end,
    random_streams hours_random_streams_killed hours_random_streams_asked_to_end,
    own_list hours_own_list_killed hours_own_list_asked_to_end,
    dataclass_bank hours_dataclass_bank_killed hours_dataclass_bank_asked_to_end,
    lost_connection hours_lost_connection_killed hours_lost_connection_asked_to_end,
    logger hours_logger_killed hours_logger_asked_to_end,
    pandas_pipeline hours_pandas_pipeline_killed hours_pandas_pipeline_asked_to_end,
    sklearn_training hours_sklearn_training_killed hours_sklearn_training_asked_to_end,
    simulation hours_simulation_killed hours_simulation_asked_to_end,
}
