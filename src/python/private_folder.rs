//! Folders that only this user can write to. snapcli loads and runs code from them: links to libpython, the private
//! dill, and where the libraries of known Pythons are.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::path_owner::PathOwners;

/// What snapcli keeps in such folders.
const CONTENTS: [&str; 3] = ["interpreters.json", "libpython", "dill"];

/// Creates a folder for this user only, or closes an existing one to others. If others could write to it, what snapcli
/// has in it is deleted: they could have prepared it.
///
/// # Errors
/// If it cannot be created, or if others could replace it: it belongs to another user, or a folder on the way to it is
/// not safe.
pub(super) fn private_folder(folder: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // `entry` is the symlink itself, if it is one; `target` is the folder that it leads to.
    let (entry, target) = (folder.symlink_metadata()?, folder.metadata()?);
    if entry.uid() != own_uid() || target.uid() != own_uid() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the folder belongs to another user"));
    }
    if target.mode() & 0o077 != 0 {
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    if target.mode() & 0o022 != 0 {
        CONTENTS.iter().try_for_each(|name| delete(&folder.join(name)))?;
    }
    let safe = PathOwners::default().check(folder);
    safe.map_err(|why| io::Error::new(io::ErrorKind::PermissionDenied, why.to_string()))?;
    Ok(folder.to_path_buf())
}

/// Deletes a file, a folder or a symlink, if there is one.
fn delete(path: &Path) -> io::Result<()> {
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    if found.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// The user that this process creates files as.
pub(super) fn own_uid() -> u32 {
    crate::snapshot::system::user_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_could_write_to_is_closed_and_emptied() -> io::Result<()> {
        for (mode, is_kept) in [(0o755, true), (0o750, true), (0o777, false), (0o770, false), (0o1777, false)] {
            let folder = tempfile::tempdir()?;
            let path = folder.path();
            fs::create_dir(path.join("libpython"))?;
            fs::write(path.join("libpython/planted"), "")?;
            fs::write(path.join("interpreters.json"), "")?;
            fs::write(path.join("of the user"), "")?;
            std::os::unix::fs::symlink(path.join("of the user"), path.join("dill"))?;
            fs::set_permissions(path, Permissions::from_mode(mode))?;
            private_folder(path)?;
            assert_eq!(path.metadata()?.mode() & 0o7777, 0o700, "{mode:o}");
            assert_eq!(fs::read_dir(path)?.count(), if is_kept { 4 } else { 1 }, "{mode:o}");
        }
        Ok(())
    }

    #[test]
    fn a_folder_that_others_could_replace_is_an_error() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let cache = folder.path().join("cache");
        private_folder(&cache.join("snapcli"))?;
        fs::set_permissions(&cache, Permissions::from_mode(0o777))?;
        assert!(private_folder(&cache.join("snapcli")).is_err_and(|error| error.to_string().contains("can write")));
        Ok(())
    }
}
