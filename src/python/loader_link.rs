//! Symlinks for the dynamic loader, in folders that only this user can write to: a library under the name that snapcli
//! is linked to, or the engine under a path without the characters that separate paths.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::{env, io};

use anyhow::{Result, anyhow};

use super::private_folder::{own_uid, private_folder};

/// Whether the loader would take a part of the path for a separator, or for the start of a variable.
pub(super) fn has_special_characters(path: &Path) -> bool {
    path.as_os_str().as_bytes().iter().any(|byte| b":;$".contains(byte))
}

/// Creates a folder with nothing but `name`, a symlink to `target`: in the cache, or, if that cannot be written to, in
/// the directory for temporary files.
pub(super) fn folder_with_link(name: &OsStr, target: &Path) -> Result<PathBuf> {
    let mut failure = anyhow!("no folder to create a symlink in: set XDG_CACHE_HOME to a folder that you own");
    for base in [dirs::cache_dir().map(|cache| cache.join("snapcli")), Some(temporary_folder())].into_iter().flatten() {
        if has_special_characters(&base) {
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
}
