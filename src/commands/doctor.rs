//! `snapcli doctor`: which Python, libpython, dill and key a save would use, and why.
//!
//! It changes nothing: it does not install dill, and does not restart itself. It only updates the cache of known
//! Pythons, as every command does.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::input_output::{stdout, stdout_style};
use crate::cli::{DoctorArgs, GlobalArgs};
use crate::exit;
use crate::python::discover::{self, Candidate, CandidateState, PythonChoice, PythonSource};
#[cfg(feature = "embed")]
use crate::python::libpython;
use crate::python::{Interpreter, StartWay, dill_install, preload};
use crate::report::answers::{FailureAnswer, SchemaVersion};
use crate::report::doctor_report::{
    CandidateReport, DillReport, DillState, DoctorReport, EngineReport, FolderReport, KeyReport, LibpythonReport,
    PythonReport, SettingReport, SettingsReport,
};
use crate::report::storage_report::StorageReport;
use crate::report::write_json;
use crate::settings::Settings;
use crate::snapshot::signature::{self, SigningKey};
use crate::ui::Verbosity;

/// Prints the report. Returns success only if a Python is usable.
pub(crate) fn run_command(args: &DoctorArgs, globals: &GlobalArgs, verbosity: Verbosity) -> Result<i32> {
    let choice = discover::survey(globals.python.as_deref());
    let mut report = gather(&choice, globals.no_config);
    report.failure = match (&report.python, &report.settings_error) {
        (None, _) => Some(FailureAnswer::of(&choice.error().into()).with_exit(exit::NO_PYTHON)),
        (Some(_), Some(error)) => Some(FailureAnswer::new(error, exit::USAGE)),
        (Some(_), None) => None,
    };
    let out = &mut stdout();
    if args.json {
        write_json(out, &report)?;
    } else if verbosity != Verbosity::Quiet {
        report.write_text(out, stdout_style())?;
    }
    Ok(match (&report.python, &report.settings_error) {
        (None, _) => exit::NO_PYTHON,
        (Some(_), Some(_)) => exit::USAGE,
        (Some(_), None) => exit::DONE,
    })
}

fn gather(choice: &PythonChoice, no_config: bool) -> DoctorReport {
    let settings = if no_config || Settings::are_off() { Ok(Settings::default()) } else { Settings::load() };
    let interpreter = choice.interpreter();
    let folder = |base: Option<std::path::PathBuf>| base.map(|base| display(&base.join("snapcli")));
    DoctorReport {
        schema: SchemaVersion,
        snapcli: env!("CARGO_PKG_VERSION").to_owned(),
        python: interpreter.zip(choice.chosen).map(|(python, index)| chosen(python, &choice.candidates[index])),
        candidates: candidates(choice),
        engine: interpreter.map(engine),
        libpython: library(interpreter),
        dill: interpreter.map(dill),
        key: key(),
        folders: FolderReport {
            cache: folder(dirs::cache_dir()),
            data: folder(dirs::data_dir()),
            config: folder(dirs::config_dir()),
        },
        object_storage: StorageReport::all(),
        settings: settings.as_ref().map(files_of).unwrap_or_default(),
        settings_error: settings
            .err()
            .map(|error| error.to_string().lines().map(str::trim).collect::<Vec<_>>().join("; ")),
        failure: None,
    }
}

fn files_of(settings: &Settings) -> Vec<SettingsReport> {
    let files = settings.files.iter().map(|file| {
        let values = file.settings.iter().map(|setting| SettingReport {
            name: setting.key.to_owned(),
            value: setting.value.to_string(),
            line: setting.line,
            applies: settings.applies(file, setting),
        });
        SettingsReport { path: display(&file.path), ignored: file.ignored.clone(), values: values.collect() }
    });
    files.collect()
}

fn key() -> KeyReport {
    let found = SigningKey::existing();
    let variable = std::env::var_os(signature::KEY_VARIABLE).filter(|value| !value.is_empty());
    KeyReport {
        path: variable.is_none().then(signature::key_path).flatten().map(|path| display(&path)),
        variable: variable.map(|_| signature::KEY_VARIABLE.to_owned()),
        found: matches!(found, Ok(Some(_))),
        error: found.err().map(|error| error.to_string()),
    }
}

