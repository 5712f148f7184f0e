//! Chooses a Python, and records why each candidate was or was not used.
//!
//! The order is that of uv: `--python`, `SNAPCLI_PYTHON`, the active virtual environment, an active conda environment,
//! `.venv` here or in a parent directory, conda's base, `PATH`. The Python of `python -m snapcli` comes right after
//! `--python`. The environment that snapcli itself is installed in comes before all active ones if its path was typed
//! (`env/bin/snapcli`), as for every program of a virtual environment; otherwise after `.venv`, which is more likely
//! the project's. But an environment that uv or pipx made for snapcli alone comes last, after `PATH`: it has none of
//! the user's packages (`own_environment`).
//!
//! A Python that the user names must be usable, and so must an active virtual environment that exists: without its
//! packages the script would fail anyway. (uv also stops at a broken active environment, and continues if
//! `VIRTUAL_ENV` names a folder that is no longer one.) A `.venv` that others could change ends the search as well:
//! another Python would only hide that. Any other unusable candidate is skipped.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::found_environment;
use super::interpreter::Interpreter;
use super::path_owner::{ForeignPath, PathOwners};
use super::probe;
use super::search_steps::{SearchStep, elsewhere, search_steps};
use super::second_start;
use super::surroundings::{Surroundings, exists};
use super::unusable::Unusable;
use crate::exit::{self, Coded};

/// The environment variable with the same meaning as `--python`.
pub(crate) const VARIABLE: &str = "SNAPCLI_PYTHON";

/// The step of the search that found a Python, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PythonSource {
    /// `--python`.
    Option,
    /// `python -m snapcli`.
    Module,
    /// `SNAPCLI_PYTHON`.
    Variable,
    /// The environment that snapcli is installed in, if its path was typed.
    OwnNamed,
    /// `VIRTUAL_ENV`: an activated virtual environment.
    VirtualEnv,
    /// `CONDA_PREFIX`: an activated conda environment other than the base.
    Conda,
    /// `.venv` in the working directory or one of its parents.
    DotVenv,
    /// The environment that snapcli is installed in, if it is not for snapcli alone.
    Own,
    /// `CONDA_PREFIX`, if it is conda's base.
    CondaBase,
    /// `python3` or `python` on `PATH`.
    Path,
    /// The environment that uv or pipx made for snapcli alone.
    Tool,
    /// Not part of the search: `doctor` shows it as a choice for `--python`.
    Elsewhere,
}

impl fmt::Display for PythonSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Option => "--python",
            Self::Module => "python -m",
            Self::Variable => VARIABLE,
            Self::VirtualEnv => "VIRTUAL_ENV",
            Self::Conda => "CONDA_PREFIX",
            Self::DotVenv => ".venv",
            Self::OwnNamed | Self::Own => "own environment",
            Self::CondaBase => "conda base",
            Self::Path => "PATH",
            Self::Tool => "tool environment",
            Self::Elsewhere => "elsewhere",
        })
    }
}

/// Whether a candidate can be used.
#[derive(Clone, Debug)]
pub(crate) enum CandidateState {
    /// It can run scripts.
    Usable(Box<Interpreter>),
    /// It cannot.
    Unusable(Unusable),
    /// It was not examined, for this reason.
    NotTried(String),
}

impl CandidateState {
    /// Whether others could change it.
    fn is_foreign(&self) -> bool {
        matches!(self, Self::Unusable(Unusable::Foreign { .. }))
    }
}

/// A Python that the search found.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The step that found it.
    pub source: PythonSource,
    /// Its path as found. Symlinks are not followed, because the Python of a virtual environment is one.
    pub path: PathBuf,
    /// Whether it can be used.
    pub state: CandidateState,
}

/// All candidates in order, and the one that is used.
#[derive(Clone, Debug, Default)]
pub(crate) struct PythonChoice {
    /// In the order of the search.
    pub candidates: Vec<Candidate>,
    /// An index into `candidates`.
    pub chosen: Option<usize>,
}

impl PythonChoice {
    /// The Python that is used.
    #[must_use]
    pub(crate) fn interpreter(&self) -> Option<&Interpreter> {
        match &self.candidates.get(self.chosen?)?.state {
            CandidateState::Usable(interpreter) => Some(interpreter),
            _ => None,
        }
    }

