//! Runs a case twice in the same directory, under `python` and under `snapcli save -q`, and compares stdout, stderr and
//! exit status byte for byte, and the names of the files that it leaves.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::case::Case;
use crate::env::{Call, Python, Run, Sandbox, Stack, Tier, all_pythons, line_diff, venv};
use crate::skipped::skipped;

/// The directory of a group's scripts.
pub(super) fn scripts(group: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/scripts").join(group)
}

/// Fails, with both runs and the script in the message, unless snapcli runs the case as each Python of this tier does.
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

/// A run, and the files it left.
struct Outcome {
    run: Run,
    files: BTreeSet<String>,
}

fn compare_in(sandbox: &Sandbox, group: &str, case: &Case) -> Result<(), String> {
    let python = run_python(sandbox, group, case);
    let in_steps = compare_in_steps(sandbox, group, case, &python);
    let mut snapcli = run_snapcli(sandbox, group, case);
    leave_out_report(&mut snapcli.run.stderr);
    let mut differences = python.run.differences("python", &snapcli.run, "snapcli");
    differences += &line_diff("files after python", &list(&python.files), "after snapcli", &list(&snapcli.files));
    differences += &unexpected_files(sandbox, &snapcli.run);
    differences += &in_steps;
    if differences.is_empty() {
        return Ok(());
    }
    let again = run_python(sandbox, group, case);
    if !python.run.differences("python", &again.run, "again").is_empty() {
        differences += "and python does not do the same twice: the script is no good for a comparison\n";
    }
    Err(format!("{differences}{}{}", shorten(&python.run.whole()), shorten(&snapcli.run.whole())))
}

/// Leaves out the line about a script that ends its own process, which is all that snapcli adds to its output.
fn leave_out_report(stderr: &mut Vec<u8>) {
    let is_report = |line: &&[u8]| {
        line.starts_with(b"snapcli: the script ended its process before its end")
            || line.starts_with(b"snapcli: the script has another program run in its place")
    };
    *stderr =
        stderr.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_report(line)).flatten().copied().collect();
}

/// Groups and scripts that `snapcli run` does not run exactly as `python` does, each with the reason.
const OTHERWISE_IN_STEPS: [(&str, &str); 10] = [
    ("signals", "Ctrl-C and SIGTERM end a run after the step, with a checkpoint and without a KeyboardInterrupt"),
    ("interrupted.py", "the same in asyncio, which handles Ctrl-C itself only from Python 3.11"),
    ("fork.py", "lists its directory, which has the store, and its child ends by Ctrl-C"),
    ("recursion.py", "a call that is taken in steps counts as two for the recursion limit: C code is between"),
    ("recursion_depth.py", "counts the same calls"),
    ("traced.py", "a trace function is called once more for the line of a `for` loop, which is two loops"),
    ("deleted_at_exit.py", "the run saves the session at its end, so what the script has left is deleted later"),
    ("unraisable.py", "prints when such an object is deleted"),
    ("loaded_modules.py", "lists modules, and dill is loaded to save the session"),
    ("process.py", "lists descriptors, and the lock of the store is one"),
];

/// The differences to `snapcli run`, for a script that it takes. Its notes are left out, and it adds no file but its
/// store.
fn compare_in_steps(sandbox: &Sandbox, group: &str, case: &Case, python: &Outcome) -> String {
    let is_other = |name: &str| OTHERWISE_IN_STEPS.iter().any(|(other, _)| *other == name);
    if is_other(group) || case.target.first().is_some_and(|name| is_other(name)) {
        return String::new();
    }
    lay_out(sandbox, group, case);
    let is_plain = |path: &str| path.ends_with(".py") && sandbox.work().join(path).is_file();
    if !case.target.first().is_some_and(|target| is_plain(&Case::fill_in(target, sandbox))) {
        return String::new();
    }
    let store = sandbox.out().join("run.snaps/");
    let mut words = ["run", "-q", "-o", store.to_str().unwrap()].map(str::to_owned).to_vec();
    words.extend(command_line(case, sandbox));
    let mut in_steps = finish(sandbox.call_snapcli(&words), sandbox, case);
    let is_note = |line: &&[u8]| line.starts_with(b"snapcli: ");
    let lines = in_steps.run.stderr.split_inclusive(|byte| *byte == b'\n');
    in_steps.run.stderr = lines.filter(|line| !is_note(line)).flatten().copied().collect();
    let differences = python.run.differences("python", &in_steps.run, "snapcli run");
    differences + &line_diff("files after python", &list(&python.files), "after snapcli run", &list(&in_steps.files))
}

fn run_python(sandbox: &Sandbox, group: &str, case: &Case) -> Outcome {
    lay_out(sandbox, group, case);
    let words = command_line(case, sandbox);
    finish(sandbox.call_python(&words), sandbox, case)
}

fn run_snapcli(sandbox: &Sandbox, group: &str, case: &Case) -> Outcome {
    lay_out(sandbox, group, case);
    // Outside the working directory, so that a script that lists it sees the same as under python.
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

/// Creates the same new working directory for both programs.
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

/// The script is saved if it succeeds, and no file but a snapshot is left in the directory of the snapshot.
fn unexpected_files(sandbox: &Sandbox, run: &Run) -> String {
    let mut files = BTreeSet::new();
    collect_files(&sandbox.out(), Path::new(""), &mut files);
    let mut unexpected = String::new();
    if run.status.success() && !files.contains("session.pkl") {
        unexpected += "the script ended well, but session.pkl was not written\n";
    }
    for file in files.iter().filter(|file| !["session.pkl", "session.crash.pkl"].contains(&file.as_str())) {
        writeln!(unexpected, "{file} was left beside the snapshot").unwrap();
    }
    unexpected
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

/// The source of the script, for the failure message.
fn source(group: &str, case: &Case) -> String {
    for name in case.files {
        if let Ok(text) = fs::read_to_string(scripts(group).join(name)) {
            return format!("---- scripts/{group}/{name}\n{text}");
        }
    }
    format!("---- {case:?}\n")
}

/// Shortens long output for the failure message.
fn shorten(text: &str) -> String {
    const LINES: usize = 200;
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.len() > LINES {
        lines.splice(LINES / 2..lines.len() - LINES / 2, ["    (and more, left out here)"]);
    }
    lines.iter().map(|line| line.chars().take(500).chain(['\n']).collect::<String>()).collect()
}
