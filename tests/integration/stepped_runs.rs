//! `snapcli run`: a script that is stopped anywhere goes on from its last checkpoint, and ends as if nothing had
//! happened. The scripts ask for checkpoints and kill themselves at places that are known, so that no test waits.

use crate::env::{Run, Sandbox};

mod blocked_checkpoints;
mod caught_interrupts;
mod changed_jumps;
mod connected_parts;
#[cfg(target_os = "linux")]
mod early_signals;
mod edited_definitions;
mod edited_scripts;
mod ended_objects;
#[cfg(target_os = "linux")]
mod group_signals;
mod interpreter_settings;
mod killed_runs;
mod library_runs;
mod loop_flags;
mod lost_places;
mod lost_variables;
mod module_objects;
mod module_state;
mod named_modules;
mod orphaned_checkpoints;
mod outer_state;
mod random_kills;
mod registrations;
mod remade_objects;
mod repeated_effects;
mod replayed_loops;
mod runs_in_force;
mod script_descriptors;
mod side_effects;
mod stopped_runs;
mod weak_containers;

/// A loop that calls `step(n)`, is killed, and resumes from a checkpoint.
const LOOP: &str = "
for n in range(6):
    step(n)
    if n == 1:
        checkpoint()
    if n == 3:
        kill(1)
";

/// The same without a step of the caller's.
const KILLED_LOOP: &str = "
for n in range(6):
    if n == 1:
        checkpoint()
    if n == 3:
        kill(1)
";

/// Steps that read a line of a file each, by an expression, before and after the script is killed.
fn reads_lines(line: &str) -> String {
    format!(
        "
for n in range(6):
    seen.append({line})
    if n == 2:
        checkpoint()
    if n == 3:
        kill(1)
print(seen)
"
    )
}

/// Functions for scripts: `checkpoint()` asks for a checkpoint at the end of the step, and `kill(n)` ends the n-th of
/// the processes that run the script.
const STEPS: &str = "
import os as _os, signal as _signal
def _process():
    with open('processes') as file:
        return len(file.read())
def checkpoint():
    if _process():
        _os.kill(_os.getpid(), _signal.SIGUSR1)
def kill(process, how=_signal.SIGKILL):
    if _process() == process:
        _os.kill(_os.getpid(), how)
";

/// Runs `script.py` until it finishes, at most as often as given.
fn run_to_the_end(sandbox: &Sandbox, options: &[&str], most: usize) -> Vec<Run> {
    let mut runs = Vec::new();
    for number in 1..=most {
        sandbox.write("processes", "x".repeat(number));
        let words: Vec<&str> = ["run"].iter().chain(options).chain(&["script.py"]).copied().collect();
        runs.push(sandbox.snapcli(&words));
        if runs.last().is_some_and(|run| run.ending() == "exit 0") {
            return runs;
        }
    }
    panic!("not finished:\n{}", runs.iter().map(Run::whole).collect::<String>());
}

/// Checks that a script, which prints only at its end and is killed in all processes but the last, prints the same as
/// without interruption.
fn assert_same(script: &str, processes: usize) -> Vec<Run> {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    sandbox.write("processes", "");
    let expected = sandbox.python(&["script.py"]);
    expected.assert_code(0);
    let runs = run_to_the_end(&sandbox, &[], processes);
    let all: String = runs.iter().map(Run::whole).collect();
    assert_eq!(runs.len(), processes, "{all}");
    assert_eq!(runs[processes - 1].out(), expected.out(), "{all}");
    runs
}

/// Checks that what a script sets is there at its end as without interruption, without a message about a loss.
fn assert_comes_back(set: &str, end: &str) {
    let runs = assert_same(&format!("{set}\n{KILLED_LOOP}\n{end}\n"), 2);
    assert!(runs[1].err().contains("resuming at line"), "{set}\n{}", runs[0].err());
    assert!(!runs[0].err().contains("does not"), "{set}\n{}", runs[0].err());
}
