//! Inspecting a foreign pickle describes each variable as it would be after loading, without loading anything.
//! `foreign/compare.py` loads the files, and prints the differences.

use std::fs;

use serde_json::{Map, Value};

use crate::env::{Run, Sandbox, Stack, main_python, pythons, venv};

const DUMPS: &str = include_str!("foreign/dumps.py");
const MIXED: &str = include_str!("foreign/mixed.py");
const FRAMES: &str = include_str!("foreign/frames.py");
const COMPARE: &str = include_str!("foreign/compare.py");

/// A session's name, its script, and the replacements that make it small.
type Session = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The sessions of the benchmark.
const SESSIONS: [Session; 6] = [
    ("records", include_str!("../../benches/peers/session_records.py"), &[("200_000", "2_000")]),
    (
        "integers",
        include_str!("../../benches/peers/session_integers.py"),
        &[("range(2_000_000", "range(20_000"), ("500_000", "5_000")],
    ),
    ("instances", include_str!("../../benches/peers/session_instances.py"), &[("100_000", "1_000")]),
    ("functions", include_str!("../../benches/peers/session_functions.py"), &[("2_000", "50")]),
    ("frame", include_str!("../../benches/peers/session_frame.py"), &[("1_000_000", "1_000")]),
    ("array", include_str!("../../benches/peers/session_array.py"), &[("64 * 1024 * 1024", "64 * 1024")]),
];
/// The last line of each session, which starts the measurement.
const MEASURE: &str = "__import__(\"measure\").run()\n";

fn inspect(sandbox: &Sandbox, file: &str) -> Run {
    // No Python can be found.
    let run = sandbox.call_snapcli(&["inspect", "--json", file]).env("PATH", "").run();
    run.assert_code(0);
    run
}

/// Runs a script and compares all files that it wrote. Returns their number.
fn compare(sandbox: &Sandbox, script: &str) -> usize {
    sandbox.write("script.py", script);
    sandbox.write("compare.py", COMPARE);
    sandbox.python(&["script.py"]).assert_code(0);
    let names = fs::read_dir(sandbox.work()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<String> = names.filter(|name| name.ends_with(".pkl")).collect();
    let answers: Map<String, Value> = files.iter().map(|file| (file.clone(), inspect(sandbox, file).json())).collect();
    let run = sandbox.call_python(&["compare.py"]).stdin(Value::from(answers).to_string()).run();
    run.assert_code(0).assert_stdout("");
    files.len()
}

#[test]
fn the_six_benchmark_sessions_are_described_as_loading_shows_them() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    for (name, text, small) in SESSIONS {
        let script = small.iter().fold(text.replace(MEASURE, ""), |script, (large, small)| {
            assert!(script.contains(large), "{name} has no {large}");
            script.replace(large, small)
        });
        sandbox.clear();
        assert_eq!(compare(&sandbox, &format!("{script}{DUMPS}")), 14, "{name}");
    }
}

#[test]
fn values_of_all_kinds_are_described_as_loading_shows_them() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    assert_eq!(compare(&sandbox, &format!("{MIXED}{FRAMES}{DUMPS}")), 14);
}

#[test]
fn values_are_described_as_every_python_shows_them() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        assert_eq!(compare(&sandbox, &format!("{MIXED}{DUMPS}")), 13, "{}", python.label());
    }
}
