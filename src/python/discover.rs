//! Which Python: the order in which they are looked for, and why each was or was not taken.
//!
//! The order is uv's: `--python`, `SNAPCLI_PYTHON`, the active virtual environment, an active conda environment,
//! `.venv` here or above, conda's base, `PATH`. A Python that the user has named, and an active virtual
//! environment that exists, must do: running a script without the packages it was meant to have helps nobody.
//! (uv also ends there when the active environment is broken, and goes on when `VIRTUAL_ENV` names a folder that
//! is none any more.) Every other one that will not do is passed over.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::libpython;
use super::probe::{self, Interpreter, Unusable};

/// Names a Python as `--python` does.
pub const VARIABLE: &str = "SNAPCLI_PYTHON";

/// Where a Python was found, in the order of looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `--python`.
    Option,
    /// `SNAPCLI_PYTHON`.
    Variable,
    /// `VIRTUAL_ENV`: an activated virtual environment.
    VirtualEnv,
    /// `CONDA_PREFIX`: an activated conda environment other than the base.
    Conda,
    /// `.venv` in the working folder, or above it.
    DotVenv,
    /// `CONDA_PREFIX`, where it is conda's base.
    CondaBase,
    /// `python3` or `python` on `PATH`.
    Path,
    /// Not in the order: only `doctor` tells of it, as one that `--python` could name.
    Elsewhere,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Option => "--python",
            Self::Variable => VARIABLE,
            Self::VirtualEnv => "VIRTUAL_ENV",
            Self::Conda => "CONDA_PREFIX",
            Self::DotVenv => ".venv",
            Self::CondaBase => "conda base",
            Self::Path => "PATH",
            Self::Elsewhere => "elsewhere",
        })
    }
}

/// What became of a candidate.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It could be embedded.
    Usable(Box<Interpreter>),
    /// It could not.
    Unusable(Unusable),
    /// It was not asked, for this reason.
    NotTried(String),
}

/// A Python that was looked at.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where it was found.
    pub source: Source,
    /// Its path as found: a link is not followed, as a virtual environment is one.
    pub path: PathBuf,
    /// What became of it.
    pub outcome: Outcome,
}

/// All candidates, in order, and the one that is taken.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// In the order of looking.
    pub candidates: Vec<Candidate>,
    /// An index into them.
    pub chosen: Option<usize>,
}

impl Choice {
    /// The Python that is taken.
    #[must_use]
    pub fn interpreter(&self) -> Option<&Interpreter> {
        match &self.candidates.get(self.chosen?)?.outcome {
            Outcome::Usable(interpreter) => Some(interpreter),
            _ => None,
        }
    }

    /// Why there is none, a line for each that was looked at.
    fn error(&self) -> NoPython {
        let reasons = self.candidates.iter().filter_map(|candidate| match &candidate.outcome {
            Outcome::Unusable(reason) => Some(format!("{}: {reason}", candidate.source)),
            _ => None,
        });
        let named = |c: &Candidate| matches!(c.source, Source::Option | Source::Variable | Source::VirtualEnv);
        if self.candidates.last().is_some_and(named) {
            return NoPython(reasons.collect::<Vec<_>>().join("\n  "));
        }
        let mut text = "found no Python that can be embedded".to_owned();
        for reason in reasons {
            text = text + "\n  " + &reason;
        }
        NoPython(text + "\ninstall CPython 3.10 or newer with its shared library, or name one with --python")
    }
}

/// There is no Python to run with. The whole text is for the user; the program ends with exit 6.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoPython(String);

impl NoPython {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }
}

/// The Python to run with. Later candidates are not asked, as asking takes time.
///
/// # Errors
/// [`NoPython`], which tells what was tried.
pub fn choose(explicit: Option<&str>) -> Result<Interpreter> {
    if let Some(interpreter) = libpython::handed_over() {
        return Ok(interpreter);
    }
    let choice = walk(&plan(&Surroundings::here(), explicit), &probe::probe, false);
    choice.interpreter().cloned().ok_or_else(|| choice.error().into())
}

/// The same choice, for `doctor`: every candidate is asked, and other Pythons of the machine are added.
#[must_use]
pub fn survey(explicit: Option<&str>) -> Choice {
    let around = Surroundings::here();
    let mut steps = plan(&around, explicit);
    steps.push(elsewhere(&around));
    let mut choice = walk(&steps, &probe::probe, true);
    let mut known = Vec::new();
    // Elsewhere only news counts: not the same Python again, not an old one. The chosen one comes before all of
    // these, so its index stays.
    choice.candidates.retain(|candidate| match &candidate.outcome {
        Outcome::Usable(python) => {
            let place = (python.prefix.clone(), python.version);
            let news = !known.contains(&place);
            known.push(place);
            news || candidate.source != Source::Elsewhere
        }
        Outcome::Unusable(Unusable::NoSharedLibrary { .. } | Unusable::FreeThreaded { .. }) => true,
        _ => candidate.source != Source::Elsewhere,
    });
    choice
}

