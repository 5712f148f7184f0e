//! `cargo bench --bench peers`: snapcli compared with dill, C pickle, cloudpickle and joblib.
//! Prints tables of ratios and memory.
//!
//! Each session is a script (`session_*.py`) that snapcli runs. At its end it is saved and loaded by all peers in turn
//! (`measure.py`), so that all figures come from one process. Compare only the ratios between machines; the seconds
//! show how noisy the measurement is. A figure that misses its target is marked, but is not a failure.
//!
//! `-- records array` measures only these sessions, `-- inspect` only the inspection of files, and `-- --quick`
//! measures one round. Needs 2 GB of memory and 3 GB of disk.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod inspect_speed;
mod process_cost;
mod results;
mod table;
mod tables;

#[path = "../../tests/integration"]
mod integration {
    #[allow(dead_code, unused_imports, reason = "the tests need more of it")]
    pub(crate) mod env;
}

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use integration::env::{Sandbox, Stack, main_python, venv};
use results::{Measured, SESSIONS, Session};

/// The options on the command line.
struct Options {
    quick: bool,
    inspect: bool,
    sessions: Vec<&'static Session>,
}

fn main() {
    match parse_options(std::env::args().skip(1)) {
        Ok(options) => std::process::exit(i32::from(!run(&options))),
        Err(message) => {
            eprintln!("{message}");
            std::process::exit(2);
        }
    }
}

fn parse_options(words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { quick: false, inspect: false, sessions: Vec::new() };
    for word in words {
        match word.as_str() {
            // cargo passes this to every benchmark.
            "--bench" => {}
            "--quick" => options.quick = true,
            "inspect" => options.inspect = true,
            name => options.sessions.push(SESSIONS.iter().find(|session| session.name == name).ok_or_else(|| {
                let names: Vec<_> = SESSIONS.iter().map(|session| session.name).collect();
                format!("{name} is no session: name some of {}, inspect, or --quick", names.join(", "))
            })?),
        }
    }
    if options.sessions.is_empty() && !options.inspect {
        options.inspect = true;
        options.sessions = SESSIONS.iter().collect();
    }
    Ok(options)
}

/// Returns whether all sessions could be measured; the figures themselves do not matter.
fn run(options: &Options) -> bool {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    // On the project's disk, because the directory for temporary files may be in memory.
    let scratch = tempfile::Builder::new().prefix("peers-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let turns = if options.quick { 5 } else { 30 };

    let mut sessions = Vec::new();
    for session in &options.sessions {
        progress(&format!("measuring {}", session.name));
        let measured = measure(&sandbox, scratch.path(), session, options.quick);
        sessions.extend(measured.map(|measured| (*session, measured)));
    }
    let mut processes = Vec::new();
    if !options.sessions.is_empty() {
        progress("measuring whole processes");
        processes.push(process_cost::save(&sandbox, turns));
    }
    if sessions.iter().any(|(session, _)| session.name == "array") {
        processes.extend(process_cost::restore(&sandbox, &snapshot(scratch.path(), "array"), turns));
    }

    let mut inspected = Vec::new();
    if options.inspect {
        progress("measuring inspections of files");
        inspected = inspect_speed::measure(&sandbox, if options.quick { 3 } else { 15 });
    }

    // A reader that closes the pipe is not an error.
    let _ = tables::print_all(&mut std::io::stdout().lock(), &sessions, &processes, &inspected);
    sessions.len() == options.sessions.len() && inspected.is_empty() != options.inspect
}

/// Runs a session's script. The snapshot of the array session is kept, for the restores of whole processes. A session
/// that fails loses only its rows.
fn measure(sandbox: &Sandbox, scratch: &Path, session: &Session, quick: bool) -> Option<Measured> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/peers/session_{}.py", session.name));
    let folder = scratch.join("files");
    std::fs::create_dir(&folder).unwrap();
    let (answer, output) = (scratch.join("answer.json"), snapshot(scratch, session.name));
    let mut words = vec!["save".into(), "--quiet".into(), "-o".into(), output];
    if session.name != "array" {
        words.extend(["--exclude".into(), "*".into()]);
    }
    words.extend([script, answer.clone(), folder.clone(), if quick { "quick" } else { "full" }.into()]);
    // Long enough for a slow disk or a busy machine.
    let call = sandbox.call_snapcli(&words).env("PYTHONDONTWRITEBYTECODE", "1").timeout(Duration::from_secs(1200));
    let run = call.run();
    std::fs::remove_dir_all(folder).unwrap();
    if !run.status.success() {
        eprintln!("{}", run.whole());
        return None;
    }
    Some(serde_json::from_slice(&std::fs::read(answer).unwrap()).unwrap())
}

fn snapshot(scratch: &Path, session: &str) -> PathBuf {
    scratch.join(format!("{session}.pkl"))
}

fn progress(text: &str) {
    eprintln!("{text} …");
    let _ = std::io::stderr().flush();
}
