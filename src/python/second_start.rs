//! What one start of the program passes to the next one, which `exec` puts in its place: the chosen interpreter, the
//! path of the program, and the environment variable of the dynamic loader that it had to change.
//!
//! There are two such starts: with another libpython ([`libpython`](super::libpython)), and as the chosen Python itself
//! with the engine in it ([`preload`](super::preload)).
#![allow(unsafe_code)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::interpreter::Interpreter;
use super::replaced_process::NextProgram;
use crate::exit;

/// The name of the loader's variable; then, if it was set, `=` and its old value.
const OLD_VARIABLE: &str = "_SNAPCLI_OLD_VARIABLE";
/// The Python of `python -m snapcli`, which runs the program in its place.
const MODULE_PYTHON: &str = "_SNAPCLI_MODULE_PYTHON";
/// A [`HandedOver`], as JSON.
const HANDED_OVER: &str = "_SNAPCLI_HANDED_OVER";

/// What the first start has found out.
#[derive(Debug, Serialize, Deserialize)]
struct HandedOver {
    /// The version of the first start: a program and an engine of two versions do not fit.
    snapcli: String,
    interpreter: Interpreter,
    /// The path of the program.
    program: PathBuf,
}

/// Set if the program was started by `python -m snapcli`.
static STARTED_BY: OnceLock<PathBuf> = OnceLock::new();
/// Set in a second start.
static FIRST_START: OnceLock<HandedOver> = OnceLock::new();

/// Adds to a program what the second start needs. `variable` is set to `value` for the dynamic loader, and the second
/// start restores it. Without a value, it stays as it is.
///
/// # Errors
/// If a path is not UTF-8.
pub(super) fn hand_over(
    next: &mut NextProgram,
    variable: &str,
    value: Option<&OsStr>,
    interpreter: &Interpreter,
    program: &Path,
) -> Result<()> {
    let handed_over = HandedOver {
        snapcli: env!("CARGO_PKG_VERSION").to_owned(),
        interpreter: interpreter.clone(),
        program: program.to_owned(),
    };
    let json = serde_json::to_string(&handed_over).context("the path of the Python or of snapcli is not UTF-8")?;
    if let Some(value) = value {
        next.env(OLD_VARIABLE, assignment(variable, env::var_os(variable).as_deref()));
        next.env(variable, value);
    }
    next.env(HANDED_OVER, json);
    Ok(())
}

/// Whether a first start has passed something to this process, which has not taken it yet.
#[cfg(feature = "extension")]
pub(super) fn is_expected() -> bool {
    env::var_os(HANDED_OVER).is_some()
}

/// Takes what the first start has passed, and restores the environment. Returns whether this is a second start.
///
/// Must be called before this process has a second thread: it would read the environment at the same time.
///
/// # Errors
/// With exit code 6, if the first start was of another version.
pub(crate) fn take() -> Result<bool> {
    if let Some(python) = env::var_os(MODULE_PYTHON) {
        change_variable(OsStr::new(MODULE_PYTHON), None);
        if !python.is_empty() {
            let _ = STARTED_BY.set(python.into());
        }
    }
    if let Some(old) = env::var_os(OLD_VARIABLE) {
        let (variable, value) = parts_of(&old);
        change_variable(variable, value);
        change_variable(OsStr::new(OLD_VARIABLE), None);
    }
    let Some(json) = env::var_os(HANDED_OVER) else { return Ok(is_second()) };
    change_variable(OsStr::new(HANDED_OVER), None);
    let handed_over = read(&json.to_string_lossy()).map_err(|why| exit::error(exit::NO_PYTHON, why))?;
    Ok(FIRST_START.set(handed_over).is_ok())
}

/// The interpreter that the first start chose, if that is a wrapper, which has started this process.
#[cfg(feature = "extension")]
pub(super) fn take_wrapped() -> Option<Interpreter> {
    // An error is reported by the next call of `take`.
    let handed_over = read(&env::var(HANDED_OVER).ok()?).ok()?;
    handed_over.interpreter.is_wrapper.then_some(()).filter(|()| take().is_ok())?;
    interpreter()
}

/// The environment variables that [`take`] changes: `os.environ` has the old values if Python runs already.
#[cfg(feature = "extension")]
pub(super) const CHANGED: [&str; 4] = [OLD_VARIABLE, HANDED_OVER, MODULE_PYTHON, super::preload::PRELOAD];