/// What the choice depends on, besides the files.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The environment variables.
    pub vars: HashMap<OsString, OsString>,
    /// The working folder.
    pub cwd: PathBuf,
    /// The user's home, for the usual place of pyenv.
    pub home: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn here() -> Self {
        Self { vars: env::vars_os().collect(), cwd: env::current_dir().unwrap_or_default(), home: dirs::home_dir() }
    }

    /// A variable that is empty counts as not set.
    fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// All programs of this name on `PATH`. A relative folder there means one in the working folder.
    fn on_path(&self, name: &OsStr) -> Vec<PathBuf> {
        let folders = env::split_paths(self.var("PATH").unwrap_or_default());
        folders.map(|folder| self.cwd.join(folder).join(name)).filter(|file| is_program(file)).collect()
    }

    /// What pyenv has installed, the newest first.
    fn pyenv_versions(&self) -> Vec<(Vec<u8>, PathBuf)> {
        let root = self.var("PYENV_ROOT").map(PathBuf::from).or_else(|| Some(self.home.as_ref()?.join(".pyenv")));
        let entries = root.and_then(|root| fs::read_dir(root.join("versions")).ok());
        let folders = entries.into_iter().flatten().flatten().map(|entry| entry.path());
        let mut found: Vec<_> = folders
            .filter_map(|folder| Some((version_parts(folder.file_name()?)?, python_of(&folder))))
            .filter(|(_, python)| is_program(python))
            .collect();
        found.sort_by_key(|(version, _)| Reverse(version.clone()));
        found
    }
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// `3`, `3.12` or `3.12.1` as numbers, and nothing else.
fn version_parts(text: &OsStr) -> Option<Vec<u8>> {
    text.to_str()?.split('.').map(|part| part.parse().ok()).collect()
}

/// The Python of a virtual environment, a conda environment or a prefix: not always there.
fn python_of(folder: &Path) -> PathBuf {
    let (python, python3) = (folder.join("bin/python"), folder.join("bin/python3"));
    if !exists(&python) && exists(&python3) { python3 } else { python }
}

