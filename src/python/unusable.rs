//! Why a Python cannot be used, with what the user can do about it.

use std::path::PathBuf;

use super::path_owner::ForeignPath;

/// Why a Python cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// The path does not exist.
    #[error("{} does not exist: check the path, the name or the version", .path.display())]
    NotFound {
        /// The path or name that was searched for.
        path: PathBuf,
    },
    /// It does not start or does not answer.
    #[error("{} does not run ({why}): reinstall it, or choose another with --python", .path.display())]
    CannotRun {
        /// The path of the Python.
        path: PathBuf,
        /// Its own error message, or that of the system.
        why: String,
    },
    /// It is older than the stable ABI of this build.
    #[error("{} is Python {version}, which is too old: use Python 3.10 or newer", .path.display())]
    TooOld {
        /// The path of the Python.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// It is not the version that the user asked for.
    #[error("{} is Python {found}, not {wanted}: install Python {wanted}, or pass its path", .path.display())]
    OtherVersion {
        /// The path of the Python.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The version that was asked for.
        wanted: String,
    },
    /// PyPy and others have other objects and another C API.
    #[error("{} is {name}, but snapcli needs CPython: choose one with --python", .path.display())]
    NotCPython {
        /// The path of the Python.
        path: PathBuf,
        /// `sys.implementation.name`.
        name: String,
    },
    /// It has no libpython to load.
    #[error(
        "{} has no shared library: install libpython{}.{} (Debian), rebuild it with \
         PYTHON_CONFIGURE_OPTS=--enable-shared (pyenv), use a Python from conda or uv, or install the wheel of snapcli \
         (`pip install .` in its source), which needs no shared library",
        .path.display(), .version.0, .version.1
    )]
    NoSharedLibrary {
        /// The path of the Python.
        path: PathBuf,
        /// Major and minor.
        version: (u8, u8),
    },
    /// Its objects have another layout, so the stable ABI does not apply.
    #[error(
        "{} is a free-threaded Python, which has a different ABI: use the regular build of Python {version}",
        .path.display()
    )]
    FreeThreaded {
        /// The path of the Python.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// Others could have put code into a `.venv` that the user has not named.
    #[error(
        "the virtual environment {} was found by searching and is not used, because {why}: if you trust it, name it \
         with --python {}",
        .environment.display(), .environment.display()
    )]
    Foreign {
        /// The folder of the environment.
        environment: PathBuf,
        /// What others could change.
        why: ForeignPath,
    },
    /// The base of the virtual environment has been removed.
    #[error("{} is a virtual environment whose base Python no longer exists: recreate it", .path.display())]
    BaseGone {
        /// The Python of the environment.
        path: PathBuf,
    },
    /// The base of the virtual environment may be there, but this user cannot read it.
    #[error(
        "{} is a virtual environment whose base Python in {} cannot be read: check the permissions of that folder",
        .path.display(), .base.display()
    )]
    BaseUnreadable {
        /// The Python of the environment.
        path: PathBuf,
        /// The folder of the base.
        base: PathBuf,
    },
}
