//! Finds the CPythons to test with, one for each minor version, and asks each about itself: `python3` may be a shell
//! script, as pyenv's shims are, so only the answer says which program it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde::Deserialize;

/// The oldest version that snapcli runs.
const OLDEST: (u32, u32) = (3, 10);

/// Prints JSON. Python may have been built with a shared library that is not installed: Debian has it in a package.
const PROBE: &str = r#"
import json, os, sys
from importlib.util import find_spec
from sysconfig import get_config_var as var
folders = [var("LIBDIR") or "", os.path.join(sys.base_prefix, "lib")]
library = var("INSTSONAME") or ""
print(json.dumps({
    "implementation": sys.implementation.name,
    "version": sys.version_info[:3],
    "executable": sys.executable,
    "shared": bool(var("PYTHONFRAMEWORK")) or bool(var("Py_ENABLE_SHARED"))
        and any(os.path.exists(os.path.join(folder, library)) for folder in folders),
    "free_threaded": bool(var("Py_GIL_DISABLED")),
    "makes_venvs": find_spec("ensurepip") is not None,
}))
"#;

#[derive(Deserialize)]
struct Answer {
    implementation: String,
    version: (u32, u32, u32),
    executable: PathBuf,
    shared: bool,
    free_threaded: bool,
    makes_venvs: bool,
}

/// A CPython that snapcli can run.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    /// Such as `(3, 12)`.
    pub(crate) version: (u32, u32),
    /// The path that it reports about itself.
    pub(crate) executable: PathBuf,
}

impl Python {
    /// Such as `3.12`.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }
}

/// One CPython for each minor version on this machine, the one called `python3` first.
pub(crate) fn all_pythons() -> &'static [Python] {
    static FOUND: OnceLock<Vec<Python>> = OnceLock::new();
    FOUND.get_or_init(|| find(candidates()))
}

/// The Pythons for tests that run under several: all of them in the full tier, the main one in the quick tier.
#[allow(dead_code, reason = "the benchmark has no tiers")]
pub(crate) fn pythons() -> &'static [Python] {
    match Tier::chosen() {
        Tier::Quick => &all_pythons()[..1],
        Tier::Full => all_pythons(),
    }
}

/// The Python for the tests that need only one.
pub(crate) fn main_python() -> &'static Python {
    &all_pythons()[0]
}

/// How much a test run covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Every promise, most of them on the main Python only.
    Quick,
    /// Every promise on every Python.
    Full,
}

impl Tier {
    /// Reads `SNAPCLI_TEST_TIER`.
    #[allow(dead_code, reason = "the benchmark has no tiers")]
    pub(crate) fn chosen() -> Self {
        match std::env::var("SNAPCLI_TEST_TIER").as_deref() {
            Err(_) | Ok("" | "quick") => Self::Quick,
            Ok("full") => Self::Full,
            Ok(other) => panic!("SNAPCLI_TEST_TIER is {other:?}: it must be quick or full"),
        }
    }
}

/// Takes the first usable Python of each minor version.
fn find(candidates: Vec<PathBuf>) -> Vec<Python> {
    let mut found: Vec<Python> = Vec::new();
    let mut refused = BTreeSet::new();
    for candidate in candidates {
        match probe(&candidate) {
            Ok(python) if found.iter().any(|known| known.version == python.version) => {}
            Ok(python) => found.push(python),
            Err(reason) => drop(refused.insert(format!("  {}: {reason}", candidate.display()))),
        }
    }
    assert!(
        !found.is_empty(),
        "the tests need a CPython of 3.10 or later that has a shared library and ensurepip; name some in \
         SNAPCLI_TEST_PYTHONS. Looked at:\n{}",
        refused.into_iter().collect::<Vec<_>>().join("\n")
    );
    found
}

/// Paths that may be a Python, the preferred ones first.
fn candidates() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os("SNAPCLI_TEST_PYTHONS").filter(|named| !named.is_empty()) {
        return std::env::split_paths(&named).collect();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let names = ["python3".to_owned(), "python".to_owned()].into_iter();
    let names = names.chain((OLDEST.1..OLDEST.1 + 10).map(|minor| format!("python3.{minor}")));
    let on_path = names.flat_map(|name| folders.iter().map(move |folder| folder.join(&name)));
    on_path.chain(of_pyenv()).filter(|candidate| candidate.exists()).collect()
}

/// The Pythons that pyenv has installed, including those that its shims do not select.
fn of_pyenv() -> Vec<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".pyenv")));
    let Some(versions) = root.and_then(|root| root.join("versions").read_dir().ok()) else { return Vec::new() };
    versions.flatten().map(|version| version.path().join("bin/python3")).collect()
}

/// Asks a program which Python it is. The error says why the tests cannot use it.
fn probe(candidate: &Path) -> Result<Python, String> {
    let mut command = Command::new(candidate);
    super::sandbox::remove_python_settings(&mut command);
    let output = command.args(["-I", "-c", PROBE]).output().map_err(|error| error.to_string())?;
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("does not answer: {}", String::from_utf8_lossy(&output.stderr).trim()))?;
    let version = (answer.version.0, answer.version.1);
    let flaws = [
        (answer.implementation != "cpython", "is not CPython"),
        (version < OLDEST, "is older than 3.10"),
        (answer.free_threaded, "is free-threaded"),
        (!answer.shared, "has no shared library"),
        (!answer.makes_venvs, "has no ensurepip, so makes no virtual environments"),
    ];
    match flaws.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, flaw)) => Err(flaw.to_owned()),
        None => Ok(Python { version, executable: answer.executable }),
    }
}