/// As a link that leads nowhere does: what it was is told by the error.
fn exists(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

fn is_environment(folder: &Path) -> bool {
    exists(&folder.join("pyvenv.cfg")) || exists(&python_of(folder))
}

/// One place to look at.
struct Step {
    source: Source,
    /// What the user would know it by, for the case that nothing is found.
    name: PathBuf,
    found: Vec<PathBuf>,
    /// Only a Python whose version begins so will do.
    version: Option<Vec<u8>>,
    /// When none of these will do, no later one is taken.
    binding: bool,
}

impl Step {
    fn new(source: Source, found: Vec<PathBuf>) -> Self {
        Self { source, name: PathBuf::new(), found, version: None, binding: false }
    }
}

fn plan(around: &Surroundings, explicit: Option<&str>) -> Vec<Step> {
    let conda_is_base = around.var("CONDA_DEFAULT_ENV").is_some_and(|name| name == "base" || name == "root");
    let conda = around.var("CONDA_PREFIX").map(|prefix| python_of(Path::new(prefix)));
    let conda = Step::new(if conda_is_base { Source::CondaBase } else { Source::Conda }, conda.into_iter().collect());
    let in_path = ["python3", "python"].map(|name| around.on_path(OsStr::new(name))).concat();
    let mut steps = Vec::new();
    steps.extend(explicit.map(|name| named(Source::Option, OsStr::new(name), around)));
    steps.extend(around.var(VARIABLE).map(|name| named(Source::Variable, name, around)));
    steps.extend(around.var("VIRTUAL_ENV").map(|folder| active_environment(&around.cwd.join(folder))));
    steps.push(conda);
    let environments = around.cwd.ancestors().map(|folder| folder.join(".venv"));
    let nearest = environments.into_iter().find(|folder| is_environment(folder));
    let dot_venv = Step::new(Source::DotVenv, nearest.iter().map(|folder| python_of(folder)).collect());
    steps.insert(steps.len() - usize::from(conda_is_base), dot_venv);
    steps.push(Step::new(Source::Path, in_path));
    steps
}

fn active_environment(folder: &Path) -> Step {
    let binding = exists(&folder.join("pyvenv.cfg"));
    Step { binding, ..Step::new(Source::VirtualEnv, vec![python_of(folder)]) }
}

/// What the user named: a folder with a Python in it, a path, a version, or a name on `PATH`.
fn named(source: Source, name: &OsStr, around: &Surroundings) -> Step {
    let path = around.cwd.join(name);
    let is_path = Path::new(name).components().count() > 1 || Path::new(name).is_absolute();
    let step = Step { name: name.into(), binding: true, ..Step::new(source, Vec::new()) };
    if path.is_dir() && (is_path || is_environment(&path)) {
        Step { found: vec![python_of(&path)], ..step }
    } else if is_path {
        Step { found: vec![path], ..step }
    } else if let Some(version) = version_parts(name) {
        let short = version.iter().take(2).map(u8::to_string).collect::<Vec<_>>().join(".");
        let mut found = around.on_path(OsStr::new(&format!("python{short}")));
        let pyenv = around.pyenv_versions().into_iter().filter(|(has, _)| has.starts_with(&version));
        found.extend(pyenv.map(|(_, python)| python));
        Step { found, version: Some(version), ..step }
    } else {
        Step { found: around.on_path(name).into_iter().take(1).collect(), ..step }
    }
}

/// Shims are left out here: what they lead to is found as well, and asking them is slow.
fn elsewhere(around: &Surroundings) -> Step {
    let minors = (10..=29).rev().map(|minor| OsString::from(format!("python3.{minor}")));
    let mut found: Vec<_> = minors.flat_map(|name| around.on_path(&name)).filter(|file| !is_script(file)).collect();
    found.extend(around.pyenv_versions().into_iter().filter(|(has, _)| has >= &vec![3, 10]).map(|(_, python)| python));
    Step::new(Source::Elsewhere, found)
}

fn is_script(file: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 2];
    fs::File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}

/// Asks one after the other. Unless `all`, it ends at the first that will do, and where none of a binding step does.
fn walk(steps: &[Step], probe: &dyn Fn(&Path) -> Result<Interpreter, Unusable>, all: bool) -> Choice {
    let mut choice = Choice::default();
    let mut barred = false;
    let mut seen: Vec<PathBuf> = Vec::new();
    for step in steps {
        if step.found.is_empty() && !step.name.as_os_str().is_empty() {
            let outcome = Outcome::Unusable(Unusable::NotFound { path: step.name.clone() });
            choice.candidates.push(Candidate { source: step.source, path: step.name.clone(), outcome });
        }
        for path in &step.found {
            let place = whereabouts(path);
            let outcome = match seen.contains(&place) {
                true => Outcome::NotTried("the same file as one above".to_owned()),
                false => ask(step, path, probe),
            };
            seen.push(place);
            let usable = matches!(outcome, Outcome::Usable(_));
            choice.candidates.push(Candidate { source: step.source, path: path.clone(), outcome });
            if usable && !barred && choice.chosen.is_none() && step.source != Source::Elsewhere {
                choice.chosen = Some(choice.candidates.len() - 1);
                if !all {
                    return choice;
                }
            }
        }
        barred |= step.binding && choice.chosen.is_none();
        if barred && !all {
            return choice;
        }
    }
    choice
}

/// The folder without links, but the file as named: a link to a Python in another folder is another Python.
fn whereabouts(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    folder.zip(path.file_name()).map_or_else(|| path.to_path_buf(), |(folder, name)| folder.join(name))
}

