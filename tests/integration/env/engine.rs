//! The Python package `snapcli` with the engine, for tests that import it into a plain Python.
//!
//! cargo builds the engine once for each run of the tests, in the same target directory. `SNAPCLI_TEST_ENGINE` names a
//! directory that has such a package already, such as the site-packages of an environment with the wheel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{sandbox, venvs};

/// The arguments with which cargo builds the engine as the wheel has it.
const BUILD: [&str; 8] =
    ["rustc", "--quiet", "--lib", "--crate-type", "cdylib", "--no-default-features", "--features", "extension,remote"];

/// A directory for PYTHONPATH that holds the package `snapcli` and nothing else.
pub(crate) fn engine_package() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| match std::env::var_os("SNAPCLI_TEST_ENGINE") {
        Some(given) => PathBuf::from(given),
        None => build(),
    })
}

fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let root = target.join("engine");
    let _lock = venvs::lock(&target.join("engine.lock"));
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cargo = Command::new(env!("CARGO"));
    sandbox::remove_python_settings(&mut cargo);
    cargo.args(BUILD).arg("--target-dir").arg(target).current_dir(manifest);
    let output = cargo.output().unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the engine cannot be built: {cargo:?} ended with {}\n{why}", output.status);
    let package = root.join("snapcli");
    fs::create_dir_all(&package).unwrap();
    let library = format!("{}snapcli{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    link(&target.join("debug").join(library), &package.join("_engine.abi3.so"));
    for entry in manifest.join("python/snapcli").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            link(&path, &package.join(path.file_name().unwrap()));
        }
    }
    root
}

/// Makes a symlink, which other tests may be using.
fn link(from: &Path, to: &Path) {
    if fs::read_link(to).is_ok_and(|found| found == from) {
        return;
    }
    let _ = fs::remove_file(to);
    std::os::unix::fs::symlink(from, to).unwrap();
}
