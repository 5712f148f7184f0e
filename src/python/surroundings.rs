//! What the search for a Python looks at: environment variables, the working directory, how the program was started,
//! and the folders of Pythons. [`discover`](super::discover) decides on the order.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::second_start;

/// What the choice depends on, apart from files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// Environment variables.
    pub vars: HashMap<OsString, OsString>,
    /// The working directory.
    pub cwd: PathBuf,
    /// The user's home directory, where pyenv usually is.
    pub home: Option<PathBuf>,
    /// The first word of the command line: a path, or a name that was found on `PATH`.
    pub started_as: OsString,
    /// The file of this program, with symlinks followed.
    pub program: Option<PathBuf>,
    /// The Python of `python -m snapcli`.
    pub module_python: Option<PathBuf>,
}

impl Surroundings {
    /// The surroundings of this process.
    #[must_use]
    pub(crate) fn here() -> Self {
        Self {
            vars: env::vars_os().collect(),
            cwd: env::current_dir().unwrap_or_default(),
            home: dirs::home_dir(),
            started_as: env::args_os().next().unwrap_or_default(),
            program: second_start::program_path().ok().and_then(|program| program.canonicalize().ok()),
            module_python: second_start::module_python().map(Path::to_owned),
        }
    }

    /// The value of a variable. An empty one counts as not set.
    pub(super) fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// All programs with this name on `PATH`. Relative entries are relative to the working directory.
    pub(super) fn on_path(&self, name: &OsStr) -> Vec<PathBuf> {
        let folders = env::split_paths(self.var("PATH").unwrap_or_default());
        folders.map(|folder| self.cwd.join(folder).join(name)).filter(|file| is_program(file)).collect()
    }

    /// The versions that pyenv has installed, newest first.
    pub(super) fn pyenv_versions(&self) -> Vec<(Vec<u8>, PathBuf)> {
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

pub(super) fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Parses `3`, `3.12` or `3.12.1`.
pub(super) fn version_parts(text: &OsStr) -> Option<Vec<u8>> {
    text.to_str()?.split('.').map(|part| part.parse().ok()).collect()
}

/// The path of the Python in an environment or a prefix, whether it exists or not.
pub(super) fn python_of(folder: &Path) -> PathBuf {
    let (python, python3) = (folder.join("bin/python"), folder.join("bin/python3"));
    if !exists(&python) && exists(&python3) { python3 } else { python }
}

/// Whether a path exists. A dangling symlink counts: the error about it is better than none.
pub(super) fn exists(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

pub(super) fn is_environment(folder: &Path) -> bool {
    exists(&folder.join("pyvenv.cfg")) || exists(&python_of(folder))
}

/// Whether a program is a script, as the shims of pyenv are.
pub(super) fn is_script(file: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 2];
    fs::File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}
