//! The steps of the search for a Python, in order, and the paths that each of them finds.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::discover::{PythonSource, VARIABLE};
use super::own_environment::{self, OwnEnvironment, OwnKind};
use super::surroundings::{Surroundings, exists, is_environment, is_script, python_of, version_parts};

/// A step of the search, with the paths it has found.
pub(super) struct SearchStep {
    pub(super) source: PythonSource,
    /// The name that the user gave, for the error if nothing is found.
    pub(super) name: PathBuf,
    pub(super) found: Vec<PathBuf>,
    /// Accept only versions that begin with this.
    pub(super) version: Option<Vec<u8>>,
    /// If none of these is usable, do not use a later one.
    pub(super) binding: bool,
    /// The environment that must be safe from others, because the user has not named it.
    pub(super) environment: Option<PathBuf>,
}

impl SearchStep {
    fn new(source: PythonSource, found: Vec<PathBuf>) -> Self {
        Self { source, name: PathBuf::new(), found, version: None, binding: false, environment: None }
    }
}

pub(super) fn search_steps(around: &Surroundings, explicit: Option<&str>) -> Vec<SearchStep> {
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
pub(super) fn elsewhere(around: &Surroundings) -> SearchStep {
    let minors = (10..=29).rev().map(|minor| OsString::from(format!("python3.{minor}")));
    let mut found: Vec<_> = minors.flat_map(|name| around.on_path(&name)).filter(|file| !is_script(file)).collect();
    found.extend(around.pyenv_versions().into_iter().filter(|(has, _)| has >= &vec![3, 10]).map(|(_, python)| python));
    SearchStep::new(PythonSource::Elsewhere, found)
}