    /// Why there is none, with a line for each candidate.
    pub(crate) fn error(&self) -> Coded {
        let mut reasons = self.candidates.iter().filter_map(|candidate| match &candidate.state {
            CandidateState::Unusable(reason) => Some(format!("{}: {reason}", candidate.source)),
            _ => None,
        });
        let named = |c: &Candidate| {
            use PythonSource::{Module, Option, OwnNamed, Variable, VirtualEnv};
            matches!(c.source, Option | Module | Variable | OwnNamed | VirtualEnv) || c.state.is_foreign()
        };
        // The search stopped at a Python that the user named: advice about others would only distract.
        if self.candidates.last().is_some_and(named) {
            let first = reasons.next().unwrap_or_default();
            return exit::coded(exit::NO_PYTHON, first).with_details(reasons.collect());
        }
        let message =
            if self.candidates.is_empty() { "found none" } else { "none of those that were found can run scripts" };
        let advice = "install CPython 3.10 or newer, or choose one with --python";
        let details = reasons.chain([advice.to_owned()]).collect();
        exit::coded(exit::NO_PYTHON, message).with_details(details)
    }
}

/// Chooses the Python to run. Candidates after the first usable one are not examined, because that takes time.
/// `announce` is called with the Python of a `.venv` before that is started.
///
/// # Errors
/// With exit code 6 and the list of the candidates.
pub(crate) fn choose(explicit: Option<&str>, announce: &dyn Fn(&Path)) -> Result<Interpreter> {
    if let Some(interpreter) = second_start::interpreter() {
        return Ok(interpreter);
    }
    find(explicit, announce)
}

/// Chooses the Python whose executable the engine is loaded into for a command that runs no Python: that of snapcli's
/// own environment, unless the user names another. Otherwise the same as for a script.
///
/// # Errors
/// With exit code 6 and the list of the candidates.
pub(crate) fn choose_host(explicit: Option<&str>) -> Result<Interpreter> {
    use PythonSource::{Module, Option, Own, OwnNamed, Tool};
    let mut steps = search_steps(&Surroundings::here(), explicit);
    steps.sort_by_key(|step| match step.source {
        Option | Module => 0,
        OwnNamed | Own | Tool => 1,
        _ => 2,
    });
    chosen(&search(&steps, &|_, path| probe::probe(path), false))
}

/// A note on an active environment that does not exist any more, and is skipped. `None` if there is none, or if the
/// user names a Python.
pub(crate) fn missing_environment(explicit: Option<&str>) -> Option<String> {
    let around = Surroundings::here();
    if explicit.is_some() || around.module_python.is_some() || around.var(VARIABLE).is_some() {
        return None;
    }
    let found = |name: &str| around.var(name).map(|folder| around.cwd.join(folder));
    let is_missing = |name: &&str| found(name).is_some_and(|folder| !exists(&folder));
    // An environment of conda may have no Python.
    let is_empty = || found("VIRTUAL_ENV").is_some_and(|folder| !exists(&folder.join("bin/python")));
    let (name, why) = match ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().find(is_missing) {
        Some(name) => (name, "which does not exist"),
        None if is_empty() => ("VIRTUAL_ENV", "which has no bin/python"),
        None => return None,
    };
    let folder = Path::new(around.var(name)?).display();
    Some(format!("note: {name} is {folder}, {why}: using another Python (see `snapcli doctor`)"))
}

/// Finds a Python of this version, even if this process runs another one.
///
/// # Errors
/// With exit code 6 and the list of the candidates.
pub(crate) fn find_version(version: &str) -> Result<Interpreter> {
    find(Some(version), &|_| {})
}

fn find(explicit: Option<&str>, announce: &dyn Fn(&Path)) -> Result<Interpreter> {
    let probe = |source, path: &Path| {
        if source == PythonSource::DotVenv {
            announce(path);
        }
        probe::probe(path)
    };
    chosen(&search(&search_steps(&Surroundings::here(), explicit), &probe, false))
}

fn chosen(choice: &PythonChoice) -> Result<Interpreter> {
    choice.interpreter().cloned().ok_or_else(|| choice.error().into())
}

