//! `cargo bench --bench ecosystem`: what snapcli, cloudpickle and dill bring back of sessions with the values of many
//! libraries.
//!
//! Each `sessions/session_*.py` holds typical objects of one library, and an expression of each one's content.
//! `compare.py` saves and restores them, and prints which come back equal, and what becomes of the others. It runs on
//! the Python of the active virtual environment, which should have the libraries of `requirements.txt`; a session whose
//! library is missing is skipped.
//!
//! `-- polars jax` runs only these sessions, `-- --jobs 1` one at a time. `SNAPCLI_TEST_PROGRAM` names another build of
//! snapcli.
#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match compare() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether all sessions could be run; how many values came back does not matter.
fn compare() -> Result<bool, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/ecosystem");
    let program = std::env::var_os("SNAPCLI_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_snapcli").into());
    let python = python()?;
    // cargo passes `--bench` to every benchmark.
    let words = std::env::args_os().skip(1).filter(|word| word != "--bench");
    let mut command = Command::new(&python);
    command.arg(folder.join("compare.py")).arg("--snapcli").arg(program).args(words);
    let status = command.env("PYTHONDONTWRITEBYTECODE", "1").status();
    Ok(status.map_err(|error| format!("cannot run {}: {error}", python.display()))?.success())
}

fn python() -> Result<PathBuf, String> {
    let active = std::env::var_os("VIRTUAL_ENV").filter(|folder| !folder.is_empty()).ok_or(
        "no virtual environment is active: make one, install benches/ecosystem/requirements.txt in it, and activate it",
    )?;
    Ok(Path::new(&active).join("bin/python"))
}