fn ask(step: &Step, path: &Path, probe: &dyn Fn(&Path) -> Result<Interpreter, Unusable>) -> Outcome {
    let interpreter = match probe(path) {
        Ok(interpreter) => interpreter,
        Err(why) => return Outcome::Unusable(why),
    };
    let (major, minor, patch) = interpreter.version;
    match &step.version {
        Some(wanted) if ![major, minor, patch].starts_with(wanted) => Outcome::Unusable(Unusable::OtherVersion {
            path: path.to_path_buf(),
            found: interpreter.version_text,
            wanted: wanted.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
        }),
        _ => Outcome::Usable(Box::new(interpreter)),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A machine of empty programs, in a folder of its own.
    struct Machine {
        folder: tempfile::TempDir,
        around: Surroundings,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder for temporary files");
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
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file of ours");
            path
        }

        fn set(&mut self, name: &str, path: &str) {
            self.around.vars.insert(name.into(), self.folder.path().join(path).into());
        }

        /// Looks with a probe that finds usable what `usable` is part of; tells what was looked at.
        fn look(&self, explicit: Option<&str>, usable: &str) -> (Option<Source>, Vec<String>) {
            let asked = RefCell::new(Vec::new());
            let probe = |path: &Path| {
                let shown = path.strip_prefix(self.folder.path()).unwrap_or(path).display().to_string();
                let good = shown.contains(usable);
                asked.borrow_mut().push(shown);
                let path = path.to_path_buf();
                if good { Ok(python(path)) } else { Err(Unusable::CannotRun { path, why: String::new() }) }
            };
            let choice = walk(&plan(&self.around, explicit), &probe, false);
            (choice.chosen.map(|index| choice.candidates[index].source), asked.into_inner())
        }
    }

    fn python(path: PathBuf) -> Interpreter {
        let json = serde_json::json!({
            "executable": path, "version": [3, 12, 1], "version_text": "3.12.1", "implementation": "cpython",
            "base_prefix": "/", "prefix": "/", "base_executable": path, "library": null, "shared": true,
            "free_threaded": false, "platform": "linux", "machine": "x86_64",
        });
        serde_json::from_value(json).expect("all fields")
    }

    #[test]
    fn the_order_is_that_of_uv() {
        let mut machine = Machine::new();
        machine.set("VIRTUAL_ENV", "stale");
        machine.set("CONDA_PREFIX", "conda");
        machine.file("conda/bin/python");
        machine.file("work/.venv/bin/python");
        machine.file("usr/bin/python");
        let path = ["usr/bin/python3", "usr/bin/python"];
        let order = ["stale/bin/python", "conda/bin/python", "work/.venv/bin/python"];
        assert_eq!(machine.look(None, "nothing").1, [&order[..], &path].concat());
        machine.around.vars.insert("CONDA_DEFAULT_ENV".into(), "base".into());
        let order = ["stale/bin/python", "work/.venv/bin/python", "conda/bin/python"];
        assert_eq!(machine.look(None, "nothing").1, [&order[..], &path].concat());
        assert_eq!(machine.look(None, "conda"), (Some(Source::CondaBase), order.map(str::to_owned).to_vec()));
    }

    #[test]
    fn what_the_user_names_must_do() {
        let mut machine = Machine::new();
        machine.file("mine/bin/python");
        machine.set(VARIABLE, "mine");
        assert_eq!(machine.look(None, "usr"), (None, vec!["mine/bin/python".to_owned()]));
        assert_eq!(machine.look(None, "mine").0, Some(Source::Variable));
        assert_eq!(machine.look(Some("python3"), "usr").0, Some(Source::Option));
        assert_eq!(machine.look(Some("python9"), "usr"), (None, vec![]));
    }

    #[test]
    fn an_active_environment_that_exists_must_do() {
        let mut machine = Machine::new();
        machine.set("VIRTUAL_ENV", "active");
        assert_eq!(machine.look(None, "usr").0, Some(Source::Path), "the variable is stale");
        machine.file("active/pyvenv.cfg");
        assert_eq!(machine.look(None, "usr").0, None);
        assert_eq!(machine.look(None, "active").0, Some(Source::VirtualEnv));
    }

    #[test]
    fn a_name_may_be_a_folder_a_path_or_a_version() {
        let mut machine = Machine::new();
        machine.file("work/deep/env/bin/python3");
        machine.file("usr/bin/python3.12");
        for version in ["3.12.1", "3.12.10", "3.9.1", "pypy3.9"] {
            machine.file(&format!("pyenv/versions/{version}/bin/python"));
        }
        machine.set("PYENV_ROOT", "pyenv");
        let asked = |name: &str| machine.look(Some(name), "nothing").1;
        assert_eq!(asked("env"), ["work/deep/env/bin/python3"]);
        assert_eq!(asked("../elsewhere/python"), ["work/deep/../elsewhere/python"]);
        assert_eq!(asked("python3.12"), ["usr/bin/python3.12"]);
        let pyenv = ["pyenv/versions/3.12.10/bin/python", "pyenv/versions/3.12.1/bin/python"];
        assert_eq!(asked("3.12"), ["usr/bin/python3.12", pyenv[0], pyenv[1]]);
        assert_eq!(asked("3.12.10"), ["usr/bin/python3.12", pyenv[0]]);
        // The probe says that all of these are 3.12.1, so none is the one that was asked for.
        assert_eq!(machine.look(Some("3.12.10"), "python").0, None);
    }
}
