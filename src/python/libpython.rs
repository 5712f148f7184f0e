//! Puts the right libpython in place: the one of the chosen Python, not the one the build found.
//!
//! The loader has picked a libpython before `main` begins. Where it is not the chosen Python's, we start
//! ourselves once more, with a folder first in the loader's path that holds one link, named as the library we
//! are linked to and leading to the right one. `main` calls `restore_environment` before all else; the command
//! that starts Python calls `ensure`.
#![allow(unsafe_code)]

use std::env;
use std::ffi::{CStr, OsStr, OsString};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};

use super::discover::NoPython;
use super::probe::Interpreter;

/// How the file name of a libpython ends.
pub const SUFFIX: &str = if cfg!(target_os = "macos") { ".dylib" } else { ".so.1.0" };

/// Where the loader looks first.
const SEARCH_PATH: &str = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
/// Tells the second start what the search path was: `=` and the old value, or nothing where it was not set.
const OLD_SEARCH_PATH: &str = "_SNAPCLI_OLD_LIBRARY_PATH";
/// Tells the second start what the first one chose, as JSON: it need not choose again.
const CHOSEN: &str = "_SNAPCLI_INTERPRETER";

/// Set when this is the second start, to what the first one chose.
static SECOND_START: OnceLock<Option<Interpreter>> = OnceLock::new();

/// Gives the environment back as the user had it, and tells whether this is the second start.
///
/// Must be the first thing that `main` does: no other thread may look at the environment meanwhile.
pub fn restore_environment() -> bool {
    let Some(old) = env::var_os(OLD_SEARCH_PATH) else {
        return false;
    };
    let chosen = env::var(CHOSEN).ok().and_then(|json| serde_json::from_str(&json).ok());
    change_variable(SEARCH_PATH, old_value(&old).as_deref());
    change_variable(OLD_SEARCH_PATH, None);
    change_variable(CHOSEN, None);
    SECOND_START.set(chosen).is_ok()
}

/// What the first start has chosen, where this is the second.
#[must_use]
pub fn handed_over() -> Option<Interpreter> {
    SECOND_START.get().cloned().flatten()
}

fn change_variable(name: &str, value: Option<&OsStr>) {
    match value {
        // SAFETY: only `restore_environment` comes here, before `main` has made a thread.
        Some(value) => unsafe { env::set_var(name, value) },
        // SAFETY: as above.
        None => unsafe { env::remove_var(name) },
    }
}

fn marker(old: Option<&OsStr>) -> OsString {
    let mut text = OsString::from(if old.is_some() { "=" } else { "" });
    text.push(old.unwrap_or_default());
    text
}

fn old_value(marker: &OsStr) -> Option<OsString> {
    marker.as_bytes().strip_prefix(b"=").map(|value| OsString::from_vec(value.to_vec()))
}

/// The libpython that the loader has put into this process, by the name under which it found it.
///
/// # Errors
/// Where Python is part of the program itself, or the loader does not know.
pub fn loaded() -> Result<PathBuf> {
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
        bail!("the loader does not tell which libpython it loaded: build snapcli anew");
    }
    // SAFETY: `dladdr` succeeded, so this is the loader's own string, which lives as long as the library.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    let path = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
    if !path.file_name().is_some_and(|name| name.as_bytes().windows(6).any(|w| w.eq_ignore_ascii_case(b"python"))) {
        bail!("snapcli is linked to a static Python: build it anew with one that has a shared library");
    }
    Ok(path)
}

/// Whether the loaded libpython is another than the interpreter's, so that `ensure` will start us once more.
///
/// # Errors
/// As [`loaded`], and where the interpreter names no library.
pub fn differs(interpreter: &Interpreter) -> Result<bool> {
    let wanted = wanted(interpreter)?;
    let loaded = loaded()?;
    Ok(loaded.canonicalize().unwrap_or(loaded) != wanted)
}

fn wanted(interpreter: &Interpreter) -> Result<PathBuf> {
    let python = interpreter.executable.display();
    let library = interpreter.library.as_ref();
    let library = library.with_context(|| format!("{python} has no shared library: choose another with --python"))?;
    library.canonicalize().with_context(|| format!("cannot find {}: repair this Python", library.display()))
}

/// Returns when the libpython in this process is the interpreter's; else starts us once more, so that it is.
///
/// # Errors
/// [`NoPython`], where a second start is impossible or was in vain.
pub fn ensure(interpreter: &Interpreter) -> Result<()> {
    restart_if_needed(interpreter).map_err(|error| NoPython::new(format!("{error:#}")).into())
}

fn restart_if_needed(interpreter: &Interpreter) -> Result<()> {
    if !differs(interpreter)? {
        return Ok(());
    }
    let (wanted, loaded) = (wanted(interpreter)?, loaded()?);
    if SECOND_START.get().is_some() {
        bail!(
            "the loader took {} in place of {}, although {SEARCH_PATH} names it: build snapcli anew with this Python",
            loaded.display(),
            wanted.display()
        );
    }
    let name = loaded.file_name().context("the loaded libpython has no name: build snapcli anew")?;
    let folder = folder_with_link(name, &wanted)?;
    let error = start_again(&folder, interpreter);
    Err(error)
        .context("cannot start snapcli once more with the chosen Python: run snapcli with the Python it was built with")
}

