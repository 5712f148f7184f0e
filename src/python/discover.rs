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

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::found_environment;
use super::interpreter::Interpreter;
use super::own_environment::{self, OwnEnvironment, OwnKind};
use super::path_owner::{ForeignPath, PathOwners};
use super::probe::{self, Unusable};
use super::second_start;
use super::surroundings::{Surroundings, exists, is_environment, is_script, python_of, version_parts};
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
    fn error(&self) -> Coded {
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

/// A step of the search, with the paths it has found.
struct SearchStep {
    source: PythonSource,
    /// The name that the user gave, for the error if nothing is found.
    name: PathBuf,
    found: Vec<PathBuf>,
    /// Accept only versions that begin with this.
    version: Option<Vec<u8>>,
    /// If none of these is usable, do not use a later one.
    binding: bool,
    /// The environment that must be safe from others, because the user has not named it.
    environment: Option<PathBuf>,
}

impl SearchStep {
    fn new(source: PythonSource, found: Vec<PathBuf>) -> Self {
        Self { source, name: PathBuf::new(), found, version: None, binding: false, environment: None }
    }
}

fn search_steps(around: &Surroundings, explicit: Option<&str>) -> Vec<SearchStep> {
    let own = own_environment::find(around);
    let of_kind = |kind, source| own.iter().filter(move |own| own.kind == kind).map(move |own| own_step(source, own));
    let mut steps = Vec::new();
    steps.extend(explicit.map(|name| step_for_name(PythonSource::Option, OsStr::new(name), around)));
    steps.extend(
        around
            .module_python
            .as_ref()
            .map(|python| SearchStep { binding: true, ..SearchStep::new(PythonSource::Module, vec![python.clone()]) }),
    );
    steps.extend(around.var(VARIABLE).map(|name| step_for_name(PythonSource::Variable, name, around)));
    steps.extend(of_kind(OwnKind::Named, PythonSource::OwnNamed));
    steps.extend(around.var("VIRTUAL_ENV").map(|folder| active_environment(&around.cwd.join(folder))));
    // An environment that the user activated comes before `.venv`, but conda's base, which is often active by default,
    // comes after it.
    let conda = conda_environment(around);
    let (base, activated): (Vec<_>, _) = conda.into_iter().partition(|step| step.source == PythonSource::CondaBase);
    steps.extend(activated);
    steps.push(dot_venv(around, own.as_ref()));
    steps.extend(of_kind(OwnKind::Shared, PythonSource::Own));
    steps.extend(base);
    steps.push(on_path(around, own.as_ref()));
    steps.extend(of_kind(OwnKind::Tool, PythonSource::Tool));
    steps
}

/// The environment of snapcli. It must be usable if the user has named it.
fn own_step(source: PythonSource, own: &OwnEnvironment) -> SearchStep {
    SearchStep { binding: own.kind == OwnKind::Named, ..SearchStep::new(source, vec![own.python.clone()]) }
}

fn conda_environment(around: &Surroundings) -> Option<SearchStep> {
    let is_base = around.var("CONDA_DEFAULT_ENV").is_some_and(|name| name == "base" || name == "root");
    let source = if is_base { PythonSource::CondaBase } else { PythonSource::Conda };
    around.var("CONDA_PREFIX").map(|prefix| SearchStep::new(source, vec![python_of(Path::new(prefix))]))
}

/// The nearest `.venv`. If this program is installed in it, it runs code from there already.
fn dot_venv(around: &Surroundings, own: Option<&OwnEnvironment>) -> SearchStep {
    let nearest = around.cwd.ancestors().map(|folder| folder.join(".venv")).find(|folder| is_environment(folder));
    let python = nearest.as_deref().map(python_of);
    let is_own = |folder: &PathBuf| own.is_some_and(|own| own.folder.canonicalize().ok() == folder.canonicalize().ok());
    let environment = nearest.filter(|folder| !is_own(folder));
    SearchStep { environment, ..SearchStep::new(PythonSource::DotVenv, python.into_iter().collect()) }
}

/// All `python3` on `PATH`, then all `python`, which may be Python 2. `uvx` puts the environment of the tool first.
fn on_path(around: &Surroundings, own: Option<&OwnEnvironment>) -> SearchStep {
    let tool = own.filter(|own| own.kind == OwnKind::Tool).map(|own| own.folder.join("bin"));
    let tool = tool.and_then(|folder| folder.canonicalize().ok());
    let is_of_tool = |path: &PathBuf| tool.is_some() && path.parent().and_then(|f| f.canonicalize().ok()) == tool;
    let found = ["python3", "python"].map(|name| around.on_path(OsStr::new(name))).concat();
    SearchStep::new(PythonSource::Path, found.into_iter().filter(|path| !is_of_tool(path)).collect())
}

fn active_environment(folder: &Path) -> SearchStep {
    let binding = exists(&folder.join("pyvenv.cfg"));
    SearchStep { binding, ..SearchStep::new(PythonSource::VirtualEnv, vec![python_of(folder)]) }
}

/// The Python that the user named: a folder with a Python in it, a path, a version, or a name on `PATH`.
fn step_for_name(source: PythonSource, name: &OsStr, around: &Surroundings) -> SearchStep {
    let path = around.cwd.join(name);
    let is_path = Path::new(name).components().count() > 1 || Path::new(name).is_absolute();
    let step = SearchStep { name: name.into(), binding: true, ..SearchStep::new(source, Vec::new()) };
    if path.is_dir() && (is_path || is_environment(&path)) {
        SearchStep { found: vec![python_of(&path)], ..step }
    } else if is_path {
        SearchStep { found: vec![path], ..step }
    } else if let Some(version) = version_parts(name) {
        // `python3.12` also serves a request for 3.12.1: the probe compares the full version.
        let short = version.iter().take(2).map(u8::to_string).collect::<Vec<_>>().join(".");
        let mut found = around.on_path(OsStr::new(&format!("python{short}")));
        let pyenv = around.pyenv_versions().into_iter().filter(|(has, _)| has.starts_with(&version));
        found.extend(pyenv.map(|(_, python)| python));
        SearchStep { found, version: Some(version), ..step }
    } else {
        SearchStep { found: around.on_path(name).into_iter().take(1).collect(), ..step }
    }
}

/// Other Pythons of the machine. Without shims: the Pythons they start are found as well, and shims are slow.
fn elsewhere(around: &Surroundings) -> SearchStep {
    let minors = (10..=29).rev().map(|minor| OsString::from(format!("python3.{minor}")));
    let mut found: Vec<_> = minors.flat_map(|name| around.on_path(&name)).filter(|file| !is_script(file)).collect();
    found.extend(around.pyenv_versions().into_iter().filter(|(has, _)| has >= &vec![3, 10]).map(|(_, python)| python));
    SearchStep::new(PythonSource::Elsewhere, found)
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
mod tests {
    use std::cell::RefCell;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A directory tree of empty programs.
    struct FakeMachine {
        folder: tempfile::TempDir,
        around: Surroundings,
    }

    impl FakeMachine {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary directory");
            let around = Surroundings { cwd: folder.path().join("work/deep"), ..Surroundings::default() };
            let mut machine = Self { folder, around };
            machine.file("work/deep/script.py");
            machine.file("usr/bin/python3");
            machine.set("PATH", "usr/bin");
            machine
        }

        fn file(&mut self, path: &str) -> PathBuf {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
            fs::write(&path, "").expect("a new file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
            path
        }

        fn paths(&self, folders: &[&str]) -> OsString {
            std::env::join_paths(folders.iter().map(|folder| self.folder.path().join(folder))).expect("no colons")
        }

        fn set(&mut self, name: &str, path: &str) {
            self.around.vars.insert(name.into(), self.folder.path().join(path).into());
        }

        /// Searches with a probe that accepts paths with `usable` in them. Returns the choice and the paths that were
        /// probed.
        fn search(&self, explicit: Option<&str>, usable: &str) -> (Option<PythonSource>, Vec<String>) {
            let asked = RefCell::new(Vec::new());
            let probe = |_: PythonSource, path: &Path| {
                let shown = path.strip_prefix(self.folder.path()).unwrap_or(path).display().to_string();
                let good = shown.contains(usable);
                asked.borrow_mut().push(shown);
                let path = path.to_path_buf();
                if good { Ok(python(path)) } else { Err(Unusable::CannotRun { path, why: String::new() }) }
            };
            let choice = search(&search_steps(&self.around, explicit), &probe, false);
            (choice.chosen.map(|index| choice.candidates[index].source), asked.into_inner())
        }
    }

    fn python(path: PathBuf) -> Interpreter {
        let json = serde_json::json!({
            "executable": path, "version": [3, 12, 1], "version_text": "3.12.1", "implementation": "cpython",
            "base_prefix": "/", "prefix": "/", "base_executable": path, "library": null, "shared": true,
            "static_executable": false, "is_wrapper": false,
            "free_threaded": false, "platform": "linux", "machine": "x86_64",
        });
        serde_json::from_value(json).expect("all fields")
    }

    #[test]
    fn the_search_order_is_the_same_as_in_uv() {
        let mut machine = FakeMachine::new();
        machine.set("VIRTUAL_ENV", "stale");
        machine.set("CONDA_PREFIX", "conda");
        machine.file("conda/bin/python");
        machine.file("work/.venv/bin/python");
        machine.file("usr/bin/python");
        let path = ["usr/bin/python3", "usr/bin/python"];
        let order = ["stale/bin/python", "conda/bin/python", "work/.venv/bin/python"];
        assert_eq!(machine.search(None, "nothing").1, [&order[..], &path].concat());
        machine.around.vars.insert("CONDA_DEFAULT_ENV".into(), "base".into());
        let order = ["stale/bin/python", "work/.venv/bin/python", "conda/bin/python"];
        assert_eq!(machine.search(None, "nothing").1, [&order[..], &path].concat());
        assert_eq!(machine.search(None, "conda"), (Some(PythonSource::CondaBase), order.map(str::to_owned).to_vec()));
    }

    #[test]
    fn the_environment_of_snapcli_is_preferred_to_path_but_that_of_a_tool_is_not() {
        let mut machine = FakeMachine::new();
        machine.set("VIRTUAL_ENV", "active");
        machine.file("own/pyvenv.cfg");
        machine.file("own/bin/python");
        let program = machine.file("own/bin/snapcli");
        machine.around.program = program.canonicalize().ok();
        machine.around.vars.insert("PATH".into(), machine.paths(&["own/bin", "usr/bin"]));
        let order = |machine: &FakeMachine| machine.search(None, "nothing").1;
        machine.around.started_as = "snapcli".into();
        assert_eq!(order(&machine), ["active/bin/python", "own/bin/python", "usr/bin/python3"]);
        machine.around.started_as = program.into();
        // It was named, and is unusable: the search ends.
        assert_eq!(order(&machine), ["own/bin/python"]);
        assert_eq!(machine.search(None, "own").0, Some(PythonSource::OwnNamed));
        machine.file("own/uv-receipt.toml");
        assert_eq!(order(&machine), ["active/bin/python", "usr/bin/python3", "own/bin/python"]);
        assert_eq!(machine.search(None, "own").0, Some(PythonSource::Tool));
    }

    #[test]
    fn the_python_of_python_m_is_overridden_by_an_option_only() {
        let mut machine = FakeMachine::new();
        machine.set(VARIABLE, "usr/bin/python3");
        machine.around.module_python = Some(machine.file("module/bin/python"));
        machine.file("mine/bin/python");
        assert_eq!(machine.search(None, "").0, Some(PythonSource::Module));
        assert_eq!(machine.search(None, "usr").0, None, "it must be usable");
        let mine = machine.folder.path().join("mine");
        assert_eq!(machine.search(mine.to_str(), "").0, Some(PythonSource::Option));
    }

    #[test]
    fn a_python_that_the_user_names_must_be_usable() {
        let mut machine = FakeMachine::new();
        machine.file("mine/bin/python");
        machine.set(VARIABLE, "mine");
        assert_eq!(machine.search(None, "usr"), (None, vec!["mine/bin/python".to_owned()]));
        assert_eq!(machine.search(None, "mine").0, Some(PythonSource::Variable));
        assert_eq!(machine.search(Some("python3"), "usr").0, Some(PythonSource::Option));
        assert_eq!(machine.search(Some("python9"), "usr"), (None, vec![]));
    }

    #[test]
    fn an_active_environment_that_exists_must_be_usable() {
        let mut machine = FakeMachine::new();
        machine.set("VIRTUAL_ENV", "active");
        assert_eq!(machine.search(None, "usr").0, Some(PythonSource::Path), "the variable is stale");
        machine.file("active/pyvenv.cfg");
        assert_eq!(machine.search(None, "usr").0, None);
        assert_eq!(machine.search(None, "active").0, Some(PythonSource::VirtualEnv));
    }

    #[test]
    fn a_name_may_be_a_folder_a_path_or_a_version() {
        let mut machine = FakeMachine::new();
        machine.file("work/deep/env/bin/python3");
        machine.file("usr/bin/python3.12");
        for version in ["3.12.1", "3.12.10", "3.9.1", "pypy3.9"] {
            machine.file(&format!("pyenv/versions/{version}/bin/python"));
        }
        machine.set("PYENV_ROOT", "pyenv");
        let asked = |name: &str| machine.search(Some(name), "nothing").1;
        assert_eq!(asked("env"), ["work/deep/env/bin/python3"]);
        assert_eq!(asked("../elsewhere/python"), ["work/deep/../elsewhere/python"]);
        assert_eq!(asked("python3.12"), ["usr/bin/python3.12"]);
        let pyenv = ["pyenv/versions/3.12.10/bin/python", "pyenv/versions/3.12.1/bin/python"];
        assert_eq!(asked("3.12"), ["usr/bin/python3.12", pyenv[0], pyenv[1]]);
        assert_eq!(asked("3.12.10"), ["usr/bin/python3.12", pyenv[0]]);
        // The probe reports 3.12.1 for all of these, so none has the requested version.
        assert_eq!(machine.search(Some("3.12.10"), "python").0, None);
    }
}
