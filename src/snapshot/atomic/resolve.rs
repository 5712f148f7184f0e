//! Resolves the path of a file to be written: symlinks are followed, as `cp` does, unless another user may have put
//! them there.
//!
//! In a world-writable directory such as `/tmp`, a symlink is followed only if it belongs to this user or to the
//! owner of the directory. That is what `protected_symlinks` does (proc(5), `/proc/sys/fs`), for systems that do not
//! have it.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::atomic_error::AtomicError;
use crate::snapshot::system::user_id;

/// The most symlinks that are followed, as in Linux.
const MAX_SYMLINKS: usize = 40;
/// The permission bit that lets everyone write.
const WORLD_WRITABLE: u32 = 0o002;

/// The absolute path, free of symlinks, of the regular file that `path` leads to; the file need not exist.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, AtomicError> {
    let bad_name = || AtomicError::BadName(path.to_path_buf());
    let cannot_create = |source| AtomicError::Create { folder: named_directory(path), source };
    // The parts of a path do not show it.
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(AtomicError::IsDirectory(path.to_path_buf()));
    }
    let absolute = std::path::absolute(path).map_err(|_| bad_name())?;
    // `canonicalize` would not do: it fails for a file that does not exist yet, and follows every symlink.
    let mut pending = reversed_parts(&absolute);
    let mut current = PathBuf::from("/");
    let mut symlinks = 0;
    while let Some(part) = pending.pop() {
        let next = match part {
            PathPart::Root => PathBuf::from("/"),
            // `current` has no symlinks, so its parent is the one that the kernel would take.
            PathPart::Parent => current.parent().unwrap_or(&current).to_path_buf(),
            PathPart::Name(name) => current.join(name),
        };
        let last = pending.is_empty();
        match fs::symlink_metadata(&next) {
            Ok(found) if found.is_dir() && last => return Err(AtomicError::IsDirectory(path.to_path_buf())),
            Ok(found) if found.is_dir() => current = next,
            Ok(found) if found.is_symlink() => {
                symlinks += 1;
                if symlinks > MAX_SYMLINKS {
                    return Err(bad_name());
                }
                if !may_follow(&current, &found) {
                    return Err(AtomicError::ForeignSymlink(next));
                }
                // A relative target continues from `current`; an absolute one starts with `PathPart::Root`.
                pending.extend(reversed_parts(&fs::read_link(&next).map_err(|_| bad_name())?));
            }
            // A regular file in the middle of the path.
            Ok(_) if !last => return Err(cannot_create(io::ErrorKind::NotADirectory.into())),
            Ok(found) if !found.is_file() => return Err(AtomicError::NotRegular(path.to_path_buf())),
            Ok(_) => return Ok(next),
            Err(error) if error.kind() == io::ErrorKind::NotFound && last => return Ok(next),
            Err(error) => return Err(cannot_create(error)),
        }
    }
    Err(bad_name())
}

fn may_follow(directory: &Path, symlink: &Metadata) -> bool {
    let Ok(directory) = fs::symlink_metadata(directory) else { return false };
    directory.mode() & WORLD_WRITABLE == 0 || symlink.uid() == user_id() || symlink.uid() == directory.uid()
}

enum PathPart {
    Root,
    Parent,
    Name(OsString),
}

/// The parts of a path, the first one last: a stack to pop from.
fn reversed_parts(path: &Path) -> Vec<PathPart> {
    let part = |component: Component<'_>| match component {
        Component::RootDir => Some(PathPart::Root),
        Component::ParentDir => Some(PathPart::Parent),
        Component::Normal(name) => Some(PathPart::Name(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(part).collect()
}

/// The directory as the user wrote it, for error messages.
fn named_directory(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}