/// Returns only when it failed.
fn start_again(folder: &Path, interpreter: &Interpreter) -> io::Error {
    let program = match env::current_exe() {
        Ok(program) if program.exists() => program,
        // The file was replaced or removed while we run; the kernel still has it.
        Ok(_) => PathBuf::from("/proc/self/exe"),
        Err(error) => return error,
    };
    let old = env::var_os(SEARCH_PATH);
    let mut arguments = env::args_os();
    let mut command = Command::new(&program);
    command.arg0(arguments.next().unwrap_or_else(|| program.into()));
    command.args(arguments);
    command.env(SEARCH_PATH, search_path(folder, old.as_deref()));
    command.env(OLD_SEARCH_PATH, marker(old.as_deref()));
    if let Ok(json) = serde_json::to_string(interpreter) {
        command.env(CHOSEN, json);
    }
    command.exec()
}

/// An empty old path adds nothing: `folder:` would have the loader look into the working folder.
fn search_path(folder: &Path, old: Option<&OsStr>) -> OsString {
    let mut path = folder.as_os_str().to_owned();
    if let Some(old) = old.filter(|old| !old.is_empty()) {
        path.push(":");
        path.push(old);
    }
    path
}

/// A folder that holds nothing but `name`, a link to `target`: in the cache, or where that cannot be written
/// (a read-only home) in the folder for temporary files.
fn folder_with_link(name: &OsStr, target: &Path) -> Result<PathBuf> {
    let mut trouble = anyhow!("no folder to put a link into: set XDG_CACHE_HOME to one of yours");
    for place in [dirs::cache_dir().map(|cache| cache.join("snapcli")), Some(temporary_place())].into_iter().flatten() {
        // The loader would read these as a separator, or as a variable of its own.
        if place.as_os_str().as_bytes().iter().any(|byte| b":;$".contains(byte)) {
            continue;
        }
        match link_below(&place, name, target) {
            Ok(folder) => return Ok(folder),
            Err(error) => {
                trouble = anyhow!(error).context(format!("cannot make a link in {}: check its owner", place.display()));
            }
        }
    }
    Err(trouble)
}

fn temporary_place() -> PathBuf {
    env::temp_dir().join(format!("snapcli-{}", own_id()))
}

fn link_below(place: &Path, name: &OsStr, target: &Path) -> io::Result<PathBuf> {
    let mut key = blake3::Hasher::new();
    key.update(name.as_bytes()).update(b"\0").update(target.as_os_str().as_bytes());
    let key = key.finalize().to_hex();
    let folder = private_folder(place)?.join("libpython").join(&key[..16]);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let link = folder.join(name);
    if fs::read_link(&link).is_ok_and(|old| old == target) {
        return Ok(folder);
    }
    // Made beside and renamed: another start never finds the folder without its link, or with half of it.
    let new = tempfile::Builder::new().prefix(".new").make_in(&folder, |path| symlink(target, path))?;
    new.persist(&link).map_err(|error| error.error)?;
    Ok(folder)
}

/// Makes `folder`, or makes sure of it: it belongs to this user and nobody else can look or write into it.
///
/// What lies in such a folder is loaded and run, so a link or a folder that another user has prepared in its
/// place is refused.
///
/// # Errors
/// Where it cannot be made, or is another user's.
pub fn private_folder(folder: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let (entry, meta) = (folder.symlink_metadata()?, folder.metadata()?);
    if entry.uid() != own_id() || meta.uid() != own_id() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the folder belongs to another user"));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    Ok(folder.to_path_buf())
}

fn own_id() -> u32 {
    crate::snapshot::system::user_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_search_path_survives_the_second_start() {
        for old in [None, Some(""), Some("/a:/b")].map(|old| old.map(OsStr::new)) {
            assert_eq!(old_value(&marker(old)).as_deref(), old);
        }
    }

    #[test]
    fn an_empty_search_path_does_not_let_the_working_folder_in() {
        let folder = Path::new("/f");
        assert_eq!(search_path(folder, Some(OsStr::new(""))), "/f");
        assert_eq!(search_path(folder, None), "/f");
        assert_eq!(search_path(folder, Some(OsStr::new("/a"))), "/f:/a");
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_made_anew() -> io::Result<()> {
        let place = tempfile::tempdir()?;
        let name = OsStr::new("libpython3.11.so.1.0");
        let folder = link_below(place.path(), name, Path::new("/right"))?;
        fs::remove_file(folder.join(name))?;
        symlink("/wrong", folder.join(name))?;
        assert_eq!(link_below(place.path(), name, Path::new("/right"))?, folder);
        assert_eq!(fs::read_link(folder.join(name))?, Path::new("/right"));
        assert_eq!(fs::read_dir(&folder)?.count(), 1);
        Ok(())
    }

    #[test]
    fn a_folder_that_others_could_write_is_closed() -> io::Result<()> {
        let place = tempfile::tempdir()?;
        fs::set_permissions(place.path(), Permissions::from_mode(0o777))?;
        private_folder(place.path())?;
        assert_eq!(place.path().metadata()?.mode() & 0o777, 0o700);
        Ok(())
    }

    #[test]
    fn the_loaded_library_is_a_libpython() -> Result<()> {
        assert!(loaded()?.is_file());
        Ok(())
    }
}
