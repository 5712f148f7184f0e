//! The environment that this program is installed in. Its Python is a candidate, as that of `pip` or `pytest` is the
//! Python of the environment with `bin/pip` and `bin/pytest` in it.
//!
//! Two cases are different. A program that was started by its path, `venv/bin/snapcli`, names the environment. And
//! `uv tool install`, `uvx` and pipx give each tool an environment of its own, without any package of the user:
//! [`discover`](super::discover) tries it last.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::preload;
use super::surroundings::{Surroundings, exists, is_program, python_of};

/// What the environment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnKind {
    /// The user has started the program by its path in the environment.
    Named,
    /// It is an environment that has the program as one of its packages.
    Shared,
    /// It has been made for this program alone.
    Tool,
}

/// An environment with this program and a Python in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OwnEnvironment {
    pub kind: OwnKind,
    pub folder: PathBuf,
    /// The path of its Python.
    pub python: PathBuf,
}

/// Finds the environment, if the program is in one.
pub(super) fn find(around: &Surroundings) -> Option<OwnEnvironment> {
    let program = around.program.as_deref()?;
    let has_path = around.started_as.as_bytes().contains(&b'/');
    if let Some(folder) = path_as_started(around, program).as_deref().and_then(prefix_of).filter(|f| is_marked(f)) {
        let kind = match kind_of(folder) {
            OwnKind::Shared if has_path => OwnKind::Named,
            kind => kind,
        };
        return with_python(kind, folder);
    }
    let folder = prefix_of(program)?;
    with_python(kind_of(folder), folder)
}

/// Where the user has found the program: `env/bin/snapcli`, even if `env` is a symlink.
fn path_as_started(around: &Surroundings, program: &Path) -> Option<PathBuf> {
    let name = &around.started_as;
    let found =
        if name.as_bytes().contains(&b'/') { vec![around.cwd.join(name)] } else { around.on_path(OsStr::new(name)) };
    // The first word of a command line can be anything.
    found.into_iter().find(|path| path.canonicalize().is_ok_and(|file| file == program))
}

/// `PREFIX` of `PREFIX/bin/snapcli`.
fn prefix_of(program: &Path) -> Option<&Path> {
    let folder = program.parent()?;
    folder.parent().filter(|_| folder.file_name().is_some_and(|name| name == "bin"))
}

/// Whether a folder is an environment for certain, of venv or conda. `~/.local` is none, even with a Python in it.
fn is_marked(folder: &Path) -> bool {
    exists(&folder.join("pyvenv.cfg")) || exists(&folder.join("conda-meta"))
}

fn kind_of(folder: &Path) -> OwnKind {
    let is_of_tool = ["uv-receipt.toml", "pipx_metadata.json"].iter().any(|name| exists(&folder.join(name)));
    // `uvx` keeps its environments in uv's cache.
    let is_in_cache =
        folder.parent().and_then(Path::file_name).is_some_and(|name| name.as_bytes().starts_with(b"archive-v"));
    if is_of_tool || is_in_cache { OwnKind::Tool } else { OwnKind::Shared }
}

fn with_python(kind: OwnKind, folder: &Path) -> Option<OwnEnvironment> {
    let python = if is_marked(folder) { Some(python_of(folder)) } else { python_of_package(folder) }?;
    Some(OwnEnvironment { kind, folder: folder.to_owned(), python })
}

