//! Starts the chosen Python's own executable with the engine in it: `LD_PRELOAD` names the extension module of the
//! wheel, which takes over before Python's `main` (see `injected`).
//!
//! The program passes its arguments on behind the path of `snapcli/__main__.py`. Where preloading does not work,
//! because the executable is a wrapper or has no dynamic loader, Python runs that file, which loads the engine. So a
//! script is never run without being saved.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::interpreter::Interpreter;
use super::loader_link::folder_with_link;
use super::replaced_process::NextProgram;
use super::second_start;
use crate::exit;

/// The variable with the libraries that are loaded before all others.
pub(super) const PRELOAD: &str = "LD_PRELOAD";
/// The file name of the engine in the package of the wheel.
const EXTENSION: &str = "_engine.abi3.so";
/// The file name of the engine where cargo has built it.
const BUILT: &str = "libsnapcli.so";
/// What Python runs if a source build cannot preload its engine.
const NOT_LOADED: &str = "raise SystemExit('snapcli: cannot load the engine into this Python: choose another Python')";

/// The engine: a file beside this program, or in the package that was installed with it. `None` on systems without
/// `LD_PRELOAD`, and in builds without an engine.
pub(crate) fn engine() -> Option<&'static Path> {
    static ENGINE: OnceLock<Option<PathBuf>> = OnceLock::new();
    ENGINE.get_or_init(|| cfg!(target_os = "linux").then(find_engine).flatten()).as_deref()
}

fn find_engine() -> Option<PathBuf> {
    // Symlinks are followed: `uv tool` and pipx link to the program in an environment of its own.
    let program = second_start::program_path().ok()?.canonicalize().ok()?;
    let folder = program.parent()?;
    let beside = [folder.join(BUILT), folder.join(EXTENSION)];
    beside.into_iter().chain(packages(folder.parent()?)).find(|file| file.is_file())
}

/// Where the engine may be if pip has installed the program in `PREFIX/bin`.
pub(super) fn packages(prefix: &Path) -> Vec<PathBuf> {
    let package = Path::new("snapcli").join(EXTENSION);
    // `pip install --target`.
    let mut found = vec![prefix.join(&package)];
    for library in ["lib", "lib64", "local/lib"] {
        let versions = std::fs::read_dir(prefix.join(library)).into_iter().flatten().flatten();
        let mut versions: Vec<_> = versions.map(|entry| entry.path()).filter(|path| is_of_python(path)).collect();
        versions.sort();
        let folders = versions.iter().flat_map(|version| ["site-packages", "dist-packages"].map(|n| version.join(n)));
        let folders: Vec<_> = folders.collect();
        found.extend(folders.iter().map(|folder| folder.join(&package)));
        found.extend(folders.iter().filter_map(|folder| editable_source(folder)).map(|source| source.join(&package)));
    }
    found
}

/// Where the package is if it was installed with `pip install --editable`: a line of a `.pth` file says so.
fn editable_source(packages: &Path) -> Option<PathBuf> {
    let is_ours = |name: &[u8]| name.starts_with(b"__editable__.snapcli-") && name.ends_with(b".pth");
    let files = std::fs::read_dir(packages).ok()?.flatten();
    let file = files.into_iter().find(|file| is_ours(file.file_name().as_bytes()))?;
    Some(PathBuf::from(std::fs::read_to_string(file.path()).ok()?.lines().next()?))
}

/// `lib/python3.12`, or `lib/python3` of Debian.
fn is_of_python(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.as_bytes().starts_with(b"python3"))
}

/// Replaces this process with the Python, which has the engine in it and gets the arguments of this program.
///
/// # Errors
/// With exit code 6, if there is no engine, or the Python cannot be executed.
pub(super) fn start(interpreter: &Interpreter) -> anyhow::Error {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let error = execute(NextProgram::new(&interpreter.executable), interpreter, &arguments);
    let error = error.map_or_else(|error| error, anyhow::Error::from);
    exit::error(exit::NO_PYTHON, format!("cannot start {}: {error:#}", interpreter.executable.display()))
}

/// Replaces this process, a Python that a wrapper has started, with the same Python with the engine in it. Returns only
/// if that is not possible.
#[cfg(feature = "extension")]
pub(super) fn start_behind_wrapper(interpreter: Interpreter, words: &[OsString]) -> Result<std::io::Error> {
    let mut next = NextProgram::new(&std::fs::read_link("/proc/self/exe")?);
    // As the wrapper does: Python finds its environment by this path.
    next.name(&interpreter.executable);
    execute(next, &Interpreter { is_wrapper: false, ..interpreter }, words.get(1..).unwrap_or_default())
}

fn execute(mut next: NextProgram, interpreter: &Interpreter, arguments: &[OsString]) -> Result<std::io::Error> {
    let engine = engine().context("the engine of snapcli is missing: install its wheel, not the program alone")?;
    match engine.with_file_name("__main__.py") {
        main if main.is_file() => next.args([main]),
        _ => next.args(["-c", NOT_LOADED]),
    }
    next.args(arguments);
    // A wrapper is another program, which cannot load the engine.
    let list = if interpreter.is_wrapper {
        None
    } else {
        Some(second_start::with_first(&preloadable(engine)?, env::var_os(PRELOAD).as_deref()))
    };
    second_start::hand_over(&mut next, PRELOAD, list.as_deref(), interpreter, &second_start::program_path()?)?;
    Ok(next.execute())
}

/// A path of the engine that can stand in the list: the loader separates paths by colons and spaces.
fn preloadable(engine: &Path) -> Result<PathBuf> {
    if !engine.as_os_str().as_bytes().iter().any(|byte| b": \t\n$".contains(byte)) {
        return Ok(engine.to_owned());
    }
    let name = OsStr::new(EXTENSION);
    Ok(folder_with_link(name, engine)?.join(name))
}

/// The arguments of the program, from those that [`start`] gives to Python.
#[cfg(feature = "extension")]
pub(super) fn own_arguments(arguments: &[OsString]) -> Vec<OsString> {
    let skipped = if arguments.get(1).is_some_and(|first| first == "-c") { 3 } else { 2 };
    std::iter::once("snapcli".into()).chain(arguments.iter().skip(skipped).cloned()).collect()
}
