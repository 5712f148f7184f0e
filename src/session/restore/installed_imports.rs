//! What may be imported while a file that is not trusted is loaded: what is installed, and nothing that may have come
//! with the file.
//!
//! A module in the working directory, next to the script, or on `PYTHONPATH` may be named like one that a library
//! imports when it is first needed. So `sys.path` has only the directories of the standard library and of installed
//! packages while such a load runs. Finders that the session itself has added stay: they are the user's.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyList, PyModule};

use crate::python::deferred_signals::Tolerated as _;

/// The names of directories of installed packages.
const PACKAGES: [&str; 2] = ["site-packages", "dist-packages"];

/// Limits `sys.path` until it is dropped.
pub(in crate::session) struct InstalledImports<'py> {
    sys: Bound<'py, PyModule>,
    /// The list as it was; `None` if the program has deleted it.
    path: Option<Bound<'py, PyAny>>,
}

impl<'py> InstalledImports<'py> {
    /// Removes all directories from `sys.path` in which nothing is installed.
    pub(in crate::session) fn only(py: Python<'py>) -> PyResult<Self> {
        let sys = py.import("sys")?;
        let path = sys.getattr_opt("path")?;
        let installed = PyList::empty(py);
        let directories = InstalledDirectories::of(&sys);
        if let Some(path) = path.as_ref().and_then(|path| path.try_iter().tolerated()) {
            for entry in path.flatten() {
                // An entry that is not a string, such as a Path, is ignored by the import system as well.
                if entry.extract::<PathBuf>().tolerated().is_some_and(|entry| directories.include(&entry)) {
                    installed.append(entry)?;
                }
            }
        }
        sys.setattr("path", installed)?;
        Ok(Self { sys, path })
    }
}

impl Drop for InstalledImports<'_> {
    fn drop(&mut self) {
        // Setting an attribute of `sys` cannot fail.
        let _ = match &self.path {
            Some(path) => self.sys.setattr("path", path),
            None => self.sys.delattr("path"),
        };
    }
}

/// Where the interpreter and its packages are installed.
struct InstalledDirectories {
    /// The roots below which it has its own directories.
    prefixes: Vec<PathBuf>,
    /// The directory of the packages of this user, which need not be below a prefix.
    user: Option<PathBuf>,
    working: Option<PathBuf>,
    /// `PYTHONPATH`.
    added: Vec<PathBuf>,
}

impl InstalledDirectories {
    fn of(sys: &Bound<'_, PyModule>) -> Self {
        let directory = |name: &str| sys.getattr(name).and_then(|path| path.extract::<PathBuf>()).tolerated();
        let names = ["prefix", "exec_prefix", "base_prefix", "base_exec_prefix"];
        let prefixes = names.into_iter().filter_map(directory).filter(|path| path.is_absolute()).collect();
        // `site` has found it when the interpreter started, if it is used at all.
        let site = sys.getattr("modules").and_then(|modules| modules.get_item("site"));
        let user = site.and_then(|site| site.getattr("USER_SITE")?.extract::<PathBuf>()).tolerated();
        let added = std::env::var_os("PYTHONPATH").map(|path| std::env::split_paths(&path).collect());
        Self { prefixes, user, working: std::env::current_dir().ok(), added: added.unwrap_or_default() }
    }

    /// Whether this entry of `sys.path` is a directory in which something is installed.
    fn include(&self, entry: &Path) -> bool {
        let is = |other: &Path| entry == other;
        if !entry.is_absolute() || self.working.as_deref().is_some_and(is) || self.added.iter().any(|path| is(path)) {
            return false;
        }
        if self.user.as_deref().is_some_and(is) {
            return true;
        }
        self.prefixes.iter().filter_map(|prefix| entry.strip_prefix(prefix).ok()).any(is_own_directory)
    }
}

/// Whether a path below a prefix is one of an interpreter: `lib/python3.12`, its directory of compiled modules, its
/// archive, or a directory of packages.
fn is_own_directory(path: &Path) -> bool {
    let names: Vec<&str> = path.iter().filter_map(|name| name.to_str()).collect();
    match names.as_slice() {
        [lib, rest @ ..] if lib.starts_with("lib") || *lib == "local" => match rest {
            [.., last] if PACKAGES.contains(last) || *last == "lib-dynload" => true,
            [last] => last.starts_with("python"),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories() -> InstalledDirectories {
        InstalledDirectories {
            prefixes: vec!["/usr".into(), "/home/ada/project/.venv".into()],
            user: Some("/home/ada/.local/lib/python3.11/site-packages".into()),
            working: Some("/home/ada/project".into()),
            added: vec!["/usr/lib/python3/extra/site-packages".into()],
        }
    }

    #[test]
    fn directories_of_the_interpreter_are_searched() {
        for path in [
            "/usr/lib/python3.11",
            "/usr/lib/python311.zip",
            "/usr/lib/python3.11/lib-dynload",
            "/usr/lib/python3/dist-packages",
            "/usr/local/lib/python3.11/dist-packages",
            "/home/ada/project/.venv/lib/python3.11/site-packages",
            "/home/ada/project/.venv/lib64/python3.11/site-packages",
            "/home/ada/.local/lib/python3.11/site-packages",
        ] {
            assert!(directories().include(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn all_other_directories_are_not() {
        for path in [
            "",
            ".",
            "site-packages",
            "/home/ada/project",
            "/home/ada/project/src",
            "/home/ada/site-packages",
            "/usr/share/app",
            "/usr/lib/python3/extra/site-packages",
            "/usr/lib/app/plugins",
            "/home/ada/project/.venv",
        ] {
            assert!(!directories().include(Path::new(path)), "{path}");
        }
    }
}