fn display(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn chosen(python: &Interpreter, candidate: &Candidate) -> PythonReport {
    PythonReport {
        executable: display(&python.executable),
        version: python.version_text.clone(),
        prefix: display(&python.prefix),
        base_prefix: display(&python.base_prefix),
        platform: python.platform.clone(),
        machine: python.machine.clone(),
        source: candidate.source.to_string(),
    }
}

fn candidates(choice: &PythonChoice) -> Vec<CandidateReport> {
    let all = choice.candidates.iter().enumerate();
    all.map(|(index, candidate)| {
        let chosen = choice.chosen == Some(index);
        let (usable, version, reason) = match &candidate.state {
            CandidateState::Usable(python) => {
                let reason = if chosen { why_chosen(candidate) } else { Some(why_not_chosen(choice, candidate)) };
                (Some(true), Some(python.version_text.clone()), reason)
            }
            CandidateState::Unusable(why) => (Some(false), None, Some(why.to_string())),
            CandidateState::NotTried(why) => (None, None, Some(why.clone())),
        };
        CandidateReport {
            source: candidate.source.to_string(),
            path: display(&candidate.path),
            chosen,
            usable,
            version,
            reason,
        }
    })
    .collect()
}

/// Why the chosen Python is a candidate, where the name of the step does not say it.
fn why_chosen(candidate: &Candidate) -> Option<String> {
    let reason = match candidate.source {
        PythonSource::OwnNamed => "snapcli was started by its path in this environment",
        PythonSource::Own => "snapcli is installed in this environment",
        PythonSource::Tool => "no other Python was found: this environment is for snapcli alone",
        _ => return None,
    };
    Some(reason.to_owned())
}

/// Why a usable Python is not the chosen one.
fn why_not_chosen(choice: &PythonChoice, candidate: &Candidate) -> String {
    if candidate.source == PythonSource::Elsewhere {
        "not searched by default: select it with --python".to_owned()
    } else if candidate.source == PythonSource::Tool {
        "for snapcli alone: used only if there is no other Python".to_owned()
    } else if choice.chosen.is_some() {
        "usable, but later in the search order".to_owned()
    } else {
        "not used: the Python above takes precedence, although it is unusable".to_owned()
    }
}

/// How the chosen Python would be started.
fn engine(interpreter: &Interpreter) -> EngineReport {
    let way = interpreter.start_way();
    let engine = preload::engine().filter(|_| way == StartWay::Injected);
    EngineReport { injected: way == StartWay::Injected, path: engine.map(display) }
}

#[cfg(feature = "embed")]
fn library(interpreter: Option<&Interpreter>) -> Option<LibpythonReport> {
    if interpreter.is_some_and(|python| python.start_way() == StartWay::Injected) {
        return None;
    }
    // `ensure` would restart the program, so the report only compares the two libraries.
    let loaded = libpython::loaded_library();
    let differs = interpreter.map(libpython::differs).transpose();
    // `differs` also determines the loaded library, so the first error is enough.
    let error = loaded.as_ref().err().or(differs.as_ref().err()).map(|error| format!("{error:#}"));
    Some(LibpythonReport {
        loaded: loaded.ok().map(|path| display(&path)),
        wanted: interpreter.and_then(|python| python.library.as_deref()).map(display),
        restart: differs.ok().flatten().unwrap_or(false),
        error,
    })
}

/// The launcher loads no libpython.
#[cfg(not(feature = "embed"))]
fn library(_: Option<&Interpreter>) -> Option<LibpythonReport> {
    None
}

fn dill(python: &Interpreter) -> DillReport {
    // In the order in which a save looks for dill: the environment, the private copy, an installation.
    if let Some((version, file)) = dill_of_environment(&python.executable) {
        return DillReport { state: DillState::Environment, version, path: Some(file) };
    }
    let home = dill_install::folder((python.version.0, python.version.1));
    let state = if home.as_deref().is_some_and(dill_install::is_installed) {
        DillState::Private
    } else if dill_install::is_forbidden() {
        DillState::Forbidden
    } else {
        DillState::WouldInstall
    };
    DillReport { state, version: dill_install::VERSION.to_owned(), path: home.as_deref().map(display) }
}

/// The version and file of the environment's own dill. It is imported, not only searched for: a dill that fails to
/// import is of no use.
fn dill_of_environment(python: &Path) -> Option<(String, String)> {
    // `-c` puts an empty entry for the working directory into `sys.path`. A script has its own directory there, so a
    // dill.py in the working directory does not count.
    const QUESTION: &str = "import json, sys\n\
        sys.path[:] = [folder for folder in sys.path if folder]\n\
        import dill\n\
        print(json.dumps((dill.__version__, dill.__file__)))";
    let mut command = Command::new(python);
    command.args(["-c", QUESTION]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    let answer = String::from_utf8_lossy(&output.stdout);
    // Site hooks may print other lines first.
    serde_json::from_str(answer.lines().last()?).ok()
}
