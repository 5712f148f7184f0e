//! Makes the process use the libpython of the chosen Python instead of the one that snapcli was built with.
//!
//! The dynamic loader has loaded a libpython before `main` begins. If it is the wrong one, snapcli restarts itself with
//! a folder at the front of the loader's search path. That folder contains a symlink that has the name of the library
//! that snapcli is linked to, and points to the right library. `main` calls `restore_environment` before anything
//! else; `prepare_interpreter` calls `ensure`.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, io};

use anyhow::{Context, Result, anyhow, bail};

use super::interpreter::Interpreter;
use super::private_folder::{own_uid, private_folder};
use crate::exit;

/// The variable with the folders that the loader searches first.
const SEARCH_PATH: &str = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
/// Passes the old search path to the second start: `=` and the value, or an empty string if it was not set.
const OLD_SEARCH_PATH: &str = "_SNAPCLI_OLD_LIBRARY_PATH";
/// Passes the interpreter that the first start chose to the second one, as JSON.
const CHOSEN: &str = "_SNAPCLI_INTERPRETER";

/// Set in a second start, to the interpreter that the first one chose.
static SECOND_START: OnceLock<Option<Interpreter>> = OnceLock::new();

/// Restores the environment variables that the first start changed. Returns whether this is a second start.
///
/// Must be called before `main` starts a thread: no other thread may read the environment at the same time.
pub(crate) fn restore_environment() -> bool {
    let Some(old) = env::var_os(OLD_SEARCH_PATH) else {
        return false;
    };
    let chosen = env::var(CHOSEN).ok().and_then(|json| serde_json::from_str(&json).ok());
    change_variable(SEARCH_PATH, marked_search_path(&old).as_deref());
    change_variable(OLD_SEARCH_PATH, None);
    change_variable(CHOSEN, None);
    SECOND_START.set(chosen).is_ok()
}

/// The interpreter that the first start chose; `None` in a first start.
#[must_use]
pub(crate) fn handed_over() -> Option<Interpreter> {
    SECOND_START.get().cloned().flatten()
}

fn change_variable(name: &str, value: Option<&OsStr>) {
    match value {
        // SAFETY: only `restore_environment` calls this, before `main` has started a thread.
        Some(value) => unsafe { env::set_var(name, value) },
        // SAFETY: as above.
        None => unsafe { env::remove_var(name) },
    }
}

fn search_path_marker(old: Option<&OsStr>) -> OsString {
    let mut text = OsString::from(if old.is_some() { "=" } else { "" });
    text.push(old.unwrap_or_default());
    text
}

fn marked_search_path(marker: &OsStr) -> Option<OsString> {
    marker.as_bytes().strip_prefix(b"=").map(|value| OsString::from_vec(value.to_vec()))
}

/// The path of the libpython in this process, as the loader found it.
///
/// # Errors
/// If Python is linked into the program itself, or the loader does not know.
pub(crate) fn loaded_library() -> Result<PathBuf> {
    let mut info = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    let symbol = pyo3::ffi::Py_BytesMain as *const libc::c_void;
    // SAFETY: `dladdr` takes any address, and `info` is ours to write.
    let known = unsafe { libc::dladdr(symbol, &raw mut info) };
    if known == 0 || info.dli_fname.is_null() {
        bail!("cannot locate the loaded libpython: rebuild snapcli");
    }
    // SAFETY: `dladdr` succeeded, so this is the loader's own string, which lives as long as the library.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    let path = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
    if !path.file_name().is_some_and(|name| name.as_bytes().windows(6).any(|w| w.eq_ignore_ascii_case(b"python"))) {
        bail!("snapcli is linked to a static Python: rebuild it with a Python that has a shared library");
    }
    Ok(path)
}

/// Whether the loaded libpython is not that of the interpreter, so that `ensure` would start snapcli again.
///
/// # Errors
/// As for [`loaded_library`], and if the interpreter has no library.
pub(crate) fn differs(interpreter: &Interpreter) -> Result<bool> {
    let wanted = wanted_library(interpreter)?;
    let loaded = loaded_library()?;
    Ok(loaded.canonicalize().unwrap_or(loaded) != wanted)
}

fn wanted_library(interpreter: &Interpreter) -> Result<PathBuf> {
    let python = interpreter.executable.display();
    let library = interpreter.library.as_ref();
    let library =
        library.with_context(|| format!("{python} has no shared library: choose another Python with --python"))?;
    library.canonicalize().with_context(|| format!("cannot find {}: reinstall this Python", library.display()))
}

/// Returns if the libpython in this process is that of the interpreter. Otherwise starts snapcli again.
///
/// # Errors
/// With exit code 6, if a second start is impossible, or has loaded the wrong library again.
pub(crate) fn ensure(interpreter: &Interpreter) -> Result<()> {
    restart_if_needed(interpreter).map_err(|error| exit::error(exit::NO_PYTHON, format!("{error:#}")))
}

