//! A short fuzzing run: no input makes the code that reads files panic or hang. The seeds of `tests/fuzz`, and the same
//! mutations of them in each run, go through the functions that the fuzzer calls. `tests/fuzz/run` starts the fuzzer.

mod mutations;
mod targets;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use std::{fs, thread};

use self::mutations::Mutations;
use crate::skipped::skipped;

/// The time after which an input counts as a hang. Most take a thousandth of it, but other tests run at the same time.
const MOST: Duration = Duration::from_secs(20);
/// The length in bytes that mutations may grow to.
const LENGTH: usize = 16 << 10;

/// The seeds of a target, sorted by path. `None` in a package from the registry: cargo leaves out `tests/fuzz`, because
/// it has its own Cargo.toml.
fn seeds(target: &str) -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    if !fuzz.exists() {
        return None;
    }
    let mut paths: Vec<PathBuf> =
        fs::read_dir(fuzz.join("seeds").join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{target}");
    Some(paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect())
}

/// Runs each seed of a target and `changes` mutations of it. Reports an input that panics or hangs by its seed and the
/// number of the mutation, and keeps it in cargo's temporary directory.
fn run(target: &str, run: fn(&[u8]), changes: usize) {
    let Some(seeds) = seeds(target) else { return skipped("this copy of the source has no tests/fuzz") };
    let (sender, receiver) = channel();
    let worker = thread::spawn(move || {
        for (index, (path, seed)) in seeds.iter().enumerate() {
            let other = &seeds[(index + 1) % seeds.len()].1;
            for (number, input) in Mutations::of(seed, other, LENGTH).take(changes + 1).enumerate() {
                sender.send((path.clone(), number, input.clone())).unwrap();
                run(&input);
            }
        }
    });
    let mut current = None;
    let mut since = Instant::now();
    let failed = loop {
        match receiver.recv_timeout(MOST.saturating_sub(since.elapsed())) {
            Ok(input) => (current, since) = (Some(input), Instant::now()),
            Err(RecvTimeoutError::Timeout) => break "hangs",
            Err(RecvTimeoutError::Disconnected) if worker.join().is_err() => break "panics",
            Err(RecvTimeoutError::Disconnected) => return,
        }
    };
    let (path, number, input) = current.unwrap();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{target}-{failed}"));
    fs::write(&kept, input).unwrap();
    panic!("{target} {failed} at change {number} of {}, kept as {}", path.display(), kept.display());
}

#[test]
fn the_parser_survives_any_bytes() {
    run("parser", targets::parser, 1000);
}

#[test]
fn the_machine_survives_any_bytes() {
    run("machine", targets::machine, 8);
}

#[test]
fn the_planner_survives_any_bytes() {
    run("plan", targets::plan, 8);
}

#[test]
fn the_snapshot_reader_survives_any_bytes() {
    run("snapshot", targets::snapshot, 4);
}

#[test]
fn diff_survives_any_bytes() {
    run("diff", targets::diff, 15);
}
