//! In which order Pythons are found, and which is chosen.

use std::cell::RefCell;
use std::ffi::OsString;
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
