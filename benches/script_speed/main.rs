//! `cargo bench --bench script_speed`: whether a script runs as fast under `snapcli save` as under `python`.
//!
//! Scripts that call functions, loop or allocate (`work.py`) measure their own processor time. Loops of 10 million
//! iterations (`loops.py`) do so under `snapcli run`, which makes each iteration the end of a step. Runs of both
//! programs alternate, and the fastest run of each counts: what else the machine does only makes a run slower.
//!
//! `checkpoints.py` has 1 GB of memory, which it writes into all the time, and measures the time on the clock: `snapcli
//! run` makes a checkpoint of it every 60 s. That takes some minutes.
//!
//! `--quick` runs everything fewer times. `--only NAME` measures one script or loop, or `checkpoints`.
//! `SNAPCLI_TEST_PROGRAM` names another program to measure, such as that of an installed wheel; other arguments name
//! Pythons.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../tests/integration"]
mod integration {
    #[allow(dead_code, unused_imports, reason = "the tests need more of it")]
    pub(crate) mod env;
}

use std::path::{Path, PathBuf};
use std::time::Duration;

use integration::env::{Call, Sandbox, main_python};

const KINDS: [&str; 3] = ["calls", "loops", "allocations"];
const LOOPS: [&str; 8] = ["range", "list", "enumerate", "dict", "while", "inner", "range-function", "list-function"];
const TIME_LIMIT: Duration = Duration::from_secs(1200);
/// How many seconds the work of `checkpoints.py` takes: long enough for two checkpoints, or one with `--quick`.
const WORK: [f64; 2] = [130.0, 75.0];

/// What to measure, and how often.
struct Choice {
    only: Option<String>,
    is_quick: bool,
}

impl Choice {
    fn has(&self, kind: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == kind)
    }
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut choice = Choice { only: None, is_quick: false };
    let mut pythons: Vec<PathBuf> = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => choice.is_quick = true,
            "--only" => choice.only = words.next(),
            _ => pythons.push(word.into()),
        }
    }
    if pythons.is_empty() {
        pythons.push(main_python().executable.clone());
    }
    println!("{:<15} {:>9} {:>9} {:>7}  python", "script", "python", "snapcli", "ratio");
    pythons.iter().for_each(|python| measure(python, &choice));
}

fn measure(python: &Path, choice: &Choice) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/script_speed/work.py");
    let loops = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/script_speed/loops.py");
    let checkpoints = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/script_speed/checkpoints.py");
    let sandbox = Sandbox::with(python.to_owned());
    let runs = if choice.is_quick { 3 } else { 15 };
    for kind in KINDS.iter().filter(|kind| choice.has(kind)) {
        let bare = || seconds(sandbox.call_python(&[script, kind]));
        let ours = || seconds(sandbox.call_snapcli(&["save", "-q", "-o", "speed.pkl", script, kind]));
        print_fastest(kind, runs, bare, ours, python);
    }
    for kind in LOOPS.iter().filter(|kind| choice.has(kind)) {
        let bare = || seconds(sandbox.call_python(&[loops, kind]));
        let run = ["run", "-q", "--fresh", "-o", "speed.snaps", loops, kind];
        print_fastest(kind, runs, bare, || seconds(sandbox.call_snapcli(&run)), python);
    }
    if choice.has("checkpoints") {
        let tried = seconds(sandbox.call_python(&[checkpoints, "2000"]));
        let count = (2000.0 * WORK[usize::from(choice.is_quick)] / tried).round().to_string();
        let bare = || seconds(sandbox.call_python(&[checkpoints, &count]).timeout(TIME_LIMIT));
        let run = ["run", "-q", "--fresh", "--every", "60s", "-o", "speed.snaps", checkpoints, &count];
        let ours = || seconds(sandbox.call_snapcli(&run).timeout(TIME_LIMIT));
        print_fastest("checkpoints", if choice.is_quick { 1 } else { 3 }, bare, ours, python);
    }
}

fn print_fastest(kind: &str, runs: usize, bare: impl Fn() -> f64, ours: impl Fn() -> f64, python: &Path) {
    let (bare, ours): (Vec<_>, Vec<_>) = (0..runs).map(|_| (bare(), ours())).unzip();
    let (bare, ours) = (fastest(&bare), fastest(&ours));
    println!("{kind:<15} {bare:>7.4} s {ours:>7.4} s {:>7.3}  {}", ours / bare, python.display());
}

fn seconds(call: Call) -> f64 {
    let run = call.run();
    run.assert_code(0);
    run.out().trim().parse().unwrap()
}

fn fastest(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}