/// Makes the same choice for `doctor`: examines every candidate, and adds other Pythons of the machine.
#[must_use]
pub(crate) fn survey(explicit: Option<&str>) -> PythonChoice {
    let around = Surroundings::here();
    let mut steps = search_steps(&around, explicit);
    steps.push(elsewhere(&around));
    let mut choice = search(&steps, &|_, path| probe::probe(path), true);
    let mut known = Vec::new();
    // Of the other Pythons, keep those that are usable and not yet listed. They come after the chosen one, so its index
    // stays valid.
    choice.candidates.retain(|candidate| match &candidate.state {
        CandidateState::Usable(python) => {
            // `python3.12` and `python3` of one prefix are the same Python.
            let identity = (python.prefix.clone(), python.version);
            let is_new = !known.contains(&identity);
            known.push(identity);
            is_new || candidate.source != PythonSource::Elsewhere
        }
        CandidateState::Unusable(Unusable::NoSharedLibrary { .. } | Unusable::FreeThreaded { .. }) => true,
        _ => candidate.source != PythonSource::Elsewhere,
    });
    choice
}

/// Asks a Python that a step of the search has found about itself.
type Probe<'a> = &'a dyn Fn(PythonSource, &Path) -> Result<Interpreter, Unusable>;

/// Examines the candidates in order. Unless `all` is set, stops at the first usable one, and after a binding step
/// without one.
fn search(steps: &[SearchStep], probe: Probe<'_>, all: bool) -> PythonChoice {
    let mut choice = PythonChoice::default();
    // Whether a binding step had no usable Python.
    let mut blocked = false;
    let mut seen: Vec<PathBuf> = Vec::new();
    for step in steps {
        if step.found.is_empty() && !step.name.as_os_str().is_empty() {
            let state = CandidateState::Unusable(Unusable::NotFound { path: step.name.clone() });
            choice.candidates.push(Candidate { source: step.source, path: step.name.clone(), state });
        }
        for path in &step.found {
            let identity = identity_of(path);
            let state = if seen.contains(&identity) {
                CandidateState::NotTried("same file as a Python above".to_owned())
            } else {
                examine(step, path, probe)
            };
            seen.push(identity);
            let usable = matches!(state, CandidateState::Usable(_));
            blocked |= state.is_foreign() && choice.chosen.is_none();
            choice.candidates.push(Candidate { source: step.source, path: path.clone(), state });
            if usable && !blocked && choice.chosen.is_none() && step.source != PythonSource::Elsewhere {
                choice.chosen = Some(choice.candidates.len() - 1);
                if !all {
                    return choice;
                }
            }
        }
        blocked |= step.binding && choice.chosen.is_none();
        if blocked && !all {
            return choice;
        }
    }
    choice
}

/// A path with symlinks resolved in its folder, but not in its file name: a symlink to a Python in another folder is
/// another Python, as in virtual environments.
fn identity_of(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    folder.zip(path.file_name()).map_or_else(|| path.to_path_buf(), |(folder, name)| folder.join(name))
}

fn examine(step: &SearchStep, path: &Path, probe: Probe<'_>) -> CandidateState {
    // A Python that the user has not named is not even asked about itself if others could have changed it.
    let safe = |check: &dyn Fn(&Path) -> Result<(), ForeignPath>| match &step.environment {
        Some(folder) => check(folder).map_err(|why| Unusable::Foreign { environment: folder.clone(), why }),
        None => Ok(()),
    };
    let interpreter = safe(&|folder| found_environment::check(folder, path)).and_then(|()| {
        let interpreter = probe(step.source, path)?;
        safe(&|_| interpreter.library.iter().try_for_each(|library| PathOwners::default().check(library)))?;
        Ok(interpreter)
    });
    let interpreter = match interpreter {
        Ok(interpreter) => interpreter,
        Err(why) => return CandidateState::Unusable(why),
    };
    let (major, minor, patch) = interpreter.version;
    match &step.version {
        Some(wanted) if ![major, minor, patch].starts_with(wanted) => {
            CandidateState::Unusable(Unusable::OtherVersion {
                path: path.to_path_buf(),
                found: interpreter.version_text,
                wanted: wanted.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
            })
        }
        _ => CandidateState::Usable(Box::new(interpreter)),
    }
}

#[cfg(test)]
#[path = "discover_tests.rs"]
mod tests;