/// Another version may pass other fields, so the version is read first.
fn read(json: &str) -> Result<HandedOver, String> {
    #[derive(Deserialize)]
    struct WrittenBy {
        snapcli: String,
    }
    let own = env!("CARGO_PKG_VERSION");
    let version =
        serde_json::from_str(json).map_or_else(|_| "of an unknown version".to_owned(), |v: WrittenBy| v.snapcli);
    serde_json::from_str::<HandedOver>(json)
        .ok()
        .filter(|handed_over| handed_over.snapcli == own)
        .ok_or_else(|| format!("the program is snapcli {version}, but its engine is {own}: reinstall snapcli"))
}

/// The Python of `python -m snapcli`.
pub(super) fn module_python() -> Option<&'static Path> {
    STARTED_BY.get().map(PathBuf::as_path)
}

/// Whether this is a second start.
pub(crate) fn is_second() -> bool {
    FIRST_START.get().is_some()
}

/// The interpreter that the first start chose; `None` in a first start.
#[must_use]
pub(super) fn interpreter() -> Option<Interpreter> {
    FIRST_START.get().map(|first| first.interpreter.clone())
}

/// The path of the program that the user has started, even if this process is the chosen Python by now.
///
/// # Errors
/// If the system does not tell.
pub(super) fn program_path() -> Result<PathBuf> {
    if let Some(first) = FIRST_START.get() {
        return Ok(first.program.clone());
    }
    // Where /proc is not mounted, the command line is all there is.
    let program = env::current_exe().ok().or_else(program_by_name).context("cannot find this program: mount /proc")?;
    // The file may have been replaced or removed since this process started, but the kernel still has it.
    Ok(if program.exists() { program } else { "/proc/self/exe".into() })
}

/// The path of this program, from the first word of its command line.
fn program_by_name() -> Option<PathBuf> {
    let name = env::args_os().next()?;
    if name.as_bytes().contains(&b'/') {
        return std::path::absolute(name).ok();
    }
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(&name)).find(|file| file.is_file())
}

/// A command that starts the program in a process of its own. `executable` is the running Python: in a process that
/// only imports snapcli, that is what can start it.
///
/// # Errors
/// If the program cannot be found.
pub(crate) fn program_command(executable: &OsStr) -> Result<Command> {
    if cfg!(feature = "extension") && !is_second() {
        let mut command = Command::new(executable);
        command.args(["-m", "snapcli"]);
        return Ok(command);
    }
    Ok(Command::new(program_path()?))
}

fn change_variable(name: &OsStr, value: Option<&OsStr>) {
    match value {
        // SAFETY: only `take` calls this, while the process has one thread.
        Some(value) => unsafe { env::set_var(name, value) },
        // SAFETY: as above.
        None => unsafe { env::remove_var(name) },
    }
}

fn assignment(name: &str, value: Option<&OsStr>) -> OsString {
    let mut text = OsString::from(name);
    if let Some(value) = value {
        text.push("=");
        text.push(value);
    }
    text
}

fn parts_of(assignment: &OsStr) -> (&OsStr, Option<&OsStr>) {
    let bytes = assignment.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) => (OsStr::from_bytes(&bytes[..at]), Some(OsStr::from_bytes(&bytes[at + 1..]))),
        None => (assignment, None),
    }
}

/// A list of paths for the dynamic loader that begins with `first`. An empty old list must add no colon: the loader
/// would search the working directory.
pub(super) fn with_first(first: &Path, old: Option<&OsStr>) -> OsString {
    let mut list = first.as_os_str().as_bytes().to_vec();
    if let Some(old) = old.filter(|old| !old.is_empty()) {
        list.push(b':');
        list.extend_from_slice(old.as_bytes());
    }
    OsString::from_vec(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_another_version_is_refused() {
        let engine = concat!("but its engine is ", env!("CARGO_PKG_VERSION"));
        for (json, program) in [(r#"{"snapcli":"9.9","new":1}"#, "snapcli 9.9, "), ("?", "unknown version, ")] {
            let why = read(json).expect_err("another version");
            assert!(why.contains(program) && why.contains(engine), "{why}");
        }
    }

    #[test]
    fn the_old_value_survives_the_second_start() {
        for old in [None, Some(""), Some("/a:/b"), Some("a=b")].map(|old| old.map(OsStr::new)) {
            assert_eq!(parts_of(&assignment("LD_PRELOAD", old)), (OsStr::new("LD_PRELOAD"), old));
        }
    }

    #[test]
    fn an_empty_list_does_not_add_the_working_directory() {
        let folder = Path::new("/f");
        assert_eq!(with_first(folder, Some(OsStr::new(""))), "/f");
        assert_eq!(with_first(folder, None), "/f");
        assert_eq!(with_first(folder, Some(OsStr::new("/a"))), "/f:/a");
    }
}
