//! Folders that only this user can write to. snapcli loads and runs code from them: links to libpython, and the private
//! dill.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Creates a folder for this user only, or closes an existing one to others.
///
/// # Errors
/// If it cannot be created, or if it (or the symlink in its place) belongs to another user, who could have prepared it.
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
    Ok(folder.to_path_buf())
}

/// The user that this process creates files as.
pub(super) fn own_uid() -> u32 {
    crate::snapshot::system::user_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_can_write_to_is_closed() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777))?;
        private_folder(folder.path())?;
        assert_eq!(folder.path().metadata()?.mode() & 0o777, 0o700);
        Ok(())
    }
}
