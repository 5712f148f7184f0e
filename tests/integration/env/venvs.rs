//! Virtual environments for the tests, made once with the Python's own `venv` and `pip` and kept in the target
//! directory. `tests/requirements.txt` pins the versions of all packages.
//!
//! A marker file, written last, holds what an environment was made from: one that is incomplete or was made from
//! something else is made again. A file lock keeps threads (cargo test) and processes (nextest) from making it twice.
#![allow(unsafe_code)]

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use super::{Python, all_pythons, main_python};

/// The versions that pip may install.
const PINNED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/requirements.txt"));

/// The versions for a Python: before 1.18, scipy has no wheels for 3.15.
fn pinned(python: &Python) -> String {
    let old = "scipy==1.17.1";
    if python.version >= (3, 15) { PINNED.replace(old, "scipy==1.18.1") } else { PINNED.to_owned() }
}

/// The packages in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    /// No packages.
    #[allow(dead_code, reason = "for the tests of a missing package")]
    Bare,
    /// dill and numpy, for most tests.
    Dill,
    /// The packages of a data scientist's session. They take long to install, so only the main Python has them.
    #[allow(dead_code, reason = "for the tests of real libraries")]
    Full,
    /// pandas with pyarrow, which then stores its strings. Only the main Python has them.
    #[allow(dead_code, reason = "for the tests of untrusted frames")]
    Arrow,
    /// IPython and the kernel of Jupyter.
    #[allow(dead_code, reason = "for the tests of Jupyter")]
    Jupyter,
    /// A validator of JSON Schema. Only the main Python has it.
    #[allow(dead_code, reason = "for the tests of JSON")]
    Schema,
    /// A checker of types. Only the main Python has it.
    #[allow(dead_code, reason = "for the tests of the type stubs")]
    Types,
    /// uv itself. Only the main Python has it.
    #[allow(dead_code, reason = "for the tests of the wheel")]
    Uv,
}

impl Stack {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Dill => "dill",
            Self::Full => "full",
            Self::Arrow => "arrow",
            Self::Jupyter => "jupyter",
            Self::Schema => "schema",
            Self::Types => "types",
            Self::Uv => "uv",
        }
    }

    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Bare => &[],
            Self::Dill => &["dill", "numpy"],
            Self::Full => &["dill", "numpy", "pandas", "scikit-learn", "cloudpickle", "joblib"],
            Self::Schema => &["jsonschema==4.26.0"],
            Self::Types => &["dill", "mypy==2.4.1", "typing_extensions==4.16.0"],
            Self::Uv => &["uv==0.13.9"],
            // Not in requirements.txt, so that the other environments need not be made again.
            Self::Arrow => &[
                "dill",
                "numpy",
                "pandas",
                "pyarrow==25.0.1; python_version < '3.11'",
                "pyarrow==26.0.1; python_version >= '3.11'",
            ],
            Self::Jupyter => &[
                "dill",
                "numpy",
                "jupyter_client==8.10.0",
                "ipykernel==7.3.0; python_version < '3.11'",
                "ipython==8.39.0; python_version < '3.11'",
                "ipykernel==7.4.0; python_version >= '3.11'",
                "ipython==9.18.1; python_version >= '3.11'",
            ],
        }
    }
}

/// The `python` of a virtual environment with these packages.
pub(crate) fn venv(python: &Python, stack: Stack) -> PathBuf {
    static ALL: Once = Once::new();
    ALL.call_once(make_all);
    made(python, stack)
}

/// Makes the environments that a whole test run needs, in parallel: pip mostly waits for the network and the disk.
fn make_all() {
    std::thread::scope(|scope| {
        // The slowest to install comes first.
        scope.spawn(|| made(main_python(), Stack::Full));
        for python in all_pythons() {
            scope.spawn(|| made(python, Stack::Dill));
        }
    });
}

fn made(python: &Python, stack: Stack) -> PathBuf {
    let name = format!("{}-{}", python.label(), stack.name());
    let folder = cache().join("venvs").join(&name);
    let made_from = format!("{}\n{}\n{}", python.executable.display(), stack.packages().join("\n"), pinned(python));
    let is_made = || fs::read_to_string(marker(&folder)).is_ok_and(|marker| marker == made_from);
    if !is_made() {
        let _lock = lock(&cache().join(format!("{name}.lock")));
        if !is_made() {
            make(python, stack, &folder);
            fs::write(marker(&folder), &made_from).unwrap();
        }
    }
    folder.join("bin/python")
}

/// The `python` of a virtual environment with the newest versions of these packages, for a single test. `None` if they
/// cannot be installed: there may be no network.
#[allow(dead_code, reason = "what a test module may need")]
pub(crate) fn scratch_venv(python: &Python, name: &str, packages: &[&str]) -> Option<PathBuf> {
    let name = format!("{}-{name}", python.label());
    let folder = cache().join("venvs").join(&name);
    let made_from = format!("{}\n{}", python.executable.display(), packages.join("\n"));
    let _lock = lock(&cache().join(format!("{name}.lock")));
    if !fs::read_to_string(marker(&folder)).is_ok_and(|marker| marker == made_from) {
        let _ = fs::remove_dir_all(&folder);
        must_succeed(Command::new(&python.executable).args(["-m", "venv"]).arg(&folder));
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "-q"]).args(packages);
        super::sandbox::remove_python_settings(&mut pip);
        if !pip.output().is_ok_and(|output| output.status.success()) {
            return None;
        }
        fs::write(marker(&folder), &made_from).unwrap();
    }
    Some(folder.join("bin/python"))
}

/// The directory of files that take long to create.
pub(super) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-cache")
}

fn marker(folder: &Path) -> PathBuf {
    folder.join("made-from")
}

fn make(python: &Python, stack: Stack, folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    must_succeed(Command::new(&python.executable).args(["-m", "venv"]).arg(folder));
    if stack.packages().is_empty() {
        return;
    }
    let constraints = folder.join("requirements.txt");
    fs::write(&constraints, pinned(python)).unwrap();
    must_succeed(
        Command::new(folder.join("bin/python"))
            // Most of these modules are never imported, so compiling them all would take longer than the download.
            .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-compile", "-q", "-c"])
            .arg(constraints)
            .args(stack.packages()),
    );
}

fn must_succeed(command: &mut Command) {
    super::sandbox::remove_python_settings(command);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "a virtual environment for the tests cannot be made: {command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Waits for the lock, which is released when the file is closed.
pub(super) fn lock(path: &Path) -> File {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = File::create(path).unwrap();
    // SAFETY: the descriptor belongs to `file`, which is open.
    let outcome = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) };
    assert_eq!(outcome, 0, "{} cannot be locked: {}", path.display(), std::io::Error::last_os_error());
    file
}
