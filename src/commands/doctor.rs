//! `snapcli doctor`: look at every Python, at its library, at dill, and tell what a save would use.
//!
//! It changes nothing: no dill is installed, no second start is made. Only the answers of the Pythons are kept
//! in the cache, as every command does.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::exit;
use crate::python::discover::{self, Candidate, Choice, Outcome, Source};
use crate::python::probe::Interpreter;
use crate::python::{dill_home, libpython};
use crate::report;
use crate::report::doctor::{
    CandidateReport, DillReport, DillState, DoctorReport, FolderReport, KeyReport, LibpythonReport, PythonReport,
};
use crate::snapshot::index::SCHEMA;
use crate::snapshot::trust::{self, Key};

/// What was asked.
pub struct Options {
    /// Print JSON.
    pub json: bool,
    /// What `--python` names.
    pub python: Option<String>,
}

/// Writes the answer, and returns the exit code: 0 where a Python is usable.
///
/// # Errors
/// Those of the writer.
pub fn run(explicit: Option<&str>, json: bool, out: &mut dyn Write) -> Result<i32> {
    let choice = discover::survey(explicit);
    let report = gather(&choice);
    if json {
        report::json(out, &report)?;
    } else {
        report.write_text(out)?;
    }
    Ok(if report.python.is_some() { exit::DONE } else { exit::NO_PYTHON })
}

fn gather(choice: &Choice) -> DoctorReport {
    let interpreter = choice.interpreter();
    DoctorReport {
        schema: SCHEMA,
        snapcli: env!("CARGO_PKG_VERSION").to_owned(),
        python: interpreter.zip(choice.chosen).map(|(python, index)| chosen(python, &choice.candidates[index])),
        candidates: candidates(choice),
        libpython: library(interpreter),
        dill: interpreter.map(dill),
        key: key(),
        folders: FolderReport {
            cache: dirs::cache_dir().map(|folder| text(&folder.join("snapcli"))),
            data: dirs::data_dir().map(|folder| text(&folder.join("snapcli"))),
            config: dirs::config_dir().map(|folder| text(&folder.join("snapcli"))),
        },
    }
}

fn key() -> KeyReport {
    let found = Key::existing();
    let variable = std::env::var_os(trust::KEY_VARIABLE).filter(|value| !value.is_empty());
    KeyReport {
        place: variable.map(|_| trust::KEY_VARIABLE.to_owned()).or_else(|| trust::place().map(|path| text(&path))),
        found: matches!(found, Ok(Some(_))),
        error: found.err().map(|error| error.to_string()),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn chosen(python: &Interpreter, candidate: &Candidate) -> PythonReport {
    PythonReport {
        executable: text(&python.executable),
        version: python.version_text.clone(),
        prefix: text(&python.prefix),
        base_prefix: text(&python.base_prefix),
        platform: python.platform.clone(),
        machine: python.machine.clone(),
        source: candidate.source.to_string(),
    }
}

fn candidates(choice: &Choice) -> Vec<CandidateReport> {
    let all = choice.candidates.iter().enumerate();
    all.map(|(index, candidate)| {
        let chosen = choice.chosen == Some(index);
        let (usable, version, reason) = match &candidate.outcome {
            Outcome::Usable(python) => {
                (true, Some(python.version_text.clone()), (!chosen).then(|| passed_over(choice, candidate)))
            }
            Outcome::Unusable(why) => (false, None, Some(why.to_string())),
            Outcome::NotTried(why) => (false, None, Some(why.clone())),
        };
        CandidateReport {
            source: candidate.source.to_string(),
            path: text(&candidate.path),
            chosen,
            usable,
            version,
            reason,
        }
    })
    .collect()
}

/// Why a Python that would do is not taken.
fn passed_over(choice: &Choice, candidate: &Candidate) -> String {
    if candidate.source == Source::Elsewhere {
        "not looked for: name it with --python to use it".to_owned()
    } else if choice.chosen.is_some() {
        "usable, but comes later".to_owned()
    } else {
        "not taken, as what was named comes first and is unusable".to_owned()
    }
}

fn library(interpreter: Option<&Interpreter>) -> LibpythonReport {
    let loaded = libpython::loaded();
    let differs = interpreter.map(libpython::differs).transpose();
    let error = loaded.as_ref().err().or(differs.as_ref().err()).map(|error| format!("{error:#}"));
    LibpythonReport {
        loaded: loaded.ok().map(|path| text(&path)),
        wanted: interpreter.and_then(|python| python.library.as_deref()).map(text),
        restart: differs.ok().flatten().unwrap_or(false),
        error,
    }
}

fn dill(python: &Interpreter) -> DillReport {
    if let Some((version, file)) = ask_for_dill(&python.executable) {
        return DillReport { state: DillState::Environment, version, path: Some(file) };
    }
    let home = dill_home::folder((python.version.0, python.version.1));
    let state = if home.as_deref().is_some_and(dill_home::is_installed) {
        DillState::Private
    } else if dill_home::is_forbidden() {
        DillState::Forbidden
    } else {
        DillState::WouldInstall
    };
    DillReport { state, version: dill_home::VERSION.to_owned(), path: home.as_deref().map(text) }
}

/// Imported, not looked up: a dill that does not import is none. `-c` puts the working folder first in the path,
/// where a script has its own folder: what lies here is not what a script would find.
fn ask_for_dill(python: &Path) -> Option<(String, String)> {
    const QUESTION: &str = "import json, sys\n\
        sys.path[:] = [folder for folder in sys.path if folder]\n\
        import dill\n\
        print(json.dumps((dill.__version__, dill.__file__)))";
    let mut command = Command::new(python);
    command.args(["-c", QUESTION]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    let answer = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(answer.lines().last()?).ok()
}