fn restart_if_needed(interpreter: &Interpreter) -> Result<()> {
    if !differs(interpreter)? {
        return Ok(());
    }
    let (wanted, loaded) = (wanted_library(interpreter)?, loaded_library()?);
    // A third start would not help, and the program could restart forever.
    if SECOND_START.get().is_some() {
        bail!(
            "the dynamic loader used {} instead of {}, which {SEARCH_PATH} points to: rebuild snapcli with this Python",
            loaded.display(),
            wanted.display()
        );
    }
    let name = loaded.file_name().context("the loaded libpython has no name: rebuild snapcli")?;
    let folder = folder_with_link(name, &wanted)?;
    let error = restart(&folder, interpreter);
    Err(error).context("cannot restart snapcli with the chosen Python: use the Python that snapcli was built with")
}

/// Replaces this process with a second start. Returns only on failure.
fn restart(folder: &Path, interpreter: &Interpreter) -> io::Error {
    let program = match env::current_exe() {
        Ok(program) if program.exists() => program,
        // The file was replaced or removed since this process started, but the kernel still has it.
        Ok(_) => PathBuf::from("/proc/self/exe"),
        Err(error) => return error,
    };
    let old = env::var_os(SEARCH_PATH);
    let mut arguments = env::args_os();
    let mut command = Command::new(&program);
    // Keep `argv[0]`, so that usage messages show the name that the user typed.
    command.arg0(arguments.next().unwrap_or_else(|| program.into()));
    command.args(arguments);
    command.env(SEARCH_PATH, search_path(folder, old.as_deref()));
    command.env(OLD_SEARCH_PATH, search_path_marker(old.as_deref()));
    if let Ok(json) = serde_json::to_string(interpreter) {
        command.env(CHOSEN, json);
    }
    // `exec` keeps the process ID, the open files and the controlling terminal.
    command.exec()
}

/// The folder, then the old search path. An empty old path must add no colon: the loader would search the working
/// directory.
fn search_path(folder: &Path, old: Option<&OsStr>) -> OsString {
    let mut path = folder.as_os_str().to_owned();
    if let Some(old) = old.filter(|old| !old.is_empty()) {
        path.push(":");
        path.push(old);
    }
    path
}

/// Creates a folder with nothing but `name`, a symlink to `target`: in the cache, or, if that cannot be written to, in
/// the directory for temporary files.
fn folder_with_link(name: &OsStr, target: &Path) -> Result<PathBuf> {
    let mut failure = anyhow!("no folder to create a symlink in: set XDG_CACHE_HOME to a folder that you own");
    for base in [dirs::cache_dir().map(|cache| cache.join("snapcli")), Some(temporary_folder())].into_iter().flatten() {
        // The loader would treat these as a separator, or as the start of a variable.
        if base.as_os_str().as_bytes().iter().any(|byte| b":;$".contains(byte)) {
            continue;
        }
        match create_link(&base, name, target) {
            Ok(folder) => return Ok(folder),
            Err(error) => {
                failure =
                    anyhow!(error).context(format!("cannot create a symlink in {}: check its owner", base.display()));
            }
        }
    }
    Err(failure)
}

fn temporary_folder() -> PathBuf {
    env::temp_dir().join(format!("snapcli-{}", own_uid()))
}

fn create_link(base: &Path, name: &OsStr, target: &Path) -> io::Result<PathBuf> {
    let mut key = blake3::Hasher::new();
    key.update(name.as_bytes()).update(b"\0").update(target.as_os_str().as_bytes());
    let key = key.finalize().to_hex();
    let folder = private_folder(base)?.join("libpython").join(&key[..16]);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let link = folder.join(name);
    if fs::read_link(&link).is_ok_and(|old| old == target) {
        return Ok(folder);
    }
    // Created under another name and renamed, so that another process always finds a complete symlink.
    let new = tempfile::Builder::new().prefix(".new").make_in(&folder, |path| symlink(target, path))?;
    new.persist(&link).map_err(|error| error.error)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_search_path_survives_the_second_start() {
        for old in [None, Some(""), Some("/a:/b")].map(|old| old.map(OsStr::new)) {
            assert_eq!(marked_search_path(&search_path_marker(old)).as_deref(), old);
        }
    }

    #[test]
    fn an_empty_search_path_does_not_add_the_working_directory() {
        let folder = Path::new("/f");
        assert_eq!(search_path(folder, Some(OsStr::new(""))), "/f");
        assert_eq!(search_path(folder, None), "/f");
        assert_eq!(search_path(folder, Some(OsStr::new("/a"))), "/f:/a");
    }

    #[test]
    fn a_symlink_with_another_target_is_replaced() -> io::Result<()> {
        let base = tempfile::tempdir()?;
        let name = OsStr::new("libpython3.11.so.1.0");
        let folder = create_link(base.path(), name, Path::new("/right"))?;
        fs::remove_file(folder.join(name))?;
        symlink("/wrong", folder.join(name))?;
        assert_eq!(create_link(base.path(), name, Path::new("/right"))?, folder);
        assert_eq!(fs::read_link(folder.join(name))?, Path::new("/right"));
        assert_eq!(fs::read_dir(&folder)?.count(), 1);
        Ok(())
    }

    #[test]
    fn the_loaded_library_is_a_libpython() -> Result<()> {
        assert!(loaded_library()?.is_file());
        Ok(())
    }
}
