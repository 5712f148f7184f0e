//! Runs a case twice in the same folder, under `python` and under `snapcli save -q`, and compares all there is to
//! see: both streams and the exit status byte for byte, and which files are there afterwards.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::case::Case;
use crate::env::{Call, Python, Run, Sandbox, Stack, Tier, all_pythons, line_diff, venv};
use crate::skipped::skipped;

/// Where the scripts of a group lie.
pub(super) fn scripts(group: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/scripts").join(group)
}

/// Fails, with all that is needed to see why, unless the Pythons of this tier run the case as snapcli does.
pub(super) fn compare(group: &str, name: &str, case: &Case) {
    let mut pythons: Vec<&Python> = all_pythons().iter().filter(|python| python.version >= case.since).collect();
    if pythons.is_empty() {
        return skipped(&format!("needs Python {}.{}", case.since.0, case.since.1));
    }
    if Tier::chosen() == Tier::Quick {
        pythons.truncate(1);
    }
    let mut failures = String::new();
    for python in pythons {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        if let Err(failure) = compare_in(&sandbox, group, case) {
            let executable = python.executable.display();
            writeln!(failures, "==== {name} under Python {} ({executable})\n{failure}", python.label()).unwrap();
        }
    }
    assert!(failures.is_empty(), "snapcli does not run it as python does\n{failures}{}", source(group, case));
}

/// What a program left behind.
struct Outcome {
    run: Run,
    files: BTreeSet<String>,
}

fn compare_in(sandbox: &Sandbox, group: &str, case: &Case) -> Result<(), String> {
    let python = run_python(sandbox, group, case);
    let snapcli = run_snapcli(sandbox, group, case);
    let mut differences = python.run.differences("python", &snapcli.run, "snapcli");
    differences += &line_diff("files after python", &list(&python.files), "after snapcli", &list(&snapcli.files));
    differences += &snapshots_amiss(sandbox, &snapcli.run);
    if differences.is_empty() {
        return Ok(());
    }
    let again = run_python(sandbox, group, case);
    if !python.run.differences("python", &again.run, "again").is_empty() {
        differences += "and python does not do the same twice: the script is no good for a comparison\n";
    }
    Err(format!("{differences}{}{}", shorten(&python.run.whole()), shorten(&snapcli.run.whole())))
}

fn run_python(sandbox: &Sandbox, group: &str, case: &Case) -> Outcome {
    lay_out(sandbox, group, case);
    let words = command_line(case, sandbox);
    finish(sandbox.call_python(&words), sandbox, case)
}

fn run_snapcli(sandbox: &Sandbox, group: &str, case: &Case) -> Outcome {
    lay_out(sandbox, group, case);
    // Not in the working folder, so that a script that lists it sees what it sees under python.
    let snapshot = sandbox.out().join("session.pkl");
    let mut words = ["save", "-q", "-o", snapshot.to_str().unwrap()].map(str::to_owned).to_vec();
    words.extend(command_line(case, sandbox));
    finish(sandbox.call_snapcli(&words), sandbox, case)
}

fn finish(mut call: Call, sandbox: &Sandbox, case: &Case) -> Outcome {
    for (name, value) in case.environment {
        call = call.env(name, Case::fill_in(value, sandbox));
    }
    let run = call.stdin(case.stdin).stdout(case.stdout).run();
    let mut files = BTreeSet::new();
    collect_files(&sandbox.work(), Path::new(""), &mut files);
    Outcome { run, files }
}

fn command_line(case: &Case, sandbox: &Sandbox) -> Vec<String> {
    case.target.iter().chain(case.arguments).map(|word| Case::fill_in(word, sandbox)).collect()
}

/// Makes the working folder anew, the same for both programs.
fn lay_out(sandbox: &Sandbox, group: &str, case: &Case) {
    sandbox.clear();
    for name in case.files {
        copy(&scripts(group).join(name), &sandbox.work().join(name));
    }
    if let Some((name, content)) = case.written {
        sandbox.write(name, content);
    }
    if !case.before.is_empty() {
        let run = sandbox.python(&["-c", case.before]);
        assert!(run.status.success(), "the case cannot be prepared\n{}", run.whole());
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).unwrap();
        for entry in from.read_dir().unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::copy(from, to).unwrap_or_else(|error| panic!("{} cannot be copied: {error}", from.display()));
    }
}

/// A script that ended well is saved; and nothing but a snapshot is ever left where snapshots go.
fn snapshots_amiss(sandbox: &Sandbox, run: &Run) -> String {
    let mut files = BTreeSet::new();
    collect_files(&sandbox.out(), Path::new(""), &mut files);
    let mut amiss = String::new();
    if run.status.success() && !files.contains("session.pkl") {
        amiss += "the script ended well, but session.pkl was not written\n";
    }
    for file in files.iter().filter(|file| !["session.pkl", "session.crash.pkl"].contains(&file.as_str())) {
        writeln!(amiss, "{file} was left beside the snapshot").unwrap();
    }
    amiss
}

fn collect_files(root: &Path, below: &Path, files: &mut BTreeSet<String>) {
    for entry in root.join(below).read_dir().unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            collect_files(root, &path, files);
        }
        files.insert(path.to_str().unwrap().to_owned());
    }
}

fn list(files: &BTreeSet<String>) -> String {
    files.iter().fold(String::new(), |list, file| list + file + "\n")
}

/// The script, for the message.
fn source(group: &str, case: &Case) -> String {
    for name in case.files {
        if let Ok(text) = fs::read_to_string(scripts(group).join(name)) {
            return format!("---- scripts/{group}/{name}\n{text}");
        }
    }
    format!("---- {case:?}\n")
}

/// What a person would read of it.
fn shorten(text: &str) -> String {
    const LINES: usize = 200;
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.len() > LINES {
        lines.splice(LINES / 2..lines.len() - LINES / 2, ["    (and more, left out here)"]);
    }
    lines.iter().map(|line| line.chars().take(500).chain(['\n']).collect::<String>()).collect()
}
