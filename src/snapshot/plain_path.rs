//! Absolute paths as people read them: without the `..` that can be left out.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The absolute form of a path, which need not exist. `folder/..` is left out where `folder` is a directory; symlinks
/// stay as they are, and so does the `..` that follows one, because it leads elsewhere.
///
/// # Errors
/// If the path is empty, or the working directory is gone.
pub(crate) fn plain_absolute(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    if !absolute.components().any(|part| part == Component::ParentDir) {
        return Ok(absolute);
    }
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        let goes_up = part == Component::ParentDir && is_directory(&plain);
        if !(goes_up && plain.pop()) {
            plain.push(part);
        }
    }
    Ok(plain)
}

/// Whether a path is a directory and its last part no symlink and no `..`.
fn is_directory(path: &Path) -> bool {
    matches!(path.components().next_back(), Some(Component::Normal(_)))
        && path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parents_of_directories_are_left_out() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().canonicalize()?;
        std::fs::create_dir_all(root.join("a/b"))?;
        std::os::unix::fs::symlink(root.join("a/b"), root.join("link"))?;
        for (typed, plain) in [
            ("a/../x.py", "x.py"),
            ("a/b/../../x.py", "x.py"),
            ("a/./../a/b/x.py", "a/b/x.py"),
            ("link/../x.py", "link/../x.py"),
            ("link/../../x.py", "link/../../x.py"),
            ("none/../x.py", "none/../x.py"),
            ("runs.snaps/", "runs.snaps/"),
        ] {
            assert_eq!(plain_absolute(&root.join(typed))?.as_os_str(), root.join(plain).as_os_str(), "{typed}");
        }
        Ok(())
    }
}