/// The Python of a prefix such as `/usr/local`, which may have several: the one whose packages include ours.
fn python_of_package(prefix: &Path) -> Option<PathBuf> {
    let engines = preload::packages(prefix).into_iter().filter(|engine| engine.is_file());
    // PREFIX/lib/python3.12/site-packages/snapcli/_engine.abi3.so
    let versions = engines.filter_map(|engine| Some(engine.ancestors().nth(3)?.file_name()?.to_owned()));
    versions.map(|version| prefix.join("bin").join(version)).find(|python| is_program(python))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct FakePrefix(tempfile::TempDir);

    impl FakePrefix {
        fn new(files: &[&str]) -> Self {
            let machine = Self(tempfile::tempdir().expect("a temporary directory"));
            for file in files {
                let path = machine.path(file);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
                fs::write(&path, "").expect("a new file");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
            }
            machine
        }

        fn path(&self, path: &str) -> PathBuf {
            self.0.path().canonicalize().expect("it exists").join(path)
        }

        /// The kind and the Python, for a program that is started with this first word.
        fn found(&self, started_as: &str, program: &str) -> Option<(OwnKind, String)> {
            let around = Surroundings {
                vars: [("PATH".into(), self.path("on-path").into())].into(),
                cwd: self.path(""),
                started_as: started_as.into(),
                program: self.path(program).canonicalize().ok(),
                ..Surroundings::default()
            };
            let own = find(&around)?;
            let python = own.python.strip_prefix(self.path("")).expect("below the folder");
            Some((own.kind, python.to_str().expect("ASCII").to_owned()))
        }
    }

    #[test]
    fn a_path_in_a_virtual_environment_names_it() {
        let machine = FakePrefix::new(&["env/pyvenv.cfg", "env/bin/python", "env/bin/snapcli"]);
        symlink(machine.path("env"), machine.path("link")).expect("a new symlink");
        symlink(machine.path("env/bin"), machine.path("on-path")).expect("a new symlink");
        let found = |started_as| machine.found(started_as, "env/bin/snapcli").expect("an environment");
        assert_eq!(found("./env/bin/snapcli"), (OwnKind::Named, "env/bin/python".to_owned()));
        assert_eq!(found("link/bin/snapcli"), (OwnKind::Named, "link/bin/python".to_owned()));
        assert_eq!(found("snapcli"), (OwnKind::Shared, "env/bin/python".to_owned()));
        // Words that are not the path of the program say nothing.
        assert_eq!(found("/other/bin/snapcli").0, OwnKind::Shared);
        assert_eq!(found("").0, OwnKind::Shared);
    }

    #[test]
    fn tools_have_environments_of_their_own() {
        for mark in ["uv-receipt.toml", "pipx_metadata.json"] {
            let mark = format!("tool/{mark}");
            let files = [mark.as_str(), "tool/pyvenv.cfg", "tool/bin/python", "tool/bin/snapcli", "home/bin/other"];
            let machine = FakePrefix::new(&files);
            symlink(machine.path("tool/bin/snapcli"), machine.path("home/bin/snapcli")).expect("a new symlink");
            for started_as in ["snapcli", "home/bin/snapcli", "tool/bin/snapcli"] {
                let found = machine.found(started_as, "tool/bin/snapcli");
                assert_eq!(found, Some((OwnKind::Tool, "tool/bin/python".to_owned())), "{started_as}");
            }
        }
        let machine =
            FakePrefix::new(&["archive-v0/x/pyvenv.cfg", "archive-v0/x/bin/python", "archive-v0/x/bin/snapcli"]);
        assert_eq!(machine.found("snapcli", "archive-v0/x/bin/snapcli").map(|own| own.0), Some(OwnKind::Tool));
    }

    #[test]
    fn a_prefix_without_a_mark_needs_the_package_for_its_python() {
        let files = ["p/bin/snapcli", "p/bin/python3", "p/bin/python3.11", "p/bin/python3.12"];
        let machine = FakePrefix::new(&files);
        assert_eq!(machine.found("p/bin/snapcli", "p/bin/snapcli"), None);
        let engine = "p/lib/python3.12/site-packages/snapcli/_engine.abi3.so";
        let machine = FakePrefix::new(&[&files[..], &[engine]].concat());
        let found = machine.found("p/bin/snapcli", "p/bin/snapcli");
        assert_eq!(found, Some((OwnKind::Shared, "p/bin/python3.12".to_owned())));
        // Debian's pip installs into /usr/local, but Debian's Python is in /usr.
        let engine = "p/lib/python3.9/dist-packages/snapcli/_engine.abi3.so";
        let machine = FakePrefix::new(&[&files[..], &[engine]].concat());
        assert_eq!(machine.found("snapcli", "p/bin/snapcli"), None);
    }
}
