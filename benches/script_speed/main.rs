//! `cargo bench --bench script_speed`: whether a script runs as fast under `snapcli save` as under `python`.
//!
//! Scripts that call functions, loop or allocate (`work.py`) measure their own processor time. Loops of 10 million
//! iterations (`loops.py`) do so under `snapcli run`, which makes each iteration the end of a step. Runs of both
//! programs alternate, and the fastest run of each counts: what else the machine does only makes a run slower.
//!
//! `SNAPCLI_TEST_PROGRAM` names another program to measure, such as that of an installed wheel; arguments name Pythons.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../tests/integration"]
mod integration {
    #[allow(dead_code, unused_imports, reason = "the tests need more of it")]
    pub(crate) mod env;
}

use std::path::{Path, PathBuf};

use integration::env::{Call, Sandbox, main_python};

const KINDS: [&str; 3] = ["calls", "loops", "allocations"];
const LOOPS: [&str; 8] = ["range", "list", "enumerate", "dict", "while", "inner", "range-function", "list-function"];
const RUNS: usize = 15;

fn main() {
    let mut pythons: Vec<PathBuf> = std::env::args().skip(1).filter(|word| word != "--bench").map(Into::into).collect();
    if pythons.is_empty() {
        pythons.push(main_python().executable.clone());
    }
    println!("{:<15} {:>9} {:>9} {:>7}  python", "script", "python", "snapcli", "ratio");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/script_speed/work.py");
    let loops = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/script_speed/loops.py");
    for python in &pythons {
        let sandbox = Sandbox::with(python.clone());
        for kind in KINDS {
            let bare = || seconds(sandbox.call_python(&[script, kind]));
            let ours = || seconds(sandbox.call_snapcli(&["save", "-q", "-o", "speed.pkl", script, kind]));
            print_fastest(kind, bare, ours, python);
        }
        for kind in LOOPS {
            let bare = || seconds(sandbox.call_python(&[loops, kind]));
            let run = ["run", "-q", "--fresh", "-o", "speed.snaps", loops, kind];
            print_fastest(kind, bare, || seconds(sandbox.call_snapcli(&run)), python);
        }
    }
}

fn print_fastest(kind: &str, bare: impl Fn() -> f64, ours: impl Fn() -> f64, python: &Path) {
    let (bare, ours): (Vec<_>, Vec<_>) = (0..RUNS).map(|_| (bare(), ours())).unzip();
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
