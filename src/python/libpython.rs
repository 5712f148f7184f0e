//! Makes the process use the libpython of the chosen Python instead of the one that snapcli was built with.
//!
//! The dynamic loader has loaded a libpython before `main` begins. If it is the wrong one, snapcli restarts itself with
//! a folder at the front of the loader's search path. That folder contains a symlink that has the name of the library
//! that snapcli is linked to, and points to the right library. `prepare_interpreter` calls
//! `ensure`; [`second_start`](super::second_start) has what the two starts share.
#![allow(unsafe_code)]

use std::env;
use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::interpreter::Interpreter;
use super::loader_link::folder_with_link;
use super::replaced_process::NextProgram;
use super::second_start;
use crate::exit;

/// The variable with the folders that the loader searches first.
const SEARCH_PATH: &str = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };

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
    if second_start::is_second() {
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
fn restart(folder: &Path, interpreter: &Interpreter) -> anyhow::Error {
    let start = || -> Result<io::Error> {
        let program = second_start::program_path()?;
        let mut arguments = env::args_os();
        let mut next = NextProgram::new(&program);
        // Keep `argv[0]`, so that usage messages show the name that the user typed.
        next.name(arguments.next().unwrap_or_else(|| program.clone().into()));
        next.args(arguments);
        let value = second_start::with_first(folder, env::var_os(SEARCH_PATH).as_deref());
        second_start::hand_over(&mut next, SEARCH_PATH, Some(&value), interpreter, &program)?;
        // `exec` keeps the process ID, the open files and the controlling terminal.
        Ok(next.execute())
    };
    start().map_or_else(|error| error, anyhow::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaded_library_is_a_libpython() -> Result<()> {
        assert!(loaded_library()?.is_file());
        Ok(())
    }
}
